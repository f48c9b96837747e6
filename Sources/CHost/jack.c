#include "ch_jack.h"

#include <math.h>
#include <stdio.h>

#include "ch_ring.h"

static char last_error[256];

static void remember_error(const char* message) { snprintf(last_error, sizeof(last_error), "%s", message); }
static void ignore(const char* message) { (void)message; }

void ch_jack_be_quiet(void) {
    jack_set_error_function(remember_error);
    jack_set_info_function(ignore);
}

const char* ch_jack_last_error(void) { return last_error; }

static const double ticks_per_beat = 1920;

void ch_timebase_count(ch_timebase* timebase, jack_position_t* position, bool is_new) {
    const float tempo = *timebase->beats_per_minute > 0 ? ch_load_float(timebase->beats_per_minute) : 120;
    const float metre = ch_load_float(timebase->beats_per_bar) >= 1 ? ch_load_float(timebase->beats_per_bar) : 4;
    const int64_t frame = position->frame;
    const int64_t passed = frame - timebase->frame;
    if (is_new || !timebase->is_counting || passed < 0 || passed > (int64_t)position->frame_rate) {
        const ch_transport start = ch_transport_at(frame, true, position->frame_rate, tempo, metre, 4);
        timebase->bar = start.bar;
        timebase->bar_beat = start.bar_beat;
        timebase->is_counting = true;
    } else {
        timebase->bar_beat += (double)passed / position->frame_rate * tempo / 60;
        while (timebase->bar_beat >= metre) {
            timebase->bar_beat -= metre;
            timebase->bar += 1;
        }
    }
    timebase->frame = frame;
    const double beat = floor(timebase->bar_beat);
    position->valid = JackPositionBBT;
    position->bar = (int32_t)timebase->bar + 1;
    position->beat = (int32_t)beat + 1;
    position->tick = (int32_t)((timebase->bar_beat - beat) * ticks_per_beat);
    position->bar_start_tick = (double)timebase->bar * metre * ticks_per_beat;
    position->beats_per_bar = metre;
    position->beat_type = ch_load_float(timebase->beat_unit);
    position->ticks_per_beat = ticks_per_beat;
    position->beats_per_minute = tempo;
}

static void count(
    jack_transport_state_t state, jack_nframes_t frames, jack_position_t* position, int is_new, void* timebase) {
    (void)state, (void)frames;
    ch_timebase_count(timebase, position, is_new != 0);
}

bool ch_timebase_take(jack_client_t* client, ch_timebase* timebase) {
    return jack_set_timebase_callback(client, 1, count, timebase) == 0;
}

jack_client_t* ch_jack_open(const char* name, const char* server, jack_status_t* status) {
    return server ? jack_client_open(name, JackNoStartServer | JackServerName, status, server)
                  : jack_client_open(name, JackNoStartServer, status);
}
