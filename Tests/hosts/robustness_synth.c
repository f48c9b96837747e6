/// robustness_synth PLUGIN BUNDLE MODEL SCRATCH [LIBRARY]: what hosts and players do to Continuo Synth and Continuo Transfer, and worse.
/// Prints one line a check.
///
/// - PLUGIN: synth or transfer
/// - MODEL: a sound model file
/// - SCRATCH: a folder for damaged models
/// - LIBRARY: another build of the bundle's library, with sanitizers
/// - robustness_synth --no-weights PLUGIN BUNDLE [LIBRARY]: what it does without a model (a bundle without one)
#include <libgen.h>

#include "synth_host.h"

#include "robustness.h"

#define IS_TRANSFER (subject->in >= 0)

// MARK: What must hold of every block

static const char* check_readings(const Plugin* p) {
    for (uint32_t port = (uint32_t)subject->first_reading; port < subject->port_count; ++port) {
        const float value = p->controls[port];
        if (!(value >= subject->minima[port] && value <= subject->maxima[port])) return fault("output %u reads %g", port, value);
    }
    return NULL;
}

static double energy = 0;  // of the blocks since it was last made 0
/// What no sample may reach. All controls at their loudest come to some hundreds.
static float limit = 10000;

static const char* check_sound(const Plugin* p, const float* input, uint32_t frames) {
    (void)input;
    for (uint32_t i = LONGEST_BLOCK - frames; i < LONGEST_BLOCK; ++i) {
        if (!(fabsf(p->left[i]) < limit && fabsf(p->right[i]) < limit)) return fault("a sample of %g, %g", p->left[i], p->right[i]);
        energy += (double)p->left[i] * p->left[i];
    }
    const char* why = check_readings(p);
    return why ? why : check_notify(p);
}

/// Freewheels `seconds` with the input a tone of `frequency` (0: silence).
static const char* freewheel(Plugin* p, double rate, double frequency, double seconds) {
    static float sound[BLOCK];
    const float was = p->controls[PORT_freewheel];
    p->controls[PORT_freewheel] = 1;
    const char* why = NULL;
    for (size_t at = 0; at < (size_t)(seconds * rate) && !why; at += BLOCK) {
        if (frequency > 0) make_tone(sound, BLOCK, frequency, rate, at);
        plugin_run(p, frequency > 0 ? sound : NULL, BLOCK);
        plugin_clear_control(p);
        why = check_sound(p, NULL, BLOCK);
    }
    p->controls[PORT_freewheel] = was;
    return why;
}

static const char* check_alive(Plugin* p, double rate) {
    plugin_clear_control(p);
    if (!IS_TRANSFER) {
        plugin_midi(p, 0, 0xB0, 120, 0);
        plugin_midi(p, 0, 0xB0, 121, 0);
        plugin_midi(p, 0, 0x90, 57, 100);
    }
    energy = 0;
    const char* why = freewheel(p, rate, 220, 0.5);
    if (why) return why;
    if (10 * log10(energy / (0.5 * rate) + 1e-20) < -60) return fault("nothing sounds afterwards");
    if (fabsf(p->controls[subject->pitch] - 57) > 0.6f) return fault("A3 reads %g afterwards", p->controls[subject->pitch]);
    if (!IS_TRANSFER) plugin_midi(p, 0, 0x80, 57, 64);
    return freewheel(p, rate, 0, 0.1);
}

// MARK: The tests

/// Some MIDI for a block: notes, controllers, bends, pressure.
static void play_at_random(Plugin* p, uint32_t frames, uint32_t count) {
    plugin_clear_control(p);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t left = frames > at ? frames - at : 1;
        at += random_below(left / (count - i) + 1);
        const uint8_t channel = (uint8_t)random_below(16), key = (uint8_t)(30 + random_below(70)), value = (uint8_t)random_below(128);
        switch (random_below(8)) {
        case 0: case 1: plugin_midi(p, at, 0x90 | channel, key, value); break;
        case 2: case 3: plugin_midi(p, at, 0x80 | channel, key, value); break;
        case 4: plugin_midi(p, at, 0xB0 | channel, (uint8_t)random_below(128), value); break;
        case 5: plugin_midi(p, at, 0xE0 | channel, (uint8_t)random_below(128), value); break;
        case 6: plugin_midi(p, at, (random_below(2) ? 0xA0 : 0xD0) | channel, key, value); break;
        case 7: plugin_midi(p, at, 0xC0 | channel, value, 0); break;
        }
    }
}

static void random_blocks(void) {
    static const double rates[] = {44100, 48000, 88200, 96000, 176400, 192000};
    static float sound[LONGEST_BLOCK];
    for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
        const double rate = rates[r];
        Plugin* p = make(rate, 256);
        plugin_activate(p);
        p->controls[PORT_freewheel] = 1;
        const char* why = NULL;
        energy = 0;
        for (size_t at = 0; !why && at < (size_t)(2 * rate);) {
            const uint32_t style = random_below(4);
            const uint32_t frames = style == 0 ? random_below(4) : style == 1 ? random_below(65) : random_below(LONGEST_BLOCK + 1);
            make_tone(sound, frames, 330, rate, at);
            if (!IS_TRANSFER) play_at_random(p, frames, frames ? random_below(6) : 1);
            plugin_run(p, sound, frames);
            why = check_sound(p, sound, frames);
            at += frames;
        }
        if (!why && energy == 0) why = fault("nothing sounded");
        if (!why && p->controls[subject->late_frames] != 0) why = fault("late frames while freewheeling");
        if (!why) why = check_alive(p, rate);
        char what[80];
        snprintf(what, sizeof what, "random blocks of 0 to 8192 frames at %g kHz", rate / 1000);
        judge(what, why);
        plugin_free(p);
    }
}

/// One buffer for all audio ports sounds as three do (its left and right then being the same).
static void aliased_buffers(void) {
    static float sound[1024], apart[48][1024];
    const char* why = NULL;
    double difference = 0, sum = 0;
    for (int aliased = 0; aliased < 2; ++aliased) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        p->controls[PORT_freewheel] = 1;
        for (int block = 0; block < 48; ++block) {
            make_tone(sound, 1024, 440, 48000, (size_t)block * 1024);
            plugin_clear_control(p);
            if (block == 0 && !IS_TRANSFER) plugin_midi(p, 100, 0x90, 64, 90);
            if (!aliased) {
                plugin_run(p, sound, 1024);
                memcpy(apart[block], p->right + LONGEST_BLOCK - 1024, sizeof *apart);
                continue;
            }
            float* buffer = p->in + (LONGEST_BLOCK - 1024);
            memcpy(buffer, sound, sizeof sound);
            plugin_prepare_atoms(p);
            plugin_connect(p, 1024);
            const int ports[] = {subject->in, subject->left, subject->right};
            for (int i = 0; i < 3; ++i)
                if (ports[i] >= 0) p->descriptor->connect_port(p->handle, (uint32_t)ports[i], buffer);
            p->descriptor->run(p->handle, 1024);
            // Whichever of the two channels was written last.
            for (int i = 0; i < 1024; ++i) {
                difference += fabs((double)buffer[i] - apart[block][i]);
                sum += fabs((double)apart[block][i]);
            }
        }
        plugin_free(p);
    }
    if (sum == 0) why = fault("nothing sounded");
    else if (difference > 0.5 * sum) why = fault("it sounds otherwise: %g of %g", difference, sum);
    judge("one buffer for all audio ports", why);
}

static void bad_samples(void) {
    if (!IS_TRANSFER) return;
    static const struct { const char* name; uint32_t bits; } kinds[] = {
        {"NaN", 0x7FC00000}, {"signalling NaN", 0x7F800001}, {"infinity", 0x7F800000}, {"-infinity", 0xFF800000},
        {"denormals", 0x00000001}, {"the largest float", 0x7F7FFFFF}, {"random bits", 0}};
    static float sound[BLOCK];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        const char* why = NULL;
        p->controls[PORT_freewheel] = 1;
        limit = INFINITY;  // the input itself passes in part
        for (int block = 0; block < 40 && !why; ++block) {
            for (int i = 0; i < BLOCK; ++i) {
                const uint32_t bits = kinds[k].bits ? kinds[k].bits : (uint32_t)random_bits();
                memcpy(&sound[i], &bits, 4);
            }
            if (block % 4 == 1) make_tone(sound, BLOCK - 1, 220, 48000, 0);  // one bad sample in good sound
            p->controls[TRANSFER_PORT_wet] = (float)(block / 10 % 2);
            plugin_run(p, sound, BLOCK);
            why = check_sound(p, sound, BLOCK);
        }
        p->controls[TRANSFER_PORT_wet] = 1;
        limit = 10000;
        if (!why) why = check_alive(p, 48000);
        char what[80];
        snprintf(what, sizeof what, "%s at the input, and playing afterwards", kinds[k].name);
        judge(what, why);
        plugin_free(p);
    }
}

static void missing_ports(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    for (uint32_t port = 0; port < subject->port_count; ++port) p->descriptor->connect_port(p->handle, port, NULL);
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
        const int ports[] = {subject->in, subject->left, subject->right};
        for (int port = 0; port < 3; ++port)
            if (ports[port] >= 0) p->descriptor->connect_port(p->handle, (uint32_t)ports[port], buffer);
        p->descriptor->run(p->handle, lengths[i]);
        why = check_readings(p);
    }
    if (!why && !(p->controls[subject->latency] > 0)) why = fault("no latency is reported");
    // A longer block than announced makes it longer, for good until the next activation.
    float latency = 0;
    for (int i = 0; i < 3 && !why; ++i) {
        plugin_activate(p);
        why = check_alive(p, 48000);
        if (!why && i > 0 && p->controls[subject->latency] != latency) why = fault("the latency changes");
        latency = p->controls[subject->latency];
    }
    judge("run() before activation, and activation again and again", why);
    plugin_free(p);
}

static void many_instances(void) {
    enum { COUNT = 64 };
    static float sound[BLOCK];
    Plugin* plugins[COUNT];
    for (int i = 0; i < COUNT; ++i) {
        plugins[i] = make(48000, BLOCK);
        plugin_activate(plugins[i]);
    }
    // Live, all at once, at the speed of sound: more than two processors can do, so frames come late, but no call waits.
    const char* why = NULL;
    double longest = 0, total = 0;
    const double start = seconds_now();
    const int blocks = 96;
    for (int block = 0; block < blocks && !why; ++block) {
        for (int i = 0; i < COUNT && !why; ++i) {
            make_tone(sound, BLOCK, 110 * pow(2, i / 24.0), 48000, (size_t)block * BLOCK);
            plugin_clear_control(plugins[i]);
            if (block == 2 && !IS_TRANSFER) plugin_midi(plugins[i], i, 0x90, (uint8_t)(36 + i / 2), 100);
            const double before = seconds_now();
            plugin_run(plugins[i], sound, BLOCK);
            const double took = seconds_now() - before;
            total += took;
            if (took > longest) longest = took;
            why = check_sound(plugins[i], sound, BLOCK);
        }
        while (seconds_now() - start < (block + 1) * BLOCK / 48000.0) usleep(200);
    }
    double late = 0;
    for (int i = 0; i < COUNT; ++i) late += plugins[i]->controls[subject->late_frames];
    judge("64 instances at once, live", why);
    printf("# 64 live instances: mean run() %.1f us, longest %.0f us, %.0f late frames\n", total / blocks / COUNT * 1e6,
           longest * 1e6, late);
    // Then freewheeling, each by itself.
    why = NULL;
    for (int i = 0; i < COUNT && !why; i += 7) why = check_alive(plugins[i], 48000);
    judge("64 instances at once, each still plays", why);
    for (int i = 0; i < COUNT; ++i) plugin_free(plugins[i]);
}

static const float wild[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3.4e38f, 1e-42f, 0, -1, 0.5f, 2147483648.f, 100, -100};
enum { WILD_COUNT = sizeof wild / sizeof *wild };

static void wild_controls(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    const char* why = NULL;
    for (int round = 0; round < 600 && !why; ++round) {
        for (int port = PORT_enabled; port <= subject->last_control; ++port) {
            const uint32_t kind = random_below(4);
            if (kind == 0) p->controls[port] = subject->defaults[port];
            else if (kind == 1) p->controls[port] = wild[random_below(WILD_COUNT)];
            else if (kind == 2) {
                const uint32_t bits = (uint32_t)random_bits();
                memcpy(&p->controls[port], &bits, 4);
            } else p->controls[port] = (float)random_below(2001) - 500;
        }
        p->controls[PORT_freewheel] = round % 8 == 0;
        make_tone(sound, BLOCK, 220, 48000, (size_t)round * BLOCK);
        if (!IS_TRANSFER) play_at_random(p, BLOCK, 4);
        plugin_run(p, sound, BLOCK);
        why = check_sound(p, sound, BLOCK);
    }
    plugin_reset_controls(p);
    if (!why) why = check_alive(p, 48000);
    judge("controls at NaN, infinities and any bits", why);
    // One at a time, so that the others' values cannot hide it.
    why = NULL;
    for (int port = PORT_enabled; port <= subject->last_control && !why; ++port)
        for (int w = 0; w < WILD_COUNT && !why; ++w) {
            p->controls[port] = wild[w];
            for (int block = 0; block < 3 && !why; ++block) {
                make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
                if (!IS_TRANSFER) play_at_random(p, BLOCK, 2);
                plugin_run(p, sound, BLOCK);
                why = check_sound(p, sound, BLOCK);
            }
            p->controls[port] = subject->defaults[port];
        }
    if (!why) why = check_alive(p, 48000);
    judge("each control in turn at wild values", why);
    plugin_free(p);
}

/// Off: silence for the instrument, the input for the transfer; and on again.
static void switched_off(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = check_alive(p, 48000);
    if (!IS_TRANSFER) plugin_midi(p, 0, 0x90, 60, 110);
    if (!why) why = freewheel(p, 48000, 220, 0.3);
    p->controls[PORT_enabled] = 0;
    if (!why) why = freewheel(p, 48000, 220, 12);  // the longest room is over
    if (!IS_TRANSFER) plugin_midi(p, 0, 0x90, 64, 110);
    energy = 0;
    if (!why) why = freewheel(p, 48000, 220, 0.2);
    if (!why && !IS_TRANSFER && energy != 0) why = fault("it sounds while it is off");
    if (!why && IS_TRANSFER) {
        double expected = 0;
        static float sound[BLOCK];
        for (int block = 0; block < 37; ++block) {
            make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
            for (int i = 0; i < BLOCK; ++i) expected += (double)sound[i] * sound[i];
        }
        if (fabs(energy / expected - 1) > 0.1) why = fault("the input does not pass: %g of its energy", energy / expected);
    }
    p->controls[PORT_enabled] = 1;
    if (!why) why = check_alive(p, 48000);
    judge(IS_TRANSFER ? "switched off: the input passes" : "switched off: silence", why);
    plugin_free(p);
}

// MARK: MIDI

static void floods(void) {
    if (IS_TRANSFER) return;
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    const char* why = NULL;
    for (int live = 0; live < 2 && !why; ++live)
        for (int block = 0; block < 5 && !why; ++block) {
            p->controls[PORT_freewheel] = (float)!live;
            play_at_random(p, BLOCK, 10000);
            plugin_run(p, NULL, BLOCK);
            why = check_sound(p, NULL, BLOCK);
        }
    if (!why) why = check_alive(p, 48000);
    judge("10,000 messages in one block", why);
    why = NULL;
    for (int kind = 0; kind < 3 && !why; ++kind) {
        plugin_clear_control(p);
        for (int i = 0; i < 10000; ++i) {
            if (kind == 0) plugin_midi(p, 7, 0xC0, (uint8_t)random_below(128), 0);
            else if (kind == 1) plugin_midi(p, 0, i % 2 ? 0x80 : 0x90, 60, 100);
            else plugin_midi(p, i % BLOCK, 0x90, (uint8_t)(i % 128), 127);
        }
        p->controls[PORT_freewheel] = 1;
        plugin_run(p, NULL, BLOCK);
        why = check_sound(p, NULL, BLOCK);
    }
    if (!why) why = check_alive(p, 48000);
    judge("10,000 programs, 10,000 times one note, 10,000 notes", why);

    // Bytes that are no MIDI, at frames that are none.
    why = NULL;
    for (int block = 0; block < 300 && !why; ++block) {
        plugin_clear_control(p);
        for (int i = 0; i < 40; ++i) {
            uint8_t bytes[16];
            for (size_t b = 0; b < sizeof bytes; ++b) bytes[b] = (uint8_t)random_bits();
            const int64_t frame = random_below(8) ? (int64_t)random_below(BLOCK) : (int64_t)random_bits();
            plugin_send(p, frame, bytes, random_below(4) ? 3 : random_below(17));
        }
        p->controls[PORT_freewheel] = (float)(block % 2);
        plugin_run(p, NULL, BLOCK);
        why = check_sound(p, NULL, BLOCK);
    }
    plugin_reset_controls(p);
    plugin_activate(p);
    if (!why) why = check_alive(p, 48000);
    judge("random bytes as MIDI, out of order and out of the block", why);
    plugin_free(p);
}

/// Whatever was held ends, and then there are true zeros.
static void ends(void) {
    if (IS_TRANSFER) return;
    static const struct { const char* name; uint8_t number; } kinds[] = {
        {"all notes off", 123}, {"all sound off", 120}, {"mono on", 126}, {"reset and all notes off", 121}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
        Plugin* p = make(48000, BLOCK);
        plugin_activate(p);
        p->controls[SYNTH_PORT_room] = 0;
        const char* why = NULL;
        for (int i = 0; i < 40; ++i) plugin_midi(p, i, 0x90, (uint8_t)(40 + i), 100);
        plugin_midi(p, 50, 0x80, 20, 0);  // never began
        plugin_midi(p, 51, 0xB0, 3, 99);  // means nothing
        why = freewheel(p, 48000, 0, 0.3);
        if (!why && p->controls[subject->voices] < 1) why = fault("nothing sounds");
        if (kinds[k].number == 121) plugin_midi(p, 0, 0xB0, 121, 0);
        plugin_midi(p, 0, 0xB0, kinds[k].number == 121 ? 123 : kinds[k].number, 0);
        if (!why) why = freewheel(p, 48000, 0, 8);
        if (!why && p->controls[subject->voices] != 0) why = fault("%g voices sound on", p->controls[subject->voices]);
        energy = 0;
        if (!why) why = freewheel(p, 48000, 0, 0.1);
        if (!why && energy != 0) why = fault("what is left is no silence: %g", energy);
        char what[80];
        snprintf(what, sizeof what, "40 hung notes end with %s, in true zeros", kinds[k].name);
        judge(what, why);
        plugin_free(p);
    }
}

/// A program change takes a preset; it survives in state, but for controls that were moved since.
static void programs(void) {
    if (IS_TRANSFER) return;
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    const char* why = NULL;
    if (p->controls[subject->program] != -1) why = fault("program %g at first", p->controls[subject->program]);
    plugin_midi(p, 10, 0xC0, 73, 0);
    plugin_run(p, NULL, BLOCK);
    plugin_clear_control(p);
    if (!why && p->controls[subject->program] != 73) why = fault("program %g after 73", p->controls[subject->program]);
    plugin_midi(p, 10, 0xC0, 127, 0);  // no preset has it
    plugin_run(p, NULL, BLOCK);
    plugin_clear_control(p);
    if (!why && p->controls[subject->program] != 73) why = fault("program %g after one that is none", p->controls[subject->program]);
    const LV2_State_Interface* interface = p->descriptor->extension_data(LV2_STATE__interface);
    static Store store;
    memset(&store, 0, sizeof store);
    interface->save(p->handle, store_value, &store, 0, NULL);
    if (!why && (store.count != 1 || store.key != urid(PROGRAM_STATE_URI) || strncmp((char*)store.value, "73 ", 3) ||
                 !strstr((char*)store.value, " tilt") || !strstr((char*)store.value, " instrument_a")))
        why = fault("it is saved as %.60s", store.value);
    // A control that is moved counts again.
    p->controls[SYNTH_PORT_tilt] = 3;
    plugin_run(p, NULL, BLOCK);
    memset(&store, 0, sizeof store);
    interface->save(p->handle, store_value, &store, 0, NULL);
    if (!why && (strstr((char*)store.value, " tilt") || !strstr((char*)store.value, " instrument_a")))
        why = fault("after moving a control it is saved as %s", store.value);
    Plugin* q = make(48000, BLOCK);
    if (!why && interface->restore(q->handle, retrieve_value, &store, 0, NULL)) why = fault("restore fails");
    plugin_activate(q);
    plugin_run(q, NULL, BLOCK);
    if (!why && q->controls[subject->program] != 73) why = fault("program %g after restore", q->controls[subject->program]);
    static Store again;
    memset(&again, 0, sizeof again);
    interface->save(q->handle, store_value, &again, 0, NULL);
    if (!why && strcmp((char*)again.value, (char*)store.value)) why = fault("saved again as %s", again.value);
    // A state without one ends it.
    static const Store empty;
    interface->restore(q->handle, retrieve_value, (void*)&empty, 0, NULL);
    plugin_run(q, NULL, BLOCK);
    if (!why && q->controls[subject->program] != -1) why = fault("program %g after an empty state", q->controls[subject->program]);
    // Texts that no plugin wrote.
    static const char* const texts[] = {"", " ", "73", "-5 tilt", "999 tilt", "73 nothing at all", "tilt", "73\ttilt\n", "99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
        Store odd = {.count = 1, .key = urid(PROGRAM_STATE_URI), .type = urid(LV2_ATOM__String), .size = strlen(texts[i]) + 1};
        memcpy(odd.value, texts[i], odd.size);
        interface->restore(q->handle, retrieve_value, &odd, 0, NULL);
        odd.size = odd.size > 1 ? odd.size - 1 : 0;  // and without its NUL
        interface->restore(q->handle, retrieve_value, &odd, 0, NULL);
        plugin_run(q, NULL, BLOCK);
        if (!why) why = check_readings(q);
    }
    if (!why) why = check_alive(q, 48000);
    judge("programs: taken, saved, restored", why);
    plugin_free(q);
    plugin_free(p);
}

// MARK: No weights

static int no_weights(void) {
    host_log_clear();
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = NULL;
    const int status = plugin_settle(p);
    if (status != 3) why = fault("status %d", status);
    for (int live = 0; live < 2 && !why; ++live) {
        if (!IS_TRANSFER) plugin_midi(p, 0, 0x90, 60, 100);
        energy = 0;
        why = freewheel(p, 48000, 220, 0.3);
    }
    if (!why && !IS_TRANSFER && energy != 0) why = fault("it sounds");
    if (!why && IS_TRANSFER && energy == 0) why = fault("the input does not pass");
    judge(IS_TRANSFER ? "no model: status 3, the input passes" : "no model: status 3, silence", why);
    judge("no model: it says so", host_log_lines > 0 && host_log_lines < 3 ? NULL : fault("%d lines: %s", host_log_lines, host_log_text));
    plugin_free(p);
    return failures > 0;
}

static void choose(const char* name) { subject = &subjects[!strcmp(name, "transfer")]; }

int main(int count, char** arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count >= 4 && !strcmp(arguments[1], "--no-weights")) {
        choose(arguments[2]);
        library = library_open(arguments[3], count > 4 ? arguments[4] : NULL);
        return no_weights();
    }
    if (count < 5) {
        fprintf(stderr, "usage: robustness_synth PLUGIN BUNDLE MODEL SCRATCH [LIBRARY]\n");
        return 2;
    }
    choose(arguments[1]);
    library = library_open(arguments[2], count > 5 ? arguments[5] : NULL);
    snprintf(tiny, sizeof tiny, "%s", arguments[3]);
    static char folder[4096];
    snprintf(folder, sizeof folder, "%s", arguments[3]);
    models = dirname(folder);
    scratch = arguments[4];
    static const struct { const char* name; void (*run)(void); } tests[] = {
        {"features", features}, {"random_blocks", random_blocks}, {"aliased_buffers", aliased_buffers},
        {"bad_samples", bad_samples}, {"missing_ports", missing_ports}, {"early_run", early_run},
        {"switched_off", switched_off}, {"wild_controls", wild_controls}, {"floods", floods}, {"ends", ends},
        {"programs", programs}, {"hostile_messages", hostile_messages}, {"bad_model_files", bad_model_files},
        {"path_while_running", path_while_running}, {"state", state}, {"restore_while_running", restore_while_running},
        {"many_instances", many_instances}};
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
