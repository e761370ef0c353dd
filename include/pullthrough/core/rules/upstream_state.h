/*
 * How an upstream stands: metrics, /status and the documents use the words of
 * upstream_state_name(). Only ready upstreams are rewritten.
 */
#ifndef PULLTHROUGH_CORE_RULES_UPSTREAM_STATE_H
#define PULLTHROUGH_CORE_RULES_UPSTREAM_STATE_H

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

/* "unknown", "ready", "missing", "secret-missing", ...; static storage. */
const char *upstream_state_name(enum upstream_state state);

#endif
