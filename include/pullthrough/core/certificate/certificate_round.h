/*
 * One look after another at the Secret and at the webhooks' caBundle, as a conversation: the
 * round says what is to be done next, its driver does it and tells what became of it. So all that
 * is decided is decided here, and can be tried without a cluster.
 *
 * Several replicas do the same at the same time. Why that is safe:
 * - Whatever is written carries the resourceVersion that was read; who comes second is refused,
 *   looks again, and takes what is there.
 * - The bundle is read before the Secret, and follows it. So whoever writes an older view of
 *   the Secret into the bundle has also read the bundle before that Secret changed, and is
 *   refused if anybody wrote the newer one meanwhile.
 * - A leaf is served only when it has been read from the Secret, and a CA's first leaf is written
 *   only when the CA has been in the bundle for a while.
 */
#ifndef PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_ROUND_H
#define PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_ROUND_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/certificate/certificate.h"
#include "pullthrough/core/kube/kube_messages.h"

#include <stdbool.h>
#include <stdint.h>

enum certificate_step {
    CERTIFICATE_READ_BUNDLE,   /* into round->webhooks */
    CERTIFICATE_READ_SECRET,   /* into round->secret */
    CERTIFICATE_CREATE_SECRET, /* with round->wanted */
    CERTIFICATE_PATCH_SECRET,  /* to round->wanted, if it is still round->secret.version */
    CERTIFICATE_PATCH_BUNDLE,  /* to the CAs of round->wanted, if it is still .webhooks.version */
    CERTIFICATE_LOAD,          /* serve the leaf of round->wanted from now on */
    CERTIFICATE_REST,          /* the look is over */
};

/* So many looks in a row that find something to write, or that another one's write cuts short, are
 * no rotation and no race of replicas: somebody writes something else there again and again. */
enum { CERTIFICATE_DISTURBED_LOOKS = 5 };

enum certificate_bundle_state {
    CERTIFICATE_BUNDLE_UNKNOWN, /* it could not be read */
    CERTIFICATE_BUNDLE_ABSENT,  /* there is no such configuration, or it has no webhooks */
    CERTIFICATE_BUNDLE_DIFFERS,
    CERTIFICATE_BUNDLE_CURRENT,
};
const char *certificate_bundle_state_name(enum certificate_bundle_state state);

struct certificate_round {
    /* Set by certificate_round_init(). */
    struct certificate_names names;

    /* Filled by the driver in the two reading steps. */
    struct kube_secret secret;
    struct kube_webhooks webhooks;

    /* For the other steps. */
    struct certificate_set *wanted;
    const char *purpose; /* of what is written; static */

    /* What is known after a look. */
    struct certificate_set *known;  /* what the Secret held when it was last good; or NULL */
    struct certificate_set *loaded; /* what is served; or NULL */
    enum certificate_bundle_state bundle_state;
    struct error secret_problem, bundle_problem; /* "" where there is none */
    bool again;                                  /* somebody else wrote: look again soon */

    /* The round's own. */
    enum certificate_step step;
    int secret_state;
    struct certificate_bundle *bundles[KUBE_WEBHOOKS_MAX];
    size_t n_bundles;
    char bundles_version[KUBE_VERSION_BYTES], known_version[KUBE_VERSION_BYTES]; /* as parsed */
    unsigned writes;
    enum certificate_step written;   /* the last one */
    unsigned disturbed;              /* looks in a row that had to write, or were in conflict */
    int64_t held_ca_s, held_since_s; /* the first CA's notBefore, and since when it is held */
    bool secret_gave_up, bundle_gave_up, load_gave_up;
};

/* The names must outlive the round. */
void certificate_round_init(struct certificate_round *round, const struct certificate_names *names);
void certificate_round_fini(struct certificate_round *round);

/* Begin a look: the first step. */
enum certificate_step certificate_round_begin(struct certificate_round *round);

/* What became of the step, with the reason in *why unless it is KUBE_DONE; gives the next one.
 * `serials` are two times CERTIFICATE_SERIAL_BYTES random bytes, new each time. Not after
 * CERTIFICATE_REST. */
enum certificate_step certificate_round_tell(struct certificate_round *round,
                                             enum kube_outcome outcome, const struct error *why,
                                             int64_t now_s, const unsigned char *serials);

#endif
