// Plugins that do what they must not, for faults.sh. One is an amplifier that misbehaves when its control "fault" says so; the others never get
// so far. The amplifier keeps a state: a file of 100 KB that says what its control "memory" was.
#include <lv2/atom/atom.h>
#include <lv2/core/lv2.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAD "urn:continuo:test:bad:"
enum { IN, OUT, NOTIFY, FAULT, MEMORY, REMEMBERED, FRAMES, PORTS };
enum { NONE, CRASH, HANG, NAN_OUT, LOUD, SLOW, FLOOD, CORRUPT, EXIT, DEEP, CRASH_IN_SAVE, CRASH_IN_THREAD, HANG_IN_SAVE, HANG_IN_WORK, CRASH_IN_WORK };

typedef struct {
    void* ports[PORTS];
    LV2_URID sequence, file, path;
    float remembered;
    float frames;
    LV2_Worker_Schedule* schedule;
    int has_work;
} Bad;

static volatile int* const nowhere = (int*)16;
static volatile int always = 1;

#ifdef CRASHES_WHEN_LOADED
__attribute__((constructor)) static void loaded(void) { *nowhere = 1; }
#endif

static LV2_Handle instantiate(
    const LV2_Descriptor* descriptor, double rate, const char* bundle, const LV2_Feature* const* features) {
    (void)rate;
    (void)bundle;
    const char* kind = descriptor->URI + strlen(BAD);
    if (!strcmp(kind, "make")) *nowhere = 1;
    if (!strcmp(kind, "stuck")) while (always) pause();
    if (!strcmp(kind, "exit")) exit(0);
    if (!strcmp(kind, "refuse")) return NULL;
    Bad* bad = calloc(1, sizeof(Bad));
    for (int i = 0; features[i]; ++i) {
        if (!strcmp(features[i]->URI, LV2_WORKER__schedule)) bad->schedule = features[i]->data;
        if (strcmp(features[i]->URI, LV2_URID__map)) continue;
        LV2_URID_Map* map = features[i]->data;
        bad->sequence = map->map(map->handle, LV2_ATOM__Sequence);
        bad->path = map->map(map->handle, LV2_ATOM__Path);
        bad->file = map->map(map->handle, BAD "file");
    }
    return bad;
}

static void connect_port(LV2_Handle handle, uint32_t port, void* data) { ((Bad*)handle)->ports[port] = data; }

static int deep(volatile char* above) {
    volatile char here[4096];
    here[0] = above ? above[0] : 1;
    return deep(here) + here[0];
}

static void* crash(void* context) {
    *nowhere = 1;
    return context;
}

static void run(LV2_Handle handle, uint32_t frames) {
    Bad* bad = handle;
    const float* in = bad->ports[IN];
    float* out = bad->ports[OUT];
    LV2_Atom_Sequence* notify = bad->ports[NOTIFY];
    const uint32_t capacity = notify->atom.size;
    const int fault = frames > 0 ? (int)*(const float*)bad->ports[FAULT] : NONE;
    for (uint32_t i = 0; i < frames; ++i) out[i] = in[i];
    notify->atom.type = bad->sequence;
    notify->atom.size = sizeof(LV2_Atom_Sequence_Body);
    switch (fault) {
    case CRASH: *nowhere = 1; break;
    case HANG: while (always) {} break;
    case NAN_OUT: for (uint32_t i = 0; i < frames; ++i) out[i] = NAN; break;
    case LOUD: for (uint32_t i = 0; i < frames; ++i) out[i] = 1e9f; break;
    case SLOW: usleep(20000); break;
    case FLOOD: notify->atom.size = capacity + 100000; break;
    case CORRUPT: {
        LV2_Atom_Event* event = (LV2_Atom_Event*)(notify + 1);
        event->time.frames = -5;
        event->body.type = bad->path;
        event->body.size = 0xFFFFFFF0;
        notify->atom.size += sizeof(LV2_Atom_Event) + 64;
        break;
    }
    case EXIT: exit(0); break;
    case DEEP: deep(NULL); break;
    case CRASH_IN_THREAD: {
        pthread_t thread;
        if (!pthread_create(&thread, NULL, crash, NULL)) pthread_join(thread, NULL);
        break;
    }
    case HANG_IN_WORK:
    case CRASH_IN_WORK:
        if (!bad->has_work && bad->schedule) bad->schedule->schedule_work(bad->schedule->handle, sizeof(fault), &fault);
        bad->has_work = 1;
        break;
    default: break;
    }
    bad->frames += (float)frames;
    *(float*)bad->ports[FRAMES] = bad->frames;
    *(float*)bad->ports[REMEMBERED] = bad->remembered;
}

static void cleanup(LV2_Handle handle) { free(handle); }

static const void* feature(const LV2_Feature* const* features, const char* uri) {
    for (int i = 0; features[i]; ++i) if (!strcmp(features[i]->URI, uri)) return features[i]->data;
    return NULL;
}

static LV2_State_Status save(
    LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle state, uint32_t flags, const LV2_Feature* const* features) {
    (void)flags;
    Bad* bad = handle;
    const LV2_State_Make_Path* make = feature(features, LV2_STATE__makePath);
    const LV2_State_Map_Path* map = feature(features, LV2_STATE__mapPath);
    if (!make || !map) return LV2_STATE_ERR_NO_FEATURE;
    if (bad->ports[FAULT] && *(const float*)bad->ports[FAULT] == CRASH_IN_SAVE) *nowhere = 1;
    while (bad->ports[FAULT] && *(const volatile float*)bad->ports[FAULT] == HANG_IN_SAVE) usleep(10000);
    char* path = make->path(make->handle, "memory.txt");
    FILE* file = fopen(path, "w");
    if (!file) return LV2_STATE_ERR_UNKNOWN;
    const float memory = bad->ports[MEMORY] ? *(const float*)bad->ports[MEMORY] : 0;
    for (int i = 0; i < 10000; ++i) fprintf(file, "%9g\n", memory);
    fclose(file);
    char* abstract = map->abstract_path(map->handle, path);
    store(state, bad->file, abstract, strlen(abstract) + 1, bad->path, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    free(abstract);
    free(path);
    return LV2_STATE_SUCCESS;
}

static LV2_State_Status restore(
    LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle state, uint32_t flags,
    const LV2_Feature* const* features) {
    (void)flags;
    Bad* bad = handle;
    const LV2_State_Map_Path* map = feature(features, LV2_STATE__mapPath);
    size_t size = 0;
    uint32_t type = 0, kind = 0;
    const char* abstract = retrieve(state, bad->file, &size, &type, &kind);
    if (!abstract || !map) return LV2_STATE_SUCCESS;
    char* path = map->absolute_path(map->handle, abstract);
    FILE* file = fopen(path, "r");
    bad->remembered = -1;  // a file that is not whole
    if (file) {
        int lines = 0;
        float value = 0, first = 0;
        while (fscanf(file, "%f", &value) == 1) {
            if (lines++ == 0) first = value;
            if (value != first) lines = 1 << 20;
        }
        if (lines == 10000) bad->remembered = first;
        fclose(file);
    }
    free(path);
    return LV2_STATE_SUCCESS;
}

static LV2_Worker_Status work(
    LV2_Handle handle, LV2_Worker_Respond_Function respond, LV2_Worker_Respond_Handle to, uint32_t size, const void* data) {
    (void)respond, (void)to, (void)size;
    if (*(const int*)data == CRASH_IN_WORK) *nowhere = 1;
    while (*(const volatile float*)((Bad*)handle)->ports[FAULT] == HANG_IN_WORK) usleep(10000);
    return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status work_response(LV2_Handle handle, uint32_t size, const void* data) {
    (void)handle, (void)size, (void)data;
    return LV2_WORKER_SUCCESS;
}

static const void* extension(const char* uri) {
    static const LV2_State_Interface state = {save, restore};
    static const LV2_Worker_Interface worker = {work, work_response, NULL};
    return !strcmp(uri, LV2_STATE__interface) ? (const void*)&state : !strcmp(uri, LV2_WORKER__interface) ? (const void*)&worker : NULL;
}

static const LV2_Descriptor descriptors[] = {
    {BAD "amp", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "make", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "stuck", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "exit", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "refuse", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "huge", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "vast", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
    {BAD "load", instantiate, connect_port, NULL, run, NULL, cleanup, extension},
};

LV2_SYMBOL_EXPORT
const LV2_Descriptor* lv2_descriptor(uint32_t index) {
    return index < sizeof(descriptors) / sizeof(*descriptors) ? descriptors + index : NULL;
}
