/// Continuo Pitch: what LV2 asks of the plugin, translated for its engine (CPitchTracker.h). No signal processing here.
#include "../common/plugin.h"

#include "CPitchTracker.h"
#include "pitch_ports.h"

#define PITCH_URI "urn:continuo:pitch"
#define MODEL_URI PITCH_URI "#modelFile"

_Static_assert(COMMON_PATH_CAPACITY == CONTINUO_PATH_CAPACITY, "one length for paths");

typedef struct {
    Common common;
    void* ports[PORT_COUNT];
    continuo_pitch* tracker;
    continuo_pitch_io io;
    LV2_Atom_Forge midi;
} Plugin;

static float control(const Plugin* self, int port, float otherwise) { return control_value(self->ports, port, otherwise); }
static void reading(const Plugin* self, int port, float value) { set_reading(self->ports, port, value); }

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* bundle_path,
                              const LV2_Feature* const* features) {
    (void)descriptor;
    Plugin* self = calloc(1, sizeof *self);
    if (!self) return NULL;
    if (!common_init(&self->common, "Continuo Pitch", MODEL_URI, features)) {
        free(self);
        return NULL;
    }
    lv2_atom_forge_init(&self->midi, self->common.map);
    const Blocks blocks = common_blocks(&self->common, features);
    self->tracker = continuo_pitch_make(rate, blocks.nominal, blocks.longest, bundle_path, common_report, &self->common);
    if (!self->tracker) {
        common_report(&self->common, true, "Continuo Pitch: no inference thread could be started at this sample rate");
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

/// patch:Set of the model file, and patch:Get.
static void take_messages(Plugin* self) {
    const LV2_Atom_Sequence* sequence = self->ports[PORT_control];
    if (!sequence) return;
    LV2_ATOM_SEQUENCE_FOREACH(sequence, event) {
        if (!event_is_whole(sequence, event)) break;
        const char* path;
        uint32_t length;
        if (!common_read_message(&self->common, event, &path, &length)) continue;
        // Refused for its length: say what is in force.
        if (!continuo_pitch_request_file(self->tracker, path, length)) self->common.tell = true;
    }
}

static void announce_model(Plugin* self) {
    LV2_Atom_Sequence* port = self->ports[PORT_notify];
    if (!port) return;
    char path[CONTINUO_PATH_CAPACITY];
    const bool tells = common_must_tell(&self->common, self->io.model_serial);
    const uint32_t length = tells ? continuo_pitch_model_file_audio(self->tracker, path) : 0;
    common_notify(&self->common, port, self->io.model_serial, tells ? path : NULL, length);
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
        if (!lv2_atom_forge_atom(&self->midi, event->size, self->common.urids.midi_event)) break;
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
    io->model = whole_value(control(self, PORT_model, 0), 99, 0);
    io->midi_channel = whole_value(control(self, PORT_midi_channel, 1), 99, 1);
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

// State

static LV2_State_Status save(LV2_Handle instance, LV2_State_Store_Function store, LV2_State_Handle handle, uint32_t flags,
                             const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[CONTINUO_PATH_CAPACITY];
    continuo_pitch_model_file(self->tracker, path);
    return common_store_path(&self->common, self->common.urids.model_file, path, store, handle, features);
}

static LV2_State_Status restore(LV2_Handle instance, LV2_State_Retrieve_Function retrieve, LV2_State_Handle handle,
                                uint32_t flags, const LV2_Feature* const* features) {
    (void)flags;
    Plugin* self = instance;
    char path[CONTINUO_PATH_CAPACITY];
    const LV2_State_Status status =
        common_retrieve_path(&self->common, self->common.urids.model_file, path, retrieve, handle, features);
    if (status == LV2_STATE_SUCCESS) continuo_pitch_set_file(self->tracker, path);
    return status;
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
