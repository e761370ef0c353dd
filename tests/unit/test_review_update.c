/*
 * An update never restarts what runs: what becomes of one container, for all that configuration,
 * pod and status can say.
 */
#include "review_world.h"

#include "core/review/originals.h"
#include "pullthrough/core/review/pod_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define DIGEST  "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OLD_HUB "999999999999.dkr.ecr.eu-west-1.amazonaws.com/hub/library/"

/* What the configuration is by now; the pod is of a time when it was plain. */
enum now {
    PLAIN,
    NOT_READY,      /* the rule is gone, or not seen yet */
    OFF,            /* the upstream is switched off */
    EXCLUDED,       /* nginx is in rewrite.exclude */
    SKIPPED,        /* the namespace is in rewrite.skipNamespaces */
    OPERATOR,       /* the pod's label is in rewrite.skipPods */
    SECRETS,        /* rewrite.pullSecrets: skip */
    NO_ORIGINALS,   /* rewrite.recordOriginals: false */
    OTHER_UPSTREAM, /* docker.io isn't configured at all */
};

static struct rule_set *make_rules(enum now now, bool cached)
{
    static char *exclude[] = {"docker.io/library/nginx"}, *namespaces[] = {"demo"};
    static struct config_pod_label labels[] = {{.label = "operator"}};
    static const struct upstream_status ready = {.rewrite = true}, not_ready = {0};
    struct config_upstream upstream = {.registry = now == OTHER_UPSTREAM ? "ghcr.io" : "docker.io",
                                       .prefix = "dockercache",
                                       .enabled = now != OFF};
    struct config config = {
        .upstreams = &upstream,
        .n_upstreams = 1,
        .rewrite = {.when = cached ? CONFIG_WHEN_CACHED : CONFIG_WHEN_ALWAYS,
                    .record_originals = now != NO_ORIGINALS,
                    .exclude = exclude,
                    .n_exclude = now == EXCLUDED,
                    .skip_namespaces = namespaces,
                    .n_skip_namespaces = now == SKIPPED,
                    .skip_pods = labels,
                    .n_skip_pods = now == OPERATOR,
                    .pull_secrets =
                        now == SECRETS ? CONFIG_PULL_SECRETS_SKIP : CONFIG_PULL_SECRETS_REWRITE},
    };
    struct rule_set_facts facts = {.host = slice_str(HOST),
                                   .statuses = now == NOT_READY ? &not_ready : &ready};

    return rule_set_new(&config, &facts);
}

struct row {
    const char *what;
    enum now now;
    const char *old, *brought;
    const char *old_entry, *entry; /* of the annotation; NULL: there is none */
    const char *annotation;        /* another one of the new object: "KEY":"VALUE" */
    const char *policy;            /* of the container, or NULL */
    const char *waits;             /* the old status, or NULL */
    /* wanted */
    const char *outcome;
    const char *becomes;    /* NULL: what is brought */
    const char *entry_then; /* NULL: as it was; "": none */
};

static const struct row rows[] = {
    {.what = "another image is rewritten, and recorded",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.28",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.28",
     .entry_then = "nginx:1.28"},
    {.what = "the record follows it (F07)",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.28",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.28",
     .entry_then = "nginx:1.28"},
    {.what = "the same image again",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27"},
    {.what = "the same image by another name: the record follows that",
     .old = CACHED "nginx:1.27",
     .brought = "docker.io/library/nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "docker.io/library/nginx:1.27"},
    {.what = "the same image by a manifest without the record: it is made again",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "the rule isn't ready by now",
     .now = NOT_READY,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "excluded by now",
     .now = EXCLUDED,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "switched off by now",
     .now = OFF,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "in a namespace that is skipped by now",
     .now = SKIPPED,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "of an operator that is skipped by now",
     .now = OPERATOR,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "pods with pull secrets are skipped by now",
     .now = SECRETS,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "digests are skipped by now",
     .old = CACHED "nginx" DIGEST,
     .brought = "nginx" DIGEST,
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx" DIGEST,
     .entry_then = "nginx" DIGEST},
    {.what = "nothing is recorded",
     .now = NO_ORIGINALS,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "x",
     .entry = "x",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27"},
    {.what = "never pulled: it is there under the old name",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .policy = "Never",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},

    {.what = "another prefix and region by now (F14)",
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = OLD_HUB "nginx:1.27"},
    {.what = "another prefix, and the upstream is off (F14b)",
     .now = OFF,
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = OLD_HUB "nginx:1.27"},
    {.what = "another prefix, and the upstream is no more",
     .now = OTHER_UPSTREAM,
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = OLD_HUB "nginx:1.27"},
    {.what = "another prefix, the new object without the record",
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = OLD_HUB "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "another prefix, nothing recorded: nobody can know",
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},
    {.what = "another prefix, recorded by the update only",
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.27"},
    {.what = "another prefix, recorded by another name: that isn't what is brought",
     .old = OLD_HUB "nginx:1.27",
     .brought = "docker.io/nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "docker.io/nginx:1.27"},
    {.what = "a record that is older than the image",
     .old = CACHED "nginx:1.28",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.27"},
    {.what = "a record of anything",
     .old = "evil.example/x",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.27"},

    {.what = "the pod's switch goes first: it is what heals it",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .annotation = "\"" POD_GATE_SWITCH "\":\"disabled\"",
     .outcome = "skipped-pod"},
    {.what = "a mirror pod",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .annotation = "\"kubernetes.io/config.mirror\":\"x\"",
     .outcome = "mirror-pod"},
    {.what = "the container's switch too, and then the record goes",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .annotation = "\"" POD_GATE_ONE_SWITCH "web\":\"disabled\"",
     .outcome = "skipped-container",
     .entry_then = ""},
    {.what = "another container's switch",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .annotation = "\"" POD_GATE_ONE_SWITCH "we\":\"disabled\"",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},

    {.what = "its pull failed",
     .waits = "ErrImagePull",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "pull-failed",
     .entry_then = ""},
    {.what = "its pull failed, and will again",
     .waits = "ImagePullBackOff",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "pull-failed"},
    {.what = "its pull failed, in CRI-O's word",
     .waits = "RegistryUnavailable",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "pull-failed"},
    {.what = "it isn't on the node",
     .waits = "ErrImageNeverPull",
     .policy = "Never",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "never-pulled"},
    {.what = "its pull failed, and the rule isn't ready",
     .waits = "ImagePullBackOff",
     .now = NOT_READY,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "rule-not-ready"},
    {.what = "its pull failed under the old prefix",
     .waits = "ImagePullBackOff",
     .old = OLD_HUB "nginx:1.27",
     .brought = "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.27"},
    {.what = "its pull failed, and another image may be better",
     .waits = "ErrImagePull",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.28",
     .outcome = "rewritten",
     .becomes = CACHED "nginx:1.28",
     .entry_then = "nginx:1.28"},
    {.what = "it waits for something else",
     .waits = "CrashLoopBackOff",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update",
     .becomes = CACHED "nginx:1.27",
     .entry_then = "nginx:1.27"},

    {.what = "another image that isn't rewritten loses its record",
     .old = CACHED "nginx:1.27",
     .brought = "registry.example.com/nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "not-upstream",
     .entry_then = ""},
    {.what = "another image, excluded",
     .now = EXCLUDED,
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.28",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "excluded",
     .entry_then = ""},
    {.what = "another image, never pulled",
     .policy = "Never",
     .old = CACHED "nginx:1.27",
     .brought = "nginx:1.28",
     .outcome = "never-pulled"},
    {.what = "another image, and pull secrets",
     .now = SECRETS,
     .old = "nginx:1.27",
     .brought = "nginx:1.28",
     .outcome = "pull-secrets"},
    {.what = "another image that isn't ours anyway, and pull secrets",
     .now = SECRETS,
     .old = "nginx:1.27",
     .brought = "gcr.io/x:1",
     .outcome = "not-upstream"},
    {.what = "another image in a skipped namespace",
     .now = SKIPPED,
     .old = "nginx:1.27",
     .brought = "nginx:1.28",
     .outcome = "skipped-namespace"},
    {.what = "the name in the cache itself: nothing was rewritten",
     .old = CACHED "nginx:1.27",
     .brought = CACHED "nginx:1.28",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.27",
     .outcome = "already-ecr",
     .entry_then = ""},
    {.what = "asked again about what we rewrote: the record is right",
     .old = CACHED "nginx:1.27",
     .brought = CACHED "nginx:1.28",
     .old_entry = "nginx:1.27",
     .entry = "nginx:1.28",
     .outcome = "already-ecr"},
    {.what = "nothing changes: nor does the record, whatever it is",
     .old = CACHED "nginx:1.27",
     .brought = CACHED "nginx:1.27",
     .old_entry = "nginx:1.27",
     .entry = "made:up",
     .outcome = "unchanged-update"},
    {.what = "a pod from before: nothing changes",
     .old = "nginx:1.27",
     .brought = "nginx:1.27",
     .outcome = "unchanged-update"},
    {.what = "back to the original that it had before it was rewritten by hand",
     .old = CACHED "nginx:1.27",
     .brought = "nginx",
     .outcome = "rewritten",
     .becomes = CACHED "nginx",
     .entry_then = "nginx"},
};

static void add_pod(struct strbuf *body, const struct row *row, const char *list, const char *image,
                    const char *entry, const char *other)
{
    strbuf_add_str(body,
                   "{\"metadata\":{\"labels\":{\"operator\":\"x\"},\"annotations\":{\"a\":\"b\"");
    if (other)
        strbuf_add_format(body, ",%s", other);
    if (entry)
        strbuf_add_format(body, ",\"" ORIGINALS_ANNOTATION "\":\"{\\\"%s/web\\\":\\\"%s\\\"}\"",
                          list, entry);
    strbuf_add_format(
        body,
        "}},\"spec\":{\"imagePullSecrets\":[{},{\"name\":\"s\"}],\"%s\":[{\"name\":"
        "\"side\",\"image\":\"gcr.io/a\"},{\"name\":\"web\",\"image\":\"%s\"%s%s%s}]}",
        list, image, row->policy ? ",\"imagePullPolicy\":\"" : "", row->policy ? row->policy : "",
        row->policy ? "\"" : "");
    if (row->waits)
        strbuf_add_format(body,
                          ",\"status\":{\"%s\":[{\"name\":\"side\",\"state\":{\"running\":{}}},"
                          "{\"name\":\"web\",\"state\":{\"waiting\":{\"reason\":\"%s\"}}}]}",
                          *list == 'c' ? "containerStatuses" : "initContainerStatuses", row->waits);
    strbuf_add_char(body, '}');
}

/* The patch that the row wants; "" for none. */
static void add_wanted(struct strbuf *want, const struct row *row, const char *list)
{
    bool entry = row->entry_then && (row->entry || *row->entry_then);

    if (!row->becomes && !entry)
        return;
    strbuf_add_char(want, '[');
    if (row->becomes)
        strbuf_add_format(want,
                          "{\"op\":\"replace\",\"path\":\"/spec/%s/1/image\",\"value\":\"%s\"}",
                          list, row->becomes);
    if (entry)
        strbuf_add_format(
            want,
            "%s{\"op\":\"add\",\"path\":\"/metadata/annotations/pullthrough.internal~1original-"
            "images\",\"value\":\"{",
            row->becomes ? "," : "");
    if (entry && *row->entry_then)
        strbuf_add_format(want, "\\\"%s/web\\\":\\\"%s\\\"", list, row->entry_then);
    strbuf_add_str(want, entry ? "}\"}]" : "]");
}

/* `again`: the update is what the answer made of the first one. */
static void ask(struct review_world *result, const struct row *row, const char *list,
                const struct fallback_table *fallback, bool cached, bool again)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1024 * 1024);
    struct rule_set *rules = make_rules(row->now, cached);
    const char *entry = again && row->entry_then ? row->entry_then : row->entry;
    bool emptied = entry && !*entry;

    strbuf_add_str(&body, "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
                          "\"request\":{\"uid\":\"u1\"," UPDATE "\"object\":");
    add_pod(&body, row, list, again && row->becomes ? row->becomes : row->brought,
            emptied ? NULL : entry, row->annotation);
    strbuf_add_str(&body, ",\"oldObject\":");
    add_pod(&body, row, list, row->old, row->old_entry, NULL);
    strbuf_add_str(&body, "}}");
    review_world_ask_with(result, rules, fallback, NULL, strbuf_slice(&body));
    rule_set_free(rules);
}

static void check_row(const struct row *row, const char *list,
                      const struct fallback_table *fallback, bool cached)
{
    STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(1024 * 1024);
    struct review_world result;
    const char *outcome;

    add_wanted(&want, row, list);
    ask(&result, row, list, fallback, cached, false);
    outcome = strrchr(strbuf_str(&result.outcomes), ' ');
    assert_non_null(outcome);
    if (strcmp(strbuf_str(&result.patch), strbuf_str(&want)) != 0 ||
        strcmp(outcome + 1, row->outcome) != 0)
        fail_msg("%s (%s):\n gives %s %s\n not   %s %s", row->what, list, outcome + 1,
                 strbuf_str(&result.patch), row->outcome, strbuf_str(&want));
    assert_int_equal(result.review.n_rewritten, row->becomes != NULL);
    assert_int_equal(result.review.outcome, row->becomes ? REVIEW_REWRITTEN : REVIEW_UNCHANGED);
    review_world_fini(&result);

    ask(&result, row, list, fallback, cached, true);
    if (result.patch.len)
        fail_msg("%s (%s): asked again: %s", row->what, list, strbuf_str(&result.patch));
    review_world_fini(&result);
}

static void test_what_becomes_of_an_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_row(&rows[i], "containers", NULL, false);
        check_row(&rows[i], "initContainers", NULL, false);
    }
}

/* What comes after all else: what stays, or is put back, is so then, too; and what would be
 * rewritten stays as it is brought, without a record. */
static void check_rows_instead(const char *outcome, const struct fallback_table *fallback,
                               bool cached)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct row row = rows[i];

        if (strcmp(row.outcome, "rewritten") == 0) {
            row.outcome = outcome;
            row.becomes = NULL;
            row.entry_then = "";
        }
        check_row(&row, "containers", fallback, cached);
        check_row(&row, "initContainers", fallback, cached);
    }
}

static void test_what_becomes_of_it_while_the_registry_is_down(void **state)
{
    struct fallback *fallback = fallback_new(&(struct fallback_settings){0});
    struct fallback_table *table;

    (void)state;
    for (int i = 0; i < FALLBACK_PROBES_DOWN; i++)
        (void)fallback_probe(fallback, false, 0);
    table = fallback_table_new(fallback);
    check_rows_instead("registry-down", table, false);
    check_rows_instead("registry-down", table, true);
    fallback_table_unref(table);
    fallback_free(fallback);
}

static void test_what_becomes_of_it_while_ecr_holds_nothing(void **state)
{
    (void)state;
    check_rows_instead("not-cached", NULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_becomes_of_an_update),
        cmocka_unit_test(test_what_becomes_of_it_while_the_registry_is_down),
        cmocka_unit_test(test_what_becomes_of_it_while_ecr_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
