/*
 * Files as whole texts: small ones, read in one go, up to the ceiling of the caller's buffer.
 * No writing, no watching: whoever wants to know of a change compares stamps.
 */
#include "pullthrough/edge/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 16 * 1024 };

static int read_chunks(int fd, const char *name, char *chunk, struct strbuf *out,
                       struct error *error)
{
    size_t start = out->len;

    for (;;) {
        ssize_t got = read(fd, chunk, CHUNK_BYTES);

        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            (void)error_set(error, "%s: %s", name, strerror(errno));
            break;
        }
        strbuf_add(out, chunk, (size_t)got);
        if (strbuf_overflowed(out)) {
            (void)error_set(error, "%s: larger than %zu bytes", name, out->ceiling - start);
            break;
        }
    }
    strbuf_truncate(out, start);
    return -1;
}

int file_read_fd(int fd, const char *name, struct strbuf *out, struct error *error)
{
    char chunk[CHUNK_BYTES];
    int status = read_chunks(fd, name, chunk, out, error);

    if (out->secret)
        OPENSSL_cleanse(chunk, sizeof(chunk));
    return status;
}

int file_read(const char *path, struct strbuf *out, struct error *error)
{
    int fd, status;

    if (strcmp(path, "-") == 0)
        return file_read_fd(STDIN_FILENO, "standard input", out, error);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, "%s: %s", path, strerror(errno));
    status = file_read_fd(fd, path, out, error);
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
    };
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified_s == b->modified_s && a->modified_ns == b->modified_ns;
}
