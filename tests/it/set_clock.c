/*
 * The wall clock as somebody set it while a program runs (LD_PRELOAD): ahead by as many seconds as
 * the file $SET_CLOCK has bytes.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *at)
{
    int status = (int)syscall(SYS_clock_gettime, clock, at);
    const char *path = getenv("SET_CLOCK");
    struct stat found;

    if (status == 0 && clock == CLOCK_REALTIME && path && stat(path, &found) == 0)
        at->tv_sec += found.st_size;
    return status;
}
