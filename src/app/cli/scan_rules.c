/*
 * One look, as `rules list` takes it. A laptop without credentials is no failure here: a scan is
 * what one makes before there are any.
 */
#include "scan_rules.h"

#include "command.h"
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

enum { HOST_MAX = 512 };

/* Where nothing says whose registry it will be: only its length counts, and that it isn't shown. */
static const char any_host[] = "000000000000.dkr.ecr.us-east-1.amazonaws.com";

static void say(void *context, const char *doing, const char *about)
{
    progress_begin(context, "%s%s%s", doing, *about ? " " : "", about);
}

/* A pass without a viewer would carry its plan out. */
static void show_nothing(void *context, const struct reconcile_view *view)
{
    (void)context;
    (void)view;
}

/* 0: the report is about ECR as it is. */
static int ask_ecr(struct scan_rules *found, const struct scan_rules_asker *asker,
                   struct error *error)
{
    const struct reconcile_watcher watcher = {say, asker->progress};
    const struct reconcile_viewer viewer = {show_nothing, NULL};
    struct reconcile *reconcile;
    char account[AWS_KEYS_ACCOUNT_BYTES];

    if (aws_access_named_account(account, &found->config, error) < 0 ||
        aws_access_for_command(&found->client, &found->config, asker->profile, asker->timing,
                               error) < 0)
        return -1;
    if (found->config.reconcile.mode == CONFIG_RECONCILE_OFF)
        found->config.reconcile.mode = CONFIG_RECONCILE_OBSERVE; /* a look changes nothing */
    reconcile = reconcile_new();
    reconcile_configure(reconcile, &found->config);
    reconcile_watch(reconcile, &watcher);
    reconcile_preview(reconcile, found->client, account, asker->timing, &found->live, &viewer);
    progress_end(asker->progress);
    reconcile_free(reconcile);
    return found->live.outcome == RECONCILE_FAILED
               ? error_set(error, "%s", found->live.problem.text)
               : 0;
}

/* One for each upstream; the caller frees the array, whose texts are the report's. */
static struct upstream_status *judge_upstreams(const struct scan_rules *found)
{
    static const struct upstream_status not_seen;
    const struct config *config = &found->config;
    struct upstream_status *statuses = alloc_zeroed(config->n_upstreams + 1, sizeof(*statuses));
    const struct upstream_circumstances circumstances = {
        .asks_ecr = true,
        .requires_rule = config->rewrite.require_rule,
        .host_known = true,
        .passed = true,
        .problem = found->live.problem.text,
    };

    for (size_t i = 0; i < config->n_upstreams; i++)
        statuses[i] = upstream_status_decide(&circumstances, config->upstreams[i].enabled,
                                             i < found->live.n_statuses ? &found->live.statuses[i]
                                                                        : &not_seen);
    return statuses;
}

int scan_rules_find(struct scan_rules *found, const struct config *config,
                    const struct scan_rules_asker *asker, struct error *error)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    struct rule_set_facts facts = {0};
    struct upstream_status *statuses = NULL;
    int r;

    found->config = *config;
    if (asker->offline)
        (void)error_set(&found->assumed, "AWS wasn't asked");
    else
        found->is_live = ask_ecr(found, asker, &found->assumed) == 0;
    command_add_denied(&found->assumed);
    if (found->is_live && *found->live.account && !*found->config.registry.account)
        found->config.registry.account = found->live.account;
    if (found->is_live && *found->live.region && !*found->config.registry.region)
        found->config.registry.region = found->live.region;
    r = config_source_host(&found->config, &host, error);
    if (r < 0)
        return -1;
    found->host_known = r == 0;
    if (!found->host_known)
        strbuf_clear(&host);
    facts.host = found->host_known ? strbuf_slice(&host) : slice_str(any_host);
    if (found->is_live)
        facts.statuses = statuses = judge_upstreams(found);
    found->rules = rule_set_new(&found->config, &facts);
    free(statuses);
    return 0;
}

void scan_rules_fini(struct scan_rules *found)
{
    rule_set_free(found->rules);
    reconcile_report_fini(&found->live);
    aws_client_free(found->client);
}
