/*
 * The review as a function from bytes to bytes. Whether the patches do the right thing is
 * tested from outside, with another JSON Patch implementation (tests/it/test_review.py);
 * here: the exact answers to short reviews, and what is found for logs and metrics.
 */
#include "review_world.h"

#include "core/review/originals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

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

/* The decoded patch; "" stands for the answer without one. */
static void check_patch(bool originals, const char *body, const char *want)
{
    struct rule_set *rules = make_rules(originals, false);
    struct review_world result;

    review_world_ask(&result, rules, slice_str(body));
    assert_int_equal(result.review.status, 200);
    if (strcmp(strbuf_str(&result.patch), want) != 0)
        fail_msg("%s\n gives %s\n not  %s", body, strbuf_str(&result.patch), want);
    if (!*want)
        assert_string_equal(strbuf_str(&result.answer), ALLOWED);
    review_world_fini(&result);
    rule_set_free(rules);
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
#define SET_ALONE(map)                                                                             \
    "{\"op\":\"add\",\"path\":\"/metadata/annotations/pullthrough.internal~1original-images\","    \
    "\"value\":\"{" map "}\"}"
#define SET(map) "," SET_ALONE(map)

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
        /* reinvocation: what we rewrote stays recorded, by what it was first */
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"docker.io/nginx\\\"}\"}},\"spec\":{"
                       "\"containers\":[{\"name\":\"web\",\"image\":\"" CACHED "nginx\"}]}}"),
         ""},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/a\\\":\\\"docker.io/nginx\\\"}\"}},\"spec\":{"
                       "\"containers\":[{\"name\":\"web\",\"image\":\"nginx\"},"
                       "{\"name\":\"a\",\"image\":\"" CACHED "nginx\"}]}}"),
         REPLACED SET("\\\"containers/a\\\":\\\"docker.io/nginx\\\","
                      "\\\"containers/web\\\":\\\"nginx\\\"") "]"},
        /* whatever else came with the pod goes: of no container, of another image, made up */
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"initContainers/i\\\":\\\"a:1\\\",\\\"containers\\\":\\\"a\\\","
                       "\\\"containers/\\\":\\\"a\\\"}\"}}," WEB "}"),
         REPLACED SET("\\\"containers/web\\\":\\\"nginx\\\"") "]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"a:1\\\"}\"}}," WEB "}"),
         REPLACED SET("\\\"containers/web\\\":\\\"nginx\\\"") "]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"nginx\\\"}\"}},\"spec\":{\"containers\":"
                       "[{\"name\":\"web\",\"image\":\"gcr.io/x\"}]}}"),
         "[" SET_ALONE("") "]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"nginx:1\\\"}\"}},\"spec\":{\"containers\":"
                       "[{\"name\":\"web\",\"image\":\"" CACHED "nginx:2\"}]}}"),
         "[" SET_ALONE("") "]"},
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"nginx\\\"}\"}},\"spec\":{\"containers\":"
                       "[{\"name\":\"web\"}]}}"),
         "[" SET_ALONE("") "]"},
        /* of two entries of a name the last one counts */
        {REVIEW(CREATE
                "\"object\":{\"metadata\":{\"annotations\":{\"" ANNOTATION
                "\":\"{\\\"containers/web\\\":\\\"nginx\\\",\\\"containers/web\\\":"
                "\\\"a\\\"}\"}},\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"" CACHED
                "nginx\"}]}}"),
         "[" SET_ALONE("") "]"},
        /* a pod that is left alone keeps whatever it says */
        {REVIEW(CREATE "\"object\":{\"metadata\":{\"labels\":{\"pullthrough.internal/rewrite\":"
                       "\"disabled\"},\"annotations\":{\"" ANNOTATION
                       "\":\"{\\\"containers/web\\\":\\\"a:1\\\"}\"}}," WEB "}"),
         ""},
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
    size_t room = ALL_ANNOTATIONS_MAX - strlen(ANNOTATION) - strlen(value);

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
        struct review_world result;

        review_world_ask(&result, rules, slice_str(rows[i].body));
        assert_string_equal(strbuf_str(&result.answer), rows[i].answer);
        assert_int_equal(result.review.status, rows[i].status);
        assert_int_equal(result.review.outcome, rows[i].outcome);
        review_world_fini(&result);
    }
    rule_set_free(rules);
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
        struct review_world result;

        review_world_ask(&result, rules, slice_of(rows[i].bytes, rows[i].len));
        assert_int_equal(result.review.status, 400);
        assert_string_equal(result.review.problem, "the body is not JSON");
        review_world_fini(&result);
    }
    rule_set_free(rules);
}

/* Depth costs memory only; up to what Go reads (10,000 levels) a pod is like any other. */
static void test_deep_nesting_is_just_json(void **state)
{
    static const struct {
        size_t depth;
        const char *outcomes;
        enum review_outcome outcome;
    } rows[] = {{1, "rewritten", REVIEW_REWRITTEN},
                {10000, "rewritten", REVIEW_REWRITTEN},
                {1000000, "", REVIEW_NOT_UNDERSTOOD}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(3000000);
        struct rule_set *rules = make_rules(false, false);
        struct review_world result;

        strbuf_add_str(&body,
                       "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
                       "\"request\":{\"uid\":\"u1\"," CREATE "\"object\":{" WEB ",\"x\":");
        for (size_t k = 0; k < rows[i].depth; k++)
            strbuf_add_char(&body, '[');
        for (size_t k = 0; k < rows[i].depth; k++)
            strbuf_add_char(&body, ']');
        strbuf_add_str(&body, "}}}");
        review_world_ask(&result, rules, strbuf_slice(&body));
        assert_int_equal(result.review.status, 200);
        assert_int_equal(result.review.outcome, rows[i].outcome);
        assert_string_equal(strbuf_str(&result.outcomes), rows[i].outcomes);
        review_world_fini(&result);
        rule_set_free(rules);
    }
}

/* A body that is too much is read for who asks, by other means: the answer is the same as to a
 * body that isn't too much, and says nothing but that it may pass. */
static void test_who_asks_of_too_much(void **state)
{
    static const struct {
        const char *before, *after; /* of the array that is too much */
        const char *uid;            /* as the answer has it; NULL: none, so HTTP 400 */
    } rows[] = {
        {"{\"request\":{\"uid\":\"u1\",\"object\":", "}}", "u1"},
        {"{\"request\":{\"object\":", ",\"uid\":\"u1\"}}", "u1"},
        {" { \"x\" : ", " , \"request\" : { \"uid\" : \"u1\" } } \n", "u1"},
        {"{\"request\":{\"uid\":\"u0\"},\"x\":", ",\"request\":{\"uid\":\"u1\"}}", "u1"},
        {"{\"request\":{\"uid\":\"u0\",\"uid\":\"u1\"},\"x\":", "}", "u1"},
        {"{\"request\":{\"uid\":\"u0\",\"\\u0075id\":\"u1\"},\"x\":", "}", "u1"},
        {"{\"r\\u0065quest\":{\"uid\":\"u\\u0031\"},\"x\":", "}", "u1"},
        {"{\"request\":{\"uid\":\"\\\"\\n\\ud83d\\ude00\"},\"x\":", "}", "\\\"\\n\xf0\x9f\x98\x80"},
        /* no uid */
        {"{\"request\":{\"uid\":\"u1\"},\"x\":", ",\"request\":{}}", NULL},
        {"{\"request\":{\"uid\":\"u1\"},\"x\":", ",\"request\":null}", NULL},
        {"{\"request\":{\"uid\":\"u1\",\"uid\":5,\"x\":", "}}", NULL},
        {"{\"request\":{\"uid\":\"\",\"x\":", "}}", NULL},
        {"{\"request\":{\"uid\":{\"a\":\"u1\"},\"x\":", "}}", NULL},
        {"{\"request\":{\"uid\":\"u\xff\",\"x\":", "}}", NULL},
        {"{\"request\":{\"uid\":\"u\\x\",\"x\":", "}}", NULL},
        {"{\"request\":{\"x\":{\"uid\":\"u1\"},\"y\":", "}}", NULL},
        {"{\"x\":{\"request\":{\"uid\":\"u1\"}},\"y\":", "}", NULL},
        {"{\"uid\":\"u1\",\"y\":", "}", NULL},
        {"{\"request\":{\"x\":\"{\\\"uid\\\":\\\"u1\\\"}\",\"y\":", "}}", NULL},
        {"{\"request\":{\"x\":\",\\\"uid\\\":\\\"u1\\\",\",\"y\":", "}}", NULL},
        {"[{\"request\":{\"uid\":\"u1\"}},", "]", NULL},
        /* no JSON */
        {"{\"request\":{\"uid\":\"u1\"},\"x\":", "", NULL},
        {"{\"request\":{\"uid\":\"u1\"},\"x\":", "}}", NULL},
        {"{\"request\":{\"uid\":\"u1\"},\"x\":", "}x", NULL},
        {"{\"request\":{\"uid\":\"u1\"},\"x\":", ",}", NULL},
        {"{\"request\":{\"uid\":\"u1\"}\"x\":", "}", NULL},
        {"{\"request\":{\"uid\":\"u1\"},x:", "}", NULL},
        {"{\"request\":{\"uid\":u1},\"x\":", "}", NULL},
        {"{\"request\":{\"uid\":\"u1\"},\"x\":[\"", "]}", NULL},
    };
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(3000000), want = STRBUF_INIT(1000);
    struct rule_set *rules = make_rules(false, false);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct review_world result;

        strbuf_clear(&body);
        strbuf_add_str(&body, rows[i].before);
        for (size_t k = 0; k < 1000000; k++)
            strbuf_add_str(&body, k ? ",0" : "[0");
        strbuf_add_format(&body, "]%s", rows[i].after);
        review_world_ask(&result, rules, strbuf_slice(&body));
        strbuf_clear(&want);
        strbuf_add_format(&want, "\"uid\":\"%s\",\"allowed\":true}}",
                          rows[i].uid ? rows[i].uid : "");
        if (result.review.status != (rows[i].uid ? 200 : 400) ||
            (rows[i].uid && !strstr(strbuf_str(&result.answer), strbuf_str(&want))))
            fail_msg("%s...%s gives %s", rows[i].before, rows[i].after, strbuf_str(&result.answer));
        assert_int_equal(result.review.outcome,
                         rows[i].uid ? REVIEW_NOT_UNDERSTOOD : REVIEW_BAD_REQUEST);
        if (rows[i].uid)
            assert_string_equal(result.review.problem,
                                "it would take more memory than 6 times its bytes and 1 MiB");
        review_world_fini(&result);
    }
    rule_set_free(rules);
}

/* The longest uid that is one, however it is written. */
static void test_longest_uid_of_too_much(void **state)
{
    static const char *const letters[] = {"u", "\\u0075"};
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(3000000);
    struct rule_set *rules = make_rules(false, false);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t bytes = REVIEW_UID_MAX + i / 2;
        struct review_world result;

        strbuf_clear(&body);
        strbuf_add_str(&body,
                       "{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"request\":{\"uid\":\"");
        for (size_t k = 0; k < bytes; k++)
            strbuf_add_str(&body, letters[i % 2]);
        strbuf_add_str(&body, "\",\"x\":");
        for (size_t k = 0; k < 1000000; k++)
            strbuf_add_str(&body, k ? ",0" : "[0");
        strbuf_add_str(&body, "]}}");
        review_world_ask(&result, rules, strbuf_slice(&body));
        assert_int_equal(result.review.status, bytes > REVIEW_UID_MAX ? 400 : 200);
        assert_int_equal(!strstr(strbuf_str(&result.answer), "admission.k8s.io/v1beta1"),
                         bytes > REVIEW_UID_MAX);
        review_world_fini(&result);
    }
    rule_set_free(rules);
}

static void test_too_many_containers_change_nothing(void **state)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1024 * 1024);

    (void)state;
    for (size_t n = REVIEW_IMAGES_MAX; n <= REVIEW_IMAGES_MAX + 1; n++) {
        struct rule_set *rules = make_rules(false, false);
        struct review_world result;

        strbuf_clear(&body);
        strbuf_add_str(
            &body, "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
                   "\"request\":{\"uid\":\"u1\"," CREATE "\"object\":{\"spec\":{\"containers\":[");
        for (size_t i = 0; i < n; i++)
            strbuf_add_str(&body, i ? ",{\"image\":\"redis\"}" : "{\"image\":\"redis\"}");
        strbuf_add_str(&body, "]}}}}");
        review_world_ask(&result, rules, strbuf_slice(&body));
        assert_int_equal(result.review.n_rewritten, n == REVIEW_IMAGES_MAX ? n : 0);
        if (n > REVIEW_IMAGES_MAX)
            assert_string_equal(result.review.problem, "over 4096 containers and volumes");
        review_world_fini(&result);
        rule_set_free(rules);
    }
}

static void check_answer(const char *outcomes, const char *patch, size_t image)
{
    char path[] = "/spec/containers/0/image";
    const char *outcome = image ? strchr(outcomes, ' ') + 1 : outcomes;

    path[sizeof("/spec/containers/") - 1] = (char)('0' + image);
    assert_int_equal(strstr(patch, path) != NULL, strncmp(outcome, "rewritten", 9) == 0);
}

/* What became of the pulls of some images (below the host), and what becomes of a pod's then. */
static void test_what_nodes_say(void **state)
{
    static const struct {
        const char *failed[3];
        bool down;
        const char *images[2], *outcomes;
    } rows[] = {
        {{NULL}, false, {"nginx:1", "redis"}, "rewritten rewritten"},
        {{"dockercache/library/nginx:1"}, false, {"nginx:1", "redis"}, "pull-failed rewritten"},
        {{"dockercache/library/nginx:1"},
         false,
         {"docker.io/library/nginx:1", "nginx"},
         "pull-failed rewritten"},
        {{"dockercache/library/nginx"}, false, {"nginx:latest", "nginx"}, "rewritten pull-failed"},
        {{"dockercache/a", "dockercache/b", "dockercache/c"},
         false,
         {"redis", "ghcr.io/a/b"},
         "pull-failed rewritten"},
        {{"dockercache/library/nginx:1"},
         true,
         {"nginx:1", "ghcr.io/a/b"},
         "registry-down registry-down"},
        /* other reasons go first */
        {{NULL}, true, {"gcr.io/a", "NGINX"}, "not-upstream invalid"},
        {{NULL}, true, {CACHED "nginx:1", "redis"}, "already-ecr registry-down"},
    };
    struct rule_set *rules = make_rules(false, false);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(4096);
        struct fallback *fallback =
            fallback_new(&(struct fallback_settings){.remember_ms = FALLBACK_MINUTE_MS});
        struct fallback_pull pull = {.class = PULL_ABSENT, .prefix = slice_str("dockercache")};
        struct fallback_table *table;
        struct review_world result;

        for (size_t k = 0; k < 3 && rows[i].failed[k]; k++) {
            pull.image = slice_str(rows[i].failed[k]);
            (void)fallback_failure(fallback, &pull, 0);
        }
        for (int k = 0; rows[i].down && k < FALLBACK_PROBES_DOWN; k++)
            (void)fallback_probe(fallback, false, 0);
        table = fallback_table_new(fallback);
        strbuf_add_format(&body,
                          REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":[{\"image\":\"%s\"},"
                                        "{\"image\":\"%s\"}]}}"),
                          rows[i].images[0], rows[i].images[1]);
        review_world_ask_with(&result, rules, table, NULL, strbuf_slice(&body));
        assert_string_equal(strbuf_str(&result.outcomes), rows[i].outcomes);
        check_answer(rows[i].outcomes, strbuf_str(&result.patch), 0);
        check_answer(rows[i].outcomes, strbuf_str(&result.patch), 1);
        review_world_fini(&result);
        fallback_table_unref(table);
        fallback_free(fallback);
    }
    rule_set_free(rules);
}

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX
#define NGINX  "dockercache/library/nginx"

/* A set that holds nginx as 1 and latest, and by the digest; and one image of ghcr.io. */
static struct image_set *make_set(void)
{
    static const uint8_t secret[IMAGE_SET_SECRET_BYTES] = {1};
    struct image_set *set = image_set_new(secret, 100);

    image_set_add(set, slice_str(NGINX), IMAGE_SET_TAG, slice_str("1"), 0);
    image_set_add(set, slice_str(NGINX), IMAGE_SET_TAG, slice_str("latest"), 0);
    image_set_add(set, slice_str(NGINX), IMAGE_SET_DIGEST, slice_str(DIGEST), 0);
    image_set_add(set, slice_str("ghcrcache/a/b"), IMAGE_SET_TAG, slice_str("v2"), 0);
    return set;
}

struct cached_row {
    enum config_when when;
    enum config_digests digests;
    const char *images[2], *outcomes, *wishes;
};

static void check_cached_row(const struct cached_row *row, struct image_set *set, bool dry_run)
{
    struct config config = {.upstreams = upstreams,
                            .n_upstreams = 2,
                            .rewrite = {.when = row->when, .digests = row->digests}};
    struct rule_set *rules =
        rule_set_new(&config, &(struct rule_set_facts){.host = slice_str(HOST)});
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(4096);
    struct review_world result;

    strbuf_add_format(&body,
                      REVIEW(CREATE "\"dryRun\":%s,\"object\":{\"spec\":{\"containers\":["
                                    "{\"image\":\"%s\"},{\"image\":\"%s\"}]}}"),
                      dry_run ? "true" : "false", row->images[0], row->images[1]);
    review_world_ask_with(&result, rules, NULL, set, strbuf_slice(&body));
    assert_string_equal(strbuf_str(&result.outcomes), row->outcomes);
    assert_string_equal(strbuf_str(&result.wishes), dry_run ? "" : row->wishes);
    check_answer(row->outcomes, strbuf_str(&result.patch), 0);
    check_answer(row->outcomes, strbuf_str(&result.patch), 1);
    review_world_fini(&result);
    rule_set_free(rules);
}

static void test_what_ecr_holds(void **state)
{
    static const struct cached_row rows[] = {
        /* tags: only with when: cached */
        {CONFIG_WHEN_ALWAYS,
         CONFIG_DIGESTS_CACHED,
         {"redis", "nginx:2"},
         "rewritten rewritten",
         ""},
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_SKIP,
         {"nginx:1", "nginx:2"},
         "rewritten not-cached",
         "0 " NGINX " 2 \n"},
        /* "latest" stands for no tag, in a wish, too */
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_SKIP,
         {"docker.io/nginx", "redis"},
         "rewritten not-cached",
         "0 dockercache/library/redis latest \n"},
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_SKIP,
         {"ghcr.io/a/b:v2", "ghcr.io/a/b"},
         "rewritten not-cached",
         "1 ghcrcache/a/b latest \n"},
        /* a digest alone counts, whatever the tag beside it */
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_CACHED,
         {"nginx@" DIGEST, "nginx:9@" DIGEST},
         "rewritten rewritten",
         ""},
        {CONFIG_WHEN_ALWAYS,
         CONFIG_DIGESTS_CACHED,
         {"nginx:1@sha256:"
          "f"
          "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
          "ghcr.io/a/b@" DIGEST},
         "not-cached not-cached",
         "0 " NGINX " 1 sha256:f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
         "1 ghcrcache/a/b  " DIGEST "\n"},
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_REWRITE,
         {"redis:1@" DIGEST, "nginx@" DIGEST},
         "not-cached rewritten",
         "0 dockercache/library/redis 1 " DIGEST "\n"},
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_SKIP,
         {"nginx@" DIGEST, "nginx:1"},
         "digest rewritten",
         ""},
        {CONFIG_WHEN_ALWAYS,
         CONFIG_DIGESTS_REWRITE,
         {"redis@" DIGEST, "redis"},
         "rewritten rewritten",
         ""},
        /* other reasons go first, and wish for nothing */
        {CONFIG_WHEN_CACHED,
         CONFIG_DIGESTS_CACHED,
         {"gcr.io/a", CACHED "nginx:7"},
         "not-upstream already-ecr",
         ""},
    };
    struct image_set *set = make_set();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_cached_row(&rows[i], set, false);
        check_cached_row(&rows[i], set, true);
    }
    image_set_unref(set);
}

/* Nobody has asked ECR yet: nothing is known to be there. */
static void test_no_set_holds_nothing(void **state)
{
    (void)state;
    check_cached_row(&(struct cached_row){CONFIG_WHEN_CACHED,
                                          CONFIG_DIGESTS_CACHED,
                                          {"nginx:1", "nginx@" DIGEST},
                                          "not-cached not-cached",
                                          "0 " NGINX " 1 \n0 " NGINX "  " DIGEST "\n"},
                     NULL, false);
}

/* What turns an image away keeps it from being imported, too. */
static void test_what_failed_is_no_wish(void **state)
{
    struct config config = {
        .upstreams = upstreams, .n_upstreams = 2, .rewrite = {.when = CONFIG_WHEN_CACHED}};
    struct rule_set *rules =
        rule_set_new(&config, &(struct rule_set_facts){.host = slice_str(HOST)});
    struct fallback *fallback =
        fallback_new(&(struct fallback_settings){.remember_ms = FALLBACK_MINUTE_MS});
    struct fallback_pull pull = {
        .class = PULL_ABSENT, .prefix = slice_str("dockercache"), .image = slice_str(NGINX ":2")};
    struct fallback_table *table;
    struct review_world result;

    (void)state;
    (void)fallback_failure(fallback, &pull, 0);
    table = fallback_table_new(fallback);
    review_world_ask_with(&result, rules, table, NULL,
                          slice_str(REVIEW(CREATE "\"object\":{\"spec\":{\"containers\":["
                                                  "{\"image\":\"nginx:2\"},"
                                                  "{\"image\":\"nginx:3\"}]}}")));
    assert_string_equal(strbuf_str(&result.outcomes), "pull-failed not-cached");
    assert_string_equal(strbuf_str(&result.wishes), "0 " NGINX " 3 \n");
    review_world_fini(&result);
    fallback_table_unref(table);
    fallback_free(fallback);
    rule_set_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_nodes_say),
        cmocka_unit_test(test_what_ecr_holds),
        cmocka_unit_test(test_no_set_holds_nothing),
        cmocka_unit_test(test_what_failed_is_no_wish),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_originals),
        cmocka_unit_test(test_annotations_never_pass_their_limit),
        cmocka_unit_test(test_whole_answers),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_deep_nesting_is_just_json),
        cmocka_unit_test(test_who_asks_of_too_much),
        cmocka_unit_test(test_longest_uid_of_too_much),
        cmocka_unit_test(test_too_many_containers_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
