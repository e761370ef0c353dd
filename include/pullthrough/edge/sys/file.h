/*
 * Whole files with a ceiling, and whether they changed.
 */
#ifndef PULLTHROUGH_EDGE_SYS_FILE_H
#define PULLTHROUGH_EDGE_SYS_FILE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* The file could not be read as things are (it isn't there, a right or a descriptor is missing, the
 * disk failed): another try may fare better without a change of the file. */
enum { FILE_UNREAD = -2 };

/* Append the whole regular file to `out`; never waits for another program. A FIFO, socket,
 * directory or device is refused (/dev/null is an empty file), and so is a file over out's ceiling:
 * -1; or FILE_UNREAD. Both with the reason (path first) in error, and nothing is left appended. */
int file_read(const char *path, struct strbuf *out, struct error *error);

/* The same for what a person names on a command line: standard input ("-", /dev/stdin) and other
 * descriptors that we were started with (/dev/fd/N, as a shell's "<(command)" is) may be anything,
 * and are read to their end. */
int file_read_argument(const char *path, struct strbuf *out, struct error *error);

/* Append everything that an open descriptor gives; `name` is for the message. Fails as file_read()
 * does. */
int file_read_fd(int fd, const char *name, struct strbuf *out, struct error *error);

/* Which file a path leads to, through every symbolic link (a mounted ConfigMap or Secret is
 * swapped by a symlink), when it was last written, and whose it is: a right that was given makes
 * another file of it. Equal stamps: nothing changed. Takes no descriptor. */
/* The same, however large it is, as it comes: each time at most some 64 KiB are given to take().
 * What that returns but 0, with a reason of its own, ends the reading and is returned. */
int file_stream_argument(const char *path, int (*take)(void *context, struct slice bytes),
                         void *context, struct error *error);
int file_stream_fd(int fd, const char *name, int (*take)(void *context, struct slice bytes),
                   void *context, struct error *error);

struct file_stamp {
    bool exists;
    uint64_t device, inode, size;
    int64_t modified_s, modified_ns, changed_s, changed_ns;
    uint32_t mode, owner, group;
};
struct file_stamp file_stamp_of(const char *path);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
