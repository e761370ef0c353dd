/*
 * The monotonic clock of a program, but not of its libraries, as if time passed faster
 * (LD_PRELOAD): ahead by as many seconds as the file $PASS_TIME has bytes. What is under way at a
 * server, where curl counts, isn't cut short by that.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void *loaded_at(void *address)
{
    Dl_info found = {0};

    return dladdr(address, &found) ? found.dli_fbase : NULL;
}

static time_t ahead_s(void *caller)
{
    const char *path = getenv("PASS_TIME");
    struct stat found;

    /* The kernel tells a number. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    if (!path || loaded_at(caller) != loaded_at((void *)getauxval(AT_ENTRY)))
        return 0;
    return stat(path, &found) == 0 ? found.st_size : 0;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *at)
{
    int status = (int)syscall(SYS_clock_gettime, clock, at);

    if (status == 0 && clock == CLOCK_MONOTONIC)
        at->tv_sec += ahead_s(__builtin_return_address(0));
    return status;
}

/* The program waits by that clock alone. */
__attribute__((visibility("default"))) int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
    int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec real = *until;

    *(void **)&next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    real.tv_sec -= ahead_s(__builtin_return_address(0));
    return next(cond, mutex, &real);
}
