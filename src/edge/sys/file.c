/*
 * Files as whole texts: small ones, read in one go, up to the ceiling of the caller's buffer.
 * No writing, no watching: whoever wants to know of a change compares stamps.
 *
 * Whoever can put a file where one is expected must not be able to stop us with it: opening or
 * reading a FIFO or a device may wait for ever, and opening some devices does something. So the
 * kind is looked at before the file is opened, and once more, without waiting, after it.
 */
#include "pullthrough/edge/sys/file.h"

#include "pullthrough/core/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 16 * 1024,
    STREAM_BYTES = 64 * 1024,
    NULL_MAJOR = 1, /* Linux, Documentation/admin-guide/devices.txt */
    NULL_MINOR = 3,
};

static int unread(struct error *error, const char *name)
{
    (void)error_set(error, "%s: %s", name, strerror(errno));
    return FILE_UNREAD;
}

typedef int (*take_fn)(void *context, struct slice bytes);

static int read_chunks(int fd, const char *name, char *chunk, size_t size, take_fn take,
                       void *context, struct error *error)
{
    for (;;) {
        ssize_t got = read(fd, chunk, size);
        int status = 0;

        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return unread(error, name);
        status = take(context, slice_of(chunk, (size_t)got));
        if (status != 0)
            return status;
    }
}

static int append(void *context, struct slice bytes)
{
    struct strbuf *out = context;

    strbuf_add_slice(out, bytes);
    return strbuf_overflowed(out) ? -1 : 0;
}

int file_read_fd(int fd, const char *name, struct strbuf *out, struct error *error)
{
    char chunk[CHUNK_BYTES];
    size_t start = out->len;
    int status = read_chunks(fd, name, chunk, sizeof(chunk), append, out, error);

    if (out->secret)
        OPENSSL_cleanse(chunk, sizeof(chunk));
    if (strbuf_overflowed(out))
        status = error_set(error, "%s: larger than %zu bytes", name, out->ceiling - start);
    if (status != 0)
        strbuf_truncate(out, start);
    return status;
}

int file_stream_fd(int fd, const char *name, take_fn take, void *context, struct error *error)
{
    char *chunk = alloc_zeroed(1, STREAM_BYTES);
    int status = read_chunks(fd, name, chunk, STREAM_BYTES, take, context, error);

    free(chunk);
    return status;
}

/* /dev/null is how an empty file is named. */
static bool is_readable(const struct stat *found)
{
    return S_ISREG(found->st_mode) ||
           (S_ISCHR(found->st_mode) && found->st_rdev == makedev(NULL_MAJOR, NULL_MINOR));
}

static int refuse(const struct stat *found, const char *path, struct error *error)
{
    const char *kind = S_ISDIR(found->st_mode)    ? "directory"
                       : S_ISFIFO(found->st_mode) ? "FIFO"
                       : S_ISSOCK(found->st_mode) ? "socket"
                                                  : "device";

    return error_set(error, "%s: is a %s, not a regular file", path, kind);
}

static int open_file(const char *path, int *fdp, struct error *error)
{
    struct stat found;
    int status = 0;

    if (!*path)
        return error_set(error, "the file's name is empty");
    if (stat(path, &found) != 0)
        return unread(error, path);
    if (!is_readable(&found))
        return refuse(&found, path, error);
    *fdp = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fdp < 0)
        return unread(error, path);
    if (fstat(*fdp, &found) != 0)
        status = unread(error, path);
    else if (!is_readable(&found))
        status = refuse(&found, path, error);
    if (status < 0)
        (void)close(*fdp);
    return status;
}

int file_read(const char *path, struct strbuf *out, struct error *error)
{
    int fd = -1, status = open_file(path, &fd, error);

    if (status < 0)
        return status;
    status = file_read_fd(fd, path, out, error);
    (void)close(fd);
    return status;
}

/* The number of a descriptor that we were started with, or -1: "-", and what shells make of
 * "<(command)". */
static int given_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0)
        return STDIN_FILENO;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        const char *digits = path + strlen(folders[i]);
        char *end;
        long number;

        if (strncmp(path, folders[i], strlen(folders[i])) != 0 || *digits < '0' || *digits > '9')
            continue;
        number = strtol(digits, &end, 10);
        if (*end == '\0' && number <= INT_MAX)
            return (int)number;
    }
    return -1;
}

int file_read_argument(const char *path, struct strbuf *out, struct error *error)
{
    int fd = given_descriptor(path);

    if (fd < 0)
        return file_read(path, out, error);
    return file_read_fd(fd, strcmp(path, "-") == 0 ? "standard input" : path, out, error);
}

int file_stream_argument(const char *path, take_fn take, void *context, struct error *error)
{
    int fd = given_descriptor(path), status;
    bool opened = fd < 0;

    if (opened) {
        status = open_file(path, &fd, error);
        if (status < 0)
            return status;
    }
    status =
        file_stream_fd(fd, strcmp(path, "-") == 0 ? "standard input" : path, take, context, error);
    if (opened)
        (void)close(fd);
    return status;
}

struct file_stamp file_stamp_of(const char *path)
{
    struct stat found;

    if (stat(path, &found) != 0)
        return (struct file_stamp){.exists = false};
    return (struct file_stamp){
        .exists = true,
        .device = found.st_dev,
        .inode = found.st_ino,
        .size = (uint64_t)found.st_size,
        .modified_s = found.st_mtim.tv_sec,
        .modified_ns = found.st_mtim.tv_nsec,
        .changed_s = found.st_ctim.tv_sec,
        .changed_ns = found.st_ctim.tv_nsec,
        .mode = found.st_mode,
        .owner = found.st_uid,
        .group = found.st_gid,
    };
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified_s == b->modified_s &&
           a->modified_ns == b->modified_ns && a->changed_s == b->changed_s &&
           a->changed_ns == b->changed_ns && a->mode == b->mode && a->owner == b->owner &&
           a->group == b->group;
}
