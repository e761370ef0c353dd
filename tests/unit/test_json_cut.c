/* Cutting JSON as it arrives: what comes out, whatever the pieces are that it comes in. */
#include "pullthrough/core/json/json_cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TRACE_MAX = 1024 * 1024, PIECE_MAX = 4096 };

static void add_piece(struct strbuf *trace, const struct json_piece *piece)
{
    static const char letters[] = {
        [JSON_PIECE_DOCUMENT] = 'D', [JSON_PIECE_ITEM] = 'I', [JSON_PIECE_REST] = 'R'};

    strbuf_add_format(trace, "%c%zu", letters[piece->kind], piece->document);
    if (piece->kind == JSON_PIECE_ITEM)
        strbuf_add_format(trace, ".%zu<%.*s>", piece->index, SLICE_FMT(piece->before));
    strbuf_add_format(trace, "@%zu:%zu %.*s|", piece->at.line, piece->at.column,
                      SLICE_FMT(piece->text));
}

/* Feed `text` in pieces of `step` bytes, the first of `first`; the trace says what came out. */
static void cut_text(struct slice text, size_t whole_max, size_t piece_max, size_t first,
                     size_t step, struct strbuf *trace)
{
    JSON_CUT_CLEANUP struct json_cut cut;
    struct error error = {""};
    struct json_piece piece;
    struct slice input = {0}, held;
    struct json_cut_place at;
    size_t documents;
    int r = 0;

    json_cut_init(&cut, whole_max, piece_max);
    for (size_t size = first; r == 0 && text.len; size = step) {
        /* Each piece in memory of its own, so that a look past its end is found. */
        size_t n = size < text.len ? size : text.len;
        char *bytes = malloc(n + !n);

        assert_non_null(bytes);
        if (n)
            memcpy(bytes, text.ptr, n);
        input = slice_of(bytes, n);
        text = slice_from(text, n);
        while ((r = json_cut_next(&cut, &input, &piece, &error)) == JSON_CUT_PIECE)
            add_piece(trace, &piece);
        if (r == JSON_CUT_NOT_JSON) {
            held = json_cut_held(&cut, &at, &documents);
            strbuf_add_format(trace, "N%zu@%zu:%zu %.*s%.*s%.*s", documents, at.line, at.column,
                              SLICE_FMT(held), SLICE_FMT(input), SLICE_FMT(text));
        }
        free(bytes);
    }
    if (r == 0 && (r = json_cut_end(&cut, &error)) == JSON_CUT_NOT_JSON) {
        held = json_cut_held(&cut, &at, &documents);
        strbuf_add_format(trace, "N%zu@%zu:%zu %.*s", documents, at.line, at.column,
                          SLICE_FMT(held));
    }
    if (r < 0)
        strbuf_add_str(trace, error.text);
}

static const struct {
    const char *text;
    size_t whole_max;
    const char *want;
} rows[] = {
    {"", 0, ""},
    {" \n\t", 0, ""},
    /* Left whole: what is small enough. */
    {"{\"items\":[1]}", 13, "D0@1:1 {\"items\":[1]}|"},
    {" {\"a\":\"}\"}\n{}", 100, "D0@1:2 {\"a\":\"}\"}|D1@2:1 {}|"},
    {"{}{\"b\":[{}]}", 100, "D0@1:1 {}|D1@1:3 {\"b\":[{}]}|"},
    {"{}\n---\n{}", 100, "D0@1:1 {}|D1@3:1 {}|"},
    {"--- \r\n{}", 100, "D0@2:1 {}|"},
    {"{\"a\":\"\\\\\\\"}\"}", 100, "D0@1:1 {\"a\":\"\\\\\\\"}\"}|"},
    /* Cut. */
    {"{\"items\":[1]}", 12, "I0.0<{\"items\":[]}>@1:11 1|R0@1:1 {\"items\":[]}|"},
    {"{\"items\":[]}", 0, "R0@1:1 {\"items\":[]}|"},
    {"{\"kind\":\"PodList\",\"items\":[{\"a\":[{}]},\n  "
     "{\"b\":\"]}\"}],\"metadata\":{\"items\":[2]}}",
     0,
     "I0.0<{\"kind\":\"PodList\",\"items\":[]}>@1:28 {\"a\":[{}]}|"
     "I0.1<{\"kind\":\"PodList\",\"items\":[]}>@2:3 {\"b\":\"]}\"}|"
     "R0@1:1 {\"kind\":\"PodList\",\"items\":[],\"metadata\":{\"items\":[2]}}|"},
    {"{\"items\":[\"a\\\"]\",-1.5e+3,null,[[]],true]}", 0,
     "I0.0<{\"items\":[]}>@1:11 \"a\\\"]\"|I0.1<{\"items\":[]}>@1:18 -1.5e+3|"
     "I0.2<{\"items\":[]}>@1:26 null|I0.3<{\"items\":[]}>@1:31 [[]]|"
     "I0.4<{\"items\":[]}>@1:36 true|R0@1:1 {\"items\":[]}|"},
    {"{\"a\":\"\xc3\xa4\xe2\x82\xac\",\"items\":[{}]}", 0,
     "I0.0<{\"a\":\"\xc3\xa4\xe2\x82\xac\",\"items\":[]}>@1:20 {}|"
     "R0@1:1 {\"a\":\"\xc3\xa4\xe2\x82\xac\",\"items\":[]}|"},
    /* Other keys, deeper ones, and values that aren't arrays. */
    {"{\"item\":[1],\"itemss\":[2],\"a\":{\"items\":[3]},\"items\":{\"b\":[4]},\"x\":\"items\"}", 0,
     "R0@1:1 {\"item\":[1],\"itemss\":[2],\"a\":{\"items\":[3]},\"items\":{\"b\":[4]},"
     "\"x\":\"items\"}|"},
    {"{\"x\":\"items\",\"y\":[1]}", 0, "R0@1:1 {\"x\":\"items\",\"y\":[1]}|"},
    {"{\"items\":[1]} {\"items\":[2]}", 0,
     "I0.0<{\"items\":[]}>@1:11 1|R0@1:1 {\"items\":[]}|"
     "I1.0<{\"items\":[]}>@1:25 2|R1@1:15 {\"items\":[]}|"},
    /* Given back, from where it can be read as YAML. */
    {"kind: Pod\n", 100, "N0@1:1 kind: Pod\n"},
    {"{kind: Pod}\n", 100, "N0@1:1 {kind: Pod}\n"},
    {"{{ .Values.a }}", 100, "N0@1:1 {{ .Values.a }}"},
    {"{}\n--- # x\na: 1", 100, "D0@1:1 {}|N1@2:1 --- # x\na: 1"},
    {"{}\n-- \n", 100, "D0@1:1 {}|N1@2:1 -- \n"},
    {"{}\n ---\n", 100, "D0@1:1 {}|N1@2:2 ---\n"},
    {"{}\n---", 100, "D0@1:1 {}|N1@2:1 ---"},
    {"{} # x", 100, "D0@1:1 {}|N1@1:4 # x"},
    {"\xef\xbb\xbf{}", 100, "N0@1:1 \xef\xbb\xbf{}"},
    {"{\"a\":", 100, "N0@1:1 {\"a\":"},
    {"[{}]", 100, "N0@1:1 [{}]"},
    /* Too late for that. */
    {"{\"items\":[{},{[}", 0, "I0.0<{\"items\":[]}>@1:11 {}|1:17: the JSON text ends too early"},
    {"{\"items\":[{}", 0, "I0.0<{\"items\":[]}>@1:11 {}|1:13: the JSON text ends too early"},
    {"{\"items\":[{} {}]}", 0, "I0.0<{\"items\":[]}>@1:11 {}|1:14: a comma or ] was expected"},
    {"{\"items\":[{},]}", 0, "I0.0<{\"items\":[]}>@1:11 {}|1:14: a JSON value was expected"},
    {"{\"items\":[,]}", 0, "1:11: a JSON value was expected"},
    {"{\"items\":[{a: 1}]}", 0, "I0.0<{\"items\":[]}>@1:11 {a: 1}|R0@1:1 {\"items\":[]}|"},
    {"{\"items\":[{b: 1}]}", 0, "1:12: this is not JSON"},
    {"{\"items\":[b]}", 0, "1:11: a JSON value was expected"},
    {"{\"a\":{x}}", 0, "1:7: this is not JSON"},
    {"{\"a\":x}", 0, "1:6: this is not JSON"},
    {"{\"items\":[1],\"items\":[2]}", 0,
     "I0.0<{\"items\":[]}>@1:11 1|1:22: a second list of items"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf trace = STRBUF_INIT(TRACE_MAX);

        cut_text(slice_str(rows[i].text), rows[i].whole_max, PIECE_MAX, SIZE_MAX, SIZE_MAX, &trace);
        assert_string_equal(strbuf_str(&trace), rows[i].want);
    }
}

/* In two at every byte, and byte by byte. */
static void test_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t first = 1; first <= strlen(rows[i].text); first++) {
            STRBUF_CLEANUP struct strbuf two = STRBUF_INIT(TRACE_MAX);
            STRBUF_CLEANUP struct strbuf many = STRBUF_INIT(TRACE_MAX);

            cut_text(slice_str(rows[i].text), rows[i].whole_max, PIECE_MAX, first, SIZE_MAX, &two);
            assert_string_equal(strbuf_str(&two), rows[i].want);
            cut_text(slice_str(rows[i].text), rows[i].whole_max, PIECE_MAX, first, 1, &many);
            assert_string_equal(strbuf_str(&many), rows[i].want);
        }
}

/* A piece that is too large is refused with the document's place, whatever it is in. */
static void test_bounds(void **state)
{
    static const char *const texts[] = {
        "\n{\"items\":[{\"a\":\"0123456789012345678901234567890123456789\"}]}",
        "\n{\"a\":\"0123456789012345678901234567890123456789\",\"items\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        STRBUF_CLEANUP struct strbuf trace = STRBUF_INIT(TRACE_MAX);
        STRBUF_CLEANUP struct strbuf enough = STRBUF_INIT(TRACE_MAX);

        cut_text(slice_str(texts[i]), 16, 40, SIZE_MAX, SIZE_MAX, &trace);
        assert_string_equal(strbuf_str(&trace), "2:1: more than 40 bytes in one piece");
        cut_text(slice_str(texts[i]), 16, 80, SIZE_MAX, SIZE_MAX, &enough);
        assert_int_equal(strbuf_str(&enough)[0], i == 0 ? 'I' : 'R');
    }
}

/* Items without end take no more memory than the largest of them. */
static void test_memory_is_that_of_an_item(void **state)
{
    static const char begin[] = "{\"items\":[{\"a\":1}", item[] = ",\n{\"a\":[1,2,3]}";
    JSON_CUT_CLEANUP struct json_cut cut;
    struct json_piece piece;
    struct error error = {""};
    struct slice input = slice_str(begin);
    size_t items = 0;

    (void)state;
    json_cut_init(&cut, 64, 128);
    for (size_t i = 0; i < 100000; i++) {
        while (json_cut_next(&cut, &input, &piece, &error) == JSON_CUT_PIECE)
            items++;
        assert_string_equal(error.text, "");
        input = slice_str(item);
    }
    assert_int_equal(items, 100000);
    assert_true(cut.held.size + cut.item.size + cut.rest.size + cut.before.size < 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_memory_is_that_of_an_item),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
