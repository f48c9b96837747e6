/// The ports of urn:continuo:synth and urn:continuo:transfer, in the order of ttl/synth/synth.ttl and transfer.ttl, which say all
/// else about them. A test holds them together (SynthPortsTests).
#ifndef CONTINUO_SYNTH_PORTS_H
#define CONTINUO_SYNTH_PORTS_H

#include "CDDSPSynth.h"

// The engine's controls (CDDSPSynth.h), by group: CONTROL(port symbol, CONTINUO_SYNTH_ constant).
#define INSTRUMENT_CONTROLS(CONTROL)                                                                                       \
    CONTROL(instrument_a, INSTRUMENT_A) CONTROL(instrument_b, INSTRUMENT_B) CONTROL(morph, MORPH)
#define PLAYING_CONTROLS(CONTROL)                                                                                          \
    CONTROL(voice_count, VOICE_COUNT) CONTROL(mode, MODE) CONTROL(glide, GLIDE) CONTROL(bend_range, BEND_RANGE)             \
    CONTROL(mpe, MPE) CONTROL(mpe_bend_range, MPE_BEND_RANGE) CONTROL(channel, CHANNEL)
#define TUNING_CONTROLS(CONTROL) CONTROL(transpose, TRANSPOSE) CONTROL(a4, A4)
#define ARTICULATION_CONTROLS(CONTROL)                                                                                     \
    CONTROL(attack, ATTACK) CONTROL(release, RELEASE) CONTROL(body, BODY) CONTROL(dynamics, DYNAMICS)                       \
    CONTROL(loudness, LOUDNESS) CONTROL(vibrato_rate, VIBRATO_RATE) CONTROL(vibrato_depth, VIBRATO_DEPTH)                   \
    CONTROL(vibrato_delay, VIBRATO_DELAY) CONTROL(wheel_vibrato, WHEEL_VIBRATO) CONTROL(tremolo, TREMOLO)                   \
    CONTROL(drift, DRIFT) CONTROL(pressure, PRESSURE) CONTROL(breath, BREATH)
#define SOUND_CONTROLS(CONTROL)                                                                                            \
    CONTROL(tilt, TILT) CONTROL(odd_even, ODD_EVEN) CONTROL(stretch, STRETCH) CONTROL(formant, FORMANT)                     \
    CONTROL(noise, NOISE) CONTROL(noise_colour, NOISE_COLOUR) CONTROL(attack_noise, ATTACK_NOISE)                           \
    CONTROL(brightness, BRIGHTNESS) CONTROL(unison, UNISON) CONTROL(detune, DETUNE) CONTROL(spread, SPREAD)                 \
    CONTROL(room, ROOM) CONTROL(room_size, ROOM_SIZE) CONTROL(room_decay, ROOM_DECAY) CONTROL(room_damping, ROOM_DAMPING)   \
    CONTROL(gain, GAIN)
#define FOLLOWING_CONTROLS(CONTROL)                                                                                        \
    CONTROL(confidence, CONFIDENCE) CONTROL(gate, GATE) CONTROL(loudness_match, LOUDNESS_MATCH) CONTROL(follow, FOLLOW)      \
    CONTROL(pitch_snap, PITCH_SNAP) CONTROL(smoothing, SMOOTHING) CONTROL(wet, WET)

// What each plugin has of them.
#define SYNTH_CONTROLS(CONTROL)                                                                                            \
    INSTRUMENT_CONTROLS(CONTROL) PLAYING_CONTROLS(CONTROL) TUNING_CONTROLS(CONTROL) ARTICULATION_CONTROLS(CONTROL)          \
    SOUND_CONTROLS(CONTROL)
#define TRANSFER_CONTROLS(CONTROL)                                                                                         \
    INSTRUMENT_CONTROLS(CONTROL) FOLLOWING_CONTROLS(CONTROL) TUNING_CONTROLS(CONTROL) SOUND_CONTROLS(CONTROL)

#define SYNTH_PORTS(PORT, CONTROL)                                                                                         \
    PORT(control) PORT(notify) PORT(out_left) PORT(out_right) PORT(enabled) PORT(freewheel) SYNTH_CONTROLS(CONTROL)         \
    PORT(latency) PORT(late_frames) PORT(voices) PORT(pitch) PORT(loudness_now) PORT(status) PORT(program)
#define TRANSFER_PORTS(PORT, CONTROL)                                                                                      \
    PORT(control) PORT(notify) PORT(in) PORT(out_left) PORT(out_right) PORT(enabled) PORT(freewheel)                        \
    TRANSFER_CONTROLS(CONTROL) PORT(latency) PORT(late_frames) PORT(pitch) PORT(loudness_now) PORT(status)

#define SYNTH_PORT(symbol) SYNTH_PORT_##symbol,
#define SYNTH_CONTROL_PORT(symbol, control) SYNTH_PORT_##symbol,
enum { SYNTH_PORTS(SYNTH_PORT, SYNTH_CONTROL_PORT) SYNTH_PORT_COUNT };
#undef SYNTH_PORT
#undef SYNTH_CONTROL_PORT

#define TRANSFER_PORT(symbol) TRANSFER_PORT_##symbol,
#define TRANSFER_CONTROL_PORT(symbol, control) TRANSFER_PORT_##symbol,
enum { TRANSFER_PORTS(TRANSFER_PORT, TRANSFER_CONTROL_PORT) TRANSFER_PORT_COUNT };
#undef TRANSFER_PORT
#undef TRANSFER_CONTROL_PORT

#define SYNTH_SYMBOL(symbol) #symbol,
#define SYNTH_CONTROL_SYMBOL(symbol, control) #symbol,
/// The symbol of a port; NULL past the last.
static inline const char* synth_port_symbol(int port) {
    static const char* const symbols[] = {SYNTH_PORTS(SYNTH_SYMBOL, SYNTH_CONTROL_SYMBOL)};
    return port >= 0 && port < SYNTH_PORT_COUNT ? symbols[port] : 0;
}
static inline const char* transfer_port_symbol(int port) {
    static const char* const symbols[] = {TRANSFER_PORTS(SYNTH_SYMBOL, SYNTH_CONTROL_SYMBOL)};
    return port >= 0 && port < TRANSFER_PORT_COUNT ? symbols[port] : 0;
}
#undef SYNTH_SYMBOL
#undef SYNTH_CONTROL_SYMBOL

#define NO_CONTROL(symbol) -1,
#define SYNTH_CONTROL(symbol, control) CONTINUO_SYNTH_##control,
/// The engine's control (continuo_synth_control) that a port sets; -1 for none.
static inline int synth_port_control(int port) {
    static const int controls[] = {SYNTH_PORTS(NO_CONTROL, SYNTH_CONTROL)};
    return port >= 0 && port < SYNTH_PORT_COUNT ? controls[port] : -1;
}
static inline int transfer_port_control(int port) {
    static const int controls[] = {TRANSFER_PORTS(NO_CONTROL, SYNTH_CONTROL)};
    return port >= 0 && port < TRANSFER_PORT_COUNT ? controls[port] : -1;
}
#undef NO_CONTROL
#undef SYNTH_CONTROL

#endif
