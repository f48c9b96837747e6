/// Continuo Bass in a host of a page (lv2host.h), with a transport.
#ifndef BASS_HOST_H
#define BASS_HOST_H

#include "lv2host.h"

#include <lv2/time/time.h>

#include "bass_ports.h"
#include "bass_values.h"

#define PLUGIN_SO "bass.so"
#define MODEL_FILE_URI "urn:continuo:bass#style"
#define PORT_control BASS_PORT_control
/// Room for more than ten thousand positions.
#define EVENTS_CAPACITY (1 << 21)
#define MIDI_CAPACITY 8192
/// The audio ports, in_left … bass_right.
#define AUDIO_PORTS 6

static inline Library library_open(const char* bundle, const char* library) {
    return library_load(bundle, library, PLUGIN_SO, 0);
}

typedef struct {
    const LV2_Descriptor* descriptor;
    LV2_Handle handle;
    float controls[BASS_PORT_COUNT];
    /// LONGEST_BLOCK floats each; a shorter block lies at their end. `in` is the left input.
    float* audio[AUDIO_PORTS];
    float* in;
    LV2_Atom_Sequence *control, *notify, *midi;
    Features features;
    /// What a run says of the transport at its begin, and carries on.
    bool has_transport;
    double beats;
    float speed, tempo, beats_per_bar;
    /// The note that sounds on the MIDI port; −1: none; −2: there was a run that nobody listened to.
    int key;
    long notes;          ///< that have begun
    char fault[128];     ///< what was wrong with a message; empty: nothing
} Plugin;

/// The block's samples of the audio port `port`.
static inline float* plugin_audio(const Plugin* p, int port, uint32_t frames) {
    return p->audio[port - BASS_PORT_in_left] + LONGEST_BLOCK - frames;
}

/// Connects all ports for a block of `frames`.
static inline void plugin_connect(Plugin* p, uint32_t frames) {
    const LV2_Descriptor* d = p->descriptor;
    for (uint32_t port = 0; port < BASS_PORT_COUNT; ++port) d->connect_port(p->handle, port, &p->controls[port]);
    d->connect_port(p->handle, BASS_PORT_control, p->control);
    d->connect_port(p->handle, BASS_PORT_notify, p->notify);
    d->connect_port(p->handle, BASS_PORT_midi_out, p->midi);
    for (int port = BASS_PORT_in_left; port <= BASS_PORT_bass_right; ++port)
        d->connect_port(p->handle, (uint32_t)port, plugin_audio(p, port, frames));
}

static inline void plugin_prepare_atoms(Plugin* p) {
    p->notify->atom = (LV2_Atom){NOTIFY_CAPACITY - sizeof(LV2_Atom), urid(LV2_ATOM__Chunk)};
    p->midi->atom = (LV2_Atom){MIDI_CAPACITY - sizeof(LV2_Atom), urid(LV2_ATOM__Chunk)};
    p->key = -2;
}

static inline void plugin_clear_control(Plugin* p) {
    p->control->atom = (LV2_Atom){sizeof(LV2_Atom_Sequence_Body), urid(LV2_ATOM__Sequence)};
    p->control->body = (LV2_Atom_Sequence_Body){0, 0};
}

/// Appends an event to what the next run gets; false if there is no room.
static inline bool plugin_send(Plugin* p, int64_t frame, const LV2_Atom* atom) {
    const uint32_t at = p->control->atom.size, size = (uint32_t)sizeof *atom + atom->size, padded = (size + 7) / 8 * 8;
    if (at + sizeof(int64_t) + padded + sizeof(LV2_Atom) > EVENTS_CAPACITY) return false;
    LV2_Atom_Event* event = (LV2_Atom_Event*)((uint8_t*)&p->control->body + at);
    event->time.frames = frame;
    memcpy(&event->body, atom, size);
    p->control->atom.size += (uint32_t)sizeof(int64_t) + padded;
    return true;
}

typedef struct {
    union {
        LV2_Atom atom;
        uint8_t bytes[512];
    };
} Position;

/// A time:Position as hosts send it.
static inline Position make_position(double speed, double bar, double bar_beat, double beats_per_bar, int32_t unit, double tempo) {
    Position p;
    LV2_Atom_Forge forge;
    LV2_Atom_Forge_Frame object;
    LV2_URID_Map map = {NULL, host_map};
    lv2_atom_forge_init(&forge, &map);
    lv2_atom_forge_set_buffer(&forge, p.bytes, sizeof p.bytes);
    lv2_atom_forge_object(&forge, &object, 0, urid(LV2_TIME__Position));
    lv2_atom_forge_key(&forge, urid(LV2_TIME__speed));
    lv2_atom_forge_float(&forge, (float)speed);
    lv2_atom_forge_key(&forge, urid(LV2_TIME__bar));
    if (fabs(bar) < 1e18) lv2_atom_forge_long(&forge, (int64_t)bar);
    else lv2_atom_forge_double(&forge, bar);
    lv2_atom_forge_key(&forge, urid(LV2_TIME__barBeat));
    lv2_atom_forge_float(&forge, (float)bar_beat);
    lv2_atom_forge_key(&forge, urid(LV2_TIME__beatsPerBar));
    lv2_atom_forge_float(&forge, (float)beats_per_bar);
    lv2_atom_forge_key(&forge, urid(LV2_TIME__beatUnit));
    lv2_atom_forge_int(&forge, unit);
    lv2_atom_forge_key(&forge, urid(LV2_TIME__beatsPerMinute));
    lv2_atom_forge_float(&forge, (float)tempo);
    lv2_atom_forge_pop(&forge, &object);
    return p;
}

static inline void plugin_reset_controls(Plugin* p) {
    for (int i = 0; i < BASS_PORT_COUNT; ++i) p->controls[i] = bass_defaults[i];
}

/// A plugin with all buffers and default settings, not yet activated, without a transport. NULL if it refuses.
static inline Plugin* plugin_make(Library* l, double rate, int32_t nominal_block) {
    Plugin* p = calloc(1, sizeof *p);
    p->descriptor = l->descriptor;
    p->handle = l->descriptor->instantiate(l->descriptor, rate, l->bundle, host_features(&p->features, nominal_block));
    if (!p->handle) {
        free(p);
        return NULL;
    }
    for (int i = 0; i < AUDIO_PORTS; ++i) p->audio[i] = guarded(LONGEST_BLOCK * sizeof(float));
    p->in = p->audio[0];
    p->control = guarded(EVENTS_CAPACITY);
    p->notify = guarded(NOTIFY_CAPACITY);
    p->midi = guarded(MIDI_CAPACITY);
    p->speed = 1;
    p->tempo = 240;
    p->beats_per_bar = 4;
    p->key = -1;
    plugin_reset_controls(p);
    plugin_clear_control(p);
    plugin_prepare_atoms(p);
    plugin_connect(p, 0);
    return p;
}

static inline void plugin_free(Plugin* p) {
    p->descriptor->cleanup(p->handle);
    for (int i = 0; i < AUDIO_PORTS; ++i) guarded_free(p->audio[i], LONGEST_BLOCK * sizeof(float));
    guarded_free(p->control, EVENTS_CAPACITY);
    guarded_free(p->notify, NOTIFY_CAPACITY);
    guarded_free(p->midi, MIDI_CAPACITY);
    free(p);
}

static inline void plugin_activate(Plugin* p) {
    if (p->descriptor->activate) p->descriptor->activate(p->handle);
}

/// Follows the notes on the MIDI port: whole, in order, one at a time.
static inline void plugin_follow_notes(Plugin* p, uint32_t frames) {
    if (p->fault[0]) return;
    if (p->midi->atom.type != urid(LV2_ATOM__Sequence) || p->midi->atom.size > MIDI_CAPACITY - sizeof(LV2_Atom)) {
        snprintf(p->fault, sizeof p->fault, "the MIDI port holds no sequence");
        return;
    }
    int64_t last = 0;
    LV2_ATOM_SEQUENCE_FOREACH(p->midi, event) {
        const uint8_t* bytes = (const uint8_t*)(event + 1);
        const int64_t at = event->time.frames;
        const char* why = NULL;
        if (event->body.type != urid(LV2_MIDI__MidiEvent) || event->body.size != 3) why = "no message";
        else if (at < last || at >= (frames ? frames : 1)) why = "a frame that is none";
        else if (bytes[0] == 0x90 && bytes[2] > 0) {
            if (p->key >= 0) why = "a note begins while one sounds";
            p->key = bytes[1];
            ++p->notes;
        } else if (bytes[0] == 0x80) {
            if (p->key != bytes[1] && p->key != -2) why = "a note ends that has not begun";
            p->key = -1;
        } else why = "neither on nor off";
        if (why) {
            snprintf(p->fault, sizeof p->fault, "MIDI: %s (%02x %d %d at frame %d of %u)", why, bytes[0], bytes[1], bytes[2], (int)at, frames);
            return;
        }
        last = at;
    }
}

/// Everything of a run but the call itself, before and after it.
static inline void plugin_prepare(Plugin* p, uint32_t frames) {
    const int key = p->key;
    plugin_prepare_atoms(p);
    p->key = key;
    plugin_connect(p, frames);
    if (!p->has_transport) return;
    const double bar = floor(p->beats / p->beats_per_bar);
    const Position position = make_position(p->speed, bar, p->beats - bar * p->beats_per_bar, p->beats_per_bar, 4, p->tempo);
    plugin_send(p, 0, &position.atom);
}
static inline void plugin_carry_on(Plugin* p, uint32_t size, uint32_t frames, double rate) {
    plugin_follow_notes(p, frames);
    p->control->atom.size = size;
    p->beats += p->speed * frames * (double)p->tempo / 60 / rate;
}

/// Hertz at which a transport runs; the same for all.
static double host_rate = 48000;

/// Runs a block of `frames` samples from `input` (NULL: silence; what is on the left comes on the right as well).
static inline void plugin_run(Plugin* p, const float* input, uint32_t frames) {
    for (int port = BASS_PORT_in_left; port <= BASS_PORT_in_right; ++port) {
        float* place = plugin_audio(p, port, frames);
        if (input) memcpy(place, input, frames * sizeof(float));
        else memset(place, 0, frames * sizeof(float));
    }
    const uint32_t size = p->control->atom.size;
    plugin_prepare(p, frames);
    p->descriptor->run(p->handle, frames);
    plugin_carry_on(p, size, frames, host_rate);
}

/// Samples `start` … of a song: a chord on every beat of 240 a minute, another in every bar, and clicks.
static inline void make_song(float* samples, size_t count, double rate, size_t start) {
    static const double roots[4] = {220, 174.61, 261.63, 196};
    for (size_t i = 0; i < count; ++i) {
        const double time = (double)(start + i) / rate, root = roots[(size_t)time % 4];
        const double since = fmod(time, 0.25), level = 0.08 * exp(-8 * since);
        double sum = 0;
        for (int k = 0; k < 3; ++k) sum += sin(2 * M_PI * root * (k == 0 ? 1 : k == 1 ? 1.25 : 1.5) * time);
        samples[i] = (float)(level * sum + (since < 0.0005 ? 0.3 : 0));
    }
}

#define PORT_status BASS_PORT_state
/// Waits until models, style and state are loaded; 0, or 2 if a line has been logged since the last time: something was refused. −1 if
/// there are no models.
static int host_settled_lines = 0;
static inline int plugin_settle(Plugin* p) {
    const float was = p->controls[BASS_PORT_freewheel];
    const bool has_transport = p->has_transport;
    plugin_clear_control(p);
    p->has_transport = false;
    p->controls[BASS_PORT_freewheel] = 1;
    plugin_run(p, NULL, 0);
    // What is told of it comes at a block's end.
    plugin_run(p, NULL, 0);
    p->controls[BASS_PORT_freewheel] = was;
    p->has_transport = has_transport;
    pthread_mutex_lock(&host_log_lock);
    const bool is_refused = host_log_total > host_settled_lines;
    host_settled_lines = host_log_total;
    pthread_mutex_unlock(&host_log_lock);
    return p->controls[BASS_PORT_state] >= 5 ? -1 : is_refused ? 2 : 0;
}

/// Writes a patch:Set of the style as the control port's only event.
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

#endif
