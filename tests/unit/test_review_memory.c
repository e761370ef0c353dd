/*
 * What a review costs in memory, by shape and size: never over five times its bytes and 1 MiB
 * (the body itself is the sixth). Each shape is whole JSON of the size that is asked for, or
 * deliberately none.
 */
#include "counted_memory.h"

#include "pullthrough/core/review/review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD                                                                                       \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"           \
    "\"uid\":\"u1\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"       \
    "\"namespace\":\"demo\","
#define CREATE HEAD "\"operation\":\"CREATE\",\"object\":{\"metadata\":"
#define UPDATE HEAD "\"operation\":\"UPDATE\",\"object\":{\"metadata\":"
#define LONG   "registry.example.com.a.very.long.name.of.a.host.that.somebody.has.made.up.io:5000"

enum { LARGEST = 8 * 1024 * 1024, IMAGES = 4000 };

static struct rule_set *make_rules(void)
{
    static struct config_upstream upstreams[] = {
        {.registry = "docker.io", .prefix = "dockercache", .enabled = true}};
    struct config config = {
        .upstreams = upstreams, .n_upstreams = 1, .rewrite = {.record_originals = true}};
    struct rule_set_facts facts = {.host = slice_str(LONG)};

    return rule_set_new(&config, &facts);
}

struct shape {
    const char *name, *head, *piece, *close, *tail;
    size_t most;        /* pieces; 0: as many as fit */
    const char *inside; /* all of the pieces; NULL: nothing */
};

/* head, as many pieces as fit into `size`, as often `close`, tail; "%" in a piece is its number. */
static void make(struct strbuf *body, const struct shape *shape, size_t size)
{
    size_t fixed = strlen(shape->head) + strlen(shape->tail);
    size_t n = 0, room = size > fixed ? size - fixed : 0;
    const char *number = strchr(shape->piece, '%');

    strbuf_clear(body);
    strbuf_add_str(body, shape->head);
    for (; (!shape->most || n < shape->most) &&
           (n + 1) * (strlen(shape->piece) + strlen(shape->close) + (number ? 7 : 1)) <= room;
         n++) {
        if (n && shape->piece[0] != '[' && !shape->close[0])
            strbuf_add_char(body, ',');
        strbuf_add(body, shape->piece,
                   number ? (size_t)(number - shape->piece) : strlen(shape->piece));
        if (number)
            strbuf_add_format(body, "%zu%s", n, number + 1);
    }
    strbuf_add_str(body, shape->inside ? shape->inside : "");
    for (size_t i = 0; i < n; i++)
        strbuf_add_str(body, shape->close);
    strbuf_add_str(body, shape->tail);
}

#define NAMED(name, image) "{\"name\":\"" name "\",\"image\":\"" image "\"}"

static const struct shape shapes[] = {
    {"brackets only", "", "[", "", "", 0, NULL},
    {"arrays in arrays", CREATE "{},\"spec\":{\"x\":", "[", "]", "}}}}", 0, NULL},
    {"objects in objects", CREATE "{},\"spec\":{\"x\":", "{\"a\":", "}", "}}}}", 0, "0"},
    {"empty objects", CREATE "{},\"spec\":{\"x\":[", "{}", "", "]}}}}", 0, NULL},
    {"numbers", CREATE "{},\"spec\":{\"x\":[", "0", "", "]}}}}", 0, NULL},
    {"empty texts", CREATE "{},\"spec\":{\"x\":[", "\"\"", "", "]}}}}", 0, NULL},
    {"members", CREATE "{},\"spec\":{\"x\":{", "\"a\":0", "", "}}}}}", 0, NULL},
    {"one long text", CREATE "{},\"spec\":{\"x\":\"", "aaaaaaaa", "", "\"}}}}", 0, NULL},
    {"empty containers", CREATE "{},\"spec\":{\"containers\":[", "{}", "", "]}}}}", IMAGES, NULL},
    {"smallest containers", CREATE "{},\"spec\":{\"containers\":[", "{\"image\":\"a\"}", "",
     "]}}}}", IMAGES, NULL},
    {"named containers", CREATE "{},\"spec\":{\"containers\":[", NAMED("c%", "nginx"), "", "]}}}}",
     IMAGES, NULL},
    {"names of control characters", CREATE "{},\"spec\":{\"containers\":[",
     NAMED("\\b\\b\\b\\b\\b\\b\\b\\b\\b\\b%", "nginx"), "", "]}}}}", IMAGES, NULL},
    {"containers of one name", CREATE "{},\"spec\":{\"containers\":[", NAMED("web", "nginx"), "",
     "]}}}}", IMAGES, NULL},
    {"annotations", CREATE "{\"annotations\":{", "\"a%\":\"\"", "",
     "}},\"spec\":{\"containers\":[" NAMED("web", "nginx") "]}}}}", 0, NULL},
    {"switches of containers", CREATE "{\"annotations\":{",
     "\"pullthrough.internal/rewrite.%\":\"\"", "",
     "}},\"spec\":{\"containers\":[" NAMED("web", "nginx") "]}}}}", 0, NULL},
    {"originals", CREATE "{\"annotations\":{\"pullthrough.internal/original-images\":\"{",
     "\\\"containers/%\\\":\\\"\\\"", "",
     "}\"}},\"spec\":{\"containers\":[" NAMED("web", "nginx") "]}}}}", 0, NULL},
    {"originals deep", CREATE "{\"annotations\":{\"pullthrough.internal/original-images\":\"",
     "{\\\"a\\\":", "}", "\"}},\"spec\":{\"containers\":[" NAMED("web", "nginx") "]}}}}", 0, "0"},
    {"an update of many",
     UPDATE "{},\"spec\":{\"containers\":[" NAMED(
         "a", "nginx") "]}},"
                       "\"oldObject\":{\"spec\":{\"containers\":[",
     NAMED("c%", "redis"), "", "]}}}}", IMAGES, NULL},
    {"statuses",
     UPDATE "{},\"spec\":{\"containers\":[" NAMED(
         "a", "nginx") "]}},"
                       "\"oldObject\":{\"spec\":{\"containers\":[" NAMED(
                           "a",
                           LONG "/dockercache/library/nginx") "]},"
                                                              "\"status\":{\"containerStatuses\":[",
     "{\"name\":\"%\"}", "", "]}}}}", 0, NULL},
};

static size_t cost(const struct shape *shape, struct slice body, const struct rule_set *rules,
                   struct review *review)
{
    struct strbuf answer = STRBUF_INIT(REVIEW_ANSWER_MAX);
    struct arena arena;
    size_t peak;

    counted_memory_start();
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(review, rules, NULL, NULL, body, &arena, &answer);
    peak = counted_memory_peak();
    if (review->status == 200)
        assert_non_null(strstr(strbuf_str(&answer), "\"uid\":\"u1\",\"allowed\":true"));
    else
        assert_string_equal(shape->head, "");
    arena_fini(&arena);
    strbuf_fini(&answer);
    return peak;
}

static void test_no_shape_costs_more_than_its_bytes(void **state)
{
    static const size_t sizes[] = {1024,       10 * 1024,   60 * 1024,   100 * 1024, 200 * 1024,
                                   400 * 1024, 1024 * 1024, 3600 * 1024, LARGEST};
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(LARGEST);
    struct rule_set *rules = make_rules();
    bool within = true;

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        print_message("%-28s", shapes[i].name);
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            struct review review;
            size_t peak, most;

            make(&body, &shapes[i], sizes[k]);
            peak = cost(&shapes[i], strbuf_slice(&body), rules, &review);
            most = 5 * body.len + 1024 * 1024;
            print_message(" %5.1f%s", (double)peak / (double)body.len,
                          peak > most                               ? "!"
                          : review.outcome == REVIEW_NOT_UNDERSTOOD ? "-"
                          : review.outcome == REVIEW_BAD_REQUEST    ? "x"
                                                                    : " ");
            within &= peak <= most;
        }
        print_message("\n");
    }
    rule_set_free(rules);
    assert_true(within);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_shape_costs_more_than_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
