#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // dladdr, renameat2
#endif
#include "ch_system.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jack/jack.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

int32_t ch_priority_limit(void) {
    struct rlimit limit;
    if (geteuid() == 0) return 99;
    if (getrlimit(RLIMIT_RTPRIO, &limit)) return 0;
    return limit.rlim_cur > 99 ? 99 : (int32_t)limit.rlim_cur;
}

int64_t ch_locked_memory_limit(void) {
    struct rlimit limit;
    if (geteuid() == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY) return -1;
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

void ch_jack_library(char* path, size_t size) {
    Dl_info info;
    const char* name = dladdr((const void*)jack_client_open, &info) ? info.dli_fname : NULL;
    snprintf(path, size, "%s", name ? name : "");
}

void ch_memory_give_back(void) {
#ifdef M_ARENA_MAX
    // As it comes, glibc keeps pieces up to 32 MB for later once one of that size was freed, in one pool for each of many threads: a host that
    // goes from patch to patch would grow by tens of megabytes.
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
    mallopt(M_ARENA_MAX, 1);
#endif
}

void ch_memory_trim(void) {
#ifdef M_ARENA_MAX
    malloc_trim(0);
#endif
}

int32_t ch_exchange_paths(const char* a, const char* b) {
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0 ? 0 : errno;
}

void ch_ignore_file_limit(void) { signal(SIGXFSZ, SIG_IGN); }

int32_t ch_start(const char* program, char* const* arguments) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions)) return -1;
    posix_spawnattr_init(&attributes);
    for (int file = 0; file < 3; ++file) posix_spawn_file_actions_addopen(&actions, file, "/dev/null", O_RDWR, 0);
    // Signals as a program expects to find them, whatever we have done to ours.
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    pid_t process = -1;
    const int error = posix_spawn(&process, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error ? -1 : (int32_t)process;
}

int32_t ch_finish(int32_t process, uint64_t nanoseconds) {
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    int status = 0;
    // A handle to wait on (Linux 5.3); without it we look again and again.
    const int handle = (int)syscall(SYS_pidfd_open, process, 0);
    for (;;) {
        const pid_t done = waitpid(process, &status, WNOHANG);
        if (done == process || (done < 0 && errno != EINTR)) break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        const uint64_t spent =
            (uint64_t)(now.tv_sec - begin.tv_sec) * 1000000000u + (uint64_t)now.tv_nsec - (uint64_t)begin.tv_nsec;
        if (spent >= nanoseconds) {
            kill(process, SIGKILL);
            while (waitpid(process, &status, 0) < 0 && errno == EINTR) {}
            status = -1;
            break;
        }
        struct pollfd ready = {handle, POLLIN, 0};
        poll(&ready, handle >= 0 ? 1 : 0, handle >= 0 ? 100 : 2);
    }
    if (handle >= 0) close(handle);
    return status;
}

void ch_leave_no_core(void) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}
