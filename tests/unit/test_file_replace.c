#include "pullthrough/edge/sys/file_replace.h"

#include "pullthrough/edge/sys/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void check(const char *path, const char *want)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1000);

    assert_int_equal(file_read(path, &text, NULL), 0);
    assert_string_equal(strbuf_str(&text), want);
    assert_int_equal(file_stamp_of(path).mode & 07777, 0600);
}

static size_t entries(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    assert_int_equal(closedir(dir), 0);
    return n - 2;
}

static void test_replaced(void **state)
{
    char folder[] = "/tmp/test_file_replace.XXXXXX", path[100], missing[100];
    struct error error = {""};

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    (void)snprintf(missing, sizeof(missing), "%s/none/file", folder);
    assert_int_equal(file_replace(path, slice_str("one"), &error), 0);
    check(path, "one");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(file_replace(path, slice_str("two"), &error), 0);
    check(path, "two");
    assert_int_equal(file_replace(missing, slice_str("three"), &error), -1);
    assert_non_null(strstr(error.text, "/none/file: No such file or directory"));
    /* a folder can't be replaced: nothing is left over */
    assert_int_equal(mkdir(missing, 0700), -1);
    (void)snprintf(missing, sizeof(missing), "%s/folder", folder);
    assert_int_equal(mkdir(missing, 0700), 0);
    assert_int_equal(file_replace(missing, slice_str("four"), &error), -1);
    assert_non_null(strstr(error.text, "/folder: Is a directory"));
    assert_int_equal(entries(folder), 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(missing), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replaced)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
