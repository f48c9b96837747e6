/// Continuo Pitch in a host of a page (lv2host.h).
#ifndef PITCH_HOST_H
#define PITCH_HOST_H

#include "lv2host.h"

#include "pitch_ports.h"
#include "pitch_values.h"

#define PLUGIN_SO "pitch.so"
#define MODEL_FILE_URI "urn:continuo:pitch#modelFile"
#define MIDI_CAPACITY 16384

static inline Library library_open(const char* bundle, const char* library) {
    return library_load(bundle, library, PLUGIN_SO, 0);
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

#include "model_file.h"

#endif
