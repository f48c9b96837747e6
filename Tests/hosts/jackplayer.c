/// jackplayer NAME MIDI LEFT RIGHT: plays five notes on JACK into the MIDI port MIDI, and listens to LEFT and RIGHT. The notes (A3, E4,
/// A4, C5, A2) are 1.5 s apart and 0.3 s long, each at an odd frame; a note has died away when the next begins.
///
/// Prints a line for each note, `onset N level L pitch P`: frames from the message to the first sound (one period of them comes from
/// playing and recording in one client), level in dBFS over its 0.3 s, and how much stronger its own frequency is than a semitone
/// beside it, dB; and `xruns N`.
#include <jack/jack.h>
#include <jack/midiport.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTES = 5 };
static const int keys[NOTES] = {57, 64, 69, 72, 45};

static struct {
    jack_port_t *midi, *left, *right;
    float *heard;
    int64_t rate, total, position;
    int64_t on[NOTES], off[NOTES];
    atomic_bool playing, done;
    atomic_int xruns;
} player;

static int process(jack_nframes_t frames, void* context) {
    (void)context;
    void* midi = jack_port_get_buffer(player.midi, frames);
    const float* left = jack_port_get_buffer(player.left, frames);
    const float* right = jack_port_get_buffer(player.right, frames);
    jack_midi_clear_buffer(midi);
    if (!atomic_load(&player.playing) || atomic_load(&player.done)) return 0;
    const int64_t from = player.position, to = from + frames;
    for (int i = 0; i < NOTES; ++i) {
        if (player.on[i] >= from && player.on[i] < to) {
            const uint8_t bytes[] = {0x90, (uint8_t)keys[i], 100};
            jack_midi_event_write(midi, (jack_nframes_t)(player.on[i] - from), bytes, 3);
        }
        if (player.off[i] >= from && player.off[i] < to) {
            const uint8_t bytes[] = {0x80, (uint8_t)keys[i], 64};
            jack_midi_event_write(midi, (jack_nframes_t)(player.off[i] - from), bytes, 3);
        }
    }
    for (jack_nframes_t i = 0; i < frames && from + i < player.total; ++i) player.heard[from + i] = 0.5f * (left[i] + right[i]);
    player.position = to;
    if (to >= player.total) atomic_store(&player.done, true);
    return 0;
}

static int xrun(void* context) {
    (void)context;
    atomic_fetch_add(&player.xruns, 1);
    return 0;
}

/// Connects as soon as both ports are there.
static void join(jack_client_t* client, const char* from, const char* to) {
    for (int i = 0; i < 100; ++i) {
        if (jack_port_by_name(client, from) && jack_port_by_name(client, to) && !jack_connect(client, from, to)) return;
        usleep(50000);
    }
    fprintf(stderr, "jackplayer: %s cannot be connected to %s\n", from, to);
    exit(1);
}

/// Strength of a frequency, in a Hann window.
static double strength(const float* samples, int64_t count, double frequency) {
    double real = 0, imaginary = 0;
    for (int64_t i = 0; i < count; ++i) {
        const double window = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)count);
        const double phase = 2 * M_PI * frequency * (double)i / (double)player.rate;
        real += window * samples[i] * cos(phase);
        imaginary += window * samples[i] * sin(phase);
    }
    return real * real + imaginary * imaginary;
}

int main(int count, char** arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: jackplayer NAME MIDI LEFT RIGHT\n");
        return 2;
    }
    jack_client_t* client = jack_client_open(arguments[1], JackNoStartServer, NULL);
    if (!client) {
        fprintf(stderr, "jackplayer: no JACK server\n");
        return 1;
    }
    player.rate = jack_get_sample_rate(client);
    for (int i = 0; i < NOTES; ++i) {
        player.on[i] = player.rate / 10 + i * player.rate * 3 / 2 + 37 * i + 1;
        player.off[i] = player.on[i] + player.rate * 3 / 10;
    }
    player.total = player.rate / 10 + NOTES * player.rate * 3 / 2 + player.rate / 4;
    player.heard = calloc((size_t)player.total, sizeof(float));
    player.midi = jack_port_register(client, "midi", JACK_DEFAULT_MIDI_TYPE, JackPortIsOutput, 0);
    player.left = jack_port_register(client, "left", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    player.right = jack_port_register(client, "right", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    jack_set_process_callback(client, process, NULL);
    jack_set_xrun_callback(client, xrun, NULL);
    if (jack_activate(client)) return 1;
    join(client, jack_port_name(player.midi), arguments[2]);
    join(client, arguments[3], jack_port_name(player.left));
    join(client, arguments[4], jack_port_name(player.right));
    usleep(300000);  // connecting may make the server skip a period
    atomic_store(&player.xruns, 0);
    atomic_store(&player.playing, true);
    while (!atomic_load(&player.done)) usleep(20000);
    jack_deactivate(client);
    for (int i = 0; i < NOTES; ++i) {
        const int64_t end = i + 1 < NOTES ? player.on[i + 1] : player.total;
        int64_t onset = player.on[i];
        while (onset < end && player.heard[onset] == 0) ++onset;
        const int64_t length = player.rate * 3 / 10;
        double energy = 0;
        for (int64_t k = onset; k < onset + length && k < player.total; ++k) energy += (double)player.heard[k] * player.heard[k];
        // Its strongest of four harmonics, for the fundamental may be weak.
        double own = 0, beside = 0;
        for (int harmonic = 1; harmonic <= 4 && onset < end; ++harmonic) {
            const double frequency = harmonic * 440 * pow(2, (keys[i] - 69) / 12.0), step = pow(2, 1 / 12.0);
            const float* from = player.heard + onset;
            own = fmax(own, strength(from, length, frequency));
            beside = fmax(beside, fmax(strength(from, length, frequency * step), strength(from, length, frequency / step)));
        }
        printf("onset %d level %.1f pitch %.1f\n", onset < end ? (int)(onset - player.on[i]) : -1,
               10 * log10(energy / (double)length + 1e-20), 10 * log10((own + 1e-20) / (beside + 1e-20)));
    }
    printf("xruns %d\n", atomic_load(&player.xruns));
    jack_client_close(client);
    return 0;
}
