/// The ports of urn:continuo:pitch in the order of ttl/pitch/pitch.ttl, which says all else about them. A test holds the two
/// together (PitchPortsTests). MIDI comes before the other atom output: Ardour takes a plugin's first for its MIDI.
#ifndef CONTINUO_PITCH_PORTS_H
#define CONTINUO_PITCH_PORTS_H

#define PITCH_PORTS(PORT)                                                                                                   \
    PORT(control) PORT(midi_out) PORT(notify) PORT(in) PORT(out) PORT(enabled) PORT(freewheel) PORT(model) PORT(hop)         \
    PORT(confidence) PORT(hysteresis) PORT(gate) PORT(lowest) PORT(highest) PORT(a4) PORT(minimum_note) PORT(bend_range)      \
    PORT(midi_channel) PORT(frequency) PORT(note) PORT(confidence_now) PORT(level) PORT(tracking_delay) PORT(late_frames)      \
    PORT(status) PORT(cv_pitch) PORT(cv_gate) PORT(cv_level)

enum {
#define PORT(symbol) PORT_##symbol,
    PITCH_PORTS(PORT)
#undef PORT
    PORT_COUNT
};

/// The symbol of a port; NULL past the last.
static inline const char* pitch_port_symbol(int port) {
    static const char* const symbols[] = {
#define PORT(symbol) #symbol,
        PITCH_PORTS(PORT)
#undef PORT
    };
    return port >= 0 && port < PORT_COUNT ? symbols[port] : 0;
}

#endif
