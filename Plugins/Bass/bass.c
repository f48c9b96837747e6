/// Continuo Bass: what LV2 asks of the plugin, translated for its engine (CBassGenerator.h). No signal processing here.
#include <lv2/time/time.h>
#include <math.h>

#include "../common/plugin.h"

#include "CBassGenerator.h"
#include "bass_ports.h"
#include "sound_files.h"

#define BASS_URI "urn:continuo:bass"

_Static_assert(COMMON_PATH_CAPACITY == CONTINUO_BASS_PATH_CAPACITY, "one length for paths");

/// Positions and notes of a block; a bass plays a few notes a second.
#define POSITION_CAPACITY 64
#define EVENT_CAPACITY 256
/// Seconds that a saved recording may last.
#define LONGEST_RECORDING 130

typedef struct {
    LV2_URID atom_double, atom_float, atom_long;
    LV2_URID time_position, time_speed, time_bar, time_bar_beat, time_beats_per_bar, time_beat_unit, time_beats_per_minute;
    LV2_URID player, kept;
    LV2_URID recordings[CONTINUO_BASS_RECORDINGS];
} BassUrids;

typedef struct {
    Common common;
    BassUrids urids;
    LV2_Atom_Forge midi;
    void* ports[BASS_PORT_COUNT];
    continuo_bass* bass;
    continuo_bass_io io;
    /// The folder of the styles that come with the plugin, with a slash at its end.
    char styles[COMMON_PATH_CAPACITY];
    /// What the transport said last: a host may tell only what has changed.
    continuo_bass_position position;
    bool has_bars;  ///< and where in which bar it is
    continuo_bass_position positions[POSITION_CAPACITY];
    continuo_bass_event events[EVENT_CAPACITY];
} Plugin;

/// The files of a session, and the last parts of their keys' URIs.
static const char* const recording_files[CONTINUO_BASS_RECORDINGS] = {
    "mix.wav",    "style.wav",  "take-1.wav", "take-2.wav", "take-3.wav",
    "take-4.wav", "take-5.wav", "take-6.wav", "take-7.wav", "take-8.wav",
};

static void map_urids(BassUrids* urids, LV2_URID_Map* map) {
    urids->atom_double = map->map(map->handle, LV2_ATOM__Double);
    urids->atom_float = map->map(map->handle, LV2_ATOM__Float);
    urids->atom_long = map->map(map->handle, LV2_ATOM__Long);
    urids->time_position = map->map(map->handle, LV2_TIME__Position);
    urids->time_speed = map->map(map->handle, LV2_TIME__speed);
    urids->time_bar = map->map(map->handle, LV2_TIME__bar);
    urids->time_bar_beat = map->map(map->handle, LV2_TIME__barBeat);
    urids->time_beats_per_bar = map->map(map->handle, LV2_TIME__beatsPerBar);
    urids->time_beat_unit = map->map(map->handle, LV2_TIME__beatUnit);
    urids->time_beats_per_minute = map->map(map->handle, LV2_TIME__beatsPerMinute);
    urids->player = map->map(map->handle, BASS_URI "#player");
    urids->kept = map->map(map->handle, BASS_URI "#kept");
    for (int i = 0; i < CONTINUO_BASS_RECORDINGS; ++i) {
        char uri[64];
        // Without ".wav".
        snprintf(uri, sizeof uri, BASS_URI "#%.*s", (int)strlen(recording_files[i]) - 4, recording_files[i]);
        urids->recordings[i] = map->map(map->handle, uri);
    }
}

/// One line: what, about which file.
static void report_file(const Plugin* self, const char* path, const char* what, const char* cause) {
    char line[COMMON_PATH_CAPACITY + 2 * SOUND_FILE_MESSAGE];
    snprintf(line, sizeof line, "Continuo Bass: %s %s: %s", path, what, cause);
    common_report((void*)&self->common, true, line);
}

/// Reads a style for the engine (continuo_bass_read).
static bool read_style(void* context, const char* path, uint32_t seconds, continuo_bass_sound* style) {
    const Plugin* self = context;
    Sound sound;
    char message[SOUND_FILE_MESSAGE];
    if (!sound_read(path, seconds, &sound, message)) {
        report_file(self, path, "cannot be the style", message);
        return false;
    }
    free(sound.details);
    *style = (continuo_bass_sound){sound.samples, sound.count, sound.sample_rate};
    return true;
}

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* bundle_path,
                              const LV2_Feature* const* features) {
    (void)descriptor;
    Plugin* self = calloc(1, sizeof *self);
    if (!self) return NULL;
    if (!common_init(&self->common, "Continuo Bass", BASS_URI "#style", features)) {
        free(self);
        return NULL;
    }
    LV2_URID_Map* map = self->common.map;
    map_urids(&self->urids, map);
    lv2_atom_forge_init(&self->midi, map);
    const size_t length = strlen(bundle_path);
    snprintf(self->styles, sizeof self->styles, "%s%sstyles/", bundle_path, length && bundle_path[length - 1] == '/' ? "" : "/");
    // Until a host says otherwise; one that tells no tempo means this one.
    self->position = (continuo_bass_position){
        .speed = 0, .beats_per_bar = 4, .beat_unit = 4, .beats_per_minute = 120,
    };
    self->bass = continuo_bass_make(rate, bundle_path, common_report, read_style, self);
    if (!self->bass) {
        common_report(&self->common, true, "Continuo Bass: no thread could be started at this sample rate");
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
static double number(const Plugin* self, const LV2_Atom* atom, double otherwise) {
    const BassUrids* urids = &self->urids;
    const void* body = atom + 1;
    if (atom->type == urids->atom_float && atom->size >= sizeof(float)) return *(const float*)body;
    if (atom->type == self->common.urids.atom_int && atom->size >= sizeof(int32_t)) return *(const int32_t*)body;
    if (atom->size < 8) return otherwise;
    if (atom->type == urids->atom_double) return ((const LV2_Atom_Double*)atom)->body;
    if (atom->type == urids->atom_long) return (double)((const LV2_Atom_Long*)atom)->body;
    return otherwise;
}

/// What a time:Position says, laid over what was known. Every size is checked against what it lies in. False: nothing about bars;
/// a transport without any (JACK's without a timebase) does not stop the player's own.
static bool read_position(Plugin* self, const LV2_Atom_Object* object) {
    const BassUrids* urids = &self->urids;
    continuo_bass_position* position = &self->position;
    const uint8_t* end = (const uint8_t*)&object->body + object->atom.size;
    bool has_place = false;
    LV2_ATOM_OBJECT_FOREACH(object, property) {
        const size_t left = (size_t)(end - (const uint8_t*)property);
        if (left < sizeof *property || property->value.size > left - sizeof *property) break;
        const double value = number(self, &property->value, NAN);
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

/// The block's positions for the engine; a style that somebody sets is asked for.
static void take_events(Plugin* self, uint32_t frames) {
    const Urids* urids = &self->common.urids;
    const LV2_Atom_Sequence* sequence = self->ports[BASS_PORT_control];
    uint32_t count = 0;
    if (sequence) {
        LV2_ATOM_SEQUENCE_FOREACH(sequence, event) {
            if (!event_is_whole(sequence, event)) break;
            const char* path;
            uint32_t length;
            if (common_read_message(&self->common, event, &path, &length)) {
                // Refused for its length: say what is in force.
                if (!continuo_bass_request_style(self->bass, path, length)) self->common.tell = true;
                continue;
            }
            if (event->body.type != urids->atom_object && event->body.type != urids->atom_blank) continue;
            if (event->body.size < sizeof(LV2_Atom_Object_Body)) continue;
            const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
            if (object->body.otype != self->urids.time_position) continue;
            self->has_bars |= read_position(self, object);
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
    begin_sequence(&self->midi, port, &frame);
    for (uint32_t i = 0; i < self->io.event_count; ++i) {
        const continuo_bass_event* event = &self->events[i];
        if (!lv2_atom_forge_frame_time(&self->midi, event->frame)) break;
        if (!lv2_atom_forge_atom(&self->midi, 3, self->common.urids.midi_event)) break;
        lv2_atom_forge_write(&self->midi, event->bytes, 3);
    }
    lv2_atom_forge_pop(&self->midi, &frame);
}

static void announce_style(Plugin* self) {
    LV2_Atom_Sequence* port = self->ports[BASS_PORT_notify];
    if (!port) return;
    char path[COMMON_PATH_CAPACITY];
    const bool tells = common_must_tell(&self->common, self->io.style_serial);
    const uint32_t length = tells ? continuo_bass_style_audio(self->bass, path) : 0;
    common_notify(&self->common, port, self->io.style_serial, tells ? path : NULL, length);
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
    io->enabled = control_value(self->ports, BASS_PORT_enabled, 1) > 0;
    io->freewheeling = control_value(self->ports, BASS_PORT_freewheel, 0) > 0;
    // What is not connected: the default.
#define TAKE(symbol, name) io->controls[CONTINUO_BASS_##name] = control_value(self->ports, BASS_PORT_##symbol, NAN);
    BASS_CONTROLS(TAKE)
#undef TAKE
    io->events = self->events;
    io->event_capacity = EVENT_CAPACITY;
    take_events(self, frames);
    continuo_bass_process(self->bass, io);
    put_midi(self);
    announce_style(self);
    set_reading(self->ports, BASS_PORT_state, (float)io->state);
    set_reading(self->ports, BASS_PORT_progress, io->progress);
    set_reading(self->ports, BASS_PORT_takes, (float)io->takes);
    set_reading(self->ports, BASS_PORT_newest, (float)io->newest);
    set_reading(self->ports, BASS_PORT_playing, (float)io->playing);
    set_reading(self->ports, BASS_PORT_seconds_per_take, io->seconds_per_take);
    set_reading(self->ports, BASS_PORT_late, (float)io->late);
}

// State: the style, as a file of the user's or as one of the bundle's by name, and the recordings as files that the host keeps. A preset
// names a style alone: then mix and takes stay.

#define STYLE_SUFFIX ".flac"

/// The name of a style that comes with the plugin, if `path` is one (its length); 0: it is not.
static size_t player_name(const Plugin* self, const char* path, const char** name) {
    const size_t folder = strlen(self->styles), length = strlen(path), suffix = strlen(STYLE_SUFFIX);
    if (length <= folder + suffix || strncmp(path, self->styles, folder)) return 0;
    *name = path + folder;
    return strcmp(path + length - suffix, STYLE_SUFFIX) || strchr(*name, '/') ? 0 : length - folder - suffix;
}

/// Stores a recording in a file of the host's; false, with a line for the user, if that cannot be done.
static bool save_recording(Plugin* self, int index, const continuo_bass_recording* recording, LV2_State_Store_Function store,
                           LV2_State_Handle handle, const LV2_Feature* const* features) {
    const LV2_State_Make_Path* make_path = lv2_features_data(features, LV2_STATE__makePath);
    const LV2_State_Free_Path* free_path = lv2_features_data(features, LV2_STATE__freePath);
    char* path = make_path->path(make_path->handle, recording_files[index]);
    if (!path) {
        report_file(self, recording_files[index], "cannot be kept", "the host gives no place for it");
        return false;
    }
    char message[SOUND_FILE_MESSAGE];
    const bool is_written = sound_write(path, recording->samples, recording->count, recording->sample_rate, recording->details,
                                        recording->details_size, message);
    if (!is_written)
        report_file(self, path, "cannot be written", message);
    else
        common_store_path(&self->common, self->urids.recordings[index], path, store, handle, features);
    free_path ? free_path->free_path(free_path->handle, path) : free(path);
    return is_written;
}

static LV2_State_Status save(LV2_Handle instance, LV2_State_Store_Function store, LV2_State_Handle handle, uint32_t flags,
                             const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[COMMON_PATH_CAPACITY];
    const char* player = NULL;
    continuo_bass_style(self->bass, path);
    const size_t length = player_name(self, path, &player);
    LV2_State_Status status;
    if (length > 0) {
        char name[COMMON_PATH_CAPACITY];
        snprintf(name, sizeof name, "%.*s", (int)length, player);
        status = store(handle, self->urids.player, name, length + 1, self->common.urids.atom_string,
                       LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    } else {
        status = common_store_path(&self->common, self->common.urids.model_file, path, store, handle, features);
    }
    continuo_bass_kept* kept = continuo_bass_keep(self->bass);
    const bool has_place = lv2_features_data(features, LV2_STATE__makePath) != NULL;
    bool is_left_out = false;
    for (int i = 0; i < CONTINUO_BASS_RECORDINGS; ++i) {
        const continuo_bass_recording recording = continuo_bass_kept_recording(kept, i);
        if (!recording.samples) continue;
        if (has_place)
            save_recording(self, i, &recording, store, handle, features);
        else
            is_left_out = true;
    }
    continuo_bass_let_go(kept);
    if (is_left_out)
        common_report(&self->common, true, "Continuo Bass: this host gives no place for files (state:makePath): takes are not saved");
    // What tells a session, in which there may be no takes, from a preset, which has nothing to say of them.
    const int32_t version = 1;
    if (has_place && status == LV2_STATE_SUCCESS)
        status = store(handle, self->urids.kept, &version, sizeof version, self->common.urids.atom_int,
                       LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    return status;
}

/// The path of the style that a state means, by name or as a file; empty: none.
static LV2_State_Status saved_style(const Plugin* self, char* path, LV2_State_Retrieve_Function retrieve,
                                    LV2_State_Handle handle, const LV2_Feature* const* features) {
    size_t size = 0;
    uint32_t type = 0, flags = 0;
    const char* name = retrieve(handle, self->urids.player, &size, &type, &flags);
    if (!name || type != self->common.urids.atom_string || !memchr(name, 0, size) || !name[0])
        return common_retrieve_path(&self->common, self->common.urids.model_file, path, retrieve, handle, features);
    path[0] = 0;
    if (strchr(name, '/') || snprintf(path, COMMON_PATH_CAPACITY, "%s%s" STYLE_SUFFIX, self->styles, name) >= COMMON_PATH_CAPACITY) {
        path[0] = 0;
        report_file(self, name, "cannot be the style", "that is no player's name");
    }
    return LV2_STATE_SUCCESS;
}

static void restore_recordings(Plugin* self, LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle,
                               const LV2_Feature* const* features) {
    Sound sounds[CONTINUO_BASS_RECORDINGS] = {0};
    continuo_bass_recording recordings[CONTINUO_BASS_RECORDINGS] = {0};
    char path[COMMON_PATH_CAPACITY];
    for (int i = 0; i < CONTINUO_BASS_RECORDINGS; ++i) {
        const LV2_URID key = self->urids.recordings[i];
        if (common_retrieve_path(&self->common, key, path, retrieve, handle, features) != LV2_STATE_SUCCESS || !path[0]) continue;
        char message[SOUND_FILE_MESSAGE];
        if (!sound_read(path, LONGEST_RECORDING, &sounds[i], message)) {
            report_file(self, path, "is lost", message);
            continue;
        }
        recordings[i] = (continuo_bass_recording){
            sounds[i].samples, sounds[i].count, sounds[i].sample_rate, sounds[i].details, sounds[i].details_size,
        };
    }
    const uint32_t refused = continuo_bass_restore(self->bass, recordings);
    for (int i = 0; i < CONTINUO_BASS_RECORDINGS; ++i) {
        if (refused >> i & 1) {
            common_retrieve_path(&self->common, self->urids.recordings[i], path, retrieve, handle, features);
            report_file(self, path, "is lost", "it is no recording of this plugin's, or it is damaged");
        }
        sound_free(&sounds[i]);
    }
}

static LV2_State_Status restore(LV2_Handle instance, LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle,
                                uint32_t flags, const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[COMMON_PATH_CAPACITY];
    const LV2_State_Status status = saved_style(self, path, retrieve, handle, features);
    if (status != LV2_STATE_SUCCESS) return status;
    continuo_bass_set_style(self->bass, path);
    size_t size = 0;
    uint32_t type = 0, kept_flags = 0;
    if (retrieve(handle, self->urids.kept, &size, &type, &kept_flags)) restore_recordings(self, retrieve, handle, features);
    return LV2_STATE_SUCCESS;
}

static const void* extension_data(const char* uri) {
    static const LV2_State_Interface state = {save, restore};
    return strcmp(uri, LV2_STATE__interface) == 0 ? &state : NULL;
}

static const LV2_Descriptor descriptor = {BASS_URI, instantiate, connect_port, activate, run, NULL, cleanup, extension_data};

LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }
