/// robustness BUNDLE MODELS SCRATCH [LIBRARY]: what hosts do to a plugin, and worse. Prints one line a check.
///
/// - MODELS: the folder with crepe-tiny.safetensors
/// - SCRATCH: a folder for damaged models
/// - LIBRARY: another build of the bundle's library, with sanitizers
/// - robustness --no-weights BUNDLE: what the plugin does where no model is installed (CONTINUO_MODELS names an empty folder)
#include <sys/stat.h>

#include "lv2host.h"

static Library library;
static const char *models, *scratch;
static char tiny[4096];
static int failures = 0;

#define BLOCK 256

/// One check's line. `fault`: NULL or why it failed.
static void judge(const char* what, const char* fault) {
    if (fault) {
        printf("not ok - %s: %s\n", what, fault);
        ++failures;
    } else {
        printf("ok - %s\n", what);
    }
}

static char fault_text[512];
static const char* fault(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault_text, sizeof fault_text, format, arguments);
    va_end(arguments);
    return fault_text;
}

static Plugin* make(double rate, int32_t nominal_block) {
    Plugin* plugin = plugin_make(&library, rate, nominal_block);
    if (!plugin) {
        puts("not ok - instantiate: refused");
        exit(1);
    }
    return plugin;
}

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

/// Readings: finite, and in the ranges that the TTL gives.
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

static const char* check_notify(const Plugin* p) {
    if (p->notify->atom.type != urid(LV2_ATOM__Sequence) || p->notify->atom.size > NOTIFY_CAPACITY - sizeof(LV2_Atom))
        return fault("the notify port holds no sequence");
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

/// The path on the notify port in this block, or NULL if it says none.
static const char* told_path(const Plugin* p) {
    LV2_ATOM_SEQUENCE_FOREACH(p->notify, event) {
        const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
        const LV2_Atom *property = NULL, *value = NULL;
        lv2_atom_object_get(object, urid(LV2_PATCH__property), &property, urid(LV2_PATCH__value), &value, 0);
        if (object->body.otype == urid(LV2_PATCH__Set) && property && value && value->type == urid(LV2_ATOM__Path) &&
            ((const LV2_Atom_URID*)property)->body == urid(MODEL_FILE_URI))
            return (const char*)(value + 1);
    }
    return NULL;
}

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

/// Says that the plugin still does its work.
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

// MARK: Messages

/// Sets a model file and waits until it is loaded or refused; the status.
static int use_file(Plugin* p, const char* path) {
    plugin_set_model_file(p, path);
    plugin_run(p, NULL, 16);
    plugin_clear_control(p);
    return plugin_settle(p);
}

/// `bytes` as the control port's memory, its end the end of what may be read. The sequence's size is what it says itself.
static void send_raw(Plugin* p, const void* bytes, size_t size, bool connect_only) {
    // Atoms lie at multiples of eight.
    const size_t room = (size + 7) / 8 * 8;
    uint8_t* place = guarded(room);
    memcpy(place, bytes, size);
    plugin_prepare_atoms(p);
    plugin_connect(p, 16);
    p->descriptor->connect_port(p->handle, PORT_control, place);
    memset(p->in, 0, LONGEST_BLOCK * sizeof(float));
    if (!connect_only) p->descriptor->run(p->handle, 16);
    p->descriptor->connect_port(p->handle, PORT_control, p->control);
    guarded_free(place, room);
}

typedef struct {
    union {
        uint8_t bytes[20000];
        uint32_t words[5000];
        LV2_Atom_Sequence sequence;
    };
    size_t size;
} Message;

/// A sequence of one patch:Set of the model file, whose value is `size` bytes of `type`.
static Message set_message(const char* type, const void* value, uint32_t size) {
    Message m = {.size = 0};
    LV2_URID_Map map = {NULL, host_map};
    LV2_Atom_Forge forge;
    LV2_Atom_Forge_Frame sequence, object;
    lv2_atom_forge_init(&forge, &map);
    lv2_atom_forge_set_buffer(&forge, m.bytes, sizeof m.bytes);
    lv2_atom_forge_sequence_head(&forge, &sequence, 0);
    lv2_atom_forge_frame_time(&forge, 0);
    lv2_atom_forge_object(&forge, &object, 0, urid(LV2_PATCH__Set));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__property));
    lv2_atom_forge_urid(&forge, urid(MODEL_FILE_URI));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__value));
    lv2_atom_forge_atom(&forge, size, urid(type));
    lv2_atom_forge_write(&forge, value, size);
    lv2_atom_forge_pop(&forge, &object);
    lv2_atom_forge_pop(&forge, &sequence);
    m.size = sizeof(LV2_Atom) + m.sequence.atom.size;
    return m;
}

static void hostile_messages(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    // Each step names itself before it is taken: a crash shows where.
    static Message m;
    static char path[12000];

    // Every shorter sequence, each telling the truth about its own size while what lies in it does not.
    m = set_message(LV2_ATOM__Path, "/nowhere/model.safetensors", 27);
    for (size_t size = 0; size + sizeof(LV2_Atom) <= m.size; ++size) {
        static Message cut;
        cut = m;
        cut.sequence.atom.size = (uint32_t)size;
        send_raw(p, cut.bytes, sizeof(LV2_Atom) + size, false);
        // The next may not be refused because this one is still being taken up.
        if (size > m.size - 24) plugin_settle(p);
    }
    plugin_settle(p);
    judge("patch:Set cut off at every byte", check_alive(p, 48000));

    // Sizes that lie, at every place where there is one.
    static const uint32_t lies[] = {0, 1, 4, 7, 8, 9, 100, 4096, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
    for (size_t word = 1; word < m.size / 4; ++word)
        for (size_t lie = 0; lie < sizeof lies / sizeof *lies; ++lie) {
            static Message false_one;
            false_one = m;
            false_one.words[word] = lies[lie];
            send_raw(p, false_one.bytes, m.size, false);
        }
    plugin_settle(p);
    judge("patch:Set with each word in turn replaced", check_alive(p, 48000));

    const int64_t number = 0x4141414141414141;
    static const char* const types[] = {LV2_ATOM__Int, LV2_ATOM__Float, LV2_ATOM__Double, LV2_ATOM__Object, LV2_ATOM__Tuple,
                                        LV2_ATOM__Vector, LV2_ATOM__URID, LV2_ATOM__Bool, LV2_ATOM__Chunk};
    use_file(p, "");
    host_log_clear();
    for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
        m = set_message(types[i], &number, 8);
        send_raw(p, m.bytes, m.size, false);
    }
    const char* why = plugin_settle(p) == 0 ? NULL : fault("a value of a wrong type was taken for a path");
    if (!why && host_log_lines) why = fault("it says: %s", host_log_text);
    if (!why) why = check_alive(p, 48000);
    judge("patch:Set with values of other types", why);

    memset(path, 'a', sizeof path);
    path[0] = '/';
    static const uint32_t lengths[] = {1, 2, 255, 4094, 4095, 4096, 4097, 10240};
    why = NULL;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths && !why; ++i)
        for (int with_nul = 0; with_nul < 2 && !why; ++with_nul) {
            path[lengths[i]] = 0;
            m = set_message(i % 2 ? LV2_ATOM__String : LV2_ATOM__Path, path, lengths[i] + (uint32_t)with_nul);
            path[lengths[i]] = 'a';
            send_raw(p, m.bytes, m.size, false);
            if (plugin_settle(p) < 0) why = fault("still loading after 30 s");
            why = why ? why : check_readings(p);
        }
    m = set_message(LV2_ATOM__Path, "", 0);
    send_raw(p, m.bytes, m.size, false);
    if (!why && plugin_settle(p) != 0) why = fault("an empty path does not take the file away");
    if (!why) why = check_alive(p, 48000);
    judge("paths of 1 byte to 10 KB, with and without NUL", why);

    // Broken UTF-8 names no file, but must come back from state as it went in or not at all.
    m = set_message(LV2_ATOM__Path, "/\xFF\xFE\xC0\x80\xED\xA0\x80", 9);
    send_raw(p, m.bytes, m.size, false);
    why = plugin_settle(p) == 2 ? NULL : fault("status %g", p->controls[PORT_status]);
    judge("a path that is no UTF-8", why);
    m = set_message(LV2_ATOM__Path, "", 1);
    send_raw(p, m.bytes, m.size, false);
    plugin_settle(p);

    // Anything at all.
    m = set_message(LV2_ATOM__Path, "/nowhere", 9);
    for (int round = 0; round < 20000; ++round) {
        static Message fuzzed;
        fuzzed = m;
        const uint32_t changes = 1 + random_below(6);
        for (uint32_t i = 0; i < changes; ++i) {
            // Values that mean something here are tried more often than any others.
            if (random_below(2)) fuzzed.words[1 + random_below((uint32_t)m.size / 4 - 1)] = random_below(40);
            else fuzzed.bytes[4 + random_below((uint32_t)m.size - 4)] = (uint8_t)random_bits();
        }
        fuzzed.sequence.atom.size = (uint32_t)(m.size - sizeof(LV2_Atom));
        send_raw(p, fuzzed.bytes, m.size, false);
    }
    plugin_settle(p);
    m = set_message(LV2_ATOM__Path, "", 1);
    send_raw(p, m.bytes, m.size, false);
    plugin_settle(p);
    judge("20000 garbled messages", check_alive(p, 48000));
    plugin_free(p);
}

// MARK: Model files

static void write_file(const char* path, const void* bytes, size_t size) {
    FILE* file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) {
        perror(path);
        exit(2);
    }
}

/// Each damaged file: the status says that another model is in use, one line says why, and the sound is tracked all the same.
static void bad_model_files(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = plugin_settle(p) == 0 ? NULL : fault("crepe-tiny is not ready");
    char path[4200];
    FILE* file = fopen(tiny, "rb");
    static uint8_t whole[4 << 20];
    const size_t size = file ? fread(whole, 1, sizeof whole, file) : 0;
    if (file) fclose(file);
    if (size < 1000) why = fault("%s cannot be read", tiny);
    const struct { const char* name; size_t size; } kinds[] = {
        {"missing", 0}, {"empty", 0}, {"7 bytes", 7}, {"cut in its header", 200}, {"cut in its weights", size / 2},
        {"a byte short", size - 1}, {"of random bytes", 100000}, {"a folder", 0}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !why; ++k) {
        snprintf(path, sizeof path, "%s/bad-%zu.safetensors", scratch, k);
        if (k == 6) {
            static uint64_t noise[12500];
            for (int i = 0; i < 12500; ++i) noise[i] = random_bits();
            noise[0] = 4000;  // a header length that fits
            write_file(path, noise, sizeof noise);
        } else if (k == 7) {
            mkdir(path, 0755);
        } else if (k > 0) {
            write_file(path, whole, kinds[k].size);
        }
        host_log_clear();
        const int status = use_file(p, path);
        if (status != 2) why = fault("status %d with a file that is %s", status, kinds[k].name);
        if (!why && !strstr(host_log_text, path)) why = fault("a file that is %s is not named in the log", kinds[k].name);
        if (!why && host_log_lines > 2) why = fault("%d lines about a file that is %s", host_log_lines, kinds[k].name);
        if (!why) why = check_alive(p, 48000);
        if (k == 4) {
            // What the user reads.
            char* end = strchr(host_log_text, '\n');
            if (end) *end = 0;
            printf("# %s\n", host_log_text);
        }
    }
    judge("a model file that is missing, cut off, garbled or a folder", why);
    why = NULL;
    host_log_clear();
    const int status = use_file(p, tiny);
    if (status != 0 || host_log_lines) why = fault("status %d with a sound file; %s", status, host_log_text);
    if (!why) {
        plugin_set_model_file(p, "");
        plugin_run(p, NULL, 16);
        if (plugin_settle(p) != 0) why = fault("status %g without a file", p->controls[PORT_status]);
    }
    judge("a sound model file afterwards, and none", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

/// The path changes while sound runs; the notify port names what is in force in the end.
static void path_while_running(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = NULL;
    char told[4096] = "?";
    int changes = 0;
    for (int block = 0; block < 1200 && !why; ++block) {
        plugin_clear_control(p);
        if (block % 20 == 0) plugin_set_model_file(p, ++changes % 3 == 0 ? "" : changes % 3 == 1 ? tiny : "/nowhere/at.all");
        make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_block(p, sound, BLOCK, NULL);
        const char* path = told_path(p);
        if (path) snprintf(told, sizeof told, "%s", path);
        usleep(500);
    }
    // The last word, once whatever is under way has been taken up.
    if (!why) why = plugin_settle(p) >= 0 ? NULL : fault("still loading");
    plugin_set_model_file(p, tiny);
    for (int i = 0; i < 3000 && strcmp(told, tiny); ++i) {
        plugin_run(p, NULL, 16);
        plugin_clear_control(p);
        const char* path = told_path(p);
        if (path) snprintf(told, sizeof told, "%s", path);
        usleep(1000);
    }
    if (!why && strcmp(told, tiny)) why = fault("the notify port says %.100s", told);
    judge("the model file changed 60 times while running", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: State

typedef struct {
    int count;
    uint32_t key, type, flags;
    size_t size;
    uint8_t value[8192];
} Store;

static LV2_State_Status store_value(LV2_State_Handle handle, uint32_t key, const void* value, size_t size, uint32_t type,
                                    uint32_t flags) {
    Store* s = handle;
    ++s->count;
    s->key = key, s->type = type, s->flags = flags, s->size = size;
    if (size > sizeof s->value) return LV2_STATE_ERR_NO_SPACE;
    memcpy(s->value, value, size);
    return LV2_STATE_SUCCESS;
}
static const void* retrieve_value(LV2_State_Handle handle, uint32_t key, size_t* size, uint32_t* type, uint32_t* flags) {
    const Store* s = handle;
    if (!s->count || key != s->key) return NULL;
    *size = s->size, *type = s->type, *flags = s->flags;
    return s->value;
}

static int mapped_paths = 0;  // those that a map_path feature gave out and free_path has not seen
static char* abstract_path(LV2_State_Map_Path_Handle handle, const char* path) {
    char* mapped = malloc(strlen(path) + 16);
    sprintf(mapped, "session:%s", strncmp(path, handle, strlen(handle)) ? path : path + strlen(handle));
    ++mapped_paths;
    return mapped;
}
static char* absolute_path(LV2_State_Map_Path_Handle handle, const char* path) {
    char* mapped = malloc(strlen(path) + strlen(handle) + 16);
    if (!strncmp(path, "session:", 8)) sprintf(mapped, "%s%s", (const char*)handle, path + 8);
    else strcpy(mapped, path);
    ++mapped_paths;
    return mapped;
}
static void free_path(LV2_State_Free_Path_Handle handle, char* path) {
    (void)handle;
    --mapped_paths;
    free(path);
}

static void state(void) {
    LV2_State_Map_Path map = {(void*)models, abstract_path, absolute_path};
    LV2_State_Free_Path release = {NULL, free_path};
    const LV2_Feature map_feature = {LV2_STATE__mapPath, &map}, free_feature = {LV2_STATE__freePath, &release};
    const LV2_Feature* const both[] = {&map_feature, &free_feature, NULL};
    const LV2_Feature* const none[] = {NULL};
    const LV2_Feature* const* const features[] = {both, none, NULL};
    static const char* const names[] = {"with mapPath and freePath", "with an empty list of features", "with no list of features"};
    static Store store;
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const LV2_State_Interface* interface = p->descriptor->extension_data(LV2_STATE__interface);
    if (!interface || p->descriptor->extension_data("urn:nothing")) {
        judge("state interface", "missing, or given for any URI");
        plugin_free(p);
        return;
    }
    for (int f = 0; f < 3; ++f) {
        const char* why = NULL;
        memset(&store, 0, sizeof store);
        use_file(p, "");
        if (interface->save(p->handle, store_value, &store, LV2_STATE_IS_POD, features[f]) || store.count)
            why = fault("a file is saved where none is set");
        if (use_file(p, tiny) != 0) why = fault("the model file is not taken");
        if (!why && interface->save(p->handle, store_value, &store, LV2_STATE_IS_POD, features[f])) why = fault("save fails");
        if (!why && (store.count != 1 || store.key != urid(MODEL_FILE_URI) || store.type != urid(LV2_ATOM__Path)))
            why = fault("it is not saved as one path");
        if (!why && (!(store.flags & LV2_STATE_IS_POD) || store.value[store.size - 1])) why = fault("not POD with NUL");
        if (!why && f == 0 && strncmp((char*)store.value, "session:", 8)) why = fault("the path was not mapped");
        if (!why && f > 0 && strcmp((char*)store.value, tiny)) why = fault("another path was saved");
        // Into a fresh instance.
        Plugin* q = make(48000, BLOCK);
        if (!why && interface->restore(q->handle, retrieve_value, &store, 0, features[f])) why = fault("restore fails");
        plugin_activate(q);
        plugin_run(q, NULL, 16);
        const char* told = told_path(q);
        for (int i = 0; i < 100 && !told; ++i) plugin_run(q, NULL, 16), told = told_path(q);
        if (!why && (!told || strcmp(told, tiny))) why = fault("after restore the file is %s", told ? told : "not told");
        if (!why) why = check_alive(q, 48000);
        // And an empty state takes it away again.
        static Store empty;
        if (!why && interface->restore(q->handle, retrieve_value, &empty, 0, features[f])) why = fault("restore of nothing fails");
        static Store again;
        memset(&again, 0, sizeof again);
        interface->save(q->handle, store_value, &again, 0, features[f]);
        if (!why && again.count) why = fault("an empty state leaves the file in force");
        if (!why && mapped_paths) why = fault("%d mapped paths were not freed", mapped_paths);
        plugin_free(q);
        char what[100];
        snprintf(what, sizeof what, "state saved and restored %s", names[f]);
        judge(what, why);
    }

    // States that no plugin wrote.
    const char* why = NULL;
    memset(&store, 0, sizeof store);
    store = (Store){.count = 1, .key = urid(MODEL_FILE_URI), .type = urid(LV2_ATOM__Float), .size = 4};
    if (!interface->restore(p->handle, retrieve_value, &store, 0, none)) why = fault("a number is taken for a path");
    store.type = urid(LV2_ATOM__Path);
    memset(store.value, 'x', sizeof store.value);
    for (size_t size = 0; size <= sizeof store.value && !why; size = size ? size * 2 : 1) {
        store.size = size;
        interface->restore(p->handle, retrieve_value, &store, 0, none);
    }
    interface->restore(p->handle, retrieve_value, &(Store){0}, 0, none);
    plugin_settle(p);
    judge("states with a wrong type, without NUL, too long", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

static bool restoring = false;
static void* restore_again_and_again(void* context) {
    Plugin* p = context;
    const LV2_State_Interface* interface = p->descriptor->extension_data(LV2_STATE__interface);
    static Store with, without;
    with = (Store){.count = 1, .key = urid(MODEL_FILE_URI), .type = urid(LV2_ATOM__Path), .size = strlen(tiny) + 1};
    memcpy(with.value, tiny, with.size);
    for (int i = 0; __atomic_load_n(&restoring, __ATOMIC_ACQUIRE); ++i) {
        static Store saved;
        interface->restore(p->handle, retrieve_value, i % 2 ? &with : &without, 0, NULL);
        saved.count = 0;
        interface->save(p->handle, store_value, &saved, 0, NULL);
        usleep(300);
    }
    return NULL;
}

static void restore_while_running(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    pthread_t thread;
    restoring = true;
    pthread_create(&thread, NULL, restore_again_and_again, p);
    const char* why = NULL;
    for (int block = 0; block < 4000 && !why; ++block) {
        make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_block(p, sound, BLOCK, NULL);
        if (block % 8 == 0) usleep(500);
    }
    __atomic_store_n(&restoring, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    plugin_settle(p);
    judge("state restored by another thread while running", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: Instantiation

static void features(void) {
    const LV2_Descriptor* d = library.descriptor;
    LV2_URID_Map map = {NULL, host_map};
    const LV2_Feature map_feature = {LV2_URID__map, &map};
    const LV2_Feature* const only_map[] = {&map_feature, NULL};
    const LV2_Feature* const none[] = {NULL};
    const char* why = NULL;
    LV2_Handle handle = d->instantiate(d, 48000, library.bundle, only_map);
    if (handle) d->cleanup(handle);
    else why = fault("refused");
    judge("instantiated with urid:map alone", why);
    judge("refused without urid:map", d->instantiate(d, 48000, library.bundle, none) || d->instantiate(d, 48000, library.bundle, NULL)
                                          ? "it was not" : NULL);
    static const double rates[] = {0, -48000, NAN, INFINITY, -INFINITY, 1e-3, 1, 999, 1e18, 1e300, 5e6};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i) {
        handle = d->instantiate(d, rates[i], library.bundle, only_map);
        if (handle) d->cleanup(handle);
    }
    judge("sample rates that are none do no harm", NULL);
    // Block lengths that lie; longer blocks than announced.
    static const int32_t blocks[] = {0, -1, 1, 1 << 30, INT32_MAX, INT32_MIN};
    why = NULL;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && !why; ++i) {
        Plugin* p = plugin_make(&library, 48000, blocks[i]);
        if (!p) continue;
        plugin_activate(p);
        static float sound[LONGEST_BLOCK];
        make_tone(sound, LONGEST_BLOCK, 220, 48000, 0);
        plugin_run(p, sound, LONGEST_BLOCK);
        why = check_block(p, sound, LONGEST_BLOCK, NULL);
        if (!why) why = check_alive(p, 48000);
        plugin_free(p);
    }
    judge("nominal block lengths that are none", why);
    // Odd bundle paths.
    handle = d->instantiate(d, 48000, "", only_map);
    if (handle) d->cleanup(handle);
    handle = d->instantiate(d, 48000, "/no/such/bundle/", only_map);
    if (handle) d->cleanup(handle);
    judge("any bundle path", handle ? NULL : "refused");
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
    if (!why && !strstr(host_log_text, "continuo models get crepe-tiny")) why = fault("it says: %s", host_log_text);
    judge("no model installed: one line says how to get it", why);
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
    snprintf(tiny, sizeof tiny, "%s/crepe-tiny.safetensors", models);
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
