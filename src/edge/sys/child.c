/*
 * posix_spawn, two pipes, and a loop that looks at pipes, child and clock by turns. Who is given
 * the terminal may ask there for a password; it comes back to us however the child ends.
 *
 * Standard input that is no terminal is ours alone: pods may come there, which a child would eat.
 *
 * What the child leaves behind when it ends by itself (an agent that others will ask) is not waited
 * for and not killed, even if it holds the pipes.
 */
#include "pullthrough/edge/sys/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 50, CHUNK_BYTES = 4096 };

struct run {
    const struct child *child;
    struct strbuf *texts[2]; /* of standard output and standard error */
    int pipes[2];            /* -1: at its end */
    pid_t pid;
    int status;   /* as of waitpid() */
    int terminal; /* that we are in the foreground of, whatever standard input is; or -1 */
    bool ended;
    struct error *error;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* The terminal to a group, though we may not be in the foreground any more. */
static void give_terminal(const struct run *run, pid_t group)
{
    sigset_t stop, before;

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTTOU);
    (void)sigprocmask(SIG_BLOCK, &stop, &before);
    (void)tcsetpgrp(run->terminal, group);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* What was typed there to end a program reached the child alone, and is meant for us as well. */
static void take_terminal_back(const struct run *run)
{
    give_terminal(run, getpgrp());
    if (WIFSIGNALED(run->status) &&
        (WTERMSIG(run->status) == SIGINT || WTERMSIG(run->status) == SIGQUIT))
        (void)kill(getpid(), WTERMSIG(run->status));
}

static int spawn(struct run *run, const int ends[2])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual, none;
    int problem;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE); /* that we may ignore */
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    (void)sigemptyset(&none); /* that we may block */
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    problem = posix_spawn_file_actions_adddup2(&actions, ends[0], STDOUT_FILENO);
    if (problem == 0)
        problem = posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    if (problem == 0 && isatty(STDIN_FILENO) != 1)
        problem =
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (problem == 0)
        problem = posix_spawnp(&run->pid, run->child->words[0], &actions, &attributes,
                               run->child->words, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (problem != 0)
        return error_set(run->error, "%s: %s", run->child->words[0], strerror(problem));
    if (run->terminal >= 0 && tcgetpgrp(run->terminal) != getpgrp())
        close_end(&run->terminal);
    if (run->terminal >= 0) {
        give_terminal(run, run->pid);
        (void)kill(-run->pid, SIGCONT); /* it may have asked for it too early */
    }
    return 0;
}

/* 0, or -1 with nothing open but what is in run->pipes. */
static int start(struct run *run)
{
    int ends[2] = {-1, -1}, both[2], result = 0;

    for (int i = 0; i < 2 && result == 0; i++) {
        if (pipe2(both, O_CLOEXEC) < 0) {
            result = error_set(run->error, "no pipe: %s", strerror(errno));
            break;
        }
        run->pipes[i] = both[0];
        ends[i] = both[1];
        (void)fcntl(both[0], F_SETFL, O_NONBLOCK);
    }
    if (result == 0)
        result = spawn(run, ends);
    close_end(&ends[0]);
    close_end(&ends[1]);
    return result;
}

/* Append; of what is too much the beginning is dropped. */
static void add_end(struct strbuf *text, struct slice more)
{
    size_t most = text->ceiling, drop;

    if (more.len > most)
        more = slice_from(more, more.len - most);
    drop = text->len + more.len > most ? text->len + more.len - most : 0;
    if (drop > 0) {
        memmove(text->ptr, text->ptr + drop, text->len - drop);
        strbuf_truncate(text, text->len - drop);
    }
    strbuf_add_slice(text, more);
}

/* All that is there now. False: more than fits on standard output. */
static bool read_pipe(struct run *run, int i)
{
    char chunk[CHUNK_BYTES];
    ssize_t got;

    while (run->pipes[i] >= 0) {
        got = read(run->pipes[i], chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got <= 0) {
            close_end(&run->pipes[i]);
            break;
        }
        if (i == 1)
            add_end(run->texts[i], slice_of(chunk, (size_t)got));
        else
            strbuf_add(run->texts[i], chunk, (size_t)got);
        if (i == 0 && strbuf_overflowed(run->texts[i]))
            break;
    }
    explicit_bzero(chunk, sizeof(chunk));
    return i != 0 || !strbuf_overflowed(run->texts[0]);
}

static void look_at_child(struct run *run)
{
    pid_t got = waitpid(run->pid, &run->status, WNOHANG);

    run->ended = got == run->pid || (got < 0 && errno != EINTR);
}

/* NULL once it has ended, or why it must not go on. */
static const char *watch(struct run *run)
{
    const struct timing *timing = run->child->timing;
    uint64_t started_ms = timing->monotonic_ms(timing->context);

    for (;;) {
        struct pollfd fds[2] = {{run->pipes[0], POLLIN, 0}, {run->pipes[1], POLLIN, 0}};
        bool fits;

        (void)poll(fds, 2, LOOK_MS);
        look_at_child(run); /* before the pipes: what it wrote last is read */
        fits = read_pipe(run, 0);
        (void)read_pipe(run, 1);
        if (!fits)
            return "wrote too much";
        if (run->ended)
            return NULL;
        if (timing->stopped(timing->context))
            return "was stopped";
        if (timing->monotonic_ms(timing->context) - started_ms >= run->child->limit_ms)
            return "took too long";
    }
}

static void kill_group(struct run *run)
{
    if (run->ended)
        return;
    (void)kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &run->status, 0) < 0 && errno == EINTR)
        ;
    run->ended = true;
}

static int judge(const struct run *run, const char *problem)
{
    const char *name = run->child->words[0];

    if (problem)
        return error_set(run->error, "%s %s and was killed (limit: %llu s, %zu bytes)", name,
                         problem, (unsigned long long)run->child->limit_ms / 1000,
                         run->texts[0]->ceiling);
    if (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0)
        return 0;
    if (WIFEXITED(run->status))
        (void)error_set(run->error, "%s ended with status %d", name, WEXITSTATUS(run->status));
    else
        (void)error_set(run->error, "%s was ended by signal %d", name, WTERMSIG(run->status));
    return CHILD_FAILED;
}

int child_run(const struct child *child, struct strbuf *out, struct strbuf *err,
              struct error *error)
{
    struct run run = {.child = child,
                      .texts = {out, err},
                      .pipes = {-1, -1},
                      .pid = -1,
                      .terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY),
                      .error = error};
    int result = start(&run);

    if (result == 0) {
        const char *problem = watch(&run);

        kill_group(&run);
        if (run.terminal >= 0)
            take_terminal_back(&run);
        result = judge(&run, problem);
    }
    close_end(&run.pipes[0]);
    close_end(&run.pipes[1]);
    close_end(&run.terminal);
    return result;
}
