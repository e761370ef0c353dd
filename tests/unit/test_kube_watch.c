#include "pullthrough/core/kube/kube_watch.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/json/json_member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HALF = INT32_MAX }; /* of every range, but for one part in 2^32 */

#define OBJECT(version) "\"object\":{\"metadata\":{\"resourceVersion\":\"" version "\"}}"
#define STATUS          "\"object\":{\"kind\":\"Status\","

static void test_decode(void **state)
{
    static const struct {
        const char *line;
        enum kube_watch_type type;
        const char *version;
        int code;
        const char *problem;
    } rows[] = {
        {"{\"type\":\"ADDED\"," OBJECT("1") "}", KUBE_WATCH_ADDED, "1", 0, NULL},
        {"{\"type\":\"MODIFIED\"," OBJECT("12345678901234567890") "}", KUBE_WATCH_MODIFIED,
         "12345678901234567890", 0, NULL},
        {OBJECT("1"), 0, "", 0, "malformed JSON"},
        {"{" OBJECT("9") ",\"type\":\"DELETED\"}\r", KUBE_WATCH_DELETED, "9", 0, NULL},
        {"{\"type\":\"BOOKMARK\"," OBJECT("aZ-9") "}", KUBE_WATCH_BOOKMARK, "aZ-9", 0, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":410}}", KUBE_WATCH_ERROR, "", 410, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":500}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":\"410\"}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":4.1}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":-10}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":999}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\"," STATUS "\"code\":4100}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\",\"object\":{}}", KUBE_WATCH_ERROR, "", 500, NULL},
        {"{\"type\":\"ERROR\"}", 0, "", 0, "the line has no object"},
        {"{\"type\":\"ADDED\",\"object\":[]}", 0, "", 0, "the line has no object"},
        {"{\"type\":\"ADDED\",\"object\":null}", 0, "", 0, "the line has no object"},
        {"{\"type\":\"added\"," OBJECT("1") "}", 0, "", 0, "the line's type is not known"},
        {"{\"type\":1," OBJECT("1") "}", 0, "", 0, "the line's type is not known"},
        {"{" OBJECT("1") "}", 0, "", 0, "the line's type is not known"},
        {"[]", 0, "", 0, "the line's type is not known"},
        {"", 0, "", 0, "malformed JSON"},
        {"{\"type\":\"ADDED\"," OBJECT("1"), 0, "", 0, "malformed JSON"},
        {"{\"type\":\"ADDED\"," OBJECT("1") "}{}", 0, "", 0, "malformed JSON"},
        {"{\"type\":\"ADDED\"," OBJECT("") "}", 0, "", 0,
         "metadata.resourceVersion is missing, too long or not plain"},
        {"{\"type\":\"ADDED\"," OBJECT("1&watch=0") "}", 0, "", 0,
         "metadata.resourceVersion is missing, too long or not plain"},
        {"{\"type\":\"ADDED\"," OBJECT("1\\u0000") "}", 0, "", 0,
         "metadata.resourceVersion is missing, too long or not plain"},
        {"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":1}}}", 0, "", 0,
         "metadata.resourceVersion is missing, too long or not plain"},
        {"{\"type\":\"ADDED\"," OBJECT(
             "1234567890123456789012345678901234567890123456789012345678901234") "}",
         0, "", 0, "metadata.resourceVersion is missing, too long or not plain"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct kube_watch_event event;
        struct error error = {""};
        int got;

        arena_init(&arena, 1000);
        got = kube_watch_decode(&event, slice_str(rows[i].line), &arena, &error);
        if (got != (rows[i].problem ? -1 : 0))
            fail_msg("%s: %d %s", rows[i].line, got, error.text);
        assert_string_equal(error.text, rows[i].problem ? rows[i].problem : "");
        if (got)
            continue;
        assert_int_equal(event.type, rows[i].type);
        assert_string_equal(event.version, rows[i].version);
        assert_int_equal(event.code, rows[i].code);
        assert_true(yyjson_is_obj(event.object));
    }
}

static int decode_in(size_t ceiling, struct slice line, struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    struct kube_watch_event event;

    arena_init(&arena, 1000);
    arena.ceiling = ceiling;
    return kube_watch_decode(&event, line, &arena, error);
}

/* The most that a line can take is all small values. */
static void test_memory(void **state)
{
    STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(KUBE_WATCH_LINE_MAX);
    struct error error = {""};

    (void)state;
    strbuf_add_str(&line,
                   "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"},"
                   "\"x\":[0");
    while (line.len + 5 <= KUBE_WATCH_LINE_MAX)
        strbuf_add_str(&line, ",0");
    strbuf_add_str(&line, "]}}");
    assert_false(strbuf_overflowed(&line));
    assert_int_equal(decode_in(KUBE_WATCH_MEMORY_MAX, strbuf_slice(&line), &error), 0);
    assert_int_equal(decode_in(KUBE_WATCH_LINE_MAX, strbuf_slice(&line), &error), -1);
    assert_string_equal(error.text, "the line takes too much memory");
}

static void bring(struct kube_watch *watch, enum kube_watch_type type, const char *version,
                  int code, uint64_t now_ms, bool want)
{
    struct kube_watch_event event = {.type = type, .code = code};

    (void)snprintf(event.version, sizeof(event.version), "%s", version);
    assert_int_equal(kube_watch_take(watch, &event, now_ms), want);
    assert_int_equal(kube_watch_is_over(watch), type == KUBE_WATCH_ERROR);
}

static void test_lines_move_the_version(void **state)
{
    struct kube_watch watch = {0};

    (void)state;
    kube_watch_begin(&watch, 1);
    bring(&watch, KUBE_WATCH_ADDED, "5", 0, 2, true);
    assert_string_equal(watch.version, "5");
    bring(&watch, KUBE_WATCH_DELETED, "8", 0, 2, true);
    bring(&watch, KUBE_WATCH_BOOKMARK, "90", 0, 2, false);
    bring(&watch, KUBE_WATCH_MODIFIED, "91", 0, 2, true);
    bring(&watch, KUBE_WATCH_ERROR, "", 500, 2, false);
    assert_string_equal(watch.version, "91");
    kube_watch_begin(&watch, 3);
    assert_false(kube_watch_is_over(&watch));
}

/* One attempt that began at 100 s with version 7, the last line of which came then. */
static void test_what_follows(void **state)
{
    static const struct {
        int status, code; /* HTTP's, and of an ERROR line */
        unsigned attempts;
        uint64_t lasted_ms;
        const char *version; /* afterwards */
        uint64_t wait_ms;
        int want;
    } rows[] = {
        {200, 0, 0, 5, "7", 499, 0},
        {200, 0, 3, 9999, "7", 3999, 0},
        {200, 0, 3, 10000, "7", 499, 0}, /* it had been a good one */
        {200, 0, 3, 239999, "7", 499, 0},
        {200, 0, 3, 240000, "", 499, 0}, /* silent for too long */
        {0, 0, 0, 5, "7", 499, 0},
        {0, 0, 4, 5, "7", 7999, 0},
        {0, 0, 9, 5, "7", 14999, 0},
        {0, 0, 16, 5, "7", 14999, 0},
        {0, 0, 0, 240000, "", 499, 0},
        {200, 410, 0, 5, "", 499, 0},
        {410, 0, 2, 5, "", 1999, 0},
        {400, 0, 2, 5, "", 1999, 0},
        {429, 0, 1, 5, "7", 999, 0},
        {500, 0, 1, 5, "7", 999, 0},
        {200, 500, 1, 5, "7", 999, 0},
        {504, 0, 1, 5, "7", 999, 0},
        {403, 0, 9, 5, "", 299999, KUBE_WATCH_FORBIDDEN},
        {401, 0, 0, 5, "", 299999, KUBE_WATCH_FORBIDDEN},
        {200, 403, 0, 5, "", 299999, KUBE_WATCH_FORBIDDEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kube_watch watch = {.attempts = rows[i].attempts};
        uint64_t wait_ms = 0;
        int got;

        kube_watch_begin(&watch, 100000);
        bring(&watch, KUBE_WATCH_ADDED, "7", 0, 100000, true);
        if (rows[i].code)
            bring(&watch, KUBE_WATCH_ERROR, "", rows[i].code, 100000, false);
        got = kube_watch_end(&watch, rows[i].status, 100000 + rows[i].lasted_ms, HALF, &wait_ms);
        if (got != rows[i].want || wait_ms != rows[i].wait_ms)
            fail_msg("row %zu: %d, %u ms", i, got, (unsigned)wait_ms);
        assert_string_equal(watch.version, rows[i].version);
        assert_int_equal(watch.forbidden, rows[i].want == KUBE_WATCH_FORBIDDEN);
    }
}

static void test_a_missing_permission_is_said_once(void **state)
{
    struct kube_watch watch = {0};
    uint64_t wait_ms;

    (void)state;
    assert_int_equal(kube_watch_end(&watch, 403, 1, HALF, &wait_ms), KUBE_WATCH_FORBIDDEN);
    assert_int_equal(kube_watch_end(&watch, 403, 2, HALF, &wait_ms), 0);
    assert_int_equal(wait_ms, 299999);
    assert_int_equal(kube_watch_end(&watch, 0, 3, HALF, &wait_ms), 0);
    assert_int_equal(wait_ms, 499);
    assert_int_equal(kube_watch_end(&watch, 401, 4, HALF, &wait_ms), 0);
    assert_true(watch.forbidden);
    kube_watch_open(&watch);
    assert_false(watch.forbidden);
    assert_int_equal(kube_watch_end(&watch, 200, 5, HALF, &wait_ms), 0);
    assert_int_equal(kube_watch_end(&watch, 403, 6, HALF, &wait_ms), KUBE_WATCH_FORBIDDEN);
}

/* A cluster with a history of numbered events, some of which are forgotten, and that is put back
 * from a copy now and then; and a watch of it. */
struct world {
    uint64_t random, now_ms;
    unsigned newest; /* version of the history */
    unsigned oldest; /* below it: 410 */
    unsigned seen;   /* newest that the watch brought */
    unsigned attempts;
    struct kube_watch watch;
};

static uint32_t any(struct world *world)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return (uint32_t)((world->random * 2685821657736338717u) >> 32);
}

static void bring_numbered(struct world *world, enum kube_watch_type type, unsigned version)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", version);
    bring(&world->watch, type, text, 0, world->now_ms, type != KUBE_WATCH_BOOKMARK);
    if (version > world->seen)
        world->seen = version;
}

/* What the server does with a watch from `version` on. Returns the HTTP status. */
static int serve(struct world *world)
{
    struct kube_watch *watch = &world->watch;
    unsigned from = (unsigned)strtoul(watch->version, NULL, 10);

    if (watch->version[0] && from + 1 < world->oldest) {
        if (any(world) % 2)
            return 410;
        kube_watch_open(watch);
        bring(watch, KUBE_WATCH_ERROR, "", 410, world->now_ms, false);
        return 200;
    }
    kube_watch_open(watch);
    for (unsigned version = from < world->oldest ? world->oldest : from + 1;
         version <= world->newest; version++)
        bring_numbered(world, KUBE_WATCH_ADDED, version);
    if (any(world) % 4 == 0 && world->newest >= from)
        bring_numbered(world, KUBE_WATCH_BOOKMARK, world->newest);
    return any(world) % 2 ? 200 : 0;
}

/* A healthy attempt: everything that there is has been seen, at the latest after two. */
static void check_catches_up(struct world *world)
{
    for (unsigned i = 0; i < 4 && world->seen < world->newest; i++) {
        uint64_t wait_ms;
        int status;

        kube_watch_begin(&world->watch, world->now_ms);
        status = serve(world);
        (void)kube_watch_end(&world->watch, status, world->now_ms, any(world), &wait_ms);
        assert_true(wait_ms < KUBE_WATCH_CAP_MS);
        world->now_ms += wait_ms;
    }
    assert_int_equal(world->seen, world->newest);
}

static void fail_somehow(struct world *world)
{
    static const int statuses[] = {0, 0, 200, 429, 500, 503, 403, 401};
    int status = statuses[any(world) % (sizeof(statuses) / sizeof(statuses[0]))];
    bool was_forbidden = world->watch.forbidden;
    uint64_t wait_ms;
    int got;

    kube_watch_begin(&world->watch, world->now_ms);
    got = kube_watch_end(&world->watch, status, world->now_ms + any(world) % 9000, any(world),
                         &wait_ms);
    if (status == 401 || status == 403) {
        assert_int_equal(got, was_forbidden ? 0 : KUBE_WATCH_FORBIDDEN);
        assert_in_range(wait_ms, KUBE_WATCH_DENIED_MS / 5 * 4, KUBE_WATCH_DENIED_MS / 5 * 6);
    } else {
        assert_int_equal(got, 0);
        assert_true(wait_ms < KUBE_WATCH_CAP_MS);
    }
    world->now_ms += wait_ms;
    world->attempts++;
}

/* etcd from a copy: its history ends before the version, and would be waited for in silence. */
static void put_back(struct world *world)
{
    uint64_t wait_ms;

    world->newest = world->newest / 4 * 3;
    world->oldest = 1;
    world->seen = 0;
    kube_watch_begin(&world->watch, world->now_ms);
    world->now_ms += 300000;
    (void)kube_watch_end(&world->watch, 200, world->now_ms, any(world), &wait_ms);
    world->now_ms += wait_ms;
    check_catches_up(world);
}

/* Whatever came before: as soon as the server answers again, nothing is missed that it still has,
 * and it was never asked more often than the backoff allows. */
static void test_any_schedule(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world world = {.random = seed * 0x9e3779b97f4a7c15u, .now_ms = 1000, .oldest = 1};

        for (unsigned step = 0; step < 200; step++) {
            switch (any(&world) % 8) {
            case 0: fail_somehow(&world); break;
            case 1: world.now_ms += any(&world) % 400000; break;
            case 2: world.oldest = world.newest / 2 + 1; break;
            case 3: put_back(&world); break;
            case 4: check_catches_up(&world); break;
            default: world.newest += any(&world) % 5; break;
            }
        }
        check_catches_up(&world);
    }
}

/* An hour of a server that fails at once, whatever its way: about 240 requests, never a storm. */
static void test_no_storm(void **state)
{
    static const int statuses[] = {0, 200, 410, 429, 500, 404};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct world world = {.random = i + 1, .now_ms = 1000};

        for (; world.now_ms < 3600000; world.attempts++) {
            uint64_t wait_ms;

            kube_watch_begin(&world.watch, world.now_ms);
            if (i % 2)
                bring_numbered(&world, KUBE_WATCH_ADDED, world.attempts);
            (void)kube_watch_end(&world.watch, statuses[i], world.now_ms, any(&world), &wait_ms);
            world.now_ms += wait_ms;
        }
        assert_in_range(world.attempts, 150, 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_lines_move_the_version),
        cmocka_unit_test(test_what_follows),
        cmocka_unit_test(test_a_missing_permission_is_said_once),
        cmocka_unit_test(test_any_schedule),
        cmocka_unit_test(test_no_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
