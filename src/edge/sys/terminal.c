/*
 * The terminal stays as it is: what would switch its echo off would have to switch it on again
 * when the program is interrupted. So it is for what is worth nothing once it is used.
 */
#include "pullthrough/edge/sys/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A line, without its end. */
static int read_line(int fd, struct strbuf *answer, struct error *error)
{
    for (;;) {
        char c;
        ssize_t got = read(fd, &c, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(error, "nothing was typed");
        if (c == '\n')
            return strbuf_overflowed(answer) ? error_set(error, "the answer is too long") : 0;
        strbuf_add_char(answer, c);
    }
}

int terminal_ask(const char *prompt, struct strbuf *answer, struct error *error)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    size_t length = strlen(prompt);
    int result;

    if (fd < 0)
        return TERMINAL_ABSENT;
    result = write(fd, prompt, length) == (ssize_t)length
                 ? read_line(fd, answer, error)
                 : error_set(error, "the terminal can't be written to: %s", strerror(errno));
    (void)close(fd);
    return result;
}
