/// The smallest LV2 host that can put Continuo Pitch through its paces: its own URID map, its own log, and every buffer ending at
/// a page that may not be touched, so that one sample or byte too far is a crash in the shipped binary.
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

#include "pitch_ports.h"
#include "pitch_defaults.h"

#define PITCH_URI "urn:continuo:pitch"
#define MODEL_FILE_URI PITCH_URI "#modelFile"
#define LONGEST_BLOCK 8192
#define MIDI_CAPACITY 16384
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

static int host_vprintf(LV2_Log_Handle handle, LV2_URID type, const char* format, va_list arguments) {
    (void)handle, (void)type;
    char line[8192];
    const int length = vsnprintf(line, sizeof line, format, arguments);
    pthread_mutex_lock(&host_log_lock);
    ++host_log_lines;
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

// MARK: The plugin

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

/// Loads the bundle's library, or ends the program.
static inline Library library_open(const char* bundle, const char* library) {
    Library l = {0};
    char path[8192];
    snprintf(l.bundle, sizeof l.bundle, "%s", bundle);
    snprintf(path, sizeof path, "%s", library ? library : "");
    if (!library) snprintf(path, sizeof path, "%s/pitch.so", bundle);
    l.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!l.library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    DescriptorFunction function = (DescriptorFunction)dlsym(l.library, "lv2_descriptor");
    l.descriptor = function ? function(0) : NULL;
    if (!l.descriptor) {
        fprintf(stderr, "%s: no descriptor\n", path);
        exit(2);
    }
    return l;
}

typedef struct {
    const LV2_Descriptor* descriptor;
    LV2_Handle handle;
    float controls[PORT_COUNT];
    /// LONGEST_BLOCK floats each; a shorter block lies at their end.
    float *in, *out, *cv_pitch, *cv_gate, *cv_level;
    LV2_Atom_Sequence *control, *notify, *midi;  ///< control: CONTROL_CAPACITY bytes
    Features features;
} Plugin;

#define CONTROL_CAPACITY 32768

/// Connects all ports for a block of `frames`.
static inline void plugin_connect(Plugin* p, uint32_t frames) {
    const LV2_Descriptor* d = p->descriptor;
    for (uint32_t port = 0; port < PORT_COUNT; ++port) d->connect_port(p->handle, port, &p->controls[port]);
    d->connect_port(p->handle, PORT_control, p->control);
    d->connect_port(p->handle, PORT_notify, p->notify);
    d->connect_port(p->handle, PORT_midi_out, p->midi);
    const uint32_t skip = LONGEST_BLOCK - frames;
    d->connect_port(p->handle, PORT_in, p->in + skip);
    d->connect_port(p->handle, PORT_out, p->out + skip);
    d->connect_port(p->handle, PORT_cv_pitch, p->cv_pitch + skip);
    d->connect_port(p->handle, PORT_cv_gate, p->cv_gate + skip);
    d->connect_port(p->handle, PORT_cv_level, p->cv_level + skip);
}

static inline void plugin_prepare_atoms(Plugin* p) {
    p->notify->atom = (LV2_Atom){NOTIFY_CAPACITY - sizeof(LV2_Atom), urid(LV2_ATOM__Chunk)};
    p->midi->atom = (LV2_Atom){MIDI_CAPACITY - sizeof(LV2_Atom), urid(LV2_ATOM__Chunk)};
}

static inline void plugin_clear_control(Plugin* p) {
    p->control->atom = (LV2_Atom){sizeof(LV2_Atom_Sequence_Body), urid(LV2_ATOM__Sequence)};
    p->control->body = (LV2_Atom_Sequence_Body){0, 0};
}

/// A plugin with all buffers and default settings, not yet activated. NULL if it refuses.
static inline Plugin* plugin_make(Library* l, double rate, int32_t nominal_block) {
    Plugin* p = calloc(1, sizeof *p);
    p->descriptor = l->descriptor;
    p->handle = l->descriptor->instantiate(l->descriptor, rate, l->bundle, host_features(&p->features, nominal_block));
    if (!p->handle) {
        free(p);
        return NULL;
    }
    float** const audio[] = {&p->in, &p->out, &p->cv_pitch, &p->cv_gate, &p->cv_level};
    for (int i = 0; i < 5; ++i) *audio[i] = guarded(LONGEST_BLOCK * sizeof(float));
    p->control = guarded(CONTROL_CAPACITY);
    p->notify = guarded(NOTIFY_CAPACITY);
    p->midi = guarded(MIDI_CAPACITY);
    for (int i = 0; i < PORT_COUNT; ++i) p->controls[i] = pitch_defaults[i];
    plugin_clear_control(p);
    plugin_prepare_atoms(p);
    plugin_connect(p, 0);
    return p;
}

static inline void plugin_free(Plugin* p) {
    p->descriptor->cleanup(p->handle);
    float* const audio[] = {p->in, p->out, p->cv_pitch, p->cv_gate, p->cv_level};
    for (int i = 0; i < 5; ++i) guarded_free(audio[i], LONGEST_BLOCK * sizeof(float));
    guarded_free(p->control, CONTROL_CAPACITY);
    guarded_free(p->notify, NOTIFY_CAPACITY);
    guarded_free(p->midi, MIDI_CAPACITY);
    free(p);
}

static inline void plugin_activate(Plugin* p) {
    if (p->descriptor->activate) p->descriptor->activate(p->handle);
}

/// Runs a block of `frames` samples from `input` (NULL: silence); the output lies at `plugin_output`.
static inline void plugin_run(Plugin* p, const float* input, uint32_t frames) {
    float* place = p->in + (LONGEST_BLOCK - frames);
    if (input)
        memcpy(place, input, frames * sizeof(float));
    else
        memset(place, 0, frames * sizeof(float));
    plugin_prepare_atoms(p);
    plugin_connect(p, frames);
    p->descriptor->run(p->handle, frames);
}
static inline const float* plugin_output(const Plugin* p, uint32_t frames) { return p->out + (LONGEST_BLOCK - frames); }

/// Writes a patch:Set of the model file as the control port's only event.
static inline void plugin_set_model_file(Plugin* p, const char* path) {
    LV2_Atom_Forge forge;
    LV2_Atom_Forge_Frame sequence, object;
    lv2_atom_forge_init(&forge, &p->features.map);
    lv2_atom_forge_set_buffer(&forge, (uint8_t*)p->control, CONTROL_CAPACITY);
    lv2_atom_forge_sequence_head(&forge, &sequence, 0);
    lv2_atom_forge_frame_time(&forge, 0);
    lv2_atom_forge_object(&forge, &object, 0, urid(LV2_PATCH__Set));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__property));
    lv2_atom_forge_urid(&forge, urid(MODEL_FILE_URI));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__value));
    lv2_atom_forge_path(&forge, path, (uint32_t)strlen(path));
    lv2_atom_forge_pop(&forge, &object);
    lv2_atom_forge_pop(&forge, &sequence);
}

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/// Runs short silent blocks until the status port says that no model is being loaded; its last value, or −1 after 30 s.
static inline int plugin_settle(Plugin* p) {
    const double end = seconds_now() + 30;
    plugin_clear_control(p);
    do {
        plugin_run(p, NULL, 16);
        if (p->controls[PORT_status] != 1) return (int)p->controls[PORT_status];
        usleep(1000);
    } while (seconds_now() < end);
    return -1;
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
