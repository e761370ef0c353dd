#include "pullthrough/core/yaml/yaml_tree.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct yaml_limits roomy = {
    .max_bytes = 64 * 1024 * 1024, .max_nodes = 4 * 1000 * 1000, .max_depth = 200};

/*
 * A tree in one line, to compare: scalars as style letter, "<" bytes of the text ">" and, where
 * it differs, "=" decoded value; "&" and "!" in front of what has an anchor or a tag; "*" and the
 * source of the alias's target (with its first ten bytes for collections).
 */
static void dump(struct strbuf *out, struct slice text, const struct yaml_node *node);

static struct slice source(struct slice text, const struct yaml_node *node)
{
    assert_true(node->start <= node->end);
    assert_true(node->end <= text.len);
    return slice_of(text.ptr + node->start, node->end - node->start);
}

static void dump_collection(struct strbuf *out, struct slice text, const struct yaml_node *node)
{
    bool mapping = node->kind == YAML_MAPPING;

    strbuf_add_char(out, mapping ? '{' : '[');
    for (size_t i = 0; i < node->n; i++) {
        if (i)
            strbuf_add_str(out, ", ");
        dump(out, text, node->items[i]);
        if (mapping) {
            strbuf_add_str(out, ": ");
            dump(out, text, node->values[i]);
        }
    }
    strbuf_add_char(out, mapping ? '}' : ']');
}

static void dump(struct strbuf *out, struct slice text, const struct yaml_node *node)
{
    struct slice src;

    if (!node) {
        strbuf_add_str(out, "nothing");
        return;
    }
    src = source(text, node);
    if (node->anchored)
        strbuf_add_char(out, '&');
    if (node->tagged)
        strbuf_add_str(out, node->tagged_str ? "!!" : "!");
    if (node->kind == YAML_ALIAS) {
        struct slice target = source(text, node->target);

        strbuf_add_char(out, '*');
        strbuf_add(out, target.ptr, target.len < 10 ? target.len : 10);
    } else if (node->kind == YAML_SCALAR) {
        strbuf_add_char(out, "psdlf"[node->style]);
        strbuf_add_format(out, "<%.*s>", SLICE_FMT(src));
        assert_int_equal(node->text.ptr[node->text.len], '\0');
        if (!slice_equal(node->text, src)) {
            strbuf_add_char(out, '=');
            strbuf_add_slice(out, node->text);
        }
    } else {
        dump_collection(out, text, node);
    }
}

static void dump_documents(struct strbuf *out, struct slice text, const struct yaml_tree *tree)
{
    for (size_t i = 0; i < yaml_tree_documents(tree); i++) {
        if (i)
            strbuf_add_str(out, " --- ");
        dump(out, text, yaml_tree_root(tree, i));
    }
}

static void check_tree(struct slice text, const char *want)
{
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1024 * 1024);
    struct error error = {""};

    if (yaml_tree_parse(&tree, text, &roomy, &error) != 0)
        fail_msg("\"%.*s\": %s", SLICE_FMT(text), error.text);
    dump_documents(&out, text, tree);
    assert_string_equal(strbuf_str(&out), want);
}

static void check_error(struct slice text, const struct yaml_limits *limits, const char *want)
{
    struct yaml_tree *tree = NULL;
    struct error error = {""};

    if (yaml_tree_parse(&tree, text, limits, &error) == 0) {
        yaml_tree_free(tree);
        fail_msg("\"%.*s\" was read", SLICE_FMT(text));
    }
    assert_string_equal(error.text, want);
}

static void test_yaml(void **state)
{
    static const char *rows[][2] = {
        {"", ""},
        {"# nothing\n", ""},
        {"a", "p<a>"},
        {"a: b", "{p<a>: p<b>}"},
        {"a: 'b'  # c\nd: \"e\"", "{p<a>: s<'b'>=b, p<d>: d<\"e\">=e}"},
        {"a:\n- b\n- c:\n  d:\n", "{p<a>: [p<b>, {p<c>: p<>, p<d>: p<>}]}"},
        {"a: |\n  x\n  y\nb: >-\n  z\n", "{p<a>: l<|\n  x\n  y\n>=x\ny\n, p<b>: f<>-\n  z\n>=z}"},
        {"a: {b: c, d}", "{p<a>: {p<b>: p<c>, p<d>: p<>}}"},
        {"[a, [b], {c: d}, e: f]", "[p<a>, [p<b>], {p<c>: p<d>}, {p<e>: p<f>}]"},
        {"? a\n? b\n: c\n", "{p<a>: p<>, p<b>: p<c>}"},
        {"a: b\n  c", "{p<a>: p<b\n  c>=b c}"},
        {"{{ x }}", "{{p<x>: p<>}: p<>}"},
        {"a: \"\\x41\\u00e9\\\n  b\"", "{p<a>: d<\"\\x41\\u00e9\\\n  b\">=A\xc3\xa9"
                                       "b}"},
        {"a: b\r\nc: d\r\n", "{p<a>: p<b>, p<c>: p<d>}"},
        {"a: b\rc: d\r", "{p<a>: p<b>, p<c>: p<d>}"},
        {"\xef\xbb\xbf"
         "a: b\nc: d",
         "{p<a>: p<b>, p<c>: p<d>}"},
        {"# \xf0\x9f\x98\x80\na\xc3\xa9: {\xe2\x98\x83: b, \"\xf0\x9f\x98\x80\": 'c'}\nd: e",
         "{p<a\xc3\xa9>: {p<\xe2\x98\x83>: p<b>, d<\"\xf0\x9f\x98\x80\">=\xf0\x9f\x98\x80: "
         "s<'c'>=c}, "
         "p<d>: p<e>}"},
        {"a: b\xc2\x85"
         "c: d\xe2\x80\xa8"
         "e: f",
         "{p<a>: p<b>, p<c>: p<d>, p<e>: p<f>}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_tree(slice_str(rows[i][0]), rows[i][1]);
}

static void test_properties_are_not_part_of_a_node(void **state)
{
    static const char *rows[][2] = {
        {"a: &x b", "{p<a>: &p<b>}"},
        {"a: !!str 1", "{p<a>: !!p<1>}"},
        {"a: !!str &x '1'", "{p<a>: &!!s<'1'>=1}"},
        {"a: &x !t\n  # &c !d\n\n  b", "{p<a>: &!p<b>}"},
        {"a: &x #\xc3\xa9\r\n  b", "{p<a>: &p<b>}"},
        {"a: &x\xe2\x80\xa8  b", "{p<a>: &p<b>}"},
        {"a: !<tag:yaml.org,2002:str>\tb", "{p<a>: !!p<b>}"},
        {"a: ! b", "{p<a>: !!p<b>}"},
        {"a: &x\nb: &y !!str\nc: *x", "{p<a>: &p<>, p<b>: &!!p<>, p<c>: *}"},
        {"- &x\n- !t\n- &y c", "[&p<>, !p<>, &p<c>]"},
        {"[&x a, &y [b], &z {c: *x}, *y]", "[&p<a>, &[p<b>], &{p<c>: *a}, *[b]]"},
        {"a: &x\n  b: c\nd: *x", "{p<a>: &{p<b>: p<c>}, p<d>: *b: c}"},
        {"&k a: b\n*k : c", "{&p<a>: p<b>, *a: p<c>}"},
        {"a: &x 1\nb: *x\nc: &x 2\nd: *x", "{p<a>: &p<1>, p<b>: *1, p<c>: &p<2>, p<d>: *2}"},
        {"a: &x |-\n  b\n", "{p<a>: &l<|-\n  b\n>=b}"},
        {"<<: &x {a: b}\nc: {<<: *x}", "{p<<<>: &{p<a>: p<b>}, p<c>: {p<<<>: *{a: b}}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_tree(slice_str(rows[i][0]), rows[i][1]);
}

static void test_documents(void **state)
{
    static const char *rows[][2] = {
        {"---\n", "nothing"},
        {"---\n---\n# x\n---\n", "nothing --- nothing --- nothing"},
        {"a: b\n---\nc: d\n...\n", "{p<a>: p<b>} --- {p<c>: p<d>}"},
        {"--- ''\n--- ~\n--- !!str\n--- |\n x\n", "s<''>= --- p<~> --- !!p<> --- l<|\n x\n>=x\n"},
        {"%YAML 1.2\n---\na\n...\n%YAML 1.1\n--- b\n", "p<a> --- p<b>"},
        {"a: &x 1\n---\nb: &x 2\nc: *x\n", "{p<a>: &p<1>} --- {p<b>: &p<2>, p<c>: *2}"},
        {"{\"a\": 1}{\"b\": 2} [3]\n", "{d<\"a\">=a: p<1>} --- {d<\"b\">=b: p<2>} --- [p<3>]"},
        {"{\"a\": 1}\n---\n{\"b\": 2}\n---\n", "{d<\"a\">=a: p<1>} --- {d<\"b\">=b: p<2>}"},
        {"{a: 1}\n---\nb: 2\n", "{p<a>: p<1>} --- {p<b>: p<2>}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_tree(slice_str(rows[i][0]), rows[i][1]);
}

static void test_json(void **state)
{
    static const char *rows[][2] = {
        {"{}", "{}"},
        {" \r\n\t[ ]\n", "[]"},
        {"{\"a\":\"b\",\"c\":[1,-2.5e+3,true,false,null]}",
         "{d<\"a\">=a: d<\"b\">=b, d<\"c\">=c: [p<1>, p<-2.5e+3>, p<true>, p<false>, p<null>]}"},
        {"{\n\t\"a\"\t:\n\t\t1\n}", "{d<\"a\">=a: p<1>}"},
        {"{\"a\"\n: 1}", "{d<\"a\">=a: p<1>}"},
        {"[\"\\ud83d\\ude00\\u00e9\\u0041\\b\\/\\\\\\\"\\n\"]",
         "[d<\"\\ud83d\\ude00\\u00e9\\u0041\\b\\/\\\\\\\"\\n\">=\xf0\x9f\x98\x80\xc3\xa9"
         "A\b/\\\"\n]"},
        {"[\"\\ud83d\", \"\\ude00\\ud83d\", \"\\ud83d\\n\", \"\\ud83d\\u0041\"]",
         "[d<\"\\ud83d\">=\xef\xbf\xbd, d<\"\\ude00\\ud83d\">=\xef\xbf\xbd\xef\xbf\xbd, "
         "d<\"\\ud83d\\n\">=\xef\xbf\xbd\n, d<\"\\ud83d\\u0041\">=\xef\xbf\xbd"
         "A]"},
        {"\xef\xbb\xbf{\"\xf0\x9f\x98\x80\":\"\x7f\"}",
         "{d<\"\xf0\x9f\x98\x80\">=\xf0\x9f\x98\x80: d<\"\x7f\">=\x7f}"},
        /* YAML after all */
        {"[a, 'b', 01, \"\\x41\", ] # c", "[p<a>, s<'b'>=b, p<01>, d<\"\\x41\">=A]"},
        {"{\"a\": 1,}", "{d<\"a\">=a: p<1>}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_tree(slice_str(rows[i][0]), rows[i][1]);
}

static void test_json_with_a_long_key(void **state)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(10000);
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root;

    (void)state;
    strbuf_add_str(&text, "{\"");
    for (int i = 0; i < 2000; i++)
        strbuf_add_char(&text, 'k');
    strbuf_add_str(&text, "\": 1}");
    assert_int_equal(yaml_tree_parse(&tree, strbuf_slice(&text), &roomy, NULL), 0);
    root = yaml_tree_root(tree, 0);
    assert_int_equal(root->items[0]->text.len, 2000);
    assert_int_equal(root->values[0]->start, text.len - 2);
}

static void test_a_nul_in_a_text_stays(void **state)
{
    static const char *const texts[] = {"[\"a\\u0000b\"]", "- \"a\\0b\""};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;

        assert_int_equal(yaml_tree_parse(&tree, slice_str(texts[i]), &roomy, NULL), 0);
        assert_int_equal(yaml_tree_root(tree, 0)->items[0]->text.len, 3);
        assert_memory_equal(yaml_tree_root(tree, 0)->items[0]->text.ptr, "a\0b", 4);
    }
}

static void test_places_count_characters(void **state)
{
    static const struct {
        const char *text;
        size_t line, column;
    } rows[] = {
        {"\xef\xbb\xbf\xc3\xa9: 1", 1, 4},
        {"# x\r\n\r\n\xf0\x9f\x98\x80: &a 1", 3, 4},
        {"{\"\xf0\x9f\x98\x80\": 1}", 1, 7},
        {"\xef\xbb\xbf{\r\n\r  \"\xc3\xa9\":\t1}", 3, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
        const struct yaml_node *root;

        assert_int_equal(yaml_tree_parse(&tree, slice_str(rows[i].text), &roomy, NULL), 0);
        root = yaml_tree_root(tree, 0);
        assert_int_equal(root->values[0]->line, rows[i].line);
        assert_int_equal(root->values[0]->column, rows[i].column);
    }
}

static void test_ends_and_flow(void **state)
{
    static const char text[] = "a:\n  b: &x [ c, {d: e} ] # f\n\n# g\nh:\n- i\n-\n\n? j\n\n";
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root, *list, *b;

    (void)state;
    assert_int_equal(yaml_tree_parse(&tree, slice_str(text), &roomy, NULL), 0);
    root = yaml_tree_root(tree, 0);
    assert_int_equal(root->start, 0);
    assert_int_equal(root->end, strstr(text, "j\n") + 1 - text);
    b = root->values[0];
    assert_int_equal(b->start, strstr(text, "b:") - text);
    assert_int_equal(b->end, strstr(text, " # f") - text);
    assert_int_equal(b->values[0]->start, strchr(text, '[') - text);
    assert_int_equal(b->values[0]->end, strchr(text, ']') + 1 - text);
    assert_false(b->values[0]->in_flow);
    assert_true(b->values[0]->items[0]->in_flow);
    assert_true(b->values[0]->items[1]->in_flow);
    assert_true(b->values[0]->items[1]->values[0]->in_flow);
    list = root->values[1];
    assert_int_equal(list->start, strstr(text, "- i") - text);
    assert_int_equal(list->end, strstr(text, "-\n\n?") + 1 - text);
    assert_false(list->items[0]->in_flow);
}

static void test_recursion_is_a_pointer(void **state)
{
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root;

    (void)state;
    assert_int_equal(yaml_tree_parse(&tree, slice_str("&a [*a, &b {c: *b}]"), &roomy, NULL), 0);
    root = yaml_tree_root(tree, 0);
    assert_ptr_equal(root->items[0]->target, root);
    assert_ptr_equal(root->items[1]->values[0]->target, root->items[1]);
}

static void test_errors_have_a_place(void **state)
{
    static const char *rows[][2] = {
        {"a: b: c", "1:5: mapping values are not allowed in this context"},
        {"a: b\n\tc: d", "2:1: found a tab character that violates indentation while scanning a "
                         "plain scalar that begins in line 1"},
        {"a: [b\nc: d\n",
         "2:2: did not find expected ',' or ']' while parsing a flow sequence that "
         "begins in line 1"},
        {"a: [fd00::]", "1:10: a text that ends in \":\" inside [] or {} must be quoted"},
        {"\xc3\xa9: {\xc3\xa9: fd00::, b: 1}",
         "1:13: a text that ends in \":\" inside [] or {} must be quoted"},
        {"a: {b: ::1}", "1:8: a text that begins with \":\" inside [] or {} must be quoted"},
        {"\xc3\xa9: [\xc3\xa9, ::]",
         "1:8: a text that begins with \":\" inside [] or {} must be quoted"},
        {"a: [b, ,]", "1:8: did not find expected node content while parsing a flow node that "
                      "begins in line 1"},
        {"a:\n- {b:}", "2:5: a text that ends in \":\" inside [] or {} must be quoted"},
        {"a: *b", "1:4: no anchor \"b\" stands before this alias"},
        {"a: &x 1\n---\n\xc3\xa9: *x", "3:4: no anchor \"x\" stands before this alias"},
        {"a: 'b", "1:6: found unexpected end of stream while scanning a quoted scalar that begins "
                  "in line 1"},
        {"\xc3\xa9: \x01", "1:4: control characters are not allowed"},
        {"a: b\n\xc3\xa9: \xff", "2:4: a byte that is not UTF-8"},
        {"\xc3\xa9: \xed\xa0\x80", "1:4: a byte that is not UTF-8"},
        {"\xff\xfe"
         "a",
         "1:1: this is UTF-16 or UTF-32; only UTF-8 is read"},
        {"\xfe\xff"
         "\x7f"
         "a",
         "1:1: this is UTF-16 or UTF-32; only UTF-8 is read"},
        {"{\"a\": 1,\n \"b\": \"\\ud83d\\ude00\",\n \"c\": ]}", "3:7: a JSON value was expected"},
        {"{\"a\"\n: 1, \"b\" 2}", "2:10: a colon was expected behind a key"},
        {"[\"\\ud83d\\ude00\" \"a\"]", "1:17: a comma or ] was expected"},
        {"{\"\\ud83d\\ude00\":1", "1:18: the JSON text ends too early"},
        {"[\"\\ud83d\\ude00", "1:15: a string has no end"},
        {"[\"\\ud83d\\ude00\\q\"]", "1:16: unknown escape in a string"},
        {"[\"\\ud83d\\ude0", "1:14: four hexadecimal digits must follow \\u"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_error(slice_str(rows[i][0]), &roomy, rows[i][1]);
    check_error(slice_of("a\0:\0", 4), &roomy, "1:1: this is UTF-16 or UTF-32; only UTF-8 is read");
    check_error(slice_of("a: \0", 4), &roomy, "1:4: control characters are not allowed");
}

static void test_limits(void **state)
{
    static const struct {
        struct yaml_limits limits;
        const char *text, *want;
    } rows[] = {
        {{3, 9, 9}, "aaaa", "1:1: more than 3 bytes"},
        {{99, 4, 9}, "a: b\nc: d\n", "2:4: more than 4 nodes"},
        {{99, 4, 9}, "{\"a\": 1,\n \"b\": 2}", "2:7: more than 4 nodes"},
        {{99, 3, 9}, "a\n---\nb\n---\nc\n---\nd\n", "7:1: more than 3 nodes"},
        {{99, 9, 2}, "a:\n  b: [c]\n", "2:6: nested deeper than 2 levels"},
        {{99, 9, 2}, "[[{}]]", "1:3: nested deeper than 2 levels"},
        {{99, 4, 9}, "[&a b, *a, *a, *a]", "1:16: more than 4 nodes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_error(slice_str(rows[i].text), &rows[i].limits, rows[i].want);
}

/* `start` n times and what closes it, inside and just over the depth of `roomy`. */
static void check_depth(const char *start, const char *end, bool parsed, size_t n)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(8 * 1024 * 1024);
    struct yaml_tree *tree = NULL;
    struct error error = {""};

    for (size_t i = 0; i < n; i++)
        strbuf_add_str(&text, start);
    for (size_t i = 0; i < n; i++)
        strbuf_add_str(&text, end);
    assert_int_equal(yaml_tree_parse(&tree, strbuf_slice(&text), &roomy, &error), parsed ? 0 : -1);
    yaml_tree_free(tree);
    if (!parsed)
        assert_non_null(strstr(error.text, ": nested deeper than 200 levels"));
}

static void test_depth_is_bounded(void **state)
{
    static const char *rows[][2] = {{"[", "]"},   {"{\"a\":", "}"}, {"- ", ""},    {"? ", ""},
                                    {"[\n", "]"}, {"{a: ", "}"},    {"&a [", "]"}, {"[{a: ", "}]"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_depth(rows[i][0], rows[i][1], true, 100);
        check_depth(rows[i][0], rows[i][1], false, 201);
        check_depth(rows[i][0], rows[i][1], false, 500000);
    }
}

/* Ten levels of ten aliases mean 10^10 scalars; here they stay a hundred and some nodes. */
static void test_an_alias_bomb_does_not_expand(void **state)
{
    const struct yaml_limits limits = {.max_bytes = 10000, .max_nodes = 200, .max_depth = 5};
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(10000);
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *node;

    (void)state;
    strbuf_add_str(&text, "l0: &l0 boom\n");
    for (int level = 1; level <= 10; level++) {
        strbuf_add_format(&text, "l%d: &l%d [", level, level);
        for (int i = 0; i < 10; i++)
            strbuf_add_format(&text, "*l%d, ", level - 1);
        strbuf_add_str(&text, "]\n");
    }
    assert_int_equal(yaml_tree_parse(&tree, strbuf_slice(&text), &limits, NULL), 0);
    node = yaml_node_get(yaml_tree_root(tree, 0), "l10");
    for (int level = 10; level > 0; level--)
        node = node->items[9]->target;
    assert_true(slice_is(node->text, "boom"));
}

/* As many anchors and aliases as a hostile text may hold are still found quickly. */
static void test_many_anchors(void **state)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(16 * 1024 * 1024);
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root;

    (void)state;
    for (int i = 0; i < 50000; i++)
        strbuf_add_format(&text, "- &a%d %d\n", i, i);
    for (int i = 0; i < 50000; i++)
        strbuf_add_format(&text, "- *a%d\n", i);
    assert_int_equal(yaml_tree_parse(&tree, strbuf_slice(&text), &roomy, NULL), 0);
    root = yaml_tree_root(tree, 0);
    assert_int_equal(root->n, 100000);
    for (size_t i = 0; i < 50000; i++)
        assert_ptr_equal(root->items[50000 + i]->target, root->items[i]);
}

static void test_get_finds_the_last_of_equal_keys(void **state)
{
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root;

    (void)state;
    assert_int_equal(
        yaml_tree_parse(&tree, slice_str("a: 1\n[a]: 2\n'a': 3\nb: 4\n"), &roomy, NULL), 0);
    root = yaml_tree_root(tree, 0);
    assert_true(slice_is(yaml_node_get(root, "a")->text, "3"));
    assert_null(yaml_node_get(root, "c"));
    assert_null(yaml_node_get(root->values[0], "a"));
    assert_null(yaml_node_get(NULL, "a"));
}

/* What each plain scalar is to kubectl: n(ull), s(tring), or something else. */
static void test_meaning_of_scalars(void **state)
{
    static const struct {
        char meaning;
        const char *texts[40];
    } rows[] = {
        {'n', {"", "~", "null", "Null", "NULL"}},
        {'s',
         {"a",   "nULL",    "nginx", "nginx:1.27", "1.2.3",     "12:30", "2024-01-01", "1a",
          "0x",  "0xg",     "0b2",   "0o9",        "_1",        "1e",    "1e+",        ".",
          "..",  "+",       "-a",    "e1",         "1.e.1",     "tRUE",  "'1'",        "\"true\"",
          "''",  "!!str 1", "!!str", "!!str null", "!!str '1'", "|\n 1", ">-\n 1",     "0.5.0",
          "inf", "1-2",     "._5",   ".5_0",       "! a",       "! 1",   "! ''"}},
        {'-', {"1",         "-1",       "+1",
               "0",         "010",      "08",
               "0x1F",      "0o17",     "0b101",
               "-0b1",      "1_000",    "0_x1",
               "+_1",       "1e_+5",    "-.5_0",
               "1.5",       "-1.5",     ".5",
               "1.",        "1e5",      "1.5E-3",
               ".inf",      "-.Inf",    ".nan",
               "true",      "False",    "YES",
               "no",        "on",       "Off",
               "y",         "N",        "12345678901234567890123",
               "!!int '1'", "!thing a", "[]",
               "{}",        "!!null ''"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (const char *const *text = rows[i].texts; *text; text++) {
            STRBUF_CLEANUP struct strbuf yaml = STRBUF_INIT(100);
            YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
            const struct yaml_node *node;
            char meaning;

            strbuf_add_format(&yaml, "k: %s\n", *text);
            assert_int_equal(yaml_tree_parse(&tree, strbuf_slice(&yaml), &roomy, NULL), 0);
            node = yaml_node_get(yaml_tree_root(tree, 0), "k");
            meaning = yaml_node_is_null(node) ? 'n' : yaml_node_is_string(node) ? 's' : '-';
            if (meaning != rows[i].meaning)
                fail_msg("%s: %c, not %c", *text, meaning, rows[i].meaning);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_properties_are_not_part_of_a_node),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_with_a_long_key),
        cmocka_unit_test(test_a_nul_in_a_text_stays),
        cmocka_unit_test(test_places_count_characters),
        cmocka_unit_test(test_ends_and_flow),
        cmocka_unit_test(test_recursion_is_a_pointer),
        cmocka_unit_test(test_errors_have_a_place),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_an_alias_bomb_does_not_expand),
        cmocka_unit_test(test_many_anchors),
        cmocka_unit_test(test_get_finds_the_last_of_equal_keys),
        cmocka_unit_test(test_meaning_of_scalars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
