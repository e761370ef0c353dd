/*
 * The rules by which `pullthrough scan` judges: those that ECR has, or as if all were ready.
 */
#ifndef PULLTHROUGH_APP_CLI_SCAN_RULES_H
#define PULLTHROUGH_APP_CLI_SCAN_RULES_H

#include "progress.h"
#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/rules/rule_set.h"

struct scan_rules {
    struct config config; /* with account and region as they are; borrows the texts */
    struct rule_set *rules;
    struct reconcile_report live;
    struct aws_client *client; /* that asked; NULL where none could be made */
    bool is_live;
    bool host_known;      /* else a made-up one stands for it */
    struct error assumed; /* why they were taken for ready */
};

/* All borrowed. */
struct scan_rules_asker {
    const char *profile; /* whose keys; NULL: as usual */
    bool offline;        /* nobody is asked */
    struct progress *progress;
    const struct timing *timing; /* what the client goes by, as long as it lives */
};

/* Ask ECR about the rules of `config`; where it can't be asked they are taken for ready. -1 with
 * the reason only where account or region are malformed. */
int scan_rules_find(struct scan_rules *found, const struct config *config,
                    const struct scan_rules_asker *asker, struct error *error);
void scan_rules_fini(struct scan_rules *found);

#endif
