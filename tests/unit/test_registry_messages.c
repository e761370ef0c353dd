#include "pullthrough/core/aws/registry_messages.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_what_is_decoded(void **state)
{
    static const struct {
        const char *body, *code, *message;
    } cases[] = {
        {"{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"no such\",\"detail\":{}}]}",
         "NAME_UNKNOWN", "no such"},
        {"{\"errors\":[{\"code\":\"A\",\"message\":\"1\"},{\"code\":\"B\",\"message\":\"2\"}]}",
         "A", "1"},
        {"{\"errors\":[{\"message\":\"a\\u0000b\\nc\\u001bd\\u007fe\"}]}", "", "a b c d e"},
        {"{\"errors\":[{\"code\":7,\"message\":null}]}", "", ""},
        {"{\"errors\":{\"code\":\"A\"}}", "", ""},
        {"{\"errors\":[]}", "", ""},
        {"{\"errors\":[[]]}", "", ""},
        {"[]", "", ""},
        {"<html>", "", ""},
        {"", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct registry_refusal refusal;

        registry_messages_decode(&refusal, 404, slice_str(cases[i].body));
        assert_int_equal(refusal.status, 404);
        assert_string_equal(refusal.code, cases[i].code);
        assert_string_equal(refusal.message, cases[i].message);
    }
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t before = 0; before < 2; before++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(4096);
        struct registry_refusal refusal;

        strbuf_add_str(&body, "{\"errors\":[{\"message\":\"");
        strbuf_add(&body, "x", before);
        while (body.len < 1000)
            strbuf_add_str(&body, "\xc3\xa9");
        strbuf_add_str(&body, "\"}]}");
        registry_messages_decode(&refusal, 404, strbuf_slice(&body));
        assert_int_equal(strlen(refusal.message), sizeof(refusal.message) - 2 + before);
        assert_int_equal((unsigned char)refusal.message[strlen(refusal.message) - 1], 0xa9);
    }
}

static void test_advice(void **state)
{
    static const struct {
        int status;
        const char *code, *message;
        bool by_digest;
        const char *advice;
    } cases[] = {
        {404, "NAME_UNKNOWN", "The repository with name 'a' does not exist", false,
         "allow ecr:CreateRepository on it to whoever runs this (`pullthrough iam verify`"},
        {404, "NAME_UNKNOWN", "", true, "allow ecr:CreateRepository"},
        {404, "MANIFEST_UNKNOWN", "Requested image not found", false,
         "ecr:BatchImportUpstreamImage is missing for whoever runs this (`pullthrough iam verify`"},
        {404, "MANIFEST_UNKNOWN", "Requested image not found", true, "pull it once by tag"},
        {403, "DENIED", "User: arn:aws:sts::1:a is not authorized to perform: ecr:BatchGetImage on",
         false, "allow the action that is named (`pullthrough iam verify` prints"},
        {403, "DENIED", "The authentication to the upstream registry failed. Verify that", false,
         "check the secret's username and accessToken"},
        {403, "DENIED", "Your authorization token has expired. Reauthenticate", false, "clock"},
        {403, "", "", false, "library/"},
        {400, "UNKNOWN", "Your Authorization Token is invalid.", false, "registry.host"},
        {401, "UNAUTHORIZED", "", false, "registry.host"},
        {429, "TOOMANYREQUESTS", "Rate exceeded", false, "too often"},
        {503, "", "", false, "try again later"},
        {302, "", "", false, "does not redirect"},
        {418, "", "", false, "see what the registry said"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct registry_refusal refusal = {.status = cases[i].status};

        (void)snprintf(refusal.code, sizeof(refusal.code), "%s", cases[i].code);
        (void)snprintf(refusal.message, sizeof(refusal.message), "%s", cases[i].message);
        assert_non_null(
            strstr(registry_messages_advice(&refusal, cases[i].by_digest), cases[i].advice));
        assert_int_equal(registry_messages_is_passing(&refusal),
                         cases[i].status == 429 || cases[i].status == 503);
    }
}

static void test_digest(void **state)
{
    /* of these bytes, by sha256sum */
    static const char body[] = "{\"schemaVersion\":2}",
                      right[] = "sha256:"
                                "bafebd36189ad3688b7b3915ea55d461e0bfcfbdde11e54b0a123999fb6be50f";
    char digest[REGISTRY_DIGEST_BYTES];
    struct error error;

    (void)state;
    assert_int_equal(registry_messages_digest(digest, slice_str(body), slice_str(right), &error),
                     0);
    assert_string_equal(digest, right);
    assert_int_equal(registry_messages_digest(digest, slice_str(body), slice_str(""), &error), 0);
    assert_int_equal(
        registry_messages_digest(digest, slice_str(body), slice_str("sha512:00"), &error), 0);
    assert_int_equal(
        registry_messages_digest(digest, slice_str(body), slice_str("sha256:00"), &error), -1);
    assert_non_null(strstr(error.text, ", not sha256:00"));
    for (size_t i = 0; i < 4; i++) {
        static const char *const none[] = {"", "<html>", "{}", "{\"schemaVersion\":\"2\"}"};

        assert_int_equal(
            registry_messages_digest(digest, slice_str(none[i]), slice_str(""), &error), -1);
        assert_non_null(strstr(error.text, "is not a manifest"));
    }
}

/* A manifest is whoever's who may push upstream: three bytes of it took 160 of memory. */
static void test_a_manifest_takes_no_more_memory_than_it_may(void **state)
{
    static const char head[] = "{\"schemaVersion\":2,\"a\":[", item[] = "{},", tail[] = "{}]}";
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(4 * 1024 * 1024);
    char digest[REGISTRY_DIGEST_BYTES];
    struct error error;

    (void)state;
    for (size_t bytes = 300000; bytes < body.ceiling; bytes *= 13) { /* 300 KB, 3.9 MB */
        strbuf_clear(&body);
        strbuf_add_str(&body, head);
        while (body.len < bytes)
            strbuf_add_str(&body, item);
        strbuf_add_str(&body, tail);
        assert_int_equal(
            registry_messages_digest(digest, strbuf_slice(&body), slice_str(""), &error),
            bytes > 300000 ? -1 : 0);
    }
    assert_string_equal(error.text, "the manifest is too large to be read");
}

/* What is said to us in so many words is cut, and read only as far as it is short. */
static void test_a_refusal_of_megabytes_is_not_read(void **state)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1024 * 1024);
    struct registry_refusal refusal;

    (void)state;
    strbuf_add_str(&body, "{\"errors\":[{\"code\":\"DENIED\"}],\"a\":[");
    while (body.len < 500000)
        strbuf_add_str(&body, "{},");
    strbuf_add_str(&body, "{}]}");
    registry_messages_decode(&refusal, 403, strbuf_slice(&body));
    assert_int_equal(refusal.status, 403);
    assert_string_equal(refusal.code, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_decoded),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_a_manifest_takes_no_more_memory_than_it_may),
        cmocka_unit_test(test_a_refusal_of_megabytes_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
