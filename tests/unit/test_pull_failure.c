/*
 * What is read out of an Event: whose pull failed, and why, by texts of the field
 * (tests/fixtures/pull_failures.txt); and that nothing else is taken for one.
 */
#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/kube/pull_failure.h"

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST  "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define NGINX HOST "/dockercache/library/nginx:1.27"

static struct rule_set *rules;

static int make_rules(void **state)
{
    static struct config_upstream upstreams[] = {
        {.registry = "docker.io", .prefix = "dockercache", .enabled = true},
        {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
        {.registry = "quay.io", .prefix = "quay", .enabled = false},
        {.registry = "registry.k8s.io", .prefix = "quay/k8s", .enabled = true},
    };
    struct config config = {.upstreams = upstreams, .n_upstreams = 4};
    struct rule_set_facts facts = {.host = slice_str(HOST)};

    (void)state;
    rules = rule_set_new(&config, &facts);
    return 0;
}

static int free_rules(void **state)
{
    (void)state;
    rule_set_free(rules);
    return 0;
}

/* An Event as kubelet writes it, but for one member. */
struct event {
    const char *type, *reason, *kind, *namespace, *field, *source, *times, *image, *why, *before;
};

static void print_event(struct strbuf *out, const struct event *event)
{
    STRBUF_CLEANUP struct strbuf message = STRBUF_INIT(1 << 20);

    strbuf_add_format(&message, "%sFailed to pull image \"%s\": %s",
                      event->before ? event->before : "", event->image ? event->image : NGINX,
                      event->why ? event->why : "not found");
    strbuf_add_format(
        out,
        "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web.18\",\"namespace\":"
        "\"shop\",\"managedFields\":[{\"manager\":\"kubelet\"}]},\"involvedObject\":{\"kind\":"
        "\"%s\",\"namespace\":\"%s\",\"name\":\"web-1\",\"uid\":\"u-1\",\"apiVersion\":\"v1\","
        "\"resourceVersion\":\"7\"%s},\"reason\":\"%s\",\"message\":",
        event->kind ? event->kind : "Pod", event->namespace ? event->namespace : "shop",
        event->field ? event->field : ",\"fieldPath\":\"spec.containers{web}\"",
        event->reason ? event->reason : "Failed");
    strbuf_add_json(out, strbuf_slice(&message));
    strbuf_add_format(
        out, ",%s,%s,\"count\":3,\"type\":\"%s\"}",
        event->source ? event->source
                      : "\"source\":{\"component\":\"kubelet\",\"host\":\"node-7\"},"
                        "\"reportingComponent\":\"kubelet\",\"reportingInstance\":\"node-8\"",
        event->times ? event->times
                     : "\"firstTimestamp\":\"2026-11-29T10:00:00Z\",\"lastTimestamp\":"
                       "\"2026-11-29T10:00:42Z\",\"eventTime\":null",
        event->type ? event->type : "Warning");
}

/* `failure` lives as long as the arena. */
static bool read_text(struct pull_failure *failure, struct slice text, struct arena *arena)
{
    bool too_much;
    yyjson_val *event = json_arena_read(arena, text, &too_much);

    assert_non_null(event);
    return pull_failure_read(failure, rules, event);
}

static bool read_event(struct pull_failure *failure, const struct event *event, struct strbuf *text,
                       struct arena *arena)
{
    print_event(text, event);
    return read_text(failure, strbuf_slice(text), arena);
}

static void assert_slice(struct slice got, const char *want)
{
    if (!slice_is(got, want))
        print_message("got \"%.*s\", want \"%s\"\n", SLICE_FMT(got), want);
    assert_true(slice_is(got, want));
}

static void test_what_is_read(void **state)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);
    ARENA_CLEANUP struct arena arena;
    struct pull_failure failure;

    (void)state;
    arena_init(&arena, 4096);
    assert_true(read_event(&failure, &(struct event){0}, &text, &arena));
    assert_slice(failure.namespace, "shop");
    assert_slice(failure.pod, "web-1");
    assert_slice(failure.uid, "u-1");
    assert_string_equal(failure.list, "containers");
    assert_slice(failure.container, "web");
    assert_slice(failure.image, NGINX);
    assert_false(failure.own);
    assert_slice(failure.name, "dockercache/library/nginx:1.27");
    assert_int_equal(failure.upstream, 0);
    assert_int_equal(failure.class, PULL_ABSENT);
    assert_slice(failure.why, "not found");
    assert_slice(failure.node, "node-7");
    assert_int_equal(failure.last_s, 1795946442);
}

static void test_members(void **state)
{
    static const struct {
        struct event event;
        int want;
        const char *list, *container, *node;
        int upstream;
        int64_t last_s;
    } rows[] = {
        {{.field = ",\"fieldPath\":\"spec.initContainers{a}\""},
         0,
         "initContainers",
         "a",
         "node-7",
         0,
         1795946442},
        {{.field = ",\"fieldPath\":\"spec.ephemeralContainers{debugger-x}\""},
         0,
         "ephemeralContainers",
         "debugger-x",
         "node-7",
         0,
         1795946442},
        /* an image volume's, and what nobody writes */
        {{.field = ""}, 0, NULL, "", "node-7", 0, 1795946442},
        {{.field = ",\"fieldPath\":\"spec.containers\""}, 0, NULL, "", "node-7", 0, 1795946442},
        {{.field = ",\"fieldPath\":\"spec.containers{\""}, 0, NULL, "", "node-7", 0, 1795946442},
        {{.field = ",\"fieldPath\":\"spec.}\""}, 0, NULL, "", "node-7", 0, 1795946442},
        {{.field = ",\"fieldPath\":\"spec.others{a}\""}, 0, NULL, "", "node-7", 0, 1795946442},
        {{.field = ",\"fieldPath\":7"}, 0, NULL, "", "node-7", 0, 1795946442},
        /* as the newer recorder writes them */
        {{.source = "\"source\":{},\"reportingComponent\":\"kubelet\",\"reportingInstance\":"
                    "\"node-8\""},
         0,
         "containers",
         "web",
         "node-8",
         0,
         1795946442},
        {{.times = "\"lastTimestamp\":null,\"eventTime\":\"2026-11-29T10:00:42.123456Z\""},
         0,
         "containers",
         "web",
         "node-7",
         0,
         1795946442},
        {{.times = "\"eventTime\":\"2026-11-29T10:00:00.5Z\",\"series\":{\"count\":2,"
                   "\"lastObservedTime\":\"2026-11-29T10:00:42.5Z\"}"},
         0,
         "containers",
         "web",
         "node-7",
         0,
         1795946442},
        {{.times = "\"lastTimestamp\":\"yesterday\""}, 0, "containers", "web", "node-7", 0, 0},
        {{.times = "\"lastTimestamp\":null"}, 0, "containers", "web", "node-7", 0, 0},
        /* more than ten alike (client-go, tools/record/events_cache.go,
         * EventAggregatorByReasonMessageFunc) */
        {{.before = "(combined from similar events): "},
         0,
         "containers",
         "web",
         "node-7",
         0,
         1795946442},
        {{.before = "(others): "}, 1, NULL, NULL, NULL, 0, 0},
        /* whose image */
        {{.image = HOST "/ghcrcache/a"}, 0, "containers", "web", "node-7", 1, 1795946442},
        {{.image = HOST "/quay/a"}, 0, "containers", "web", "node-7", 2, 1795946442},
        {{.image = HOST "/quay/k8s/a"}, 0, "containers", "web", "node-7", 3, 1795946442},
        {{.image = HOST "/quay/k8sa/a"}, 0, "containers", "web", "node-7", 2, 1795946442},
        {{.image = HOST "/dockercache/a b"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache/A"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache/a\x1b[2J"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache/a:\xff"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache/../a"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/other/a"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache/"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST "/dockercache2/a"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = HOST ":443/dockercache/a"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = "x" HOST "/dockercache/a"}, 1, NULL, NULL, NULL, 0, 0},
        {{.image = ""}, 1, NULL, NULL, NULL, 0, 0},
        /* another Event */
        {{.type = "Normal"}, 1, NULL, NULL, NULL, 0, 0},
        {{.reason = "BackOff"}, 1, NULL, NULL, NULL, 0, 0},
        {{.kind = "Node"}, 1, NULL, NULL, NULL, 0, 0},
        {{.namespace = "kube-system"}, 1, NULL, NULL, NULL, 0, 0},
        {{.source = "\"source\":{\"component\":\"joker\",\"host\":\"node-7\"}"},
         1,
         NULL,
         NULL,
         NULL,
         0,
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);
        ARENA_CLEANUP struct arena arena;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        print_message("row %zu\n", i);
        assert_int_equal(read_event(&failure, &rows[i].event, &text, &arena), !rows[i].want);
        if (rows[i].want)
            continue;
        assert_int_equal(failure.count, rows[i].event.before ? 0 : 3);
        if (rows[i].list)
            assert_string_equal(failure.list, rows[i].list);
        else
            assert_null(failure.list);
        assert_slice(failure.container, rows[i].container);
        assert_slice(failure.node, rows[i].node);
        assert_int_equal(failure.upstream, rows[i].upstream);
        assert_int_equal(failure.last_s, rows[i].last_s);
    }
}

static void test_counts(void **state)
{
    static const struct {
        const char *count;
        unsigned want;
    } rows[] = {{"1", 1},     {"999999", 999999}, {"18446744073709551616", 184467},
                {"\"7\"", 0}, {"-1", 0},          {"1.5", 0},
                {"null", 0},  {"{}", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20), times = STRBUF_INIT(1 << 10);
        ARENA_CLEANUP struct arena arena;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        strbuf_add_format(&times, "\"eventTime\":null,\"count\":%s,\"x\":0,\"series\":null",
                          rows[i].count);
        print_event(&text, &(struct event){.times = strbuf_str(&times)});
        memcpy(strstr(text.ptr, "\"count\":3,"), "\"other\":3,", strlen("\"count\":3,"));
        assert_true(read_text(&failure, strbuf_slice(&text), &arena));
        assert_int_equal(failure.count, rows[i].want);
    }
}

/* An image of an upstream, by what the rules make of it. */
static void test_own_names(void **state)
{
    static const struct {
        const char *image, *name; /* NULL: it isn't read */
        int upstream;
    } rows[] = {
        {"nginx", "dockercache/library/nginx", 0},
        {"nginx:1.27", "dockercache/library/nginx:1.27", 0},
        {HOST, "dockercache/library/" HOST, 0}, /* without a slash it is no host */
        {"docker.io/org/app:2", "dockercache/org/app:2", 0},
        {"ghcr.io/org/app@sha256:"
         "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
         "ghcrcache/org/app@sha256:"
         "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
         1},
        {"quay.io/a", "quay/a", 2},
        {"registry.k8s.io/a", "quay/k8s/a", 3},
        {"example.com/a", NULL, 0},
        {"111122223333.dkr.ecr.eu-west-1.amazonaws.com/dockercache/a", NULL, 0},
        {"nginx 1", NULL, 0},
        {"Nginx", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);
        ARENA_CLEANUP struct arena arena;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        print_message("%s\n", rows[i].image);
        assert_int_equal(
            read_event(&failure, &(struct event){.image = rows[i].image}, &text, &arena),
            rows[i].name != NULL);
        if (!rows[i].name)
            continue;
        assert_true(failure.own);
        assert_slice(failure.image, rows[i].image);
        assert_slice(failure.name, rows[i].name);
        assert_int_equal(failure.upstream, rows[i].upstream);
        assert_int_equal(failure.class, PULL_ABSENT);
    }
}

static void test_age(void **state)
{
    static const struct {
        int64_t last_s, now_s, first_ms, again_ms;
    } rows[] = {
        {1000, 1000, 0, 0},
        {1000, 1007, 7000, 7000},
        {1001, 1000, 0, INT64_MAX}, /* clocks are apart */
        {1060, 1000, 0, INT64_MAX},
        {1061, 1000, INT64_MAX, INT64_MAX},
        {253402300799, 1000, INT64_MAX, INT64_MAX}, /* 9999-12-31 */
        {0, 1000, INT64_MAX, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pull_failure failure = {.last_s = rows[i].last_s};

        assert_true(pull_failure_age_ms(&failure, rows[i].now_s, false) == rows[i].first_ms);
        assert_true(pull_failure_age_ms(&failure, rows[i].now_s, true) == rows[i].again_ms);
    }
}

/* Copies `text` with the host in its place, and new lines. */
static void fill(struct strbuf *out, struct slice text)
{
    while (text.len) {
        if (slice_starts_with(text, slice_str("{HOST}"))) {
            strbuf_add_str(out, HOST);
            text = slice_from(text, strlen("{HOST}"));
        } else if (slice_starts_with(text, slice_str("\\n"))) {
            strbuf_add_char(out, '\n');
            text = slice_from(text, 2);
        } else {
            strbuf_add_char(out, *text.ptr);
            text = slice_from(text, 1);
        }
    }
}

static struct slice cut(struct slice *text, char at)
{
    size_t n = slice_find(*text, at);
    struct slice field = slice_of(text->ptr, n);

    *text = slice_from(*text, n < text->len ? n + 1 : n);
    return field;
}

static void test_why_by_texts_of_the_field(void **state)
{
    STRBUF_CLEANUP struct strbuf file = STRBUF_INIT(1 << 20);
    unsigned seen[PULL_CLASS_COUNT] = {0}, wrong = 0;
    struct slice rest;

    (void)state;
    assert_true(fixture_read(&file, "pull_failures.txt"));
    for (rest = strbuf_slice(&file); rest.len;) {
        STRBUF_CLEANUP struct strbuf image = STRBUF_INIT(4096), why = STRBUF_INIT(1 << 20),
                                     text = STRBUF_INIT(1 << 20);
        ARENA_CLEANUP struct arena arena;
        struct slice row = cut(&rest, '\n'), class;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        if (slice_starts_with(row, slice_str("#")))
            continue;
        class = cut(&row, '\t');
        strbuf_add_str(&image, HOST "/");
        fill(&image, cut(&row, '\t'));
        fill(&why, cut(&row, '\t'));
        assert_true(row.len > 0); /* where it is from */
        assert_true(read_event(
            &failure, &(struct event){.image = strbuf_str(&image), .why = strbuf_str(&why)}, &text,
            &arena));
        seen[failure.class]++;
        if (!slice_is(class, pull_class_name(failure.class))) {
            print_message("%s, want %.*s: %s\n", pull_class_name(failure.class), SLICE_FMT(class),
                          strbuf_str(&why));
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    for (int class = 0; class < PULL_CLASS_COUNT; class ++)
        assert_true(seen[class] > 2);
}

static void test_messages_of_another_shape(void **state)
{
    static const char *const messages[] = {
        "",
        "Error: ErrImagePull",
        "Failed to pull image",
        "Failed to pull image \\\"",
        "Failed to pull image \\\"" NGINX,
        "failed to pull image \\\"" NGINX "\\\": not found",
        " Failed to pull image \\\"" NGINX "\\\": not found",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);
        ARENA_CLEANUP struct arena arena;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        strbuf_add_format(
            &text,
            "{\"type\":\"Warning\",\"reason\":\"Failed\",\"source\":{\"component\":"
            "\"kubelet\"},\"metadata\":{\"namespace\":\"a\"},\"involvedObject\":{"
            "\"kind\":\"Pod\",\"namespace\":\"a\",\"name\":\"b\"},\"message\":\"%s\"}",
            messages[i]);
        assert_false(read_text(&failure, strbuf_slice(&text), &arena));
    }
}

static void test_what_is_no_event(void **state)
{
    static const char *const texts[] = {"[]", "7", "null", "\"Event\"", "{}", "[{}]"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        assert_false(read_text(&failure, slice_str(texts[i]), &arena));
    }
}

/* What is said in the first 4 KiB counts; more is read over. */
static void test_a_message_of_64_kib(void **state)
{
    static char why[64 * 1024 + 1];
    static const struct {
        size_t at;
        enum pull_class class;
    } rows[] = {{0, PULL_THROTTLED},
                {PULL_FAILURE_WHY_MAX - sizeof("toomanyrequests") + 1, PULL_THROTTLED},
                {PULL_FAILURE_WHY_MAX - sizeof("toomanyrequests") + 2, PULL_OTHER},
                {60000, PULL_OTHER}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1 << 20);
        ARENA_CLEANUP struct arena arena;
        struct pull_failure failure;

        arena_init(&arena, 4096);
        memset(why, '\x01', sizeof(why) - 1); /* six bytes each in JSON */
        memcpy(why + rows[i].at, "toomanyrequests", strlen("toomanyrequests"));
        assert_true(read_event(&failure, &(struct event){.why = why}, &text, &arena));
        assert_true(text.len > 6 * (sizeof(why) - 100));
        assert_int_equal(failure.class, rows[i].class);
        assert_int_equal(failure.why.len, PULL_FAILURE_WHY_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_own_names),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_why_by_texts_of_the_field),
        cmocka_unit_test(test_messages_of_another_shape),
        cmocka_unit_test(test_what_is_no_event),
        cmocka_unit_test(test_a_message_of_64_kib),
    };

    return cmocka_run_group_tests(tests, make_rules, free_rules);
}
