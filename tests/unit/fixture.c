#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PATH_BYTES = 1024, FILE_MAX = 16 * 1024 * 1024 };

__attribute__((format(printf, 2, 0))) static void name_path(char *path, const char *format,
                                                            va_list arguments)
{
    int start = snprintf(path, PATH_BYTES, "%s/", FIXTURES);
    int more = vsnprintf(path + start, PATH_BYTES - (size_t)start, format, arguments);

    assert_in_range(more, 1, PATH_BYTES - start - 1);
}

static bool read_path(struct strbuf *out, const char *path)
{
    char bytes[4096];
    size_t n;
    FILE *file = fopen(path, "rb");

    if (!file)
        return false;
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
        strbuf_add(out, bytes, n);
    assert_int_equal(fclose(file), 0);
    assert_false(strbuf_overflowed(out));
    return true;
}

bool fixture_read(struct strbuf *out, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list arguments;

    va_start(arguments, format);
    name_path(path, format, arguments);
    va_end(arguments);
    return read_path(out, path);
}

bool fixtures_are_written(void)
{
    return getenv("PULLTHROUGH_WRITE_FIXTURES") != NULL;
}

/* On standard error, since cmocka cuts long texts: from the first line that differs to the last. */
static void show_difference(const char *path, struct slice got, struct slice want)
{
    size_t line = 1, same = 0, tail = 0;

    for (size_t i = 0; i < got.len && i < want.len && got.ptr[i] == want.ptr[i]; i++)
        if (got.ptr[i] == '\n') {
            line++;
            same = i + 1;
        }
    got = slice_from(got, same);
    want = slice_from(want, same);
    for (size_t i = 1; i <= got.len && i <= want.len; i++) {
        if (got.ptr[got.len - i] != want.ptr[want.len - i])
            break;
        if (got.ptr[got.len - i] == '\n')
            tail = i - 1;
    }
    got.len -= tail;
    want.len -= tail;
    (void)fprintf(stderr,
                  "-- %s:%zu: it is now:\n%.*s-- wanted:\n%.*s"
                  "-- hack/fixtures.sh writes it; CONTRIBUTING.md says when\n",
                  path, line, SLICE_FMT(got), SLICE_FMT(want));
}

bool fixture_says(struct slice got, const char *format, ...)
{
    STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(FILE_MAX);
    char path[PATH_BYTES];
    va_list arguments;
    FILE *file;

    va_start(arguments, format);
    name_path(path, format, arguments);
    va_end(arguments);
    if (read_path(&want, path) && slice_equal(got, strbuf_slice(&want)))
        return true;
    if (!fixtures_are_written()) {
        show_difference(path, got, strbuf_slice(&want));
        return false;
    }
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(got.len ? got.ptr : "", 1, got.len, file), got.len);
    assert_int_equal(fclose(file), 0);
    return true;
}
