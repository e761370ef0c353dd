#include "pullthrough/core/kube/kube_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

static void test_a_secret(void **state)
{
    struct kube_secret secret;
    struct error error = {""};

    (void)state;
    kube_secret_init(&secret);
    assert_int_equal(
        kube_decode_secret(
            &secret,
            slice_str("{\"kind\":\"Secret\",\"metadata\":{\"resourceVersion\":\"42\"},\"data\":{"
                      "\"ca.crt\":\"Y2E=\",\"ca.key\":\"a2V5\",\"tls.crt\":\"bGVhZg==\","
                      "\"tls.key\":\"\",\"other\":7}}"),
            &error),
        0);
    assert_string_equal(secret.version, "42");
    assert_string_equal(strbuf_str(&secret.ca), "ca");
    assert_string_equal(strbuf_str(&secret.ca_key), "key");
    assert_string_equal(strbuf_str(&secret.leaf), "leaf");
    assert_string_equal(strbuf_str(&secret.leaf_key), "");
    assert_false(kube_secret_is_empty(&secret));

    /* what was there before is gone */
    assert_int_equal(kube_decode_secret(
                         &secret, slice_str("{\"metadata\":{\"resourceVersion\":\"43\"}}"), &error),
                     0);
    assert_true(kube_secret_is_empty(&secret));
    assert_int_equal(kube_decode_secret(&secret,
                                        slice_str("{\"metadata\":{\"resourceVersion\":\"43\"},"
                                                  "\"data\":null}"),
                                        &error),
                     0);
    assert_true(kube_secret_is_empty(&secret));
    kube_secret_fini(&secret);
}

#define META "\"metadata\":{\"resourceVersion\":\"1\"}"

static void test_no_secrets(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"", "malformed JSON at byte 0"},
        {"[]", "the JSON is not an object"},
        {"{}", "metadata.resourceVersion is missing or too long"},
        {"{\"metadata\":7}", "metadata.resourceVersion is missing or too long"},
        {"{\"metadata\":{\"resourceVersion\":7}}", "metadata/resourceVersion is not a string"},
        {"{\"metadata\":{\"resourceVersion\":\"1\\u0000\"}}",
         "metadata.resourceVersion is missing or too long"},
        {"{\"metadata\":{\"resourceVersion\":\"12345678901234567890123456789012345678901234567890"
         "12345678901234\"}}",
         "metadata.resourceVersion is missing or too long"},
        {"{" META ",\"data\":{\"ca.crt\":7}}", "data/ca.crt is not a string"},
        {"{" META ",\"data\":{\"tls.key\":\"?\"}}", "data/tls.key: no base64"},
        {"{" META ",\"data\":{\"ca.crt\":\"\",\"ca.crt\":\"\"}}", "data/ca.crt is there twice"},
    };
    struct kube_secret secret;

    (void)state;
    kube_secret_init(&secret);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};

        assert_int_equal(kube_decode_secret(&secret, slice_str(rows[i].body), &error), -1);
        assert_string_equal(error.text, rows[i].want);
    }
    kube_secret_fini(&secret);
}

static const struct certificate_texts texts = {
    {"ca", 2}, {"ca-key", 6}, {"leaf", 4}, {"leaf-key", 8}};

static void test_what_is_written_of_a_secret(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_SECRET_INIT(10000);
    struct kube_secret secret;
    struct error error = {""};
    json_t *root;

    (void)state;
    kube_encode_secret_patch(&out, "7", &texts);
    assert_string_equal(strbuf_str(&out),
                        "{\"metadata\":{\"resourceVersion\":\"7\"},\"data\":{\"ca.crt\":\"Y2E=\","
                        "\"ca.key\":\"Y2Eta2V5\",\"tls.crt\":\"bGVhZg==\",\"tls.key\":"
                        "\"bGVhZi1rZXk=\"}}");
    kube_secret_init(&secret);
    assert_int_equal(kube_decode_secret(&secret, strbuf_slice(&out), &error), 0);
    assert_string_equal(strbuf_str(&secret.leaf_key), "leaf-key");
    kube_secret_fini(&secret);

    strbuf_clear(&out);
    kube_encode_secret(&out, "images", "tls", &texts);
    root = json_loadb(out.ptr, out.len, 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "apiVersion")), "v1");
    assert_string_equal(json_string_value(json_object_get(root, "kind")), "Secret");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "metadata"), "name")), "tls");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "metadata"), "namespace")),
        "images");
    assert_int_equal(json_object_size(json_object_get(root, "data")), 4);
    json_decref(root);
}

static void test_webhooks(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(10000);
    struct kube_webhooks webhooks;
    struct error error = {""};

    (void)state;
    kube_webhooks_init(&webhooks);
    assert_int_equal(
        kube_decode_webhooks(
            &webhooks,
            slice_str("{" META ",\"webhooks\":[{\"name\":\"a\",\"clientConfig\":{\"caBundle\":"
                      "\"b25l\"}},{\"name\":\"b\",\"clientConfig\":{}},{\"clientConfig\":"
                      "{\"caBundle\":\"?\"}},7,{\"clientConfig\":{\"caBundle\":\"dHdv\"}}]}"),
            &error),
        0);
    assert_string_equal(webhooks.version, "1");
    assert_int_equal(webhooks.n, 5);
    assert_true(slice_is(webhooks.bundles[0], "one"));
    assert_true(slice_is(webhooks.bundles[1], ""));
    assert_true(slice_is(webhooks.bundles[2], ""));
    assert_true(slice_is(webhooks.bundles[3], ""));
    assert_true(slice_is(webhooks.bundles[4], "two"));

    webhooks.n = 2;
    kube_encode_bundle_patch(&out, &webhooks, slice_str("pem"));
    assert_string_equal(
        strbuf_str(&out),
        "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"1\"},"
        "{\"op\":\"add\",\"path\":\"/webhooks/0/clientConfig/caBundle\",\"value\":\"cGVt\"},"
        "{\"op\":\"add\",\"path\":\"/webhooks/1/clientConfig/caBundle\",\"value\":\"cGVt\"}]");

    assert_int_equal(kube_decode_webhooks(&webhooks, slice_str("{" META "}"), &error), 0);
    assert_int_equal(webhooks.n, 0);
    kube_webhooks_fini(&webhooks);
}

static void test_no_webhooks(void **state)
{
    STRBUF_CLEANUP struct strbuf many = STRBUF_INIT(10000);
    struct {
        const char *body, *want;
    } rows[] = {
        {"x", "malformed JSON at byte 1"},
        {"{\"webhooks\":[]}", "metadata.resourceVersion is missing or too long"},
        {"{" META ",\"webhooks\":{}}", "webhooks is not an array"},
        {NULL, "webhooks has over 32 items"},
    };
    struct kube_webhooks webhooks;

    (void)state;
    strbuf_add_str(&many, "{" META ",\"webhooks\":[{}");
    for (size_t i = 0; i < KUBE_WEBHOOKS_MAX; i++)
        strbuf_add_str(&many, ",{}");
    strbuf_add_str(&many, "]}");
    rows[3].body = strbuf_str(&many);
    kube_webhooks_init(&webhooks);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};

        assert_int_equal(kube_decode_webhooks(&webhooks, slice_str(rows[i].body), &error), -1);
        assert_string_equal(error.text, rows[i].want);
        assert_int_equal(webhooks.n, 0);
    }
    kube_webhooks_fini(&webhooks);
}

static void test_statuses(void **state)
{
    static const struct {
        int status;
        enum kube_outcome want, of_json_patch;
    } rows[] = {
        {200, KUBE_DONE, KUBE_DONE},       {201, KUBE_DONE, KUBE_DONE},
        {204, KUBE_FAILED, KUBE_FAILED},   {400, KUBE_FAILED, KUBE_FAILED},
        {401, KUBE_DENIED, KUBE_DENIED},   {403, KUBE_DENIED, KUBE_DENIED},
        {404, KUBE_ABSENT, KUBE_ABSENT},   {409, KUBE_CONFLICT, KUBE_CONFLICT},
        {422, KUBE_FAILED, KUBE_CONFLICT}, {429, KUBE_FAILED, KUBE_FAILED},
        {500, KUBE_FAILED, KUBE_FAILED},   {302, KUBE_FAILED, KUBE_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kube_judge_status(rows[i].status, false, (struct slice){0}), rows[i].want);
        assert_int_equal(kube_judge_status(rows[i].status, true, (struct slice){0}),
                         rows[i].of_json_patch);
    }
}

/* The three things that a 422 to a JSON patch may be, in the words of kube-apiserver 1.36. */
static void test_patches_that_are_not_taken(void **state)
{
    static const struct {
        const char *body;
        enum kube_outcome want;
    } rows[] = {
        {"{\"message\":\"the server rejected our request due to an error in our request\"}",
         KUBE_CONFLICT},
        {"{\"message\":\"pods \\\"web\\\" is forbidden: ValidatingAdmissionPolicy "
         "'pullthrough-heals-only' with binding 'pullthrough-heals-only' denied request: nothing "
         "else may change\"}",
         KUBE_DENIED},
        {"{\"message\":\"Pod \\\"web\\\" is invalid: spec: Forbidden: pod updates may not change "
         "fields "
         "other than ...\"}",
         KUBE_FAILED},
        {"<html>", KUBE_CONFLICT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kube_judge_status(422, true, slice_str(rows[i].body)), rows[i].want);
        assert_int_equal(kube_judge_status(422, false, slice_str(rows[i].body)), KUBE_FAILED);
        assert_int_equal(kube_judge_status(409, true, slice_str(rows[i].body)), KUBE_CONFLICT);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *body, *want;
    } rows[] = {
        {403, "{\"kind\":\"Status\",\"message\":\"secrets \\\"x\\\" is forbidden\"}",
         "may not get secrets/x: secrets \"x\" is forbidden"},
        {401, "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}",
         "the service account's token is not accepted: get secrets/x: Unauthorized"},
        {404, "{\"message\":\"not\\nfound\"}", "could not get secrets/x: not?found"},
        {500, "<html>", "could not get secrets/x: HTTP status 500"},
        {500, "", "could not get secrets/x: HTTP status 500"},
        {500, "{\"message\":7}", "could not get secrets/x: HTTP status 500"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};

        kube_describe_refusal(&error, "get secrets/x", rows[i].status, slice_str(rows[i].body));
        assert_string_equal(error.text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_secret),
        cmocka_unit_test(test_no_secrets),
        cmocka_unit_test(test_what_is_written_of_a_secret),
        cmocka_unit_test(test_webhooks),
        cmocka_unit_test(test_no_webhooks),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_patches_that_are_not_taken),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
