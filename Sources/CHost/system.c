#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // dladdr
#endif
#include "ch_system.h"

#include <dlfcn.h>
#include <jack/jack.h>
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
