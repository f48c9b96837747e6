/// What Continuo's plugins have in common towards LV2: URIDs, the host's log and block length, patch messages about the model file,
/// and that file in saved state. A plugin's own `Plugin` begins with a `Common`. No signal processing here.
#ifndef CONTINUO_PLUGIN_H
#define CONTINUO_PLUGIN_H

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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Longest model path in bytes, with its NUL; the engines' own limit.
#define COMMON_PATH_CAPACITY 4096

typedef struct {
    LV2_URID atom_blank, atom_int, atom_object, atom_path, atom_string, atom_urid;
    LV2_URID log_error, log_note;
    LV2_URID midi_event;
    LV2_URID nominal_block, longest_block;
    LV2_URID patch_get, patch_set, patch_property, patch_value;
    LV2_URID model_file;
} Urids;

typedef struct {
    Urids urids;
    LV2_URID_Map* map;
    LV2_Log_Log* log;
    LV2_Atom_Forge notify;
    uint32_t told_serial;  ///< of the model last announced on the notify port
    bool tell;             ///< somebody asked for the model's name
} Common;

/// One line about a model. On the engine's loading thread or the host's, never the audio thread.
static void common_report(void* context, bool is_error, const char* line) {
    const Common* common = context;
    if (common->log)
        common->log->printf(common->log->handle, is_error ? common->urids.log_error : common->urids.log_note, "%s\n", line);
    else
        fprintf(stderr, "%s\n", line);
}

/// False, with a line for the user, if the host lacks what every plugin needs.
static bool common_init(Common* common, const char* name, const char* model_file_uri, const LV2_Feature* const* features) {
    LV2_URID_Map* map = common->map = lv2_features_data(features, LV2_URID__map);
    common->log = lv2_features_data(features, LV2_LOG__log);
    if (!map) {
        // A log would need URIDs as well.
        fprintf(stderr, "%s: this host lacks the feature urid:map\n", name);
        return false;
    }
    Urids* urids = &common->urids;
    urids->atom_blank = map->map(map->handle, LV2_ATOM__Blank);
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
    urids->model_file = map->map(map->handle, model_file_uri);
    lv2_atom_forge_init(&common->notify, map);
    return true;
}

typedef struct {
    uint32_t nominal, longest;  ///< frames
} Blocks;

/// The block lengths that the host announces, made sensible.
static inline Blocks common_blocks(const Common* common, const LV2_Feature* const* features) {
    Blocks blocks = {0, 0};
    const LV2_Options_Option* option = lv2_features_data(features, LV2_OPTIONS__options);
    for (; option && option->key; ++option) {
        if (option->type != common->urids.atom_int || option->size != sizeof(int32_t) || !option->value) continue;
        const int32_t value = *(const int32_t*)option->value;
        if (value <= 0) continue;
        if (option->key == common->urids.nominal_block) blocks.nominal = (uint32_t)value;
        if (option->key == common->urids.longest_block) blocks.longest = (uint32_t)value;
    }
    if (blocks.longest < 8192) blocks.longest = 8192;
    // A host that does not name its block shows it in its first calls.
    if (!blocks.nominal || blocks.nominal > blocks.longest) blocks.nominal = 64;
    return blocks;
}

// Ports

/// A control input's value; `otherwise` if nothing is connected.
static inline float control_value(void* const* ports, int port, float otherwise) {
    const float* value = ports[port];
    return value ? *value : otherwise;
}

static inline void set_reading(void* const* ports, int port, float value) {
    float* place = ports[port];
    if (place) *place = value;
}

/// A control's value as one of the whole numbers 0 to `most`. Compared as a float first: converting one that is no number is
/// undefined.
static inline int32_t whole_value(float value, int32_t most, int32_t otherwise) {
    return value >= -0.5f && value < (float)most + 0.5f ? (int32_t)(value + 0.5f) : otherwise;
}

// Sequences and messages: every size is checked against what it lies in. LV2's own macros believe them, and a message may come
// from anywhere.

/// Whether an event lies whole inside its sequence.
static inline bool event_is_whole(const LV2_Atom_Sequence* sequence, const LV2_Atom_Event* event) {
    const uint8_t* end = (const uint8_t*)&sequence->body + sequence->atom.size;
    const size_t left = (size_t)(end - (const uint8_t*)event);
    return left >= sizeof *event && event->body.size <= left - sizeof *event;
}

/// What a patch message says; each value lies whole inside the message.
typedef struct {
    const LV2_Atom *property, *value;
} Message;

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

/// If the event is a patch:Set of the model file: its path (not ended by a NUL), and true. patch:Get sets `tell`. All else is
/// ignored.
static bool common_read_message(Common* common, const LV2_Atom_Event* event, const char** path, uint32_t* length) {
    const Urids* urids = &common->urids;
    if (event->body.type != urids->atom_object && event->body.type != urids->atom_blank) return false;
    if (event->body.size < sizeof(LV2_Atom_Object_Body)) return false;
    const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
    const Message message = read_message(urids, object);
    const LV2_Atom *property = message.property, *value = message.value;
    const bool names_model = property && property->type == urids->atom_urid && property->size >= sizeof(LV2_URID) &&
                             ((const LV2_Atom_URID*)property)->body == urids->model_file;
    if (object->body.otype == urids->patch_get) {
        if (!property || names_model) common->tell = true;
        return false;
    }
    if (object->body.otype != urids->patch_set || !names_model || !value) return false;
    if (value->type != urids->atom_path && value->type != urids->atom_string) return false;
    *path = LV2_ATOM_BODY_CONST(value);
    for (*length = 0; *length < value->size && (*path)[*length];) ++*length;
    return true;
}

/// Begins a sequence in an output port's buffer.
static inline void begin_sequence(LV2_Atom_Forge* forge, LV2_Atom_Sequence* port, LV2_Atom_Forge_Frame* frame) {
    lv2_atom_forge_set_buffer(forge, (uint8_t*)port, port->atom.size);
    lv2_atom_forge_sequence_head(forge, frame, 0);
}

/// Whether the notify port has a model's name to tell.
static inline bool common_must_tell(const Common* common, uint32_t model_serial) {
    return common->tell || common->told_serial != model_serial;
}

/// Fills the notify port: with the model's path if `path` is not NULL, else with nothing.
static void common_notify(Common* common, LV2_Atom_Sequence* port, uint32_t model_serial, const char* path, uint32_t length) {
    LV2_Atom_Forge* forge = &common->notify;
    LV2_Atom_Forge_Frame sequence, object;
    begin_sequence(forge, port, &sequence);
    if (path) {
        if (lv2_atom_forge_frame_time(forge, 0) && lv2_atom_forge_object(forge, &object, 0, common->urids.patch_set)) {
            lv2_atom_forge_key(forge, common->urids.patch_property);
            lv2_atom_forge_urid(forge, common->urids.model_file);
            lv2_atom_forge_key(forge, common->urids.patch_value);
            lv2_atom_forge_path(forge, path, length);
            lv2_atom_forge_pop(forge, &object);
        }
        common->tell = false;
        common->told_serial = model_serial;
    }
    lv2_atom_forge_pop(forge, &sequence);
}

// State: files, as paths that hosts may copy or link along with a session. The model file is one of them.

/// Stores a path under `key`; an empty one is not stored, and means: none.
static LV2_State_Status common_store_path(const Common* common, LV2_URID key, const char* path, LV2_State_Store_Function store,
                                          LV2_State_Handle handle, const LV2_Feature* const* features) {
    if (!path[0]) return LV2_STATE_SUCCESS;
    const LV2_State_Map_Path* map_path = lv2_features_data(features, LV2_STATE__mapPath);
    const LV2_State_Free_Path* free_path = lv2_features_data(features, LV2_STATE__freePath);
    char* abstract = map_path ? map_path->abstract_path(map_path->handle, path) : NULL;
    const char* stored = abstract ? abstract : path;
    const LV2_State_Status status =
        store(handle, key, stored, strlen(stored) + 1, common->urids.atom_path, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    if (abstract) free_path ? free_path->free_path(free_path->handle, abstract) : free(abstract);
    return status;
}

/// Retrieves a path into `path` of COMMON_PATH_CAPACITY bytes; a state without one makes it empty. One that is too long counts as
/// unknown.
static LV2_State_Status common_retrieve_path(const Common* common, LV2_URID key, char* path,
                                             LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle,
                                             const LV2_Feature* const* features) {
    size_t size = 0;
    uint32_t type = 0, flags = 0;
    const char* stored = retrieve(handle, key, &size, &type, &flags);
    path[0] = 0;
    if (!stored || size == 0) return LV2_STATE_SUCCESS;
    if (type != common->urids.atom_path && type != common->urids.atom_string) return LV2_STATE_ERR_BAD_TYPE;
    if (size > COMMON_PATH_CAPACITY || !memchr(stored, 0, size)) return LV2_STATE_ERR_UNKNOWN;
    const LV2_State_Map_Path* map_path = lv2_features_data(features, LV2_STATE__mapPath);
    const LV2_State_Free_Path* free_path = lv2_features_data(features, LV2_STATE__freePath);
    char* absolute = map_path ? map_path->absolute_path(map_path->handle, stored) : NULL;
    const char* found = absolute ? absolute : stored;
    const bool fits = strlen(found) < COMMON_PATH_CAPACITY;
    if (fits) memcpy(path, found, strlen(found) + 1);
    if (absolute) free_path ? free_path->free_path(free_path->handle, absolute) : free(absolute);
    return fits ? LV2_STATE_SUCCESS : LV2_STATE_ERR_UNKNOWN;
}

#endif
