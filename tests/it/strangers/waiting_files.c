/* A file system that waits, for one process: LD_PRELOAD. WAIT_SYNC is how many seconds fdatasync
   takes, and to open or ask after a file whose path holds WAIT_OPEN takes WAIT_SECONDS or for ever; once there is a file WAIT_WHEN, if
   that is named. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int begun(void) {
    const char *when = getenv("WAIT_WHEN");
    return !when || access(when, F_OK) == 0;
}

int fdatasync(int fd) {
    const char *seconds = getenv("WAIT_SYNC");
    if (seconds && begun()) sleep((unsigned)atoi(seconds));
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}

static void wait_for(const char *path) {
    const char *waits = getenv("WAIT_OPEN"), *seconds = getenv("WAIT_SECONDS");
    /* The standard library asks without a path whether there is such a call. */
    if (!waits || !path || !strstr(path, waits) || !begun()) return;
    if (!seconds) for (;;) pause();
    usleep((useconds_t)(atof(seconds) * 1e6));
}

int statx(int directory, const char *path, int flags, unsigned int mask, void *found) {
    wait_for(path);
    int (*real)(int, const char *, int, unsigned int, void *) =
        (int (*)(int, const char *, int, unsigned int, void *))dlsym(RTLD_NEXT, "statx");
    return real(directory, path, flags, mask, found);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    wait_for(path);
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opened("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opened("open64", path, flags, mode);
}
