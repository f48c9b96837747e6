/// rtsan_bass BUNDLE [LIBRARY]: run() of Continuo Bass under whatever sanitizer this is compiled with (RealtimeSanitizer watches run()
/// alone). Blocks of every size in buffers that end at a page's end, while the transport runs, stops and jumps, controls move and takes
/// are made; and messages that are damaged. Prints `blocks N sounding M`.
#include "lv2host.h"

#include <lv2/time/time.h>

#include "bass_ports.h"

static void run_in_real_time(const LV2_Descriptor* d, LV2_Handle handle, uint32_t frames) __attribute__((nonblocking))
__attribute__((noinline));
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wfunction-effects"  // a call through a pointer may do anything: that is what is tested
static void run_in_real_time(const LV2_Descriptor* d, LV2_Handle handle, uint32_t frames) __attribute__((nonblocking)) {
    d->run(handle, frames);
}
#pragma clang diagnostic pop

static float controls[BASS_PORT_COUNT];
static const float most[BASS_PORT_COUNT] = {
    [BASS_PORT_mode] = 2, [BASS_PORT_bars] = 4, [BASS_PORT_capture] = 1, [BASS_PORT_generate] = 1, [BASS_PORT_seed] = 65535,
    [BASS_PORT_steps] = 4, [BASS_PORT_guidance] = 16, [BASS_PORT_variation] = 1, [BASS_PORT_bass_level] = 24,
    [BASS_PORT_through_level] = 24,
};

static void put_position(LV2_Atom_Forge* forge, uint32_t frame, float speed, double beats, float tempo) {
    LV2_Atom_Forge_Frame object;
    lv2_atom_forge_frame_time(forge, frame);
    lv2_atom_forge_object(forge, &object, 0, urid(LV2_TIME__Position));
    lv2_atom_forge_key(forge, urid(LV2_TIME__speed));
    lv2_atom_forge_float(forge, speed);
    lv2_atom_forge_key(forge, urid(LV2_TIME__bar));
    lv2_atom_forge_long(forge, (int64_t)floor(beats / 4));
    lv2_atom_forge_key(forge, urid(LV2_TIME__barBeat));
    lv2_atom_forge_float(forge, (float)(beats - 4 * floor(beats / 4)));
    lv2_atom_forge_key(forge, urid(LV2_TIME__beatsPerBar));
    lv2_atom_forge_float(forge, 4);
    lv2_atom_forge_key(forge, urid(LV2_TIME__beatUnit));
    lv2_atom_forge_int(forge, 4);
    lv2_atom_forge_key(forge, urid(LV2_TIME__beatsPerMinute));
    lv2_atom_forge_float(forge, tempo);
    lv2_atom_forge_pop(forge, &object);
}

int main(int count, char** arguments) {
    if (count < 2) return 2;
    Library library = library_load(arguments[1], count > 2 ? arguments[2] : NULL, "bass.so", 0);
    const LV2_Descriptor* d = library.descriptor;
    Features features;
    LV2_Handle handle = d->instantiate(d, 48000, library.bundle, host_features(&features, 64));
    if (!handle) return 2;
    float* audio[6];
    for (int i = 0; i < 6; ++i) audio[i] = guarded(LONGEST_BLOCK * sizeof(float));
    uint8_t* events = guarded(CONTROL_CAPACITY);
    uint8_t* midi = guarded(NOTIFY_CAPACITY);
    for (uint32_t port = 0; port < BASS_PORT_COUNT; ++port) d->connect_port(handle, port, &controls[port]);
    d->connect_port(handle, BASS_PORT_control, events);
    d->connect_port(handle, BASS_PORT_midi_out, midi);
    LV2_Atom_Forge forge;
    LV2_URID_Map map = {NULL, host_map};
    lv2_atom_forge_init(&forge, &map);
    d->activate(handle);
    static const uint32_t sizes[] = {64, 128, 256, 1, 0, 1000, 37, 512, 2048, 8192};
    long blocks = 0, sounding = 0;
    double beats = 0, played = 0;
    float tempo = 240, speed = 1;
    const double start = seconds_now();
    controls[BASS_PORT_enabled] = 1;
    controls[BASS_PORT_mode] = 1;
    controls[BASS_PORT_bars] = 1;
    controls[BASS_PORT_steps] = 2;
    controls[BASS_PORT_guidance] = 3;
    controls[BASS_PORT_variation] = 1;
    while (played < 200) {
        const uint32_t frames = blocks < 2000 ? 256 : sizes[random_below(10)];
        if (blocks > 4000 && random_below(20) == 0) {
            const int port = BASS_PORT_mode + (int)random_below(BASS_PORT_through_level - BASS_PORT_mode + 1);
            controls[port] = random_below(50) == 0 ? NAN : most[port] * (float)random_below(1001) / 1000;
        }
        if (blocks > 6000 && random_below(200) == 0) beats = random_below(64);
        if (blocks > 6000 && random_below(200) == 0) speed = random_below(3) > 0;
        if (blocks > 6000 && random_below(500) == 0) tempo = 60 + (float)random_below(300);
        LV2_Atom_Forge_Frame sequence;
        const size_t room = 1024;
        LV2_Atom_Sequence* input = (LV2_Atom_Sequence*)(events + CONTROL_CAPACITY - room);
        lv2_atom_forge_set_buffer(&forge, (uint8_t*)input, room);
        lv2_atom_forge_sequence_head(&forge, &sequence, 0);
        for (uint32_t n = random_below(3); n > 0; --n) put_position(&forge, 0, speed, beats, tempo);
        // Damaged: any byte after the sequence's head, which is the host's own.
        if (blocks > 8000 && input->atom.size > sizeof input->body && random_below(4) == 0)
            ((uint8_t*)&input->body)[sizeof input->body + random_below(input->atom.size - sizeof input->body)] = (uint8_t)random_bits();
        d->connect_port(handle, BASS_PORT_control, input);
        LV2_Atom_Sequence* output = (LV2_Atom_Sequence*)(midi + NOTIFY_CAPACITY - 512);
        output->atom.size = 512 - sizeof output->atom;
        d->connect_port(handle, BASS_PORT_midi_out, output);
        const bool is_one = random_below(10) == 0;  // one buffer for all
        for (int i = 0; i < 6; ++i)
            d->connect_port(handle, (uint32_t)(BASS_PORT_in_left + i), audio[is_one ? 0 : i] + LONGEST_BLOCK - frames);
        make_tone(audio[0] + LONGEST_BLOCK - frames, frames, 220, 48000, (size_t)(played * 48000));
        run_in_real_time(d, handle, frames);
        for (uint32_t i = LONGEST_BLOCK - frames; i < LONGEST_BLOCK; ++i)
            if (!isfinite(audio[4][i])) return fprintf(stderr, "a sample is no number\n"), 1;
        if (frames > 0 && !is_one) sounding += fabsf(audio[4][LONGEST_BLOCK - 1]) > 1e-6f;
        ++blocks;
        beats += speed * frames * tempo / 60 / 48000;
        played += frames / 48000.0;
        const double ahead = played / 10 - (seconds_now() - start);
        if (ahead > 0.002) usleep((useconds_t)(ahead * 1e6));
    }
    printf("blocks %ld sounding %ld takes %g late %g\n", blocks, sounding, (double)controls[BASS_PORT_takes],
           (double)controls[BASS_PORT_late]);
    d->deactivate ? d->deactivate(handle) : (void)0;
    d->cleanup(handle);
    dlclose(library.library);
    return 0;
}
