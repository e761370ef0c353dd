/*
 * Whole files with a ceiling, and whether they changed.
 */
#ifndef PULLTHROUGH_EDGE_FILE_H
#define PULLTHROUGH_EDGE_FILE_H

#include "pullthrough/core/error.h"
#include "pullthrough/core/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Append the whole file ("-": standard input) to `out`. -1 with the reason (path first) in
 * error; a file over out's ceiling is an error, and nothing is left appended. */
int file_read(const char *path, struct strbuf *out, struct error *error);

/* Append everything that an open descriptor gives; `name` is for the message. */
int file_read_fd(int fd, const char *name, struct strbuf *out, struct error *error);

/* Which file a path leads to, through every symbolic link (a mounted ConfigMap or Secret is
 * swapped by a symlink), and when it was last written. Equal stamps: nothing changed. */
struct file_stamp {
    bool exists;
    uint64_t device, inode, size;
    int64_t modified_s, modified_ns;
};
struct file_stamp file_stamp_of(const char *path);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
