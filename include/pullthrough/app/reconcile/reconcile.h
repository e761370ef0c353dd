/*
 * One pass: look at ECR's rules and creation templates, plan, carry the plan out, look again
 * where something was written, and judge each upstream.
 *
 * Nothing is deleted, pointed elsewhere or taken over. A pass may run beside those of other
 * replicas: every write is idempotent, and "already exists" means look again. Where nothing is
 * to be done it makes two calls, and one or two more for each upstream with a secret when its
 * credential is due to be tried.
 *
 * Plain blocking code without globals, for one thread at a time; it ends soon after the client's
 * timing says so.
 */
#ifndef PULLTHROUGH_APP_RECONCILE_RECONCILE_H
#define PULLTHROUGH_APP_RECONCILE_RECONCILE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/reconcile/reconcile_plan.h"
#include "pullthrough/edge/aws/aws_client.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reconcile_outcome {
    RECONCILE_COMPLETE,   /* every enabled upstream is ready */
    RECONCILE_INCOMPLETE, /* ECR was looked at, and an upstream is not ready */
    RECONCILE_FAILED,     /* ECR could not be looked at */
};
enum { RECONCILE_OUTCOME_COUNT = RECONCILE_FAILED + 1 };
/* "complete", "incomplete", "failed"; static storage. */
const char *reconcile_outcome_name(enum reconcile_outcome outcome);

/* What a pass found. The zero value is a report of no pass. */
struct reconcile_report {
    /* One for each of the configuration's upstreams, owned; without a reason: not judged. */
    struct upstream_status *statuses;
    size_t n_statuses;
    enum reconcile_outcome outcome;
    struct error problem; /* of the last failed call; "" where none failed */
    bool soon;            /* something failed that may go better soon */
    char **notes;         /* what else an operator should know; owned */
    size_t n_notes;
    unsigned changes;                     /* writes that ECR accepted */
    unsigned to_write;                    /* of a preview: steps that would write */
    int64_t ended_s;                      /* 0: no pass yet */
    int64_t next_s;                       /* when the next one is due; 0: now, or none is */
    const char *credentials;              /* who gave the keys, static; "" or NULL: not known */
    char account[AWS_KEYS_ACCOUNT_BYTES]; /* that AWS named, or "" */
    char region[26];                      /* that was used, or "" */
};

void reconcile_report_fini(struct reconcile_report *report);

#define RECONCILE_REPORT_CLEANUP __attribute__((cleanup(reconcile_report_fini)))

/* Make a report about `old` one about `new`: an upstream that is the same in the same registry
 * keeps its status, any other one was not judged. */
void reconcile_report_carry(struct reconcile_report *report, const struct config *old,
                            const struct config *new);

struct reconcile;

/* What is remembered between passes. It starts empty; reconcile_configure() comes first. */
struct reconcile *reconcile_new(void);
void reconcile_free(struct reconcile *reconcile);

/* For a command that makes one pass and tells what it saw: the first refusal of a credential
 * counts. Else there must be two, minutes apart. */
void reconcile_is_single(struct reconcile *reconcile);

/* From now on for this configuration, which must outlive the passes. How an upstream stood is kept
 * where it is the same, and so is what is known of its rule's credential, which is tried anew. */
void reconcile_configure(struct reconcile *reconcile, const struct config *config);

/* Who is told what a pass is about to do ("creating the rule", "quaycache"; the second may be "").
 * Both are borrowed for the call. */
struct reconcile_watcher {
    void (*say)(void *context, const char *doing, const char *about);
    void *context;
};
/* The watcher is copied; NULL for none. */
void reconcile_watch(struct reconcile *reconcile, const struct reconcile_watcher *watcher);

/* One pass. `account` is what the operator says ("" for nothing); the report begins zeroed or
 * holds an older one, which is replaced. */
void reconcile_pass(struct reconcile *reconcile, struct aws_client *client, const char *account,
                    const struct timing *timing, struct reconcile_report *report);

/* What a preview shows; dead when show() returns. */
struct reconcile_view {
    const struct reconcile_plan *plan;
    const struct reconcile_wanted *wanted;
    const struct reconcile_observed *observed;
};
struct reconcile_viewer {
    void (*show)(void *context, const struct reconcile_view *view);
    void *context;
};

/* A pass that stops at its plan and shows it: it only makes calls that read. The statuses say how
 * the upstreams stand now. */
void reconcile_preview(struct reconcile *reconcile, struct aws_client *client, const char *account,
                       const struct timing *timing, struct reconcile_report *report,
                       const struct reconcile_viewer *viewer);

#endif
