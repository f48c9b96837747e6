/// Continuo Synth and Continuo Transfer: what LV2 asks of the plugins, translated for their engine (CDDSPSynth.h). No signal
/// processing here.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // strtof_l
#endif
#include <stdatomic.h>

#include "../common/plugin.h"

#include "CDDSPSynth.h"
#include "programs.h"
#include "synth_ports.h"

#define SYNTH_URI "urn:continuo:synth"
#define TRANSFER_URI "urn:continuo:transfer"
// One property for both: a model serves either.
#define MODEL_URI SYNTH_URI "#modelFile"
#define PROGRAM_STATE_URI SYNTH_URI "#programState"

_Static_assert(COMMON_PATH_CAPACITY == CONTINUO_SYNTH_PATH_CAPACITY, "one length for paths");
_Static_assert(CONTINUO_SYNTH_CONTROLS <= 56, "a ProgramState has a bit for each control");

/// Messages handed to the engine at once; a block with more is given to it in parts.
#define EVENT_CAPACITY 1024
/// Program changes of one block that take effect at their frame; the others wait for its end.
#define SPLITS_PER_BLOCK 8

/// A control and its port.
typedef struct {
    int port, control;
} Link;

/// Where a plugin has its ports; −1: nowhere.
typedef struct {
    const char* name;
    bool is_transfer;
    uint32_t port_count;
    int in, out_left, out_right, enabled, freewheel, notify, events;
    int latency, late_frames, voices, pitch, loudness_now, status, program;
    const Link* links;
    uint32_t link_count;
} Layout;

#define LINK(symbol, name) {SYNTH_PORT_##symbol, CONTINUO_SYNTH_##name},
static const Link synth_links[] = {SYNTH_CONTROLS(LINK)};
#undef LINK
#define LINK(symbol, name) {TRANSFER_PORT_##symbol, CONTINUO_SYNTH_##name},
static const Link transfer_links[] = {TRANSFER_CONTROLS(LINK)};
#undef LINK

static const Layout synth_layout = {
    .name = "Continuo Synth", .is_transfer = false, .port_count = SYNTH_PORT_COUNT, .in = -1,
    .out_left = SYNTH_PORT_out_left, .out_right = SYNTH_PORT_out_right, .enabled = SYNTH_PORT_enabled,
    .freewheel = SYNTH_PORT_freewheel, .notify = SYNTH_PORT_notify, .events = SYNTH_PORT_control,
    .latency = SYNTH_PORT_latency, .late_frames = SYNTH_PORT_late_frames, .voices = SYNTH_PORT_voices, .pitch = SYNTH_PORT_pitch,
    .loudness_now = SYNTH_PORT_loudness_now, .status = SYNTH_PORT_status, .program = SYNTH_PORT_program,
    .links = synth_links, .link_count = sizeof synth_links / sizeof *synth_links,
};
static const Layout transfer_layout = {
    .name = "Continuo Transfer", .is_transfer = true, .port_count = TRANSFER_PORT_COUNT, .in = TRANSFER_PORT_in,
    .out_left = TRANSFER_PORT_out_left, .out_right = TRANSFER_PORT_out_right, .enabled = TRANSFER_PORT_enabled,
    .freewheel = TRANSFER_PORT_freewheel, .notify = TRANSFER_PORT_notify, .events = TRANSFER_PORT_control,
    .latency = TRANSFER_PORT_latency, .late_frames = TRANSFER_PORT_late_frames, .voices = -1, .pitch = TRANSFER_PORT_pitch,
    .loudness_now = TRANSFER_PORT_loudness_now, .status = TRANSFER_PORT_status, .program = -1,
    .links = transfer_links, .link_count = sizeof transfer_links / sizeof *transfer_links,
};

enum { MOST_PORTS = (int)SYNTH_PORT_COUNT > (int)TRANSFER_PORT_COUNT ? (int)SYNTH_PORT_COUNT : (int)TRANSFER_PORT_COUNT };

/// Which program lies over which controls, in one word, so that a host may save and restore it while the plugin runs: the program
/// plus 1 in the upper eight bits (0: none), below them a bit for each control.
typedef uint64_t ProgramState;

static ProgramState program_state(int32_t program, uint64_t controls) { return (uint64_t)(program + 1) << 56 | controls; }
static int32_t state_program(ProgramState state) { return (int32_t)(state >> 56) - 1; }
static bool state_has(ProgramState state, int control) { return state >> control & 1; }

/// No program that was restored waits to be taken up.
#define NO_REQUEST UINT64_MAX

typedef struct {
    Common common;
    const Layout* layout;
    void* ports[MOST_PORTS];
    continuo_synth* synth;
    continuo_synth_io io;
    LV2_URID program_key;

    Program* programs;               ///< PROGRAM_COUNT
    _Atomic ProgramState program;    ///< in force; written by run() alone
    _Atomic ProgramState requested;  ///< from a saved state
    /// What the ports said when the program came: one that says something else was moved, and counts again.
    float ports_then[CONTINUO_SYNTH_CONTROLS];

    // The block under way: frames that have been processed, and messages that wait, with frames of the block, in order.
    uint32_t done;
    uint32_t event_count;
    continuo_synth_event events[EVENT_CAPACITY];
} Plugin;

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* bundle_path,
                              const LV2_Feature* const* features) {
    Plugin* self = calloc(1, sizeof *self);
    if (!self) return NULL;
    const Layout* layout = self->layout = strcmp(descriptor->URI, TRANSFER_URI) ? &synth_layout : &transfer_layout;
    self->programs = calloc(PROGRAM_COUNT, sizeof *self->programs);
    if (!self->programs || !common_init(&self->common, layout->name, MODEL_URI, features)) {
        free(self->programs);
        free(self);
        return NULL;
    }
    LV2_URID_Map* map = self->common.map;
    self->program_key = map->map(map->handle, PROGRAM_STATE_URI);
    atomic_init(&self->program, 0);
    atomic_init(&self->requested, NO_REQUEST);
    if (!layout->is_transfer) read_programs(bundle_path, self->programs);

    const Blocks blocks = common_blocks(&self->common, features);
    self->synth = continuo_synth_make(layout->is_transfer, rate, blocks.nominal, blocks.longest, bundle_path, common_report,
                                      &self->common);
    if (!self->synth) {
        char line[128];
        snprintf(line, sizeof line, "%s: no inference thread could be started at this sample rate", layout->name);
        common_report(&self->common, true, line);
        free(self->programs);
        free(self);
        return NULL;
    }
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void* data) {
    Plugin* self = instance;
    if (port < self->layout->port_count) self->ports[port] = data;
}

static void activate(LV2_Handle instance) { continuo_synth_activate(((Plugin*)instance)->synth); }

static void cleanup(LV2_Handle instance) {
    Plugin* self = instance;
    continuo_synth_free(self->synth);
    free(self->programs);
    free(self);
}

// Controls and programs

static float port_value(const Plugin* self, const Link* link) { return control_value(self->ports, link->port, NAN); }

/// Lays a program's values over those of `controls`; a program that the bundle lacks changes nothing.
static void apply_program(Plugin* self, int32_t number, uint64_t controls) {
    if (number < 0 || number >= PROGRAM_COUNT || !self->programs[number].is_set) return;
    const Program* program = &self->programs[number];
    uint64_t applied = 0;
    for (uint32_t i = 0; i < self->layout->link_count; ++i) {
        const Link* link = &self->layout->links[i];
        if (!state_has(controls, link->control) || isnan(program->values[link->control])) continue;
        applied |= (uint64_t)1 << link->control;
        self->ports_then[link->control] = port_value(self, link);
        self->io.controls[link->control] = program->values[link->control];
    }
    atomic_store_explicit(&self->program, program_state(number, applied), memory_order_release);
}

/// The block's controls: a port's value, or the program's that lies over it.
static void take_controls(Plugin* self) {
    const Layout* layout = self->layout;
    ProgramState state = atomic_load_explicit(&self->program, memory_order_relaxed);
    const ProgramState before = state;
    for (uint32_t i = 0; i < layout->link_count; ++i) {
        const Link* link = &layout->links[i];
        const uint64_t bit = (uint64_t)1 << link->control;
        const float value = port_value(self, link);
        self->io.controls[link->control] = value;
        if (!(state & bit)) continue;
        // As bytes: what is no number would never be equal to itself.
        if (memcmp(&value, &self->ports_then[link->control], sizeof value))
            state &= ~bit;
        else
            self->io.controls[link->control] = self->programs[state_program(state)].values[link->control];
    }
    if (state != before) atomic_store_explicit(&self->program, state, memory_order_release);
    const ProgramState requested = atomic_exchange_explicit(&self->requested, NO_REQUEST, memory_order_acquire);
    if (requested == NO_REQUEST) return;
    atomic_store_explicit(&self->program, 0, memory_order_release);
    for (uint32_t i = 0; i < layout->link_count; ++i)
        self->io.controls[layout->links[i].control] = port_value(self, &layout->links[i]);
    apply_program(self, state_program(requested), requested);
}

// Running

/// Processes up to `frame`, with the first `count` messages that wait.
static void process_to(Plugin* self, uint32_t frame, uint32_t count) {
    continuo_synth_io* io = &self->io;
    const Layout* layout = self->layout;
    const float* const in = layout->in >= 0 ? self->ports[layout->in] : NULL;
    float* const left = self->ports[layout->out_left];
    float* const right = self->ports[layout->out_right];
    io->frames = frame - self->done;
    io->input = in ? in + self->done : NULL;
    io->left = left ? left + self->done : NULL;
    io->right = right ? right + self->done : NULL;
    for (uint32_t i = 0; i < count; ++i) self->events[i].frame -= self->done;
    io->events = self->events;
    io->event_count = count;
    continuo_synth_process(self->synth, io);
    self->done = frame;
    self->event_count -= count;
    memmove(self->events, self->events + count, self->event_count * sizeof *self->events);
    if (io->program >= 0) apply_program(self, io->program, UINT64_MAX >> 8);
}

static uint32_t events_before(const Plugin* self, uint32_t frame) {
    uint32_t count = 0;
    while (count < self->event_count && self->events[count].frame < frame) ++count;
    return count;
}

/// Takes a MIDI message in. A program change is processed at once, so that the notes after it sound as it says.
static void take_midi(Plugin* self, uint32_t frame, const uint8_t* bytes, uint32_t size, uint32_t* splits) {
    if (self->event_count == EVENT_CAPACITY) {
        const uint32_t last = self->events[EVENT_CAPACITY - 1].frame;
        process_to(self, last, events_before(self, last));
        // All of them at one frame: then in a stretch of no frames.
        if (self->event_count == EVENT_CAPACITY) process_to(self, last, EVENT_CAPACITY);
    }
    // Hosts send in order; what is not comes as soon as may be.
    if (frame < self->done) frame = self->done;
    if (self->event_count > 0 && frame < self->events[self->event_count - 1].frame)
        frame = self->events[self->event_count - 1].frame;
    continuo_synth_event* event = &self->events[self->event_count++];
    *event = (continuo_synth_event){.frame = frame, .size = (uint8_t)size};
    memcpy(event->bytes, bytes, size);
    if ((bytes[0] & 0xF0) == 0xC0 && *splits > 0) {
        --*splits;
        if (frame > self->done) process_to(self, frame, events_before(self, frame));
        process_to(self, frame, self->event_count);
    }
}

/// MIDI, patch:Set of the model file, and patch:Get.
static void take_events(Plugin* self, uint32_t frames) {
    const LV2_Atom_Sequence* sequence = self->ports[self->layout->events];
    if (!sequence) return;
    uint32_t splits = SPLITS_PER_BLOCK;
    LV2_ATOM_SEQUENCE_FOREACH(sequence, event) {
        if (!event_is_whole(sequence, event)) break;
        if (event->body.type == self->common.urids.midi_event) {
            if (self->layout->is_transfer || event->body.size < 1 || event->body.size > 3) continue;
            const int64_t last = frames > 0 ? frames - 1 : 0, at = event->time.frames;
            take_midi(self, (uint32_t)(at < 0 ? 0 : at > last ? last : at), (const uint8_t*)(event + 1), event->body.size, &splits);
            continue;
        }
        const char* path;
        uint32_t length;
        if (!common_read_message(&self->common, event, &path, &length)) continue;
        // Refused for its length: say what is in force.
        if (!continuo_synth_request_file(self->synth, path, length)) self->common.tell = true;
    }
}

static void announce_model(Plugin* self) {
    LV2_Atom_Sequence* port = self->ports[self->layout->notify];
    if (!port) return;
    char path[CONTINUO_SYNTH_PATH_CAPACITY];
    const bool tells = common_must_tell(&self->common, self->io.model_serial);
    const uint32_t length = tells ? continuo_synth_model_file_audio(self->synth, path) : 0;
    common_notify(&self->common, port, self->io.model_serial, tells ? path : NULL, length);
}

static void reading(const Plugin* self, int port, float value) {
    if (port >= 0) set_reading(self->ports, port, value);
}

static void run(LV2_Handle instance, uint32_t frames) {
    Plugin* self = instance;
    const Layout* layout = self->layout;
    continuo_synth_io* io = &self->io;
    io->enabled = control_value(self->ports, layout->enabled, 1) > 0;
    io->freewheeling = control_value(self->ports, layout->freewheel, 0) > 0;
    // Those without a port: the defaults.
    for (int i = 0; i < CONTINUO_SYNTH_CONTROLS; ++i) io->controls[i] = NAN;
    take_controls(self);
    self->done = 0;
    self->event_count = 0;
    take_events(self, frames);
    process_to(self, frames, self->event_count);
    reading(self, layout->latency, (float)io->latency);
    reading(self, layout->late_frames, io->late_frames);
    reading(self, layout->voices, io->voices);
    reading(self, layout->pitch, io->pitch);
    reading(self, layout->loudness_now, io->loudness);
    reading(self, layout->status, (float)io->status);
    reading(self, layout->program, (float)state_program(atomic_load_explicit(&self->program, memory_order_relaxed)));
    announce_model(self);
}

// State: the model file; and the program in force, as its number and the symbols of the controls over which it lies.

static LV2_State_Status save(LV2_Handle instance, LV2_State_Store_Function store, LV2_State_Handle handle, uint32_t flags,
                             const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[CONTINUO_SYNTH_PATH_CAPACITY];
    continuo_synth_model_file(self->synth, path);
    const LV2_State_Status status =
        common_store_path(&self->common, self->common.urids.model_file, path, store, handle, features);
    const ProgramState state = atomic_load_explicit(&self->program, memory_order_acquire);
    if (status != LV2_STATE_SUCCESS || state_program(state) < 0) return status;
    char text[2048];
    int length = snprintf(text, sizeof text, "%d", (int)state_program(state));
#define APPEND(symbol, name)                                        \
    if (state_has(state, CONTINUO_SYNTH_##name))                    \
        length += snprintf(text + length, sizeof text - (size_t)length, " " #symbol);
    SYNTH_CONTROLS(APPEND)
#undef APPEND
    return store(handle, self->program_key, text, (size_t)length + 1, self->common.urids.atom_string,
                 LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
}

/// The program that a saved state names; 0 if it names none.
static ProgramState saved_program(const Plugin* self, LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle) {
    size_t size = 0, length;
    uint32_t type = 0, flags = 0;
    const char* text = retrieve(handle, self->program_key, &size, &type, &flags);
    if (!text || type != self->common.urids.atom_string || !memchr(text, 0, size)) return 0;
    const char* word = next_word(&text, &length);
    const long number = word ? strtol(word, NULL, 10) : -1;
    if (number < 0 || number >= PROGRAM_COUNT) return 0;
    uint64_t controls = 0;
    while ((word = next_word(&text, &length))) {
        const int control = control_named(word, length);
        if (control >= 0) controls |= (uint64_t)1 << control;
    }
    return program_state((int32_t)number, controls);
}

static LV2_State_Status restore(LV2_Handle instance, LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle,
                                uint32_t flags, const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[CONTINUO_SYNTH_PATH_CAPACITY];
    const LV2_State_Status status =
        common_retrieve_path(&self->common, self->common.urids.model_file, path, retrieve, handle, features);
    if (status != LV2_STATE_SUCCESS) return status;
    if (!self->layout->is_transfer)
        atomic_store_explicit(&self->requested, saved_program(self, retrieve, handle), memory_order_release);
    continuo_synth_set_file(self->synth, path);
    return LV2_STATE_SUCCESS;
}

static const void* extension_data(const char* uri) {
    static const LV2_State_Interface state = {save, restore};
    return strcmp(uri, LV2_STATE__interface) == 0 ? &state : NULL;
}

static const LV2_Descriptor descriptors[] = {
    {SYNTH_URI, instantiate, connect_port, activate, run, NULL, cleanup, extension_data},
    {TRANSFER_URI, instantiate, connect_port, activate, run, NULL, cleanup, extension_data},
};

LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) {
    return index < sizeof descriptors / sizeof descriptors[0] ? &descriptors[index] : NULL;
}
