/*
 * Rewriting against a rule set that is made by hand, so that this test stands on core's
 * contracts only and not on the configuration's parser.
 */
#include "pullthrough/core/rules/rewrite.h"

#include "pullthrough/core/review/pod_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST   "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define DIGEST "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A10    "aaaaaaaaaa"
#define A50    A10 A10 A10 A10 A10
#define A200   A50 A50 A50 A50

static char *hub_aliases[] = {"registry-1.docker.io"};
static char *k8s_aliases[] = {"k8s.gcr.io"};
static char *excludes[] = {"auto", "ghcr.io/private/*", "docker.io/library/left*"};
static char *namespaces[] = {"kube-system"};
static struct config_upstream upstreams[] = {
    {.registry = "docker.io",
     .aliases = hub_aliases,
     .n_aliases = 1,
     .prefix = "dockercache",
     .enabled = true},
    {.registry = "ghcr.io", .prefix = "team/ghcrcache", .enabled = true},
    {.registry = "registry.k8s.io",
     .aliases = k8s_aliases,
     .n_aliases = 1,
     .prefix = "k8scache",
     .enabled = true},
    {.registry = "quay.io", .prefix = "quaycache", .enabled = true},
    {.registry = "public.ecr.aws", .prefix = "publiccache", .enabled = false},
};
static struct config_pod_label labels[] = {{.label = "cnpg.io/cluster"},
                                           {.label = "application", .value = "spilo"}};

static struct rule_set *make_rules(const char *host, enum config_digests digests)
{
    static const struct upstream_status statuses[] = {[0].rewrite = true,
                                                      [1].rewrite = true,
                                                      [2].rewrite = true,
                                                      [3].rewrite = false,
                                                      [4].rewrite = true};
    struct config config = {
        .upstreams = upstreams,
        .n_upstreams = 5,
        .rewrite = {.digests = digests,
                    .exclude = excludes,
                    .n_exclude = 3,
                    .skip_pods = labels,
                    .n_skip_pods = 2,
                    .skip_namespaces = namespaces,
                    .n_skip_namespaces = 1},
    };
    struct rule_set_facts facts = {.host = slice_str(host), .statuses = statuses};

    return rule_set_new(&config, &facts);
}

static const struct {
    const char *image;
    enum outcome outcome;
    const char *want; /* behind HOST "/" */
} rows[] = {
    {"nginx:1.27", OUTCOME_REWRITTEN, "dockercache/library/nginx:1.27"},
    {"nginx", OUTCOME_REWRITTEN, "dockercache/library/nginx"},
    {"grafana/grafana:11", OUTCOME_REWRITTEN, "dockercache/grafana/grafana:11"},
    {"docker.io/nginx", OUTCOME_REWRITTEN, "dockercache/library/nginx"},
    {"index.docker.io/library/nginx", OUTCOME_REWRITTEN, "dockercache/library/nginx"},
    {"registry-1.docker.io/library/nginx:1", OUTCOME_REWRITTEN, "dockercache/library/nginx:1"},
    {"ghcr.io/org/app:1", OUTCOME_REWRITTEN, "team/ghcrcache/org/app:1"},
    {"registry.k8s.io/pause:3.10", OUTCOME_REWRITTEN, "k8scache/pause:3.10"},
    {"k8s.gcr.io/pause:3.10", OUTCOME_REWRITTEN, "k8scache/pause:3.10"},
    {"localhost:5000", OUTCOME_REWRITTEN, "dockercache/library/localhost:5000"},
    {"docker.io/ghcr.io/org/app", OUTCOME_REWRITTEN, "dockercache/ghcr.io/org/app"},
    {"quay.io/prometheus/prometheus:v3.1.0", OUTCOME_RULE_NOT_READY, NULL},
    {"public.ecr.aws/x/y:1", OUTCOME_NOT_UPSTREAM, NULL}, /* known, not enabled */
    {"gcr.io/x/y", OUTCOME_NOT_UPSTREAM, NULL},
    {"DOCKER.IO/library/nginx", OUTCOME_NOT_UPSTREAM, NULL},
    {"docker.io:443/library/nginx", OUTCOME_NOT_UPSTREAM, NULL},
    {"a_b.c/d", OUTCOME_NOT_UPSTREAM, NULL}, /* has no domain at all */
    {"Nginx", OUTCOME_INVALID, NULL},
    {"{{ .Values.image }}", OUTCOME_INVALID, NULL},
    {HOST "/dockercache/library/nginx:1.27", OUTCOME_ALREADY_ECR, NULL},
    {"999988887777.dkr.ecr-fips.us-east-1.amazonaws.com/x:1", OUTCOME_ALREADY_ECR, NULL},
    {"auto", OUTCOME_EXCLUDED, NULL},
    {"auto:1", OUTCOME_REWRITTEN, "dockercache/library/auto:1"},
    {"ghcr.io/private/app:1", OUTCOME_EXCLUDED, NULL},
    {"ghcr.io/private/app" DIGEST, OUTCOME_EXCLUDED, NULL},
    {"leftpad:1", OUTCOME_EXCLUDED, NULL},
    {"registry-1.docker.io/library/leftpad", OUTCOME_EXCLUDED, NULL}, /* by the upstream's name */
    {"nginx" DIGEST, OUTCOME_DIGEST, NULL},
    {"nginx:1.27" DIGEST, OUTCOME_DIGEST, NULL},
    {"gcr.io/x/y" DIGEST, OUTCOME_NOT_UPSTREAM, NULL},
    /* "dockercache/" is 12 bytes, so a path of 243 makes 255 */
    {"x/" A200 A10 A10 A10 A10 "b", OUTCOME_REWRITTEN, "dockercache/x/" A200 A10 A10 A10 A10 "b"},
    {"x/" A200 A10 A10 A10 A10 "bc", OUTCOME_TOO_LONG, NULL},
};

static void test_every_outcome(void **state)
{
    struct rule_set *rules = make_rules(HOST, CONFIG_DIGESTS_SKIP);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REWRITE_TEXT_MAX);
        struct rewrite_verdict got = rewrite_image(rules, slice_str(rows[i].image), &out);

        if (got.outcome != rows[i].outcome)
            fail_msg("%s: %s", rows[i].image, outcome_name(got.outcome));
        if (rows[i].want) {
            assert_string_equal(strbuf_str(&out) + strlen(HOST "/"), rows[i].want);
            assert_true(slice_starts_with(strbuf_slice(&out), slice_str(HOST "/")));
        } else {
            assert_int_equal(out.len, 0);
        }
        assert_true((got.reason != NULL) == (got.outcome == OUTCOME_INVALID));
    }
    rule_set_free(rules);
}

static void test_what_was_rewritten_stays(void **state)
{
    static const char *hosts[] = {HOST, "mirror.example.com", "127.0.0.1:5000", "localhost"};

    (void)state;
    for (size_t h = 0; h < 4; h++) {
        struct rule_set *rules = make_rules(hosts[h], CONFIG_DIGESTS_REWRITE);

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            STRBUF_CLEANUP struct strbuf once = STRBUF_INIT(REWRITE_TEXT_MAX);
            STRBUF_CLEANUP struct strbuf twice = STRBUF_INIT(REWRITE_TEXT_MAX);

            if (rewrite_image(rules, slice_str(rows[i].image), &once).outcome != OUTCOME_REWRITTEN)
                continue;
            assert_int_equal(rewrite_image(rules, strbuf_slice(&once), &twice).outcome,
                             OUTCOME_ALREADY_ECR);
        }
        rule_set_free(rules);
    }
}

static void test_digests_may_be_rewritten(void **state)
{
    struct rule_set *rules = make_rules(HOST, CONFIG_DIGESTS_REWRITE);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REWRITE_TEXT_MAX);

    (void)state;
    assert_int_equal(rewrite_image(rules, slice_str("nginx:1.27" DIGEST), &out).outcome,
                     OUTCOME_REWRITTEN);
    assert_string_equal(strbuf_str(&out), HOST "/dockercache/library/nginx:1.27" DIGEST);
    rule_set_free(rules);
}

/* The tag as a whole, or the one that no tag stands for; what is pinned can't move. */
static void test_tags_may_be_excluded(void **state)
{
    static char *tags[] = {"latest", "nightly*", "v?"};
    static const struct {
        const char *image;
        enum outcome outcome;
    } cases[] = {
        {"nginx", OUTCOME_TAG_EXCLUDED},
        {"nginx:latest", OUTCOME_TAG_EXCLUDED},
        {"ghcr.io/org/app", OUTCOME_TAG_EXCLUDED},
        {"nginx:nightly-2026", OUTCOME_TAG_EXCLUDED},
        {"localhost:v1", OUTCOME_TAG_EXCLUDED},
        {"nginx:v1", OUTCOME_TAG_EXCLUDED},
        {"nginx:v12", OUTCOME_REWRITTEN},
        {"nginx:not-latest", OUTCOME_REWRITTEN},
        {"nginx:latest-alpine", OUTCOME_REWRITTEN},
        {"nginx" DIGEST, OUTCOME_REWRITTEN},
        {"nginx:latest" DIGEST, OUTCOME_REWRITTEN},
        /* which reason goes first */
        {"auto", OUTCOME_EXCLUDED},
        {"gcr.io/x", OUTCOME_NOT_UPSTREAM},
        {"quay.io/a/b", OUTCOME_TAG_EXCLUDED},
    };
    static const struct upstream_status statuses[] = {
        {.rewrite = true}, {.rewrite = true}, {.rewrite = true}, {0}, {0}};
    const struct config config = {.upstreams = upstreams,
                                  .n_upstreams = 5,
                                  .rewrite = {.digests = CONFIG_DIGESTS_REWRITE,
                                              .exclude = excludes,
                                              .n_exclude = 3,
                                              .exclude_tags = tags,
                                              .n_exclude_tags = 3}};
    struct rule_set *rules = rule_set_new(
        &config, &(struct rule_set_facts){.host = slice_str(HOST), .statuses = statuses});

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REWRITE_TEXT_MAX);
        struct rewrite_verdict verdict = rewrite_image(rules, slice_str(cases[i].image), &out);

        if (verdict.outcome != cases[i].outcome)
            fail_msg("%s: %s", cases[i].image, outcome_name(verdict.outcome));
        assert_int_equal(out.len > 0, cases[i].outcome == OUTCOME_REWRITTEN);
    }
    rule_set_free(rules);
}

static void test_names_in_ecr(void **state)
{
    static const struct {
        const char *text, *repository, *tag, *digest;
    } cases[] = {
        {"dockercache/library/nginx", "dockercache/library/nginx", "latest", ""},
        {"dockercache/library/nginx:1.27", "dockercache/library/nginx", "1.27", ""},
        {"c/x" DIGEST, "c/x", "", &DIGEST[1]},
        {"c/x:a.b-c_D" DIGEST, "c/x", "a.b-c_D", &DIGEST[1]},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rewrite_name name = rewrite_name_of(slice_str(cases[i].text));

        assert_true(slice_is(name.repository, cases[i].repository));
        assert_true(slice_is(name.tag, cases[i].tag));
        assert_true(slice_is(name.digest, cases[i].digest));
    }
}

/* when and digests, and what is asked of an image with and without a digest. */
static void test_which_images_are_looked_for(void **state)
{
    static const struct {
        enum config_when when;
        enum config_digests digests;
        bool all_cached, tags, by_digest;
    } cases[] = {
        {CONFIG_WHEN_ALWAYS, CONFIG_DIGESTS_SKIP, false, false, false},
        {CONFIG_WHEN_ALWAYS, CONFIG_DIGESTS_REWRITE, false, false, false},
        {CONFIG_WHEN_ALWAYS, CONFIG_DIGESTS_CACHED, false, false, true},
        {CONFIG_WHEN_CACHED, CONFIG_DIGESTS_CACHED, false, true, true},
        {CONFIG_WHEN_CACHED, CONFIG_DIGESTS_REWRITE, false, true, true},
        {CONFIG_WHEN_CACHED, CONFIG_DIGESTS_CACHED, true, false, false},
        {CONFIG_WHEN_ALWAYS, CONFIG_DIGESTS_CACHED, true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct config config = {
            .rewrite = {.when = cases[i].when, .digests = cases[i].digests}};
        struct rule_set *rules =
            rule_set_new(&config, &(struct rule_set_facts){.all_cached = cases[i].all_cached});

        assert_int_equal(rule_set_asks_cache(rules, false), cases[i].tags);
        assert_int_equal(rule_set_asks_cache(rules, true), cases[i].by_digest);
        assert_int_equal(rule_set_rewrites_digests(rules), cases[i].digests != CONFIG_DIGESTS_SKIP);
        rule_set_free(rules);
    }
}

static void test_what_is_off_is_not_ready(void **state)
{
    struct rule_set *rules = make_rules(HOST, CONFIG_DIGESTS_SKIP);

    (void)state;
    assert_true(rule_set_is_ready(rules, 0));
    assert_false(rule_set_is_ready(rules, 3)); /* its rule isn't */
    assert_false(rule_set_is_ready(rules, 4)); /* it is disabled */
    rule_set_free(rules);
}

/* Somebody else's rule below ours has its share of the upstream; the rest is rewritten. */
static void test_what_is_taken_is_left_alone(void **state)
{
    static const struct upstream_taken of_hub[] = {
        {"library", "the rule \"dockercache/library\" takes them from quay.io"},
        {"grafana/deep", "another one"},
    };
    static const struct upstream_taken of_ghcr[] = {
        {"org/team", "the rule \"team/ghcrcache/org/team\" takes them from quay.io"},
    };
    static const struct upstream_status statuses[] = {
        {.rewrite = true, .taken = of_hub, .n_taken = 2},
        {.rewrite = true, .taken = of_ghcr, .n_taken = 1},
        {.rewrite = true},
        {.rewrite = false},
        {.rewrite = true},
    };
    static const struct {
        const char *image, *reason; /* NULL: it is rewritten */
    } images[] = {
        {"nginx:1.27", "the rule \"dockercache/library\" takes them from quay.io"},
        {"docker.io/library/nginx", "the rule \"dockercache/library\" takes them from quay.io"},
        {"registry-1.docker.io/library/a/b",
         "the rule \"dockercache/library\" takes them from quay.io"},
        {"grafana/deep/x:1", "another one"},
        {"grafana/deep:1", NULL}, /* at the path, not below it */
        {"grafana/deeper/x:1", NULL},
        {"grafana/grafana:11", NULL},
        {"library2/x", NULL},
        {"librar/y", NULL},
        {"ghcr.io/org/team/app:1", "the rule \"team/ghcrcache/org/team\" takes them from quay.io"},
        {"ghcr.io/org/app:1", NULL},
        {"ghcr.io/library/app:1", NULL}, /* that is docker.io's */
    };
    const struct config config = {.upstreams = upstreams, .n_upstreams = 5};
    struct rule_set *rules = rule_set_new(
        &config, &(struct rule_set_facts){.host = slice_str(HOST), .statuses = statuses});

    (void)state;
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REWRITE_TEXT_MAX);
        struct rewrite_verdict verdict = rewrite_image(rules, slice_str(images[i].image), &out);

        assert_int_equal(verdict.outcome,
                         images[i].reason ? OUTCOME_RULE_NOT_READY : OUTCOME_REWRITTEN);
        assert_int_equal(out.len > 0, !images[i].reason);
        if (images[i].reason)
            assert_string_equal(verdict.reason, images[i].reason);
        else
            assert_null(verdict.reason);
    }
    rule_set_free(rules);
}

static void test_without_a_host_nothing_is_ready(void **state)
{
    struct rule_set *rules = make_rules("", CONFIG_DIGESTS_REWRITE);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REWRITE_TEXT_MAX);

    (void)state;
    assert_int_equal(rewrite_image(rules, slice_str("nginx"), &out).outcome,
                     OUTCOME_RULE_NOT_READY);
    assert_int_equal(out.len, 0);
    rule_set_free(rules);
}

static void test_the_longest_reference_fits_the_bound(void **state)
{
    struct rule_set *rules = make_rules(HOST, CONFIG_DIGESTS_REWRITE);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REWRITE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf image = STRBUF_INIT(1000);

    (void)state;
    strbuf_add_str(&image, "x/" A200 A10 A10 A10 A10 "b:");
    for (int i = 0; i < 128; i++)
        strbuf_add_char(&image, 't');
    strbuf_add_str(&image, "@sha512:");
    for (int i = 0; i < 128; i++)
        strbuf_add_char(&image, 'f');
    assert_int_equal(rewrite_image(rules, strbuf_slice(&image), &out).outcome, OUTCOME_REWRITTEN);
    assert_false(strbuf_overflowed(&out));
    rule_set_free(rules);
}

static void test_pod_gate(void **state)
{
    static const struct {
        const char *namespace, *label, *label_value, *annotation, *annotation_value;
        enum outcome want;
    } gates[] = {
        {"demo", "app", "web", "a", "b", OUTCOME_REWRITTEN},
        {"", "app", "web", "a", "b", OUTCOME_REWRITTEN},
        {"kube-system", "app", "web", "kubernetes.io/config.mirror", "x",
         OUTCOME_SKIPPED_NAMESPACE},
        {"demo", "cnpg.io/cluster", "x", "kubernetes.io/config.mirror", "", OUTCOME_MIRROR_POD},
        {"demo", POD_GATE_SWITCH, "disabled", "a", "b", OUTCOME_SKIPPED_POD},
        {"demo", POD_GATE_SWITCH, "enabled", "a", "b", OUTCOME_REWRITTEN},
        {"demo", "app", "web", POD_GATE_SWITCH, "disabled", OUTCOME_SKIPPED_POD},
        {"demo", "cnpg.io/cluster", "any", "a", "b", OUTCOME_SKIPPED_POD},
        {"demo", "application", "spilo", "a", "b", OUTCOME_SKIPPED_POD},
        {"demo", "application", "spilo2", "a", "b", OUTCOME_REWRITTEN},
        {"demo", "app", "web", "cnpg.io/cluster", "x", OUTCOME_REWRITTEN}, /* a label, not this */
    };
    struct rule_set *rules = make_rules(HOST, CONFIG_DIGESTS_SKIP);

    (void)state;
    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
        struct pod_gate gate;

        pod_gate_init(&gate, rules, slice_str(gates[i].namespace));
        pod_gate_label(&gate, slice_str(gates[i].label), slice_str(gates[i].label_value));
        pod_gate_annotation(&gate, slice_str(gates[i].annotation),
                            slice_str(gates[i].annotation_value));
        assert_int_equal(pod_gate_outcome(&gate), gates[i].want);
    }
    rule_set_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_outcome),
        cmocka_unit_test(test_what_was_rewritten_stays),
        cmocka_unit_test(test_digests_may_be_rewritten),
        cmocka_unit_test(test_tags_may_be_excluded),
        cmocka_unit_test(test_names_in_ecr),
        cmocka_unit_test(test_which_images_are_looked_for),
        cmocka_unit_test(test_what_is_off_is_not_ready),
        cmocka_unit_test(test_what_is_taken_is_left_alone),
        cmocka_unit_test(test_without_a_host_nothing_is_ready),
        cmocka_unit_test(test_the_longest_reference_fits_the_bound),
        cmocka_unit_test(test_pod_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
