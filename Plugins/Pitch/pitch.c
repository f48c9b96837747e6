/// Continuo Pitch: what LV2 asks of the plugin, translated for its engine (CPitchTracker.h). No signal processing here.
#include <lv2/atom/atom.h>
#include <lv2/atom/forge.h>
#include <lv2/atom/util.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/core/lv2.h>
#include <lv2/core/lv2_util.h>
#include <lv2/log/log.h>
#include <lv2/midi/midi.h>
#include <lv2/options/options.h>
#include <lv2/patch/patch.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CPitchTracker.h"
#include "pitch_ports.h"

#define PITCH_URI "urn:continuo:pitch"
#define MODEL_URI PITCH_URI "#modelFile"

typedef struct {
    LV2_URID atom_blank, atom_float, atom_int, atom_object, atom_path, atom_string, atom_urid;
    LV2_URID log_error, log_note;
    LV2_URID midi_event;
    LV2_URID nominal_block, longest_block;
    LV2_URID patch_get, patch_set, patch_property, patch_value, patch_subject;
    LV2_URID state_changed;
    LV2_URID model_file;
} Urids;

typedef struct {
    void* ports[PORT_COUNT];
    continuo_pitch* tracker;
    continuo_pitch_io io;
    uint32_t told_serial;  ///< of the model last announced on the notify port
    bool tell;             ///< somebody asked for the model's name
    Urids urids;
    LV2_URID_Map* map;
    LV2_Log_Log* log;
    LV2_Atom_Forge notify, midi;
} Plugin;

static float control(const Plugin* self, int port, float otherwise) {
    const float* value = self->ports[port];
    return value ? *value : otherwise;
}

static void reading(const Plugin* self, int port, float value) {
    float* place = self->ports[port];
    if (place) *place = value;
}

static void map_urids(Plugin* self) {
    LV2_URID_Map* map = self->map;
    Urids* urids = &self->urids;
    urids->atom_blank = map->map(map->handle, LV2_ATOM__Blank);
    urids->atom_float = map->map(map->handle, LV2_ATOM__Float);
    urids->atom_int = map->map(map->handle, LV2_ATOM__Int);
    urids->atom_object = map->map(map->handle, LV2_ATOM__Object);
    urids->atom_path = map->map(map->handle, LV2_ATOM__Path);
    urids->atom_string = map->map(map->handle, LV2_ATOM__String);
    urids->atom_urid = map->map(map->handle, LV2_ATOM__URID);
    urids->log_error = map->map(map->handle, LV2_LOG__Error);
    urids->log_note = map->map(map->handle, LV2_LOG__Note);
    urids->midi_event = map->map(map->handle, LV2_MIDI__MidiEvent);
    urids->nominal_block = map->map(map->handle, LV2_BUF_SIZE__nominalBlockLength);
    urids->longest_block = map->map(map->handle, LV2_BUF_SIZE__maxBlockLength);
    urids->patch_get = map->map(map->handle, LV2_PATCH__Get);
    urids->patch_set = map->map(map->handle, LV2_PATCH__Set);
    urids->patch_property = map->map(map->handle, LV2_PATCH__property);
    urids->patch_value = map->map(map->handle, LV2_PATCH__value);
    urids->patch_subject = map->map(map->handle, LV2_PATCH__subject);
    urids->state_changed = map->map(map->handle, LV2_STATE__StateChanged);
    urids->model_file = map->map(map->handle, MODEL_URI);
}

/// On the engine's loading thread or the host's, never the audio thread.
static void report(void* context, bool is_error, const char* line) {
    Plugin* self = context;
    if (self->log)
        self->log->printf(self->log->handle, is_error ? self->urids.log_error : self->urids.log_note, "%s\n", line);
    else
        fprintf(stderr, "%s\n", line);
}

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* bundle_path,
                              const LV2_Feature* const* features) {
    (void)descriptor;
    Plugin* self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->map = lv2_features_data(features, LV2_URID__map);
    self->log = lv2_features_data(features, LV2_LOG__log);
    if (!self->map) {
        report(self, true, "Continuo Pitch: this host lacks the feature urid:map");
        free(self);
        return NULL;
    }
    map_urids(self);
    lv2_atom_forge_init(&self->notify, self->map);
    lv2_atom_forge_init(&self->midi, self->map);

    uint32_t nominal = 0, longest = 0;
    const LV2_Options_Option* option = lv2_features_data(features, LV2_OPTIONS__options);
    for (; option && option->key; ++option) {
        if (option->type != self->urids.atom_int || option->size != sizeof(int32_t) || !option->value) continue;
        const int32_t value = *(const int32_t*)option->value;
        if (value <= 0) continue;
        if (option->key == self->urids.nominal_block) nominal = (uint32_t)value;
        if (option->key == self->urids.longest_block) longest = (uint32_t)value;
    }
    if (longest < 8192) longest = 8192;
    // A host that does not name its block shows it in its first calls.
    if (!nominal || nominal > longest) nominal = 64;

    self->tracker = continuo_pitch_make(rate, nominal, longest, bundle_path, report, self);
    if (!self->tracker) {
        report(self, true, "Continuo Pitch: no inference thread could be started at this sample rate");
        free(self);
        return NULL;
    }
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void* data) {
    if (port < PORT_COUNT) ((Plugin*)instance)->ports[port] = data;
}

static void activate(LV2_Handle instance) { continuo_pitch_activate(((Plugin*)instance)->tracker); }

static void cleanup(LV2_Handle instance) {
    continuo_pitch_free(((Plugin*)instance)->tracker);
    free(instance);
}

// Running

/// What a patch message says; each value lies whole inside the message.
typedef struct {
    const LV2_Atom *property, *value;
} Message;

/// Every size is checked against what it lies in: LV2's own macros believe them, and a message may come from anywhere.
static Message read_message(const Urids* urids, const LV2_Atom_Object* object) {
    Message message = {NULL, NULL};
    const uint8_t* end = (const uint8_t*)&object->body + object->atom.size;
    LV2_ATOM_OBJECT_FOREACH(object, property) {
        const size_t left = (size_t)(end - (const uint8_t*)property);
        if (left < sizeof *property || property->value.size > left - sizeof *property) break;
        if (property->key == urids->patch_property) message.property = &property->value;
        if (property->key == urids->patch_value) message.value = &property->value;
    }
    return message;
}

/// patch:Set of the model file, and patch:Get.
static void take_messages(Plugin* self) {
    const LV2_Atom_Sequence* sequence = self->ports[PORT_control];
    if (!sequence) return;
    const Urids* urids = &self->urids;
    const uint8_t* end = (const uint8_t*)&sequence->body + sequence->atom.size;
    LV2_ATOM_SEQUENCE_FOREACH(sequence, event) {
        const size_t left = (size_t)(end - (const uint8_t*)event);
        if (left < sizeof *event || event->body.size > left - sizeof *event) break;
        if (event->body.type != urids->atom_object && event->body.type != urids->atom_blank) continue;
        if (event->body.size < sizeof(LV2_Atom_Object_Body)) continue;
        const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
        const Message message = read_message(urids, object);
        const LV2_Atom *property = message.property, *value = message.value;
        const bool names_model = property && property->type == urids->atom_urid && property->size >= sizeof(LV2_URID) &&
                                 ((const LV2_Atom_URID*)property)->body == urids->model_file;
        if (object->body.otype == urids->patch_get) {
            if (!property || names_model) self->tell = true;
        } else if (object->body.otype == urids->patch_set && names_model && value) {
            if (value->type != urids->atom_path && value->type != urids->atom_string) continue;
            const char* path = LV2_ATOM_BODY_CONST(value);
            uint32_t length = 0;
            while (length < value->size && path[length]) ++length;
            // Refused for its length: say what is in force.
            if (!continuo_pitch_request_file(self->tracker, path, length)) self->tell = true;
        }
    }
}

static void begin_sequence(LV2_Atom_Forge* forge, LV2_Atom_Sequence* port, LV2_Atom_Forge_Frame* frame) {
    lv2_atom_forge_set_buffer(forge, (uint8_t*)port, port->atom.size);
    lv2_atom_forge_sequence_head(forge, frame, 0);
}

static void announce_model(Plugin* self) {
    LV2_Atom_Sequence* port = self->ports[PORT_notify];
    if (!port) return;
    LV2_Atom_Forge* forge = &self->notify;
    LV2_Atom_Forge_Frame sequence, object;
    begin_sequence(forge, port, &sequence);
    if (self->tell || self->told_serial != self->io.model_serial) {
        char path[CONTINUO_PATH_CAPACITY];
        const uint32_t length = continuo_pitch_model_file_audio(self->tracker, path);
        if (lv2_atom_forge_frame_time(forge, 0) && lv2_atom_forge_object(forge, &object, 0, self->urids.patch_set)) {
            lv2_atom_forge_key(forge, self->urids.patch_property);
            lv2_atom_forge_urid(forge, self->urids.model_file);
            lv2_atom_forge_key(forge, self->urids.patch_value);
            lv2_atom_forge_path(forge, path, length);
            lv2_atom_forge_pop(forge, &object);
        }
        self->tell = false;
        self->told_serial = self->io.model_serial;
    }
    lv2_atom_forge_pop(forge, &sequence);
}

static void send_midi(Plugin* self) {
    LV2_Atom_Sequence* port = self->ports[PORT_midi_out];
    if (!port) return;
    LV2_Atom_Forge_Frame sequence;
    begin_sequence(&self->midi, port, &sequence);
    for (uint32_t i = 0; i < self->io.event_count; ++i) {
        const continuo_midi_event* event = &self->io.events[i];
        // Where the host's buffer ends, so that no event is written in part.
        if (self->midi.offset + sizeof(LV2_Atom_Event) + 8 > self->midi.size) break;
        if (!lv2_atom_forge_frame_time(&self->midi, event->frame)) break;
        if (!lv2_atom_forge_atom(&self->midi, event->size, self->urids.midi_event)) break;
        if (!lv2_atom_forge_write(&self->midi, event->bytes, event->size)) break;
    }
    lv2_atom_forge_pop(&self->midi, &sequence);
}

static void run(LV2_Handle instance, uint32_t frames) {
    Plugin* self = instance;
    continuo_pitch_io* io = &self->io;
    take_messages(self);
    io->frames = frames;
    io->input = self->ports[PORT_in];
    io->output = self->ports[PORT_out];
    io->cv_pitch = self->ports[PORT_cv_pitch];
    io->cv_gate = self->ports[PORT_cv_gate];
    io->cv_level = self->ports[PORT_cv_level];
    io->enabled = control(self, PORT_enabled, 1) > 0;
    io->freewheeling = control(self, PORT_freewheel, 0) > 0;
    // Compared as floats first: converting one that is no number is undefined.
    const float model = control(self, PORT_model, 0), channel = control(self, PORT_midi_channel, 1);
    io->model = model >= 0.5f && model < 100 ? (int32_t)(model + 0.5f) : 0;
    io->midi_channel = channel >= 1 && channel < 100 ? (int32_t)(channel + 0.5f) : 1;
    io->hop = control(self, PORT_hop, 10);
    io->confidence = control(self, PORT_confidence, 0.5f);
    io->hysteresis = control(self, PORT_hysteresis, 0.2f);
    io->gate = control(self, PORT_gate, -55);
    io->lowest = control(self, PORT_lowest, 32);
    io->highest = control(self, PORT_highest, 2000);
    io->a4 = control(self, PORT_a4, 440);
    io->minimum_note = control(self, PORT_minimum_note, 50);
    io->bend_range = control(self, PORT_bend_range, 2);
    continuo_pitch_process(self->tracker, io);
    reading(self, PORT_frequency, io->frequency);
    reading(self, PORT_note, io->note);
    reading(self, PORT_confidence_now, io->confidence_now);
    reading(self, PORT_level, io->level);
    reading(self, PORT_tracking_delay, io->tracking_delay);
    reading(self, PORT_late_frames, io->late_frames);
    reading(self, PORT_status, (float)io->status);
    send_midi(self);
    announce_model(self);
}

// State: the model file, as a path that hosts may copy or link along with a session.

static LV2_State_Status save(LV2_Handle instance, LV2_State_Store_Function store, LV2_State_Handle handle, uint32_t flags,
                             const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[CONTINUO_PATH_CAPACITY];
    const uint32_t length = continuo_pitch_model_file(self->tracker, path);
    if (length == 0) return LV2_STATE_SUCCESS;
    const LV2_State_Map_Path* map_path = lv2_features_data(features, LV2_STATE__mapPath);
    const LV2_State_Free_Path* free_path = lv2_features_data(features, LV2_STATE__freePath);
    char* abstract = map_path ? map_path->abstract_path(map_path->handle, path) : NULL;
    const char* stored = abstract ? abstract : path;
    const LV2_State_Status status = store(handle, self->urids.model_file, stored, strlen(stored) + 1,
                                          self->urids.atom_path, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    if (abstract) free_path ? free_path->free_path(free_path->handle, abstract) : free(abstract);
    return status;
}

static LV2_State_Status restore(LV2_Handle instance, LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle,
                                uint32_t flags, const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    size_t size = 0;
    uint32_t type = 0, value_flags = 0;
    const char* stored = retrieve(handle, self->urids.model_file, &size, &type, &value_flags);
    // A state without a model file means: none.
    if (!stored || size == 0) {
        continuo_pitch_set_file(self->tracker, "");
        return LV2_STATE_SUCCESS;
    }
    if (type != self->urids.atom_path && type != self->urids.atom_string) return LV2_STATE_ERR_BAD_TYPE;
    if (size > CONTINUO_PATH_CAPACITY || !memchr(stored, 0, size)) return LV2_STATE_ERR_UNKNOWN;
    const LV2_State_Map_Path* map_path = lv2_features_data(features, LV2_STATE__mapPath);
    const LV2_State_Free_Path* free_path = lv2_features_data(features, LV2_STATE__freePath);
    char* absolute = map_path ? map_path->absolute_path(map_path->handle, stored) : NULL;
    continuo_pitch_set_file(self->tracker, absolute ? absolute : stored);
    if (absolute) free_path ? free_path->free_path(free_path->handle, absolute) : free(absolute);
    return LV2_STATE_SUCCESS;
}

static const void* extension_data(const char* uri) {
    static const LV2_State_Interface state = {save, restore};
    return strcmp(uri, LV2_STATE__interface) == 0 ? &state : NULL;
}

static const LV2_Descriptor descriptors[] = {
    {PITCH_URI, instantiate, connect_port, activate, run, NULL, cleanup, extension_data},
    // The same with three CV outputs, which some hosts refuse: in the first they are never connected.
    {PITCH_URI ":cv", instantiate, connect_port, activate, run, NULL, cleanup, extension_data},
};

LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) {
    return index < sizeof descriptors / sizeof descriptors[0] ? &descriptors[index] : NULL;
}
