/*
 * The order of what decides: the configuration's switch, then the operator's word where nobody asks
 * ECR, then what was seen, then why nothing was.
 */
#include "pullthrough/core/rules/upstream_status.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *advice;
} words[UPSTREAM_STATE_COUNT] = {
    [UPSTREAM_UNKNOWN] = {"unknown",
                          "see the reason: network, credentials, region, or a permission, "
                          "which `pullthrough iam webhook` prints"},
    [UPSTREAM_READY] = {"ready", NULL},
    [UPSTREAM_MISSING] = {"missing",
                          "`pullthrough rules apply` makes it; in mode `observe` nothing else "
                          "does. With LimitExceededException the registry has its 50 rules: "
                          "`pullthrough rules list` shows whose"},
    [UPSTREAM_CONFLICT] = {"conflict",
                           "another `prefix`, or `pullthrough rules delete PREFIX` if nobody needs "
                           "that rule; the reason names both sides"},
    [UPSTREAM_DENIED] = {"denied", "give the role what `pullthrough iam webhook` prints"},
    [UPSTREAM_SECRET_MISSING] = {"secret-missing",
                                 "make the secret, with the keys `username` and `accessToken`; it "
                                 "is found within a pass"},
    [UPSTREAM_SECRET_INVALID] = {"secret-invalid",
                                 "write the secret again, or correct the key it is under; the next "
                                 "pass tries it"},
    [UPSTREAM_UNSUPPORTED] = {"unsupported", "nothing here will help"},
    [UPSTREAM_DISABLED] = {"disabled", NULL},
};

const char *upstream_state_name(enum upstream_state state)
{
    return words[state].name;
}

const char *upstream_state_advice(enum upstream_state state)
{
    return words[state].advice;
}

bool upstream_state_allows(enum upstream_state state, bool requires_rule)
{
    return state == UPSTREAM_READY || (!requires_rule && state != UPSTREAM_DISABLED);
}

static void conclude(struct upstream_status *status, enum upstream_state state, const char *reason)
{
    status->state = state;
    status->reason = reason;
}

struct upstream_status upstream_status_decide(const struct upstream_circumstances *circumstances,
                                              bool enabled, const struct upstream_status *seen)
{
    struct upstream_status now = {.taken = seen->taken, .n_taken = seen->n_taken};
    bool host_known = circumstances->host_known;

    if (!enabled)
        conclude(&now, UPSTREAM_DISABLED, UPSTREAM_DISABLED_REASON);
    else if (!circumstances->asks_ecr && host_known) /* only where no rule is required */
        conclude(&now, UPSTREAM_READY, "taken as ready, since rewrite.requireRule is false");
    else if (!circumstances->asks_ecr)
        conclude(&now, UPSTREAM_UNKNOWN, "the registry's host name is not known");
    else if (seen->reason)
        conclude(&now, seen->state, seen->reason);
    else
        conclude(&now, UPSTREAM_UNKNOWN,
                 *circumstances->problem ? circumstances->problem : "ECR has not been asked yet");
    now.rewrite = host_known && upstream_state_allows(now.state, circumstances->requires_rule);
    now.waits = enabled && circumstances->asks_ecr && !circumstances->passed &&
                (circumstances->requires_rule || !host_known);
    return now;
}

static const struct upstream_taken *copy_taken(const struct upstream_taken *taken, size_t n)
{
    struct upstream_taken *made = n ? alloc_zeroed(n, sizeof(*made)) : NULL;

    for (size_t i = 0; i < n; i++)
        made[i] =
            (struct upstream_taken){alloc_string(taken[i].path), alloc_string(taken[i].reason)};
    return made;
}

void upstream_status_fini(struct upstream_status *status)
{
    for (size_t i = 0; i < status->n_taken; i++) {
        free((char *)status->taken[i].path);
        free((char *)status->taken[i].reason);
    }
    free((struct upstream_taken *)status->taken);
    free((char *)status->reason);
    *status = (struct upstream_status){0};
}

void upstream_status_set(struct upstream_status *status, const struct upstream_status *from)
{
    struct upstream_status made = *from;

    made.reason = alloc_string(from->reason);
    made.taken = copy_taken(from->taken, from->n_taken);
    upstream_status_fini(status);
    *status = made;
}

bool upstream_status_follow(struct upstream_status *status, const struct upstream_status *from,
                            int64_t now_s)
{
    bool changed = !status->reason || status->state != from->state;
    int64_t since_s = changed ? now_s : status->since_s;

    upstream_status_set(status, from);
    status->since_s = since_s;
    return changed;
}
