#include "ch_atoms.h"

void ch_urids_map(ch_urids* urids, LV2_URID_Map* map) {
#define MAP(field, uri) urids->field = map->map(map->handle, uri)
    MAP(atom_blank, LV2_ATOM__Blank);
    MAP(atom_bool, LV2_ATOM__Bool);
    MAP(atom_chunk, LV2_ATOM__Chunk);
    MAP(atom_double, LV2_ATOM__Double);
    MAP(atom_float, LV2_ATOM__Float);
    MAP(atom_int, LV2_ATOM__Int);
    MAP(atom_long, LV2_ATOM__Long);
    MAP(atom_object, LV2_ATOM__Object);
    MAP(atom_path, LV2_ATOM__Path);
    MAP(atom_sequence, LV2_ATOM__Sequence);
    MAP(atom_string, LV2_ATOM__String);
    MAP(atom_uri, LV2_ATOM__URI);
    MAP(atom_urid, LV2_ATOM__URID);
    MAP(log_error, LV2_LOG__Error);
    MAP(log_note, LV2_LOG__Note);
    MAP(log_trace, LV2_LOG__Trace);
    MAP(log_warning, LV2_LOG__Warning);
    MAP(midi_event, LV2_MIDI__MidiEvent);
    MAP(patch_ack, LV2_PATCH__Ack);
    MAP(patch_error, LV2_PATCH__Error);
    MAP(patch_get, LV2_PATCH__Get);
    MAP(patch_property, LV2_PATCH__property);
    MAP(patch_put, LV2_PATCH__Put);
    MAP(patch_set, LV2_PATCH__Set);
    MAP(patch_subject, LV2_PATCH__subject);
    MAP(patch_value, LV2_PATCH__value);
    MAP(time_bar, LV2_TIME__bar);
    MAP(time_bar_beat, LV2_TIME__barBeat);
    MAP(time_beat, LV2_TIME__beat);
    MAP(time_beat_unit, LV2_TIME__beatUnit);
    MAP(time_beats_per_bar, LV2_TIME__beatsPerBar);
    MAP(time_beats_per_minute, LV2_TIME__beatsPerMinute);
    MAP(time_frame, LV2_TIME__frame);
    MAP(time_frames_per_second, LV2_TIME__framesPerSecond);
    MAP(time_position, LV2_TIME__Position);
    MAP(time_speed, LV2_TIME__speed);
#undef MAP
}

uint32_t ch_patch_set_write(
    uint8_t* buffer, uint32_t capacity, const LV2_Atom_Forge* model, const ch_urids* urids, LV2_URID property, LV2_URID type,
    uint32_t size, const void* value) {
    LV2_Atom_Forge forge = *model;
    LV2_Atom_Forge_Frame frame;
    lv2_atom_forge_set_buffer(&forge, buffer, capacity);
    bool fits = lv2_atom_forge_object(&forge, &frame, 0, urids->patch_set);
    fits = fits && lv2_atom_forge_key(&forge, urids->patch_property);
    fits = fits && lv2_atom_forge_urid(&forge, property);
    fits = fits && lv2_atom_forge_key(&forge, urids->patch_value);
    fits = fits && lv2_atom_forge_atom(&forge, size, type);
    fits = fits && (size == 0 || lv2_atom_forge_write(&forge, value, size));
    if (!fits) return 0;
    lv2_atom_forge_pop(&forge, &frame);
    return (uint32_t)sizeof(LV2_Atom) + ((const LV2_Atom*)buffer)->size;
}

uint32_t ch_patch_get_write(uint8_t* buffer, uint32_t capacity, const LV2_Atom_Forge* model, const ch_urids* urids) {
    LV2_Atom_Forge forge = *model;
    LV2_Atom_Forge_Frame frame;
    lv2_atom_forge_set_buffer(&forge, buffer, capacity);
    if (!lv2_atom_forge_object(&forge, &frame, 0, urids->patch_get)) return 0;
    lv2_atom_forge_pop(&forge, &frame);
    return (uint32_t)sizeof(LV2_Atom) + ((const LV2_Atom*)buffer)->size;
}

void ch_patch_read(
    const LV2_Atom* atom, const ch_urids* urids, void (*receive)(void* context, LV2_URID property, const LV2_Atom* value),
    void* context) {
    if (atom->type != urids->atom_object && atom->type != urids->atom_blank) return;
    if (atom->size < sizeof(LV2_Atom_Object_Body)) return;
    const LV2_Atom_Object* object = (const LV2_Atom_Object*)atom;
    if (object->body.otype == urids->patch_set) {
        const LV2_Atom* property = NULL;
        const LV2_Atom* value = NULL;
        LV2_ATOM_OBJECT_FOREACH(object, entry) {
            if (entry->key == urids->patch_property) property = &entry->value;
            if (entry->key == urids->patch_value) value = &entry->value;
        }
        if (property && value && property->type == urids->atom_urid) {
            receive(context, ((const LV2_Atom_URID*)property)->body, value);
        }
    } else if (object->body.otype == urids->patch_put) {
        const LV2_Atom* body = NULL;
        LV2_ATOM_OBJECT_FOREACH(object, entry) {
            if (entry->key == urids->patch_value || body == NULL) {
                if (entry->value.type == urids->atom_object || entry->value.type == urids->atom_blank) body = &entry->value;
            }
        }
        if (!body) return;
        LV2_ATOM_OBJECT_FOREACH((const LV2_Atom_Object*)body, entry) { receive(context, entry->key, &entry->value); }
    }
}
