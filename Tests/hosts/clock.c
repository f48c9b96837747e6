// A sequencer that leads by MIDI clock: clock PORT BPM JITTER. Sends ticks to PORT, up to JITTER ms late each, then start, stop, song position
// and continue, and prints how far JACK's transport (its timebase master is to follow) is from its own beats.
#include <jack/jack.h>
#include <jack/midiport.h>
#include <jack/transport.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static jack_client_t* client;
static jack_port_t* port;
static double rate, bpm, jitter;
static uint64_t now;     // frames
static double next_tick; // frames, without jitter
static long tick = -1;   // of the song's beginning
static bool running;
static _Atomic int order;           // what is to be sent with the next tick: 0xFA, 0xFC, 0xFB or 0
static _Atomic int song_position;   // in sixteenths, with 0xFB
static _Atomic double behind, tempo;
static _Atomic int rolling, known;

static void send(void* buffer, uint32_t time, const unsigned char* bytes, size_t size) { jack_midi_event_write(buffer, time, bytes, size); }

static int process(jack_nframes_t frames, void* unused) {
    (void)unused;
    void* buffer = jack_port_get_buffer(port, frames);
    jack_midi_clear_buffer(buffer);
    jack_position_t position;
    rolling = jack_transport_query(client, &position) == JackTransportRolling;
    if (position.valid & JackPositionBBT) {
        const double interval = rate * 60 / bpm / 24;
        const double own = ((double)tick + ((double)now - (next_tick - interval)) / interval) / 24;
        const double heard = (position.bar - 1) * position.beats_per_bar + position.beat - 1 + position.tick / position.ticks_per_beat;
        behind = own - heard;
        tempo = position.beats_per_minute;
        known = 1;
    }
    uint32_t last = 0;
    while (next_tick < (double)(now + frames)) {
        const double late = jitter * rate / 1000 * rand() / RAND_MAX;
        double at = next_tick + late - (double)now;
        uint32_t time = at < 0 ? 0 : at > frames - 1 ? frames - 1 : (uint32_t)at;
        if (time < last) time = last;
        last = time;
        const int what = atomic_exchange(&order, 0);
        if (what == 0xFB && song_position >= 0) {
            const unsigned char to[3] = {0xF2, song_position & 0x7F, song_position >> 7};
            send(buffer, time, to, 3);
            tick = 6L * song_position - 1;
        }
        if (what == 0xFA) tick = -1;
        if (what) {
            const unsigned char byte = (unsigned char)what;
            send(buffer, time, &byte, 1);
            running = what != 0xFC;
        }
        const unsigned char clock = 0xF8;
        send(buffer, time, &clock, 1);
        if (running) tick += 1;
        next_tick += rate * 60 / bpm / 24;
    }
    now += frames;
    return 0;
}

// The most that it is behind or ahead, in milliseconds, within some time.
static double worst(double seconds) {
    double found = 0;
    for (int i = 0; i < seconds * 100; i++) {
        usleep(10000);
        const double off = fabs(atomic_load(&behind)) * 60000 / bpm;
        if (off > found) found = off;
    }
    return found;
}

int main(int count, char** words) {
    if (count < 4 || !(client = jack_client_open("clock", JackNoStartServer, NULL))) return 1;
    bpm = atof(words[2]), jitter = atof(words[3]), rate = jack_get_sample_rate(client);
    port = jack_port_register(client, "out", JACK_DEFAULT_MIDI_TYPE, JackPortIsOutput, 0);
    jack_set_process_callback(client, process, NULL);
    if (jack_activate(client) || jack_connect(client, "clock:out", words[1])) return 1;
    usleep(1200000);
    printf("standing: tempo %.2f rolling %d\n", tempo, rolling);
    order = 0xFA;
    usleep(2500000);
    printf("started: tempo %.2f rolling %d off %.1f ms\n", tempo, rolling, worst(0.7));
    order = 0xFC;
    usleep(300000);
    printf("stopped: rolling %d\n", rolling);
    song_position = 64;
    order = 0xFB;
    usleep(1800000);
    printf("continued: tempo %.2f rolling %d off %.1f ms\n", tempo, rolling, worst(0.7));
    jack_client_close(client);
    return known ? 0 : 2;
}
