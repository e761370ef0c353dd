/* Jobs that make and publish certificates, alone and several at once in any order: whenever a leaf
 * gets into the Secret, the bundle trusts it, and the one before. */
#include "pullthrough/core/certificate/certificate_renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum {
    DAY_S = 24 * 60 * 60,
    START_S = 1795262400, /* 2026-11-21T12:00:00Z */
    JOBS_MAX = 3,
    STEPS_MAX = 1000,
};

static const struct certificate_names names = {"pullthrough", "system"};

struct world {
    uint64_t random;
    int64_t now_s;
    unsigned version, secret_version, bundle_version; /* 0: there is none */
    char *ca, *leaf, *key, *bundle;
    enum kube_outcome broken[CERTIFICATE_REST + 1]; /* what a step gives, unless KUBE_DONE */
    unsigned writes, conflicts;
};

static uint64_t next_random(struct world *world)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return world->random * 2685821657736338717u;
}

static void start(struct world *world)
{
    *world = (struct world){.random = 88172645463325252u, .now_s = START_S};
}

static void stop(struct world *world)
{
    free(world->ca);
    free(world->leaf);
    free(world->key);
    free(world->bundle);
}

static void make_webhooks(struct world *world)
{
    world->bundle_version = ++world->version;
    free(world->bundle);
    world->bundle = NULL;
}

static X509 *first(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

/* As an API server does. */
static bool trusts(const char *bundle, const char *leaf, int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *end = first(leaf), *one;
    BIO *bio = BIO_new_mem_buf(bundle, -1);
    bool good;

    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        assert_int_equal(X509_STORE_add_cert(store, one), 1);
        X509_free(one);
    }
    assert_int_equal(X509_STORE_CTX_init(context, store, end, NULL), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)now_s);
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context), "pullthrough.system.svc", 0);
    X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(context), X509_PURPOSE_SSL_SERVER);
    good = X509_verify_cert(context) == 1;
    BIO_free(bio);
    X509_free(end);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return good;
}

static void fill(struct strbuf *out, const char *text)
{
    strbuf_clear(out);
    strbuf_add_str(out, text ? text : "");
}

static enum kube_outcome read_secret(const struct world *world, struct kube_secret *secret)
{
    if (!world->secret_version)
        return KUBE_ABSENT;
    (void)snprintf(secret->version, sizeof(secret->version), "%u", world->secret_version);
    fill(&secret->ca, world->ca);
    fill(&secret->ca_key, NULL);
    fill(&secret->leaf, world->leaf);
    fill(&secret->leaf_key, world->key);
    return KUBE_DONE;
}

static enum kube_outcome read_bundle(const struct world *world, struct kube_webhooks *webhooks)
{
    if (!world->bundle_version)
        return KUBE_ABSENT;
    (void)snprintf(webhooks->version, sizeof(webhooks->version), "%u", world->bundle_version);
    fill(&webhooks->text, world->bundle);
    webhooks->n = 1;
    webhooks->bundles[0] = strbuf_slice(&webhooks->text);
    return KUBE_DONE;
}

static bool is_version(const char *text, unsigned version)
{
    char wanted[KUBE_VERSION_BYTES];

    (void)snprintf(wanted, sizeof(wanted), "%u", version);
    return strcmp(text, wanted) == 0;
}

static enum kube_outcome lose(struct world *world)
{
    world->conflicts++;
    return KUBE_CONFLICT;
}

static enum kube_outcome write_secret(struct world *world, const struct certificate_set *set)
{
    STRBUF_CLEANUP struct strbuf ca = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf leaf = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf key = STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf ca_key = STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);

    certificate_set_print_cas(set, &ca);
    certificate_set_print_ca_key(set, &ca_key);
    certificate_set_print_leaf(set, &leaf);
    certificate_set_print_leaf_key(set, &key);
    assert_int_equal(ca_key.len, 0); /* nobody can sign another one */
    if (world->bundle_version) {
        assert_true(trusts(world->bundle, strbuf_str(&leaf), world->now_s));
        if (world->leaf && trusts(world->ca, world->leaf, world->now_s))
            assert_true(trusts(world->bundle, world->leaf, world->now_s));
    }
    free(world->ca);
    free(world->leaf);
    free(world->key);
    world->ca = strbuf_detach(&ca);
    world->leaf = strbuf_detach(&leaf);
    world->key = strbuf_detach(&key);
    world->secret_version = ++world->version;
    world->writes++;
    return KUBE_DONE;
}

static enum kube_outcome write_bundle(struct world *world, const struct certificate_set *set)
{
    STRBUF_CLEANUP struct strbuf cas = STRBUF_INIT(CERTIFICATE_TEXT_MAX);

    certificate_set_print_cas(set, &cas);
    free(world->bundle);
    world->bundle = strbuf_detach(&cas);
    world->bundle_version = ++world->version;
    world->writes++;
    return KUBE_DONE;
}

static enum kube_outcome take(struct world *world, struct certificate_renewal *renewal)
{
    if (world->broken[renewal->step] != KUBE_DONE)
        return world->broken[renewal->step];
    switch (renewal->step) {
    case CERTIFICATE_READ_BUNDLE: return read_bundle(world, &renewal->webhooks);
    case CERTIFICATE_READ_SECRET: return read_secret(world, &renewal->secret);
    case CERTIFICATE_CREATE_SECRET:
        return world->secret_version ? lose(world) : write_secret(world, renewal->wanted);
    case CERTIFICATE_PATCH_SECRET:
        return !is_version(renewal->secret.version, world->secret_version)
                   ? lose(world)
                   : write_secret(world, renewal->wanted);
    case CERTIFICATE_PATCH_BUNDLE:
        return !is_version(renewal->webhooks.version, world->bundle_version)
                   ? lose(world)
                   : write_bundle(world, renewal->wanted);
    default: fail_msg("step %d", (int)renewal->step);
    }
    return KUBE_FAILED;
}

static enum certificate_step step(struct world *world, struct certificate_renewal *renewal)
{
    unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES];
    struct error why = {"the reason"};

    for (size_t i = 0; i < sizeof(serials); i++)
        serials[i] = (unsigned char)(next_random(world) >> 32);
    return certificate_renewal_tell(renewal, take(world, renewal), &why, world->now_s, serials);
}

/* One Job to its end; its reason is copied. */
static enum certificate_renewal_end run(struct world *world, bool only_publish, struct error *why)
{
    struct certificate_renewal renewal;
    enum certificate_renewal_end end;
    unsigned steps = 0;

    certificate_renewal_init(&renewal, &names, only_publish);
    (void)certificate_renewal_begin(&renewal);
    while (step(world, &renewal) != CERTIFICATE_REST)
        assert_true(++steps < STEPS_MAX);
    end = renewal.end;
    if (why)
        *why = renewal.problem;
    certificate_renewal_fini(&renewal);
    return end;
}

static void is_in_order(const struct world *world, const char *old_leaf)
{
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *bundle =
        certificate_bundle_read(slice_str(world->bundle));
    const struct certificate_texts texts = {slice_str(world->ca), slice_str(""),
                                            slice_str(world->leaf), slice_str(world->key)};
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = NULL;
    struct error error;

    if (certificate_set_read_lasting(&set, &texts, &error))
        fail_msg("%s", error.text);
    assert_true(certificate_bundle_is(bundle, set)); /* in any order */
    assert_true(trusts(world->bundle, world->leaf, world->now_s));
    if (old_leaf)
        assert_true(trusts(world->bundle, old_leaf, world->now_s));
}

static unsigned certificates_in(const char *pem)
{
    unsigned n = 0;

    while ((pem = strstr(pem, "-----BEGIN")) != NULL)
        n++, pem++;
    return n;
}

static void install(struct world *world)
{
    start(world);
    assert_int_equal(run(world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    make_webhooks(world);
    assert_int_equal(run(world, true, NULL), CERTIFICATE_RENEWAL_DONE);
    is_in_order(world, NULL);
}

static void test_an_installation(void **state)
{
    struct world world;
    struct error why;

    (void)state;
    start(&world);
    assert_int_equal(run(&world, true, &why), CERTIFICATE_RENEWAL_REFUSED);
    assert_non_null(strstr(why.text, "holds no certificates"));
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(world.writes, 1);
    assert_int_equal(certificates_in(world.ca), 1);
    assert_int_equal(run(&world, true, &why), CERTIFICATE_RENEWAL_REFUSED);
    assert_non_null(strstr(why.text, "no webhooks"));
    make_webhooks(&world);
    assert_int_equal(run(&world, true, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(world.writes, 2);
    is_in_order(&world, NULL);
    /* twice is the same as once */
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(run(&world, true, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(world.writes, 2);
    stop(&world);
}

/* Ten years less a day; made anew at the first upgrade after half of it, and the old leaf is
 * trusted until every replica has the new one. */
static void test_renewal(void **state)
{
    struct world world;
    char *old;

    (void)state;
    install(&world);
    old = strdup(world.leaf);
    world.now_s = START_S + (int64_t)1824 * DAY_S;
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_string_equal(world.leaf, old);
    world.now_s = START_S + (int64_t)1826 * DAY_S;
    assert_int_equal(run(&world, true, NULL), CERTIFICATE_RENEWAL_DONE); /* not its business */
    assert_string_equal(world.leaf, old);
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_string_not_equal(world.leaf, old);
    assert_int_equal(certificates_in(world.ca), 2);
    is_in_order(&world, old);
    free(old);
    /* the old CA goes when it has ended */
    world.now_s = START_S + (int64_t)3651 * DAY_S;
    assert_true(trusts(world.bundle, world.leaf, world.now_s));
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    world.now_s += (int64_t)100 * DAY_S;
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(certificates_in(world.ca), 2);
    is_in_order(&world, NULL);
    stop(&world);
}

/* Nobody upgraded in time: a new one is made all the same. */
static void test_after_the_end(void **state)
{
    struct world world;

    (void)state;
    install(&world);
    world.now_s = START_S + (int64_t)4000 * DAY_S;
    assert_false(trusts(world.bundle, world.leaf, world.now_s));
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(certificates_in(world.ca), 1);
    is_in_order(&world, NULL);
    stop(&world);
}

static void test_another_name(void **state)
{
    struct certificate_names others = {"another", "system"};
    unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES] = {1, 2, 3};
    struct certificate_set *set;
    struct world world;

    (void)state;
    start(&world);
    set = certificate_set_make_lasting(&others, NULL, START_S, serials);
    (void)write_secret(&world, set);
    certificate_set_unref(set);
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(certificates_in(world.ca), 2);
    make_webhooks(&world);
    assert_int_equal(run(&world, true, NULL), CERTIFICATE_RENEWAL_DONE);
    is_in_order(&world, NULL);
    stop(&world);
}

/* What the program kept itself is served until its pods are replaced. */
static void test_from_a_program_that_kept_its_own(void **state)
{
    STRBUF_CLEANUP struct strbuf leaf = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES] = {1, 2, 3};
    struct certificate_set *set = certificate_set_make(&names, START_S, serials);
    struct world world;

    (void)state;
    start(&world);
    make_webhooks(&world);
    (void)write_bundle(&world, set);
    certificate_set_print_leaf(set, &leaf);
    certificate_set_unref(set);
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(run(&world, true, NULL), CERTIFICATE_RENEWAL_DONE);
    assert_int_equal(certificates_in(world.ca), 2);
    is_in_order(&world, strbuf_str(&leaf));
    stop(&world);
}

static void test_what_is_left_alone(void **state)
{
    struct world world;
    struct error why;

    (void)state;
    start(&world);
    world.secret_version = ++world.version;
    assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE); /* empty is nobody's */
    assert_int_equal(world.writes, 1);
    free(world.leaf);
    world.leaf = strdup("nonsense");
    for (int publish = 0; publish < 2; publish++) {
        assert_int_equal(run(&world, publish, &why), CERTIFICATE_RENEWAL_REFUSED);
        assert_non_null(strstr(why.text, "the Secret holds something else"));
    }
    assert_int_equal(world.writes, 1);
    stop(&world);
}

static void test_refusals_of_the_api_server(void **state)
{
    static const enum certificate_step steps[] = {CERTIFICATE_READ_BUNDLE, CERTIFICATE_READ_SECRET,
                                                  CERTIFICATE_CREATE_SECRET,
                                                  CERTIFICATE_PATCH_BUNDLE};
    static const enum kube_outcome ways[] = {KUBE_DENIED, KUBE_FAILED, KUBE_CONFLICT};
    struct error why;

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
            struct world world;

            start(&world);
            make_webhooks(&world);
            world.broken[steps[i]] = ways[way];
            assert_int_equal(run(&world, false, &why), CERTIFICATE_RENEWAL_FAILED);
            assert_string_equal(why.text, "the reason");
            /* the next one finishes it, whatever was done */
            world.broken[steps[i]] = KUBE_DONE;
            assert_int_equal(run(&world, false, NULL), CERTIFICATE_RENEWAL_DONE);
            is_in_order(&world, NULL);
            stop(&world);
        }
}

static void race(struct world *world, unsigned seed)
{
    struct certificate_renewal jobs[JOBS_MAX];
    enum certificate_step steps[JOBS_MAX];
    unsigned left = JOBS_MAX;

    world->random ^= (uint64_t)seed * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        certificate_renewal_init(&jobs[i], &names, false);
        steps[i] = certificate_renewal_begin(&jobs[i]);
    }
    while (left > 0) {
        size_t i = (size_t)(next_random(world) >> 33) % JOBS_MAX;

        if (steps[i] == CERTIFICATE_REST)
            continue;
        steps[i] = step(world, &jobs[i]);
        if (steps[i] == CERTIFICATE_REST)
            left--;
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        assert_int_equal(jobs[i].end, CERTIFICATE_RENEWAL_DONE);
        certificate_renewal_fini(&jobs[i]);
    }
}

/* The invariant stands in write_secret(). */
static void test_several_at_once(void **state)
{
    unsigned conflicts = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct world world;
        char *old;

        start(&world);
        if (seed % 2)
            make_webhooks(&world);
        race(&world, seed);
        if (!world.bundle_version)
            make_webhooks(&world);
        assert_int_equal(run(&world, true, NULL), CERTIFICATE_RENEWAL_DONE);
        is_in_order(&world, NULL);
        old = strdup(world.leaf);
        world.now_s += (int64_t)2000 * DAY_S;
        race(&world, seed + 1000);
        is_in_order(&world, old);
        assert_string_not_equal(world.leaf, old);
        free(old);
        conflicts += world.conflicts;
        stop(&world);
    }
    assert_true(conflicts > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_installation),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_after_the_end),
        cmocka_unit_test(test_another_name),
        cmocka_unit_test(test_from_a_program_that_kept_its_own),
        cmocka_unit_test(test_what_is_left_alone),
        cmocka_unit_test(test_refusals_of_the_api_server),
        cmocka_unit_test(test_several_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
