/// A test's LV2 plugins: while the host renders offline one plays the mono sound file that PLAYER_FILE names, from three seconds
/// after that began (before the rendered range there is a run-up); otherwise it is silent.
#include <lv2/atom/forge.h>
#include <lv2/atom/util.h>
#include <lv2/core/lv2.h>
#include <lv2/core/lv2_util.h>
#include <lv2/midi/midi.h>
#include <lv2/time/time.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const void* ports[3];  // freewheeling, audio in (ignored), audio out
    float* sound;
    sf_count_t length, position;  // the position counts from minus three seconds
} Player;

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* path,
                              const LV2_Feature* const* features) {
    (void)descriptor, (void)path, (void)features;
    Player* self = calloc(1, sizeof *self);
    self->position = (sf_count_t)(-3 * rate);
    SF_INFO info = {0};
    const char* name = getenv("PLAYER_FILE");
    SNDFILE* file = name ? sf_open(name, SFM_READ, &info) : NULL;
    if (!file) return self;
    self->sound = calloc((size_t)info.frames, sizeof(float));
    self->length = info.channels == 1 ? sf_read_float(file, self->sound, info.frames) : 0;
    sf_close(file);
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void* data) {
    if (port < 3) ((Player*)instance)->ports[port] = data;
}

static void run(LV2_Handle instance, uint32_t frames) {
    Player* self = instance;
    float* out = (float*)self->ports[2];
    const float* freewheeling = self->ports[0];
    for (uint32_t i = 0; i < frames; ++i) {
        out[i] = self->position >= 0 && self->position < self->length ? self->sound[self->position] : 0;
        if (*freewheeling > 0) ++self->position;
    }
}

static void cleanup(LV2_Handle instance) {
    free(((Player*)instance)->sound);
    free(instance);
}

// The other one plays notes: A3, E4, A4, C5, A2, 1.5 s apart, each 0.3 s long.

typedef struct {
    const void* ports[4];  // freewheeling, MIDI in (ignored), MIDI out
    LV2_Atom_Forge forge;
    LV2_URID midi_event;
    int64_t position, rate;  // the position counts from minus three seconds
} NotePlayer;

static LV2_Handle instantiate_notes(const LV2_Descriptor* descriptor, double rate, const char* path,
                                    const LV2_Feature* const* features) {
    (void)descriptor, (void)path;
    LV2_URID_Map* map = lv2_features_data(features, LV2_URID__map);
    if (!map) return NULL;
    NotePlayer* self = calloc(1, sizeof *self);
    lv2_atom_forge_init(&self->forge, map);
    self->midi_event = map->map(map->handle, LV2_MIDI__MidiEvent);
    self->rate = (int64_t)rate;
    self->position = -3 * self->rate;
    return self;
}

static void connect_notes(LV2_Handle instance, uint32_t port, void* data) {
    if (port < 4) ((NotePlayer*)instance)->ports[port] = data;
}

static void run_notes(LV2_Handle instance, uint32_t frames) {
    NotePlayer* self = instance;
    static const uint8_t keys[] = {57, 64, 69, 72, 45};
    LV2_Atom_Sequence* out = (LV2_Atom_Sequence*)self->ports[2];
    LV2_Atom_Forge_Frame sequence;
    lv2_atom_forge_set_buffer(&self->forge, (uint8_t*)out, out->atom.size);
    lv2_atom_forge_sequence_head(&self->forge, &sequence, 0);
    if (*(const float*)self->ports[0] > 0) {
        for (uint32_t i = 0; i < frames; ++i, ++self->position)
            for (int64_t note = 0; note < 5; ++note) {
                const int64_t at = self->position - note * self->rate * 3 / 2;
                if (at != 0 && at != self->rate * 3 / 10) continue;
                const uint8_t bytes[] = {at == 0 ? 0x90 : 0x80, keys[note], 100};
                lv2_atom_forge_frame_time(&self->forge, i);
                lv2_atom_forge_atom(&self->forge, 3, self->midi_event);
                lv2_atom_forge_write(&self->forge, bytes, 3);
            }
    }
    lv2_atom_forge_pop(&self->forge, &sequence);
}

static void cleanup_notes(LV2_Handle instance) { free(instance); }

// And one plays SONG_FILE in the transport's time, live as well: its first sample at the session's first, again and again.

typedef struct {
    const void* ports[3];  // transport in, audio out left, right
    LV2_URID object, position, frame, speed, type_long, type_float;
    float* sound;
    int64_t length, at;
    bool rolls;
} SongPlayer;

static LV2_Handle instantiate_song(const LV2_Descriptor* descriptor, double rate, const char* path,
                                   const LV2_Feature* const* features) {
    (void)descriptor, (void)path, (void)rate;
    LV2_URID_Map* map = lv2_features_data(features, LV2_URID__map);
    if (!map) return NULL;
    SongPlayer* self = calloc(1, sizeof *self);
    self->object = map->map(map->handle, LV2_ATOM__Object);
    self->position = map->map(map->handle, LV2_TIME__Position);
    self->frame = map->map(map->handle, LV2_TIME__frame);
    self->speed = map->map(map->handle, LV2_TIME__speed);
    self->type_long = map->map(map->handle, LV2_ATOM__Long);
    self->type_float = map->map(map->handle, LV2_ATOM__Float);
    SF_INFO info = {0};
    const char* name = getenv("SONG_FILE");
    SNDFILE* file = name ? sf_open(name, SFM_READ, &info) : NULL;
    if (!file) return self;
    self->sound = calloc((size_t)info.frames, sizeof(float));
    self->length = info.channels == 1 ? sf_read_float(file, self->sound, info.frames) : 0;
    sf_close(file);
    return self;
}

static void connect_song(LV2_Handle instance, uint32_t port, void* data) {
    if (port < 3) ((SongPlayer*)instance)->ports[port] = data;
}

static void run_song(LV2_Handle instance, uint32_t frames) {
    SongPlayer* self = instance;
    float *left = (float*)self->ports[1], *right = (float*)self->ports[2];
    const LV2_Atom_Sequence* events = self->ports[0];
    uint32_t done = 0;
    const LV2_Atom_Event* event = lv2_atom_sequence_begin(&events->body);
    for (;;) {
        const bool ended = lv2_atom_sequence_is_end(&events->body, events->atom.size, event);
        const uint32_t until = ended || event->time.frames > frames ? frames : (uint32_t)event->time.frames;
        for (; done < until; ++done) {
            left[done] = right[done] = self->rolls && self->length > 0 && self->at >= 0 ? self->sound[self->at % self->length] : 0;
            self->at += self->rolls;
        }
        if (ended) break;
        const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
        if (object->atom.type == self->object && object->body.otype == self->position) {
            const LV2_Atom *frame = NULL, *speed = NULL;
            lv2_atom_object_get(object, self->frame, &frame, self->speed, &speed, 0);
            if (frame && frame->type == self->type_long) self->at = ((const LV2_Atom_Long*)frame)->body;
            if (speed && speed->type == self->type_float) self->rolls = ((const LV2_Atom_Float*)speed)->body > 0;
        }
        event = lv2_atom_sequence_next(event);
    }
}

static void cleanup_song(LV2_Handle instance) {
    free(((SongPlayer*)instance)->sound);
    free(instance);
}

static const LV2_Descriptor descriptors[] = {
    {"urn:continuo:test:player", instantiate, connect_port, NULL, run, NULL, cleanup, NULL},
    {"urn:continuo:test:note-player", instantiate_notes, connect_notes, NULL, run_notes, NULL, cleanup_notes, NULL},
    {"urn:continuo:test:song-player", instantiate_song, connect_song, NULL, run_song, NULL, cleanup_song, NULL},
};
LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) { return index < 3 ? &descriptors[index] : NULL; }
