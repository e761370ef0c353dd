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
    ecr_images_encode_repositories(&out, "");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":1000}");
    strbuf_clear(&out);
    ecr_images_encode_repositories(&out, "2");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":1000,\"nextToken\":\"2\"}");
    strbuf_clear(&out);
    ecr_images_encode_list(&out, "quaycache/a", "");
    assert_string_equal(strbuf_str(&out), "{\"repositoryName\":\"quaycache/a\",\"maxResults\":1000,"
                                          "\"filter\":{\"imageStatus\":\"ACTIVE\"}}");
    strbuf_clear(&out);
    ecr_images_encode_list(&out, "quaycache/a", "2");
    assert_string_equal(strbuf_str(&out),
                        "{\"repositoryName\":\"quaycache/a\",\"maxResults\":1000,"
                        "\"nextToken\":\"2\",\"filter\":{\"imageStatus\":\"ACTIVE\"}}");
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
    assert_int_equal(got.items[0].created_s, 1);
    assert_string_equal(got.next_token, "");
    assert_int_equal(ecr_images_decode_repositories(&got, slice_str("{}"), &arena, &error), 0);
    assert_int_equal(got.n, 0);
    assert_int_equal(
        ecr_images_decode_repositories(&got, slice_str("{\"repositories\":[{}]}"), &arena, &error),
        -1);
    assert_string_equal(error.text, "repositories[0]: repositoryName is missing");
}

/* The time only orders; one that is none must not hide a repository. */
static void test_when_repositories_were_made(void **state)
{
    static const struct {
        const char *value;
        int64_t created_s;
    } rows[] = {
        {"1700000000", 1700000000},
        {"1.7E9", 1700000000},
        {"1700000000.999", 1700000000},
        {"-1", 0},
        {"1e300", 0},
        {"\"2026-11-29T00:00:00Z\"", 0},
        {"null", 0},
        {"[]", 0},
        {"253402300799", 253402300799},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000);
        struct ecr_repositories got;
        struct error error = {""};

        arena_init(&arena, 1000);
        strbuf_add_format(&body,
                          "{\"repositories\":[{\"repositoryName\":\"a\",\"createdAt\":%s}],"
                          "\"nextToken\":\"on\"}",
                          rows[i].value);
        assert_int_equal(ecr_images_decode_repositories(&got, strbuf_slice(&body), &arena, &error),
                         0);
        assert_int_equal(got.items[0].created_s, rows[i].created_s);
        assert_string_equal(got.next_token, "on");
    }
}

static void test_only_active_images_can_be_pulled(void **state)
{
    static const struct {
        const char *status;
        bool active;
    } rows[] = {
        {",\"imageStatus\":\"ACTIVE\"", true},
        {"", true},
        {",\"imageStatus\":null", true},
        {",\"imageStatus\":\"ARCHIVED\"", false},
        {",\"imageStatus\":\"ACTIVATING\"", false},
        {",\"imageStatus\":\"active\"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000);
        struct ecr_images got;
        struct error error = {""};

        arena_init(&arena, 1000);
        strbuf_add_format(&body, "{\"imageDetails\":[{\"imageDigest\":\"sha256:1\"%s}]}",
                          rows[i].status);
        assert_int_equal(ecr_images_decode(&got, strbuf_slice(&body), &arena, &error), 0);
        assert_int_equal(got.items[0].active, rows[i].active);
    }
}

static void test_a_page_of_a_list(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_image_ids got;
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(
        ecr_images_decode_list(&got,
                               slice_str("{\"imageIds\":["
                                         "{\"imageDigest\":\"sha256:1\",\"imageTag\":\"v1\"},"
                                         "{\"imageDigest\":\"sha256:1\",\"imageTag\":\"v2\"},"
                                         "{\"imageDigest\":\"sha256:2\"}],\"nextToken\":\"t\"}"),
                               &arena, &error),
        0);
    assert_int_equal(got.n, 3);
    assert_string_equal(got.items[1].tag, "v2");
    assert_string_equal(got.items[1].digest, "sha256:1");
    assert_string_equal(got.items[2].tag, "");
    assert_string_equal(got.items[2].digest, "sha256:2");
    assert_string_equal(got.next_token, "t");
    assert_int_equal(ecr_images_decode_list(&got, slice_str("{}"), &arena, &error), 0);
    assert_int_equal(got.n, 0);
    assert_string_equal(got.next_token, "");
}

static void test_what_is_no_page_of_a_list(void **state)
{
    static const char *rows[][2] = {
        {"{\"imageIds\":{}}", "imageIds is not an array"},
        {"{\"imageIds\":[\"sha256:1\"]}", "imageIds[0]: an item is not an object"},
        {"{\"imageIds\":[{\"imageTag\":\"v1\"}]}", "imageIds[0]: imageDigest is missing"},
        {"{\"imageIds\":[{\"imageDigest\":\"d\",\"imageTag\":1}]}",
         "imageIds[0]: imageTag is not a string"},
        {"{\"imageIds\":[{\"imageDigest\":\"d\",\"imageTag\":\"a\\u0000b\"}]}",
         "imageIds[0]: imageTag has control characters"},
        {"{\"imageIds\":[],\"nextToken\":[]}", "nextToken is not a string"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_image_ids got;
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(ecr_images_decode_list(&got, slice_str(rows[i][0]), &arena, &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

/* A thousand is what ECR gives at most: more is not its answer. */
static void test_a_page_that_is_too_long(void **state)
{
    ARENA_CLEANUP struct arena arena;
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1 << 20);
    struct ecr_image_ids got;
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    strbuf_add_str(&body, "{\"imageIds\":[{\"imageDigest\":\"d\"}");
    for (int i = 1; i < ECR_IMAGES_MAX; i++)
        strbuf_add_str(&body, ",{\"imageDigest\":\"d\"}");
    strbuf_add_str(&body, "]}");
    assert_int_equal(ecr_images_decode_list(&got, strbuf_slice(&body), &arena, &error), 0);
    assert_int_equal(got.n, ECR_IMAGES_MAX);
    strbuf_truncate(&body, body.len - 2);
    strbuf_add_str(&body, ",{\"imageDigest\":\"d\"}]}");
    assert_int_equal(ecr_images_decode_list(&got, strbuf_slice(&body), &arena, &error), -1);
    assert_string_equal(error.text, "imageIds has over 1000 items");
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
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_repositories),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_what_are_no_images),
        cmocka_unit_test(test_the_login_token),
        cmocka_unit_test(test_when_repositories_were_made),
        cmocka_unit_test(test_only_active_images_can_be_pulled),
        cmocka_unit_test(test_a_page_of_a_list),
        cmocka_unit_test(test_what_is_no_page_of_a_list),
        cmocka_unit_test(test_a_page_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
