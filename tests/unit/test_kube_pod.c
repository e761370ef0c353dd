#include "pullthrough/core/kube/kube_pod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define POD(state)                                                                                 \
    "{\"spec\":{\"containers\":[{\"name\":\"tell\",\"image\":\"ours\"},"                           \
    "{\"name\":\"pull\",\"image\":\"host/k8scache/pause:3.10\"}]},\"status\":{"                    \
    "\"containerStatuses\":[{\"name\":\"tell\",\"state\":{\"running\":{}}},"                       \
    "{\"name\":\"pull\",\"state\":" state "}]}}"
#define WAITING(reason, message)                                                                   \
    POD("{\"waiting\":{\"reason\":\"" reason "\",\"message\":\"" message "\"}}")

static void test_states(void **state)
{
    static const struct {
        const char *body;
        enum kube_pull pull;
        bool hopeless;
        const char *reason, *message;
    } rows[] = {
        {POD("{\"running\":{\"startedAt\":\"now\"}}"), KUBE_PULL_DONE, false, "", ""},
        {POD("{\"terminated\":{\"exitCode\":1}}"), KUBE_PULL_DONE, false, "", ""},
        {POD("{}"), KUBE_PULL_AWAITED, false, "", ""},
        {POD("null"), KUBE_PULL_AWAITED, false, "", ""},
        {POD("{\"waiting\":{}}"), KUBE_PULL_AWAITED, false, "", ""},
        {POD("{\"waiting\":{\"reason\":7}}"), KUBE_PULL_AWAITED, false, "", ""},
        {WAITING("ContainerCreating", ""), KUBE_PULL_AWAITED, false, "", ""},
        {WAITING("PodInitializing", ""), KUBE_PULL_AWAITED, false, "", ""},
        {WAITING("CreateContainerError", "no such user"), KUBE_PULL_DONE, false, "", ""},
        {WAITING("ErrImagePull", "not found"), KUBE_PULL_FAILED, false, "ErrImagePull",
         "not found"},
        {WAITING("ImagePullBackOff", ""), KUBE_PULL_FAILED, false, "ImagePullBackOff", ""},
        {WAITING("InvalidImageName", "bad"), KUBE_PULL_FAILED, true, "InvalidImageName", "bad"},
        {WAITING("ErrImageNeverPull", "no"), KUBE_PULL_FAILED, true, "ErrImageNeverPull", "no"},
        {WAITING("ErrImagePull", "get \\\"https://s3/x?X-Amz-Signature=1\\\": 403, see y?a=b c"),
         KUBE_PULL_FAILED, false, "ErrImagePull", "get \"https://s3/x?***\": 403, see y?a=b c"},
        {"{\"spec\":{\"containers\":[{\"name\":\"pull\",\"image\":"
         "\"host/k8scache/pause:3.10\"}]}}",
         KUBE_PULL_AWAITED, false, "", ""},
        {"{\"metadata\":{\"deletionTimestamp\":\"2026-11-29T00:00:00Z\"},"
         "\"spec\":{\"containers\":[{\"name\":\"pull\",\"image\":"
         "\"host/k8scache/pause:3.10\"}]},\"status\":{\"containerStatuses\":[{\"name\":"
         "\"pull\",\"state\":{\"running\":{}}}]}}",
         KUBE_PULL_AWAITED, false, "", ""},
    };
    struct kube_container container;
    struct error error = {""};

    (void)state;
    kube_container_init(&container);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kube_decode_container(&container, slice_str(rows[i].body), "pull", &error),
                         0);
        assert_string_equal(strbuf_str(&container.image), "host/k8scache/pause:3.10");
        assert_int_equal(container.pull, rows[i].pull);
        assert_int_equal(container.hopeless, rows[i].hopeless);
        assert_string_equal(strbuf_str(&container.reason), rows[i].reason);
        assert_string_equal(strbuf_str(&container.message), rows[i].message);
    }
    kube_container_fini(&container);
}

static void test_no_pods(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"", "malformed JSON"},
        {"[]", "the JSON is not an object"},
        {"{}", "the pod has no container \"pull\""},
        {"{\"spec\":{\"containers\":{\"name\":\"pull\"}}}", "the pod has no container \"pull\""},
        {"{\"spec\":{\"containers\":[\"pull\",{\"name\":7}]}}",
         "the pod has no container \"pull\""},
    };
    struct kube_container container;

    (void)state;
    kube_container_init(&container);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};

        assert_int_equal(kube_decode_container(&container, slice_str(rows[i].body), "pull", &error),
                         -1);
        assert_memory_equal(error.text, rows[i].want, strlen(rows[i].want));
    }
    kube_container_fini(&container);
}

static void test_a_message_without_end(void **state)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(100000);
    struct kube_container container;
    struct error error = {""};

    (void)state;
    strbuf_add_str(&body, "{\"spec\":{\"containers\":[{\"name\":\"pull\"}]},\"status\":{"
                          "\"containerStatuses\":[{\"name\":\"pull\",\"state\":{\"waiting\":{"
                          "\"reason\":\"ErrImagePull\",\"message\":\"");
    for (int i = 0; i < 50000; i++)
        strbuf_add_char(&body, 'x');
    strbuf_add_str(&body, "\"}}}]}}");
    kube_container_init(&container);
    assert_int_equal(kube_decode_container(&container, strbuf_slice(&body), "pull", &error), 0);
    assert_int_equal(container.message.len, KUBE_POD_TEXT_MAX);
    kube_container_fini(&container);
}

static void test_advice(void **state)
{
    /* What kubelet's messages have in them: containerd's words about the registry's answer. */
    static const struct {
        const char *body, *want;
    } rows[] = {
        {WAITING("ErrImagePull", "failed to resolve reference: h/k8scache/pause:3.10: not found"),
         "ecr:BatchImportUpstreamImage or ecr:CreateRepository"},
        {WAITING("ErrImagePull", "not authorized to perform: ecr:BatchImportUpstreamImage"),
         "`pullthrough iam nodes`"},
        {WAITING("ErrImagePull", "digest sha256:429429: not found"), "ecr:CreateRepository"},
        {WAITING("ErrImagePull", "unexpected status: 429 Too Many Requests"), "try again later"},
        {WAITING("ErrImagePull", "no basic auth credentials"), "ecr:GetAuthorizationToken"},
        {WAITING("ErrImagePull", "dial tcp: lookup h: no such host"), "VPC endpoints"},
        {WAITING("InvalidImageName", "couldn't parse"), "check its name"},
    };
    struct kube_container container;
    struct error error = {""};

    (void)state;
    kube_container_init(&container);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kube_decode_container(&container, slice_str(rows[i].body), "pull", &error),
                         0);
        assert_non_null(strstr(kube_pull_advice(&container), rows[i].want));
    }
    kube_container_fini(&container);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_no_pods),
        cmocka_unit_test(test_a_message_without_end),
        cmocka_unit_test(test_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
