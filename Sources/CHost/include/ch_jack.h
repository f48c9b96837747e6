/// The JACK calls of the process callback, marked for the compiler's proof: JACK's manual calls them real-time safe.
#ifndef CH_JACK_H
#define CH_JACK_H

#include <jack/jack.h>
#include <jack/thread.h>
#include <jack/metadata.h>
#include <jack/midiport.h>
#include <jack/statistics.h>
#include <jack/transport.h>

#include "ch_atoms.h"

CR_REALTIME void* ch_jack_buffer(jack_port_t* port, uint32_t frames) { return jack_port_get_buffer(port, frames); }
CR_REALTIME bool ch_jack_is_connected(const jack_port_t* port) { return jack_port_connected(port) > 0; }

/// Appends the MIDI events of [from, from + frames) of a JACK buffer to a sequence, times relative to `from`. `index` is the
/// first event not yet taken and is moved on. The number of events that did not fit.
CR_REALTIME uint32_t ch_jack_read_midi(
    void* buffer, uint32_t* index, uint32_t from, uint32_t frames, LV2_Atom_Sequence* sequence, uint32_t capacity,
    const ch_urids* urids) {
    const uint32_t count = jack_midi_get_event_count(buffer);
    uint32_t lost = 0;
    jack_midi_event_t event;
    for (; *index < count; ++*index) {
        if (jack_midi_event_get(&event, buffer, *index) != 0) continue;
        if (event.time >= from + frames) break;
        const int64_t time = event.time > from ? event.time - from : 0;
        lost += !ch_sequence_append(sequence, capacity, time, urids->midi_event, (uint32_t)event.size, event.buffer);
    }
    return lost;
}

CR_REALTIME void ch_jack_clear_midi(void* buffer) { jack_midi_clear_buffer(buffer); }

/// Writes the MIDI events of a sequence to a JACK buffer, times moved on by `from`; the number that did not fit.
CR_REALTIME uint32_t ch_jack_write_midi(
    void* buffer, uint32_t from, uint32_t frames, const LV2_Atom_Sequence* sequence, const ch_urids* urids) {
    uint32_t lost = 0;
    for (const LV2_Atom_Event* e = ch_sequence_first(sequence, urids); e; e = ch_sequence_next(sequence, e)) {
        if (e->body.type != urids->midi_event) continue;
        const int64_t last = frames > 0 ? (int64_t)frames - 1 : 0;
        const int64_t time = e->time.frames < 0 ? 0 : e->time.frames > last ? last : e->time.frames;
        lost += jack_midi_event_write(buffer, from + (uint32_t)time, ch_event_body(e), e->body.size) != 0;
    }
    return lost;
}

/// JACK's transport as LV2 counts it (bars and beats from 0).
CR_REALTIME ch_transport ch_jack_transport(jack_client_t* client) {
    jack_position_t position;
    const jack_transport_state_t state = jack_transport_query(client, &position);
    ch_transport transport;
    memset(&transport, 0, sizeof(transport));
    transport.rolling = state == JackTransportRolling;
    transport.frame = (int64_t)position.frame;
    if (position.valid & JackPositionBBT) {
        transport.has_tempo = true;
        transport.bar = position.bar - 1;
        transport.bar_beat =
            (double)(position.beat - 1) + (position.ticks_per_beat > 0 ? position.tick / position.ticks_per_beat : 0.0);
        transport.beat_unit = position.beat_type;
        transport.beats_per_bar = position.beats_per_bar;
        transport.beats_per_minute = (float)position.beats_per_minute;
    }
    return transport;
}

CR_REALTIME void ch_jack_roll(jack_client_t* client, bool is_rolling) {
    if (is_rolling)
        jack_transport_start(client);
    else
        jack_transport_stop(client);
}
CR_REALTIME void ch_jack_locate(jack_client_t* client, uint32_t frame) { jack_transport_locate(client, frame); }

// MARK: Timebase

/// What a timebase master counts. The settings are read as they stand (`ch_load_float`); the rest is JACK's process thread's own.
typedef struct {
    const float* beats_per_minute;
    const float* beats_per_bar;
    const float* beat_unit;
    bool is_counting;
    int64_t frame;    ///< where it counted last
    int64_t bar;      ///< from 0
    double bar_beat;  ///< since the bar's start, from 0
} ch_timebase;

/// Fills in bar, beat and tick; a tempo that changes while the transport rolls takes effect from there on.
void ch_timebase_count(ch_timebase* timebase, jack_position_t* position, bool is_new);
/// Becomes timebase master, or has the position told anew; false if another client is.
bool ch_timebase_take(jack_client_t* client, ch_timebase* timebase);

// MARK: Set-up

/// Opens a client without ever starting a server. `server` may be NULL (then JACK_DEFAULT_SERVER, or "default").
jack_client_t* ch_jack_open(const char* name, const char* server, jack_status_t* status);
/// Keeps libjack's own messages off the terminal, and remembers the last error.
void ch_jack_be_quiet(void);
/// The last error that libjack reported, or "".
const char* ch_jack_last_error(void);

#endif
