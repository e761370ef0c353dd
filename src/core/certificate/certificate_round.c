/*
 * What a look decides, in the order of what matters: nobody's CA is lost, the bundle holds the
 * Secret's CAs, its leaf is served, and only then is anything renewed.
 *
 * A Secret that holds something else than ours is left as it is. One that is gone or empty gets
 * back what was last read from it, so that no replica's leaf is orphaned.
 */
#include "pullthrough/core/certificate/certificate_round.h"

#include "certificate_plan.h"

#include <string.h>

enum {
    WRITES_MAX = 6, /* of one look */
    SETTLE_S = 60,  /* what API servers may take to use a bundle that was written */
};

enum { SECRET_UNKNOWN, SECRET_ABSENT, SECRET_EMPTY, SECRET_FOREIGN, SECRET_GOOD };

const char *certificate_bundle_state_name(enum certificate_bundle_state state)
{
    static const char *const names[] = {
        [CERTIFICATE_BUNDLE_UNKNOWN] = "unknown",
        [CERTIFICATE_BUNDLE_ABSENT] = "absent",
        [CERTIFICATE_BUNDLE_DIFFERS] = "differs",
        [CERTIFICATE_BUNDLE_CURRENT] = "current",
    };

    return names[state];
}

void certificate_round_init(struct certificate_round *round, const struct certificate_names *names)
{
    memset(round, 0, sizeof(*round));
    round->names = *names;
    kube_secret_init(&round->secret);
    kube_webhooks_init(&round->webhooks);
}

static void forget_bundles(struct certificate_round *round)
{
    while (round->n_bundles)
        certificate_bundle_free(round->bundles[--round->n_bundles]);
    round->bundles_version[0] = '\0';
}

void certificate_round_fini(struct certificate_round *round)
{
    forget_bundles(round);
    kube_secret_fini(&round->secret);
    kube_webhooks_fini(&round->webhooks);
    certificate_set_unref(round->wanted);
    certificate_set_unref(round->known);
    certificate_set_unref(round->loaded);
}

/* Takes over the caller's reference. */
static void replace(struct certificate_set **place, struct certificate_set *set)
{
    certificate_set_unref(*place);
    *place = set;
}

static enum certificate_step go_to(struct certificate_round *round, enum certificate_step step)
{
    round->step = step;
    return step;
}

enum certificate_step certificate_round_begin(struct certificate_round *round)
{
    round->again = false;
    round->writes = 0;
    round->secret_gave_up = round->bundle_gave_up = round->load_gave_up = false;
    round->secret_problem = round->bundle_problem = (struct error){""};
    return go_to(round, CERTIFICATE_READ_BUNDLE);
}

static bool every_bundle_is(const struct certificate_round *round,
                            const struct certificate_set *set)
{
    for (size_t i = 0; i < round->n_bundles; i++)
        if (!certificate_bundle_is(round->bundles[i], set))
            return false;
    return true;
}

static bool every_bundle_is_empty(const struct certificate_round *round)
{
    for (size_t i = 0; i < round->n_bundles; i++)
        if (!certificate_bundle_is_empty(round->bundles[i]))
            return false;
    return true;
}

/* Whether each webhook is known to trust CA i of the set. */
static bool is_held(const struct certificate_round *round, const struct certificate_set *set,
                    size_t i)
{
    for (size_t at = 0; at < round->n_bundles; at++)
        if (!certificate_bundle_holds(round->bundles[at], set, i))
            return false;
    return round->n_bundles > 0;
}

static void remember_version(char *to, const char *version)
{
    memcpy(to, version, KUBE_VERSION_BYTES);
}

static void read_bundles(struct certificate_round *round)
{
    if (strcmp(round->bundles_version, round->webhooks.version) == 0)
        return; /* as they were at the last look */
    forget_bundles(round);
    for (size_t i = 0; i < round->webhooks.n; i++)
        round->bundles[round->n_bundles++] = certificate_bundle_read(round->webhooks.bundles[i]);
    remember_version(round->bundles_version, round->webhooks.version);
}

static void note_bundles(struct certificate_round *round, enum kube_outcome outcome,
                         const struct error *why)
{
    if (outcome == KUBE_DONE) {
        read_bundles(round);
        if (round->n_bundles == 0)
            (void)error_set(&round->bundle_problem, "the configuration has no webhooks");
    } else {
        forget_bundles(round);
        round->bundle_problem = *why;
    }
    round->bundle_state = round->n_bundles         ? CERTIFICATE_BUNDLE_DIFFERS
                          : outcome == KUBE_DONE   ? CERTIFICATE_BUNDLE_ABSENT
                          : outcome == KUBE_ABSENT ? CERTIFICATE_BUNDLE_ABSENT
                                                   : CERTIFICATE_BUNDLE_UNKNOWN;
}

/* Parsed once for each version. -1 with the reason. */
static int read_set(struct certificate_round *round, struct error *error)
{
    struct certificate_texts texts = kube_secret_texts(&round->secret);
    struct certificate_set *set;

    if (round->known && strcmp(round->known_version, round->secret.version) == 0)
        return 0;
    if (certificate_set_read(&set, &texts, error))
        return -1;
    replace(&round->known, set);
    remember_version(round->known_version, round->secret.version);
    return 0;
}

static void note_secret(struct certificate_round *round, enum kube_outcome outcome,
                        const struct error *why)
{

    if (outcome != KUBE_DONE) {
        round->secret_state = outcome == KUBE_ABSENT ? SECRET_ABSENT : SECRET_UNKNOWN;
        round->secret_problem = *why;
    } else if (kube_secret_is_empty(&round->secret)) {
        round->secret_state = SECRET_EMPTY;
        (void)error_set(&round->secret_problem, "the Secret is empty");
    } else if (read_set(round, &round->secret_problem)) {
        round->secret_state = SECRET_FOREIGN;
        (void)error_prefix(&round->secret_problem,
                           "the Secret holds something else, and is left as it is (to let the "
                           "program make a new one, delete its keys)");
    } else {
        round->secret_state = SECRET_GOOD;
        if (round->n_bundles && every_bundle_is(round, round->known))
            round->bundle_state = CERTIFICATE_BUNDLE_CURRENT;
    }
}

/* Takes over the reference. */
static enum certificate_step write_set(struct certificate_round *round, enum certificate_step step,
                                       struct certificate_set *set, const char *purpose)
{
    replace(&round->wanted, set);
    round->purpose = purpose;
    round->writes++;
    round->written = step;
    return go_to(round, step);
}

/* What the bundles hold of ours and the set doesn't; NULL where there is no more. */
static struct certificate_set *adopt(const struct certificate_round *round,
                                     struct certificate_set *set, int64_t now_s)
{
    struct certificate_set *grown = NULL;

    for (size_t i = 0; i < round->n_bundles; i++) {
        struct certificate_set *more =
            certificate_set_adopt(grown ? grown : set, round->bundles[i], now_s);

        if (more)
            replace(&grown, more);
    }
    return grown;
}

static struct certificate_set *make(const struct certificate_round *round, int64_t now_s,
                                    const unsigned char *serials)
{
    struct certificate_set *set = certificate_set_make(&round->names, now_s, serials);
    struct certificate_set *grown = adopt(round, set, now_s);

    if (grown)
        replace(&set, grown);
    return set;
}

/* Nothing is in the Secret, or nothing that can be known. */
static enum certificate_step decide_without(struct certificate_round *round, int64_t now_s,
                                            const unsigned char *serials)
{
    bool writable = round->secret_state == SECRET_ABSENT || round->secret_state == SECRET_EMPTY;
    enum certificate_step step =
        round->secret_state == SECRET_ABSENT ? CERTIFICATE_CREATE_SECRET : CERTIFICATE_PATCH_SECRET;

    if (writable && !round->secret_gave_up && round->known)
        return write_set(round, step, certificate_set_ref(round->known),
                         "the Secret lost its certificates: put back what it held");
    if (writable && !round->secret_gave_up)
        return write_set(round, step, make(round, now_s, serials), "make the first certificates");
    /* Others may know newer ones: only what helps nobody is replaced. */
    if (round->known && round->n_bundles && every_bundle_is_empty(round) && !round->bundle_gave_up)
        return write_set(round, CERTIFICATE_PATCH_BUNDLE, certificate_set_ref(round->known),
                         "the bundle is empty: put back what it held");
    return go_to(round, CERTIFICATE_REST);
}

/* API servers trust the leaf that is served, by the bundle that was read. */
static bool is_in_use(const struct certificate_round *round, const struct certificate_set *set,
                      int64_t now_s)
{
    return is_held(round, set, certificate_set_leaf_ca(set)) &&
           certificate_leaf_health(set, &round->names, now_s) <= CERTIFICATE_DUE;
}

/* Whether the Secret's leaf should be served instead of what is. One of a CA that API servers
 * don't trust, or only since a moment ago, can wait while they trust the old one. */
static bool should_load(const struct certificate_round *round, int64_t now_s)
{
    const struct certificate_set *old = round->loaded, *new = round->known;
    size_t ca = certificate_set_leaf_ca(new);
    int64_t made_s = certificate_set_ca_dates(new, ca).not_before_s + CERTIFICATE_BACKDATED_S;

    if (round->load_gave_up || (old && certificate_set_same_leaf(old, new)))
        return false;
    if (!old || !is_in_use(round, old, now_s))
        return true;
    return is_held(round, new, ca) && now_s >= made_s + SETTLE_S;
}

/* Whether the first CA has been seen in every bundle for a while. */
static bool is_settled(struct certificate_round *round, int64_t now_s)
{
    int64_t ca_s = certificate_set_ca_dates(round->known, 0).not_before_s;

    if (!is_held(round, round->known, 0) || ca_s != round->held_ca_s || now_s < round->held_since_s)
        round->held_since_s = now_s;
    round->held_ca_s = ca_s;
    return is_held(round, round->known, 0) && now_s >= round->held_since_s + SETTLE_S;
}

static enum certificate_step decide_change(struct certificate_round *round, int64_t now_s,
                                           const unsigned char *serials)
{
    const struct certificate_set *set = round->known;
    struct certificate_set *changed = NULL;
    const char *why;

    switch (certificate_plan(set, &round->names, is_settled(round, now_s), now_s, &why)) {
    case CERTIFICATE_ADD_CA: changed = certificate_set_add_ca(set, now_s, serials); break;
    case CERTIFICATE_ISSUE_LEAF:
        changed = certificate_set_issue(set, &round->names, now_s, serials);
        break;
    case CERTIFICATE_DROP_CAS: changed = certificate_set_drop(set, now_s); break;
    case CERTIFICATE_KEEP: break;
    }
    if (!changed)
        return go_to(round, CERTIFICATE_REST);
    return write_set(round, CERTIFICATE_PATCH_SECRET, changed, why);
}

static enum certificate_step decide_with(struct certificate_round *round, int64_t now_s,
                                         const unsigned char *serials)
{
    struct certificate_set *grown = adopt(round, round->known, now_s);

    if (certificate_set_foreign(round->known) && !round->secret_gave_up)
        return write_set(round, CERTIFICATE_PATCH_SECRET,
                         grown ? grown : certificate_set_ref(round->known),
                         "ca.crt holds CAs that are not this program's and did not sign the "
                         "certificate: drop them");
    if (grown && !round->secret_gave_up)
        return write_set(round, CERTIFICATE_PATCH_SECRET, grown,
                         "the bundle holds another CA of ours: keep it");
    certificate_set_unref(grown);
    if (!grown && round->bundle_state == CERTIFICATE_BUNDLE_DIFFERS && !round->bundle_gave_up)
        return write_set(round, CERTIFICATE_PATCH_BUNDLE, certificate_set_ref(round->known),
                         "the bundle differs from the Secret's");
    if (should_load(round, now_s)) {
        replace(&round->wanted, certificate_set_ref(round->known));
        return go_to(round, CERTIFICATE_LOAD);
    }
    if (!round->secret_gave_up)
        return decide_change(round, now_s, serials);
    return go_to(round, CERTIFICATE_REST);
}

static enum certificate_step decide(struct certificate_round *round, int64_t now_s,
                                    const unsigned char *serials)
{
    if (round->writes == WRITES_MAX)
        round->again = true;
    if (round->again)
        return go_to(round, CERTIFICATE_REST);
    if (round->secret_state == SECRET_GOOD)
        return decide_with(round, now_s, serials);
    return decide_without(round, now_s, serials);
}

/* Whether a write was carried out. */
static bool take_write(struct certificate_round *round, enum kube_outcome outcome,
                       const struct error *why, struct error *problem, bool *gave_up)
{
    if (outcome == KUBE_DONE)
        return true;
    if (outcome == KUBE_CONFLICT || outcome == KUBE_ABSENT) {
        round->again = true; /* what was read isn't there any more, and neither is its problem */
        *problem = (struct error){""};
    } else {
        *problem = *why;
        *gave_up = true;
    }
    return false;
}

/* What was written can be counted on. */
static void note_written_bundle(struct certificate_round *round)
{
    STRBUF_CLEANUP struct strbuf pem = STRBUF_INIT(KUBE_ANSWER_MAX);

    certificate_set_print_cas(round->wanted, &pem);
    for (size_t i = 0; i < round->n_bundles; i++) {
        certificate_bundle_free(round->bundles[i]);
        round->bundles[i] = certificate_bundle_read(strbuf_slice(&pem));
    }
    round->bundles_version[0] = '\0'; /* it has another one by now */
    round->bundle_state = CERTIFICATE_BUNDLE_CURRENT;
}

static enum certificate_step go_on(struct certificate_round *round, enum kube_outcome outcome,
                                   const struct error *why, int64_t now_s,
                                   const unsigned char *serials)
{
    switch (round->step) {
    case CERTIFICATE_READ_BUNDLE:
        note_bundles(round, outcome, why);
        return go_to(round, CERTIFICATE_READ_SECRET);
    case CERTIFICATE_READ_SECRET: note_secret(round, outcome, why); break;
    case CERTIFICATE_CREATE_SECRET:
    case CERTIFICATE_PATCH_SECRET:
        if (take_write(round, outcome, why, &round->secret_problem, &round->secret_gave_up)) {
            round->secret_problem = round->bundle_problem = (struct error){""};
            return go_to(round, CERTIFICATE_READ_BUNDLE);
        }
        break;
    case CERTIFICATE_PATCH_BUNDLE:
        if (take_write(round, outcome, why, &round->bundle_problem, &round->bundle_gave_up))
            note_written_bundle(round);
        break;
    case CERTIFICATE_LOAD:
        if (outcome == KUBE_DONE) {
            replace(&round->loaded, certificate_set_ref(round->wanted));
        } else {
            round->secret_problem = *why;
            round->load_gave_up = true;
        }
        break;
    case CERTIFICATE_REST: break;
    }
    return decide(round, now_s, serials);
}

/* At the end of a look. The number in the words grows by doubling, so that they can be told when
 * they change. */
static void note_disturbance(struct certificate_round *round)
{
    struct error *problem = round->written == CERTIFICATE_PATCH_BUNDLE ? &round->bundle_problem
                                                                       : &round->secret_problem;
    unsigned looks = CERTIFICATE_DISTURBED_LOOKS;

    round->disturbed = round->again || round->writes ? round->disturbed + 1 : 0;
    if (round->disturbed < looks || *problem->text)
        return;
    while (looks <= round->disturbed / 2)
        looks *= 2;
    (void)error_set(problem,
                    "somebody else changes the %s again and again: in %u looks in a row it was "
                    "written, or could not be",
                    problem == &round->bundle_problem ? "caBundle" : "Secret", looks);
}

enum certificate_step certificate_round_tell(struct certificate_round *round,
                                             enum kube_outcome outcome, const struct error *why,
                                             int64_t now_s, const unsigned char *serials)
{
    enum certificate_step step = go_on(round, outcome, why, now_s, serials);

    if (step == CERTIFICATE_REST)
        note_disturbance(round);
    return step;
}
