#include "pullthrough/core/yaml/yaml_lookup.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct yaml_tree *parse(const char *text)
{
    static const struct yaml_limits limits = {
        .max_bytes = 10000, .max_nodes = 1000, .max_depth = 20};
    struct yaml_tree *tree = NULL;
    struct error error = {""};

    if (yaml_tree_parse(&tree, slice_str(text), &limits, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    return tree;
}

/* The value of `key` in the last entry of the text, "nothing" where there is none, "*" in front
 * of what stands elsewhere. */
static void check_get(const char *text, const char *key, const char *want)
{
    YAML_TREE_CLEANUP struct yaml_tree *tree = parse(text);
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(1000);
    struct yaml_lookup lookup = {.budget = 10000};
    const struct yaml_node *root = yaml_tree_root(tree, 0);
    struct yaml_found mapping = yaml_lookup_follow(root->values[root->n - 1], false), found;

    found = yaml_lookup_get(&lookup, mapping, slice_str(key));
    strbuf_add_str(&got, found.aliased ? "*" : "");
    strbuf_add_slice(&got, found.node ? yaml_lookup_text(found) : slice_str("nothing"));
    assert_string_equal(strbuf_str(&got), want);
    assert_false(lookup.spent);
}

static void test_get(void **state)
{
    static const char *rows[][3] = {
        {"m: {a: 1, b: 2}", "a", "1"},
        {"m: {a: 1, b: 2}", "c", "nothing"},
        {"m: {a: 1, a: 2}", "a", "2"},
        {"m: {'a': 1}", "a", "1"},
        {"m: [a]", "a", "nothing"},
        {"m: a", "a", "nothing"},
        {"x: &x 1\nm: {a: *x}", "a", "*1"},
        {"x: &x {a: 1}\nm: *x", "a", "*1"},
        {"x: &x a\nm: {*x : 1}", "a", "1"},
        {"x: &x {a: 1, b: 2}\nm: {<<: *x, b: 3}", "a", "*1"},
        {"x: &x {a: 1, b: 2}\nm: {<<: *x, b: 3}", "b", "3"},
        {"x: &x {a: 1, b: 2}\nm: {b: 3, <<: *x}", "b", "3"},
        {"m: {<<: {a: 1}}", "a", "*1"},
        {"m: {<<: [{a: 1}, {a: 2, b: 3}]}", "a", "*1"},
        {"m: {<<: [{a: 1}, {a: 2, b: 3}]}", "b", "*3"},
        {"m: {<<: {a: 1}, <<: {b: 2}}", "b", "*2"},
        {"m: {<<: {<<: {<<: {a: 1}}}}", "a", "*1"},
        {"m: {'<<': {a: 1}}", "a", "nothing"},
        {"m: {'<<': {a: 1}}", "<<", ""},
        {"m: {<<: {a: 1}}", "<<", "nothing"},
        {"m: {<<: [a, [b], {c: 1}]}", "c", "*1"},
        {"m: {!!merge <<: {a: 1}}", "a", "*1"},
        {"m: {!!merge '<<': {a: 1}}", "a", "*1"},
        {"m: {!<tag:yaml.org,2002:merge> <<: {a: 1}}", "a", "*1"},
        {"%TAG !y! tag:yaml.org,2002:\n---\nm: {!y!merge <<: {a: 1}}", "a", "*1"},
        {"%TAG ! tag:yaml.org,2002:\n---\nm: {!merge <<: {a: 1}}", "a", "*1"},
        {"m: {! <<: {a: 1}}", "a", "*1"},
        {"m: {! '<<': {a: 1}}", "a", "*1"},
        {"m: {&k !!merge <<: {a: 1}}", "a", "*1"},
        {"m: {!!merge <<: {a: 1}}", "<<", "nothing"},
        {"m: {!!merge a: 1}", "a", "1"},
        {"m: {!!str <<: {a: 1}}", "a", "nothing"},
        {"m: {!merge <<: {a: 1}}", "a", "nothing"},
        {"m: {!!map <<: {a: 1}}", "a", "nothing"},
        {"x: {&k <<: {}}\nm: {*k : {a: 1}}", "a", "nothing"},
        {"x: &x {a: 1, b: 2}\nm: {!!merge <<: *x, b: 3}", "b", "3"},
        {"m: {!!merge <<: [{!!merge <<: {a: 1}}, {a: 2}]}", "a", "*1"},
        {"m: {!!merge <<: !!map {a: 1}}", "a", "*1"},
        {"m: {!!merge <<: !!seq [!!map {a: 1}]}", "a", "*1"},
        {"m: !!map {!!str a: !!str 1}", "a", "1"},
        {"m: !thing {!thing a: !thing 1}", "a", "1"},
        {"m: &m {<<: *m, a: 1}", "b", "nothing"},
        {"m: &m {<<: [*m, *m], a: 1}", "b", "nothing"},
        {"m: {[a]: 1, {a: 2}: 3}", "a", "nothing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_get(rows[i][0], rows[i][1], rows[i][2]);
}

static void add_pair(void *context, struct slice key, struct yaml_found value)
{
    strbuf_add_format(context, "%s%.*s=%.*s ", value.aliased ? "*" : "", SLICE_FMT(key),
                      SLICE_FMT(yaml_lookup_text(value)));
}

static void test_pairs_with_those_that_merges_bring(void **state)
{
    YAML_TREE_CLEANUP struct yaml_tree *tree =
        parse("x: &x {a: 1, b: &y 2}\nm: &m {b: 3, <<: [*x, *m], [c]: 4, *y : *y, d: {}}");
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(100000);
    struct yaml_lookup lookup = {.budget = 10000};

    (void)state;
    yaml_lookup_pairs(&lookup, yaml_lookup_follow(yaml_tree_root(tree, 0)->values[1], false),
                      add_pair, &got);
    assert_true(slice_starts_with(strbuf_slice(&got), slice_str("b=3 *a=1 *b=2 *b=3 *a=1 *b=2 ")));
    assert_non_null(strstr(strbuf_str(&got), "*2=2 *d= *2=2 d= "));
    assert_false(lookup.spent);
}

static void test_a_spent_budget_finds_nothing(void **state)
{
    YAML_TREE_CLEANUP struct yaml_tree *tree = parse("a: 1\nl: [x, y, z]\n");
    struct yaml_lookup lookup = {.budget = 3};
    struct yaml_found root = yaml_lookup_follow(yaml_tree_root(tree, 0), false), list;

    (void)state;
    list = yaml_lookup_follow(root.node->values[1], false);
    assert_non_null(yaml_lookup_get(&lookup, root, slice_str("a")).node);
    assert_false(lookup.spent);
    assert_int_equal(yaml_lookup_count(&lookup, list), 0);
    assert_true(lookup.spent);
    assert_null(yaml_lookup_get(&lookup, root, slice_str("a")).node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_pairs_with_those_that_merges_bring),
        cmocka_unit_test(test_a_spent_budget_finds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
