/*
 * Manifests as they arrive: what is reported is what manifest_rewrite() reports of the same text,
 * at the same places, whatever the pieces; and of Lists also where each item is cut out.
 */
#include "pullthrough/core/manifest/manifest_stream.h"

#include "fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HOST "111122223333.dkr.ecr.us-west-2.amazonaws.com"

enum { TEXT_MAX = 64 * 1024 * 1024 };

static struct rule_set *make_rules(void)
{
    static struct config_upstream upstreams[] = {
        {.registry = "docker.io", .prefix = "dockercache", .enabled = true},
        {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
    };
    const struct config config = {.upstreams = upstreams, .n_upstreams = 2};
    const struct rule_set_facts facts = {.host = slice_str(HOST)};

    return rule_set_new(&config, &facts);
}

static void print_image(void *context, const struct manifest_image *image)
{
    const struct slice texts[] = {image->kind,        image->object,         image->namespace,
                                  image->container,   image->original,       image->rewritten,
                                  image->pull_policy, image->owner_version,  image->owner_kind,
                                  image->image_id,    slice_str(image->path)};
    struct strbuf *out = context;

    strbuf_add_format(out, "%zu %zu:%zu pod %zu %s %d %d", image->document, image->line,
                      image->column, image->pod, outcome_name(image->outcome), (int)image->obstacle,
                      image->names_pull_secrets);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        strbuf_add_char(out, ' ');
        strbuf_add_json(out, texts[i]);
    }
    strbuf_add_char(out, '\n');
}

static void print_other(void *context, const struct manifest_other *other)
{
    struct strbuf *out = context;

    strbuf_add_format(out, "%zu %zu %zu %zu ", other->document, other->line, other->images,
                      other->images_in_pods);
    strbuf_add_json(out, other->kind);
    strbuf_add_json(out, other->object);
    strbuf_add_char(out, '\n');
}

static void look_whole(struct slice text, struct strbuf *trace)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(4 * TEXT_MAX);
    struct rule_set *rules = make_rules();
    const struct manifest_report report = {print_image, print_other, trace};
    struct error error = {""};

    if (manifest_rewrite(rules, CONFIG_KINDS_KNOWN, text, &out, &report, &error) != 0) {
        strbuf_clear(trace);
        strbuf_add_str(trace, error.text);
    }
    rule_set_free(rules);
}

static void look_streaming(struct slice text, size_t whole_max, size_t step, struct strbuf *trace)
{
    struct rule_set *rules = make_rules();
    const struct manifest_report report = {print_image, print_other, trace};
    struct manifest_stream *stream = manifest_stream_new(rules, CONFIG_KINDS_KNOWN, &report);
    struct error error = {""};
    int r = 0;

    if (whole_max != SIZE_MAX)
        manifest_stream_set_whole_max(stream, whole_max);
    while (r == 0 && text.len) {
        size_t n = step < text.len ? step : text.len;

        r = manifest_stream_feed(stream, slice_of(text.ptr, n), &error);
        text = slice_from(text, n);
    }
    if (r == 0)
        r = manifest_stream_end(stream, &error);
    if (r != 0) {
        assert_int_equal(r, -1);
        strbuf_clear(trace);
        strbuf_add_str(trace, error.text);
    }
    manifest_stream_free(stream);
    rule_set_free(rules);
}

static void check_same(const char *name, struct slice text, size_t whole_max, size_t step)
{
    STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(TEXT_MAX), got = STRBUF_INIT(TEXT_MAX);

    look_whole(text, &want);
    look_streaming(text, whole_max, step, &got);
    if (strcmp(strbuf_str(&want), strbuf_str(&got)) != 0)
        fail_msg("%s in pieces of %zu bytes:\n%s\nwant:\n%s", name, step, strbuf_str(&got),
                 strbuf_str(&want));
}

/* The manifests of test_manifest.c, those in JSON also with their Lists cut. */
static void test_fixtures(void **state)
{
    static const size_t steps[] = {1, 7, SIZE_MAX};
    DIR *folder = opendir(FIXTURES "/manifest");
    const struct dirent *entry;
    size_t n = 0, cut = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);
        bool is_json = fixture_read(&text, "manifest/%s/in.json", entry->d_name);

        if (entry->d_name[0] == '.' ||
            (!is_json && !fixture_read(&text, "manifest/%s/in.yaml", entry->d_name)))
            continue;
        for (size_t i = 0; i < 3; i++) {
            check_same(entry->d_name, strbuf_slice(&text), SIZE_MAX, steps[i]);
            if (is_json && strncmp(entry->d_name, "error", 5) != 0)
                check_same(entry->d_name, strbuf_slice(&text), 0, steps[i]);
        }
        n++;
        cut += is_json;
    }
    closedir(folder);
    assert_true(n >= 80 && cut >= 10);
}

#define POD                                                                                        \
    "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\", \"namespace\": "  \
    "\"n\"}, \"spec\": {\"containers\": [{\"name\": \"c\", \"image\": \"nginx\"}]}}"
#define KINDLESS "{\"spec\": {\"containers\": [{\"name\": \"c\", \"image\": \"nginx\"}]}}"

static void test_lists_that_are_cut(void **state)
{
    static const char *const texts[] = {
        "{\"apiVersion\": \"v1\", \"items\": [" POD ",\n  " POD "], \"kind\": \"List\"}",
        "{\"kind\": \"PodList\", \"apiVersion\": \"v1\", \"items\": [" KINDLESS ", " KINDLESS "]}",
        "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [{\"kind\": \"List\", "
        "\"apiVersion\": \"v1\", \"items\": [" POD "]}, null, " POD "]}\n---\n" POD,
        "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": []}",
        POD "\n---\nkind: Pod\napiVersion: v1\nspec: {containers: [{image: redis}]}\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (size_t step = 1; step <= strlen(texts[i]); step += 5) {
            check_same("cut", slice_str(texts[i]), 0, step);
            check_same("not cut", slice_str(texts[i]), SIZE_MAX, step);
        }
}

/* What only the pieces can say, and where. */
static void test_what_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"\n {\"items\": [" POD "], \"kind\": \"Thing\"}",
         "2:2: it has items, and its kind isn't a List"},
        {"{\"items\": [" POD "], \"kind\": \"List\", \"a\" \"b\"}",
         "1:1: beside its items this is not JSON"},
        {"{\"items\": [1,\n   {\"a\": {\"b\"]}]}", "2:14: did not find expected ',' or '}' while "
                                                   "parsing a flow mapping that begins in line 2"},
        {"{\"items\": [" POD, "1:151: the JSON text ends too early"},
        {POD "\n- a\nb",
         "4:1: could not find expected ':' while scanning a simple key that begins in line 3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(TEXT_MAX);

        look_streaming(slice_str(rows[i][0]), 0, SIZE_MAX, &got);
        assert_string_equal(strbuf_str(&got), rows[i][1]);
    }
}

/* What a Pod of the API server has, beside what a manifest has. */
static void test_what_is_told_of_a_pod(void **state)
{
    static const char text[] =
        "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"namespace\": \"n\", "
        "\"ownerReferences\": [{\"kind\": \"Other\"}, {\"apiVersion\": \"example.com/v1\", "
        "\"kind\": \"Cluster\", \"controller\": true}]}, \"spec\": {\"imagePullSecrets\": "
        "[{\"name\": \"s\"}], \"containers\": [{\"name\": \"c\", \"image\": \"nginx\", "
        "\"imagePullPolicy\": \"Always\"}]}, \"status\": {\"containerStatuses\": [{\"name\": "
        "\"b\", \"imageID\": \"x\"}, {\"name\": \"c\", \"imageID\": \"sha256:1\"}]}}";
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(TEXT_MAX);

    (void)state;
    look_streaming(slice_str(text), 0, SIZE_MAX, &got);
    assert_string_equal(strbuf_str(&got),
                        "1 1:266 pod 1 rewritten 0 1 \"Pod\" \"\" \"n\" \"c\" \"nginx\" \"" HOST
                        "/dockercache/library/nginx\" \"Always\" \"example.com/v1\" \"Cluster\" "
                        "\"sha256:1\" \"spec.containers[0].image\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_lists_that_are_cut),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_is_told_of_a_pod),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
