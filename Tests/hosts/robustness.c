/// robustness BUNDLE MODELS SCRATCH [LIBRARY]: what hosts do to a plugin, and worse. Prints one line a check.
///
/// - MODELS: the folder with continuo-pitch-quick.safetensors
/// - SCRATCH: a folder for damaged models
/// - LIBRARY: another build of the bundle's library, with sanitizers
/// - robustness --no-weights BUNDLE: what the plugin does where there is no model (a bundle without, CONTINUO_MODELS an empty folder)
#include "pitch_host.h"

#include "robustness.h"

// MARK: What must hold of every block

typedef struct {
    uint32_t count;
    uint8_t bytes[4096][3];
    int sounding[128];  ///< note-ons without their note-off
} Midi;

/// The block's MIDI, checked: in order, inside the block, well-formed, every note-off for a note that sounds. Appended to `all`
/// if that is given.
static const char* check_midi(const Plugin* p, uint32_t frames, Midi* all) {
    const LV2_Atom_Sequence* sequence = p->midi;
    if (sequence->atom.type != urid(LV2_ATOM__Sequence)) return fault("the MIDI port holds no sequence");
    if (sequence->atom.size > MIDI_CAPACITY - sizeof(LV2_Atom)) return fault("the MIDI sequence is larger than its port");
    int64_t last = 0;
    LV2_ATOM_SEQUENCE_FOREACH(sequence, event) {
        const uint8_t* m = (const uint8_t*)(event + 1);
        if (event->body.type != urid(LV2_MIDI__MidiEvent) || event->body.size != 3) return fault("an event is no MIDI message");
        if (event->time.frames < last) return fault("MIDI events are out of order");
        if (event->time.frames >= (int64_t)frames && !(frames == 0 && event->time.frames == 0))
            return fault("a MIDI event at frame %d of %u", (int)event->time.frames, frames);
        last = event->time.frames;
        const uint8_t status = m[0] & 0xF0;
        if (status != 0x80 && status != 0x90 && status != 0xB0 && status != 0xE0) return fault("MIDI status %02x", m[0]);
        if ((m[1] | m[2]) & 0x80) return fault("MIDI data %02x %02x", m[1], m[2]);
        if (status == 0x90 && m[2] == 0) return fault("a note-on without velocity");
        if (all) {
            if (all->count < 4096) memcpy(all->bytes[all->count++], m, 3);
            if (status == 0x90) ++all->sounding[m[1]];
            if (status == 0x80 && --all->sounding[m[1]] < 0) return fault("a note-off for note %d, which is off", m[1]);
        }
    }
    return NULL;
}

static const char* check_readings(const Plugin* p) {
    static const struct { int port; float low, high; } ranges[] = {
        {PORT_frequency, 0, 8000}, {PORT_note, 0, 127}, {PORT_confidence_now, 0, 1}, {PORT_level, -120, 12},
        {PORT_tracking_delay, 0, 1000}, {PORT_late_frames, 0, 1e6f}, {PORT_status, 0, 3}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; ++i) {
        const float value = p->controls[ranges[i].port];
        if (!(value >= ranges[i].low && value <= ranges[i].high)) return fault("output %d reads %g", ranges[i].port, value);
    }
    return NULL;
}

static const char* check_voltages(const Plugin* p, uint32_t frames) {
    const uint32_t skip = LONGEST_BLOCK - frames;
    for (uint32_t i = skip; i < LONGEST_BLOCK; ++i) {
        if (!(fabsf(p->cv_pitch[i]) <= 5.5f)) return fault("CV pitch %g", p->cv_pitch[i]);
        if (!(p->cv_gate[i] >= 0 && p->cv_gate[i] <= 10)) return fault("CV gate %g", p->cv_gate[i]);
        if (!(p->cv_level[i] >= 0 && p->cv_level[i] <= 10)) return fault("CV level %g", p->cv_level[i]);
    }
    return NULL;
}

/// Everything that must hold after a run of `frames` on `input`.
static const char* check_block(const Plugin* p, const float* input, uint32_t frames, Midi* all) {
    if (input && memcmp(plugin_output(p, frames), input, frames * sizeof(float))) return fault("the sound is not passed through");
    const char* why = check_midi(p, frames, all);
    if (!why) why = check_readings(p);
    if (!why) why = check_voltages(p, frames);
    if (!why) why = check_notify(p);
    return why;
}

static const char* check_sound(const Plugin* p, const float* input, uint32_t frames) { return check_block(p, input, frames, NULL); }

/// Freewheels `seconds` of a tone: the frequency that is read at the end, in Hz.
static float track(Plugin* p, double rate, double frequency, double seconds) {
    static float sound[BLOCK];
    const float was = p->controls[PORT_freewheel];
    p->controls[PORT_freewheel] = 1;
    plugin_clear_control(p);
    for (size_t at = 0; at < (size_t)(seconds * rate); at += BLOCK) {
        make_tone(sound, BLOCK, frequency, rate, at);
        plugin_run(p, sound, BLOCK);
    }
    p->controls[PORT_freewheel] = was;
    return p->controls[PORT_frequency];
}
static bool hears(float measured, double frequency) { return fabs(1200 * log2(measured / frequency)) < 30; }

static const char* check_alive(Plugin* p, double rate) {
    const float measured = track(p, rate, 220, 0.4);
    return hears(measured, 220) ? check_readings(p) : fault("220 Hz is heard as %g Hz afterwards", measured);
}

// MARK: The tests

static void random_blocks(void) {
    static const double rates[] = {44100, 48000, 88200, 96000, 176400, 192000};
    static float sound[LONGEST_BLOCK];
    for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
        const double rate = rates[r];
        Plugin* p = make(rate, 256);
        plugin_activate(p);
        p->controls[PORT_freewheel] = 1;
        p->controls[PORT_hop] = 20;
        static Midi all;
        memset(&all, 0, sizeof all);
        const char* why = NULL;
        size_t at = 0;
        while (!why && at < (size_t)(2 * rate)) {
            const uint32_t style = random_below(4);
            const uint32_t frames = style == 0 ? random_below(4) : style == 1 ? random_below(65) : random_below(LONGEST_BLOCK + 1);
            make_tone(sound, frames, 330, rate, at);
            plugin_run(p, sound, frames);
            why = check_block(p, sound, frames, &all);
            at += frames;
        }
        if (!why && !hears(p->controls[PORT_frequency], 330)) why = fault("330 Hz heard as %g", p->controls[PORT_frequency]);
        if (!why && all.sounding[64] != 1) why = fault("no E4 sounds");
        if (!why && p->controls[PORT_late_frames] != 0) why = fault("late frames while freewheeling");
        char what[80];
        snprintf(what, sizeof what, "random blocks of 0 to 8192 frames at %g kHz", rate / 1000);
        judge(what, why);
        plugin_free(p);
    }
}

/// One buffer for all audio and CV ports: the pitch must be heard as well as with five.
static void aliased_buffers(void) {
    static float sound[1024];
    static Midi apart, together;
    memset(&apart, 0, sizeof apart), memset(&together, 0, sizeof together);
    const char* why = NULL;
    for (int aliased = 0; aliased < 2 && !why; ++aliased) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        p->controls[PORT_freewheel] = 1;
        for (uint32_t at = 0; at < 72000 && !why; at += 1024) {
            make_tone(sound, 1024, at < 36000 ? 440 : 587.33, 48000, at);
            if (!aliased) {
                plugin_run(p, sound, 1024);
                why = check_midi(p, 1024, &apart);
                continue;
            }
            float* buffer = p->in + (LONGEST_BLOCK - 1024);
            memcpy(buffer, sound, sizeof sound);
            plugin_prepare_atoms(p);
            plugin_connect(p, 1024);
            const uint32_t ports[] = {PORT_in, PORT_out, PORT_cv_pitch, PORT_cv_gate, PORT_cv_level};
            for (int i = 0; i < 5; ++i) p->descriptor->connect_port(p->handle, ports[i], buffer);
            p->descriptor->run(p->handle, 1024);
            why = check_midi(p, 1024, &together);
        }
        plugin_free(p);
    }
    if (!why && apart.count < 3) why = fault("only %u MIDI messages", apart.count);
    if (!why && (apart.count != together.count || memcmp(apart.bytes, together.bytes, apart.count * 3)))
        why = fault("%u MIDI messages with separate buffers, %u with one, or others", apart.count, together.count);
    judge("one buffer for all audio and CV ports: the same MIDI", why);
}

static void bad_samples(void) {
    static const struct { const char* name; uint32_t bits; } kinds[] = {
        {"NaN", 0x7FC00000}, {"signalling NaN", 0x7F800001}, {"infinity", 0x7F800000}, {"-infinity", 0xFF800000},
        {"denormals", 0x00000001}, {"the largest float", 0x7F7FFFFF}, {"random bits", 0}};
    static float sound[BLOCK];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        const char* why = NULL;
        p->controls[PORT_freewheel] = 1;
        for (int block = 0; block < 40 && !why; ++block) {
            for (int i = 0; i < BLOCK; ++i) {
                const uint32_t bits = kinds[k].bits ? kinds[k].bits : (uint32_t)random_bits();
                memcpy(&sound[i], &bits, 4);
            }
            if (block % 4 == 1) make_tone(sound, BLOCK - 1, 220, 48000, 0);  // one bad sample in good sound
            plugin_run(p, sound, BLOCK);
            why = check_block(p, sound, BLOCK, NULL);
        }
        if (!why) why = check_alive(p, 48000);
        char what[80];
        snprintf(what, sizeof what, "%s at the input, and tracking afterwards", kinds[k].name);
        judge(what, why);
        plugin_free(p);
    }
}

static void missing_ports(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    make_tone(sound, BLOCK, 220, 48000, 0);
    const char* why = NULL;
    // Every subset of the CV ports, which are optional.
    for (int mask = 0; mask < 8 && !why; ++mask) {
        memcpy(p->in + LONGEST_BLOCK - BLOCK, sound, sizeof sound);
        plugin_prepare_atoms(p);
        plugin_connect(p, BLOCK);
        for (int i = 0; i < 3; ++i)
            if (mask & 1 << i) p->descriptor->connect_port(p->handle, PORT_cv_pitch + i, NULL);
        p->descriptor->run(p->handle, BLOCK);
        why = check_block(p, sound, BLOCK, NULL);
    }
    if (!why) why = check_alive(p, 48000);
    judge("CV ports not connected, in any combination", why);
    for (uint32_t port = 0; port < PORT_COUNT; ++port) p->descriptor->connect_port(p->handle, port, NULL);
    p->descriptor->run(p->handle, BLOCK);
    p->descriptor->run(p->handle, 0);
    judge("no port connected at all", check_alive(p, 48000));
    plugin_free(p);
}

static void early_run(void) {
    Plugin* p = make(48000, BLOCK);
    // As Ardour does at load, on its main thread: not activated, one buffer for all audio ports.
    float* buffer = p->in;
    const uint32_t lengths[] = {0, 1, 64, 8192, 0};
    const char* why = NULL;
    for (int i = 0; i < 5 && !why; ++i) {
        plugin_prepare_atoms(p);
        plugin_connect(p, 0);
        for (uint32_t port = 0; port < PORT_COUNT; ++port)
            if (port == PORT_in || port == PORT_out || port >= PORT_cv_pitch)
                p->descriptor->connect_port(p->handle, port, buffer);
        p->descriptor->run(p->handle, lengths[i]);
        why = check_midi(p, lengths[i], NULL);
        if (!why) why = check_readings(p);
    }
    for (int i = 0; i < 3 && !why; ++i) {
        plugin_activate(p);
        why = check_alive(p, 48000);
    }
    judge("run() before activation, and activation again and again", why);
    plugin_free(p);
}

typedef struct {
    Plugin* plugin;
    double frequency;
} Voice;

static void many_instances(void) {
    enum { COUNT = 64 };
    static float sound[BLOCK];
    Voice voices[COUNT];
    for (int i = 0; i < COUNT; ++i) {
        voices[i] = (Voice){make(48000, BLOCK), 110 * pow(2, i / 24.0)};
        plugin_activate(voices[i].plugin);
        voices[i].plugin->controls[PORT_hop] = 20;
    }
    // First live, all at once, at the speed of sound: more than two processors can do, so frames come late, but no call waits.
    const char* why = NULL;
    double longest = 0, total = 0;
    const double start = seconds_now();
    const int blocks = 96;
    for (int block = 0; block < blocks && !why; ++block) {
        for (int i = 0; i < COUNT && !why; ++i) {
            make_tone(sound, BLOCK, voices[i].frequency, 48000, (size_t)block * BLOCK);
            const double before = seconds_now();
            plugin_run(voices[i].plugin, sound, BLOCK);
            const double took = seconds_now() - before;
            total += took;
            if (took > longest) longest = took;
            why = check_block(voices[i].plugin, sound, BLOCK, NULL);
        }
        while (seconds_now() - start < (block + 1) * BLOCK / 48000.0) usleep(200);
    }
    double late = 0;
    for (int i = 0; i < COUNT; ++i) late += voices[i].plugin->controls[PORT_late_frames];
    judge("64 instances at once, live", why);
    printf("# 64 live instances: mean run() %.1f us, longest %.0f us, %.0f late frames\n", total / blocks / COUNT * 1e6,
           longest * 1e6, late);
    // Then freewheeling: each hears its own tone.
    why = NULL;
    for (int i = 0; i < COUNT; ++i) voices[i].plugin->controls[PORT_freewheel] = 1;
    for (int block = 0; block < 80 && !why; ++block)
        for (int i = 0; i < COUNT && !why; ++i) {
            make_tone(sound, BLOCK, voices[i].frequency, 48000, (size_t)block * BLOCK);
            plugin_run(voices[i].plugin, sound, BLOCK);
            why = check_block(voices[i].plugin, sound, BLOCK, NULL);
        }
    for (int i = 0; i < COUNT && !why; ++i)
        if (!hears(voices[i].plugin->controls[PORT_frequency], voices[i].frequency))
            why = fault("instance %d hears %g Hz for %g Hz", i, voices[i].plugin->controls[PORT_frequency], voices[i].frequency);
    judge("64 instances at once, each with its own tone", why);
    for (int i = 0; i < COUNT; ++i) plugin_free(voices[i].plugin);
}

static void wild_controls(void) {
    static const float wild[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3.4e38f, 1e-42f, 0, -1, 0.5f, 2147483648.f, 100, -100};
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = NULL;
    for (int round = 0; round < 600 && !why; ++round) {
        for (int port = PORT_enabled; port <= PORT_midi_channel; ++port) {
            const uint32_t kind = random_below(4);
            if (kind == 0) p->controls[port] = pitch_defaults[port];
            else if (kind == 1) p->controls[port] = wild[random_below(sizeof wild / sizeof *wild)];
            else if (kind == 2) {
                const uint32_t bits = (uint32_t)random_bits();
                memcpy(&p->controls[port], &bits, 4);
            } else p->controls[port] = (float)random_below(2001) - 500;
        }
        p->controls[PORT_model] = round % 50 == 0 ? wild[random_below(13)] : 0;  // loading at every block would prove little
        p->controls[PORT_freewheel] = round % 8 == 0;
        make_tone(sound, BLOCK, 220, 48000, (size_t)round * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_block(p, sound, BLOCK, NULL);
    }
    for (int port = PORT_enabled; port <= PORT_midi_channel; ++port) p->controls[port] = pitch_defaults[port];
    if (!why) why = check_alive(p, 48000);
    judge("controls at NaN, infinities and any bits", why);
    // One at a time, so that the others' values cannot hide it.
    why = NULL;
    for (int port = PORT_enabled; port <= PORT_midi_channel && !why; ++port)
        for (size_t w = 0; w < sizeof wild / sizeof *wild && !why; ++w) {
            if (port == PORT_model && w > 2) continue;
            p->controls[port] = wild[w];
            for (int block = 0; block < 3 && !why; ++block) {
                make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
                plugin_run(p, sound, BLOCK);
                why = check_block(p, sound, BLOCK, NULL);
            }
            p->controls[port] = pitch_defaults[port];
        }
    if (!why) why = check_alive(p, 48000);
    judge("each control in turn at wild values", why);
    plugin_free(p);
}

/// Notes end when the plugin is switched off.
static void switched_off(void) {
    static Midi all;
    static float sound[BLOCK];
    memset(&all, 0, sizeof all);
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    p->controls[PORT_freewheel] = 1;
    const char* why = NULL;
    int most = 0;
    for (int block = 0; block < 600 && !why; ++block) {
        p->controls[PORT_enabled] = block / 150 % 2 == 0;
        make_tone(sound, BLOCK, 440, 48000, (size_t)block * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_block(p, sound, BLOCK, &all);
        if (all.sounding[69] > most) most = all.sounding[69];
        if (!why && p->controls[PORT_enabled] == 0 && all.sounding[69]) why = fault("a note sounds on");
    }
    if (!why && most != 1) why = fault("A4 sounded %d times at once", most);
    judge("switched off: notes end, sound passes through", why);
    plugin_free(p);
}

// MARK: No weights

static int no_weights(void) {
    static float sound[BLOCK];
    host_log_clear();
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = NULL;
    const int status = plugin_settle(p);
    if (status != 3) why = fault("status %d", status);
    for (int freewheeling = 0; freewheeling < 2 && !why; ++freewheeling) {
        p->controls[PORT_freewheel] = (float)freewheeling;
        for (int block = 0; block < 400 && !why; ++block) {
            make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
            plugin_run(p, sound, BLOCK);
            why = check_block(p, sound, BLOCK, NULL);
        }
    }
    if (!why && p->controls[PORT_status] != 3) why = fault("status %g later", p->controls[PORT_status]);
    if (!why && p->controls[PORT_frequency] != 0) why = fault("a frequency of %g Hz", p->controls[PORT_frequency]);
    judge("no model installed: status 3, the sound passes through", why);
    why = NULL;
    if (host_log_lines != 1) why = fault("%d lines: %s", host_log_lines, host_log_text);
    if (!why && !strstr(host_log_text, "continuo-pitch-standard is missing")) why = fault("it says: %s", host_log_text);
    judge("no model installed: one line says what is missing", why);
    plugin_free(p);
    return failures > 0;
}

int main(int count, char** arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count >= 3 && !strcmp(arguments[1], "--no-weights")) {
        library = library_open(arguments[2], count > 3 ? arguments[3] : NULL);
        return no_weights();
    }
    if (count < 4) {
        fprintf(stderr, "usage: robustness BUNDLE MODELS SCRATCH [LIBRARY]\n");
        return 2;
    }
    library = library_open(arguments[1], count > 4 ? arguments[4] : NULL);
    models = arguments[2];
    scratch = arguments[3];
    snprintf(tiny, sizeof tiny, "%s/continuo-pitch-quick.safetensors", models);
    static const struct { const char* name; void (*run)(void); } tests[] = {
        {"features", features}, {"random_blocks", random_blocks}, {"aliased_buffers", aliased_buffers},
        {"bad_samples", bad_samples}, {"missing_ports", missing_ports}, {"early_run", early_run},
        {"switched_off", switched_off}, {"wild_controls", wild_controls}, {"hostile_messages", hostile_messages},
        {"bad_model_files", bad_model_files}, {"path_while_running", path_while_running}, {"state", state},
        {"restore_while_running", restore_while_running}, {"many_instances", many_instances}};
    const char* only = getenv("ONLY");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i) {
        if (only && strcmp(only, tests[i].name)) continue;
        const double start = seconds_now();
        fprintf(stderr, "# %s\n", tests[i].name);
        tests[i].run();
        printf("# %s: %.1f s\n", tests[i].name, seconds_now() - start);
    }
    return failures > 0;
}
