/// Atom sequences, time:Position and patch messages.
#ifndef CH_ATOMS_H
#define CH_ATOMS_H

#include <lv2/atom/atom.h>
#include <lv2/atom/forge.h>
#include <lv2/atom/util.h>
#include <lv2/log/log.h>
#include <lv2/midi/midi.h>
#include <lv2/patch/patch.h>
#include <lv2/time/time.h>
#include <lv2/urid/urid.h>

#include "CRealtime.h"

/// The URIDs that the host itself uses, mapped once.
typedef struct {
    LV2_URID atom_blank, atom_bool, atom_chunk, atom_double, atom_float, atom_int, atom_long, atom_object, atom_path;
    LV2_URID atom_sequence, atom_string, atom_uri, atom_urid;
    LV2_URID log_error, log_note, log_trace, log_warning;
    LV2_URID midi_event;
    LV2_URID patch_ack, patch_error, patch_get, patch_property, patch_put, patch_set, patch_subject, patch_value;
    LV2_URID time_bar, time_bar_beat, time_beat, time_beat_unit, time_beats_per_bar, time_beats_per_minute, time_frame;
    LV2_URID time_frames_per_second, time_position, time_speed;
} ch_urids;

void ch_urids_map(ch_urids* urids, LV2_URID_Map* map);

// MARK: Sequences

/// An input sequence with no events.
CR_REALTIME void ch_sequence_clear(LV2_Atom_Sequence* sequence, const ch_urids* urids) {
    sequence->atom.type = urids->atom_sequence;
    sequence->atom.size = sizeof(LV2_Atom_Sequence_Body);
    sequence->body.unit = 0;
    sequence->body.pad = 0;
}

/// An output buffer of `capacity` bytes in all, as a plugin expects to find it.
CR_REALTIME void ch_sequence_offer(LV2_Atom_Sequence* sequence, uint32_t capacity, const ch_urids* urids) {
    sequence->atom.type = urids->atom_chunk;
    sequence->atom.size = capacity - (uint32_t)sizeof(LV2_Atom);
    sequence->body.unit = 0;
    sequence->body.pad = 0;
}

/// Appends an event; false if it does not fit. Events must come in order of time.
CR_REALTIME bool ch_sequence_append(
    LV2_Atom_Sequence* sequence, uint32_t capacity, int64_t frames, LV2_URID type, uint32_t size, const void* body) {
    const uint32_t used = (uint32_t)sizeof(LV2_Atom) + lv2_atom_pad_size(sequence->atom.size);
    if ((uint64_t)used + sizeof(LV2_Atom_Event) + size > capacity) return false;
    LV2_Atom_Event* event = (LV2_Atom_Event*)((uint8_t*)sequence + used);
    event->time.frames = frames;
    event->body.type = type;
    event->body.size = size;
    memcpy(event + 1, body, size);
    sequence->atom.size = used - (uint32_t)sizeof(LV2_Atom) + (uint32_t)sizeof(LV2_Atom_Event) + size;
    return true;
}

/// The event at `at` if all of it lies within the sequence, or NULL.
CR_REALTIME const LV2_Atom_Event* ch_sequence_event_at(const LV2_Atom_Sequence* sequence, const uint8_t* at) {
    const uint8_t* end = (const uint8_t*)&sequence->body + sequence->atom.size;
    if (at + sizeof(LV2_Atom_Event) > end) return NULL;
    const LV2_Atom_Event* event = (const LV2_Atom_Event*)at;
    return event->body.size <= (size_t)(end - at) - sizeof(LV2_Atom_Event) ? event : NULL;
}

/// The first event of a sequence, or NULL: also if what a plugin left there is no sequence.
CR_REALTIME const LV2_Atom_Event* ch_sequence_first(const LV2_Atom_Sequence* sequence, const ch_urids* urids) {
    if (sequence->atom.type != urids->atom_sequence || sequence->atom.size <= sizeof(LV2_Atom_Sequence_Body)) return NULL;
    return ch_sequence_event_at(sequence, (const uint8_t*)(&sequence->body + 1));
}

/// The event after `event`, or NULL at the end.
CR_REALTIME const LV2_Atom_Event* ch_sequence_next(const LV2_Atom_Sequence* sequence, const LV2_Atom_Event* event) {
    return ch_sequence_event_at(
        sequence, (const uint8_t*)event + sizeof(LV2_Atom_Event) + lv2_atom_pad_size(event->body.size));
}

/// Makes of what a plugin left in an output of `capacity` bytes a sequence that others can read: events that do not lie within it, and all
/// after them, are cut off; times outside the block, or before the last event's, are moved into it. False if something was cut off. What
/// is no sequence (a plugin that did not write) is left alone.
CR_REALTIME bool ch_sequence_mend(LV2_Atom_Sequence* sequence, uint32_t capacity, uint32_t frames, const ch_urids* urids) {
    if (sequence->atom.size > capacity - sizeof(LV2_Atom)) {
        ch_sequence_clear(sequence, urids);
        return false;
    }
    if (sequence->atom.type != urids->atom_sequence || sequence->atom.size <= sizeof(LV2_Atom_Sequence_Body)) return true;
    const uint32_t end = sequence->atom.size;
    uint32_t at = sizeof(LV2_Atom_Sequence_Body);  // from the body's beginning
    int64_t last = 0;
    while (at < end) {
        LV2_Atom_Event* event = (LV2_Atom_Event*)((uint8_t*)&sequence->body + at);
        if (end - at < sizeof(LV2_Atom_Event) || event->body.size > end - at - sizeof(LV2_Atom_Event)) {
            sequence->atom.size = at;
            return false;
        }
        if (event->time.frames < last) event->time.frames = last;
        if (frames > 0 && event->time.frames >= frames) event->time.frames = frames - 1;
        last = event->time.frames;
        at += (uint32_t)sizeof(LV2_Atom_Event) + lv2_atom_pad_size(event->body.size);
    }
    return true;
}

CR_REALTIME const uint8_t* ch_event_body(const LV2_Atom_Event* event) { return (const uint8_t*)(event + 1); }

/// Copies the MIDI events of one sequence to another; the number that did not fit.
CR_REALTIME uint32_t ch_sequence_copy_midi(
    LV2_Atom_Sequence* to, uint32_t capacity, const LV2_Atom_Sequence* from, const ch_urids* urids) {
    uint32_t lost = 0;
    for (const LV2_Atom_Event* event = ch_sequence_first(from, urids); event; event = ch_sequence_next(from, event)) {
        if (event->body.type != urids->midi_event) continue;
        lost += !ch_sequence_append(
            to, capacity, event->time.frames, event->body.type, event->body.size, ch_event_body(event));
    }
    return lost;
}

/// Which channels and keys a plugin hears.
typedef struct {
    uint16_t channels;     ///< bit c: channel c, from 0
    uint8_t lowest_key;    ///< of notes and their pressure
    uint8_t highest_key;
    int8_t transpose;      ///< semitones, after the key range
} ch_midi_filter;

/// Whether a MIDI message passes a filter; `bytes` (at least 3) gets it as it is to arrive.
CR_REALTIME bool ch_midi_pass(const ch_midi_filter* filter, const uint8_t* message, uint32_t size, uint8_t* bytes) {
    if (size == 0 || size > 3 || message[0] >= 0xF0) return true;
    if (!(filter->channels >> (message[0] & 0x0F) & 1)) return false;
    const uint8_t kind = message[0] & 0xF0;
    if (size < 3 || kind < 0x80 || kind > 0xA0) return true;
    if (message[1] < filter->lowest_key || message[1] > filter->highest_key) return false;
    const int key = message[1] + filter->transpose;
    if (key < 0 || key > 127) return false;
    bytes[1] = (uint8_t)key;
    return true;
}

/// Appends an event that is one of a filter's, or drops it; false if it does not fit.
CR_REALTIME bool ch_sequence_append_filtered(
    LV2_Atom_Sequence* to, uint32_t capacity, const LV2_Atom_Event* event, const ch_midi_filter* filter,
    const ch_urids* urids) {
    const uint8_t* body = ch_event_body(event);
    uint8_t bytes[4] = {0, 0, 0, 0};
    if (filter && event->body.type == urids->midi_event && event->body.size <= 3) {
        memcpy(bytes, body, event->body.size);
        if (!ch_midi_pass(filter, body, event->body.size, bytes)) return true;
        body = bytes;
    }
    return ch_sequence_append(to, capacity, event->time.frames, event->body.type, event->body.size, body);
}

/// From `event` on, the first that is MIDI, or the first of all.
CR_REALTIME const LV2_Atom_Event* ch_sequence_seek(
    const LV2_Atom_Sequence* sequence, const LV2_Atom_Event* event, bool takes_all, const ch_urids* urids) {
    while (event && !takes_all && event->body.type != urids->midi_event) event = ch_sequence_next(sequence, event);
    return event;
}

/// Time of an event in frames from the block's start.
CR_REALTIME int64_t ch_event_time(const LV2_Atom_Event* event) { return event->time.frames; }

/// Appends "all notes off" and "pedal up" on all channels, at the time of the last event; the number of events that did not fit.
CR_REALTIME uint32_t ch_sequence_silence(LV2_Atom_Sequence* sequence, uint32_t capacity, const ch_urids* urids) {
    uint32_t lost = 0;
    int64_t time = 0;
    for (const LV2_Atom_Event* e = ch_sequence_first(sequence, urids); e; e = ch_sequence_next(sequence, e)) time = e->time.frames;
    for (uint8_t channel = 0; channel < 16; ++channel) {
        const uint8_t pedal[3] = {(uint8_t)(0xB0 | channel), 64, 0};
        const uint8_t notes[3] = {(uint8_t)(0xB0 | channel), 123, 0};
        lost += !ch_sequence_append(sequence, capacity, time, urids->midi_event, 3, pedal);
        lost += !ch_sequence_append(sequence, capacity, time, urids->midi_event, 3, notes);
    }
    return lost;
}

/// Makes the MIDI events of a sequence ones of no type that a plugin knows.
CR_REALTIME void ch_sequence_drop_midi(LV2_Atom_Sequence* sequence, const ch_urids* urids) {
    for (const LV2_Atom_Event* e = ch_sequence_first(sequence, urids); e; e = ch_sequence_next(sequence, e)) {
        if (e->body.type == urids->midi_event) ((LV2_Atom_Event*)(uintptr_t)e)->body.type = urids->atom_chunk;
    }
}

/// Whether an event is a patch message (Set, Put, Ack, Error) that tells somebody something.
CR_REALTIME bool ch_event_is_patch(const LV2_Atom_Event* event, const ch_urids* urids) {
    if (event->body.type != urids->atom_object && event->body.type != urids->atom_blank) return false;
    if (event->body.size < sizeof(LV2_Atom_Object_Body)) return false;
    const LV2_URID kind = ((const LV2_Atom_Object_Body*)(event + 1))->otype;
    return kind == urids->patch_set || kind == urids->patch_put || kind == urids->patch_ack || kind == urids->patch_error;
}

// MARK: Transport

/// Where the music is.
typedef struct {
    bool rolling;
    bool has_tempo;           ///< whether the fields after `frame` hold
    int64_t frame;            ///< since the transport's start
    int64_t bar;              ///< whole bars since the start, from 0
    double bar_beat;          ///< beats since the bar's start, from 0
    float beat_unit;          ///< 4 for a quarter note
    float beats_per_bar;
    float beats_per_minute;
} ch_transport;

/// The transport of a piece in one tempo and metre that began at frame 0.
CR_REALTIME ch_transport ch_transport_at(
    int64_t frame, bool rolling, double frames_per_second, float beats_per_minute, float beats_per_bar, float beat_unit) {
    const double beats = (double)frame / frames_per_second * beats_per_minute / 60.0;
    const double bar = floor(beats / beats_per_bar);
    return (ch_transport){
        .rolling = rolling, .has_tempo = true, .frame = frame, .bar = (int64_t)bar, .bar_beat = beats - bar * beats_per_bar,
        .beat_unit = beat_unit, .beats_per_bar = beats_per_bar, .beats_per_minute = beats_per_minute};
}

enum { ch_position_capacity = 512 };

/// Writes a time:Position object (an atom with its header) into `buffer` of `ch_position_capacity` bytes; its size in all.
CR_REALTIME uint32_t ch_position_write(
    uint8_t* buffer, const LV2_Atom_Forge* model, const ch_urids* urids, const ch_transport* transport,
    double frames_per_second) {
    LV2_Atom_Forge forge = *model;
    LV2_Atom_Forge_Frame frame;
    lv2_atom_forge_set_buffer(&forge, buffer, ch_position_capacity);
    lv2_atom_forge_object(&forge, &frame, 0, urids->time_position);
    lv2_atom_forge_key(&forge, urids->time_frame);
    lv2_atom_forge_long(&forge, transport->frame);
    lv2_atom_forge_key(&forge, urids->time_speed);
    lv2_atom_forge_float(&forge, transport->rolling ? 1.0f : 0.0f);
    lv2_atom_forge_key(&forge, urids->time_frames_per_second);
    lv2_atom_forge_float(&forge, (float)frames_per_second);
    if (transport->has_tempo) {
        lv2_atom_forge_key(&forge, urids->time_bar_beat);
        lv2_atom_forge_float(&forge, (float)transport->bar_beat);
        lv2_atom_forge_key(&forge, urids->time_bar);
        lv2_atom_forge_long(&forge, transport->bar);
        lv2_atom_forge_key(&forge, urids->time_beat);
        lv2_atom_forge_double(&forge, (double)transport->bar * transport->beats_per_bar + transport->bar_beat);
        lv2_atom_forge_key(&forge, urids->time_beat_unit);
        lv2_atom_forge_int(&forge, (int32_t)transport->beat_unit);
        lv2_atom_forge_key(&forge, urids->time_beats_per_bar);
        lv2_atom_forge_float(&forge, transport->beats_per_bar);
        lv2_atom_forge_key(&forge, urids->time_beats_per_minute);
        lv2_atom_forge_float(&forge, transport->beats_per_minute);
    }
    lv2_atom_forge_pop(&forge, &frame);
    return (uint32_t)sizeof(LV2_Atom) + ((const LV2_Atom*)buffer)->size;
}

// MARK: Patch messages (set-up threads)

/// Writes a patch:Set of `property` to `buffer`; the atom's size in all, or 0 if `capacity` is too small.
uint32_t ch_patch_set_write(
    uint8_t* buffer, uint32_t capacity, const LV2_Atom_Forge* model, const ch_urids* urids, LV2_URID property, LV2_URID type,
    uint32_t size, const void* value);
/// Writes a patch:Get of everything.
uint32_t ch_patch_get_write(uint8_t* buffer, uint32_t capacity, const LV2_Atom_Forge* model, const ch_urids* urids);

/// Calls `receive` for each (property, value) that a patch:Set or patch:Put atom carries.
void ch_patch_read(
    const LV2_Atom* atom, const ch_urids* urids, void (*receive)(void* context, LV2_URID property, const LV2_Atom* value),
    void* context);

#endif
