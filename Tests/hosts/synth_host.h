/// Continuo Synth and Continuo Transfer in a host of a page (lv2host.h). Which of them is set before `library_open`: `subject`.
#ifndef SYNTH_HOST_H
#define SYNTH_HOST_H

#include "lv2host.h"

#include "synth_ports.h"
#include "synth_values.h"
#include "transfer_values.h"

#define PLUGIN_SO "synth.so"
#define MODEL_FILE_URI "urn:continuo:synth#modelFile"
#define PROGRAM_STATE_URI "urn:continuo:synth#programState"
#define MOST_PORTS 96
/// Room for more than ten thousand MIDI messages.
#define MIDI_CAPACITY (1 << 19)

typedef struct {
    const char* name;
    uint32_t number, port_count;
    const float *defaults, *minima, *maxima;
    int control, notify, in, left, right, enabled, freewheel, first_control, last_control, first_reading;
    int latency, late_frames, voices, pitch, status, program;
} Subject;

static const Subject subjects[2] = {
    {"synth", 0, SYNTH_PORT_COUNT, synth_defaults, synth_minima, synth_maxima, SYNTH_PORT_control, SYNTH_PORT_notify, -1,
     SYNTH_PORT_out_left, SYNTH_PORT_out_right, SYNTH_PORT_enabled, SYNTH_PORT_freewheel, SYNTH_PORT_instrument_a, SYNTH_PORT_gain,
     SYNTH_PORT_latency, SYNTH_PORT_latency, SYNTH_PORT_late_frames, SYNTH_PORT_voices, SYNTH_PORT_pitch, SYNTH_PORT_status,
     SYNTH_PORT_program},
    {"transfer", 1, TRANSFER_PORT_COUNT, transfer_defaults, transfer_minima, transfer_maxima, TRANSFER_PORT_control,
     TRANSFER_PORT_notify, TRANSFER_PORT_in, TRANSFER_PORT_out_left, TRANSFER_PORT_out_right, TRANSFER_PORT_enabled,
     TRANSFER_PORT_freewheel, TRANSFER_PORT_instrument_a, TRANSFER_PORT_gain, TRANSFER_PORT_latency, TRANSFER_PORT_latency,
     TRANSFER_PORT_late_frames, -1, TRANSFER_PORT_pitch, TRANSFER_PORT_status, -1},
};
static const Subject* subject = &subjects[0];

#define PORT_control (subject->control)
#define PORT_freewheel (subject->freewheel)
#define PORT_enabled (subject->enabled)
#define PORT_status (subject->status)

static inline Library library_open(const char* bundle, const char* library) {
    return library_load(bundle, library, PLUGIN_SO, subject->number);
}

typedef struct {
    const LV2_Descriptor* descriptor;
    LV2_Handle handle;
    float controls[MOST_PORTS];
    /// LONGEST_BLOCK floats each; a shorter block lies at their end.
    float *in, *left, *right;
    LV2_Atom_Sequence *control, *notify;
    Features features;
} Plugin;

/// Connects all ports for a block of `frames`.
static inline void plugin_connect(Plugin* p, uint32_t frames) {
    const LV2_Descriptor* d = p->descriptor;
    for (uint32_t port = 0; port < subject->port_count; ++port) d->connect_port(p->handle, port, &p->controls[port]);
    d->connect_port(p->handle, (uint32_t)subject->control, p->control);
    d->connect_port(p->handle, (uint32_t)subject->notify, p->notify);
    const uint32_t skip = LONGEST_BLOCK - frames;
    if (subject->in >= 0) d->connect_port(p->handle, (uint32_t)subject->in, p->in + skip);
    d->connect_port(p->handle, (uint32_t)subject->left, p->left + skip);
    d->connect_port(p->handle, (uint32_t)subject->right, p->right + skip);
}

static inline void plugin_prepare_atoms(Plugin* p) {
    p->notify->atom = (LV2_Atom){NOTIFY_CAPACITY - sizeof(LV2_Atom), urid(LV2_ATOM__Chunk)};
}

static inline void plugin_clear_control(Plugin* p) {
    p->control->atom = (LV2_Atom){sizeof(LV2_Atom_Sequence_Body), urid(LV2_ATOM__Sequence)};
    p->control->body = (LV2_Atom_Sequence_Body){0, 0};
}

/// Appends a MIDI message to what the next run gets; false if there is no room.
static inline bool plugin_send(Plugin* p, int64_t frame, const void* bytes, uint32_t size) {
    const uint32_t at = p->control->atom.size, padded = (size + 7) / 8 * 8;
    if (at + sizeof(LV2_Atom_Event) + padded + sizeof(LV2_Atom) > MIDI_CAPACITY) return false;
    LV2_Atom_Event* event = (LV2_Atom_Event*)((uint8_t*)(p->control + 1) - sizeof(LV2_Atom_Sequence_Body) + at);
    event->time.frames = frame;
    event->body = (LV2_Atom){size, urid(LV2_MIDI__MidiEvent)};
    memcpy(event + 1, bytes, size);
    p->control->atom.size += (uint32_t)sizeof(LV2_Atom_Event) + padded;
    return true;
}
static inline void plugin_midi(Plugin* p, int64_t frame, uint8_t status, uint8_t first, uint8_t second) {
    const uint8_t bytes[] = {status, first, second};
    plugin_send(p, frame, bytes, (status & 0xF0) == 0xC0 || (status & 0xF0) == 0xD0 ? 2 : 3);
}

static inline void plugin_reset_controls(Plugin* p) {
    for (uint32_t i = 0; i < subject->port_count; ++i) p->controls[i] = subject->defaults[i];
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
    float** const audio[] = {&p->in, &p->left, &p->right};
    for (int i = 0; i < 3; ++i) *audio[i] = guarded(LONGEST_BLOCK * sizeof(float));
    p->control = guarded(MIDI_CAPACITY);
    p->notify = guarded(NOTIFY_CAPACITY);
    plugin_reset_controls(p);
    plugin_clear_control(p);
    plugin_prepare_atoms(p);
    plugin_connect(p, 0);
    return p;
}

static inline void plugin_free(Plugin* p) {
    p->descriptor->cleanup(p->handle);
    float* const audio[] = {p->in, p->left, p->right};
    for (int i = 0; i < 3; ++i) guarded_free(audio[i], LONGEST_BLOCK * sizeof(float));
    guarded_free(p->control, MIDI_CAPACITY);
    guarded_free(p->notify, NOTIFY_CAPACITY);
    free(p);
}

static inline void plugin_activate(Plugin* p) {
    if (p->descriptor->activate) p->descriptor->activate(p->handle);
}

/// Runs a block of `frames` samples from `input` (NULL: silence).
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

#include "model_file.h"

#endif
