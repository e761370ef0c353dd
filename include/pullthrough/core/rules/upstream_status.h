/*
 * How an upstream stands, decided once: its state and the reason, whether new pods may be sent to
 * the cache, and whether only a first pass is missing. The reconciler finds out, the rule set
 * obeys; log, metrics, /status, commands and documents use the words of upstream_state_name().
 *
 * Pure. A status is owned, with its texts, where upstream_status_set() or _follow() made it; one
 * that is returned by value borrows them.
 */
#ifndef PULLTHROUGH_CORE_RULES_UPSTREAM_STATUS_H
#define PULLTHROUGH_CORE_RULES_UPSTREAM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum upstream_state {
    UPSTREAM_UNKNOWN,        /* not looked, or could not look */
    UPSTREAM_READY,          /* the rule is there and as wanted */
    UPSTREAM_MISSING,        /* there is no rule, or not yet */
    UPSTREAM_CONFLICT,       /* what is there is another's, and stays */
    UPSTREAM_DENIED,         /* IAM forbids what it takes */
    UPSTREAM_SECRET_MISSING, /* no credential, or the secret is not there */
    UPSTREAM_SECRET_INVALID, /* the secret is there and is no use to ECR */
    UPSTREAM_UNSUPPORTED,    /* not by ECR, or not in this region */
    UPSTREAM_DISABLED,       /* by the configuration; no metric has it */
};
enum { UPSTREAM_STATE_COUNT = UPSTREAM_DISABLED + 1 };

/* "unknown", "ready", "missing", "secret-missing", ...; static storage. */
const char *upstream_state_name(enum upstream_state state);

/* What to do about it, read on after a colon, words of the configuration and of the command line
 * between backquotes; NULL where nothing is to be done. docs/aws.md has the same. Static storage.
 */
const char *upstream_state_advice(enum upstream_state state);

#define UPSTREAM_DISABLED_REASON "switched off in the configuration"

/* Images of an upstream that must be left alone though its rule is ready: those whose repository
 * lies below `path` go another way. */
struct upstream_taken {
    const char *path;   /* in the upstream: "library" */
    const char *reason; /* what takes them; reads on after "are left alone: " */
};

/* The zero value: nobody has judged this upstream yet. */
struct upstream_status {
    enum upstream_state state;
    bool rewrite;                       /* whether new pods may be sent to the cache */
    bool waits;                         /* the first pass may change that, and has not ended */
    const char *reason;                 /* one sentence without a full stop; NULL: not judged */
    const struct upstream_taken *taken; /* what is left alone nevertheless */
    size_t n_taken;
    int64_t since_s; /* of the state, seconds since 1970; 0 where nobody kept count */
};

/* What counts beside the last pass's own judgement. */
struct upstream_circumstances {
    bool asks_ecr;       /* reconcile.mode is not off */
    bool requires_rule;  /* rewrite.requireRule */
    bool host_known;     /* the registry's host name, without which nothing can be rewritten */
    bool passed;         /* a pass has ended */
    const char *problem; /* of the last one; "" for none */
};

/* Whether the state alone allows it. */
bool upstream_state_allows(enum upstream_state state, bool requires_rule);

/* How an upstream stands for the webhook now: as the last pass judged it (`seen`, the zero value
 * where none has), or by the operator's word. The result borrows the texts of both. */
struct upstream_status upstream_status_decide(const struct upstream_circumstances *circumstances,
                                              bool enabled, const struct upstream_status *seen);

void upstream_status_fini(struct upstream_status *status);
/* Replace an owned one by a copy of `from`, which may borrow texts of the old one. */
void upstream_status_set(struct upstream_status *status, const struct upstream_status *from);
/* The same; the time of the old one stays unless the state is another one: then true. */
bool upstream_status_follow(struct upstream_status *status, const struct upstream_status *from,
                            int64_t now_s);

#endif
