/*
 * A look at the Secret and at the webhooks' caBundle (tls.mode self): carries out what
 * certificate_round says, loads the leaf, and tells the log and the metrics. Blocks while the API
 * server is asked. One thread.
 */
#ifndef PULLTHROUGH_APP_SERVE_CERTIFICATE_LOOK_H
#define PULLTHROUGH_APP_SERVE_CERTIFICATE_LOOK_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/certificate/certificate.h"
#include "pullthrough/core/certificate/certificate_round.h"
#include "pullthrough/core/certificate/key_pair.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/sys/metrics.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CERTIFICATE_NAMESPACE_BYTES = 64 };

/* What a look found. All zero: there was none. */
struct certificate_report {
    char namespace[CERTIFICATE_NAMESPACE_BYTES];
    int64_t looked_s; /* when it ended */
    int64_t loaded_s; /* when what is served was loaded; 0: nothing is */
    size_t n_cas;     /* in the Secret, the one that signs first */
    struct certificate_dates cas[CERTIFICATE_CAS_MAX];
    enum certificate_bundle_state bundle_state;
    struct error problem, bundle_problem; /* "" where there is none */
    int64_t skew_s;                       /* kube_client_skew_s() */
    bool again;                           /* somebody else wrote: look again soon */
};

struct certificate_look_parts {
    struct timing timing; /* stopped() ends a look early */
    struct metrics *metrics;
    /* Serve this from now on, which takes it over; -1 with the reason. */
    int (*load)(void *context, struct key_pair *pair, struct error *error);
    void *context;
};

struct certificate_look;

struct certificate_look *certificate_look_new(const struct certificate_look_parts *parts);
void certificate_look_free(struct certificate_look *look);

/* Holds `config`. With another mode, Secret, Service or webhook configuration in it, what was known
 * is forgotten. Before the first look. */
void certificate_look_configure(struct certificate_look *look, const struct config *config);

/* What was known: the next look loads what the Secret holds, whatever is loaded. */
void certificate_look_forget(struct certificate_look *look);

/* False where it was stopped: *report is not set. */
bool certificate_look_run(struct certificate_look *look, struct certificate_report *report);

#endif
