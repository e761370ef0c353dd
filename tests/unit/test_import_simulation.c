/*
 * Plans beside a simulated ECR, for hours of simulated time: floods, starts, replicas that race,
 * answers at random, clocks that jump, a million images. After each call: never more imports in an
 * hour, nor calls in a second, than there may be.
 */
#include "pullthrough/core/cache/import_plan.h"

#include "counted_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    REPLICAS_MAX = 3,
    API_MS = 50, /* a call to the API takes so long, */
    GET_MS = 250,
    CALLS_A_SECOND = 1000 / IMPORT_CALL_MS,
    IMAGES_MAX = 60000,
    GETS_MAX = 1000,
    NEVER = -1,
};

/* An image is dockercache/rR:vV by the number R * TAGS + V; its digest has the number. */
enum { TAGS = 10 };

struct ecr {
    int64_t seen_ms[IMAGES_MAX]; /* when it shows the image, or NEVER */
    unsigned gets_of[IMAGES_MAX];
    int64_t shown_after_ms; /* an import */
    unsigned unlucky;       /* of 100 calls, so many are answered at random */
    unsigned throttles;     /* of 100 calls to the API; of 1,000 imports as many */
    bool is_away;
    bool all_pages_more;   /* of a listing */
    unsigned repositories; /* r0 to this are shown, the last one the newest */
};

struct replica {
    struct import_plan *plan;
    int64_t now_ms, next_ms;
    const unsigned *per_hour;
    int64_t gets_ms[2][GETS_MAX]; /* by upstream, the last ones */
    size_t n_gets[2];
    int64_t api_ms[CALLS_A_SECOND]; /* the last ones */
    unsigned api_calls, lists, looks;
};

struct world {
    struct ecr *ecr;
    struct image_set *set[REPLICAS_MAX];
    struct replica replicas[REPLICAS_MAX];
    size_t n;
    uint64_t random;
    unsigned per_hour[2];
};

static uint32_t chance(struct world *world)
{
    world->random = world->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(world->random >> 32);
}

static void begin_with(struct world *world, size_t n, size_t set_max, const unsigned *per_hour,
                       uint64_t seed)
{
    static const uint8_t secret[IMAGE_SET_SECRET_BYTES] = {9};
    struct import_upstream upstreams[] = {{slice_str("dockercache"), per_hour[0]},
                                          {slice_str("ghcrcache"), per_hour[1]}};
    struct import_settings settings = {
        .upstreams = upstreams, .n_upstreams = 2, .recheck_ms = 15 * IMPORT_MINUTE_MS};

    *world = (struct world){.ecr = calloc(1, sizeof(*world->ecr)),
                            .n = n,
                            .random = seed,
                            .per_hour = {per_hour[0], per_hour[1]}};
    world->ecr->shown_after_ms = 1000;
    for (size_t i = 0; i < IMAGES_MAX; i++)
        world->ecr->seen_ms[i] = NEVER;
    for (size_t i = 0; i < n; i++) {
        struct replica *replica = &world->replicas[i];

        world->set[i] = image_set_new(secret, set_max);
        replica->plan = import_plan_new(&settings, world->set[i]);
        replica->now_ms = replica->next_ms = 1000 * IMPORT_MINUTE_MS;
        for (size_t k = 0; k < CALLS_A_SECOND; k++)
            replica->api_ms[k] = INT32_MIN;
    }
}

static void begin(struct world *world, size_t n, unsigned docker, unsigned ghcr, uint64_t seed)
{
    begin_with(world, n, IMAGE_SET_MAX, (const unsigned[]){docker, ghcr}, seed);
}

static void end(struct world *world)
{
    for (size_t i = 0; i < world->n; i++) {
        import_plan_free(world->replicas[i].plan);
        image_set_unref(world->set[i]);
    }
    free(world->ecr);
}

/* Names. Each second repository is the other upstream's. */

struct name {
    char repository[300], tag[140], digest[80];
};

static void make_name(struct name *name, unsigned number)
{
    unsigned repository = number / TAGS;

    (void)snprintf(name->repository, sizeof(name->repository), "%s/r%u",
                   repository % 2 ? "ghcrcache" : "dockercache", repository);
    (void)snprintf(name->tag, sizeof(name->tag), "v%u", number % TAGS);
    (void)snprintf(name->digest, sizeof(name->digest), "sha256:%064u", number);
}

static unsigned number_at(struct slice text, const char *mark)
{
    char bytes[300] = "";
    const char *at;

    memcpy(bytes, text.ptr, text.len);
    at = strstr(bytes, mark);
    assert_non_null(at);
    return (unsigned)strtoul(at + strlen(mark), NULL, 10);
}

static unsigned number_of(const struct import_call *call)
{
    if (call->by_digest)
        return number_at(call->reference, "sha256:");
    return number_at(call->repository, "/r") * TAGS + number_at(call->reference, "v");
}

/* ECR */

static bool shows(const struct ecr *ecr, unsigned number, int64_t now_ms)
{
    return ecr->seen_ms[number] != NEVER && ecr->seen_ms[number] <= now_ms;
}

static void find_image(struct replica *replica, unsigned number)
{
    struct name name;

    make_name(&name, number);
    import_plan_found(replica->plan, slice_str(name.tag), slice_str(name.digest), replica->now_ms);
}

static enum image_outcome answer_lookup(const struct ecr *ecr, struct replica *replica,
                                        const struct import_call *call)
{
    unsigned number = number_of(call);

    if (!shows(ecr, number, replica->now_ms))
        return IMAGE_ABSENT;
    find_image(replica, number);
    return IMAGE_THERE;
}

static enum image_outcome answer_list(const struct ecr *ecr, struct replica *replica,
                                      const struct import_call *call)
{
    unsigned first = number_at(call->repository, "/r") * TAGS, found = 0;

    for (unsigned i = first; i < first + TAGS; i++)
        if (shows(ecr, i, replica->now_ms)) {
            find_image(replica, i);
            found++;
        }
    return found || ecr->repositories ? IMAGE_THERE : IMAGE_ABSENT;
}

static enum image_outcome answer_repositories(const struct ecr *ecr, struct replica *replica)
{
    struct name name;

    for (unsigned i = 0; i < ecr->repositories; i++) {
        make_name(&name, i * TAGS);
        import_plan_found_repository(replica->plan, slice_str(name.repository), i);
    }
    return IMAGE_THERE;
}

static enum image_outcome answer_get(struct ecr *ecr, struct replica *replica,
                                     const struct import_call *call)
{
    unsigned number = number_of(call);

    ecr->gets_of[number]++;
    if (ecr->seen_ms[number] == NEVER)
        ecr->seen_ms[number] = replica->now_ms + GET_MS + ecr->shown_after_ms;
    return IMAGE_THERE;
}

/* What must never be */

static void judge_get(struct replica *replica, size_t upstream, unsigned per_hour)
{
    int64_t *times = replica->gets_ms[upstream];
    size_t n = replica->n_gets[upstream]++;

    assert_true(per_hour <= GETS_MAX);
    if (n >= per_hour)
        assert_true(replica->now_ms - times[(n - per_hour) % GETS_MAX] >= IMPORT_HOUR_MS);
    times[n % GETS_MAX] = replica->now_ms;
}

static void judge_api(struct replica *replica)
{
    int64_t *oldest = &replica->api_ms[replica->api_calls++ % CALLS_A_SECOND];

    assert_true(replica->now_ms - *oldest >= 1000);
    *oldest = replica->now_ms;
}

static void make_call(struct world *world, struct replica *replica, const struct import_call *call)
{
    enum import_call_kind kind = call->kind;
    struct import_answer answer = {.outcome = IMAGE_NO_ANSWER};
    bool unlucky = chance(world) % 100 < world->ecr->unlucky;

    if (kind == IMPORT_GET)
        judge_get(replica, call->upstream, world->per_hour[call->upstream]);
    else
        judge_api(replica);
    replica->lists += kind == IMPORT_LIST;
    replica->looks += kind == IMPORT_LOOK;
    if (unlucky)
        answer.outcome = kind == IMPORT_GET && chance(world) % 2
                             ? IMAGE_REFUSED
                             : IMAGE_THROTTLED + (enum image_outcome)(chance(world) % 3);
    else if (chance(world) % (kind == IMPORT_GET ? 1000 : 100) < world->ecr->throttles)
        answer.outcome = IMAGE_THROTTLED;
    else if (world->ecr->is_away)
        answer.outcome = IMAGE_NO_ANSWER;
    else if (kind == IMPORT_LOOK)
        answer.outcome = answer_lookup(world->ecr, replica, call);
    else if (kind == IMPORT_LIST)
        answer.outcome = answer_list(world->ecr, replica, call);
    else if (kind == IMPORT_GET)
        answer.outcome = answer_get(world->ecr, replica, call);
    else
        answer.outcome = answer_repositories(world->ecr, replica);
    answer.more = kind == IMPORT_LIST && world->ecr->all_pages_more;
    replica->now_ms += kind == IMPORT_GET ? GET_MS : API_MS;
    import_plan_answer(replica->plan, &answer, replica->now_ms, chance(world));
    replica->next_ms = replica->now_ms;
}

/* Until then, whoever is due first. */
static void run_until(struct world *world, int64_t end_ms)
{
    for (;;) {
        struct replica *replica = &world->replicas[0];
        const struct import_call *call;
        int64_t wait_ms;

        for (size_t i = 1; i < world->n; i++)
            if (world->replicas[i].next_ms < replica->next_ms)
                replica = &world->replicas[i];
        if (replica->next_ms >= end_ms)
            break;
        replica->now_ms = replica->next_ms;
        call = import_plan_next(replica->plan, replica->now_ms, chance(world), &wait_ms);
        if (call)
            make_call(world, replica, call);
        else
            replica->next_ms = replica->now_ms + wait_ms;
    }
    for (size_t i = 0; i < world->n; i++)
        if (world->replicas[i].now_ms < end_ms)
            world->replicas[i].now_ms = end_ms;
}

static void run_for(struct world *world, int64_t ms)
{
    int64_t latest_ms = 0;

    for (size_t i = 0; i < world->n; i++)
        if (world->replicas[i].now_ms > latest_ms)
            latest_ms = world->replicas[i].now_ms;
    run_until(world, latest_ms + ms);
}

enum wish_by { BY_TAG, BY_BOTH, BY_DIGEST };

/* A wish is news: the plan is asked again at once. */
static int wish_for(struct world *world, size_t i, unsigned number, enum wish_by by)
{
    struct replica *replica = &world->replicas[i];
    struct name name;

    make_name(&name, number);
    replica->next_ms = replica->now_ms;
    return import_plan_wish(replica->plan, slice_str("team"), slice_str(name.repository),
                            slice_str(by == BY_DIGEST ? "" : name.tag),
                            slice_str(by == BY_TAG ? "" : name.digest), replica->now_ms,
                            chance(world));
}

static bool is_cached(struct world *world, size_t i, unsigned number, enum wish_by by)
{
    struct name name;

    make_name(&name, number);
    return by == BY_TAG ? image_set_has(world->set[i], slice_str(name.repository), IMAGE_SET_TAG,
                                        slice_str(name.tag))
                        : image_set_has(world->set[i], slice_str(name.repository), IMAGE_SET_DIGEST,
                                        slice_str(name.digest));
}

/* 10,000 distinct images a minute, while ECR throttles a tenth of all calls, and upstreams a few.
 */
static void test_a_flood(void **state)
{
    enum { MINUTES = 5, A_MINUTE = 10000 };
    struct import_counts counts;
    struct world world;
    unsigned accepted = 0, dropped = 0, number = 0;

    (void)state;
    begin(&world, 1, 40, 600, 1);
    world.ecr->throttles = 10;
    for (int second = 0; second < MINUTES * 60; second++) {
        if (second == 60) /* the table has been full for a while */
            counted_memory_start();
        for (int i = 0; i < A_MINUTE / 60; i++) {
            int done = wish_for(&world, 0, number++, BY_TAG);

            assert_true(done == 0 || done == IMPORT_WISH_DROPPED);
            accepted += done == 0;
            dropped += done == IMPORT_WISH_DROPPED;
        }
        run_for(&world, 1000);
    }
    counts = import_plan_counts(world.replicas[0].plan);
    assert_int_equal(counts.dropped, dropped);
    assert_true(counts.queued + counts.refused <= IMPORT_WISHES_MAX);
    assert_true(counts.queued > IMPORT_WISHES_MAX * 3 / 4);
    assert_true(accepted < number / 4);
    run_for(&world, 2 * IMPORT_HOUR_MS);
    assert_true(counted_memory_peak() < 256 * 1024);
    assert_true(world.replicas[0].n_gets[0] > 40); /* more than an hour's, and judged each time */
    assert_true(world.replicas[0].n_gets[1] > 600);
    end(&world);
}

/* 1,000 repositories: one call for the names, one for each, at five a second. */
static void test_a_start(void **state)
{
    struct world world;
    int64_t begin_ms;

    (void)state;
    begin(&world, 1, 40, 600, 2);
    world.ecr->repositories = 1000;
    for (unsigned i = 0; i < 1000 * TAGS; i++)
        world.ecr->seen_ms[i] = 0;
    begin_ms = world.replicas[0].now_ms;
    while (!import_plan_counts(world.replicas[0].plan).started)
        run_for(&world, IMPORT_CALL_MS);
    print_message("1,000 repositories: %u calls in %u s\n", world.replicas[0].api_calls,
                  (unsigned)((world.replicas[0].now_ms - begin_ms) / 1000));
    assert_int_equal(world.replicas[0].api_calls, 1001);
    assert_in_range(world.replicas[0].now_ms - begin_ms, 199000, 201000);
    assert_int_equal(image_set_counts(world.set[0]).tags, 1000 * TAGS);
    run_for(&world, IMPORT_HOUR_MS); /* and each about once in an hour that nobody uses */
    assert_in_range(world.replicas[0].lists, 1900, 2600);
    end(&world);
}

/* A start while pods come: none of the two keeps the other waiting. */
static void test_a_start_under_load(void **state)
{
    struct world world;
    int64_t begin_ms;

    (void)state;
    begin(&world, 1, 40, 600, 3);
    world.ecr->repositories = 300;
    begin_ms = world.replicas[0].now_ms;
    for (unsigned i = 0; i < 4000; i++)
        (void)wish_for(&world, 0, 400 * TAGS + i, BY_TAG);
    while (!import_plan_counts(world.replicas[0].plan).started)
        run_for(&world, IMPORT_CALL_MS);
    assert_in_range(world.replicas[0].now_ms - begin_ms, 60000, 180000);
    /* What is seen meanwhile is listed, too. */
    assert_in_range(world.replicas[0].lists, 300, 400);
    assert_in_range(world.replicas[0].looks, world.replicas[0].lists - 50,
                    world.replicas[0].lists + 10);
    end(&world);
}

/* Two replicas see the same pod at the same moment. One that looks while the other's import is on
 * its way imports as well: for waits of 0 to W, and D from a look until an import is shown, that is
 * 1 - (1 - D/W)^2 of them. */
static void test_replicas_that_race(void **state)
{
    enum { IMAGES = 400, SHOWN_MS = 300, D = API_MS + GET_MS + SHOWN_MS };
    double apart = 1 - (double)D / IMPORT_SPREAD_MS, share = 1 - apart * apart;
    struct world world;
    unsigned doubles = 0;

    (void)state;
    begin(&world, 2, 900, 900, 4);
    world.ecr->shown_after_ms = SHOWN_MS;
    run_for(&world, 10000);
    for (unsigned i = 0; i < IMAGES; i++) {
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(wish_for(&world, k, i * TAGS, BY_TAG), 0);
        run_for(&world, 10000);
    }
    for (unsigned i = 0; i < IMAGES; i++) {
        assert_in_range(world.ecr->gets_of[i * TAGS], 1, 2);
        doubles += world.ecr->gets_of[i * TAGS] == 2;
        assert_true(is_cached(&world, 0, i * TAGS, BY_TAG));
        assert_true(is_cached(&world, 1, i * TAGS, BY_TAG));
    }
    print_message("%u of %d imports were double, %.0f %% expected\n", doubles, IMAGES, 100 * share);
    assert_in_range(doubles, 1, (unsigned)((share + 0.08) * IMAGES)); /* three times its spread */
    end(&world);
}

/* One random schedule of wishes, answers, absences and jumps of the clock; then ECR is well. */
static void run_schedule(struct world *world, unsigned images)
{
    for (int i = 0; i < 300; i++) {
        uint32_t dice = chance(world) % 16;
        unsigned number = chance(world) % images;
        struct replica *replica = &world->replicas[0];

        if (dice < 8)
            (void)wish_for(world, 0, number, (enum wish_by)(chance(world) % 3));
        else if (dice == 8)
            world->ecr->is_away = chance(world) % 3 == 0;
        else if (dice == 9 && chance(world) % 4 == 0)
            world->ecr->seen_ms[number] = NEVER; /* a lifecycle rule */
        else if (dice == 10)                     /* back: the plan takes it for standing still */
            (void)import_plan_next(replica->plan, (int64_t)(chance(world) % 100000), chance(world),
                                   &(int64_t){0});
        else if (dice == 11) /* forward */
            replica->next_ms = replica->now_ms += chance(world) % IMPORT_HOUR_MS;
        else
            run_for(world, chance(world) % (10 * IMPORT_MINUTE_MS));
        /* A call that a jump brought is made like any other. */
    }
    world->ecr->is_away = false;
    world->ecr->unlucky = 0;
}

/* Whatever happened: wished for again once an hour, each is cached, or, where it is asked for by a
 * digest that ECR can't bring, refused. Nothing waits for ever. */
static void test_every_wish_comes_to_an_end(void **state)
{
    enum { IMAGES = 30 };

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct world world;

        begin_with(&world, 1, 500, (const unsigned[]){20, 60}, seed);
        world.ecr->repositories = (unsigned)seed % 3;
        world.ecr->unlucky = 2 * (unsigned)seed % 60;
        run_schedule(&world, IMAGES);
        for (int hour = 0; hour < 60; hour++) {
            for (unsigned i = 0; i < IMAGES; i++)
                (void)wish_for(&world, 0, i, i % 2 ? BY_TAG : BY_BOTH);
            run_for(&world, IMPORT_HOUR_MS);
        }
        run_for(&world, 2 * IMPORT_HOUR_MS);
        for (unsigned i = 0; i < IMAGES; i++)
            assert_true(is_cached(&world, 0, i, i % 2 ? BY_TAG : BY_BOTH));
        assert_int_equal(import_plan_counts(world.replicas[0].plan).queued, 0);
        end(&world);
    }
}

/* A million images, all of whose pages go on: what is shown is bounded, what others use stays, and
 * what is behind the last page comes by being wished for. */
static void test_a_repository_of_a_million_images(void **state)
{
    enum { USED = 9 * TAGS, BEHIND = 20 * TAGS + 5 };
    struct world world;
    struct import_plan *plan;
    const struct import_call *call;
    unsigned pages = 0, images = 0;
    int64_t wait_ms;

    (void)state;
    begin(&world, 1, 40, 600, 5);
    world.ecr->repositories = 10;
    world.ecr->seen_ms[USED] = 0;
    world.ecr->seen_ms[BEHIND] = 0;
    run_for(&world, 10000);
    plan = world.replicas[0].plan;
    assert_true(is_cached(&world, 0, USED, BY_BOTH));
    assert_int_equal(wish_for(&world, 0, BEHIND, BY_TAG), 0);
    run_for(&world, 4000);
    assert_true(is_cached(&world, 0, BEHIND, BY_BOTH)); /* looked for; then its repository lists */
    import_plan_free(plan);
    world.replicas[0].plan = plan = import_plan_new(
        &(struct import_settings){.upstreams =
                                      &(struct import_upstream){slice_str("dockercache"), 40},
                                  .n_upstreams = 1,
                                  .recheck_ms = 15 * IMPORT_MINUTE_MS},
        world.set[0]);
    counted_memory_start();
    for (;; world.replicas[0].now_ms += IMPORT_CALL_MS) {
        call = import_plan_next(plan, world.replicas[0].now_ms, chance(&world), &wait_ms);
        if (!call)
            break;
        if (call->kind == IMPORT_REPOSITORIES)
            import_plan_found_repository(plan, slice_str("dockercache/r20"), 1);
        for (unsigned i = 0; call->kind == IMPORT_LIST && i < 1000; i++) {
            char tag[20], digest[80];

            (void)snprintf(tag, sizeof(tag), "w%u", images);
            (void)snprintf(digest, sizeof(digest), "sha256:%064u", 1000000 + images++);
            import_plan_found(plan, slice_str(tag), slice_str(digest), world.replicas[0].now_ms);
        }
        pages += call->kind == IMPORT_LIST;
        import_plan_answer(
            plan,
            &(struct import_answer){.outcome = IMAGE_THERE, .more = call->kind == IMPORT_LIST},
            world.replicas[0].now_ms, chance(&world));
    }
    assert_int_equal(pages, IMPORT_PAGES_MAX);
    assert_int_equal(import_plan_counts(plan).partial, 1);
    assert_true(import_plan_counts(plan).started);
    assert_true(counted_memory_peak() < 64 * 1024);
    assert_int_equal(image_set_counts(world.set[0]).evicted, 0);
    assert_true(is_cached(&world, 0, USED, BY_BOTH));
    assert_true(is_cached(&world, 0, BEHIND, BY_BOTH)); /* no sweep by what isn't whole */
    end(&world);
}

/* The longest names there may be, in as many wishes and repositories as there may be. */
static void test_the_most_memory(void **state)
{
    char repository[IMAGE_SET_REPOSITORY_MAX + 1], tag[129], digest[136];
    struct import_plan *plan;
    struct image_set *set;
    struct import_upstream upstreams[] = {{slice_str("dockercache"), 40}, {slice_str("g"), 40}};
    struct import_settings settings = {
        .upstreams = upstreams, .n_upstreams = 2, .recheck_ms = IMPORT_HOUR_MS};

    (void)state;
    counted_memory_start();
    set = image_set_new((const uint8_t[IMAGE_SET_SECRET_BYTES]){1}, IMAGE_SET_MAX);
    print_message("a set takes %.2f MiB\n", (double)counted_memory_peak() / 1048576);
    assert_true(counted_memory_peak() <= 5 * 1024 * 1024 / 2);
    counted_memory_start();
    plan = import_plan_new(&settings, set);
    for (unsigned i = 0; i < 2 * IMPORT_REPOSITORIES_MAX; i++) {
        (void)snprintf(repository, sizeof(repository), "%s/%0240u", i % 2 ? "g" : "dockercache", i);
        (void)snprintf(tag, sizeof(tag), "%0128u", i);
        (void)snprintf(digest, sizeof(digest), "sha512:%0128u", i);
        (void)import_plan_wish(plan, slice_str("team"), slice_str(repository), slice_str(tag),
                               slice_str(digest), 0, 0);
        import_plan_found_repository(plan, slice_str(repository), 0);
    }
    assert_int_equal(import_plan_counts(plan).queued, IMPORT_WISHES_MAX);
    assert_int_equal(import_plan_counts(plan).repositories, IMPORT_REPOSITORIES_MAX);
    assert_int_equal(import_plan_counts(plan).dropped_repositories, IMPORT_REPOSITORIES_MAX);
    print_message("a plan takes %.2f MiB at most\n", (double)counted_memory_peak() / 1048576);
    assert_true(counted_memory_peak() <= 7 * 1024 * 1024);
    import_plan_free(plan);
    image_set_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood),
        cmocka_unit_test(test_a_start),
        cmocka_unit_test(test_a_start_under_load),
        cmocka_unit_test(test_replicas_that_race),
        cmocka_unit_test(test_every_wish_comes_to_an_end),
        cmocka_unit_test(test_a_repository_of_a_million_images),
        cmocka_unit_test(test_the_most_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
