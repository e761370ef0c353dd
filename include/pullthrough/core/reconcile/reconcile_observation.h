/*
 * What the reconciler wants of ECR and what it saw there: the two sides that a judgement compares,
 * and what must be looked up before one can be made. Nothing here judges, and nothing is asked.
 */
#ifndef PULLTHROUGH_CORE_RECONCILE_RECONCILE_OBSERVATION_H
#define PULLTHROUGH_CORE_RECONCILE_RECONCILE_OBSERVATION_H

#include "pullthrough/core/aws/aws_error.h"
#include "pullthrough/core/aws/ecr_rules.h"
#include "pullthrough/core/aws/ecr_scanning.h"
#include "pullthrough/core/aws/ecr_templates.h"
#include "pullthrough/core/aws/secrets_messages.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/rules/upstream_status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reconcile_mode { RECONCILE_MANAGE, RECONCILE_OBSERVE, RECONCILE_OFF };

struct reconcile_wanted {
    const struct config_upstream *upstreams;
    size_t n_upstreams;
    enum reconcile_mode mode;
    bool require_rule;
    bool manage_template;
    const char *lifecycle_policy, *repository_policy; /* of a new template; JSON, or "" */
    bool enhanced_scanning;
    const char *region;
    const char *account; /* of the configuration; "" where it doesn't say */
};

/* What is known of a secret that the configuration names. */
enum reconcile_secret {
    RECONCILE_SECRET_NOT_LOOKED,
    RECONCILE_SECRET_FOUND,
    RECONCILE_SECRET_ABSENT,
    RECONCILE_SECRET_DELETED,     /* scheduled for deletion */
    RECONCILE_SECRET_EMPTY,       /* no current version */
    RECONCILE_SECRET_FOREIGN_KEY, /* encrypted with a key of the customer's own */
    RECONCILE_SECRET_MALFORMED,   /* its value was looked at and is not what ECR wants */
    RECONCILE_SECRET_FORBIDDEN,   /* we may not describe it */
    RECONCILE_SECRET_FAILED,      /* Secrets Manager could not be asked */
};
/* From a description, and from a refusal of one. */
enum reconcile_secret reconcile_secret_of(const struct secret_description *description);
enum reconcile_secret reconcile_secret_refused(const struct aws_error *failure);

/* What trying the rule's credential came to. Invalid: it was refused, by words that speak of it,
 * and not only once in a moment. */
enum reconcile_validity { RECONCILE_NOT_VALIDATED, RECONCILE_VALID, RECONCILE_INVALID };

/* The last time that this process tried to create or update the rule, if it failed. */
struct reconcile_attempt {
    bool failed;
    bool answered;              /* false: nobody knows whether it was carried out */
    enum aws_error_class class; /* if answered */
    const char *problem;        /* error text */
    int64_t age_s;
};

/* What was seen of one upstream. Zero: nothing. */
struct reconcile_observation {
    enum reconcile_secret secret;
    const char *secret_arn;     /* if FOUND */
    const char *secret_problem; /* error text, or NULL */
    /* Of the secret that the rule has, where that is another one than the configuration's. */
    enum reconcile_secret rule_secret;
    enum reconcile_validity validity;
    const char *validity_problem; /* what ECR said of an invalid one, or NULL */
    const char *doubt; /* what ECR said of the last try, where that failed and decides nothing */
    enum ecr_failure doubt_of;
    bool validation_due;
    struct reconcile_attempt attempt;
    /* As the last pass judged it; used while ECR can't be looked at. */
    struct upstream_status before;
};

struct reconcile_observed {
    const struct ecr_rules *rules; /* NULL: the look failed, and why */
    const char *rules_problem;
    const struct ecr_templates *templates; /* the same */
    const char *templates_problem;
    const struct ecr_scanning *scanning;              /* NULL: not looked at */
    const char *account;                              /* that answers name, or "" */
    const struct reconcile_observation *observations; /* one for each wanted upstream */
};

/* Whether Secrets Manager has to be asked before the plan can be made: the rule is missing or
 * has another credential, the configuration names its secret (not its ARN), and writing is
 * ours. `rules` as just seen. */
bool reconcile_wants_secret(const struct reconcile_wanted *wanted, const struct ecr_rules *rules,
                            size_t upstream);
/* The same of the secret that the rule has: where it is another one, and may be gone. */
bool reconcile_wants_rule_secret(const struct reconcile_wanted *wanted,
                                 const struct ecr_rules *rules, size_t upstream);

/* Whether two secrets are the same one, by name or ARN, with or without the "-" and six characters
 * that Secrets Manager puts behind a name in an ARN. */
bool reconcile_is_same_secret(const char *a, const char *b);

/* Whether a rule's credential is the secret that is wanted, by name or ARN. */
bool reconcile_has_secret(const struct ecr_rule *rule, const char *secret);

/* Whether two ARNs differ only in what Secrets Manager puts behind a name: then at most one of them
 * is there, for names are unique. */
bool reconcile_is_made_anew(const char *arn, const char *other);

/* How long to leave a failed write of this class alone. */
int64_t reconcile_retry_s(enum aws_error_class class);

#endif
