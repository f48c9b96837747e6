/// A test's LV2 plugin: audio passes through, and what comes over MIDI is written to a text file (`seconds status first second`, with
/// seconds since the first sample that was not silent) when the plugin is freed and every second before. The file is named by
/// NOTE_LOGGER_FILE. Its first line is `# rate N`.
#include <lv2/atom/atom.h>
#include <lv2/atom/util.h>
#include <lv2/core/lv2.h>
#include <lv2/core/lv2_util.h>
#include <lv2/midi/midi.h>
#include <lv2/urid/urid.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t frame;
    uint8_t bytes[3];
} Message;

typedef struct {
    const void* ports[3];  // MIDI in, audio in, audio out
    LV2_URID midi_event;
    double rate;
    int64_t frame, start, saved;
    int count, saved_count;
    Message messages[65536];
} Logger;

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* path,
                              const LV2_Feature* const* features) {
    (void)descriptor, (void)path;
    LV2_URID_Map* map = lv2_features_data(features, LV2_URID__map);
    if (!map) return NULL;
    Logger* self = calloc(1, sizeof *self);
    self->midi_event = map->map(map->handle, LV2_MIDI__MidiEvent);
    self->rate = rate;
    self->start = -1;
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void* data) {
    if (port < 3) ((Logger*)instance)->ports[port] = data;
}

/// In run() too: this is no plugin to play with.
static void save(const Logger* self) {
    const char* path = getenv("NOTE_LOGGER_FILE");
    if (!path || self->start < 0) return;
    FILE* file = fopen(path, "w");
    if (!file) return;
    for (int i = 0; i < self->count; ++i) {
        const Message* m = &self->messages[i];
        fprintf(file, "%.9f %d %d %d\n", (double)(m->frame - self->start) / self->rate, m->bytes[0], m->bytes[1], m->bytes[2]);
    }
    fclose(file);
}

static void run(LV2_Handle instance, uint32_t frames) {
    Logger* self = instance;
    const LV2_Atom_Sequence* midi = self->ports[0];
    const float* in = self->ports[1];
    for (uint32_t i = 0; i < frames && self->start < 0; ++i)
        if (in[i] != 0) self->start = self->frame + i;
    if (midi) {
        LV2_ATOM_SEQUENCE_FOREACH(midi, event) {
            if (event->body.type != self->midi_event || event->body.size > 3 || self->count == 65536) continue;
            Message* m = &self->messages[self->count++];
            m->frame = self->frame + event->time.frames;
            memcpy(m->bytes, event + 1, event->body.size);
        }
    }
    if (self->ports[2] != in) memmove((void*)self->ports[2], in, frames * sizeof(float));
    self->frame += frames;
    if (self->count > self->saved_count && self->frame - self->saved > self->rate) {
        save(self);
        self->saved = self->frame;
        self->saved_count = self->count;
    }
}

static void cleanup(LV2_Handle instance) {
    save(instance);
    free(instance);
}

static const LV2_Descriptor descriptor = {"urn:continuo:test:note-logger", instantiate, connect_port, NULL, run, NULL, cleanup, NULL};
LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }
