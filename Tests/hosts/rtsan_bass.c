/// rtsan_bass BUNDLE STYLE SCRATCH LIBRARY: run() of Continuo Bass under RealtimeSanitizer; see rtsan.c. Blocks of every size while the transport
/// runs, stops and jumps, controls move, takes are made and chosen, sounds are learned from what comes in and from STYLE, a sound file,
/// states are saved (in SCRATCH, a folder) and restored by another thread; and messages that are damaged. Prints `blocks N sounding M takes K`.
#include "bass_host.h"

/// What the sanitizer watches: everything below this call.
static void run_in_real_time(Plugin* p, uint32_t frames) __attribute__((nonblocking)) __attribute__((noinline));
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wfunction-effects"  // a call through a pointer may do anything: that is what is tested
static void run_in_real_time(Plugin* p, uint32_t frames) __attribute__((nonblocking)) {
    p->descriptor->run(p->handle, frames);
}
#pragma clang diagnostic pop

static long blocks = 0, sounding = 0, takes = 0;

/// A block of the song, `at` samples into it.
static void block(Plugin* p, uint32_t frames, size_t at) {
    for (int port = BASS_PORT_in_left; port <= BASS_PORT_in_right; ++port)
        make_song(plugin_audio(p, port, frames), frames, host_rate, at);
    const uint32_t size = p->control->atom.size;
    plugin_prepare(p, frames);
    if (random_below(10) == 0)  // one buffer for all
        for (int port = BASS_PORT_in_left; port <= BASS_PORT_bass_right; ++port)
            p->descriptor->connect_port(p->handle, (uint32_t)port, p->audio[0] + LONGEST_BLOCK - frames);
    const float newest = p->controls[BASS_PORT_newest];
    run_in_real_time(p, frames);
    p->fault[0] = 0;  // damaged messages may say anything of the bars
    plugin_carry_on(p, size, frames, host_rate);
    plugin_clear_control(p);
    ++blocks;
    takes += p->controls[BASS_PORT_newest] != newest;
    float peak = 0;
    for (uint32_t i = 0; i < frames; ++i) peak = fmaxf(peak, fabsf(plugin_audio(p, BASS_PORT_bass_left, frames)[i]));
    sounding += peak > 1e-4f;
}

static struct {
    int count;
    uint32_t keys[24], types[24];
    size_t sizes[24];
    char values[24][4200];
    const char* folder;
} kept;
static LV2_State_Status store(LV2_State_Handle handle, uint32_t key, const void* value, size_t size, uint32_t type, uint32_t flags) {
    if (kept.count == 24 || size > sizeof *kept.values) return LV2_STATE_ERR_NO_SPACE;
    kept.keys[kept.count] = key, kept.types[kept.count] = type, kept.sizes[kept.count] = size;
    memcpy(kept.values[kept.count++], value, size);
    return LV2_STATE_SUCCESS;
}
static const void* retrieve(LV2_State_Handle handle, uint32_t key, size_t* size, uint32_t* type, uint32_t* flags) {
    for (int i = 0; i < kept.count; ++i) {
        if (kept.keys[i] != key) continue;
        *size = kept.sizes[i], *type = kept.types[i], *flags = LV2_STATE_IS_POD;
        return kept.values[i];
    }
    return NULL;
}
static char* make_path(LV2_State_Make_Path_Handle handle, const char* name) {
    char* path = malloc(strlen(kept.folder) + strlen(name) + 2);
    sprintf(path, "%s/%s", kept.folder, name);
    return path;
}

static bool is_done = false;
/// Saves, and restores what was saved.
static void* keep_state(void* context) {
    Plugin* p = context;
    const LV2_State_Interface* interface = p->descriptor->extension_data(LV2_STATE__interface);
    LV2_State_Make_Path make = {NULL, make_path};
    const LV2_Feature feature = {LV2_STATE__makePath, &make};
    const LV2_Feature* const features[] = {&feature, NULL};
    while (!__atomic_load_n(&is_done, __ATOMIC_ACQUIRE)) {
        kept.count = 0;
        interface->save(p->handle, store, NULL, LV2_STATE_IS_POD, features);
        usleep(150000);
        interface->restore(p->handle, retrieve, NULL, 0, features);
        usleep(150000);
    }
    return NULL;
}

int main(int count, char** arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: rtsan_bass BUNDLE STYLE SCRATCH LIBRARY\n");
        return 2;
    }
    kept.folder = arguments[3];
    Library library = library_open(arguments[1], arguments[4]);
    Plugin* p = plugin_make(&library, host_rate, 64);
    if (!p) return 2;
    plugin_activate(p);
    // Until the models are there, and without a transport, too.
    for (int i = 0; i < 50; ++i) block(p, 16, 0);
    plugin_settle(p);
    p->has_transport = true;
    p->controls[BASS_PORT_mode] = 1;
    p->controls[BASS_PORT_bars] = 1;
    p->controls[BASS_PORT_steps] = 2;
    pthread_t thread;
    bool has_thread = false;
    static const uint32_t sizes[] = {64, 128, 256, 1, 0, 1000, 37, 512, 2048, 8192};
    const double start = seconds_now();
    double played = 0;
    for (int pass = 0; played < 110;) {
        const int before = pass;
        pass = (int)(played / 22);
        if (pass != before) plugin_activate(p);
        const uint32_t frames = pass < 1 ? 256 : sizes[random_below(10)];
        if (pass >= 1 && random_below(pass >= 3 ? 20 : 60) == 0) {
            // Any control, anywhere in its range; bars short enough to be heard out.
            const int port = BASS_PORT_enabled + 2 + (int)random_below(BASS_PORT_through_level - BASS_PORT_enabled - 1);
            const float share = (float)random_below(1001) / 1000;
            p->controls[port] = random_below(100) == 0 ? NAN : bass_minima[port] + share * (bass_maxima[port] - bass_minima[port]);
            if (p->controls[BASS_PORT_bars] > 2) p->controls[BASS_PORT_bars] = 2;
            if (p->controls[BASS_PORT_steps] > 4) p->controls[BASS_PORT_steps] = 4;
        }
        if (pass >= 1 && random_below(100) == 0) p->controls[BASS_PORT_style_capture] = (float)random_below(2);
        if (pass >= 1 && random_below(100) == 0) p->controls[BASS_PORT_take] = (float)random_below(9);
        if (pass >= 2 && random_below(300) == 0) p->controls[BASS_PORT_enabled] = (float)(random_below(4) > 0);
        if (pass >= 1 && random_below(200) == 0) plugin_set_model_file(p, (const char*[]){"", arguments[2], "/no"}[random_below(3)]);
        if (pass >= 2 && random_below(300) == 0) p->beats = random_below(64);
        if (pass >= 2 && random_below(200) == 0) p->speed = random_below(3) > 0;
        if (pass >= 2 && random_below(500) == 0) p->tempo = 60 + (float)random_below(500);
        if (pass >= 3 && !has_thread) has_thread = pthread_create(&thread, NULL, keep_state, p) == 0;
        if (pass >= 4 && random_below(4) == 0) {
            const Position position = make_position(p->speed, 1, 0, 4, 4, 240);
            plugin_send(p, 0, &position.atom);
            // Any byte after the sequence's head, which is the host's own.
            uint8_t* bytes = (uint8_t*)(p->control + 1);
            bytes[random_below(p->control->atom.size - sizeof p->control->body)] = (uint8_t)random_bits();
        }
        block(p, frames, (size_t)(played * host_rate));
        played += (double)(frames ? frames : 64) / host_rate;
        // Some ten times the speed of sound, so that takes arrive, most in time and some not.
        const double ahead = played / 10 - (seconds_now() - start);
        if (ahead > 0.002) usleep((useconds_t)(ahead * 1e6));
    }
    __atomic_store_n(&is_done, true, __ATOMIC_RELEASE);
    if (has_thread) pthread_join(thread, NULL);
    plugin_reset_controls(p);
    plugin_settle(p);
    printf("blocks %ld sounding %ld takes %ld\n", blocks, sounding, takes);
    plugin_free(p);
    return 0;
}
