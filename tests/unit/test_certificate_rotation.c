/* Years of rotation: replicas whose clocks differ take turns at random, between any two steps of
 * each other, over one Secret and one caBundle. At each moment the leaf of every replica must
 * verify against the bundle that the API server holds, and against those it held in the last
 * minute, since several API servers take a new one at different times. */
#include "pullthrough/core/certificate/certificate_round.h"

#include "made_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum {
    REPLICAS_MAX = 3,
    DAY_S = 24 * 60 * 60,
    START_S = 1795262400, /* 2026-11-21T12:00:00Z */
    LAG_S = 60,
    HISTORY = 32,
    SERIALS_BYTES = 2 * CERTIFICATE_SERIAL_BYTES,
};

struct replica {
    struct certificate_round round;
    int64_t clock_s; /* its clock minus the true time */
    int64_t next_s;  /* when its next step is due, in true time */
    enum certificate_step step;
    bool is_up;
    unsigned loads, disturbed;                /* the latter: the most looks in a row */
    unsigned verified_load, verified_version; /* this leaf, with this bundle */
};

struct past_bundle {
    X509_STORE *store;
    int64_t until_s; /* when it was replaced */
};

struct world {
    uint64_t random;
    int64_t now_s;

    bool secret_exists;
    unsigned version; /* of everything, as in etcd */
    unsigned secret_version, bundle_version;
    struct certificate_texts secret;
    char *secret_texts[4];
    char *bundle;
    X509_STORE *store;
    struct past_bundle past[HISTORY];
    size_t n_past;

    struct replica replicas[REPLICAS_MAX];
    size_t n;
    unsigned wrong_permille; /* of writes that are carried out, but not heard of */
    char *foreign;           /* what must never be in it; or NULL */
    bool no_bundle;          /* nobody may read it */
    bool strict;             /* verify */
    bool at_once;            /* every API server takes a bundle at once */
    unsigned writes, leaves, conflicts;
};

static const struct certificate_names names = {"pullthrough", "system"};

/* xorshift64*: the same years each time */
static uint64_t next_random(struct world *world)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return world->random * 2685821657736338717u;
}

static int64_t random_below(struct world *world, int64_t n)
{
    return (int64_t)(next_random(world) >> 16) % n;
}

static X509_STORE *store_of(const char *pem)
{
    X509_STORE *store = X509_STORE_new();
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *one;

    assert_non_null(store);
    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        assert_int_equal(X509_STORE_add_cert(store, one), 1);
        X509_free(one);
    }
    BIO_free(bio);
    ERR_clear_error();
    return store;
}

static void forget_past(struct world *world, bool all)
{
    size_t kept = 0;

    for (size_t i = 0; i < world->n_past; i++)
        if (all || world->past[i].until_s + LAG_S < world->now_s)
            X509_STORE_free(world->past[i].store);
        else
            world->past[kept++] = world->past[i];
    world->n_past = kept;
}

static void set_bundle(struct world *world, struct slice pem, bool remember)
{
    forget_past(world, false);
    if (remember && world->store) {
        assert_true(world->n_past < HISTORY);
        world->past[world->n_past++] = (struct past_bundle){world->store, world->now_s};
    } else {
        X509_STORE_free(world->store);
    }
    free(world->bundle);
    world->bundle = strndup(pem.len ? pem.ptr : "", pem.len);
    world->store = store_of(world->bundle);
    world->bundle_version = ++world->version;
}

static void set_secret(struct world *world, const struct certificate_texts *texts)
{
    const struct slice from[4] = {texts->ca, texts->ca_key, texts->leaf, texts->leaf_key};
    struct slice *to[4] = {&world->secret.ca, &world->secret.ca_key, &world->secret.leaf,
                           &world->secret.leaf_key};

    for (size_t i = 0; i < 4; i++) {
        free(world->secret_texts[i]);
        world->secret_texts[i] = strndup(from[i].len ? from[i].ptr : "", from[i].len);
        *to[i] = slice_of(world->secret_texts[i], from[i].len);
    }
    world->secret_exists = true;
    world->secret_version = ++world->version;
}

static void set_secret_ca(struct world *world, struct slice ca)
{
    free(world->secret_texts[0]);
    world->secret_texts[0] = strndup(ca.ptr, ca.len);
    world->secret.ca = slice_of(world->secret_texts[0], ca.len);
    world->secret_version = ++world->version;
}

/* As the API server does it: the name, the purpose and the dates, by its own clock. */
static void verify(const struct world *world, const struct replica *replica, X509_STORE *store,
                   const char *which)
{
    STRBUF_CLEANUP struct strbuf pem = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *leaf;
    BIO *bio;
    int result;

    certificate_set_print_leaf(replica->round.loaded, &pem);
    bio = BIO_new_mem_buf(strbuf_str(&pem), (int)pem.len);
    leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)world->now_s);
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context), "pullthrough.system.svc", 0);
    X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(context), X509_PURPOSE_SSL_SERVER);
    result = X509_verify_cert(context);
    if (result != 1)
        fail_msg("day %lld, replica %zu, %s: %s", (long long)(world->now_s - START_S) / DAY_S,
                 (size_t)(replica - world->replicas), which,
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    X509_STORE_CTX_free(context);
    X509_free(leaf);
    BIO_free(bio);
}

static void assert_lives(const struct world *world, struct certificate_dates dates)
{
    assert_true(dates.not_before_s <= world->now_s && world->now_s <= dates.not_after_s);
}

static void verify_all(struct world *world)
{
    for (size_t i = 0; i < world->n; i++) {
        struct replica *replica = &world->replicas[i];
        const struct certificate_set *set = replica->round.loaded;

        if (!world->strict || !replica->is_up || !set)
            continue;
        assert_lives(world, certificate_set_leaf_dates(set));
        assert_lives(world, certificate_set_ca_dates(set, certificate_set_leaf_ca(set)));
        if (replica->verified_load == replica->loads &&
            replica->verified_version == world->bundle_version)
            continue; /* time alone changes only what was just looked at */
        verify(world, replica, world->store, "the bundle");
        for (size_t at = 0; at < world->n_past && !world->at_once; at++)
            if (world->past[at].until_s + LAG_S >= world->now_s)
                verify(world, replica, world->past[at].store, "a bundle of the last minute");
        replica->verified_load = replica->loads;
        replica->verified_version = world->bundle_version;
    }
}

static void fill_version(char *to, unsigned version)
{
    (void)snprintf(to, KUBE_VERSION_BYTES, "%u", version);
}

static bool is_version(const char *text, unsigned version)
{
    char wanted[KUBE_VERSION_BYTES];

    fill_version(wanted, version);
    return strcmp(text, wanted) == 0;
}

static enum kube_outcome read_bundle(struct world *world, struct certificate_round *round)
{
    if (world->no_bundle)
        return KUBE_DENIED;
    fill_version(round->webhooks.version, world->bundle_version);
    strbuf_clear(&round->webhooks.text);
    strbuf_add_str(&round->webhooks.text, world->bundle);
    round->webhooks.n = 2;
    for (size_t i = 0; i < 2; i++)
        round->webhooks.bundles[i] = strbuf_slice(&round->webhooks.text);
    return KUBE_DONE;
}

static enum kube_outcome read_secret(struct world *world, struct certificate_round *round)
{
    struct kube_secret *secret = &round->secret;

    kube_secret_fini(secret);
    kube_secret_init(secret);
    if (!world->secret_exists)
        return KUBE_ABSENT;
    fill_version(secret->version, world->secret_version);
    strbuf_add_slice(&secret->ca, world->secret.ca);
    strbuf_add_slice(&secret->ca_key, world->secret.ca_key);
    strbuf_add_slice(&secret->leaf, world->secret.leaf);
    strbuf_add_slice(&secret->leaf_key, world->secret.leaf_key);
    return KUBE_DONE;
}

static void write_secret(struct world *world, const struct certificate_set *set)
{
    STRBUF_CLEANUP struct strbuf ca = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf ca_key = STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf leaf = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf leaf_key = STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);

    certificate_set_print_cas(set, &ca);
    certificate_set_print_ca_key(set, &ca_key);
    certificate_set_print_leaf(set, &leaf);
    certificate_set_print_leaf_key(set, &leaf_key);
    if (!slice_equal(world->secret.leaf, strbuf_slice(&leaf)))
        world->leaves++;
    set_secret(world, &(struct certificate_texts){strbuf_slice(&ca), strbuf_slice(&ca_key),
                                                  strbuf_slice(&leaf), strbuf_slice(&leaf_key)});
    world->writes++;
}

static void write_bundle(struct world *world, const struct certificate_set *set)
{
    STRBUF_CLEANUP struct strbuf cas = STRBUF_INIT(CERTIFICATE_TEXT_MAX);

    certificate_set_print_cas(set, &cas);
    if (world->foreign)
        assert_null(strstr(strbuf_str(&cas), world->foreign));
    set_bundle(world, strbuf_slice(&cas), true);
    world->writes++;
}

static enum kube_outcome heard(struct world *world)
{
    return random_below(world, 1000) < world->wrong_permille ? KUBE_FAILED : KUBE_DONE;
}

static enum kube_outcome conflict(struct world *world)
{
    world->conflicts++;
    return KUBE_CONFLICT;
}

/* One request, which the API server carries out in a moment. */
static enum kube_outcome carry_out(struct world *world, struct replica *replica)
{
    struct certificate_round *round = &replica->round;

    switch (replica->step) {
    case CERTIFICATE_READ_BUNDLE: return read_bundle(world, round);
    case CERTIFICATE_READ_SECRET: return read_secret(world, round);
    case CERTIFICATE_CREATE_SECRET:
        if (world->secret_exists)
            return conflict(world);
        write_secret(world, round->wanted);
        return heard(world);
    case CERTIFICATE_PATCH_SECRET:
        if (!world->secret_exists)
            return KUBE_ABSENT;
        if (!is_version(round->secret.version, world->secret_version))
            return conflict(world);
        write_secret(world, round->wanted);
        return heard(world);
    case CERTIFICATE_PATCH_BUNDLE:
        if (!is_version(round->webhooks.version, world->bundle_version))
            return conflict(world);
        write_bundle(world, round->wanted);
        return heard(world);
    case CERTIFICATE_LOAD: replica->loads++; return KUBE_DONE;
    default: return KUBE_DONE;
    }
}

/* After a look the next one: soon where something is going on, else in up to two days. (The program
 * looks every minute, which would take as many years here.) */
static int64_t pause_s(struct world *world, const struct certificate_round *round)
{
    bool busy = round->again || *round->secret_problem.text || !round->known ||
                (certificate_set_leaf_ca(round->known) != 0 && !world->no_bundle);

    return 1 + random_below(world, busy && random_below(world, 50) ? 60 : 2 * DAY_S);
}

static void take_turn(struct world *world, struct replica *replica)
{
    unsigned char serials[SERIALS_BYTES];
    struct error why = {"tried"};

    for (size_t i = 0; i < SERIALS_BYTES; i++)
        serials[i] = (unsigned char)next_random(world);
    if (replica->step == CERTIFICATE_REST)
        replica->step = certificate_round_begin(&replica->round);
    else
        replica->step = certificate_round_tell(&replica->round, carry_out(world, replica), &why,
                                               world->now_s + replica->clock_s, serials);
    /* Mostly at once; now and then a replica stands still in the middle of a look. */
    replica->next_s = world->now_s + (random_below(world, 20) ? random_below(world, 2)
                                                              : random_below(world, 3 * 60 * 60));
    if (replica->step != CERTIFICATE_REST)
        return;
    replica->next_s = world->now_s + pause_s(world, &replica->round);
    if (replica->round.disturbed > replica->disturbed)
        replica->disturbed = replica->round.disturbed;
}

static void start_replica(struct world *world, size_t i)
{
    struct replica *replica = &world->replicas[i];

    certificate_round_init(&replica->round, &names);
    replica->clock_s = random_below(world, 2 * 5 * 60 + 1) - 5 * 60;
    replica->next_s = world->now_s + random_below(world, 5);
    replica->step = CERTIFICATE_REST;
    replica->is_up = true;
    replica->loads++;
}

static void stop_replica(struct replica *replica)
{
    certificate_round_fini(&replica->round);
    replica->is_up = false;
}

static void run_until(struct world *world, int64_t end_s)
{
    while (world->now_s < end_s) {
        struct replica *next = NULL;

        for (size_t i = 0; i < world->n; i++) {
            struct replica *one = &world->replicas[i];

            if (one->is_up && (!next || one->next_s < next->next_s ||
                               (one->next_s == next->next_s && random_below(world, 2))))
                next = one;
        }
        if (!next || next->next_s > end_s) {
            world->now_s = end_s;
        } else {
            if (next->next_s > world->now_s)
                world->now_s = next->next_s;
            take_turn(world, next);
        }
        verify_all(world);
    }
}

static void begin(struct world *world, uint64_t seed, size_t replicas)
{
    *world = (struct world){.random = seed * 7919 + 1, .now_s = START_S, .n = replicas};
    set_secret(world, &(struct certificate_texts){0}); /* as the chart makes it */
    set_bundle(world, (struct slice){0}, false);
    for (size_t i = 0; i < replicas; i++)
        start_replica(world, i);
}

static void end(struct world *world)
{
    for (size_t i = 0; i < world->n; i++)
        if (world->replicas[i].is_up)
            stop_replica(&world->replicas[i]);
    for (size_t i = 0; i < 4; i++)
        free(world->secret_texts[i]);
    free(world->bundle);
    free(world->foreign);
    X509_STORE_free(world->store);
    forget_past(world, true);
}

/* Until all serve, and the bundle is there; from then on nothing may fail. */
static void settle(struct world *world)
{
    world->strict = false;
    run_until(world, world->now_s + 3 * DAY_S);
    for (size_t i = 0; i < world->n; i++)
        if (world->replicas[i].is_up)
            assert_non_null(world->replicas[i].round.loaded);
    forget_past(world, true);
    world->strict = true;
}

static size_t cas_in_secret(const struct world *world)
{
    struct certificate_set *set = NULL;
    struct error error;
    size_t n;

    if (certificate_set_read(&set, &world->secret, &error))
        fail_msg("%s", error.text);
    n = certificate_set_cas(set);
    certificate_set_unref(set);
    return n;
}

static void test_years_without_a_gap(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct world world;

        begin(&world, seed, 1 + seed % REPLICAS_MAX);
        settle(&world);
        run_until(&world, START_S + 3 * 365 * DAY_S);
        /* Every 60 days a leaf, and with every CA one more; a CA after 243 days. */
        assert_in_range(world.leaves, 18, 27);
        assert_true(cas_in_secret(&world) <= 2);
        assert_in_range(world.writes, 20, 60);
        for (size_t i = 0; i < world.n; i++) /* rotations and races are no fight */
            assert_true(world.replicas[i].disturbed < CERTIFICATE_DISTURBED_LOOKS);
        end(&world);
    }
}

/* Writes that were carried out, but whose answers were lost. */
static void test_lost_answers(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 103; seed++) {
        struct world world;

        begin(&world, seed, 1 + seed % REPLICAS_MAX);
        world.wrong_permille = 500;
        settle(&world);
        run_until(&world, START_S + 2 * 365 * DAY_S);
        assert_true(world.leaves < 25);
        end(&world);
    }
}

/* Pods come and go; a new one takes what is there. */
static void test_restarts(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 202; seed++) {
        struct world world;

        begin(&world, seed, 3);
        settle(&world);
        for (unsigned day = 0; day < 700; day += 7) {
            size_t i = (size_t)random_below(&world, 3);

            run_until(&world, START_S + (int64_t)(4 + day) * DAY_S + random_below(&world, DAY_S));
            if (world.replicas[i].is_up)
                stop_replica(&world.replicas[i]);
            start_replica(&world, i);
        }
        assert_true(cas_in_secret(&world) <= 2);
        end(&world);
    }
}

/* A Secret that loses its keys, or is deleted: the leaves that are served stay trusted, and what
 * is served afterwards is the Secret's again. One that knows nothing and finds nothing serves a new
 * CA's leaf as soon as that is in the bundle, rather than nothing. */
static void test_a_lost_secret(void **state)
{
    (void)state;
    for (uint64_t seed = 300; seed < 302; seed++) {
        struct world world;

        begin(&world, seed, 2);
        world.at_once = true;
        settle(&world);
        for (unsigned day = 10; day < 500; day += 10) {
            run_until(&world, START_S + (int64_t)day * DAY_S);
            if (seed % 2)
                set_secret(&world, &(struct certificate_texts){0});
            else
                world.secret_exists = false;
            if (random_below(&world, 2)) { /* one that knows nothing comes first, maybe */
                stop_replica(&world.replicas[0]);
                start_replica(&world, 0);
            }
        }
        run_until(&world, world.now_s + 5 * DAY_S);
        for (size_t i = 0; i < world.n; i++)
            assert_true(certificate_set_same_leaf(world.replicas[i].round.loaded,
                                                  world.replicas[i].round.known));
        assert_true(certificate_set_same_leaf(world.replicas[0].round.loaded,
                                              world.replicas[1].round.loaded));
        end(&world);
    }
}

/* One look, without a pause. */
static void look(struct world *world, struct replica *replica)
{
    unsigned char serials[SERIALS_BYTES];
    struct error why = {"tried"};

    for (size_t i = 0; i < SERIALS_BYTES; i++)
        serials[i] = (unsigned char)next_random(world);
    replica->step = certificate_round_begin(&replica->round);
    while (replica->step != CERTIFICATE_REST)
        replica->step = certificate_round_tell(&replica->round, carry_out(world, replica), &why,
                                               world->now_s, serials);
}

/* Somebody deletes the Secret each time that it is there: a look gives up after a few writes, and
 * the next one begins anew. */
static void test_a_look_has_an_end(void **state)
{
    static const struct error why = {"tried"};
    struct replica *replica;
    struct world world;

    (void)state;
    begin(&world, 801, 1);
    settle(&world);
    replica = &world.replicas[0];
    for (int looks = 0; looks < 3; looks++) {
        unsigned before = world.writes;

        replica->step = certificate_round_begin(&replica->round);
        while (replica->step != CERTIFICATE_REST) {
            unsigned char serials[SERIALS_BYTES] = {1};

            world.secret_exists = false;
            replica->step = certificate_round_tell(&replica->round, carry_out(&world, replica),
                                                   &why, world.now_s, serials);
            assert_true(world.writes - before <= 6);
        }
        assert_int_equal(world.writes - before, 6);
    }
    end(&world);
}

/* A replica that knows nothing finds no Secret and makes a new CA. One whose leaf is trusted takes
 * the new leaf only when every API server has had time to hear of that CA. */
static void test_a_new_ca_is_given_time(void **state)
{
    struct certificate_set *old;
    struct world world;

    (void)state;
    begin(&world, 800, 2);
    settle(&world);
    old = certificate_set_ref(world.replicas[0].round.loaded);
    world.secret_exists = false;
    stop_replica(&world.replicas[1]);
    start_replica(&world, 1);
    look(&world, &world.replicas[1]);
    assert_false(certificate_set_same_leaf(world.replicas[1].round.loaded, old));

    for (int64_t made_s = world.now_s; world.now_s < made_s + 60; world.now_s++) {
        look(&world, &world.replicas[0]);
        assert_true(certificate_set_same_leaf(world.replicas[0].round.loaded, old));
        assert_int_equal(world.replicas[0].round.bundle_state, CERTIFICATE_BUNDLE_CURRENT);
    }
    look(&world, &world.replicas[0]);
    assert_true(
        certificate_set_same_leaf(world.replicas[0].round.loaded, world.replicas[1].round.loaded));
    certificate_set_unref(old);
    end(&world);
}

/* A bundle that somebody empties is repaired within a look of anybody. */
static void test_an_emptied_bundle(void **state)
{
    struct world world;

    (void)state;
    begin(&world, 400, 3);
    settle(&world);
    for (unsigned day = 10; day < 400; day += 10) {
        run_until(&world, START_S + (int64_t)day * DAY_S);
        world.strict = false;
        set_bundle(&world, slice_str(day % 20 ? "" : "nonsense"), false);
        run_until(&world, world.now_s + 2 * DAY_S + 1 + 3 * 60 * 60);
        forget_past(&world, true);
        world.strict = true;
        verify_all(&world);
    }
    end(&world);
}

/* Nobody may look at the bundle: what it holds is somebody else's business, and the leaf changes
 * its CA only when it has ended. */
static void test_without_the_bundle(void **state)
{
    struct world world;

    (void)state;
    begin(&world, 500, 2);
    world.no_bundle = true;
    run_until(&world, START_S + 300 * DAY_S);
    assert_int_equal(cas_in_secret(&world), 2);
    assert_non_null(world.replicas[0].round.loaded);
    assert_string_equal(world.bundle, "");
    assert_int_equal(world.replicas[0].round.bundle_state, CERTIFICATE_BUNDLE_UNKNOWN);
    end(&world);
}

/* A CA that nobody of us made, in PEM. */
static char *make_foreign(void)
{
    const int64_t now_s = time(NULL); /* its dates are asked for from there */
    struct made_certificate *made = made_certificate_new(
        &(struct certificate_spec){.name = "corporate",
                                   .constraints = "critical,CA:TRUE",
                                   .from_s = START_S - DAY_S - now_s,
                                   .to_s = START_S + (int64_t)9999 * DAY_S - now_s});
    char *pem = made_certificate_pem(made->x509);

    made_certificate_free(made);
    return pem;
}

/* Somebody who may write to the Secret adds a CA to it, and again. No bundle ever holds it, and the
 * rotations go on as if nothing were. */
static void test_a_foreign_ca_in_the_secret(void **state)
{
    (void)state;
    for (uint64_t seed = 700; seed < 702; seed++) {
        struct world world;

        begin(&world, seed, 2);
        settle(&world);
        world.foreign = make_foreign();
        for (unsigned day = 10; day < 700; day += 20) {
            STRBUF_CLEANUP struct strbuf cas = STRBUF_INIT(CERTIFICATE_TEXT_MAX);

            run_until(&world, START_S + (int64_t)day * DAY_S);
            assert_null(strstr(world.secret.ca.ptr, world.foreign)); /* it was dropped there, too */
            strbuf_add_slice(&cas, world.secret.ca);
            strbuf_add_str(&cas, world.foreign);
            set_secret_ca(&world, strbuf_slice(&cas));
        }
        assert_true(cas_in_secret(&world) <= 2);
        end(&world);
    }
}

enum fight { FIGHT_RACE_SECRET, FIGHT_UNDO_SECRET, FIGHT_RACE_BUNDLE, FIGHT_UNDO_BUNDLE };

/* One look, in which somebody else is faster than each write, or undoes what was written before. */
static void look_in_a_fight(struct world *world, enum fight fight)
{
    struct replica *replica = &world->replicas[0];

    if (fight == FIGHT_UNDO_BUNDLE || fight == FIGHT_RACE_BUNDLE)
        set_bundle(world, (struct slice){0}, false);
    else
        set_secret(world, &(struct certificate_texts){0});
    do {
        if (fight == FIGHT_RACE_SECRET && replica->step == CERTIFICATE_PATCH_SECRET)
            world->secret_version = ++world->version;
        if (fight == FIGHT_RACE_BUNDLE && replica->step == CERTIFICATE_PATCH_BUNDLE)
            world->bundle_version = ++world->version;
        take_turn(world, replica);
    } while (replica->step != CERTIFICATE_REST);
    world->now_s += 60;
}

static void test_a_fight_is_told(void **state)
{
    static const struct {
        const char *object;
        enum fight fight;
    } rows[] = {
        {"Secret", FIGHT_RACE_SECRET},
        {"Secret", FIGHT_UNDO_SECRET},
        {"caBundle", FIGHT_RACE_BUNDLE},
        {"caBundle", FIGHT_UNDO_BUNDLE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world;
        struct certificate_round *round = &world.replicas[0].round;

        begin(&world, 600 + i, 1);
        settle(&world);
        for (unsigned looks = 1; looks <= 25; looks++) {
            const struct error *problem = strcmp(rows[i].object, "Secret") == 0
                                              ? &round->secret_problem
                                              : &round->bundle_problem;
            unsigned said = looks < 10 ? 5 : looks < 20 ? 10 : 20;
            char want[ERROR_TEXT_BYTES] = "";

            look_in_a_fight(&world, rows[i].fight);
            if (looks >= CERTIFICATE_DISTURBED_LOOKS)
                (void)snprintf(want, sizeof(want),
                               "somebody else changes the %s again and again: in %u looks in a "
                               "row it was written, or could not be",
                               rows[i].object, said);
            assert_string_equal(problem->text, want);
        }
        for (unsigned turns = 0; turns < 200; turns++)
            take_turn(&world, &world.replicas[0]); /* it is over */
        assert_string_equal(round->secret_problem.text, "");
        assert_string_equal(round->bundle_problem.text, "");
        end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_years_without_a_gap),
        cmocka_unit_test(test_lost_answers),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_a_lost_secret),
        cmocka_unit_test(test_a_look_has_an_end),
        cmocka_unit_test(test_a_new_ca_is_given_time),
        cmocka_unit_test(test_an_emptied_bundle),
        cmocka_unit_test(test_without_the_bundle),
        cmocka_unit_test(test_a_foreign_ca_in_the_secret),
        cmocka_unit_test(test_a_fight_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
