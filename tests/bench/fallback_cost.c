/*
 * Reviews of a pod with two images while nothing, or as much as there may be, is turned away from
 * the cache: fallback_cost none|full TIMES. Who counts its instructions (tests/bench/bench.py)
 * knows what the question costs.
 */
#include "pullthrough/core/fallback/fallback_table.h"
#include "pullthrough/core/review/review.h"

#include <stdio.h>
#include <stdlib.h>

#define REVIEW                                                                                     \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":"   \
    "\"u1\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"               \
    "\"operation\":\"CREATE\",\"object\":{\"spec\":{\"containers\":[{\"image\":\"nginx:1.27\"},"   \
    "{\"image\":\"redis:7.4a\"}]}}}}"

static void turn_away(struct fallback *fallback, const char *prefix, const char *image)
{
    struct fallback_pull pull = {.class = PULL_ABSENT,
                                 .prefix = slice_str(prefix),
                                 .image = slice_str(image),
                                 .node = slice_str("n1")};

    (void)fallback_failure(fallback, &pull, 0);
}

/* As many as there may be, all as long as what is asked for, so that their bytes are compared. */
static struct fallback_table *make_full_table(void)
{
    struct fallback *fallback =
        fallback_new(&(struct fallback_settings){.remember_ms = FALLBACK_MINUTE_MS});
    struct fallback_table *table;
    char image[sizeof("dockercache/library/nginx:1.27")], prefix[sizeof("dockercache")];
    int n = 0;

    for (int i = 0; i < FALLBACK_UPSTREAMS_MAX; i++)
        for (int k = 0; k < FALLBACK_UPSTREAM_IMAGES; k++) {
            (void)snprintf(prefix, sizeof(prefix), "docker%05u", (unsigned)i % 100000);
            (void)snprintf(image, sizeof(image), "%s/library/n%04u:27", prefix,
                           (unsigned)n++ % 10000);
            turn_away(fallback, prefix, image);
        }
    for (; n < FALLBACK_IMAGES_MAX; n++) {
        (void)snprintf(image, sizeof(image), "dockercache/library/n%04u:27", (unsigned)n % 10000);
        turn_away(fallback, image, image);
    }
    table = fallback_table_new(fallback);
    fallback_free(fallback);
    return table;
}

static void review(const struct rule_set *rules, const struct fallback_table *table)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(REVIEW_ANSWER_MAX);
    ARENA_CLEANUP struct arena arena;
    struct review done;

    arena_init(&arena, review_arena_bytes(sizeof(REVIEW) - 1));
    review_answer(&done, rules, table, NULL, slice_str(REVIEW), &arena, &answer);
    if (done.n_rewritten != 2)
        abort();
}

int main(int argc, char **argv)
{
    static struct config_upstream upstream = {
        .registry = "docker.io", .prefix = "dockercache", .enabled = true};
    struct config config = {.upstreams = &upstream, .n_upstreams = 1};
    struct rule_set_facts facts = {.host =
                                       slice_str("111122223333.dkr.ecr.us-west-2.amazonaws.com")};
    struct rule_set *rules = rule_set_new(&config, &facts);
    struct fallback_table *table = NULL;
    long times = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

    if (times <= 0)
        return 2;
    if (strcmp(argv[1], "full") == 0)
        table = make_full_table();
    if (fallback_table_counts(table).images != (table ? (size_t)FALLBACK_IMAGES_MAX : 0) ||
        fallback_table_counts(table).upstreams != (table ? (size_t)FALLBACK_UPSTREAMS_MAX : 0))
        abort();
    while (times-- > 0)
        review(rules, table);
    fallback_table_unref(table);
    rule_set_free(rules);
    return 0;
}
