#include "pullthrough/edge/kube/kube_pods.h"

#include "kube_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATCH "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"7\"}]"

static enum kube_outcome get(struct kube_bench *bench, struct strbuf *pod)
{
    return kube_pods_get(bench->client, slice_str("shop"), slice_str("web-0.a"), pod,
                         &bench->error);
}

static enum kube_outcome patch(struct kube_bench *bench)
{
    return kube_pods_patch(bench->client, slice_str("shop"), slice_str("web-0.a"), slice_str(PATCH),
                           &bench->error);
}

static enum kube_outcome create(struct kube_bench *bench)
{
    return kube_pods_create_event(bench->client, slice_str("shop"), slice_str("{\"kind\":1}"),
                                  &bench->error);
}

static void test_calls(void **state)
{
    struct kube_bench *bench = *state;
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(KUBE_ANSWER_MAX);
    char value[100];

    strbuf_add_str(&pod, "another one");
    fake_script_add(&bench->script, 200, "", "{\"kind\":\"Pod\"}");
    fake_script_add(&bench->script, 200, "", "{}");
    fake_script_add(&bench->script, 201, "", "{}");
    assert_int_equal(get(bench, &pod), KUBE_DONE);
    assert_string_equal(strbuf_str(&pod), "{\"kind\":\"Pod\"}");
    assert_int_equal(pod.ceiling, KUBE_ANSWER_MAX);
    assert_int_equal(patch(bench), KUBE_DONE);
    kube_bench_write(bench, "token", "rotated");
    assert_int_equal(create(bench), KUBE_DONE);
    kube_bench_asked(bench, 0, "GET /api/v1/namespaces/shop/pods/web-0.a\n", "");
    kube_bench_asked(bench, 1, "PATCH /api/v1/namespaces/shop/pods/web-0.a\n",
                     "application/json-patch+json");
    assert_string_equal(bench->script.requests[1].body, PATCH);
    kube_bench_asked(bench, 2, "POST /api/v1/namespaces/shop/events\n", "application/json");
    assert_string_equal(bench->script.requests[2].body, "{\"kind\":1}");
    fake_script_header(&bench->script, 2, "Authorization", value, sizeof(value));
    assert_string_equal(value, "Bearer rotated");
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum kube_outcome want[3]; /* of get, patch, create */
        const char *why[3];
    } rows[] = {
        {404,
         "{\"message\":\"none\"}",
         {KUBE_ABSENT, KUBE_ABSENT, KUBE_ABSENT},
         {"could not get pods/web-0.a in namespace shop: none",
          "could not patch pods/web-0.a in namespace shop: none",
          "could not create events in namespace shop: none"}},
        {403,
         "{\"message\":\"none\"}",
         {KUBE_DENIED, KUBE_DENIED, KUBE_DENIED},
         {"may not get pods/web-0.a in namespace shop: none",
          "may not patch pods/web-0.a in namespace shop: none",
          "may not create events in namespace shop: none"}},
        {401,
         "",
         {KUBE_DENIED, KUBE_DENIED, KUBE_DENIED},
         {"the service account's token is not accepted: ", "the service account's token", "the "}},
        {409, "", {KUBE_CONFLICT, KUBE_CONFLICT, KUBE_CONFLICT}, {"", "", ""}},
        {422,
         "{\"message\":\"the server rejected our request due to an error in our request\"}",
         {KUBE_FAILED, KUBE_CONFLICT, KUBE_FAILED},
         {"", "could not patch pods/web-0.a in namespace shop: the server rejected", ""}},
        {422,
         "{\"message\":\"ValidatingAdmissionPolicy 'x' denied request: no\"}",
         {KUBE_FAILED, KUBE_DENIED, KUBE_FAILED},
         {"", "could not patch pods/web-0.a in namespace shop: ValidatingAdmissionPolicy", ""}},
        {429, "", {KUBE_FAILED, KUBE_FAILED, KUBE_FAILED}, {"", "HTTP status 429", ""}},
        {500, "", {KUBE_FAILED, KUBE_FAILED, KUBE_FAILED}, {"", "HTTP status 500", ""}},
    };
    struct kube_bench *bench = *state;
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(KUBE_ANSWER_MAX);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t call = 0; call < 3; call++) {
            enum kube_outcome got;

            fake_script_clear(&bench->script);
            fake_script_add(&bench->script, rows[i].status, "", rows[i].body);
            bench->error.text[0] = '\0';
            got = call == 0 ? get(bench, &pod) : call == 1 ? patch(bench) : create(bench);
            assert_int_equal(got, rows[i].want[call]);
            assert_string_not_equal(bench->error.text, "");
            if (!strstr(bench->error.text, rows[i].why[call]))
                fail_msg("%s", bench->error.text);
            assert_int_equal(pod.len, 0);
        }
}

/* What a user may write anywhere must not become another request. */
static void test_names_that_are_none(void **state)
{
    static const struct {
        const char *namespace, *name, *why;
    } rows[] = {
        {"shop", "", "the pod has no name"},
        {"shop", "..", "an object's name is"},
        {"shop", "web/status", "an object's name is"},
        {"shop", "web?dryRun=All", "an object's name is"},
        {"shop", "web%2fbinding", "an object's name is"},
        {"shop", "Web", "an object's name is"},
        {"shop", "web\r\nX: y", "an object's name is"},
        {"", "web", "a namespace's name is"},
        {"a/b", "web", "a namespace's name is"},
        {"..", "web", "a namespace's name is"},
        {"kube.system", "web", "a namespace's name is"},
    };
    struct kube_bench *bench = *state;
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(KUBE_ANSWER_MAX);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice namespace = slice_str(rows[i].namespace), name = slice_str(rows[i].name);

        assert_int_equal(kube_pods_get(bench->client, namespace, name, &pod, &bench->error),
                         KUBE_FAILED);
        if (!strstr(bench->error.text, rows[i].why))
            fail_msg("%s", bench->error.text);
        assert_int_equal(
            kube_pods_patch(bench->client, namespace, name, slice_str("[]"), &bench->error),
            KUBE_FAILED);
        assert_non_null(strstr(bench->error.text, rows[i].why));
        if (rows[i].why[0] != 'a' || rows[i].why[1] != ' ')
            continue;
        assert_int_equal(
            kube_pods_create_event(bench->client, namespace, slice_str("{}"), &bench->error),
            KUBE_FAILED);
        assert_non_null(strstr(bench->error.text, "could not create events: a namespace's name"));
    }
    assert_int_equal(fake_http_requests(bench->server), 0);
}

static void test_a_pod_is_bounded(void **state)
{
    struct kube_bench *bench = *state;
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(1000000);
    char *body = malloc(1000002);

    assert_non_null(body);
    memset(body, ' ', 1000001);
    body[1000001] = '\0';
    fake_script_add(&bench->script, 200, "", body);
    assert_int_equal(get(bench, &pod), KUBE_FAILED);
    assert_string_equal(
        bench->error.text,
        "could not get pods/web-0.a in namespace shop: the answer has over 1000000 bytes");
    assert_int_equal(pod.len, 0);
    body[1000000] = '\0';
    fake_script_clear(&bench->script);
    fake_script_add(&bench->script, 200, "", body);
    assert_int_equal(get(bench, &pod), KUBE_DONE);
    assert_int_equal(pod.len, 1000000);
    free(body);
}

#define BENCH_TEST(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, kube_bench_set_up, kube_bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_calls),
        BENCH_TEST(test_refusals),
        BENCH_TEST(test_names_that_are_none),
        BENCH_TEST(test_a_pod_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
