/*
 * Runs a fuzz target over every file of a folder, once each: what was found once stays found,
 * with any compiler. It looks for nothing new. An empty folder is a failure, for a test of
 * nothing proves nothing.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* The block is exactly as large as the file, so that a sanitizer sees one byte too far. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long size = -1;
    int result = -1;

    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        bytes = size > 0 ? malloc((size_t)size) : NULL;
        if (size == 0 || (bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size))
            result = LLVMFuzzerTestOneInput(bytes, (size_t)size);
    }
    if (result != 0)
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    free(bytes);
    if (file)
        (void)fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    struct dirent *entry;
    size_t files = 0;
    DIR *folder;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = opendir(argv[1]);
    if (!folder) {
        (void)fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    while ((entry = readdir(folder))) {
        char path[PATH_BYTES];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        (void)printf("%s\n", path); /* the last line names the file that crashed */
        (void)fflush(stdout);
        if (replay_file(path) != 0)
            return 1;
        files++;
    }
    (void)closedir(folder);
    (void)printf("%zu files\n", files);
    return files > 0 ? 0 : 1;
}
