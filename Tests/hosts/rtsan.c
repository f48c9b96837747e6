/// rtsan BUNDLE MODELS SOUND LIBRARY: the plugin's run() under RealtimeSanitizer, which ends the program with a report at the first
/// allocation, lock or blocking call that run() comes to. The library itself needs no instrumentation.
///
/// SOUND is a mono sound file, played in blocks of every size, while models are switched and files are set, wrong ones too.
/// Freewheeling is left out: there run() waits on purpose. Prints `blocks N notes M`.
#include <sndfile.h>

#include "pitch_host.h"

/// What the sanitizer watches: everything below this call.
static void run_in_real_time(Plugin* p, uint32_t frames) __attribute__((nonblocking)) __attribute__((noinline));
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wfunction-effects"  // a call through a pointer may do anything: that is what is tested
static void run_in_real_time(Plugin* p, uint32_t frames) __attribute__((nonblocking)) {
    p->descriptor->run(p->handle, frames);
}
#pragma clang diagnostic pop

static long notes = 0;

static void block(Plugin* p, const float* sound, uint32_t frames) {
    memcpy(p->in + LONGEST_BLOCK - frames, sound, frames * sizeof(float));
    plugin_prepare_atoms(p);
    plugin_connect(p, frames);
    run_in_real_time(p, frames);
    LV2_ATOM_SEQUENCE_FOREACH(p->midi, event)
        notes += event->body.size == 3 && (((const uint8_t*)(event + 1))[0] & 0xF0) == 0x90;
}

int main(int count, char** arguments) {
    SF_INFO info = {0};
    SNDFILE* file = count == 5 ? sf_open(arguments[3], SFM_READ, &info) : NULL;
    if (!file || info.channels != 1) {
        fprintf(stderr, "usage: rtsan BUNDLE MODELS SOUND LIBRARY\n");
        return 2;
    }
    const sf_count_t length = info.frames;
    float* sound = calloc((size_t)length + LONGEST_BLOCK, sizeof(float));
    if (sf_read_float(file, sound, length) != length) return 2;
    sf_close(file);
    Library library = library_open(arguments[1], arguments[4]);
    char tiny[4096];
    snprintf(tiny, sizeof tiny, "%s/continuo-pitch-quick.safetensors", arguments[2]);
    Plugin* p = plugin_make(&library, info.samplerate, 64);
    if (!p) return 2;
    plugin_activate(p);
    // Until the first model is there, too.
    for (int i = 0; i < 50; ++i) block(p, sound, 16);
    plugin_settle(p);

    static const uint32_t sizes[] = {16, 64, 128, 256, 1, 0, 1000, 37, 512, 2048, 8192};
    static const float hops[] = {10, 2.5f, 5, 20};
    long blocks = 0;
    const double start = seconds_now();
    double played = 0;
    for (int pass = 0; pass < 11; ++pass) {
        plugin_activate(p);
        for (sf_count_t at = 0; at < length;) {
            const uint32_t frames = pass < 4 ? sizes[pass] : pass == 10 ? random_below(8193) : sizes[random_below(10)];
            plugin_clear_control(p);
            if (pass == 3) {
                // The model control, and what happens when the wanted one is not there.
                p->controls[PORT_model] = (float)(blocks / 100 % 6);
                if (blocks % 150 == 0) plugin_set_model_file(p, blocks / 150 % 3 == 0 ? "" : blocks / 150 % 3 == 1 ? tiny : "/no");
            }
            if (pass == 5) {
                p->controls[PORT_hop] = hops[blocks / 40 % 4];
                p->controls[PORT_enabled] = (float)(blocks / 200 % 2 == 0);
                p->controls[PORT_midi_channel] = (float)(1 + blocks / 60 % 16);
                p->controls[PORT_bend_range] = (float)(blocks / 30 % 13);
                p->controls[PORT_lowest] = (float)(30 + blocks % 100);
            }
            block(p, sound + at, frames < length - at ? frames : (uint32_t)(length - at));
            at += frames ? frames : 64;
            played += (double)(frames ? frames : 64) / info.samplerate;
            ++blocks;
            // Some twenty times the speed of sound, so that results arrive, most in time and some not.
            const double ahead = played / 20 - (seconds_now() - start);
            if (ahead > 0.002) usleep((useconds_t)(ahead * 1e6));
        }
        for (int port = PORT_enabled; port <= PORT_midi_channel; ++port) p->controls[port] = pitch_defaults[port];
    }
    plugin_settle(p);
    printf("blocks %ld notes %ld\n", blocks, notes);
    plugin_free(p);
    return 0;
}
