/*
 * Certificates that somebody else than the webhook makes: a Job that runs at an installation and at
 * each upgrade, and has the rights for it only so long. Between two of them nobody can renew
 * anything, so CA and leaf live for ten years, and are made anew at the first upgrade after half
 * of that; the CA's key is kept by nobody.
 *
 * Like certificate_round it is a conversation: it names the next step, its driver takes it and
 * tells what became of it. Two Jobs at once are safe: what is written carries the resourceVersion
 * that was read, and a CA is in the bundle before its leaf is in the Secret.
 */
#ifndef PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_RENEWAL_H
#define PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_RENEWAL_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/certificate/certificate.h"
#include "pullthrough/core/certificate/certificate_round.h"
#include "pullthrough/core/kube/kube_messages.h"

#include <stdbool.h>
#include <stdint.h>

enum certificate_renewal_end {
    CERTIFICATE_RENEWAL_DONE,
    CERTIFICATE_RENEWAL_REFUSED, /* there is something that must be put right first */
    CERTIFICATE_RENEWAL_FAILED,  /* the API server did not do what it was asked for */
};

struct certificate_renewal {
    /* Set by certificate_renewal_init(). */
    struct certificate_names names;
    bool only_publish;

    /* Filled by the driver in the two reading steps. */
    struct kube_secret secret;
    struct kube_webhooks webhooks;

    /* For the writing steps, and after the end. */
    struct certificate_set *wanted; /* NULL: nothing is known */
    const char *why;                /* it is written; static */

    /* After CERTIFICATE_REST. */
    enum certificate_renewal_end end;
    struct error problem; /* "" where it is done */

    /* The renewal's own. */
    enum certificate_step step;
    int secret_state;
    struct certificate_bundle *bundles[KUBE_WEBHOOKS_MAX];
    size_t n_bundles;
    unsigned looks;
    bool is_new; /* what is wanted was made, and is not in the Secret yet */
};

/* The names must outlive it. `only_publish`: write the bundle of what the Secret holds, and the
 * Secret never; without webhooks there is nothing to be published, which is refused. Otherwise
 * they may come later. */
void certificate_renewal_init(struct certificate_renewal *renewal,
                              const struct certificate_names *names, bool only_publish);
void certificate_renewal_fini(struct certificate_renewal *renewal);

enum certificate_step certificate_renewal_begin(struct certificate_renewal *renewal);

/* As certificate_round_tell(): never CERTIFICATE_LOAD. */
enum certificate_step certificate_renewal_tell(struct certificate_renewal *renewal,
                                               enum kube_outcome outcome, const struct error *why,
                                               int64_t now_s, const unsigned char *serials);

/* When the leaf is made anew by the next one that looks. */
int64_t certificate_renewal_due_s(const struct certificate_set *set);

#endif
