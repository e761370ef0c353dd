/*
 * posix_spawn and one pipe. Nothing is killed: a program that isn't read from any more gets
 * SIGPIPE.
 */
#include "pullthrough/edge/sys/piped.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(struct piped *piped, int end, char *const *words)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual;
    pid_t pid = -1;
    int problem;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE); /* that we may ignore */
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    problem = posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
    if (problem == 0)
        problem = posix_spawnp(&pid, words[0], &actions, &attributes, words, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    piped->pid = pid;
    return problem;
}

int piped_start(struct piped *piped, char *const *words, struct error *error)
{
    int ends[2], problem;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, "no pipe: %s", strerror(errno));
    problem = spawn(piped, ends[1], words);
    (void)close(ends[1]);
    piped->fd = ends[0];
    if (problem == 0)
        return 0;
    (void)close(ends[0]);
    (void)error_set(error, "%s: %s", words[0], strerror(problem));
    return problem == ENOENT ? PIPED_ABSENT : -1;
}

int piped_end(struct piped *piped, struct error *error)
{
    int status = 0;

    (void)close(piped->fd);
    while (waitpid(piped->pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(error, "is lost: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return error_set(error, "was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == 0)
        return 0;
    (void)error_set(error, "ended with status %d", WEXITSTATUS(status));
    return PIPED_FAILED;
}
