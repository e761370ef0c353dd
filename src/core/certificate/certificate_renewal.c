/*
 * Every write is followed by another look, so that what is there at the end is what was read.
 */
#include "pullthrough/core/certificate/certificate_renewal.h"

#include "certificate_plan.h"

#include <string.h>

enum { LOOKS_MAX = 10 }; /* others write as well: somebody must win some time */

enum { SECRET_ABSENT, SECRET_EMPTY, SECRET_FOREIGN, SECRET_GOOD };

void certificate_renewal_init(struct certificate_renewal *renewal,
                              const struct certificate_names *names, bool only_publish)
{
    memset(renewal, 0, sizeof(*renewal));
    renewal->names = *names;
    renewal->only_publish = only_publish;
    kube_secret_init(&renewal->secret);
    kube_webhooks_init(&renewal->webhooks);
}

static void forget_bundles(struct certificate_renewal *renewal)
{
    while (renewal->n_bundles)
        certificate_bundle_free(renewal->bundles[--renewal->n_bundles]);
}

void certificate_renewal_fini(struct certificate_renewal *renewal)
{
    forget_bundles(renewal);
    kube_secret_fini(&renewal->secret);
    kube_webhooks_fini(&renewal->webhooks);
    certificate_set_unref(renewal->wanted);
}

/* Takes over the caller's reference. */
static void want(struct certificate_renewal *renewal, struct certificate_set *set)
{
    certificate_set_unref(renewal->wanted);
    renewal->wanted = set;
}

static enum certificate_step go_to(struct certificate_renewal *renewal, enum certificate_step step)
{
    renewal->step = step;
    return step;
}

static enum certificate_step end_with(struct certificate_renewal *renewal,
                                      enum certificate_renewal_end end)
{
    renewal->end = end;
    return go_to(renewal, CERTIFICATE_REST);
}

static enum certificate_step fail(struct certificate_renewal *renewal, const struct error *why)
{
    renewal->problem = *why;
    return end_with(renewal, CERTIFICATE_RENEWAL_FAILED);
}

static enum certificate_step refuse(struct certificate_renewal *renewal, const char *why)
{
    (void)error_set(&renewal->problem, "%s", why);
    return end_with(renewal, CERTIFICATE_RENEWAL_REFUSED);
}

enum certificate_step certificate_renewal_begin(struct certificate_renewal *renewal)
{
    renewal->looks++;
    return go_to(renewal, CERTIFICATE_READ_BUNDLE);
}

int64_t certificate_renewal_due_s(const struct certificate_set *set)
{
    struct certificate_dates dates = certificate_set_leaf_dates(set);

    return dates.not_before_s + (dates.not_after_s - dates.not_before_s) / 2;
}

static const char *reason_to_renew(const struct certificate_renewal *renewal, int64_t now_s)
{
    switch (certificate_leaf_health(renewal->wanted, &renewal->names, now_s)) {
    case CERTIFICATE_WRONG_NAMES: return "the certificate has not the Service's names";
    case CERTIFICATE_NOT_YET: return "the certificate's life has not begun";
    case CERTIFICATE_ENDED: return "the certificate has ended";
    case CERTIFICATE_GOOD:
    case CERTIFICATE_DUE: break;
    }
    return now_s < certificate_renewal_due_s(renewal->wanted)
               ? NULL
               : "the certificate is past half of its life";
}

static bool every_bundle_is(const struct certificate_renewal *renewal)
{
    for (size_t i = 0; i < renewal->n_bundles; i++)
        if (!certificate_bundle_is(renewal->bundles[i], renewal->wanted))
            return false;
    return true;
}

/* The CAs of ours that are trusted today, whose leaf somebody may serve: what was made by a program
 * that kept its own, and by a Job that was faster. Whether there were any. */
static bool adopt(struct certificate_renewal *renewal, int64_t now_s)
{
    bool grown = false;

    for (size_t i = 0; i < renewal->n_bundles; i++) {
        struct certificate_set *more =
            certificate_set_adopt(renewal->wanted, renewal->bundles[i], now_s);

        if (more)
            want(renewal, more);
        grown |= more != NULL;
    }
    return grown;
}

static enum certificate_step write_secret(struct certificate_renewal *renewal)
{
    return go_to(renewal, renewal->secret_state == SECRET_ABSENT ? CERTIFICATE_CREATE_SECRET
                                                                 : CERTIFICATE_PATCH_SECRET);
}

/* The bundle first: from the moment that a leaf is in the Secret, a replica may serve it. */
static enum certificate_step make(struct certificate_renewal *renewal, const char *why,
                                  int64_t now_s, const unsigned char *serials)
{
    const struct certificate_set *previous =
        renewal->secret_state == SECRET_GOOD ? renewal->wanted : NULL;

    renewal->why = why;
    renewal->is_new = true;
    want(renewal, certificate_set_make_lasting(&renewal->names, previous, now_s, serials));
    (void)adopt(renewal, now_s);
    return renewal->n_bundles ? go_to(renewal, CERTIFICATE_PATCH_BUNDLE) : write_secret(renewal);
}

static enum certificate_step decide(struct certificate_renewal *renewal, int64_t now_s,
                                    const unsigned char *serials)
{
    const char *why = "there are no certificates yet";

    if (renewal->secret_state == SECRET_FOREIGN)
        return end_with(renewal, CERTIFICATE_RENEWAL_REFUSED);
    if (renewal->only_publish && renewal->secret_state != SECRET_GOOD)
        return refuse(renewal, "the Secret holds no certificates: nothing can be published");
    if (renewal->only_publish && !renewal->n_bundles)
        return refuse(renewal, "there are no webhooks to tell of the CA");
    if (renewal->secret_state == SECRET_GOOD)
        why = reason_to_renew(renewal, now_s);
    if (!renewal->only_publish && why)
        return make(renewal, why, now_s, serials);
    if (!renewal->only_publish && adopt(renewal, now_s)) {
        renewal->why = "the bundle holds another CA of ours: keep it";
        return write_secret(renewal);
    }
    if (!every_bundle_is(renewal)) {
        renewal->why = "the bundle differs from the Secret's";
        return go_to(renewal, CERTIFICATE_PATCH_BUNDLE);
    }
    return end_with(renewal, CERTIFICATE_RENEWAL_DONE);
}

static enum certificate_step take_bundles(struct certificate_renewal *renewal,
                                          enum kube_outcome outcome, const struct error *why)
{
    forget_bundles(renewal);
    if (outcome != KUBE_DONE && outcome != KUBE_ABSENT)
        return fail(renewal, why);
    for (size_t i = 0; outcome == KUBE_DONE && i < renewal->webhooks.n; i++)
        renewal->bundles[renewal->n_bundles++] =
            certificate_bundle_read(renewal->webhooks.bundles[i]);
    return go_to(renewal, CERTIFICATE_READ_SECRET);
}

static void take_set(struct certificate_renewal *renewal)
{
    struct certificate_texts texts = kube_secret_texts(&renewal->secret);
    struct certificate_set *set;

    if (certificate_set_read_lasting(&set, &texts, &renewal->problem)) {
        renewal->secret_state = SECRET_FOREIGN;
        (void)error_prefix(&renewal->problem,
                           "the Secret holds something else, and is left as it is (to have new "
                           "certificates made, delete it)");
        return;
    }
    renewal->secret_state = SECRET_GOOD;
    want(renewal, set);
}

static enum certificate_step take_secret(struct certificate_renewal *renewal,
                                         enum kube_outcome outcome, const struct error *why,
                                         int64_t now_s, const unsigned char *serials)
{
    want(renewal, NULL);
    renewal->is_new = false;
    if (outcome == KUBE_ABSENT)
        renewal->secret_state = SECRET_ABSENT;
    else if (outcome != KUBE_DONE)
        return fail(renewal, why);
    else if (kube_secret_is_empty(&renewal->secret))
        renewal->secret_state = SECRET_EMPTY;
    else
        take_set(renewal);
    return decide(renewal, now_s, serials);
}

static enum certificate_step take_write(struct certificate_renewal *renewal,
                                        enum kube_outcome outcome, const struct error *why)
{
    bool lost = outcome == KUBE_CONFLICT || outcome == KUBE_ABSENT;

    if (outcome != KUBE_DONE && (!lost || renewal->looks == LOOKS_MAX))
        return fail(renewal, why);
    if (!lost && renewal->step == CERTIFICATE_PATCH_BUNDLE && renewal->is_new)
        return write_secret(renewal);
    if (!lost && renewal->looks == LOOKS_MAX)
        return end_with(renewal, CERTIFICATE_RENEWAL_DONE);
    return certificate_renewal_begin(renewal);
}

enum certificate_step certificate_renewal_tell(struct certificate_renewal *renewal,
                                               enum kube_outcome outcome, const struct error *why,
                                               int64_t now_s, const unsigned char *serials)
{
    switch (renewal->step) {
    case CERTIFICATE_READ_BUNDLE: return take_bundles(renewal, outcome, why);
    case CERTIFICATE_READ_SECRET: return take_secret(renewal, outcome, why, now_s, serials);
    default: return take_write(renewal, outcome, why);
    }
}
