/*
 * The review as a function from bytes to bytes. Whether the patches do the right thing is
 * tested from outside, with another JSON Patch implementation (tests/it/test_review.py);
 * here: the exact answers to short reviews, and what is found for logs and metrics.
 */
#include "pullthrough/core/review.h"

#include "pullthrough/core/originals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST      "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define CACHED    HOST "/dockercache/library/"
#define PODS      "\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}"
#define CREATE    PODS ",\"operation\":\"CREATE\",\"namespace\":\"demo\","
#define UPDATE    PODS ",\"operation\":\"UPDATE\",\"namespace\":\"demo\","
#define EPHEMERAL "\"subResource\":\"ephemeralcontainers\"," UPDATE
#define REVIEW(request)                                                                            \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"           \
    "\"uid\":\"u1\"," request "}}\n"
#define ALLOWED                                                                                    \
    "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","                        \
    "\"response\":{\"uid\":\"u1\",\"allowed\":true}}"

static struct config_upstream upstreams[] = {
    {.registry = "docker.io", .prefix = "dockercache", .enabled = true},
    {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
};
static char *namespaces[] = {"kube-system"};

static struct rule_set *make_rules(bool originals, bool warnings)
{
    struct config config = {
        .upstreams = upstreams,
        .n_upstreams = 2,
        .rewrite = {.record_originals = originals,
                    .warnings = warnings,
                    .skip_namespaces = namespaces,
                    .n_skip_namespaces = 1},
    };
    struct rule_set_facts facts = {.host = slice_str(HOST)};

    return rule_set_new(&config, &facts);
}

struct result {
    struct review review; /* slices and images are dead; the numbers are what is looked at */
    struct strbuf answer;
    struct strbuf patch; /* decoded */
};

static unsigned char sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return (unsigned char)(strchr(alphabet, c) - alphabet);
}

static void decode_patch(struct result *result)
{
    const char *at = strstr(strbuf_str(&result->answer), "\"patch\":\"");

    if (!at)
        return;
    for (at += strlen("\"patch\":\""); *at != '"'; at += 4) {
        unsigned bits = (unsigned)sextet(at[0]) << 18 | (unsigned)sextet(at[1]) << 12;

        if (at[2] != '=')
            bits |= (unsigned)sextet(at[2]) << 6;
        if (at[3] != '=')
            bits |= sextet(at[3]);
        strbuf_add_char(&result->patch, (char)(bits >> 16));
        if (at[2] != '=')
            strbuf_add_char(&result->patch, (char)(bits >> 8));
        if (at[3] != '=')
            strbuf_add_char(&result->patch, (char)bits);
    }
}

static void ask(struct result *result, const struct rule_set *rules, struct slice body)
{
    ARENA_CLEANUP struct arena arena;

    *result = (struct result){0};
    strbuf_init(&result->answer, REVIEW_ANSWER_MAX);
    strbuf_init(&result->patch, REVIEW_ANSWER_MAX);
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(&result->review, rules, body, &arena, &result->answer);
    decode_patch(result);
}

static void result_fini(struct result *result)
{
    strbuf_fini(&result->answer);
    strbuf_fini(&result->patch);
}

/* The decoded patch; "" stands for the answer without one. */
static void check_patch(bool originals, const char *body, const char *want)
{
    struct rule_set *rules = make_rules(originals, false);
    struct result result;

    ask(&result, rules, slice_str(body));
    assert_int_equal(result.review.status, 200);
    if (strcmp(strbuf_str(&result.patch), want) != 0)
        fail_msg("%s\n gives %s\n not  %s", body, strbuf_str(&result.patch), want);
    if (!*want)
        assert_string_equal(strbuf_str(&result.answer), ALLOWED);
    result_fini(&result);
    rule_set_unref(rules);
}

static void test_patches(void **state)
{
    static const char *rows[][2] = {
        {REVIEW(CREATE "\"object\":{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"web\","
                       "\"image\":\"nginx:1\"}]}}"),
         "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"" CACHED
         "nginx:1\"}]"},
        {REVIEW(CREATE "\"object\":{\"spec\":{\"volumes\":[{\"rbd\":{\"image\":\"nginx\"}},"
                       "{\"name\":\"m\",\"image\":{\"reference\":\"nginx\"}}],"
                       "\"initContainers\":[{\"image\":\"gcr.io/x\"},{\"image\":\"redis\"}]}}"),
         "[{\"op\":\"replace\",\"path\":\"/spec/initContainers/1/image\",\"value\":\"" CACHED
         "redis\"},{\"op\":\"replace\",\"path\":\"/spec/volumes/1/image/reference\",\"value\":"
         "\"" CACHED "nginx\"}]"},
        /* of a key given twice the last one counts */
        {REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":[{\"image\":\"gcr.io/x\",\"image\":"
                       "\"redis\"}]}}"),
         "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"" CACHED
         "redis\"}]"},
        {REVIEW(CREATE "\"object\":{\"spec\":{\"ephemeralContainers\":[{\"image\":\"redis\"}]}}"),
         ""},
        {REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":null}}"), ""},
        {REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":[{\"image\":\"redis\"},7]}}"), ""},
        {REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":{\"image\":\"redis\"}}}"), ""},
        {REVIEW(CREATE
                "\"object\":{\"spec\":{\"containers\":[{\"image\":\"redis\"},{\"image\":1}]}}"),
         ""},
        {REVIEW(CREATE "\"object\":null"), ""},
        {REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":[{\"image\":\"redis\\u0000\"}]}}"),
         ""},
        /* updates: only what the update brings */
        {REVIEW(UPDATE "\"object\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"redis\"},"
                       "{\"name\":\"b\",\"image\":\"redis:2\"}],\"volumes\":[{\"name\":\"v\","
                       "\"image\":{\"reference\":\"nginx\"}}]}},\"oldObject\":{\"spec\":{"
                       "\"containers\":[{\"name\":\"b\",\"image\":\"redis:1\"},{\"name\":\"a\","
                       "\"image\":\"redis\"}]}}"),
         "[{\"op\":\"replace\",\"path\":\"/spec/containers/1/image\",\"value\":\"" CACHED
         "redis:2\"}]"},
        {REVIEW(UPDATE
                "\"object\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"redis\"}]}},"
                "\"oldObject\":null"),
         ""},
        {REVIEW(EPHEMERAL
                "\"object\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"redis\"}],"
                "\"ephemeralContainers\":[{\"name\":\"d\",\"image\":\"redis\"},"
                "{\"name\":\"e\",\"image\":\"redis\"}]}},\"oldObject\":{\"spec\":{"
                "\"ephemeralContainers\":[{\"name\":\"d\"}]}}"),
         "[{\"op\":\"replace\",\"path\":\"/spec/ephemeralContainers/1/image\",\"value\":\"" CACHED
         "redis\"}]"},
        /* other requests */
        {REVIEW(PODS ",\"operation\":\"DELETE\",\"object\":{\"spec\":{\"containers\":[{\"image\":"
                     "\"redis\"}]}}"),
         ""},
        {REVIEW("\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"
                "\"subResource\":"
                "\"binding\",\"operation\":\"CREATE\",\"object\":{\"spec\":{\"containers\":[{"
                "\"image\":"
                "\"redis\"}]}}"),
         ""},
        {REVIEW("\"resource\":{\"group\":\"apps\",\"version\":\"v1\",\"resource\":\"pods\"},"
                "\"operation\":"
                "\"CREATE\",\"object\":{\"spec\":{\"containers\":[{\"image\":\"redis\"}]}}"),
         ""},
        {REVIEW("\"operation\":5"), ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_patch(false, rows[i][0], rows[i][1]);
}

#define WEB "\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"nginx\"}]}"
#define REPLACED                                                                                   \
    "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"" CACHED "nginx\"}"
#define ANNOTATION "pullthrough.internal/original-images"

static void test_originals(void **state)
{
    static const char *rows[][2] = {
        {REVIEW(CREATE "\"object\":{\"metadata\":{}," WEB "}"),
         REPLACED ",{\"op\":\"add\",\"path\":\"/metadata/annotations\",\"value\":{\"" ANNOTATION
                  "\":\"{\\\"containers/web\\\":\\\"nginx\\\"}\"}}]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":null}," WEB "}"),
         REPLACED ",{\"op\":\"add\",\"path\":\"/metadata/annotations\",\"value\":{\"" ANNOTATION
                  "\":\"{\\\"containers/web\\\":\\\"nginx\\\"}\"}}]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{}}," WEB "}"), REPLACED
         ",{\"op\":\"add\",\"path\":\"/metadata/annotations/pullthrough.internal~1original-"
         "images\",\"value\":\"{\\\"containers/web\\\":\\\"nginx\\\"}\"}]"},
        /* reinvocation: what is there stays */
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"initContainers/i\\\":\\\"a:1\\\"}\"}}," WEB "}"),
         REPLACED
         ",{\"op\":\"add\",\"path\":\"/metadata/annotations/pullthrough.internal~1original-"
         "images\",\"value\":\"{\\\"initContainers/i\\\":\\\"a:1\\\","
         "\\\"containers/web\\\":\\\"nginx\\\"}\"}]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"a:1\\\"}\"}}," WEB "}"),
         REPLACED "]"},
        /* not ours, or no place for it: the image is rewritten all the same */
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"mine\"}}," WEB "}"),
         REPLACED "]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"a\\\":1}\"}}," WEB "}"),
         REPLACED "]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":[]}," WEB "}"), REPLACED "]"},
        {REVIEW(CREATE "\"object\":{" WEB "}"), REPLACED "]"},
        /* a name may be any text before validation */
        {REVIEW(CREATE "\"object\":{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"a\\\"b\","
                       "\"image\":\"nginx\"}]}}"),
         REPLACED ",{\"op\":\"add\",\"path\":\"/metadata/annotations\",\"value\":{\"" ANNOTATION
                  "\":\"{\\\"containers/a\\\\\\\"b\\\":\\\"nginx\\\"}\"}}]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_patch(true, rows[i][0], rows[i][1]);
}

static void test_annotations_never_pass_their_limit(void **state)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1024 * 1024);
    const char *value = "{\"containers/web\":\"nginx\"}";
    size_t room = ORIGINALS_ALL_ANNOTATIONS_MAX - strlen(ANNOTATION) - strlen(value);

    (void)state;
    for (size_t other = room - 1; other <= room; other++) { /* bytes of "a" and its value */
        strbuf_clear(&body);
        strbuf_add_str(&body,
                       "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
                       "\"request\":{\"uid\":\"u1\"," CREATE
                       "\"object\":{\"metadata\":{\"annotations\":{\"a\":\"");
        for (size_t i = 0; i < other; i++)
            strbuf_add_char(&body, 'x');
        strbuf_add_str(&body, "\"}}," WEB "}}}");
        check_patch(true, strbuf_str(&body),
                    other < room ? REPLACED
                        ",{\"op\":\"add\",\"path\":\"/metadata/annotations/pullthrough."
                        "internal~1original-images\",\"value\":\"{\\\"containers/web\\\":"
                        "\\\"nginx\\\"}\"}]"
                                 : REPLACED "]");
    }
}

static void test_whole_answers(void **state)
{
    static const struct {
        const char *body;
        int status;
        enum review_outcome outcome;
        const char *answer;
    } rows[] = {
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\",\"request\":{"
         "\"uid\":\"u1\"," CREATE "\"object\":{" WEB "}}}",
         200, REVIEW_REWRITTEN,
         "{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"kind\":\"AdmissionReview\",\"response\":{"
         "\"uid\":\"u1\",\"allowed\":true,\"patchType\":\"JSONPatch\",\"patch\":\""
         "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9zcGVjL2NvbnRhaW5lcnMvMC9pbWFnZSIsInZhbHVlIjoiMTExMTIy"
         "MjIzMzMzLmRrci5lY3IudXMtd2VzdC0yLmFtYXpvbmF3cy5jb20vZG9ja2VyY2FjaGUvbGlicmFyeS9uZ2lueCJ9"
         "XQ==\",\"auditAnnotations\":{\"rewritten\":\"1\"},\"warnings\":[\"pullthrough: 1 of 1 "
         "images rewritten to " HOST "\"]}}"},
        {"{\"apiVersion\":\"admission.k8s.io/v2\",\"request\":{\"uid\":\"u1\"}}", 200,
         REVIEW_NOT_UNDERSTOOD, ALLOWED},
        {"{\"request\":{\"uid\":\"u\\u0001\\\"\"}}", 200, REVIEW_NOT_UNDERSTOOD,
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{"
         "\"uid\":\"u\\u0001\\\"\",\"allowed\":true}}"},
        {"", 400, REVIEW_BAD_REQUEST,
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
         "\"message\":\"the body is not JSON\",\"reason\":\"BadRequest\",\"code\":400}"},
        {"{\"request\":7}", 400, REVIEW_BAD_REQUEST,
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
         "\"message\":\"the body has no request, so no uid to answer "
         "to\",\"reason\":\"BadRequest\","
         "\"code\":400}"},
        {"{\"request\":{\"uid\":{\"a\":1}}}", 400, REVIEW_BAD_REQUEST,
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
         "\"message\":\"request.uid is not a text of 1 to 256 bytes\",\"reason\":\"BadRequest\","
         "\"code\":400}"},
        {"{\"request\":{\"uid\":\"\"}}", 400, REVIEW_BAD_REQUEST,
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
         "\"message\":\"request.uid is not a text of 1 to 256 bytes\",\"reason\":\"BadRequest\","
         "\"code\":400}"},
    };
    struct rule_set *rules = make_rules(false, true);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct result result;

        ask(&result, rules, slice_str(rows[i].body));
        assert_string_equal(strbuf_str(&result.answer), rows[i].answer);
        assert_int_equal(result.review.status, rows[i].status);
        assert_int_equal(result.review.outcome, rows[i].outcome);
        result_fini(&result);
    }
    rule_set_unref(rules);
}

static void test_not_json(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"\0", 1},
        {"{}x", 3},
        {"\xef\xbb\xbf{}", 5},
        {"{\"request\":{\"uid\":\"u\xff\"}}", 24},
        {"{\"request\":", 11},
        {"nginx", 5},
    };
    struct rule_set *rules = make_rules(false, false);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct result result;

        ask(&result, rules, slice_of(rows[i].bytes, rows[i].len));
        assert_int_equal(result.review.status, 400);
        assert_string_equal(result.review.problem, "the body is not JSON");
        result_fini(&result);
    }
    rule_set_unref(rules);
}

static void test_deep_nesting_is_just_json(void **state)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(3000000);
    struct rule_set *rules = make_rules(false, false);
    struct result result;

    (void)state;
    strbuf_add_str(&body, "{\"request\":{\"uid\":\"u1\",\"object\":");
    for (int i = 0; i < 1000000; i++)
        strbuf_add_char(&body, '[');
    for (int i = 0; i < 1000000; i++)
        strbuf_add_char(&body, ']');
    strbuf_add_str(&body, "}}");
    ask(&result, rules, strbuf_slice(&body));
    assert_int_equal(result.review.status, 200);
    result_fini(&result);
    rule_set_unref(rules);
}

static void test_too_many_containers_change_nothing(void **state)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1024 * 1024);

    (void)state;
    for (size_t n = REVIEW_IMAGES_MAX; n <= REVIEW_IMAGES_MAX + 1; n++) {
        struct rule_set *rules = make_rules(false, false);
        struct result result;

        strbuf_clear(&body);
        strbuf_add_str(
            &body, "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
                   "\"request\":{\"uid\":\"u1\"," CREATE "\"object\":{\"spec\":{\"containers\":[");
        for (size_t i = 0; i < n; i++)
            strbuf_add_str(&body, i ? ",{\"image\":\"redis\"}" : "{\"image\":\"redis\"}");
        strbuf_add_str(&body, "]}}}}");
        ask(&result, rules, strbuf_slice(&body));
        assert_int_equal(result.review.n_rewritten, n == REVIEW_IMAGES_MAX ? n : 0);
        if (n > REVIEW_IMAGES_MAX)
            assert_string_equal(result.review.problem, "over 4096 containers and volumes");
        result_fini(&result);
        rule_set_unref(rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_originals),
        cmocka_unit_test(test_annotations_never_pass_their_limit),
        cmocka_unit_test(test_whole_answers),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_deep_nesting_is_just_json),
        cmocka_unit_test(test_too_many_containers_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
