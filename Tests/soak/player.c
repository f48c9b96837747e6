/// soakplayer SOUND SEED: plays a sound file over and over at `soak:out` and random MIDI at `soak:midi`, listens to `soak:in_1` and
/// `soak:in_2`, and watches the machine. Once a second it prints a line
///
///     xruns X broken B peak P silent S stalls T
///
/// since the start: JACK's xruns, samples heard that are no number, the loudest one since the last line, seconds since the last that
/// was louder than -60 dBFS, and how often a thread that only sleeps, one on each core and at JACK's own priority where that is allowed, woke
/// half a period late or more: what such a moment costs, no program is to blame for. Ends with its standard input.
#define _GNU_SOURCE
#include <jack/jack.h>
#include <jack/midiport.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sndfile.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct {
    jack_port_t *out, *midi, *in[2];
    float* sound;
    int64_t frames, position;
    uint64_t random;
    /// The keys that are down on channels 1 to 4, with the frames until they are let go
    struct { int key; int64_t left; } keys[4];
    int64_t wait, rate, now;
    _Atomic int64_t lastHeard, clock;
    _Atomic float peak;
    atomic_int xruns, broken, stalls;
    int64_t tolerated;
} player;

static uint32_t draw(uint32_t count) {
    player.random ^= player.random << 13;
    player.random ^= player.random >> 7;
    player.random ^= player.random << 17;
    return (uint32_t)(player.random >> 33) % count;
}

static void send(void* midi, jack_nframes_t frame, int status, int first, int second) {
    const uint8_t bytes[] = {(uint8_t)status, (uint8_t)first, (uint8_t)second};
    jack_midi_event_write(midi, frame, bytes, (status & 0xF0) == 0xC0 || (status & 0xF0) == 0xD0 ? 2 : 3);
}

/// Notes of all lengths, controllers, bends, pressure, now and then a program: 20 events a second in the mean.
static void playMIDI(void* midi, jack_nframes_t frames) {
    jack_midi_clear_buffer(midi);
    for (int i = 0; i < 4; ++i) {
        if (!player.keys[i].key) continue;
        player.keys[i].left -= frames;
        if (player.keys[i].left > 0) continue;
        send(midi, 0, 0x80 | i, player.keys[i].key, 64);
        player.keys[i].key = 0;
    }
    player.wait -= frames;
    if (player.wait > 0) return;
    player.wait = (int64_t)draw((uint32_t)(player.rate / 10));
    const jack_nframes_t frame = draw(frames);
    const int channel = (int)draw(4);
    static const int controllers[] = {1, 2, 7, 10, 11, 64, 74, 99, 98, 6, 123};
    switch (draw(16)) {
    case 0 ... 7:
        if (player.keys[channel].key) break;
        player.keys[channel].key = 36 + (int)draw(60);
        player.keys[channel].left = player.rate / 50 + (int64_t)draw((uint32_t)player.rate);
        send(midi, frame, 0x90 | channel, player.keys[channel].key, 1 + (int)draw(127));
        break;
    case 8 ... 11: send(midi, frame, 0xB0 | channel, controllers[draw(sizeof controllers / sizeof *controllers)], (int)draw(128)); break;
    case 12 ... 13: send(midi, frame, 0xE0 | channel, (int)draw(128), (int)draw(128)); break;
    case 14: send(midi, frame, 0xD0 | channel, (int)draw(128), 0); break;
    default: if (draw(8) == 0) send(midi, frame, 0xC0, (int)draw(6), 0);
    }
}

static int process(jack_nframes_t frames, void* context) {
    (void)context;
    float* out = jack_port_get_buffer(player.out, frames);
    for (jack_nframes_t i = 0; i < frames; ++i) {
        out[i] = player.sound[player.position];
        if (++player.position == player.frames) player.position = 0;
    }
    playMIDI(jack_port_get_buffer(player.midi, frames), frames);
    player.now += frames;
    atomic_store(&player.clock, player.now);
    float peak = atomic_load(&player.peak);
    for (int channel = 0; channel < 2; ++channel) {
        const float* in = jack_port_get_buffer(player.in[channel], frames);
        for (jack_nframes_t i = 0; i < frames; ++i) {
            const float level = fabsf(in[i]);
            if (!isfinite(level)) atomic_fetch_add(&player.broken, 1);
            else if (level > peak) peak = level;
            if (level > 1e-3f) atomic_store(&player.lastHeard, player.now);
        }
    }
    atomic_store(&player.peak, peak);
    return 0;
}

static int xrun(void* context) {
    (void)context;
    atomic_fetch_add(&player.xruns, 1);
    return 0;
}

static int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/// Sleeps a millisecond at a time on one core.
static void* watch(void* core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((int)(intptr_t)core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    const struct sched_param priority = {.sched_priority = 60};
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
    for (;;) {
        const int64_t due = nanoseconds() + 1000000;
        const struct timespec time = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        if (nanoseconds() - due > player.tolerated) atomic_fetch_add(&player.stalls, 1);
    }
    return NULL;
}

int main(int count, char** arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: soakplayer SOUND SEED\n");
        return 2;
    }
    SF_INFO info = {0};
    SNDFILE* file = sf_open(arguments[1], SFM_READ, &info);
    if (!file || info.frames < 1) {
        fprintf(stderr, "soakplayer: %s cannot be read\n", arguments[1]);
        return 1;
    }
    float* whole = calloc((size_t)(info.frames * info.channels), sizeof(float));
    player.frames = sf_readf_float(file, whole, info.frames);
    player.sound = calloc((size_t)player.frames, sizeof(float));
    for (int64_t i = 0; i < player.frames; ++i) player.sound[i] = whole[i * info.channels];
    free(whole);
    sf_close(file);
    jack_client_t* client = jack_client_open("soak", JackNoStartServer | JackUseExactName, NULL);
    if (!client) {
        fprintf(stderr, "soakplayer: no JACK server\n");
        return 1;
    }
    player.random = 0x9E3779B97F4A7C15u ^ (uint64_t)atoll(arguments[2]) << 20;
    player.rate = jack_get_sample_rate(client);
    player.tolerated = 1000000000LL * jack_get_buffer_size(client) / player.rate / 2;
    player.out = jack_port_register(client, "out", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    player.midi = jack_port_register(client, "midi", JACK_DEFAULT_MIDI_TYPE, JackPortIsOutput, 0);
    player.in[0] = jack_port_register(client, "in_1", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    player.in[1] = jack_port_register(client, "in_2", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    jack_set_process_callback(client, process, NULL);
    jack_set_xrun_callback(client, xrun, NULL);
    if (jack_activate(client)) return 1;
    for (long core = 0; core < sysconf(_SC_NPROCESSORS_ONLN); ++core) {
        pthread_t thread;
        pthread_create(&thread, NULL, watch, (void*)(intptr_t)core);
        pthread_detach(thread);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char ignored;
        if (poll(&input, 1, 1000) > 0 && read(STDIN_FILENO, &ignored, 1) < 1) break;
        const double silent = (double)(atomic_load(&player.clock) - atomic_load(&player.lastHeard)) / (double)player.rate;
        printf("xruns %d broken %d peak %.4f silent %.1f stalls %d\n", atomic_load(&player.xruns), atomic_load(&player.broken),
               atomic_exchange(&player.peak, 0), silent, atomic_load(&player.stalls));
    }
    jack_deactivate(client);
    jack_client_close(client);
    return 0;
}
