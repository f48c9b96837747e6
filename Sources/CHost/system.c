#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // dladdr
#endif
#include "ch_system.h"

#include <dlfcn.h>
#include <jack/jack.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

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
