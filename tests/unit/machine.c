#include "machine.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_file(const char *root, const struct machine_file *from)
{
    char path[256];
    FILE *file;

    assert_in_range(snprintf(path, sizeof(path), "%s/%s", root, from->path), 1, sizeof(path) - 1);
    for (char *at = strchr(path + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0700); /* or it is there */
        *at = '/';
    }
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(from->text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void machine_make(char *root, const struct machine_file *files)
{
    (void)snprintf(root, MACHINE_ROOT_BYTES, "/tmp/pullthrough-machine-XXXXXX");
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < MACHINE_FILES_MAX && files[i].path; i++)
        write_file(root, &files[i]);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

void machine_remove(const char *root)
{
    assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
