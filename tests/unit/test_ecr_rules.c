#include "pullthrough/core/ecr_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RULE                                                                                       \
    "\"ecrRepositoryPrefix\":\"dockercache\",\"upstreamRegistryUrl\":\"registry-1.docker.io\""

static void test_requests(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

    (void)state;
    ecr_rules_encode_describe(&out, "");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":1000}");
    strbuf_clear(&out);
    ecr_rules_encode_describe(&out, "t\"1");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":1000,\"nextToken\":\"t\\\"1\"}");
    strbuf_clear(&out);
    ecr_rules_encode_create(&out, "quaycache", "quay.io", "");
    assert_string_equal(strbuf_str(&out), "{\"ecrRepositoryPrefix\":\"quaycache\","
                                          "\"upstreamRegistryUrl\":\"quay.io\"}");
    strbuf_clear(&out);
    ecr_rules_encode_create(&out, "dockercache", "registry-1.docker.io", "arn:x");
    assert_string_equal(strbuf_str(&out), "{" RULE ",\"credentialArn\":\"arn:x\"}");
    strbuf_clear(&out);
    ecr_rules_encode_update(&out, "dockercache", "arn:x");
    assert_string_equal(strbuf_str(&out),
                        "{\"ecrRepositoryPrefix\":\"dockercache\",\"credentialArn\":\"arn:x\"}");
    strbuf_clear(&out);
    ecr_rules_encode_prefix(&out, "dockercache");
    assert_string_equal(strbuf_str(&out), "{\"ecrRepositoryPrefix\":\"dockercache\"}");
}

static void test_a_page(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_rules rules = {0};
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(
        ecr_rules_decode_page(
            &rules,
            slice_str("{\"pullThroughCacheRules\":[{" RULE ",\"upstreamRegistry\":\"docker-hub\","
                      "\"credentialArn\":\"arn:c\",\"customRoleArn\":\"arn:r\",\"registryId\":"
                      "\"111122223333\",\"createdAt\":1.696348668411E9,\"updatedAt\":\"2026\","
                      "\"brandNew\":{\"x\":[1]},\"upstreamRepositoryPrefix\":\"lib\"},"
                      "{" RULE "}],\"nextToken\":\"page 2\"}"),
            &arena, &error),
        0);
    assert_int_equal(rules.n, 2);
    assert_string_equal(rules.items[0].prefix, "dockercache");
    assert_string_equal(rules.items[0].upstream_url, "registry-1.docker.io");
    assert_string_equal(rules.items[0].upstream_registry, "docker-hub");
    assert_string_equal(rules.items[0].upstream_prefix, "lib");
    assert_string_equal(rules.items[0].credential_arn, "arn:c");
    assert_string_equal(rules.items[0].custom_role_arn, "arn:r");
    assert_string_equal(rules.items[0].registry_id, "111122223333");
    assert_string_equal(rules.items[1].upstream_prefix, "ROOT");
    assert_string_equal(rules.items[1].credential_arn, "");
    assert_string_equal(rules.next_token, "page 2");

    assert_int_equal(ecr_rules_decode_page(
                         &rules,
                         slice_str("{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"b\","
                                   "\"upstreamRegistryUrl\":\"quay.io\"}],\"nextToken\":null}"),
                         &arena, &error),
                     0);
    assert_int_equal(rules.n, 3);
    assert_string_equal(rules.items[0].prefix, "dockercache");
    assert_string_equal(rules.items[2].prefix, "b");
    assert_string_equal(rules.next_token, "");
}

static void test_no_rules(void **state)
{
    static const char *rows[] = {"{}", "{\"pullThroughCacheRules\":[]}",
                                 "{\"pullThroughCacheRules\":null}"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_rules rules = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(ecr_rules_decode_page(&rules, slice_str(rows[i]), &arena, &error), 0);
        assert_int_equal(rules.n, 0);
        assert_string_equal(rules.next_token, "");
    }
}

static void test_what_is_no_answer(void **state)
{
    static const char *rows[][2] = {
        {"", "malformed JSON at byte 0"},
        {"{", "malformed JSON at byte"},
        {"<html>", "malformed JSON at byte"},
        {"[]", "the JSON is no object"},
        {"{\"pullThroughCacheRules\":{}}", "pullThroughCacheRules is no array"},
        {"{\"pullThroughCacheRules\":[1]}", "pullThroughCacheRules[0]: an item is no object"},
        {"{\"pullThroughCacheRules\":[{}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix is missing"},
        {"{\"pullThroughCacheRules\":[{" RULE "},{\"ecrRepositoryPrefix\":\"\"}]}",
         "pullThroughCacheRules[1]: ecrRepositoryPrefix is missing"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":7}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix is no string"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"a\\u0000b\"}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix has control characters"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"\\u001b[31m\"}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix has control characters"},
        {"{\"pullThroughCacheRules\":[{" RULE ",\"credentialArn\":[]}]}",
         "pullThroughCacheRules[0]: credentialArn is no string"},
        {"{\"pullThroughCacheRules\":[],\"pullThroughCacheRules\":[]}", "malformed JSON at byte"},
        {"{\"nextToken\":1}", "nextToken is no string"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"\xff\"}]}",
         "malformed JSON at byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_rules rules = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        if (ecr_rules_decode_page(&rules, slice_str(rows[i][0]), &arena, &error) != -1)
            fail_msg("%s was taken", rows[i][0]);
        if (!strstr(error.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], error.text);
    }
}

static void test_bounds(void **state)
{
    ARENA_CLEANUP struct arena arena;
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000000);
    struct ecr_rules rules = {0};
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    strbuf_add_str(&body, "{\"pullThroughCacheRules\":[");
    for (int i = 0; i < 600; i++)
        strbuf_add_format(&body, "%s{" RULE "}", i > 0 ? "," : "");
    strbuf_add_str(&body, "]}");
    assert_int_equal(ecr_rules_decode_page(&rules, strbuf_slice(&body), &arena, &error), 0);
    assert_int_equal(ecr_rules_decode_page(&rules, strbuf_slice(&body), &arena, &error), -1);
    assert_string_equal(error.text, "pullThroughCacheRules has over 400 items");

    strbuf_clear(&body);
    strbuf_add_format(&body, "{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"%0600d\"}]}",
                      0);
    rules = (struct ecr_rules){0};
    assert_int_equal(ecr_rules_decode_page(&rules, strbuf_slice(&body), &arena, &error), -1);
    assert_string_equal(error.text,
                        "pullThroughCacheRules[0]: ecrRepositoryPrefix has over 512 bytes");
}

static void test_validation(void **state)
{
    static const struct {
        const char *body;
        int want;
        bool valid;
        const char *text; /* the failure, or the reason */
    } rows[] = {
        {"{\"isValid\":true,\"ecrRepositoryPrefix\":\"x\"}", 0, true, ""},
        {"{\"isValid\":false,\"failure\":\"The secret is malformed\"}", 0, false,
         "The secret is malformed"},
        {"{\"isValid\":false,\"failure\":null}", 0, false, ""},
        {"{\"failure\":\"x\"}", -1, false, "isValid is missing"},
        {"{\"isValid\":\"true\"}", -1, false, "isValid is no boolean"},
        {"{\"isValid\":false,\"failure\":3}", -1, false, "failure is no string"},
        {"", -1, false, "malformed JSON at byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_validation validation = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(
            ecr_rules_decode_validation(&validation, slice_str(rows[i].body), &arena, &error),
            rows[i].want);
        if (rows[i].want == 0) {
            assert_int_equal(validation.valid, rows[i].valid);
            assert_string_equal(validation.failure, rows[i].text);
        } else {
            assert_string_equal(error.text, rows[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_a_page),
        cmocka_unit_test(test_no_rules), cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_bounds),   cmocka_unit_test(test_validation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
