/*
 * What healing does to a pod, by a table: who waits for what, and what becomes of it, or the reason
 * why nothing does. Each patch is applied here as well, and must have changed nothing else.
 */
#include "pullthrough/core/kube/heal_plan.h"

#include "fixture.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/review/annotations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST    "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define NGINX   HOST "/dockercache/library/nginx:1.27"
#define BUSYBOX HOST "/dockercache/library/busybox:1"
#define UID     "5b1f2c9e-8a77-4d0e-9c53-2f6f7f0c1a11"
#define MARK    "'pullthrough.internal/rewrite':'disabled'"

static char *namespaces[] = {"kube-system"};
static struct config_pod_label labels[] = {{.label = "cnpg.io/cluster"}};
static struct config_upstream upstreams[] = {
    {.registry = "docker.io", .prefix = "dockercache", .enabled = true},
    {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
    {.registry = "quay.io", .prefix = "quaycache", .enabled = false},
};

/* Nothing is ready: healing asks for the static rewriting. */
static struct rule_set *make_rules(const char *host)
{
    static const struct upstream_status statuses[3];
    const struct config config = {
        .upstreams = upstreams,
        .n_upstreams = 3,
        .rewrite = {.skip_pods = labels,
                    .n_skip_pods = 1,
                    .skip_namespaces = namespaces,
                    .n_skip_namespaces = 1,
                    .record_originals = true},
    };

    return rule_set_new(&config,
                        &(struct rule_set_facts){.host = slice_str(host), .statuses = statuses});
}

/* JSON is written with ' for ". A pod has one container "web" of this image and status, unless
 * `spec` and `status` say more; what is NULL is as in the comment. */
struct row {
    const char *what;
    const char *originals;                 /* NULL: {'containers/web':'nginx:1.27'}; "": none */
    const char *healed;                    /* NULL: none */
    const char *others;                    /* more annotations */
    const char *metadata;                  /* more of it */
    const char *image;                     /* of web: NGINX */
    const char *state;                     /* of web: {'waiting':{'reason':'ErrImagePull'}} */
    const char *spec;                      /* all of it */
    const char *status;                    /* all of it */
    const char *pod;                       /* all of it */
    const char *list, *container, *failed; /* that are asked about: containers, web, `image` */
    bool may_put_back;
    const char *want;
};

#define WAITS(reason) "{'waiting':{'reason':'" reason "'}}"
#define RUNS          "{'running':{'startedAt':'2026-11-29T09:41:11Z'}}"

static const char * or (const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

/* An annotation whose value is JSON. */
static void add_map(struct strbuf *out, const char *name, const char *map)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);

    for (; *map; map++)
        strbuf_add_char(&text, *map == '\'' ? '"' : *map);
    strbuf_add_format(out, ",'%s':", name);
    strbuf_add_json(out, strbuf_slice(&text));
}

static void make_pod(const struct row *row, struct strbuf *out)
{
    const char *originals = or (row->originals, "{'containers/web':'nginx:1.27'}");

    strbuf_add_str(out, "{'metadata':{'name':'web-1','namespace':'demo','uid':'" UID
                        "','resourceVersion':'17','annotations':{'example.com/a':'b'");
    if (*originals)
        add_map(out, ORIGINALS_ANNOTATION, originals);
    if (row->healed)
        add_map(out, HEALED_ANNOTATION, row->healed);
    strbuf_add_format(out, "%s%s}", row->others ? "," : "", or (row->others, ""));
    strbuf_add_format(out, "%s%s}", row->metadata ? "," : "", or (row->metadata, ""));
    if (row->spec)
        strbuf_add_format(out, ",'spec':{%s}", row->spec);
    else
        strbuf_add_format(out, ",'spec':{'containers':[{'name':'web','image':'%s'}]}",
                          or (row->image, NGINX));
    if (row->status)
        strbuf_add_format(out, ",'status':{%s}}", row->status);
    else
        strbuf_add_format(out, ",'status':{'containerStatuses':[{'name':'web','state':%s}]}}",
                          or (row->state, WAITS("ErrImagePull")));
    if (row->pod) {
        strbuf_clear(out);
        strbuf_add_str(out, row->pod);
    }
    for (size_t i = 0; i < out->len; i++)
        if (out->ptr[i] == '\'')
            out->ptr[i] = '"';
}

static struct heal_request request_of(const struct row *row, const struct rule_set *rules)
{
    return (struct heal_request){
        .rules = rules,
        .uid = slice_str(UID),
        .list = slice_str(or (row->list, "containers")),
        .container = slice_str(or (row->container, "web")),
        .image = slice_str(or (row->failed, or (row->image, NGINX))),
        .may_put_back = row->may_put_back,
    };
}

/* The value at a path of RFC 6901, its parent, and its last part unescaped. */
static json_t *resolve(json_t *root, const char *path, json_t **parent, char last[static 256])
{
    json_t *at = root;

    while (*path++) {
        size_t n = 0;

        for (; *path && *path != '/'; path++)
            last[n++] = path[0] == '~' ? (*++path == '1' ? '/' : '~') : *path;
        last[n] = '\0';
        *parent = at;
        at = json_is_array(at) ? json_array_get(at, strtoul(last, NULL, 10))
                               : json_object_get(at, last);
    }
    return at;
}

static void apply(json_t *pod, const json_t *patch)
{
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const json_t *operation = json_array_get(patch, i);
        const char *name = json_string_value(json_object_get(operation, "op"));
        json_t *value = json_object_get(operation, "value"), *parent = NULL;
        char last[256];
        json_t *there =
            resolve(pod, json_string_value(json_object_get(operation, "path")), &parent, last);

        if (strcmp(name, "test") == 0)
            assert_true(json_equal(there, value));
        else if (strcmp(name, "remove") == 0)
            assert_int_equal(json_object_del(parent, last), 0);
        else
            assert_int_equal(json_object_set(parent, last, value), 0);
    }
}

/* Take out of a pod what a heal may change. */
static void forget(json_t *pod)
{
    static const char *const lists[] = {"containers", "initContainers"};
    json_t *annotations = json_object_get(json_object_get(pod, "metadata"), "annotations");

    (void)json_object_del(annotations, "pullthrough.internal/rewrite");
    (void)json_object_del(annotations, HEALED_ANNOTATION);
    for (size_t list = 0; list < 2; list++) {
        json_t *containers = json_object_get(json_object_get(pod, "spec"), lists[list]);

        for (size_t i = 0; i < json_array_size(containers); i++)
            (void)json_object_del(json_array_get(containers, i), "image");
    }
}

static void assert_changes_only_that(const char *text, const char *patch_text)
{
    JSON_FIELDS_CLEANUP json_t *pod = json_loads(text, 0, NULL), *copy = json_deep_copy(pod);
    JSON_FIELDS_CLEANUP json_t *patch = json_loads(patch_text, 0, NULL);

    assert_non_null(patch);
    apply(copy, patch);
    assert_false(json_equal(pod, copy));
    forget(pod);
    forget(copy);
    assert_true(json_equal(pod, copy));
}

/* Without the host. */
static void add_without_host(struct strbuf *out, const struct strbuf *text)
{
    const char *at, *host;

    for (at = text->ptr; (host = strstr(at, HOST)); at = host + strlen(HOST))
        strbuf_add(out, at, (size_t)(host - at));
    strbuf_add_str(out, at);
}

/* "healed: web=nginx:1.27, was ..." */
static void print_healed(const struct heal_plan *plan, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);

    for (size_t i = 0; i < plan->n; i++)
        strbuf_add_format(&text, "%s%.*s=%.*s, was %.*s",
                          i ? "; " : "healed: ", SLICE_FMT(plan->changes[i].container->name),
                          SLICE_FMT(plan->changes[i].image),
                          SLICE_FMT(plan->changes[i].container->text));
    add_without_host(out, &text);
}

/* "web=nginx:1.27 mark {'containers/web':'...'}", with the host left out. */
static void print_plan(const struct heal_plan *plan, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);

    for (size_t i = 0; i < plan->n; i++)
        strbuf_add_format(&text, "%.*s=%.*s ", SLICE_FMT(plan->changes[i].container->name),
                          SLICE_FMT(plan->changes[i].image));
    strbuf_add_str(&text, !plan->puts_back ? "mark " : plan->takes_mark_away ? "unmark " : "");
    strbuf_add_slice(&text, plan->healed);
    add_without_host(out, &text);
    for (size_t i = 0; i < out->len; i++)
        if (out->ptr[i] == '"')
            out->ptr[i] = '\'';
}

static void assert_row(const struct row *row, const struct rule_set *rules)
{
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(1 << 20), got = STRBUF_INIT(1 << 20);
    STRBUF_CLEANUP struct strbuf patch = STRBUF_INIT(HEAL_PATCH_MAX);
    const struct heal_request request = request_of(row, rules);
    struct heal_plan plan;
    struct arena arena;
    struct error error = {""};
    int rc;

    make_pod(row, &pod);
    arena_init(&arena, 0);
    arena.ceiling = HEAL_ARENA_MAX;
    rc = heal_plan_make(&plan, &request, strbuf_slice(&pod), &arena, &error);
    if (rc == 0) {
        print_plan(&plan, &got);
        heal_plan_print_patch(&plan, &patch);
        assert_changes_only_that(strbuf_str(&pod), strbuf_str(&patch));
    } else if (rc == HEAL_HEALED) {
        print_healed(&plan, &got);
    } else {
        strbuf_add_str(&got, rc < 0 ? error.text : heal_reason_name((enum heal_reason)rc));
    }
    if (strcmp(strbuf_str(&got), row->want) != 0)
        fail_msg("%s\ngot:  %s\nwant: %s", row->what, strbuf_str(&got), row->want);
    arena_fini(&arena);
}

static void assert_rows(const struct row *rows, size_t n)
{
    struct rule_set *rules = make_rules(HOST);

    for (size_t i = 0; i < n; i++)
        assert_row(&rows[i], rules);
    rule_set_free(rules);
}
#define ASSERT_ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

#define WEB_HEALED "web=nginx:1.27 mark {'containers/web':'/dockercache/library/nginx:1.27'}"

static void test_stuck_pods_are_healed(void **state)
{
    static const struct row rows[] = {
        {.what = "just failed", .want = WEB_HEALED},
        {.what = "backs off", .state = WAITS("ImagePullBackOff"), .want = WEB_HEALED},
        {.what = "CRI-O's word for it", .state = WAITS("RegistryUnavailable"), .want = WEB_HEALED},
        {.what = "ran before, and was to start again",
         .state = WAITS("ErrImagePull") ",'started':false,'containerID':'containerd://1',"
                                        "'lastState':{'terminated':{'exitCode':1}}",
         .want = WEB_HEALED},
        {.what = "an init container",
         .originals = "{'containers/web':'nginx:1.27','initContainers/wait':'busybox:1'}",
         .spec = "'containers':[{'name':'web','image':'" NGINX "'}],'initContainers':["
                 "{'name':'first','image':'x:1'},{'name':'wait','image':'" BUSYBOX "'}]",
         .status = "'initContainerStatuses':[{'name':'wait','state':" WAITS(
             "ErrImagePull") "}],"
                             "'containerStatuses':[{'name':'web','state':" WAITS(
                                 "PodInitializing") "}]",
         .list = "initContainers",
         .container = "wait",
         .failed = BUSYBOX,
         .want = "wait=busybox:1 mark "
                 "{'initContainers/wait':'/dockercache/library/busybox:1'}"},
        {.what = "two that wait, and none of those that don't",
         .originals = "{'containers/web':'nginx:1.27','containers/runs':'nginx:1.27',"
                      "'containers/lied':'busybox:1','containers/side':'docker.io/busybox:1'}",
         .spec = "'containers':[{'name':'runs','image':'" NGINX "'},"
                 "{'name':'side','image':'" BUSYBOX "'},{'name':'lied','image':'" NGINX "'},"
                 "{'name':'theirs','image':'x:1'},{'name':'web','image':'" NGINX "'}]",
         .status = "'containerStatuses':[{'name':'web','state':" WAITS(
             "ErrImagePull") "},"
                             "{'name':'theirs','state':" WAITS(
                                 "ErrImagePull") "},"
                                                 "{'name':'lied','state':" WAITS(
                                                     "ErrImagePull") "},"
                                                                     "{'name':'side','state'"
                                                                     ":" WAITS("ImagePullBackOf"
                                                                               "f") "},"
                                                                                    "{'name':'"
                                                                                    "runs','"
                                                                                    "state'"
                                                                                    ":" RUNS "}]",
         .want = "side=docker.io/busybox:1 web=nginx:1.27 mark "
                 "{'containers/side':'/dockercache/library/busybox:1',"
                 "'containers/web':'/dockercache/library/nginx:1.27'}"},
        {.what = "of two that wait, the one that was told of: the other may wait for the volume",
         .originals = "{'containers/web':'nginx:1.27','containers/side':'busybox:1',"
                      "'volumes/model':'nginx:1.27'}",
         .spec = "'containers':[{'name':'side','image':'" BUSYBOX "'},"
                 "{'name':'web','image':'" NGINX "'}],"
                 "'volumes':[{'name':'model','image':{'reference':'" NGINX "'}}]",
         .status = "'containerStatuses':[{'name':'web','state':" WAITS(
             "ErrImagePull") "},{'name':'side','state':" WAITS("ErrImagePull") "}]",
         .want = WEB_HEALED},
        {.what = "an upstream that was switched off since",
         .originals = "{'containers/web':'quay.io/team/x:1'}",
         .image = HOST "/quaycache/team/x:1",
         .want = "web=quay.io/team/x:1 mark {'containers/web':'/quaycache/team/x:1'}"},
        {.what = "another container was healed already",
         .healed = "{'initContainers/wait':'" BUSYBOX "'}",
         .others = MARK,
         .want = "web=nginx:1.27 mark {'initContainers/wait':'/dockercache/library/busybox:1',"
                 "'containers/web':'/dockercache/library/nginx:1.27'}"},
        {.what = "of a key that is given twice the last one counts",
         .originals = "{'containers/web':'busybox:1','containers/web':'nginx:1.27'}",
         .want = WEB_HEALED},
        {.what = "a name that needs escapes",
         .originals = "{'containers/a/b~1\\\\':'nginx:1.27'}",
         .spec = "'containers':[{'name':'a/b~1\\\\','image':'" NGINX "'}]",
         .status = "'containerStatuses':[{'name':'a/b~1\\\\','state':" WAITS("ErrImagePull") "}]",
         .container = "a/b~1\\",
         .want = "a/b~1\\=nginx:1.27 mark "
                 "{'containers/a/b~1\\\\':'/dockercache/library/nginx:1.27'}"},
    };

    (void)state;
    ASSERT_ROWS(rows);
}

static void test_images_that_stay(void **state)
{
    static const struct row rows[] = {
        {.what = "nothing says what it was", .originals = "", .want = "no-original"},
        {.what = "no entry", .originals = "{}", .want = "no-original"},
        {.what = "no text", .originals = "{'containers/web':7}", .want = "no-original"},
        {.what = "not JSON", .originals = "{'containers/web':", .want = "no-original"},
        {.what = "a list", .originals = "[]", .want = "no-original"},
        {.what = "an init container's entry",
         .originals = "{'initContainers/web':'nginx:1.27'}",
         .want = "no-original"},
        {.what = "a lie: another registry",
         .originals = "{'containers/web':'evil.example/library/nginx:1.27'}",
         .want = "not-rewritten"},
        {.what = "a lie: another tag",
         .originals = "{'containers/web':'nginx:1.28'}",
         .want = "not-rewritten"},
        {.what = "a lie: another upstream",
         .originals = "{'containers/web':'ghcr.io/library/nginx:1.27'}",
         .want = "not-rewritten"},
        {.what = "a lie: itself",
         .originals = "{'containers/web':'" NGINX "'}",
         .want = "not-ours"},
        {.what = "no reference",
         .originals = "{'containers/web':' nginx:1.27'}",
         .want = "not-rewritten"},
        {.what = "the prefix is another one by now",
         .image = HOST "/oldcache/library/nginx:1.27",
         .want = "not-rewritten"},
        {.what = "somebody else's registry",
         .image = HOST ".evil.example/dockercache/library/nginx:1.27",
         .want = "not-ours"},
        {.what = "another image by now", .failed = BUSYBOX, .want = "another-image"},
        {.what = "no such container", .container = "other", .want = "no-container"},
        {.what = "a nameless one", .container = "", .want = "no-container"},
        {.what = "one of the other list", .list = "initContainers", .want = "no-container"},
        {.what = "an ephemeral container", .list = "ephemeralContainers", .want = "immutable"},
        {.what = "an image volume", .list = "", .want = "immutable"},
        {.what = "healed before, and somebody gave it the cache's image again",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .want = "done-before"},
        {.what = "put back before", .healed = "{'containers/web':''}", .want = "done-before"},
    };

    (void)state;
    ASSERT_ROWS(rows);
}

static void test_pods_that_stay(void **state)
{
    static const struct row rows[] = {
        {.what = "another of the same name",
         .pod = "{'metadata':{'name':'web-1','namespace':'demo','uid':'other',"
                "'resourceVersion':'1'},'spec':{}}",
         .want = "another-pod"},
        {.what = "deleted",
         .metadata = "'deletionTimestamp':'2026-11-29T09:50:00Z'",
         .want = "deleted"},
        {.what = "a mirror", .others = "'kubernetes.io/config.mirror':'x'", .want = "mirror-pod"},
        {.what = "an operator's",
         .metadata = "'labels':{'cnpg.io/cluster':'db'}",
         .want = "skipped-pod"},
        {.what = "opted out by label", .metadata = "'labels':{" MARK "}", .want = "skipped-pod"},
        {.what = "opted out by label, healed before",
         .metadata = "'labels':{" MARK "}",
         .healed = "{'containers/other':'" NGINX "'}",
         .others = MARK,
         .want = "skipped-pod"},
        {.what = "in a namespace that is left alone",
         .pod = "{'metadata':{'name':'web-1','namespace':'kube-system','uid':'" UID
                "','resourceVersion':'1'},'spec':{}}",
         .want = "skipped-pod"},
        {.what = "opted out by annotation", .others = MARK, .want = "opted-out"},
        {.what = "opted out by annotation, and all that was healed is put back",
         .healed = "{'containers/other':''}",
         .others = MARK,
         .want = "opted-out"},
        {.what = "the container is opted out",
         .others = "'pullthrough.internal/rewrite.web':'disabled'",
         .want = "opted-out"},
        {.what = "runs", .state = RUNS, .want = "running"},
        {.what = "runs, says one of two",
         .status = "'containerStatuses':[{'name':'web','state':" WAITS(
             "ErrImagePull") "},"
                             "{'name':'web','state':" RUNS "}]",
         .want = "running"},
        {.what = "has started",
         .state = WAITS("ErrImagePull") ",'started':true",
         .want = "running"},
        {.what = "waits for something else",
         .state = WAITS("CreateContainerConfigError"),
         .want = "waits-otherwise"},
        {.what = "a signature that is refused",
         .state = WAITS("SignatureValidationFailed"),
         .want = "waits-otherwise"},
        {.what = "a name that is no image's",
         .state = WAITS("InvalidImageName"),
         .want = "waits-otherwise"},
        {.what = "has ended",
         .status = "'phase':'Failed','containerStatuses':[{'name':'web','state':" WAITS(
             "ErrImagePull") "}]",
         .want = "ended"},
        {.what = "has ended well", .status = "'phase':'Succeeded'", .want = "ended"},
        {.what = "not seen to fail yet", .state = WAITS("ContainerCreating"), .want = "not-yet"},
        {.what = "its last run has just ended",
         .state = "{'terminated':{'exitCode':1}}",
         .want = "not-yet"},
        {.what = "no status", .status = "'phase':'Pending'", .want = "not-yet"},
    };

    (void)state;
    ASSERT_ROWS(rows);
}

static void test_pods_are_put_back_once(void **state)
{
    static const struct row rows[] = {
        {.what = "while the cache is well",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .may_put_back = true,
         .image = "nginx:1.27",
         .want = "web=/dockercache/library/nginx:1.27 unmark {'containers/web':''}"},
        {.what = "not while it isn't",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .image = "nginx:1.27",
         .want = "cache-not-well"},
        {.what = "not twice",
         .healed = "{'containers/web':''}",
         .may_put_back = true,
         .image = "nginx:1.27",
         .want = "done-before"},
        {.what = "somebody took the mark away",
         .healed = "{'containers/web':'" NGINX "'}",
         .may_put_back = true,
         .image = "nginx:1.27",
         .want = "web=/dockercache/library/nginx:1.27 {'containers/web':''}"},
        {.what = "only the one that was asked about, and others keep their entries",
         .originals = "{'containers/web':'nginx:1.27','containers/b':'busybox:1'}",
         .healed = "{'containers/b':'" BUSYBOX "','containers/web':'" NGINX
                   "','initContainers/web':'" BUSYBOX "'}",
         .others = MARK,
         .spec = "'containers':[{'name':'web','image':'nginx:1.27'},"
                 "{'name':'b','image':'busybox:1'}]",
         .status = "'containerStatuses':[{'name':'b','state':" WAITS(
             "ErrImagePull") "},"
                             "{'name':'web','state':" WAITS("ErrImagePull") "}]",
         .failed = "nginx:1.27",
         .may_put_back = true,
         .want = "web=/dockercache/library/nginx:1.27 unmark "
                 "{'containers/b':'/dockercache/library/busybox:1','containers/web':'',"
                 "'initContainers/web':'/dockercache/library/busybox:1'}"},
        {.what = "never healed", .may_put_back = true, .image = "nginx:1.27", .want = "not-ours"},
        {.what = "a lie: another image",
         .healed = "{'containers/web':'evil.example/library/nginx:1.27'}",
         .others = MARK,
         .may_put_back = true,
         .image = "nginx:1.27",
         .want = "not-rewritten"},
        {.what = "a lie: another image of ours",
         .healed = "{'containers/web':'" BUSYBOX "'}",
         .others = MARK,
         .may_put_back = true,
         .image = "nginx:1.27",
         .want = "not-rewritten"},
        {.what = "runs by its own name, whatever the cache",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .image = "nginx:1.27",
         .state = RUNS,
         .want = "running"},
        {.what = "runs by its own name",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .may_put_back = true,
         .image = "nginx:1.27",
         .state = RUNS,
         .want = "running"},
    };

    (void)state;
    ASSERT_ROWS(rows);
}

static void test_a_heal_that_is_seen_later(void **state)
{
    static const struct row rows[] = {
        {.what = "it is as it would be",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .image = "nginx:1.27",
         .failed = NGINX,
         .want = "healed: web=nginx:1.27, was /dockercache/library/nginx:1.27"},
        {.what = "and others with it",
         .originals = "{'containers/web':'nginx:1.27','containers/b':'busybox:1','containers/c':"
                      "'busybox:1','containers/d':'busybox:1','containers/e':'busybox:1'}",
         .healed = "{'containers/b':'" BUSYBOX "','containers/c':'','containers/d':'" NGINX
                   "','containers/e':'" BUSYBOX "','containers/web':'" NGINX "'}",
         .others = MARK,
         .spec = "'containers':[{'name':'web','image':'nginx:1.27'},"
                 "{'name':'b','image':'busybox:1'},{'name':'c','image':'busybox:1'},"
                 "{'name':'d','image':'busybox:1'},{'name':'e','image':'busybox:2'}]",
         .failed = NGINX,
         .want = "healed: web=nginx:1.27, was /dockercache/library/nginx:1.27; b=busybox:1, was "
                 "/dockercache/library/busybox:1"},
        {.what = "by hand, or by the one who made it",
         .image = "nginx:1.27",
         .failed = NGINX,
         .want = "another-image"},
        {.what = "from another image",
         .healed = "{'containers/web':'" BUSYBOX "'}",
         .others = MARK,
         .image = "nginx:1.27",
         .failed = NGINX,
         .want = "another-image"},
        {.what = "and it was put back",
         .healed = "{'containers/web':''}",
         .image = "nginx:1.27",
         .failed = NGINX,
         .want = "another-image"},
        {.what = "and it was changed since",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .image = "nginx:1.28",
         .failed = NGINX,
         .want = "another-image"},
        {.what = "a lie",
         .originals = "{'containers/web':'evil:1'}",
         .healed = "{'containers/web':'" NGINX "'}",
         .others = MARK,
         .image = "evil:1",
         .failed = NGINX,
         .want = "another-image"},
    };

    (void)state;
    ASSERT_ROWS(rows);
}

static void test_what_is_no_pod(void **state)
{
#define BEGIN "{'metadata':{'name':'web-1','namespace':'demo','uid':'" UID "'"
    static const struct row rows[] = {
        {.what = "nothing", .pod = "", .want = "malformed JSON"},
        {.what = "half of one", .pod = "{'metadata':{", .want = "malformed JSON"},
        {.what = "a list",
         .pod = "[]",
         .want = "the pod's metadata.namespace is missing or too long"},
        {.what = "no uid",
         .pod = "{'metadata':{'name':'web-1','namespace':'demo','resourceVersion':'1'}}",
         .want = "the pod's metadata.uid is missing or too long"},
        {.what = "a uid that is none",
         .pod = "{'metadata':{'name':'web-1','namespace':'demo','uid':7}}",
         .want = "the pod's metadata.uid is missing or too long"},
        {.what = "no version",
         .pod = BEGIN "}}",
         .want = "the pod's metadata.resourceVersion is missing or too long"},
        {.what = "containers that are none",
         .pod = BEGIN ",'resourceVersion':'1'},'spec':{'containers':{'name':'web'}}}",
         .want = "the object is not shaped like a pod"},
        {.what = "an image that is none",
         .spec = "'containers':[{'name':'web','image':{}}]",
         .want = "the object is not shaped like a pod"},
    };

    (void)state;
    ASSERT_ROWS(rows);
#undef BEGIN
}

/* Without the registry's host nothing is known to be in the cache. */
static void test_an_unknown_host(void **state)
{
    static const struct row row = {.what = "no host", .want = "not-ours"};
    struct rule_set *rules = make_rules("");

    (void)state;
    assert_row(&row, rules);
    rule_set_free(rules);
}

/* As kubelet 1.36 and containerd have it. */
static void test_a_pod_of_a_node(void **state)
{
    static const char patch_want[] =
        "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"" UID "\"},"
        "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"48213\"},"
        "{\"op\":\"test\",\"path\":\"/spec/containers/0/image\",\"value\":\"%s\"},"
        "{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"%s\"},"
        "{\"op\":\"add\",\"path\":\"/metadata/annotations/pullthrough.internal~1rewrite\","
        "\"value\":\"disabled\"},{\"op\":\"add\",\"path\":"
        "\"/metadata/annotations/pullthrough.internal~1healed-images\","
        "\"value\":\"{\\\"containers/web\\\":\\\"%s\\\"}\"}]";
    static const char event_want[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
        "\"web-6d5f9c7b8d-x2k4q.";
    static const char event_rest[] =
        "\",\"namespace\":\"demo\"},\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
        "\"namespace\":\"demo\",\"name\":\"web-6d5f9c7b8d-x2k4q\",\"uid\":\"" UID
        "\",\"fieldPath\":\"spec.containers{web}\"},\"reason\":\"PulledFromUpstream\","
        "\"message\":\"\\\"%s\\\" could not be pulled through the cache (absent); \\\"%s\\\" "
        "instead\",\"type\":\"Normal\",\"firstTimestamp\":\"2026-11-29T09:42:00Z\","
        "\"lastTimestamp\":\"2026-11-29T09:42:00Z\",\"count\":1,\"source\":{\"component\":"
        "\"pullthrough\"},\"reportingComponent\":\"pullthrough\",\"reportingInstance\":\"pt-1\"}";
    static const char cached[] = HOST "/ghcrcache/org/app:2.4@sha256:"
                                      "abababababababababababababababab"
                                      "abababababababababababababababab";
    const char *original = "ghcr.io/org/app:2.4@sha256:"
                           "abababababababababababababababababababababababababababababababab";
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(1 << 20), patch = STRBUF_INIT(HEAL_PATCH_MAX);
    STRBUF_CLEANUP struct strbuf event = STRBUF_INIT(HEAL_EVENT_MAX);
    STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(HEAL_EVENT_MAX);
    struct rule_set *rules = make_rules(HOST);
    const struct row row = {.container = "web", .failed = cached};
    const struct heal_request request = request_of(&row, rules);
    const struct heal_event told = {"absent", "pt-1", 1795945320};
    struct heal_plan plan;
    struct arena arena;
    struct error error;

    (void)state;
    assert_true(fixture_read(&pod, "%s", "heal/backoff.json"));
    arena_init(&arena, 0);
    assert_int_equal(heal_plan_make(&plan, &request, strbuf_slice(&pod), &arena, &error), 0);
    assert_int_equal(plan.n, 1);
    heal_plan_print_patch(&plan, &patch);
    strbuf_add_format(&want, patch_want, cached, original, cached);
    assert_string_equal(strbuf_str(&patch), strbuf_str(&want));
    strbuf_clear(&want);
    assert_changes_only_that(strbuf_str(&pod), strbuf_str(&patch));
    heal_plan_print_event(&plan, 0, &told, &event);
    assert_memory_equal(event.ptr, event_want, strlen(event_want));
    strbuf_add_format(&want, event_rest, cached, original);
    assert_string_equal(event.ptr + strlen(event_want) + 16, strbuf_str(&want));
    arena_fini(&arena);
    rule_set_free(rules);
}

/* The Event's name of a pod's name, version and first container. */
static void event_name(const char *pod, const char *version, char out[static 300])
{
    STRBUF_CLEANUP struct strbuf event = STRBUF_INIT(HEAL_EVENT_MAX);
    const struct pod_image container = {.list = POD_CONTAINERS, .name = slice_str("web")};
    const struct heal_change change = {&container, slice_str("nginx")};
    const struct heal_plan plan = {
        .namespace = slice_str("demo"),
        .name = slice_str(pod),
        .uid = slice_str(UID),
        .version = slice_str(version),
        .changes = &change,
        .n = 1,
    };
    const struct heal_event told = {NULL, "pt-1", 0};

    heal_plan_print_event(&plan, 0, &told, &event);
    assert_false(strbuf_overflowed(&event));
    {
        JSON_FIELDS_CLEANUP json_t *root = json_loads(strbuf_str(&event), 0, NULL);

        (void)snprintf(
            out, 300, "%s",
            json_string_value(json_object_get(json_object_get(root, "metadata"), "name")));
        assert_null(strchr(json_string_value(json_object_get(root, "message")), '('));
    }
}

static void test_names_of_events(void **state)
{
    char longest[254], name[300], again[300], other[300];

    (void)state;
    memset(longest, 'a', 253);
    longest[253] = '\0';
    longest[235] = '.'; /* where it is cut */
    longest[234] = '-';
    event_name(longest, "17", name);
    assert_int_equal(strlen(name), 253 - 2);
    assert_int_equal(name[233], 'a');
    assert_int_equal(name[234], '.');
    event_name(longest, "17", again);
    assert_string_equal(name, again);
    event_name(longest, "18", other);
    assert_string_not_equal(name, other);
}

/* 500 containers, all of which wait. */
/* Of so many containers that wait alike, and so many more entries of originals. */
static void assert_many(int n, int entries, size_t want)
{
    STRBUF_CLEANUP struct strbuf originals = STRBUF_INIT(1 << 20), spec = STRBUF_INIT(1 << 20);
    STRBUF_CLEANUP struct strbuf status = STRBUF_INIT(1 << 20), pod = STRBUF_INIT(1 << 20);
    STRBUF_CLEANUP struct strbuf patch = STRBUF_INIT(HEAL_PATCH_MAX);
    struct rule_set *rules = make_rules(HOST);
    struct row row = {.container = "c499"};
    const struct heal_request request = request_of(&row, rules);
    struct heal_plan plan;
    struct arena arena;
    struct error error;

    for (int i = 0; i < n + entries; i++)
        strbuf_add_format(&originals, "%c'containers/c%d':'nginx:1.27'", i ? ',' : '{', i);
    for (int i = 0; i < n; i++) {
        strbuf_add_format(&spec, "%s{'name':'c%d','image':'" NGINX "'}", i ? "," : "'containers':[",
                          i);
        strbuf_add_format(&status, "%s{'name':'c%d','state':" WAITS("ErrImagePull") "}",
                          i ? "," : "'containerStatuses':[", i);
    }
    strbuf_add_str(&originals, "}");
    strbuf_add_str(&spec, "]");
    strbuf_add_str(&status, "]");
    row.originals = strbuf_str(&originals);
    row.spec = strbuf_str(&spec);
    row.status = strbuf_str(&status);
    make_pod(&row, &pod);
    arena_init(&arena, 0);
    arena.ceiling = HEAL_ARENA_MAX;
    assert_int_equal(heal_plan_make(&plan, &request, strbuf_slice(&pod), &arena, &error), 0);
    assert_int_equal(plan.n, want);
    assert_true(slice_is(plan.changes[want - 1].container->name, "c499"));
    heal_plan_print_patch(&plan, &patch);
    assert_false(strbuf_overflowed(&patch));
    assert_changes_only_that(strbuf_str(&pod), strbuf_str(&patch));
    arena_fini(&arena);
    rule_set_free(rules);
}

static void test_many_containers(void **state)
{
    (void)state;
    assert_many(500, 0, 500);
}

/* All of them would be looked for in all of what a user wrote. */
static void test_what_would_take_long(void **state)
{
    (void)state;
    assert_many(500, 2000, 1);
}

/* What the API server would refuse: annotations of one byte too many; and too much memory. */
static void test_bounds(void **state)
{
    static const char fixed[] = "example.com/ab"
                                "x" ORIGINALS_ANNOTATION "{'containers/web':'nginx:1.27'}"
                                "pullthrough.internal/rewrite"
                                "disabled" HEALED_ANNOTATION "{'containers/web':'" NGINX "'}";
    struct rule_set *rules = make_rules(HOST);
    struct row row = {0};
    const struct heal_request request = request_of(&row, rules);
    struct heal_plan plan;
    struct arena arena;
    struct error error;

    (void)state;
    for (size_t spare = 0; spare < 2; spare++) {
        STRBUF_CLEANUP struct strbuf others = STRBUF_INIT(1 << 20), pod = STRBUF_INIT(1 << 20);

        strbuf_add_str(&others, "'x':'");
        for (size_t i = strlen(fixed) + spare; i < ALL_ANNOTATIONS_MAX + 1; i++)
            strbuf_add_char(&others, 'a');
        strbuf_add_str(&others, "'");
        row.others = strbuf_str(&others);
        make_pod(&row, &pod);
        arena_init(&arena, 0);
        arena.ceiling = HEAL_ARENA_MAX;
        assert_int_equal(heal_plan_make(&plan, &request, strbuf_slice(&pod), &arena, &error),
                         spare ? 0 : HEAL_NO_ROOM);
        arena_fini(&arena);
        arena_init(&arena, 0);
        arena.ceiling = 64 * 1024;
        assert_int_equal(heal_plan_make(&plan, &request, strbuf_slice(&pod), &arena, &error), -1);
        assert_string_equal(error.text, "the pod takes too much memory");
        arena_fini(&arena);
    }
    rule_set_free(rules);
}

static void test_reasons_have_names(void **state)
{
    (void)state;
    for (int i = 1; i < HEAL_REASON_COUNT; i++)
        assert_non_null(heal_reason_name((enum heal_reason)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck_pods_are_healed),
        cmocka_unit_test(test_images_that_stay),
        cmocka_unit_test(test_pods_that_stay),
        cmocka_unit_test(test_pods_are_put_back_once),
        cmocka_unit_test(test_a_heal_that_is_seen_later),
        cmocka_unit_test(test_what_is_no_pod),
        cmocka_unit_test(test_an_unknown_host),
        cmocka_unit_test(test_a_pod_of_a_node),
        cmocka_unit_test(test_names_of_events),
        cmocka_unit_test(test_many_containers),
        cmocka_unit_test(test_what_would_take_long),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_reasons_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
