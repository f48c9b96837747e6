/// robustness_bass BUNDLE STYLE SCRATCH [LIBRARY]: what hosts and players do to Continuo Bass, and worse. Prints one line a check.
///
/// - STYLE: a sound file of a bass
/// - SCRATCH: a folder for states and damaged files
/// - LIBRARY: another build of the bundle's library, with sanitizers
/// - robustness_bass --no-weights BUNDLE [LIBRARY]: what it does without models (a bundle without them)
#include <libgen.h>

#include "bass_host.h"

#include "robustness.h"

// MARK: What must hold of every block

static const char* check_readings(const Plugin* p) {
    for (int port = BASS_PORT_state; port < BASS_PORT_COUNT; ++port) {
        const float value = p->controls[port];
        if (!(value >= bass_minima[port] && value <= bass_maxima[port])) return fault("%s reads %g", bass_port_symbol(port), value);
    }
    return NULL;
}

static double energy = 0;      // of the bass since it was last made 0
static float limit = 100;      // what no sample may reach
static bool passes = true;     // the mix comes out as it went in

static const char* check_sound(const Plugin* p, const float* input, uint32_t frames) {
    const float *left = plugin_audio(p, BASS_PORT_bass_left, frames), *right = plugin_audio(p, BASS_PORT_bass_right, frames);
    const float* through[2] = {plugin_audio(p, BASS_PORT_through_left, frames), plugin_audio(p, BASS_PORT_through_right, frames)};
    for (uint32_t i = 0; i < frames; ++i) {
        if (!(fabsf(left[i]) < limit)) return fault("the bass has a sample of %g", left[i]);
        if (left[i] != right[i]) return fault("left is %g and right %g", left[i], right[i]);
        energy += (double)left[i] * left[i];
    }
    for (int side = 0; side < 2 && passes; ++side)
        for (uint32_t i = 0; i < frames; ++i)
            if (through[side][i] != (input ? input[i] : 0))
                return fault("%g comes through as %g", input ? input[i] : 0, through[side][i]);
    const char* why = check_readings(p);
    if (!why && p->fault[0]) why = p->fault;
    return why ? why : check_notify(p);
}

/// A beginning at bar 0, the transport running.
static void start_transport(Plugin* p) {
    p->has_transport = true;
    p->beats = 0;
    p->speed = 1;
    p->tempo = 240;
    p->beats_per_bar = 4;
}

/// Freewheels from `from` to `to` seconds of the song.
static const char* freewheel(Plugin* p, double from, double to) {
    static float sound[BLOCK];
    const float was = p->controls[BASS_PORT_freewheel];
    p->controls[BASS_PORT_freewheel] = 1;
    const char* why = NULL;
    for (size_t at = (size_t)(from * host_rate); at < (size_t)(to * host_rate) && !why;) {
        const size_t left = (size_t)(to * host_rate) - at, count = left < BLOCK ? left : BLOCK;
        make_song(sound, count, host_rate, at);
        plugin_run(p, sound, (uint32_t)count);
        plugin_clear_control(p);
        why = check_sound(p, sound, (uint32_t)count);
        at += count;
    }
    p->controls[BASS_PORT_freewheel] = was;
    return why;
}

/// Captures the bar that begins at 1 s, whose take sounds from 3 s on; there are 4 s then.
static const char* make_take(Plugin* p) {
    start_transport(p);
    p->controls[BASS_PORT_mode] = 0;
    p->controls[BASS_PORT_bars] = 1;
    p->controls[BASS_PORT_steps] = 1;
    p->controls[BASS_PORT_capture] = 0;
    const char* why = freewheel(p, 0, 0.25);
    p->controls[BASS_PORT_capture] = 1;
    if (!why) why = freewheel(p, 0.25, 3);
    p->controls[BASS_PORT_capture] = 0;
    energy = 0;
    return why ? why : freewheel(p, 3, 4);
}

static double level(double seconds) { return 10 * log10(energy / (seconds * host_rate) + 1e-20); }

static const char* check_alive(Plugin* p, double rate) {
    host_rate = rate;
    passes = false;  // the levels may be on their way
    plugin_clear_control(p);
    plugin_settle(p);
    passes = true;
    // The first time a level that was moved is on its way yet.
    const char* why = NULL;
    static float silence[LONGEST_BLOCK];
    p->has_transport = false;
    passes = false;
    for (int i = 0; i < 2 && !why; ++i) {
        plugin_run(p, silence, LONGEST_BLOCK / 2);
        why = check_sound(p, silence, LONGEST_BLOCK / 2);
    }
    passes = true;
    if (!why) why = make_take(p);
    p->has_transport = false;
    if (why) return why;
    if (p->controls[BASS_PORT_takes] < 1 || p->controls[BASS_PORT_playing] != p->controls[BASS_PORT_newest])
        return fault("%g takes afterwards, the newest %g, playing %g", p->controls[BASS_PORT_takes], p->controls[BASS_PORT_newest],
                     p->controls[BASS_PORT_playing]);
    return level(1) > -60 ? NULL : fault("a take of %.0f dB afterwards", level(1));
}

// MARK: The tests

/// Six bars in follow mode, in blocks of `block` or (0) at random, into `bass`.
static const char* follow(Plugin* p, uint32_t block, float* bass, size_t count) {
    static float sound[LONGEST_BLOCK];
    start_transport(p);
    p->controls[BASS_PORT_mode] = 1;
    p->controls[BASS_PORT_bars] = 1;
    p->controls[BASS_PORT_steps] = 2;
    p->controls[BASS_PORT_freewheel] = 1;
    const char* why = NULL;
    for (size_t at = 0; at < count && !why;) {
        const uint32_t style = random_below(4);
        uint32_t frames = style == 0 ? random_below(4) : style == 1 ? random_below(65) : random_below(LONGEST_BLOCK + 1);
        if (block) frames = block;
        if (frames > count - at) frames = (uint32_t)(count - at);
        make_song(sound, frames, host_rate, at);
        plugin_run(p, sound, frames);
        why = check_sound(p, sound, frames);
        memcpy(bass + at, plugin_audio(p, BASS_PORT_bass_left, frames), frames * sizeof(float));
        at += frames;
    }
    return why;
}

static void random_blocks(void) {
    static const double rates[] = {8000, 44100, 48000, 88200, 96000, 192000};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
        host_rate = rates[r];
        const size_t count = (size_t)(6 * host_rate);
        float* heard[2] = {calloc(count, sizeof(float)), calloc(count, sizeof(float))};
        const char* why = NULL;
        for (int random = 0; random < 2 && !why; ++random) {
            Plugin* p = make(host_rate, 256);
            plugin_activate(p);
            energy = 0;
            why = follow(p, random ? 0 : BLOCK, heard[random], count);
            if (!why && level(6) < -60) why = fault("nothing sounded");
            if (!why && p->notes == 0) why = fault("no notes");
            if (!why && p->controls[BASS_PORT_late] != 0) why = fault("late while freewheeling");
            if (!why && p->controls[BASS_PORT_takes] < 4) why = fault("%g takes", p->controls[BASS_PORT_takes]);
            plugin_free(p);
        }
        if (!why && memcmp(heard[0], heard[1], count * sizeof(float))) why = fault("other blocks, other sound");
        char what[80];
        snprintf(what, sizeof what, "random blocks of 0 to 8192 frames at %g kHz, the same bits", host_rate / 1000);
        judge(what, why);
        free(heard[0]);
        free(heard[1]);
    }
    host_rate = 48000;
}

/// One buffer for all audio ports holds in the end what the bass alone would have; hosts that play in place get the same, too.
static void aliased_buffers(void) {
    static float sound[BLOCK], apart[4 * 48000 / BLOCK][2][BLOCK];
    const char* why = NULL;
    energy = 0;
    for (int kind = 0; kind < 3 && !why; ++kind) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        start_transport(p);
        p->controls[BASS_PORT_freewheel] = 1;
        p->controls[BASS_PORT_bars] = 1;
        p->controls[BASS_PORT_steps] = 1;
        for (int block = 0; block < 4 * 48000 / BLOCK && !why; ++block) {
            make_song(sound, BLOCK, 48000, (size_t)block * BLOCK);
            p->controls[BASS_PORT_capture] = block > 3;
            plugin_clear_control(p);
            if (kind == 0) {
                plugin_run(p, sound, BLOCK);
                why = check_sound(p, sound, BLOCK);
                memcpy(apart[block][0], plugin_audio(p, BASS_PORT_through_right, BLOCK), sizeof sound);
                memcpy(apart[block][1], plugin_audio(p, BASS_PORT_bass_right, BLOCK), sizeof sound);
                continue;
            }
            const uint32_t size = p->control->atom.size;
            plugin_prepare(p, BLOCK);
            for (int port = BASS_PORT_in_left; port <= BASS_PORT_bass_right; ++port) {
                // All one; or what passes through in place.
                const int from = kind == 1 ? BASS_PORT_in_left : port < BASS_PORT_through_left ? port : port - 2;
                if (kind == 2 && port >= BASS_PORT_bass_left) continue;
                p->descriptor->connect_port(p->handle, (uint32_t)port, plugin_audio(p, from, BLOCK));
                if (port < BASS_PORT_through_left) memcpy(plugin_audio(p, from, BLOCK), sound, sizeof sound);
            }
            p->descriptor->run(p->handle, BLOCK);
            plugin_carry_on(p, size, BLOCK, 48000);
            const float* through = plugin_audio(p, BASS_PORT_in_right, BLOCK);
            const float* bass = plugin_audio(p, kind == 1 ? BASS_PORT_in_left : BASS_PORT_bass_right, BLOCK);
            if (memcmp(bass, apart[block][1], sizeof sound)) why = fault("another bass in block %d", block);
            if (!why && kind == 2 && memcmp(through, apart[block][0], sizeof sound)) why = fault("another mix in block %d", block);
        }
        if (!why && level(4) < -60) why = fault("nothing sounded");
        plugin_free(p);
    }
    judge("one buffer for all audio ports, and in place, the same bits", why);
}

static const char* check_kept(Plugin* p);

static void bad_samples(void) {
    static const struct { const char* name; uint32_t bits; } kinds[] = {
        {"NaN", 0x7FC00000}, {"signalling NaN", 0x7F800001}, {"infinity", 0x7F800000}, {"-infinity", 0xFF800000},
        {"denormals", 0x00000001}, {"the largest float", 0x7F7FFFFF}, {"random bits", 0}};
    static float sound[BLOCK];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        start_transport(p);
        p->controls[BASS_PORT_mode] = 1;
        p->controls[BASS_PORT_bars] = 1;
        p->controls[BASS_PORT_steps] = 1;
        p->controls[BASS_PORT_freewheel] = 1;
        const char* why = NULL;
        passes = false;
        for (int block = 0; block < 4 * 48000 / BLOCK && !why; ++block) {
            make_song(sound, BLOCK, 48000, (size_t)block * BLOCK);
            for (int i = 0; i < BLOCK; ++i) {
                const uint32_t bits = kinds[k].bits ? kinds[k].bits : (uint32_t)random_bits();
                // A bar with one of them, and one of nothing else.
                if (block < 48000 / BLOCK ? block == 90 && i == 77 : block < 2 * 48000 / BLOCK) memcpy(&sound[i], &bits, 4);
            }
            // What comes in is learned, too.
            p->controls[BASS_PORT_style_capture] = (float)(block / 40 % 2);
            plugin_run(p, sound, BLOCK);
            why = check_sound(p, sound, BLOCK);
            // What was captured and learned of it can be kept.
            if (!why && (block == 48000 / BLOCK + 3 || block == 2 * 48000 / BLOCK + 3)) why = check_kept(p);
        }
        plugin_reset_controls(p);
        if (!why) why = check_alive(p, 48000);
        passes = true;
        char what[80];
        snprintf(what, sizeof what, "%s at the input, and playing afterwards", kinds[k].name);
        judge(what, why);
        plugin_free(p);
    }
}

static void missing_ports(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = NULL;
    for (int port = -1; port < BASS_PORT_COUNT && !why; ++port) {
        // None at all; then each in turn.
        plugin_prepare_atoms(p);
        plugin_connect(p, BLOCK);
        for (int other = 0; other < BASS_PORT_COUNT; ++other)
            if (port < 0 || other == port) p->descriptor->connect_port(p->handle, (uint32_t)other, NULL);
        p->descriptor->run(p->handle, BLOCK);
        p->descriptor->run(p->handle, 0);
        if (port >= 0) why = check_readings(p);
    }
    judge("no port connected at all, and each in turn not", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

static void early_run(void) {
    Plugin* p = make(48000, BLOCK);
    // As Ardour does at load, on its main thread: not activated, one buffer for all audio ports.
    const uint32_t lengths[] = {0, 1, 64, 8192, 0};
    const char* why = NULL;
    for (int i = 0; i < 5 && !why; ++i) {
        plugin_prepare_atoms(p);
        plugin_connect(p, 0);
        for (int port = BASS_PORT_in_left; port <= BASS_PORT_bass_right; ++port)
            p->descriptor->connect_port(p->handle, (uint32_t)port, p->in);
        p->descriptor->run(p->handle, lengths[i]);
        why = check_readings(p);
    }
    for (int i = 0; i < 3 && !why; ++i) {
        // A note that sounds then must end.
        plugin_activate(p);
        why = check_alive(p, 48000);
        if (!why && p->controls[BASS_PORT_takes] != i + 1) why = fault("%g takes after %d", p->controls[BASS_PORT_takes], i + 1);
    }
    judge("run() before activation, and activation again and again", why);
    plugin_free(p);
}

/// Off: the mix as it is, no bass, no note; and on again, in place.
static void switched_off(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    p->controls[BASS_PORT_through_level] = -12;
    passes = false;
    const char* why = make_take(p);
    if (!why && level(1) < -60) why = fault("no take");
    p->controls[BASS_PORT_enabled] = 0;
    if (!why) why = freewheel(p, 4, 4.1);
    if (!why && p->key >= 0) why = fault("a note sounds on");
    energy = 0;
    p->notes = 0;
    passes = true;
    if (!why) why = freewheel(p, 4.1, 6);
    if (!why && (energy != 0 || p->notes)) why = fault("a bass of %.0f dB and %ld notes while it is off", level(1.9), p->notes);
    p->controls[BASS_PORT_enabled] = 1;
    passes = false;
    energy = 0;
    if (!why) why = freewheel(p, 6, 7);
    passes = true;
    if (!why && level(1) < -60) why = fault("it does not come back");
    judge("switched off, and on again", why);
    plugin_free(p);
}

static const float wild[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3.4e38f, 1e-42f, 0, -1, 0.5f, 2147483648.f, 100, -100};
enum { WILD_COUNT = sizeof wild / sizeof *wild };

static void wild_controls(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    start_transport(p);
    p->tempo = 960;
    passes = false;
    const char* why = NULL;
    for (int round = 0; round < 1000 && !why; ++round) {
        for (int port = BASS_PORT_enabled; port <= BASS_PORT_through_level; ++port) {
            const uint32_t kind = random_below(4);
            if (kind == 0) p->controls[port] = bass_defaults[port];
            else if (kind == 1) p->controls[port] = wild[random_below(WILD_COUNT)];
            else if (kind == 2) {
                const uint32_t bits = (uint32_t)random_bits();
                memcpy(&p->controls[port], &bits, 4);
            } else p->controls[port] = (float)random_below(2001) - 500;
        }
        p->controls[BASS_PORT_freewheel] = round % 50 == 0;
        make_song(sound, BLOCK, 48000, (size_t)round * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_sound(p, sound, BLOCK);
    }
    plugin_reset_controls(p);
    if (!why) why = check_alive(p, 48000);
    judge("controls at NaN, infinities and any bits", why);
    // One at a time, so that the others' values cannot hide it, with takes being made.
    why = NULL;
    passes = false;
    start_transport(p);
    p->tempo = 960;
    for (int port = BASS_PORT_enabled; port <= BASS_PORT_through_level && !why; ++port)
        for (int w = 0; w < WILD_COUNT && !why; ++w) {
            p->controls[BASS_PORT_mode] = 1;
            p->controls[BASS_PORT_bars] = 1;
            p->controls[port] = wild[w];
            for (int block = 0; block < 3 && !why; ++block) {
                make_song(sound, BLOCK, 48000, (size_t)block * BLOCK);
                plugin_run(p, sound, BLOCK);
                why = check_sound(p, sound, BLOCK);
            }
            p->controls[port] = bass_defaults[port];
        }
    plugin_reset_controls(p);
    if (!why) why = check_alive(p, 48000);
    passes = true;
    judge("each control in turn at wild values", why);
    plugin_free(p);
}

/// Transports that are none, and bars that nobody can play.
static void wild_transports(void) {
    static float sound[BLOCK];
    static const double numbers[] = {NAN, INFINITY, -INFINITY, 1e30, -1e30, 0, -1, 1e-9, 0.5, 4, 7, 64, 1000, 1e9, 9.3e18, -4e9};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    p->controls[BASS_PORT_mode] = 1;
    p->controls[BASS_PORT_bars] = 1;
    p->controls[BASS_PORT_steps] = 1;
    const char* why = NULL;
    for (int round = 0; round < 3000 && !why; ++round) {
        plugin_clear_control(p);
        const uint32_t count = random_below(4);
        for (uint32_t i = 0; i < count; ++i) {
            double value[5];
            for (int k = 0; k < 5; ++k) value[k] = random_below(3) ? (double[]){1, round / 30, 0, 4, 300}[k] : numbers[random_below(COUNT)];
            const Position position = make_position(value[0], value[1], value[2], value[3], random_below(3) ? 4 : (int32_t)random_bits(), value[4]);
            plugin_send(p, random_below(4) ? random_below(BLOCK) : (int64_t)random_bits(), &position.atom);
        }
        make_song(sound, BLOCK, 48000, (size_t)round * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_sound(p, sound, BLOCK);
    }
    plugin_clear_control(p);
    plugin_reset_controls(p);
    judge("positions with numbers that are none", why ? why : check_alive(p, 48000));

    // Bars of 29 samples, of a second to the beat, of 64 beats; a tempo that changes with every block.
    static const struct { const char* name; float tempo, beats, speed; double seconds; } kinds[] = {
        {"bars of 29 samples", 1000, 1, 100, 0.03}, {"a speed of 1000", 1000, 1, 1000, 0.03},
        {"one beat a bar", 240, 1, 1, 2}, {"6.5 beats a bar", 700, 6.5f, 1, 3}, {"64 beats a bar", 1000, 64, 2, 5},
        {"half speed", 480, 4, 0.5f, 3}, {"backwards", 240, 4, -1, 1}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
        why = NULL;
        start_transport(p);
        p->tempo = kinds[k].tempo;
        p->beats_per_bar = kinds[k].beats;
        p->speed = kinds[k].speed;
        p->controls[BASS_PORT_mode] = 1;
        p->controls[BASS_PORT_bars] = 1;
        p->controls[BASS_PORT_steps] = 1;
        why = freewheel(p, 0, kinds[k].seconds);
        plugin_reset_controls(p);
        if (!why) why = check_alive(p, 48000);
        char what[80];
        snprintf(what, sizeof what, "a transport with %s", kinds[k].name);
        judge(what, why);
    }
    start_transport(p);
    why = NULL;
    p->controls[BASS_PORT_mode] = 1;
    p->controls[BASS_PORT_bars] = 2;
    p->controls[BASS_PORT_steps] = 1;
    for (int i = 0; i < 400 && !why; ++i) {
        p->tempo = 60 + (float)random_below(600);
        if (random_below(20) == 0) p->beats = random_below(100) + 0.5 * random_below(3);
        if (random_below(30) == 0) p->speed = random_below(2) ? 1 : 0;
        why = freewheel(p, i * 0.01, i * 0.01 + 0.01);
    }
    plugin_reset_controls(p);
    judge("a tempo that is never the same, jumps and stops", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

static void floods(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    const char* why = NULL;
    for (int round = 0; round < 4 && !why; ++round) {
        plugin_clear_control(p);
        const Position position = make_position(1, round, 0, 4, 4, 240);
        for (int i = 0; i < 10000; ++i)
            if (!plugin_send(p, round == 0 ? i % BLOCK : i * BLOCK / 10000, &position.atom)) why = fault("no room");
        plugin_run(p, NULL, BLOCK);
        if (!why) why = check_sound(p, NULL, BLOCK);
    }
    // 5,000 wishes for styles in one block: the last that is taken counts, and it goes on.
    plugin_set_model_file(p, "/nowhere.wav");
    static Message one;
    one.size = p->control->atom.size - sizeof(LV2_Atom_Sequence_Body) - sizeof(int64_t);
    memcpy(one.bytes, &((LV2_Atom_Event*)(p->control + 1))->body, one.size);
    plugin_clear_control(p);
    for (int i = 0; i < 5000 && !why; ++i)
        if (!plugin_send(p, 0, &one.sequence.atom)) why = fault("no room");
    plugin_run(p, NULL, BLOCK);
    plugin_set_model_file(p, "");
    plugin_run(p, NULL, 16);
    if (!why && plugin_settle(p) < 0) why = fault("no models afterwards");
    judge("10,000 positions and 5,000 styles in a block", why ? why : check_alive(p, 48000));

    // Bytes that are damaged, in what hosts send most.
    why = NULL;
    p->controls[BASS_PORT_mode] = 1;
    p->controls[BASS_PORT_steps] = 1;
    for (int round = 0; round < 20000 && !why; ++round) {
        static Message m;
        const Position position = make_position(1, round / 40, 0, 4, 4, 240);
        plugin_clear_control(p);
        plugin_send(p, random_below(BLOCK), &position.atom);
        plugin_send(p, random_below(BLOCK), &position.atom);
        m.size = sizeof(LV2_Atom) + p->control->atom.size;
        memcpy(m.bytes, p->control, m.size);
        const uint32_t changes = 1 + random_below(4);
        for (uint32_t i = 0; i < changes; ++i) {
            if (random_below(2)) m.words[4 + random_below((uint32_t)m.size / 4 - 4)] = random_below(60);
            else m.bytes[8 + random_below((uint32_t)m.size - 8)] = (uint8_t)random_bits();
        }
        send_raw(p, m.bytes, m.size, false);
        if (round % 16) continue;
        plugin_clear_control(p);
        make_song(sound, BLOCK, 48000, (size_t)round * BLOCK);
        passes = false;  // a run by itself has other input
        plugin_run(p, sound, BLOCK);
        for (uint32_t i = 0; i < BLOCK && !why; ++i)
            if (!(fabsf(plugin_audio(p, BASS_PORT_bass_left, BLOCK)[i]) < limit)) why = fault("a sample that is none");
        if (!why) why = check_readings(p);
        passes = true;
    }
    plugin_reset_controls(p);
    plugin_activate(p);
    judge("20,000 damaged positions", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: Styles

static void put_number(uint8_t* at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) at[i] = (uint8_t)(value >> 8 * i);
}

/// A WAV file of 32-bit floats whose header says what it likes, with `count` samples behind it.
static void write_wav(const char* path, uint32_t rate, uint32_t channels, uint32_t said, const float* samples, size_t count) {
    uint8_t header[44] = "RIFF....WAVEfmt \20\0\0\0\3\0";
    put_number(header + 4, 36 + 4 * said, 4);
    put_number(header + 22, channels, 2);
    put_number(header + 24, rate, 4);
    put_number(header + 28, rate * channels * 4, 4);
    put_number(header + 32, channels * 4, 2);
    put_number(header + 34, 32, 2);
    memcpy(header + 36, "data", 4);
    put_number(header + 40, 4 * said, 4);
    FILE* file = fopen(path, "wb");
    if (!file || fwrite(header, 1, 44, file) != 44 || fwrite(samples, sizeof(float), count, file) != count || fclose(file)) {
        perror(path);
        exit(2);
    }
}

/// Files that are no style, or an odd one: those refused are named in one line, and takes are made as before.
static void bad_styles(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = plugin_settle(p) == 0 ? NULL : fault("not ready");
    static float noise[48000];
    for (int i = 0; i < 48000; ++i) noise[i] = (float)random_below(2001) / 1000 - 1;
    enum { MISSING, EMPTY, TEXT, FOLDER, PIPE, NO_SAMPLES, NO_RATE, WILD_RATE, MANY_CHANNELS, NO_CHANNELS, GARBLED, REFUSED,
           CUT = REFUSED, LYING, NANS, LOUD, SHORT, HOUR, SLOW, KINDS };
    static const char* const names[KINDS] = {
        "missing", "empty", "a text", "a folder", "a pipe", "without samples", "of 1 Hz", "of 4 GHz", "of 2000 channels",
        "without channels", "of random bytes", "cut off", "shorter than it says", "NaN and infinity", "of the largest floats",
        "one sample long", "an hour long", "of 1000 Hz"};
    char path[4200];
    for (int kind = 0; kind < KINDS && !why; ++kind) {
        snprintf(path, sizeof path, "%s/bad-%d.wav", scratch, kind);
        switch (kind) {
        case MISSING: break;
        case EMPTY: write_file(path, "", 0); break;
        case TEXT: write_file(path, "RIFFraff", 8); break;
        case FOLDER: mkdir(path, 0755); break;
        case PIPE: mkfifo(path, 0600); break;
        case NO_SAMPLES: write_wav(path, 48000, 1, 0, noise, 0); break;
        case NO_RATE: write_wav(path, 1, 1, 48000, noise, 48000); break;
        case WILD_RATE: write_wav(path, 4000000000u, 1, 48000, noise, 48000); break;
        case MANY_CHANNELS: write_wav(path, 48000, 2000, 48000, noise, 48000); break;
        case NO_CHANNELS: write_wav(path, 48000, 0, 48000, noise, 48000); break;
        case GARBLED: write_file(path, noise, sizeof noise); break;
        case CUT: write_wav(path, 48000, 1, 48000, noise, 20000); break;
        case LYING: write_wav(path, 48000, 2, 0x3FFFFFF0, noise, 48000); break;
        case NANS:
            for (int i = 0; i < 48000; ++i) noise[i] = i % 3 ? (i % 2 ? NAN : INFINITY) : noise[i];
            write_wav(path, 48000, 1, 48000, noise, 48000);
            break;
        case LOUD:
            for (int i = 0; i < 48000; ++i) noise[i] = i % 2 ? 3.4e38f : -3.4e38f;
            write_wav(path, 48000, 1, 48000, noise, 48000);
            break;
        case SHORT: write_wav(path, 48000, 1, 1, (float[]){0.5f}, 1); break;
        case HOUR:
            make_tone(noise, 48000, 55, 8000, 0);
            write_wav(path, 8000, 1, 8000 * 3600, noise, 48000);
            if (truncate(path, 44 + 4L * 8000 * 3600)) why = fault("no room for an hour");
            break;
        case SLOW: write_wav(path, 1000, 1, 48000, noise, 48000); break;
        }
        host_log_clear();
        const double start = seconds_now();
        const int status = use_file(p, path);
        const double took = seconds_now() - start;
        if (!why && kind < REFUSED && status != 2) why = fault("status %d with a file that is %s", status, names[kind]);
        if (!why && kind < REFUSED && !strstr(host_log_text, path)) why = fault("a file that is %s is not named in the log", names[kind]);
        if (!why && host_log_lines > 1) why = fault("%d lines about a file that is %s: %s", host_log_lines, names[kind], host_log_text);
        if (!why && took > 20) why = fault("%.0f s for a file that is %s", took, names[kind]);
        if (!why && (why = check_alive(p, 48000))) {
            char said[400];
            snprintf(said, sizeof said, "%s", why);
            why = fault("%s, with a file that is %s", said, names[kind]);
        }
        if (kind == TEXT) {
            char* end = strchr(host_log_text, '\n');
            if (end) *end = 0;
            printf("# %s\n", host_log_text);
        }
    }
    snprintf(path, sizeof path, "%s/bad-%d.wav", scratch, HOUR);
    unlink(path);
    judge("a style that is missing, a folder, a pipe, text, damaged, an hour long, no number", why);
    why = NULL;
    host_log_clear();
    const int status = use_file(p, tiny);
    if (status != 0 || host_log_lines) why = fault("status %d with a sound file; %s", status, host_log_text);
    if (!why && use_file(p, "") != 0) why = fault("no style is refused");
    judge("a sound style afterwards, and none", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: State, with files

/// What a host keeps of one state, its files in a folder.
typedef struct {
    char folder[4096];
    int count;
    struct {
        uint32_t key, type;
        size_t size;
        char value[4200];
    } entries[24];
} Session;

static LV2_State_Status session_store(LV2_State_Handle handle, uint32_t key, const void* value, size_t size, uint32_t type,
                                      uint32_t flags) {
    Session* s = handle;
    if (s->count == 24 || size > sizeof s->entries->value || !(flags & LV2_STATE_IS_POD)) return LV2_STATE_ERR_NO_SPACE;
    s->entries[s->count].key = key;
    s->entries[s->count].type = type;
    s->entries[s->count].size = size;
    memcpy(s->entries[s->count++].value, value, size);
    return LV2_STATE_SUCCESS;
}
static const void* session_retrieve(LV2_State_Handle handle, uint32_t key, size_t* size, uint32_t* type, uint32_t* flags) {
    const Session* s = handle;
    for (int i = 0; i < s->count; ++i) {
        if (s->entries[i].key != key) continue;
        *size = s->entries[i].size, *type = s->entries[i].type, *flags = LV2_STATE_IS_POD;
        return s->entries[i].value;
    }
    return NULL;
}
static char* session_path(LV2_State_Make_Path_Handle handle, const char* name) {
    const Session* s = handle;
    char* path = malloc(strlen(s->folder) + strlen(name) + 2);
    sprintf(path, "%s/%s", s->folder, name);
    ++mapped_paths;
    return path;
}
/// Features that lead to the session's files.
typedef struct {
    LV2_State_Make_Path make;
    LV2_State_Map_Path map;
    LV2_State_Free_Path release;
    LV2_Feature features[3];
    const LV2_Feature* list[4];
} SessionFeatures;
static const LV2_Feature* const* session_features(Session* s, SessionFeatures* f) {
    f->make = (LV2_State_Make_Path){s, session_path};
    f->map = (LV2_State_Map_Path){s->folder, abstract_path, absolute_path};
    f->release = (LV2_State_Free_Path){NULL, free_path};
    f->features[0] = (LV2_Feature){LV2_STATE__makePath, &f->make};
    f->features[1] = (LV2_Feature){LV2_STATE__mapPath, &f->map};
    f->features[2] = (LV2_Feature){LV2_STATE__freePath, &f->release};
    for (int i = 0; i < 3; ++i) f->list[i] = &f->features[i];
    f->list[3] = NULL;
    return f->list;
}
static const LV2_State_Interface* interface(const Plugin* p) { return p->descriptor->extension_data(LV2_STATE__interface); }

static void session_begin(Session* s, const char* name) {
    memset(s, 0, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "%s/%s", scratch, name);
    mkdir(s->folder, 0755);
}
static LV2_State_Status session_save(Plugin* p, Session* s) {
    SessionFeatures features;
    s->count = 0;
    return interface(p)->save(p->handle, session_store, s, LV2_STATE_IS_POD, session_features(s, &features));
}
static LV2_State_Status session_restore(Plugin* p, const Session* s) {
    SessionFeatures features;
    return interface(p)->restore(p->handle, session_retrieve, (void*)s, 0, session_features((Session*)s, &features));
}
static const char* session_file(const Session* s, const char* name) {
    static char paths[4][4200];
    static int next = 0;
    char* path = paths[next++ % 4];
    snprintf(path, sizeof *paths, "%s/%s", s->folder, name);
    return path;
}

static size_t read_whole(const char* path, uint8_t* bytes, size_t most) {
    FILE* file = fopen(path, "rb");
    if (!file) return 0;
    const size_t size = fread(bytes, 1, most, file);
    fclose(file);
    return size;
}
static uint8_t one_file[8 << 20], other_file[8 << 20];

/// All that a session keeps of it comes back.
static const char* check_kept(Plugin* p) {
    static Session kept;
    session_begin(&kept, "kept");
    host_log_clear();
    if (session_save(p, &kept)) return "save fails";
    if (session_restore(p, &kept)) return "restore fails";
    plugin_settle(p);
    return host_log_lines ? fault("it says: %s", host_log_text) : NULL;
}

/// Two takes and a session of them; the second plays.
static const char* make_two(Plugin* p, Session* s, const char* name) {
    const char* why = make_take(p);
    p->controls[BASS_PORT_generate] = 1;
    if (!why) why = freewheel(p, 4, 7);
    p->controls[BASS_PORT_generate] = 0;
    if (!why) why = freewheel(p, 7, 8);
    if (!why && (p->controls[BASS_PORT_takes] != 2 || p->controls[BASS_PORT_playing] != 2))
        why = fault("%g takes, %g plays", p->controls[BASS_PORT_takes], p->controls[BASS_PORT_playing]);
    session_begin(s, name);
    if (!why && session_save(p, s)) why = fault("save fails");
    return why;
}

/// The bass of a bar that begins at a line, after the fade into it; `seconds` into the song.
static const char* hear_bar(Plugin* p, double from, float* bass) {
    static float sound[BLOCK];
    const size_t count = (size_t)host_rate;
    p->controls[BASS_PORT_freewheel] = 1;
    const char* why = NULL;
    for (size_t at = 0; at < count && !why; at += BLOCK) {
        const size_t part = count - at < BLOCK ? count - at : BLOCK;
        make_song(sound, part, host_rate, (size_t)(from * host_rate) + at);
        plugin_run(p, sound, (uint32_t)part);
        why = check_sound(p, sound, (uint32_t)part);
        memcpy(bass + at, plugin_audio(p, BASS_PORT_bass_left, (uint32_t)part), part * sizeof(float));
    }
    return why;
}

static void takes_in_state(void) {
    static Session saved, again;
    static float heard[2][48000];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    p->controls[BASS_PORT_style_capture] = 1;
    start_transport(p);
    const char* why = freewheel(p, 0, 1);
    p->controls[BASS_PORT_style_capture] = 0;
    if (!why) why = make_two(p, &saved, "saved");
    if (!why) why = hear_bar(p, 8, heard[0]);
    Plugin* q = make(48000, BLOCK);
    plugin_activate(q);
    if (!why && session_restore(q, &saved)) why = fault("restore fails");
    start_transport(q);
    q->controls[BASS_PORT_bars] = 1;
    q->controls[BASS_PORT_steps] = 1;
    if (!why) why = freewheel(q, 0, 1);
    energy = 0;
    if (!why) why = hear_bar(q, 1, heard[1]);
    if (!why && (q->controls[BASS_PORT_takes] != 2 || q->controls[BASS_PORT_playing] != 2))
        why = fault("%g takes come back, %g plays", q->controls[BASS_PORT_takes], q->controls[BASS_PORT_playing]);
    if (!why && (level(1) < -60 || memcmp(heard[0], heard[1], sizeof *heard))) why = fault("they sound otherwise (%.0f dB)", level(1));
    judge("takes come back from a session, bit by bit", why);

    why = NULL;
    session_begin(&again, "again");
    if (session_save(q, &again)) why = fault("save fails");
    if (!why && again.count != saved.count) why = fault("%d keys for %d", again.count, saved.count);
    static const char* const names[] = {"mix.wav", "style.wav", "take-1.wav", "take-2.wav"};
    for (int i = 0; i < 4 && !why; ++i) {
        const size_t size = read_whole(session_file(&saved, names[i]), one_file, sizeof one_file);
        if (size < 40000 || read_whole(session_file(&again, names[i]), other_file, sizeof other_file) != size || memcmp(one_file, other_file, size))
            why = fault("%s is another file", names[i]);
    }
    if (!why && mapped_paths) why = fault("%d paths were not freed", mapped_paths);
    // And the next take of either is the same.
    for (int i = 0; i < 2 && !why; ++i) {
        Plugin* one = i ? q : p;
        one->controls[BASS_PORT_generate] = 1;
        why = freewheel(one, 0, 2);
        one->controls[BASS_PORT_generate] = 0;
        start_transport(one);
        if (!why) why = freewheel(one, 0, 1);
        if (!why) why = hear_bar(one, 1, heard[i]);
        if (!why && one->controls[BASS_PORT_takes] != 3) why = fault("%g takes", one->controls[BASS_PORT_takes]);
    }
    if (!why && memcmp(heard[0], heard[1], sizeof *heard)) why = fault("the next take sounds otherwise");
    judge("saved again they are the same files, and the next take is the same", why);

    // A host without a place for files; and what it saved, loaded: the takes that are there stay.
    why = NULL;
    const LV2_Feature* const none[] = {NULL};
    again.count = 0;
    host_log_clear();
    if (interface(p)->save(p->handle, session_store, &again, 0, none)) why = fault("save fails");
    if (!why && (host_log_lines != 1 || !strstr(host_log_text, "makePath"))) why = fault("%d lines: %s", host_log_lines, host_log_text);
    for (int i = 0; i < again.count && !why; ++i)
        if (again.entries[i].key != urid(MODEL_FILE_URI)) why = fault("it saves %s", host_uris[again.entries[i].key - 1]);
    if (!why && interface(p)->restore(p->handle, session_retrieve, &again, 0, none)) why = fault("restore fails");
    if (!why) why = freewheel(p, 2, 3);
    if (!why && p->controls[BASS_PORT_takes] != 3) why = fault("%g takes are left", p->controls[BASS_PORT_takes]);
    judge("without makePath: one line, the takes stay", why);

    // As a preset: a style alone, as a file and by name.
    why = NULL;
    static const char* const keys[] = {MODEL_FILE_URI, "urn:continuo:bass#player", "urn:continuo:bass#player", "urn:continuo:bass#player"};
    const char* const values[] = {tiny, "nobody", "../../x", ""};
    for (int i = 0; i < 4 && !why; ++i) {
        Session preset = {.count = 1};
        preset.entries[0].key = urid(keys[i]);
        preset.entries[0].type = urid(i ? LV2_ATOM__String : LV2_ATOM__Path);
        preset.entries[0].size = (size_t)sprintf(preset.entries[0].value, "%s", values[i]) + 1;
        host_log_clear();
        if (session_restore(p, &preset)) why = fault("%s is refused", values[i]);
        plugin_settle(p);
        if (!why && host_log_lines != (i == 1 || i == 2)) why = fault("%d lines with %s: %s", host_log_lines, values[i], host_log_text);
        if (!why) why = freewheel(p, 3 + i, 4 + i);
        if (!why && p->controls[BASS_PORT_takes] != 3) why = fault("%g takes are left with %s", p->controls[BASS_PORT_takes], values[i]);
    }
    judge("a style or a player alone, as presets have it: the takes stay", why ? why : check_alive(p, 48000));
    plugin_free(p);
    plugin_free(q);

    // At another rate: in place, and as loud.
    why = NULL;
    const double before = level(1);
    (void)before;
    double loudness[2] = {0, 0};
    for (int i = 0; i < 48000; ++i) loudness[0] += (double)heard[0][i] * heard[0][i] / 48000;
    host_rate = 44100;
    p = make(44100, BLOCK);
    plugin_activate(p);
    session_restore(p, &saved);
    start_transport(p);
    why = freewheel(p, 0, 1);
    float* slow = calloc(44100, sizeof(float));
    if (!why) why = hear_bar(p, 1, slow);
    double error = 0, power = 0;
    // Its second take, as it was at 48 kHz: compared at 100 Hz' grid of both.
    Plugin* r = NULL;
    host_rate = 48000;
    r = make(48000, BLOCK);
    plugin_activate(r);
    session_restore(r, &saved);
    start_transport(r);
    if (!why) why = freewheel(r, 0, 1);
    if (!why) why = hear_bar(r, 1, heard[0]);
    for (int i = 2; i < 98; ++i) {
        const double a = heard[0][480 * i], b = slow[441 * i];
        error += (a - b) * (a - b);
        power += a * a;
    }
    if (!why && p->controls[BASS_PORT_takes] != 2) why = fault("%g takes come back", p->controls[BASS_PORT_takes]);
    if (!why && !(error < 1e-3 * power)) why = fault("they differ by %.1f dB", 10 * log10(error / power));
    free(slow);
    plugin_free(r);
    host_rate = 44100;
    judge("takes of 48 kHz at 44.1 kHz, the same sound in place", why ? why : check_alive(p, 44100));
    plugin_free(p);
    host_rate = 48000;
}

/// Each file of a session in turn missing, cut off, another, or no recording: one line that names it, and all others are there.
static void damaged_sessions(void) {
    static Session saved, damaged;
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = make_two(p, &saved, "sound");
    static const char* const names[] = {"mix.wav", "take-1.wav", "take-2.wav"};
    enum { GONE, NOTHING, LETTERS, DIRECTORY, HEADER, HALF, ALMOST, OTHER, FOREIGN, NUMBERS, KINDS };
    static const char* const kinds[KINDS] = {"missing", "empty", "a text", "a folder", "cut in its header", "cut in half", "a sample short",
                                             "another of the files", "a stranger's", "full of NaN"};
    for (int kind = 0; kind < KINDS && !why; ++kind)
        for (int which = 0; which < 3 && !why; ++which) {
            char name[80];
            snprintf(name, sizeof name, "damaged-%d-%d", kind, which);
            session_begin(&damaged, name);
            damaged.count = saved.count;
            memcpy(damaged.entries, saved.entries, sizeof saved.entries);
            for (int i = 0; i < 3; ++i)
                write_file(session_file(&damaged, names[i]), one_file, read_whole(session_file(&saved, names[i]), one_file, sizeof one_file));
            const char* path = session_file(&damaged, names[which]);
            const size_t size = read_whole(path, one_file, sizeof one_file);
            unlink(path);
            static float nans[48000];
            switch (kind) {
            case GONE: break;
            case NOTHING: write_file(path, "", 0); break;
            case LETTERS: write_file(path, "no sound at all", 15); break;
            case DIRECTORY: mkdir(path, 0755); break;
            case HEADER: write_file(path, one_file, 60); break;
            case HALF: write_file(path, one_file, size / 2); break;
            case ALMOST: write_file(path, one_file, size - 4); break;
            case OTHER: write_file(path, other_file, read_whole(session_file(&saved, names[which ? 0 : 1]), other_file, sizeof other_file)); break;
            case FOREIGN: write_wav(path, 48000, 1, 48000, nans, 48000); break;
            case NUMBERS:
                // The sound behind its head.
                for (size_t i = size - 4000; i + 4 <= size; i += 4) memcpy(one_file + i, &(float){NAN}, 4);
                write_file(path, one_file, size);
                break;
            }
            host_log_clear();
            if (session_restore(p, &damaged)) why = fault("restore fails");
            plugin_settle(p);
            start_transport(p);
            if (!why && (host_log_lines != 1 || !strstr(host_log_text, names[which])))
                why = fault("%d lines about %s that is %s: %s", host_log_lines, names[which], kinds[kind], host_log_text);
            if (!why) why = freewheel(p, 0, 0.5);
            const int left = which ? 1 : 2;
            if (!why && p->controls[BASS_PORT_takes] != left)
                why = fault("%g takes are left where %s is %s", p->controls[BASS_PORT_takes], names[which], kinds[kind]);
            if (kind == HALF && which == 1) printf("# %s", host_log_text);
        }
    judge("a session whose files are missing, cut, swapped, no recordings: one line each", why ? why : check_alive(p, 48000));

    // Bytes of the files changed at random: whatever it makes of it, it goes on.
    why = NULL;
    session_begin(&damaged, "fuzzed");
    damaged.count = saved.count;
    memcpy(damaged.entries, saved.entries, sizeof saved.entries);
    for (int round = 0; round < 150 && !why; ++round) {
        for (int i = 0; i < 3; ++i) {
            const size_t size = read_whole(session_file(&saved, names[i]), one_file, sizeof one_file);
            const uint32_t changes = 1 + random_below(8);
            // Where heads and details are.
            for (uint32_t k = 0; k < changes; ++k) one_file[random_below(random_below(2) ? 300 : (uint32_t)size)] = (uint8_t)random_bits();
            write_file(session_file(&damaged, names[i]), one_file, size);
        }
        session_restore(p, &damaged);
        plugin_settle(p);
        if (round % 10 == 0) {
            start_transport(p);
            limit = INFINITY;  // a take may be as loud as a file says
            why = freewheel(p, 0, 0.3);
            limit = 100;
        }
    }
    session_restore(p, &saved);
    plugin_settle(p);
    judge("150 sessions with changed bytes", why ? why : check_alive(p, 48000));

    // Keys that no plugin wrote.
    why = NULL;
    static Session odd;
    for (int round = 0; round < 40 && !why; ++round) {
        odd = saved;
        for (int i = 0; i < odd.count; ++i) {
            if (random_below(2)) continue;
            switch (random_below(4)) {
            case 0: odd.entries[i].type = urid(random_below(2) ? LV2_ATOM__Float : LV2_ATOM__Int); break;
            case 1: odd.entries[i].size = random_below(40); break;
            case 2: memset(odd.entries[i].value, 'x', odd.entries[i].size = sizeof odd.entries[i].value); break;
            case 3: odd.entries[i].key = 0; break;
            }
        }
        session_restore(p, &odd);
        start_transport(p);
        why = freewheel(p, 0, 0.1);
    }
    judge("states with odd keys, types and sizes", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

static Session shared_session, scratch_session;
static void* restore_sessions(void* context) {
    for (int i = 0; __atomic_load_n(&restoring, __ATOMIC_ACQUIRE); ++i) {
        session_restore(context, &shared_session);
        if (i % 3 == 0) session_save(context, &scratch_session);
        usleep(2000);
    }
    return NULL;
}

/// Sessions come and go while it plays, captures and generates.
static void sessions_while_running(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = make_two(p, &shared_session, "shared");
    session_begin(&scratch_session, "while");
    p->controls[BASS_PORT_mode] = 1;
    p->tempo = 960;
    pthread_t thread;
    restoring = true;
    pthread_create(&thread, NULL, restore_sessions, p);
    for (int block = 0; block < 6000 && !why; ++block) {
        make_song(sound, BLOCK, 48000, (size_t)block * BLOCK);
        p->controls[BASS_PORT_take] = (float)(block / 100 % 4);
        plugin_run(p, sound, BLOCK);
        why = check_sound(p, sound, BLOCK);
        if (block % 8 == 0) usleep(1000);
    }
    __atomic_store_n(&restoring, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    plugin_reset_controls(p);
    judge("sessions restored and saved by another thread while running", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: Many, and at an end

static void many_instances(void) {
    enum { COUNT = 24 };
    static float sound[BLOCK];
    Plugin* plugins[COUNT];
    for (int i = 0; i < COUNT; ++i) {
        plugins[i] = make(48000, BLOCK);
        plugin_activate(plugins[i]);
        start_transport(plugins[i]);
        plugins[i]->controls[BASS_PORT_mode] = 1;
        plugins[i]->controls[BASS_PORT_bars] = 1;
    }
    // Live, all at once: more than two processors can do, so takes come late, but no call waits.
    const char* why = NULL;
    double longest = 0, total = 0;
    const double start = seconds_now();
    const int blocks = 560;
    for (int block = 0; block < blocks && !why; ++block) {
        make_song(sound, BLOCK, 48000, (size_t)block * BLOCK);
        for (int i = 0; i < COUNT && !why; ++i) {
            const double before = seconds_now();
            plugin_run(plugins[i], sound, BLOCK);
            const double took = seconds_now() - before;
            total += took;
            if (took > longest) longest = took;
            why = check_sound(plugins[i], sound, BLOCK);
        }
        while (seconds_now() - start < (block + 1) * BLOCK / 48000.0) usleep(200);
    }
    double late = 0, takes = 0;
    for (int i = 0; i < COUNT; ++i) late += plugins[i]->controls[BASS_PORT_late], takes += plugins[i]->controls[BASS_PORT_takes];
    judge("24 instances at once, live, following", why);
    printf("# 24 live instances: mean run() %.1f us, longest %.0f us, %.0f takes, late %.0f times\n", total / blocks / COUNT * 1e6,
           longest * 1e6, takes, late);
    why = NULL;
    for (int i = 0; i < COUNT && !why; i += 11) plugin_reset_controls(plugins[i]), why = check_alive(plugins[i], 48000);
    judge("24 instances at once, each still plays", why);
    for (int i = 0; i < COUNT; ++i) plugin_free(plugins[i]);
}

/// A take that is being made ends within 50 ms when the player is let go, or another is asked for. The machine may be busy: the best of
/// some tries, and a margin of three.
static void cancelled(void) {
    static float sound[BLOCK];
    double ends = 1e9, turns = 1e9, worst = 0;
    const char* why = NULL;
    for (int attempt = 0; attempt < 6 && !why; ++attempt) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        plugin_settle(p);
        start_transport(p);
        p->controls[BASS_PORT_bars] = 8;
        p->controls[BASS_PORT_steps] = 32;
        p->controls[BASS_PORT_guidance] = 4;
        float progress = 0;
        // As fast as it goes to the end of bar 8, then until there is some progress, at whatever tempo the machine has.
        for (int block = 0; block < 200000 && !why; ++block) {
            make_song(sound, BLOCK, 48000, (size_t)block * BLOCK);
            p->controls[BASS_PORT_capture] = block > 3;
            if (p->beats > 36.2) p->speed = 0;  // and the time stands
            plugin_run(p, sound, BLOCK);
            why = check_sound(p, sound, BLOCK);
            progress = p->controls[BASS_PORT_progress];
            if (p->speed == 0) usleep(1000);
            if (p->controls[BASS_PORT_state] == 3 && progress > 0.05f + 0.1f * (float)attempt && progress < 0.9f) break;
            if (p->controls[BASS_PORT_takes] > 0) why = fault("the take was there before it could be cancelled");
        }
        if (!why && attempt % 2) {
            p->controls[BASS_PORT_generate] = 1;
            const double start = seconds_now();
            plugin_run(p, NULL, BLOCK);
            // Its progress begins anew when the old one has ended.
            while (p->controls[BASS_PORT_progress] >= progress * 0.8f && seconds_now() - start < 5) {
                usleep(500);
                plugin_run(p, NULL, 16);
            }
            const double took = seconds_now() - start;
            turns = fmin(turns, took);
            worst = fmax(worst, took);
        }
        const double start = seconds_now();
        plugin_free(p);
        const double took = seconds_now() - start;
        ends = fmin(ends, took);
        worst = fmax(worst, took);
    }
    if (!why && (ends > 0.15 || turns > 0.15)) why = fault("%.0f ms until it ends, %.0f until the next begins", ends * 1000, turns * 1000);
    char what[120];
    snprintf(what, sizeof what, "a take is let go at once (%.0f ms to the end, %.0f ms to the next; %.0f at worst)", ends * 1000,
             turns * 1000, worst * 1000);
    judge(why ? "a take is let go at once" : what, why);
}

static int no_weights(void) {
    host_log_clear();
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = plugin_settle(p) == -1 && p->controls[BASS_PORT_state] == 6 ? NULL : fault("state %g", p->controls[BASS_PORT_state]);
    start_transport(p);
    p->controls[BASS_PORT_mode] = 1;
    p->controls[BASS_PORT_bars] = 1;
    energy = 0;
    if (!why) why = freewheel(p, 0, 3.5);
    p->controls[BASS_PORT_mode] = 0;
    p->controls[BASS_PORT_capture] = p->controls[BASS_PORT_generate] = 1;
    if (!why) why = freewheel(p, 3.5, 7);
    if (!why && (energy != 0 || p->notes || p->controls[BASS_PORT_takes])) why = fault("a bass sounds");
    if (!why && p->controls[BASS_PORT_state] != 6) why = fault("state %g in the end", p->controls[BASS_PORT_state]);
    judge("no models: state 6, the mix passes, no bass", why);
    judge("no models: it says so", host_log_lines > 0 && host_log_lines < 4 ? NULL : fault("%d lines: %s", host_log_lines, host_log_text));
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
        fprintf(stderr, "usage: robustness_bass BUNDLE STYLE SCRATCH [LIBRARY]\n");
        return 2;
    }
    library = library_open(arguments[1], count > 4 ? arguments[4] : NULL);
    snprintf(tiny, sizeof tiny, "%s", arguments[2]);
    static char folder[4096];
    snprintf(folder, sizeof folder, "%s", arguments[2]);
    models = dirname(folder);
    scratch = arguments[3];
    static const struct { const char* name; void (*run)(void); } tests[] = {
        {"features", features}, {"random_blocks", random_blocks}, {"aliased_buffers", aliased_buffers},
        {"bad_samples", bad_samples}, {"missing_ports", missing_ports}, {"early_run", early_run},
        {"switched_off", switched_off}, {"wild_controls", wild_controls}, {"wild_transports", wild_transports},
        {"floods", floods}, {"hostile_messages", hostile_messages}, {"bad_styles", bad_styles},
        {"path_while_running", path_while_running}, {"state", state}, {"restore_while_running", restore_while_running},
        {"takes_in_state", takes_in_state}, {"damaged_sessions", damaged_sessions},
        {"sessions_while_running", sessions_while_running}, {"many_instances", many_instances}, {"cancelled", cancelled}};
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
