/// The smallest LV2 host that can put a plugin through its paces: its own URID map, its own log, and every buffer ending at a page
/// that may not be touched, so that one sample or byte too far is a crash in the shipped binary. pitch_host.h and synth_host.h
/// build a `Plugin` on it, each with its ports.
#ifndef LV2HOST_H
#define LV2HOST_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <lv2/atom/atom.h>
#include <lv2/atom/forge.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/core/lv2.h>
#include <lv2/log/log.h>
#include <lv2/midi/midi.h>
#include <lv2/options/options.h>
#include <lv2/patch/patch.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_BLOCK 8192
#define CONTROL_CAPACITY 32768
#define NOTIFY_CAPACITY 8192

// MARK: URIDs

static char* host_uris[256];
static uint32_t host_uri_count = 0;

static LV2_URID host_map(LV2_URID_Map_Handle handle, const char* uri) {
    (void)handle;
    for (uint32_t i = 0; i < host_uri_count; ++i)
        if (!strcmp(host_uris[i], uri)) return i + 1;
    if (host_uri_count == sizeof host_uris / sizeof *host_uris) abort();
    host_uris[host_uri_count++] = strdup(uri);
    return host_uri_count;
}
static inline LV2_URID urid(const char* uri) { return host_map(NULL, uri); }

// MARK: Log

static pthread_mutex_t host_log_lock = PTHREAD_MUTEX_INITIALIZER;
static char host_log_text[65536];
static int host_log_lines = 0;
static int host_log_total = 0;  ///< lines, also those that were cleared

static int host_vprintf(LV2_Log_Handle handle, LV2_URID type, const char* format, va_list arguments) {
    (void)handle, (void)type;
    char line[8192];
    const int length = vsnprintf(line, sizeof line, format, arguments);
    pthread_mutex_lock(&host_log_lock);
    ++host_log_lines;
    ++host_log_total;
    strncat(host_log_text, line, sizeof host_log_text - strlen(host_log_text) - 1);
    pthread_mutex_unlock(&host_log_lock);
    return length;
}
static int host_printf(LV2_Log_Handle handle, LV2_URID type, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = host_vprintf(handle, type, format, arguments);
    va_end(arguments);
    return length;
}
static inline void host_log_clear(void) {
    pthread_mutex_lock(&host_log_lock);
    host_log_lines = 0;
    host_log_text[0] = 0;
    pthread_mutex_unlock(&host_log_lock);
}

// MARK: Guarded memory

/// `bytes` of zeroed memory whose end is the end of what may be touched.
static inline void* guarded(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page * page;
    uint8_t* memory = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + pages, page, PROT_NONE)) abort();
    return memory + pages - bytes;
}
static inline void guarded_free(void* memory, size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page * page;
    munmap((uint8_t*)memory + bytes - pages, pages + page);
}

// MARK: The library

typedef struct {
    LV2_URID_Map map;
    LV2_Log_Log log;
    int32_t nominal_block, longest_block;
    LV2_Options_Option options[3];
    LV2_Feature map_feature, log_feature, options_feature, bounded_feature;
    const LV2_Feature* list[5];
} Features;

static inline const LV2_Feature* const* host_features(Features* f, int32_t nominal_block) {
    f->map = (LV2_URID_Map){NULL, host_map};
    f->log = (LV2_Log_Log){NULL, host_printf, host_vprintf};
    f->nominal_block = nominal_block;
    f->longest_block = LONGEST_BLOCK;
    f->options[0] = (LV2_Options_Option){LV2_OPTIONS_INSTANCE, 0, urid(LV2_BUF_SIZE__nominalBlockLength), sizeof(int32_t),
                                         urid(LV2_ATOM__Int), &f->nominal_block};
    f->options[1] = (LV2_Options_Option){LV2_OPTIONS_INSTANCE, 0, urid(LV2_BUF_SIZE__maxBlockLength), sizeof(int32_t),
                                         urid(LV2_ATOM__Int), &f->longest_block};
    f->options[2] = (LV2_Options_Option){0};
    f->map_feature = (LV2_Feature){LV2_URID__map, &f->map};
    f->log_feature = (LV2_Feature){LV2_LOG__log, &f->log};
    f->options_feature = (LV2_Feature){LV2_OPTIONS__options, f->options};
    f->bounded_feature = (LV2_Feature){LV2_BUF_SIZE__boundedBlockLength, NULL};
    f->list[0] = &f->map_feature;
    f->list[1] = &f->log_feature;
    f->list[2] = &f->options_feature;
    f->list[3] = &f->bounded_feature;
    f->list[4] = NULL;
    return f->list;
}

typedef const LV2_Descriptor* (*DescriptorFunction)(uint32_t);

typedef struct {
    void* library;
    const LV2_Descriptor* descriptor;
    char bundle[4096];
} Library;

/// Loads the bundle's library `so` (or another one, `library`) and takes its plugin `number`, or ends the program.
static inline Library library_load(const char* bundle, const char* library, const char* so, uint32_t number) {
    Library l = {0};
    char path[8192];
    snprintf(l.bundle, sizeof l.bundle, "%s", bundle);
    snprintf(path, sizeof path, "%s", library ? library : "");
    if (!library) snprintf(path, sizeof path, "%s/%s", bundle, so);
    l.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!l.library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    DescriptorFunction function = (DescriptorFunction)dlsym(l.library, "lv2_descriptor");
    l.descriptor = function ? function(number) : NULL;
    if (!l.descriptor) {
        fprintf(stderr, "%s: no descriptor\n", path);
        exit(2);
    }
    return l;
}

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// MARK: Test sound

/// Seeded noise, uniform over 64 bits (xorshift64*).
static uint64_t host_random_state = 88172645463325252ull;
static inline uint64_t random_bits(void) {
    host_random_state ^= host_random_state >> 12;
    host_random_state ^= host_random_state << 25;
    host_random_state ^= host_random_state >> 27;
    return host_random_state * 2685821657736338717ull;
}
static inline uint32_t random_below(uint32_t limit) { return (uint32_t)((random_bits() >> 32) % limit); }

/// A tone of `frequency` Hz with six harmonics, peak below 0.5.
static inline void make_tone(float* samples, size_t count, double frequency, double rate, size_t start) {
    for (size_t i = 0; i < count; ++i) {
        const double phase = 2 * M_PI * frequency * (double)(start + i) / rate;
        double sum = 0;
        for (int k = 1; k <= 6; ++k) sum += sin(k * phase) / k;
        samples[i] = (float)(0.2 * sum);
    }
}

#endif
