/*
 * Every folder of tests/fixtures/manifest is a case: in.yaml or in.json, what becomes of it
 * byte for byte (want.*), and what is reported (want-report.txt), or why it is refused
 * (want-error.txt). The rules are those of an empty configuration; kinds.txt has another value
 * of rewrite.kinds.
 */
#include "pullthrough/core/manifest/manifest.h"

#include "fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HOST "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define POD  "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"

enum { MANY_BYTES = 16 * 1024 * 1024 };

static char *hub_aliases[] = {"registry-1.docker.io"}, *k8s_aliases[] = {"k8s.gcr.io"};
static char *excludes[] = {"auto"};
static char *namespaces[] = {"kube-system", "kube-public", "kube-node-lease"};
static struct config_pod_label labels[] = {{.label = "cnpg.io/cluster"},
                                           {.label = "application", .value = "spilo"}};
static struct config_upstream upstreams[] = {
    {.registry = "docker.io",
     .aliases = hub_aliases,
     .n_aliases = 1,
     .prefix = "dockercache",
     .enabled = true},
    {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
    {.registry = "registry.k8s.io",
     .aliases = k8s_aliases,
     .n_aliases = 1,
     .prefix = "k8scache",
     .enabled = true},
    {.registry = "quay.io", .prefix = "quaycache", .enabled = true},
};

static struct rule_set *make_rules_for(const char *host, enum config_pull_secrets pull_secrets)
{
    const struct config config = {
        .upstreams = upstreams,
        .n_upstreams = sizeof(upstreams) / sizeof(upstreams[0]),
        .rewrite = {.exclude = excludes,
                    .n_exclude = 1,
                    .skip_pods = labels,
                    .n_skip_pods = 2,
                    .skip_namespaces = namespaces,
                    .n_skip_namespaces = 3,
                    .pull_secrets = pull_secrets},
    };
    const struct rule_set_facts facts = {.host = slice_str(host)};

    return rule_set_new(&config, &facts);
}

static struct rule_set *make_rules(const char *host)
{
    return make_rules_for(host, CONFIG_PULL_SECRETS_REWRITE);
}

/* One line a report, texts as JSON strings. */
static void print_image(void *context, const struct manifest_image *image)
{
    struct strbuf *out = context;

    strbuf_add_format(out, "%zu %zu:%zu ", image->document, image->line, image->column);
    strbuf_add_json(out, image->kind);
    strbuf_add_char(out, ' ');
    strbuf_add_json(out, image->object);
    strbuf_add_format(out, " %s ", image->path);
    strbuf_add_json(out, image->container);
    strbuf_add_char(out, ' ');
    strbuf_add_json(out, image->original);
    assert_int_equal(image->rewritten.len > 0, image->outcome == OUTCOME_REWRITTEN);
    if (image->outcome == OUTCOME_REWRITTEN) {
        assert_int_equal(image->obstacle, MANIFEST_EDITABLE);
        assert_true(image->upstream >= 0);
        strbuf_add_str(out, " -> ");
        strbuf_add_json(out, image->rewritten);
    } else if (image->obstacle != MANIFEST_EDITABLE) {
        assert_int_equal(image->outcome, OUTCOME_INVALID);
        strbuf_add_format(out, " stays: %s", manifest_obstacle_name(image->obstacle));
    } else {
        strbuf_add_format(out, " stays: %s%s%s", outcome_name(image->outcome),
                          image->reason ? ", " : "", image->reason ? image->reason : "");
    }
    strbuf_add_char(out, '\n');
}

static void print_other(void *context, const struct manifest_other *other)
{
    struct strbuf *out = context;

    strbuf_add_format(out, "%zu %zu no pod: ", other->document, other->line);
    strbuf_add_json(out, other->version);
    strbuf_add_char(out, ' ');
    strbuf_add_json(out, other->kind);
    strbuf_add_char(out, ' ');
    strbuf_add_json(out, other->object);
    assert_true(other->images_in_pods <= other->images);
    if (other->images)
        strbuf_add_format(out, " images: %zu, in pods: %zu", other->images, other->images_in_pods);
    strbuf_add_char(out, '\n');
}

static enum config_kinds kinds_of(const char *name)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(100);

    if (!fixture_read(&text, "manifest/%s/kinds.txt", name))
        return CONFIG_KINDS_KNOWN;
    assert_string_equal(strbuf_str(&text), "any-pod-spec\n");
    return CONFIG_KINDS_ANY_POD_SPEC;
}

/* Whether the case holds: what is made, what is reported, and that a second run changes nothing. */
static bool check_case(const struct rule_set *rules, const char *name)
{
    STRBUF_CLEANUP struct strbuf in = STRBUF_INIT(MANY_BYTES), out = STRBUF_INIT(MANY_BYTES);
    STRBUF_CLEANUP struct strbuf report = STRBUF_INIT(MANY_BYTES);
    STRBUF_CLEANUP struct strbuf again = STRBUF_INIT(MANY_BYTES);
    struct manifest_report callbacks = {print_image, print_other, &report};
    bool is_yaml = fixture_read(&in, "manifest/%s/in.yaml", name);
    enum config_kinds kinds = kinds_of(name);
    struct error error = {""};
    struct slice text;
    bool reported;

    if (!is_yaml)
        assert_true(fixture_read(&in, "manifest/%s/in.json", name));
    strbuf_add_str(&out, "before");
    if (manifest_rewrite(rules, kinds, strbuf_slice(&in), &out, &callbacks, &error) != 0) {
        assert_string_equal(strbuf_str(&out), "before");
        strbuf_clear(&report);
        strbuf_add_format(&report, "%s\n", error.text);
        return fixture_says(strbuf_slice(&report), "manifest/%s/want-error.txt", name);
    }
    text = slice_from(strbuf_slice(&out), strlen("before"));
    assert_int_equal(manifest_rewrite(rules, kinds, text, &again, NULL, &error), 0);
    if (!slice_equal(strbuf_slice(&again), text))
        fail_msg("%s: the second run gives\n%s", name, strbuf_str(&again));
    reported = fixture_says(strbuf_slice(&report), "manifest/%s/want-report.txt", name);
    return fixture_says(text, "manifest/%s/want.%s", name, is_yaml ? "yaml" : "json") && reported;
}

static void test_fixtures(void **state)
{
    struct rule_set *rules = make_rules(HOST);
    DIR *folder = opendir(FIXTURES "/manifest");
    const struct dirent *entry;
    size_t n = 0, as_wanted = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.') {
            as_wanted += check_case(rules, entry->d_name) ? 1 : 0;
            n++;
        }
    closedir(folder);
    assert_int_equal(as_wanted, n);
    assert_true(n >= 60);
    rule_set_free(rules);
}

/* `text` must become `want`. */
static void check_rewrite(const struct rule_set *rules, struct slice text, const char *want)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(MANY_BYTES);
    struct error error = {""};

    if (manifest_rewrite(rules, CONFIG_KINDS_KNOWN, text, &out, NULL, &error) != 0)
        fail_msg("%.*s: %s", SLICE_FMT(text), error.text);
    assert_string_equal(strbuf_str(&out), want);
}

/* A host that begins with "[" would begin a flow sequence. */
static void test_a_host_that_is_no_plain_scalar_is_quoted(void **state)
{
    static const char *rows[][2] = {
        {POD "  - image: nginx # c\n",
         POD "  - image: \"[::1]:5000/dockercache/library/nginx\" # c\n"},
        {POD "  - {image: nginx}\n", POD "  - {image: \"[::1]:5000/dockercache/library/nginx\"}\n"},
        {POD "  - {image: 'nginx'}\n", POD "  - {image: '[::1]:5000/dockercache/library/nginx'}\n"},
        {POD "  - image: &a \"nginx\"",
         POD "  - image: &a \"[::1]:5000/dockercache/library/nginx\""},
        {POD "  - image: !!str nginx\r\n",
         POD "  - image: !!str \"[::1]:5000/dockercache/library/nginx\"\r\n"},
    };
    struct rule_set *rules = make_rules("[::1]:5000");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_rewrite(rules, slice_str(rows[i][0]), rows[i][1]);
        check_rewrite(rules, slice_str(rows[i][1]), rows[i][1]);
    }
    rule_set_free(rules);
}

/* Whatever the configuration calls a host, the text stays YAML. */
static void test_a_host_with_quotes_does_not_break_out(void **state)
{
    struct rule_set *rules = make_rules("a'b\"c\\d");

    (void)state;
    check_rewrite(rules,
                  slice_str(POD "  - image: 'nginx'\n  - image: \"nginx\"\n  - image: nginx\n"),
                  POD "  - image: \"a'b\\\"c\\\\d/dockercache/library/nginx\"\n"
                      "  - image: \"a'b\\\"c\\\\d/dockercache/library/nginx\"\n"
                      "  - image: \"a'b\\\"c\\\\d/dockercache/library/nginx\"\n");
    rule_set_free(rules);
}

static void test_nothing_is_appended_over_the_ceiling(void **state)
{
    struct rule_set *rules = make_rules(HOST);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
    struct error error;

    (void)state;
    strbuf_add_str(&out, "before");
    assert_int_equal(manifest_rewrite(rules, CONFIG_KINDS_KNOWN,
                                      slice_str(POD "  - image: nginx\n"), &out, NULL, &error),
                     -1);
    assert_string_equal(error.text, "1:1: rewritten, this is more than 94 bytes");
    assert_string_equal(strbuf_str(&out), "before");
    assert_false(strbuf_overflowed(&out));
    rule_set_free(rules);
}

static void test_without_rules_nothing_changes(void **state)
{
    struct rule_set *rules = make_rules("");

    (void)state;
    check_rewrite(rules, slice_str(POD "  - image: nginx\n"), POD "  - image: nginx\n");
    rule_set_free(rules);
}

static void count_image(void *context, const struct manifest_image *image)
{
    size_t *n = context;

    *n += image->outcome == OUTCOME_REWRITTEN;
}

/* As many edits as fit, in a text that is one line. */
static void test_many_images(void **state)
{
    enum { IMAGES = 20000 };
    struct rule_set *rules = make_rules(HOST);
    STRBUF_CLEANUP struct strbuf in = STRBUF_INIT(MANY_BYTES), want = STRBUF_INIT(MANY_BYTES);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(MANY_BYTES);
    size_t n = 0;
    const struct manifest_report report = {.image = count_image, .context = &n};
    struct error error;

    (void)state;
    strbuf_add_str(&in, "{apiVersion: v1, kind: Pod, spec: {containers: [");
    strbuf_add_slice(&want, strbuf_slice(&in));
    for (int i = 0; i < IMAGES; i++) {
        strbuf_add_format(&in, "{name: \xf0\x9f\x90\xb3, image: x%d}, ", i);
        strbuf_add_format(&want,
                          "{name: \xf0\x9f\x90\xb3, image: " HOST "/dockercache/library/x%d}, ", i);
    }
    strbuf_add_str(&in, "]}}");
    strbuf_add_str(&want, "]}}");
    assert_int_equal(
        manifest_rewrite(rules, CONFIG_KINDS_KNOWN, strbuf_slice(&in), &out, &report, &error), 0);
    assert_int_equal(n, IMAGES);
    assert_true(slice_equal(strbuf_slice(&out), strbuf_slice(&want)));
    rule_set_free(rules);
}

/* Whether the images of pods that name secrets are left alone, and which pods do. */
static void test_pull_secrets(void **state)
{
    static const struct {
        const char *secrets;
        enum config_pull_secrets pull_secrets;
        bool rewritten;
    } rows[] = {
        {"", CONFIG_PULL_SECRETS_SKIP, true},
        {"  imagePullSecrets: [{name: regcred}]\n", CONFIG_PULL_SECRETS_SKIP, false},
        {"  imagePullSecrets:\n    - {}\n    - name: regcred\n", CONFIG_PULL_SECRETS_SKIP, false},
        {"  imagePullSecrets: [{name: regcred}]\n", CONFIG_PULL_SECRETS_REWRITE, true},
        {"  imagePullSecrets: []\n", CONFIG_PULL_SECRETS_SKIP, true},
        {"  imagePullSecrets: [{}, {name: ''}, {name: }, name]\n", CONFIG_PULL_SECRETS_SKIP, true},
        {"  imagePullSecrets: {name: regcred}\n", CONFIG_PULL_SECRETS_SKIP, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf in = STRBUF_INIT(MANY_BYTES), out = STRBUF_INIT(MANY_BYTES);
        STRBUF_CLEANUP struct strbuf report = STRBUF_INIT(MANY_BYTES);
        struct rule_set *rules = make_rules_for(HOST, rows[i].pull_secrets);
        struct manifest_report callbacks = {print_image, print_other, &report};
        struct error error = {""};

        strbuf_add_format(&in, POD "    - image: nginx\n    - image: gcr.io/x\n%s",
                          rows[i].secrets);
        assert_int_equal(manifest_rewrite(rules, CONFIG_KINDS_KNOWN, strbuf_slice(&in), &out,
                                          &callbacks, &error),
                         0);
        assert_int_equal(slice_equal(strbuf_slice(&in), strbuf_slice(&out)), !rows[i].rewritten);
        assert_non_null(strstr(strbuf_str(&report),
                               rows[i].rewritten ? "\"nginx\" -> " : "stays: pull-secrets"));
        assert_non_null(strstr(strbuf_str(&report), "\"gcr.io/x\" stays: not-upstream"));
        rule_set_free(rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_a_host_that_is_no_plain_scalar_is_quoted),
        cmocka_unit_test(test_a_host_with_quotes_does_not_break_out),
        cmocka_unit_test(test_nothing_is_appended_over_the_ceiling),
        cmocka_unit_test(test_without_rules_nothing_changes),
        cmocka_unit_test(test_pull_secrets),
        cmocka_unit_test(test_many_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
