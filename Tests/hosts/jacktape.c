/// jacktape NAME FILE IN OUT MIDI NOTES [PORT SOUND]: a tape machine on JACK. Plays the mono sound FILE into the port IN (several:
/// with commas between), and takes what comes from the audio port OUT and the MIDI port MIDI (-: none). Each MIDI message goes to the text
/// file NOTES as `seconds status first second`, with seconds after the sound's first sample. What comes from the audio port PORT goes to
/// SOUND, a WAV file of floats. Ends a second after the sound's end.
///
/// Prints `delay N`, the frames after which the sound came back at OUT unchanged (its delay of one period comes from playing and
/// recording in one client), or `changed`; and `xruns N`.
#include <jack/jack.h>
#include <jack/midiport.h>
#include <sndfile.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int64_t frame;
    uint8_t bytes[3];
} Message;

static struct {
    jack_port_t *out, *in, *other, *midi;
    float *sound, *heard, *beside;
    int64_t length, total, position;
    Message messages[65536];
    int count;
    atomic_bool playing, done;
    atomic_int xruns;
} tape;

static int process(jack_nframes_t frames, void* context) {
    (void)context;
    float* out = jack_port_get_buffer(tape.out, frames);
    const float* in = jack_port_get_buffer(tape.in, frames);
    const float* other = jack_port_get_buffer(tape.other, frames);
    void* midi = jack_port_get_buffer(tape.midi, frames);
    memset(out, 0, frames * sizeof(float));
    if (!atomic_load(&tape.playing) || atomic_load(&tape.done)) return 0;
    for (jack_nframes_t i = 0; i < frames && tape.position + i < tape.total; ++i) {
        if (tape.position + i < tape.length) out[i] = tape.sound[tape.position + i];
        tape.heard[tape.position + i] = in[i];
        tape.beside[tape.position + i] = other[i];
    }
    const uint32_t count = jack_midi_get_event_count(midi);
    for (uint32_t i = 0; i < count && tape.count < 65536; ++i) {
        jack_midi_event_t event;
        if (jack_midi_event_get(&event, midi, i) || event.size > 3) continue;
        Message* message = &tape.messages[tape.count++];
        message->frame = tape.position + event.time;
        memcpy(message->bytes, event.buffer, event.size);
    }
    tape.position += frames;
    if (tape.position >= tape.total) atomic_store(&tape.done, true);
    return 0;
}

static int xrun(void* context) {
    (void)context;
    atomic_fetch_add(&tape.xruns, 1);
    return 0;
}

/// Connects as soon as both ports are there.
static void join(jack_client_t* client, const char* from, const char* to) {
    for (int i = 0; i < 100; ++i) {
        if (jack_port_by_name(client, from) && jack_port_by_name(client, to) && !jack_connect(client, from, to)) return;
        usleep(50000);
    }
    fprintf(stderr, "jacktape: %s cannot be connected to %s\n", from, to);
    exit(1);
}

int main(int count, char** arguments) {
    if (count != 7 && count != 9) {
        fprintf(stderr, "usage: jacktape NAME FILE IN OUT MIDI NOTES [PORT SOUND]\n");
        return 2;
    }
    SF_INFO info = {0};
    SNDFILE* file = sf_open(arguments[2], SFM_READ, &info);
    if (!file || info.channels != 1) {
        fprintf(stderr, "jacktape: %s is no mono sound file\n", arguments[2]);
        return 1;
    }
    tape.length = info.frames;
    tape.total = info.frames + info.samplerate;
    tape.sound = calloc((size_t)tape.total, sizeof(float));
    tape.heard = calloc((size_t)tape.total, sizeof(float));
    tape.beside = calloc((size_t)tape.total, sizeof(float));
    if (sf_read_float(file, tape.sound, info.frames) != info.frames) return 1;
    sf_close(file);
    jack_client_t* client = jack_client_open(arguments[1], JackNoStartServer, NULL);
    if (!client) {
        fprintf(stderr, "jacktape: no JACK server\n");
        return 1;
    }
    if ((int)jack_get_sample_rate(client) != info.samplerate) {
        fprintf(stderr, "jacktape: the server runs at %u Hz, the sound at %d\n", jack_get_sample_rate(client), info.samplerate);
        return 1;
    }
    tape.out = jack_port_register(client, "out", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    tape.in = jack_port_register(client, "in", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    tape.other = jack_port_register(client, "beside", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    tape.midi = jack_port_register(client, "midi", JACK_DEFAULT_MIDI_TYPE, JackPortIsInput, 0);
    jack_set_process_callback(client, process, NULL);
    jack_set_xrun_callback(client, xrun, NULL);
    if (jack_activate(client)) return 1;
    for (char *next, *port = arguments[3]; port; port = next) {
        next = strchr(port, ',');
        if (next) *next++ = 0;
        join(client, jack_port_name(tape.out), port);
    }
    join(client, arguments[4], jack_port_name(tape.in));
    if (count > 7) join(client, arguments[7], jack_port_name(tape.other));
    if (strcmp(arguments[5], "-")) join(client, arguments[5], jack_port_name(tape.midi));
    usleep(300000);  // connecting may make the server skip a period
    atomic_store(&tape.xruns, 0);
    atomic_store(&tape.playing, true);
    while (!atomic_load(&tape.done)) usleep(20000);
    jack_deactivate(client);

    FILE* notes = fopen(arguments[6], "w");
    if (!notes) return 1;
    for (int i = 0; i < tape.count; ++i)
        fprintf(notes, "%.9f %d %d %d\n", (double)tape.messages[i].frame / info.samplerate, tape.messages[i].bytes[0],
                tape.messages[i].bytes[1], tape.messages[i].bytes[2]);
    fclose(notes);
    if (count > 7) {
        SF_INFO format = {.samplerate = info.samplerate, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
        SNDFILE* sound = sf_open(arguments[8], SFM_WRITE, &format);
        if (!sound || sf_writef_float(sound, tape.beside, tape.total) != tape.total || sf_close(sound)) return 1;
    }
    int64_t delay = 0;
    for (; delay <= 4096; ++delay)
        if (!memcmp(tape.heard + delay, tape.sound, (size_t)tape.length * sizeof(float))) break;
    if (delay <= 4096) printf("delay %d\n", (int)delay);
    else puts("changed");
    printf("xruns %d\n", atomic_load(&tape.xruns));
    jack_client_close(client);
    return 0;
}
