/*
 * Counting: pods, images and reasons of manifests, as sums of registries and namespaces. Larger
 * inputs are compared with a counter of their own by tests/it/test_scan.py.
 */
#include "pullthrough/core/manifest/manifest_stream.h"
#include "pullthrough/core/scan/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST "111122223333.dkr.ecr.us-west-2.amazonaws.com"

enum { TEXT_MAX = 1024 * 1024 };

static struct rule_set *make_rules(void)
{
    static char *aliases[] = {"k8s.gcr.io"};
    static struct config_pod_label labels[] = {{.label = "cnpg.io/cluster"}};
    static struct config_upstream upstreams[] = {
        {.registry = "docker.io", .prefix = "dockercache", .enabled = true},
        {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
        {.registry = "registry.k8s.io",
         .aliases = aliases,
         .n_aliases = 1,
         .prefix = "k8scache",
         .enabled = true},
        {.registry = "quay.io", .prefix = "quaycache", .enabled = false},
    };
    static const struct upstream_status statuses[] = {
        {.state = UPSTREAM_READY, .rewrite = true},
        {.state = UPSTREAM_SECRET_MISSING, .rewrite = false},
        {.state = UPSTREAM_READY, .rewrite = true},
        {.state = UPSTREAM_DISABLED, .rewrite = false},
    };
    const struct config config = {.upstreams = upstreams,
                                  .n_upstreams = 4,
                                  .rewrite = {.skip_pods = labels, .n_skip_pods = 1}};
    const struct rule_set_facts facts = {.host = slice_str(HOST), .statuses = statuses};

    return rule_set_new(&config, &facts);
}

static void count_text(struct scan *scan, const struct rule_set *rules, const char *text)
{
    const struct manifest_report report = scan_counter(scan);
    struct manifest_stream *stream = manifest_stream_new(rules, CONFIG_KINDS_KNOWN, &report);
    struct error error = {""};

    scan_begin_input(scan);
    if (manifest_stream_feed(stream, slice_str(text), &error) != 0 ||
        manifest_stream_end(stream, &error) != 0)
        fail_msg("%s", error.text);
    manifest_stream_free(stream);
}

/* "NAME: images pods containers, change stay both; outcomes; hints" */
static void add_sum(struct strbuf *out, const struct scan_sum *sum)
{
    strbuf_add_format(out, "%.*s: %zu %zu %zu, %zu %zu %zu;", SLICE_FMT(sum->name), sum->images,
                      sum->pods, sum->containers, sum->change, sum->stay, sum->both);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (sum->outcomes[i])
            strbuf_add_format(out, " %s %zu", outcome_name((enum outcome)i), sum->outcomes[i]);
    for (int i = 0; i < SCAN_HINT_COUNT; i++)
        if (sum->hints[i])
            strbuf_add_format(out, " hint-%d %zu", i, sum->hints[i]);
    strbuf_add_char(out, '\n');
}

static void add_sums(struct strbuf *out, struct scan_sum *sums, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add_sum(out, &sums[i]);
    free(sums);
}

static void check(const char *const *texts, size_t n_texts, const char *want)
{
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(TEXT_MAX);
    struct rule_set *rules = make_rules();
    struct scan *scan = scan_new(rules);
    struct scan_sum all, *sums;
    size_t n;

    for (size_t i = 0; i < n_texts; i++)
        count_text(scan, rules, texts[i]);
    all = scan_all(scan);
    add_sum(&got, &all);
    sums = scan_by_registry(scan, &n);
    add_sums(&got, sums, n);
    strbuf_add_str(&got, "--\n");
    sums = scan_by_namespace(scan, &n);
    add_sums(&got, sums, n);
    assert_string_equal(strbuf_str(&got), want);
    assert_int_equal(scan_uncounted(scan), 0);
    scan_free(scan);
    rule_set_free(rules);
}

#define META(namespace) "{apiVersion: v1, kind: Pod, metadata: {namespace: " namespace "}, spec: "

/* What is pulled as one is one image; a pod counts once in each row. */
static void test_what_is_one(void **state)
{
    static const char *const texts[] = {
        META("b") "{containers: [{image: nginx}, {image: 'docker.io/library/nginx:latest', "
                  "imagePullPolicy: IfNotPresent}, {image: index.docker.io/nginx}]}}",
        META("a") "{containers: [{image: 'k8s.gcr.io/pause:3.9'}], initContainers: [{image: "
                  "'registry.k8s.io/pause:3.9'}, {image: ghcr.io/a/b:1}]}}\n---\n" META(
                      "b") "{containers: [{image: 'nginx:1'}, {image: nginx}]}}",
    };

    (void)state;
    check(texts, 2,
          ": 4 3 8, 3 1 0; rewritten 3 rule-not-ready 1 hint-1 1 hint-4 2\n"
          "docker.io: 2 2 5, 2 0 0; rewritten 2 hint-1 1 hint-4 2\n"
          "ghcr.io: 1 1 1, 0 1 0; rule-not-ready 1\n"
          "registry.k8s.io: 1 1 2, 1 0 0; rewritten 1\n"
          "--\n"
          "a: 2 1 3, 1 1 0; rewritten 1 rule-not-ready 1\n"
          "b: 2 2 5, 2 0 0; rewritten 2 hint-1 1 hint-4 2\n");
}

/* Reasons, and an image that changes here and stays there. */
static void test_reasons(void **state)
{
    static const char *const texts[] = {
        META("a") "{containers: [{image: null}, {image: 'nginx:1'}, {image: 'nginx:1', "
                  "imagePullPolicy: Never}, "
                  "{image: 'quay.io/a/b:1'}, {image: 'Not An Image'}, {image: 'gcr.io/a:1'}, "
                  "{image: " HOST "/x:1}]}}\n---\n"
                  "{apiVersion: v1, kind: Pod, metadata: {labels: {cnpg.io/cluster: c}}, spec: "
                  "{containers: [{image: 'postgres:16'}]}}",
    };

    (void)state;
    check(texts, 1,
          ": 6 2 7, 1 6 1; rewritten 1 never-pulled 1 not-upstream 2 invalid 1 already-ecr 1 "
          "skipped-pod 1 hint-4 2 hint-5 1\n"
          "docker.io: 2 2 3, 1 2 1; rewritten 1 never-pulled 1 skipped-pod 1 hint-4 2\n"
          ": 1 1 1, 0 1 0; invalid 1\n" HOST ": 1 1 1, 0 1 0; already-ecr 1\n"
          "gcr.io: 1 1 1, 0 1 0; not-upstream 1\n"
          "quay.io: 1 1 1, 0 1 0; not-upstream 1 hint-5 1\n"
          "--\n"
          ": 1 1 1, 0 1 0; skipped-pod 1 hint-4 1\n"
          "a: 5 1 6, 1 5 1; rewritten 1 never-pulled 1 not-upstream 2 invalid 1 already-ecr 1 "
          "hint-4 1 hint-5 1\n");
}

/* Each hint where it holds, and not where it nearly does. */
static void test_hints(void **state)
{
    static const struct {
        const char *pod; /* behind "containers: [{name: c, image: …" */
        const char *image;
        uint32_t hints;
    } rows[] = {
        {"}]}}", "'nginx:1'", SCAN_BIT(SCAN_NO_LOGIN)},
        {"}]}}", "'registry.k8s.io/a:1'", 0},
        {"}], imagePullSecrets: [{name: s}]}}", "'nginx:1'", SCAN_BIT(SCAN_PULL_SECRETS)},
        {"}], imagePullSecrets: [{name: s}]}}", "'ghcr.io/a/b:1'", 0}, /* isn't rewritten */
        {"}], imagePullSecrets: [{}]}}", "'nginx:1'", SCAN_BIT(SCAN_NO_LOGIN)},
        {"}]}}", "registry.k8s.io/a", SCAN_BIT(SCAN_MOVING)},
        {", imagePullPolicy: Always}]}}", "'registry.k8s.io/a:latest'", SCAN_BIT(SCAN_MOVING)},
        {", imagePullPolicy: IfNotPresent}]}}", "registry.k8s.io/a", 0},
        {", imagePullPolicy: Always}]}}", "'registry.k8s.io/a:1'", 0},
        {"}]}, status: {containerStatuses: [{name: c, imageID: 'sha256:1'}]}}",
         "'registry.k8s.io/a:1'", SCAN_BIT(SCAN_ONLY_ON_NODE)},
        {"}]}, status: {containerStatuses: [{name: c, imageID: "
         "'docker.io/library/import-2026-11-29@sha256:1'}]}}",
         "'registry.k8s.io/a:1'", SCAN_BIT(SCAN_ONLY_ON_NODE)},
        {"}]}, status: {containerStatuses: [{name: c, imageID: 'registry.k8s.io/a@sha256:1'}]}}",
         "'registry.k8s.io/a:1'", 0},
        {"}]}, status: {containerStatuses: [{name: d, imageID: 'sha256:1'}]}}",
         "'registry.k8s.io/a:1'", 0},
        {"}]}, metadata: {ownerReferences: [{controller: true, apiVersion: example.com/v1, kind: "
         "Cluster}]}}",
         "'registry.k8s.io/a:1'", SCAN_BIT(SCAN_OPERATOR)},
        {"}]}, metadata: {ownerReferences: [{controller: true, apiVersion: apps/v1, kind: "
         "ReplicaSet}]}}",
         "'registry.k8s.io/a:1'", 0},
        {"}]}, metadata: {ownerReferences: [{controller: true, apiVersion: argoproj.io/v1alpha1, "
         "kind: Workflow}]}}",
         "'registry.k8s.io/a:1'", 0},
        {"}]}, metadata: {ownerReferences: [{controller: false, apiVersion: example.com/v1, kind: "
         "Cluster}]}}",
         "'registry.k8s.io/a:1'", 0},
        {"}]}}", "'public.ecr.aws/a/b:1'", SCAN_BIT(SCAN_COULD_CACHE)},
        {"}]}}", "'registry.gitlab.com/a/b:1'", SCAN_BIT(SCAN_COULD_CACHE)},
        {"}]}}", "'me.azurecr.io/a/b:1'", SCAN_BIT(SCAN_COULD_CACHE)},
        {"}]}}", "'gcr.io/a/b:1'", 0},
    };
    struct rule_set *rules = make_rules();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);
        struct scan *scan = scan_new(rules);
        uint32_t got = 0;
        struct scan_sum all;

        strbuf_add_format(&text,
                          "{apiVersion: v1, kind: Pod, spec: {containers: [{name: c, image: %s%s",
                          rows[i].image, rows[i].pod);
        count_text(scan, rules, strbuf_str(&text));
        all = scan_all(scan);
        assert_int_equal(all.images, 1);
        for (int k = 0; k < SCAN_HINT_COUNT; k++) {
            got |= all.hints[k] ? SCAN_BIT(k) : 0;
            assert_int_equal(scan_hint_pods(scan, (enum scan_hint)k), all.hints[k]);
        }
        if (got != rows[i].hints)
            fail_msg("%s: %x", strbuf_str(&text), got);
        scan_free(scan);
    }
    rule_set_free(rules);
}

static void add_wanted(void *context, const struct scan_image *image, struct slice target)
{
    strbuf_add_format(context, "%.*s -> %.*s\n", SLICE_FMT(image->name), SLICE_FMT(target));
}

/* Each once, as it is pulled; what is written strangely in YAML is none the less wanted. */
static void test_what_is_to_be_in_the_cache(void **state)
{
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(TEXT_MAX);
    struct rule_set *rules = make_rules();
    struct scan *scan = scan_new(rules);

    (void)state;
    count_text(
        scan, rules,
        "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{image: "
        "&i nginx}, {image: *i}, {image: 'docker.io/nginx:latest'}, {image: ghcr.io/a/b}, "
        "{image: 'k8s.gcr.io/pause:3.9'}], initContainers: [{image: 'redis:7', "
        "imagePullPolicy: Never}]}}}\n");
    scan_each_wanted(scan, add_wanted, &got);
    assert_string_equal(strbuf_str(&got),
                        "docker.io/library/nginx:latest -> " HOST
                        "/dockercache/library/nginx:latest\n"
                        "registry.k8s.io/pause:3.9 -> " HOST "/k8scache/pause:3.9\n");
    scan_free(scan);
    rule_set_free(rules);
}

/* Objects that somebody else makes pods of; what isn't anybody's own kind is none. */
static void test_kinds(void **state)
{
    struct rule_set *rules = make_rules();
    struct scan *scan = scan_new(rules);
    struct scan_kind *kinds;
    size_t n;

    (void)state;
    count_text(scan, rules,
               "{apiVersion: example.com/v1, kind: Thing, spec: {image: 'redis:7', containers: "
               "[{image: nginx}]}}\n---\n{apiVersion: example.com/v1, kind: Thing, spec: {image: "
               "'redis:7'}}\n---\n{apiVersion: example.com/v1, kind: Empty, spec: {}}\n---\n"
               "{apiVersion: v1, kind: ConfigMap, data: {image: 'redis:7'}}\n");
    kinds = scan_kinds(scan, &n);
    assert_int_equal(n, 1);
    assert_true(slice_is(kinds[0].version, "example.com/v1") && slice_is(kinds[0].kind, "Thing"));
    assert_int_equal(kinds[0].objects, 2);
    assert_int_equal(kinds[0].images, 3);
    assert_int_equal(scan_all(scan).containers, 0);
    free(kinds);
    scan_free(scan);
    rule_set_free(rules);
}

/* There is a most of what is kept; what is beyond it is counted as that. */
static void test_memory_has_an_end(void **state)
{
    enum { IMAGES = SCAN_NAMES_MAX + 5000 };
    struct rule_set *rules = make_rules();
    struct scan *scan = scan_new(rules);
    const struct manifest_report report = scan_counter(scan);
    struct scan_sum all;

    (void)state;
    for (size_t i = 1; i <= IMAGES; i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);

        strbuf_add_format(&text, "nginx:%zu", i);
        report.image(report.context,
                     &(struct manifest_image){.original = strbuf_slice(&text), .pod = i});
    }
    all = scan_all(scan);
    assert_int_equal(all.images, SCAN_NAMES_MAX);
    assert_int_equal(all.pods, IMAGES);
    assert_int_equal(scan_uncounted(scan), 5000);
    scan_free(scan);
    rule_set_free(rules);
}

static void add_times(struct strbuf *out, size_t n, const char *text)
{
    while (n--)
        strbuf_add_str(out, text);
}

/* Nobody's registry or namespace is called so: what is kept of a name has an end, and is named. */
static void test_long_names(void **state)
{
    enum { LONG = 5000, KEPT = 768 };
    STRBUF_CLEANUP struct strbuf domain = STRBUF_INIT(TEXT_MAX), port = STRBUF_INIT(TEXT_MAX),
                                 namespace = STRBUF_INIT(TEXT_MAX);
    struct rule_set *rules = make_rules();
    struct scan *scan = scan_new(rules);
    const struct manifest_report report = scan_counter(scan);
    struct scan_sum *sums;
    size_t n;

    (void)state;
    add_times(&domain, LONG, "a.");
    strbuf_add_str(&domain, "io/x:1");
    strbuf_add_str(&port, "localhost:");
    add_times(&port, LONG, "1");
    strbuf_add_str(&port, "/x:1");
    add_times(&namespace, LONG, "n");
    report.image(report.context, &(struct manifest_image){.original = strbuf_slice(&domain),
                                                          .namespace = strbuf_slice(&namespace),
                                                          .outcome = OUTCOME_NOT_UPSTREAM,
                                                          .pod = 1});
    report.image(report.context, &(struct manifest_image){.original = strbuf_slice(&port),
                                                          .namespace = strbuf_slice(&namespace),
                                                          .outcome = OUTCOME_NOT_UPSTREAM,
                                                          .pod = 2});
    assert_int_equal(scan_all(scan).images, 2);
    sums = scan_by_registry(scan, &n);
    for (size_t i = 0; i < n; i++)
        assert_true(sums[i].name.len <= KEPT);
    free(sums);
    sums = scan_by_namespace(scan, &n);
    assert_int_equal(n, 1);
    assert_int_equal(sums[0].name.len, KEPT);
    assert_true(slice_ends_with(sums[0].name, slice_str("nn\xe2\x80\xa6")));
    free(sums);
    scan_free(scan);
    rule_set_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_one), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_hints),       cmocka_unit_test(test_what_is_to_be_in_the_cache),
        cmocka_unit_test(test_kinds),       cmocka_unit_test(test_memory_has_an_end),
        cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
