/*
 * Reviews of a pod with two images, one of them with a digest, where ECR isn't asked, or where a
 * set as full as there may be is: cache_cost off|full TIMES. Who counts its instructions
 * (tests/bench/bench.py) knows what the question costs. cache_cost memory prints the KiB that a
 * full set makes the process larger by.
 */
#include "pullthrough/core/cache/image_set.h"
#include "pullthrough/core/review/review.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIGEST "sha256:6a59f1cbb8d28ac484176d52c473494859a512ddba3ea62a547258cf16c9b3ae"
#define REVIEW                                                                                     \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":"   \
    "\"u1\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"               \
    "\"operation\":\"CREATE\",\"object\":{\"spec\":{\"containers\":[{\"image\":\"nginx:1.27\"},"   \
    "{\"image\":\"redis:7.4a@" DIGEST "\"}]}}}}"

/* What the review asks for, and others. */
static struct image_set *make_full_set(void)
{
    static const uint8_t secret[IMAGE_SET_SECRET_BYTES] = {1, 2, 3};
    struct image_set *set = image_set_new(secret, IMAGE_SET_MAX);
    char tag[20];

    image_set_add(set, slice_str("dockercache/library/nginx"), IMAGE_SET_TAG, slice_str("1.27"), 0);
    image_set_add(set, slice_str("dockercache/library/redis"), IMAGE_SET_DIGEST, slice_str(DIGEST),
                  0);
    for (unsigned i = 2; i < IMAGE_SET_MAX; i++) {
        (void)snprintf(tag, sizeof(tag), "v%u", i);
        image_set_add(set, slice_str("dockercache/library/nginx"), IMAGE_SET_TAG, slice_str(tag),
                      0);
    }
    if (image_set_counts(set).tags + image_set_counts(set).digests != IMAGE_SET_MAX)
        abort();
    return set;
}

/* Of this process, in KiB. */
static long resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;

    if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
        abort();
    (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int print_memory(void)
{
    long before = resident();
    struct image_set *set = make_full_set();

    (void)printf("%ld\n", resident() - before);
    image_set_unref(set);
    return 0;
}

static void review(const struct rule_set *rules, struct image_set *set)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(REVIEW_ANSWER_MAX);
    ARENA_CLEANUP struct arena arena;
    struct review done;

    arena_init(&arena, review_arena_bytes(sizeof(REVIEW) - 1));
    review_answer(&done, rules, NULL, set, slice_str(REVIEW), &arena, &answer);
    if (done.n_rewritten != 2)
        abort();
}

int main(int argc, char **argv)
{
    static struct config_upstream upstream = {
        .registry = "docker.io", .prefix = "dockercache", .enabled = true};
    struct config config = {
        .upstreams = &upstream, .n_upstreams = 1, .rewrite.digests = CONFIG_DIGESTS_REWRITE};
    struct rule_set_facts facts = {.host =
                                       slice_str("111122223333.dkr.ecr.us-west-2.amazonaws.com")};
    long times = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    struct image_set *set = NULL;
    struct rule_set *rules;

    if (argc == 2 && strcmp(argv[1], "memory") == 0)
        return print_memory();
    if (times <= 0)
        return 2;
    if (strcmp(argv[1], "full") == 0) {
        config.rewrite.when = CONFIG_WHEN_CACHED;
        config.rewrite.digests = CONFIG_DIGESTS_CACHED;
        set = make_full_set();
    }
    rules = rule_set_new(&config, &facts);
    while (times-- > 0)
        review(rules, set);
    image_set_unref(set);
    rule_set_free(rules);
    return 0;
}
