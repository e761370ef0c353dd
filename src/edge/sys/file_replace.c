/*
 * A file beside the old one, written, flushed, and renamed. No folder is made, and nothing is
 * written through a symbolic link: that is replaced.
 */
#include "pullthrough/edge/sys/file_replace.h"

#include "pullthrough/core/base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096 };

static bool write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t done = write(fd, text.ptr, text.len);

        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0)
            text = slice_from(text, (size_t)done);
    }
    return fsync(fd) == 0;
}

int file_replace(const char *path, struct slice text, struct error *error)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(PATH_BYTES_MAX);
    int fd, problem = 0;

    strbuf_add_format(&name, "%s.XXXXXX", path);
    if (strbuf_overflowed(&name))
        return error_set(error, "%s: too long a path", path);
    fd = mkostemp(name.ptr, O_CLOEXEC);
    if (fd < 0)
        return error_set(error, "%s: %s", path, strerror(errno));
    if (!write_all(fd, text))
        problem = errno;
    if (close(fd) != 0 && !problem)
        problem = errno;
    if (!problem && rename(name.ptr, path) != 0)
        problem = errno;
    if (!problem)
        return 0;
    (void)unlink(name.ptr);
    return error_set(error, "%s: %s", path, strerror(problem));
}
