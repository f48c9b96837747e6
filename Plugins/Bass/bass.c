/// Continuo Bass: what LV2 asks of the plugin, translated for its engine (CBassGenerator.h). No signal processing here.
#include <lv2/atom/atom.h>
#include <lv2/atom/forge.h>
#include <lv2/atom/util.h>
#include <lv2/core/lv2.h>
#include <lv2/core/lv2_util.h>
#include <lv2/log/log.h>
#include <lv2/midi/midi.h>
#include <lv2/time/time.h>
#include <lv2/urid/urid.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CBassGenerator.h"
#include "bass_ports.h"

#define BASS_URI "urn:continuo:bass"

/// Positions and notes of a block; a bass plays a few notes a second.
#define POSITION_CAPACITY 64
#define EVENT_CAPACITY 256

typedef struct {
    LV2_URID atom_blank, atom_object, atom_double, atom_float, atom_int, atom_long;
    LV2_URID log_error, log_note;
    LV2_URID midi_event;
    LV2_URID time_position, time_speed, time_bar, time_bar_beat, time_beats_per_bar, time_beat_unit, time_beats_per_minute;
} Urids;

typedef struct {
    Urids urids;
    LV2_Log_Log* log;
    LV2_Atom_Forge midi;
    void* ports[BASS_PORT_COUNT];
    continuo_bass* bass;
    continuo_bass_io io;
    /// What the transport said last: a host may tell only what has changed.
    continuo_bass_position position;
    bool has_bars;  ///< and where in which bar it is
    continuo_bass_position positions[POSITION_CAPACITY];
    continuo_bass_event events[EVENT_CAPACITY];
} Plugin;

/// One line about a model or a take. On the engine's own thread or the host's, never the audio thread.
static void report(void* context, bool is_error, const char* line) {
    const Plugin* self = context;
    if (self->log)
        self->log->printf(self->log->handle, is_error ? self->urids.log_error : self->urids.log_note, "%s\n", line);
    else
        fprintf(stderr, "%s\n", line);
}

static void map_urids(Urids* urids, LV2_URID_Map* map) {
    urids->atom_blank = map->map(map->handle, LV2_ATOM__Blank);
    urids->atom_object = map->map(map->handle, LV2_ATOM__Object);
    urids->atom_double = map->map(map->handle, LV2_ATOM__Double);
    urids->atom_float = map->map(map->handle, LV2_ATOM__Float);
    urids->atom_int = map->map(map->handle, LV2_ATOM__Int);
    urids->atom_long = map->map(map->handle, LV2_ATOM__Long);
    urids->log_error = map->map(map->handle, LV2_LOG__Error);
    urids->log_note = map->map(map->handle, LV2_LOG__Note);
    urids->midi_event = map->map(map->handle, LV2_MIDI__MidiEvent);
    urids->time_position = map->map(map->handle, LV2_TIME__Position);
    urids->time_speed = map->map(map->handle, LV2_TIME__speed);
    urids->time_bar = map->map(map->handle, LV2_TIME__bar);
    urids->time_bar_beat = map->map(map->handle, LV2_TIME__barBeat);
    urids->time_beats_per_bar = map->map(map->handle, LV2_TIME__beatsPerBar);
    urids->time_beat_unit = map->map(map->handle, LV2_TIME__beatUnit);
    urids->time_beats_per_minute = map->map(map->handle, LV2_TIME__beatsPerMinute);
}

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* bundle_path,
                              const LV2_Feature* const* features) {
    (void)descriptor;
    LV2_URID_Map* map = lv2_features_data(features, LV2_URID__map);
    if (!map) {
        // A log would need URIDs as well.
        fprintf(stderr, "Continuo Bass: this host lacks the feature urid:map\n");
        return NULL;
    }
    Plugin* self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->log = lv2_features_data(features, LV2_LOG__log);
    map_urids(&self->urids, map);
    lv2_atom_forge_init(&self->midi, map);
    // Until a host says otherwise; one that tells no tempo means this one.
    self->position = (continuo_bass_position){
        .speed = 0, .beats_per_bar = 4, .beat_unit = 4, .beats_per_minute = 120,
    };
    self->bass = continuo_bass_make(rate, bundle_path, report, self);
    if (!self->bass) {
        report(self, true, "Continuo Bass: no thread could be started at this sample rate");
        free(self);
        return NULL;
    }
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void* data) {
    if (port < BASS_PORT_COUNT) ((Plugin*)instance)->ports[port] = data;
}

static void activate(LV2_Handle instance) { continuo_bass_activate(((Plugin*)instance)->bass); }

static void cleanup(LV2_Handle instance) {
    continuo_bass_free(((Plugin*)instance)->bass);
    free(instance);
}

// Running

/// A number of whatever type the host has chosen; `otherwise` if it is none.
static double number(const Urids* urids, const LV2_Atom* atom, double otherwise) {
    const void* body = atom + 1;
    if (atom->type == urids->atom_float && atom->size >= sizeof(float)) return *(const float*)body;
    if (atom->type == urids->atom_int && atom->size >= sizeof(int32_t)) return *(const int32_t*)body;
    if (atom->size < 8) return otherwise;
    if (atom->type == urids->atom_double) return ((const LV2_Atom_Double*)atom)->body;
    if (atom->type == urids->atom_long) return (double)((const LV2_Atom_Long*)atom)->body;
    return otherwise;
}

/// What a time:Position says, laid over what was known. Every size is checked against what it lies in. False: nothing about bars;
/// a transport without any (JACK's without a timebase) does not stop the player's own.
static bool read_position(const Urids* urids, const LV2_Atom_Object* object, continuo_bass_position* position) {
    const uint8_t* end = (const uint8_t*)&object->body + object->atom.size;
    bool has_place = false;
    LV2_ATOM_OBJECT_FOREACH(object, property) {
        const size_t left = (size_t)(end - (const uint8_t*)property);
        if (left < sizeof *property || property->value.size > left - sizeof *property) break;
        const double value = number(urids, &property->value, NAN);
        if (!(fabs(value) < 1e9)) continue;
        if (property->key == urids->time_speed) {
            position->speed = (float)value;
        } else if (property->key == urids->time_bar) {
            position->bar = (int64_t)value;
            has_place = true;
        } else if (property->key == urids->time_bar_beat) {
            position->bar_beat = (float)value;
            has_place = true;
        } else if (property->key == urids->time_beats_per_bar) {
            position->beats_per_bar = (float)value;
        } else if (property->key == urids->time_beat_unit) {
            position->beat_unit = (int32_t)value;
        } else if (property->key == urids->time_beats_per_minute) {
            position->beats_per_minute = (float)value;
        }
    }
    return has_place;
}

static void take_positions(Plugin* self, uint32_t frames) {
    const LV2_Atom_Sequence* sequence = self->ports[BASS_PORT_control];
    uint32_t count = 0;
    if (sequence) {
        const uint8_t* end = (const uint8_t*)&sequence->body + sequence->atom.size;
        LV2_ATOM_SEQUENCE_FOREACH(sequence, event) {
            const size_t left = (size_t)(end - (const uint8_t*)event);
            if (left < sizeof *event || event->body.size > left - sizeof *event) break;
            if (event->body.type != self->urids.atom_object && event->body.type != self->urids.atom_blank) continue;
            if (event->body.size < sizeof(LV2_Atom_Object_Body)) continue;
            const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
            if (object->body.otype != self->urids.time_position) continue;
            self->has_bars |= read_position(&self->urids, object, &self->position);
            if (!self->has_bars) continue;
            const int64_t last = frames > 0 ? frames - 1 : 0, at = event->time.frames;
            self->position.frame = (uint32_t)(at < 0 ? 0 : at > last ? last : at);
            // Of more than fit the last counts.
            if (count == POSITION_CAPACITY) --count;
            self->positions[count++] = self->position;
        }
    }
    self->io.positions = self->positions;
    self->io.position_count = count;
}

static void put_midi(Plugin* self) {
    LV2_Atom_Sequence* port = self->ports[BASS_PORT_midi_out];
    if (!port) return;
    LV2_Atom_Forge_Frame frame;
    lv2_atom_forge_set_buffer(&self->midi, (uint8_t*)port, port->atom.size);
    lv2_atom_forge_sequence_head(&self->midi, &frame, 0);
    for (uint32_t i = 0; i < self->io.event_count; ++i) {
        const continuo_bass_event* event = &self->events[i];
        if (!lv2_atom_forge_frame_time(&self->midi, event->frame)) break;
        if (!lv2_atom_forge_atom(&self->midi, 3, self->urids.midi_event)) break;
        lv2_atom_forge_write(&self->midi, event->bytes, 3);
    }
    lv2_atom_forge_pop(&self->midi, &frame);
}

static float value_of(const Plugin* self, int port, float otherwise) {
    const float* value = self->ports[port];
    return value ? *value : otherwise;
}

static void reading(const Plugin* self, int port, float value) {
    float* place = self->ports[port];
    if (place) *place = value;
}

static void run(LV2_Handle instance, uint32_t frames) {
    Plugin* self = instance;
    continuo_bass_io* io = &self->io;
    io->frames = frames;
    io->left = self->ports[BASS_PORT_in_left];
    io->right = self->ports[BASS_PORT_in_right];
    io->through_left = self->ports[BASS_PORT_through_left];
    io->through_right = self->ports[BASS_PORT_through_right];
    io->bass_left = self->ports[BASS_PORT_bass_left];
    io->bass_right = self->ports[BASS_PORT_bass_right];
    io->enabled = value_of(self, BASS_PORT_enabled, 1) > 0;
    io->freewheeling = value_of(self, BASS_PORT_freewheel, 0) > 0;
    // What is not connected: the default.
#define TAKE(symbol, name) io->controls[CONTINUO_BASS_##name] = value_of(self, BASS_PORT_##symbol, NAN);
    BASS_CONTROLS(TAKE)
#undef TAKE
    io->events = self->events;
    io->event_capacity = EVENT_CAPACITY;
    take_positions(self, frames);
    continuo_bass_process(self->bass, io);
    put_midi(self);
    reading(self, BASS_PORT_state, (float)io->state);
    reading(self, BASS_PORT_progress, io->progress);
    reading(self, BASS_PORT_takes, (float)io->takes);
    reading(self, BASS_PORT_seconds_per_take, io->seconds_per_take);
    reading(self, BASS_PORT_late, (float)io->late);
}

static const LV2_Descriptor descriptor = {BASS_URI, instantiate, connect_port, activate, run, NULL, cleanup, NULL};

LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }
