#include "pullthrough/core/aws/ecr_templates.h"

#include "pullthrough/core/json/json_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_requests(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(10000);

    (void)state;
    ecr_templates_encode_describe(&out, "");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":50}");
    strbuf_clear(&out);
    ecr_templates_encode_create(&out, "", "");
    assert_string_equal(
        strbuf_str(&out),
        "{\"prefix\":\"ROOT\",\"appliedFor\":[\"PULL_THROUGH_CACHE\"],\"description\":"
        "\"Pull through cache\",\"encryptionConfiguration\":{\"encryptionType\":\"AES256\"},"
        "\"imageTagMutability\":\"MUTABLE\"}");
    strbuf_clear(&out);
    ecr_templates_encode_create(&out, "{\"rules\":[]}", "{}");
    assert_true(slice_ends_with(strbuf_slice(&out),
                                slice_str("\"MUTABLE\",\"lifecyclePolicy\":\"{\\\"rules\\\":[]}\","
                                          "\"repositoryPolicy\":\"{}\"}")));
}

static json_int_t number_at(const json_t *policy, size_t rule, const char *name)
{
    const json_t *item = json_array_get(json_object_get(policy, "rules"), rule);

    return json_integer_value(json_object_get(json_object_get(item, "selection"), name));
}

static void test_lifecycle_policies(void **state)
{
    static const struct {
        unsigned untagged_days, keep_last;
        size_t n;
    } rows[] = {{7, 0, 1}, {0, 30, 1}, {7, 30, 2}};
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(10000);

    (void)state;
    ecr_templates_print_lifecycle(&out, 0, 0);
    assert_int_equal(out.len, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        JSON_FIELDS_CLEANUP json_t *policy = NULL;
        struct error error;

        strbuf_clear(&out);
        ecr_templates_print_lifecycle(&out, rows[i].untagged_days, rows[i].keep_last);
        policy = json_fields_parse(strbuf_slice(&out), &error);
        assert_non_null(policy);
        assert_int_equal(json_array_size(json_object_get(policy, "rules")), rows[i].n);
        if (rows[i].untagged_days > 0)
            assert_int_equal(number_at(policy, 0, "countNumber"), 7);
        if (rows[i].keep_last > 0)
            assert_int_equal(number_at(policy, rows[i].n - 1, "countNumber"), 30);
    }
}

static void test_a_page(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_templates templates = {0};
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(
        ecr_templates_decode_page(
            &templates,
            slice_str(
                "{\"registryId\":\"111122223333\",\"repositoryCreationTemplates\":["
                "{\"prefix\":\"ROOT\",\"description\":\"two\\nlines\",\"encryptionConfiguration\":"
                "{\"encryptionType\":\"KMS\",\"kmsKey\":\"arn\"},\"resourceTags\":[{\"Key\":\"k\","
                "\"Value\":\"v\"}],\"imageTagMutability\":\"IMMUTABLE\",\"repositoryPolicy\":\"{}"
                "\","
                "\"lifecyclePolicy\":\"{}\",\"appliedFor\":[\"REPLICATION\",\"PULL_THROUGH_CACHE\"]"
                ","
                "\"customRoleArn\":\"arn:role\",\"createdAt\":1,\"updatedAt\":2},"
                "{\"prefix\":\"docker\",\"appliedFor\":[\"CREATE_ON_PUSH\"],\"resourceTags\":[]}],"
                "\"nextToken\":\"n\"}"),
            &arena, &error),
        0);
    assert_int_equal(templates.n, 2);
    assert_string_equal(templates.registry_id, "111122223333");
    assert_string_equal(templates.next_token, "n");
    assert_string_equal(templates.items[0].prefix, "ROOT");
    assert_string_equal(templates.items[0].mutability, "IMMUTABLE");
    assert_string_equal(templates.items[0].encryption, "KMS");
    assert_string_equal(templates.items[0].custom_role_arn, "arn:role");
    assert_true(templates.items[0].for_pull_through && templates.items[0].has_tags &&
                templates.items[0].has_lifecycle && templates.items[0].has_policy);
    assert_string_equal(templates.items[1].prefix, "docker");
    assert_string_equal(templates.items[1].encryption, "");
    assert_false(templates.items[1].for_pull_through || templates.items[1].has_tags ||
                 templates.items[1].has_lifecycle || templates.items[1].has_policy);
}

static void test_what_is_no_answer(void **state)
{
    static const char *rows[][2] = {
        {"", "malformed JSON at byte 0"},
        {"{\"registryId\":1}", "registryId is not a string"},
        {"{\"repositoryCreationTemplates\":1}", "repositoryCreationTemplates is not an array"},
        {"{\"repositoryCreationTemplates\":[{}]}",
         "repositoryCreationTemplates[0]: prefix is missing"},
        {"{\"repositoryCreationTemplates\":[{\"prefix\":\"p\",\"appliedFor\":1}]}",
         "repositoryCreationTemplates[0]: appliedFor is not an array"},
        {"{\"repositoryCreationTemplates\":[{\"prefix\":\"p\",\"appliedFor\":[1]}]}",
         "repositoryCreationTemplates[0]: appliedFor[0] is not a string"},
        {"{\"repositoryCreationTemplates\":[{\"prefix\":\"p\",\"encryptionConfiguration\":[]}]}",
         "repositoryCreationTemplates[0]: an item is not an object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_templates templates = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(
            ecr_templates_decode_page(&templates, slice_str(rows[i][0]), &arena, &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_lifecycle_policies),
        cmocka_unit_test(test_a_page),
        cmocka_unit_test(test_what_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
