/*
 * The rows of tests/fixtures/references/reference.tsv: what distribution/reference v0.6.0
 * makes of each text. Columns: input, valid, domain, path, tag, digest; in the input \t,
 * \n, \r, \\ and \xNN are escapes.
 */
#include "pullthrough/core/image/image_ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int hex(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static void add_unescaped(struct strbuf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\\') {
            c = text.ptr[++i];
            if (c == 't')
                c = '\t';
            else if (c == 'n')
                c = '\n';
            else if (c == 'r')
                c = '\r';
            else if (c == 'x') {
                c = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
                i += 2;
            }
        }
        strbuf_add_char(out, c);
    }
}

static struct slice next_column(struct slice *line)
{
    size_t tab = slice_find(*line, '\t');
    struct slice column = slice_of(line->ptr, tab);

    *line = slice_from(*line, tab < line->len ? tab + 1 : tab);
    return column;
}

static void check_part(const char *line, const char *part, struct slice got, struct slice want)
{
    if (!slice_equal(got, want))
        fail_msg("%s: %s is \"%.*s\"", line, part, SLICE_FMT(got));
}

static void print(const struct image_ref *ref, struct strbuf *out)
{
    strbuf_add_slice(out, ref->domain);
    strbuf_add_str(out, ref->domain.len ? "/" : "");
    image_ref_print_path(ref, out);
    image_ref_print_version(ref, out);
}

/* Printing what was parsed and parsing that again must change nothing. */
static void check_round_trip(const char *line, const struct image_ref *ref)
{
    STRBUF_CLEANUP struct strbuf printed = STRBUF_INIT(1000), again = STRBUF_INIT(1000);
    struct image_ref second;

    print(ref, &printed);
    if (image_ref_parse(&second, strbuf_slice(&printed), NULL) != 0)
        fail_msg("%s: printed as \"%s\", which does not parse", line, strbuf_str(&printed));
    print(&second, &again);
    assert_string_equal(strbuf_str(&again), strbuf_str(&printed));
    check_part(line, "domain of the printed", second.domain, ref->domain);
}

static void check_row(const char *text)
{
    STRBUF_CLEANUP struct strbuf input = STRBUF_INIT(10000), path = STRBUF_INIT(1000);
    struct slice line = slice_str(text);
    struct image_ref ref;
    const char *reason = NULL;
    bool valid;

    if (line.len && line.ptr[line.len - 1] == '\n')
        line.len--;
    add_unescaped(&input, next_column(&line));
    valid = slice_is(next_column(&line), "yes");
    if (image_ref_parse(&ref, strbuf_slice(&input), &reason) != (valid ? 0 : IMAGE_REF_INVALID))
        fail_msg("%s: %s", text, valid ? reason : "should be invalid");
    if (!valid) {
        assert_non_null(reason);
        return;
    }
    image_ref_print_path(&ref, &path);
    assert_int_equal(path.len, image_ref_path_length(&ref));
    check_part(text, "domain", ref.domain, next_column(&line));
    check_part(text, "path", strbuf_slice(&path), next_column(&line));
    check_part(text, "tag", ref.tag, next_column(&line));
    check_part(text, "digest", ref.digest, next_column(&line));
    check_round_trip(text, &ref);
}

static void test_every_row(void **state)
{
    FILE *file = fopen(FIXTURES "/references/reference.tsv", "r");
    char *line = NULL;
    size_t size = 0, rows = 0;

    (void)state;
    assert_non_null(file);
    assert_true(getline(&line, &size, file) > 0); /* the heading */
    for (; getline(&line, &size, file) > 0; rows++)
        check_row(line);
    assert_true(rows > 200);
    free(line);
    (void)fclose(file);
}

static void test_reasons(void **state)
{
    static const char *rows[][2] = {
        {"", "empty"},
        {"ghcr.io/Org/app", "the repository name must be lower case"},
        {"nginx:-x", "the tag is not 1 to 128 of letters, digits, '_', '.' and '-'"},
        {"nginx@sha256:00", "the digest is not sha256, sha384 or sha512 in lower case"},
        {"nginx/", "not a repository name"},
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "64 hexadecimal digits are an image id, not a name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct image_ref ref;
        const char *reason = NULL;

        assert_int_equal(image_ref_parse(&ref, slice_str(rows[i][0]), &reason), IMAGE_REF_INVALID);
        assert_string_equal(reason, rows[i][1]);
    }
}

static void test_nul_is_a_byte_like_others(void **state)
{
    struct image_ref ref;

    (void)state;
    assert_int_equal(image_ref_parse(&ref, slice_of("nginx\0", 6), NULL), IMAGE_REF_INVALID);
    assert_int_equal(image_ref_parse(&ref, slice_of("ghcr.io\0/x/y", 12), NULL), IMAGE_REF_INVALID);
    assert_int_equal(image_ref_parse(&ref, slice_of("nginx:1\0", 8), NULL), IMAGE_REF_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_nul_is_a_byte_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
