/// rtsan_synth PLUGIN BUNDLE MODEL SOUND LIBRARY: run() of Continuo Synth (PLUGIN is synth) or Continuo Transfer (transfer) under
/// RealtimeSanitizer; see rtsan.c. Blocks of every size, while notes and everything else in MIDI are played (the transfer: SOUND, a
/// mono sound file), controls move, models change. Prints `blocks N sounding M`.
#include <sndfile.h>

#include "synth_host.h"

/// What the sanitizer watches: everything below this call.
static void run_in_real_time(Plugin* p, uint32_t frames) __attribute__((nonblocking)) __attribute__((noinline));
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wfunction-effects"  // a call through a pointer may do anything: that is what is tested
static void run_in_real_time(Plugin* p, uint32_t frames) __attribute__((nonblocking)) {
    p->descriptor->run(p->handle, frames);
}
#pragma clang diagnostic pop

static long blocks = 0, sounding = 0;

static void block(Plugin* p, const float* sound, uint32_t frames) {
    memcpy(p->in + LONGEST_BLOCK - frames, sound, frames * sizeof(float));
    plugin_prepare_atoms(p);
    plugin_connect(p, frames);
    run_in_real_time(p, frames);
    plugin_clear_control(p);
    ++blocks;
    float peak = 0;
    for (uint32_t i = LONGEST_BLOCK - frames; i < LONGEST_BLOCK; ++i) peak = fmaxf(peak, fabsf(p->left[i]));
    sounding += peak > 1e-4f;
}

static void play(Plugin* p, uint32_t frames) {
    static const uint8_t controllers[] = {1, 2, 5, 7, 10, 11, 64, 65, 66, 74, 100, 101, 6, 38, 121, 123};
    if (random_below(4) == 0) plugin_midi(p, random_below(frames + 1), 0x90, (uint8_t)(40 + random_below(50)), (uint8_t)(1 + random_below(127)));
    if (random_below(4) == 0) plugin_midi(p, random_below(frames + 1), 0x80, (uint8_t)(40 + random_below(50)), 64);
    switch (random_below(40)) {
    case 0: plugin_midi(p, 0, 0xB0, controllers[random_below(sizeof controllers)], (uint8_t)random_below(128)); break;
    case 1: plugin_midi(p, 0, 0xE0, (uint8_t)random_below(128), (uint8_t)random_below(128)); break;
    case 2: plugin_midi(p, 0, 0xD0, (uint8_t)random_below(128), 0); break;
    case 3: plugin_midi(p, 0, 0xA0, (uint8_t)(40 + random_below(50)), (uint8_t)random_below(128)); break;
    case 4: plugin_midi(p, 0, 0xC0, (uint8_t)random_below(128), 0); break;
    }
}

int main(int count, char** arguments) {
    SF_INFO info = {0};
    SNDFILE* file = count == 6 ? sf_open(arguments[4], SFM_READ, &info) : NULL;
    if (!file || info.channels != 1) {
        fprintf(stderr, "usage: rtsan_synth PLUGIN BUNDLE MODEL SOUND LIBRARY\n");
        return 2;
    }
    const bool is_transfer = !strcmp(arguments[1], "transfer");
    subject = &subjects[is_transfer];
    const sf_count_t length = info.frames;
    float* sound = calloc((size_t)length + LONGEST_BLOCK, sizeof(float));
    if (sf_read_float(file, sound, length) != length) return 2;
    sf_close(file);
    Library library = library_open(arguments[2], arguments[5]);
    Plugin* p = plugin_make(&library, info.samplerate, 64);
    if (!p) return 2;
    plugin_activate(p);
    // Until the first model is there, too.
    for (int i = 0; i < 50; ++i) block(p, sound, 16);
    plugin_settle(p);

    static const uint32_t sizes[] = {64, 128, 256, 1, 0, 1000, 37, 512, 2048, 8192};
    const double start = seconds_now();
    double played = 0;
    for (int pass = 0; pass < 6; ++pass) {
        plugin_activate(p);
        for (sf_count_t at = 0; at < length;) {
            const uint32_t frames = pass < 3 ? sizes[pass] : sizes[random_below(10)];
            if (!is_transfer) play(p, frames);
            if (pass == 2 && blocks % 150 == 0)
                plugin_set_model_file(p, blocks / 150 % 3 == 0 ? "" : blocks / 150 % 3 == 1 ? arguments[3] : "/no");
            if (pass >= 4 && blocks % 10 == 0) {
                // Any control, anywhere in its range.
                const int port = subject->first_control + (int)random_below((uint32_t)(subject->last_control - subject->first_control));
                const float share = (float)random_below(1001) / 1000;
                p->controls[port] = subject->minima[port] + share * (subject->maxima[port] - subject->minima[port]);
                p->controls[PORT_enabled] = (float)(blocks / 200 % 4 > 0);
            }
            block(p, sound + at, frames < length - at ? frames : (uint32_t)(length - at));
            at += frames ? frames : 64;
            played += (double)(frames ? frames : 64) / info.samplerate;
            // Some ten times the speed of sound, so that results arrive, most in time and some not.
            const double ahead = played / 10 - (seconds_now() - start);
            if (ahead > 0.002) usleep((useconds_t)(ahead * 1e6));
        }
        plugin_reset_controls(p);
    }
    plugin_settle(p);
    printf("blocks %ld sounding %ld\n", blocks, sounding);
    plugin_free(p);
    return 0;
}
