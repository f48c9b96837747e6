/// The ports of urn:continuo:bass, in the order of ttl/bass/bass.ttl, which says all else about them. A test holds them together
/// (PluginPortsTests).
#ifndef CONTINUO_BASS_PORTS_H
#define CONTINUO_BASS_PORTS_H

#include "CBassGenerator.h"

/// The engine's controls (CBassGenerator.h): CONTROL(port symbol, CONTINUO_BASS_ constant).
#define BASS_CONTROLS(CONTROL)                                                                                             \
    CONTROL(mode, MODE) CONTROL(bars, BARS) CONTROL(capture, CAPTURE) CONTROL(generate, GENERATE) CONTROL(seed, SEED)       \
    CONTROL(steps, STEPS) CONTROL(guidance, GUIDANCE) CONTROL(variation, VARIATION)                                         \
    CONTROL(style_strength, STYLE_STRENGTH) CONTROL(style_capture, STYLE_CAPTURE) CONTROL(take, TAKE)                       \
    CONTROL(bass_level, LEVEL) CONTROL(through_level, THROUGH_LEVEL)

#define BASS_PORTS(PORT, CONTROL)                                                                                          \
    PORT(control) PORT(notify) PORT(midi_out) PORT(in_left) PORT(in_right) PORT(through_left) PORT(through_right)           \
    PORT(bass_left) PORT(bass_right) PORT(enabled) PORT(freewheel) BASS_CONTROLS(CONTROL) PORT(state) PORT(progress)         \
    PORT(takes) PORT(newest) PORT(playing) PORT(seconds_per_take) PORT(late)

#define NUMBER(symbol, ...) BASS_PORT_##symbol,
enum { BASS_PORTS(NUMBER, NUMBER) BASS_PORT_COUNT };
#undef NUMBER

/// The symbol of a port, for tests; NULL beyond the last.
static inline const char* bass_port_symbol(int32_t port) {
#define SYMBOL(symbol, ...) #symbol,
    static const char* const symbols[] = {BASS_PORTS(SYMBOL, SYMBOL)};
#undef SYMBOL
    return port >= 0 && port < BASS_PORT_COUNT ? symbols[port] : NULL;
}

/// The engine's control behind a port, for tests; −1: none.
static inline int32_t bass_port_control(int32_t port) {
    switch (port) {
#define CASE(symbol, name) case BASS_PORT_##symbol: return CONTINUO_BASS_##name;
        BASS_CONTROLS(CASE)
#undef CASE
    }
    return -1;
}

#endif
