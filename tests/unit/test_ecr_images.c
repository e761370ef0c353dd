#include "pullthrough/core/aws/ecr_images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_requests(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

    (void)state;
    ecr_images_encode_repository(&out, "quaycache/a/b");
    assert_string_equal(strbuf_str(&out), "{\"repositoryNames\":[\"quaycache/a/b\"]}");
    strbuf_clear(&out);
    ecr_images_encode_describe(&out, "quaycache/a", "v1", "");
    assert_string_equal(
        strbuf_str(&out),
        "{\"repositoryName\":\"quaycache/a\",\"imageIds\":[{\"imageTag\":\"v1\"}]}");
    strbuf_clear(&out);
    ecr_images_encode_describe(&out, "quaycache/a", "", "sha256:1");
    assert_string_equal(
        strbuf_str(&out),
        "{\"repositoryName\":\"quaycache/a\",\"imageIds\":[{\"imageDigest\":\"sha256:1\"}]}");
}

static void test_repositories(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_repositories got;
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(
        ecr_images_decode_repositories(
            &got,
            slice_str(
                "{\"repositories\":[{\"repositoryName\":\"quaycache/a\",\"repositoryUri\":\"u\","
                "\"registryId\":\"111122223333\",\"createdAt\":1.5,\"x\":null}]}"),
            &arena, &error),
        0);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.items[0].name, "quaycache/a");
    assert_string_equal(got.items[0].uri, "u");
    assert_string_equal(got.items[0].registry_id, "111122223333");
    assert_int_equal(ecr_images_decode_repositories(&got, slice_str("{}"), &arena, &error), 0);
    assert_int_equal(got.n, 0);
    assert_int_equal(
        ecr_images_decode_repositories(&got, slice_str("{\"repositories\":[{}]}"), &arena, &error),
        -1);
    assert_string_equal(error.text, "repositories[0]: repositoryName is missing");
}

static void test_images(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_images got;
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(ecr_images_decode(&got,
                                       slice_str("{\"imageDetails\":[{\"imageDigest\":\"sha256:1\","
                                                 "\"imageTags\":[\"v1\",\"latest\"],"
                                                 "\"imageSizeInBytes\":5000000000},"
                                                 "{\"imageDigest\":\"sha256:2\"}]}"),
                                       &arena, &error),
                     0);
    assert_int_equal(got.n, 2);
    assert_string_equal(got.items[0].digest, "sha256:1");
    assert_int_equal(got.items[0].n_tags, 2);
    assert_string_equal(got.items[0].tags[1], "latest");
    assert_int_equal(got.items[0].size_bytes, UINT64_C(5000000000));
    assert_int_equal(got.items[1].n_tags, 0);
    assert_int_equal(got.items[1].size_bytes, 0);
}

static void test_what_are_no_images(void **state)
{
    static const char *rows[][2] = {
        {"{\"imageDetails\":\"x\"}", "imageDetails is not an array"},
        {"{\"imageDetails\":[{}]}", "imageDetails[0]: imageDigest is missing"},
        {"{\"imageDetails\":[{\"imageDigest\":\"d\",\"imageTags\":[1]}]}",
         "imageDetails[0]: imageTags[0] is not a tag"},
        {"{\"imageDetails\":[{\"imageDigest\":\"d\",\"imageTags\":[\"a\\u0000\"]}]}",
         "imageDetails[0]: imageTags[0] is not a tag"},
        {"{\"imageDetails\":[{\"imageDigest\":\"d\",\"imageSizeInBytes\":-1}]}",
         "imageDetails[0]: imageSizeInBytes is not a size"},
        {"{\"imageDetails\":[{\"imageDigest\":\"d\",\"imageSizeInBytes\":\"1\"}]}",
         "imageDetails[0]: imageSizeInBytes is not a size"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_images got;
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(ecr_images_decode(&got, slice_str(rows[i][0]), &arena, &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

static void test_the_login_token(void **state)
{
    static const struct {
        const char *body, *token, *endpoint; /* token NULL: endpoint is the reason */
    } rows[] = {
        {"{\"authorizationData\":[{\"authorizationToken\":\"QVdTOmh1c2g=\",\"expiresAt\":1.7E9,"
         "\"proxyEndpoint\":\"https://111122223333.dkr.ecr.us-west-2.amazonaws.com\"}]}",
         "QVdTOmh1c2g=", "https://111122223333.dkr.ecr.us-west-2.amazonaws.com"},
        {"{\"authorizationData\":[]}", NULL, "authorizationData holds no token"},
        {"{\"authorizationData\":[{\"authorizationToken\":\"hush hush\"}]}", NULL,
         "authorizationData holds no token"},
        {"{\"authorizationData\":[{\"authorizationToken\":\"QQ==\\r\\nX: y\"}]}", NULL,
         "authorizationData holds no token"},
        {"{\"authorizationData\":[{\"authorizationToken\":\"QQ==\",\"proxyEndpoint\":\"evil\"}]}",
         NULL, "proxyEndpoint: the URL begins neither with https:// nor with http://"},
        {"nothing", NULL, "malformed JSON at byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(100);
        struct error error = {""};
        const char *endpoint = NULL;
        int got;

        arena_init(&arena, 1000);
        got = ecr_images_decode_token(&token, &endpoint, slice_str(rows[i].body), &arena, &error);
        assert_int_equal(got, rows[i].token ? 0 : -1);
        assert_string_equal(rows[i].token ? endpoint : error.text, rows[i].endpoint);
        if (rows[i].token)
            assert_string_equal(strbuf_str(&token), rows[i].token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),        cmocka_unit_test(test_repositories),
        cmocka_unit_test(test_images),          cmocka_unit_test(test_what_are_no_images),
        cmocka_unit_test(test_the_login_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
