/// The C interface of the synthesizer's engine: what its plugins' shim (or any C program) calls. The functions are Swift's
/// (Sources/DDSPSynth/CInterface.swift).
#ifndef CDDSPSYNTH_H
#define CDDSPSYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Longest model path in bytes, with its NUL.
#define CONTINUO_SYNTH_PATH_CAPACITY 4096
/// Most voices that sound at once.
#define CONTINUO_SYNTH_VOICES 32

/// The controls. A name's unit and range are the port's; values out of range are clamped, and one that is no number stands for
/// the default (DDSPSynth/ControlRange.swift): so a plugin gives those that it has no port for.
typedef enum {
    // Instrument
    CONTINUO_SYNTH_INSTRUMENT_A,  ///< row of the model's embedding, 0 …
    CONTINUO_SYNTH_INSTRUMENT_B,
    CONTINUO_SYNTH_MORPH,  ///< 0 (A) … 1 (B), in the embedding
    // Playing (the instrument alone)
    CONTINUO_SYNTH_VOICE_COUNT,     ///< 1 … 32
    CONTINUO_SYNTH_MODE,            ///< 0 poly, 1 mono (each note starts anew), 2 legato
    CONTINUO_SYNTH_GLIDE,           ///< 0 … 2000 ms from note to note (mono, legato)
    CONTINUO_SYNTH_BEND_RANGE,      ///< 0 … 48 semitones
    CONTINUO_SYNTH_MPE,             ///< 0 off, 1 lower zone, 2 upper zone
    CONTINUO_SYNTH_MPE_BEND_RANGE,  ///< 0 … 96 semitones, of the member channels
    CONTINUO_SYNTH_CHANNEL,         ///< 0 all, 1 … 16 (without MPE)
    CONTINUO_SYNTH_TRANSPOSE,       ///< −36 … 36 semitones; also the transfer's
    CONTINUO_SYNTH_A4,              ///< 400 … 480 Hz; also the transfer's
    // Articulation (the instrument alone): the curves that the network hears
    CONTINUO_SYNTH_ATTACK,          ///< 0.1 … 10: the attack's length against the sampled instrument's
    CONTINUO_SYNTH_RELEASE,         ///< 0.1 … 10: the release's length, likewise
    CONTINUO_SYNTH_BODY,            ///< −24 … 24 dB/s: a sounding note's swell or decay, beside its own
    CONTINUO_SYNTH_DYNAMICS,        ///< 0 … 2: how far velocity moves the loudness, against the sampled instrument
    CONTINUO_SYNTH_LOUDNESS,        ///< −24 … 24 dB: added to what the network hears (and so also to the sound)
    CONTINUO_SYNTH_VIBRATO_RATE,    ///< 0.1 … 12 Hz
    CONTINUO_SYNTH_VIBRATO_DEPTH,   ///< 0 … 200 cents, always there
    CONTINUO_SYNTH_VIBRATO_DELAY,   ///< 0 … 3000 ms until it has grown to its depth
    CONTINUO_SYNTH_WHEEL_VIBRATO,   ///< 0 … 200 cents more with the modulation wheel at its end
    CONTINUO_SYNTH_TREMOLO,         ///< 0 … 12 dB of loudness with the vibrato
    CONTINUO_SYNTH_DRIFT,           ///< 0 … 1: a player's small wandering of pitch and loudness
    CONTINUO_SYNTH_PRESSURE,        ///< −24 … 24 dB of loudness at full pressure (channel or poly)
    CONTINUO_SYNTH_BREATH,          ///< 0 … 1: how far CC 2 takes the place of velocity's loudness
    // Sound
    CONTINUO_SYNTH_TILT,          ///< −12 … 12 dB/octave above the fundamental
    CONTINUO_SYNTH_ODD_EVEN,      ///< −1 (odd harmonics alone) … 1 (even alone)
    CONTINUO_SYNTH_STRETCH,       ///< 0 … 1: inharmonicity, f_k = k·f0·√(1 + B·k²), B = 0.002·stretch²
    CONTINUO_SYNTH_FORMANT,       ///< −12 … 12 semitones: the harmonics' envelope moved along frequency
    CONTINUO_SYNTH_NOISE,         ///< −60 (none) … 24 dB
    CONTINUO_SYNTH_NOISE_COLOUR,  ///< −12 … 12 dB/octave around 1 kHz
    CONTINUO_SYNTH_ATTACK_NOISE,  ///< 0 … 24 dB of noise in a note's first 60 ms
    CONTINUO_SYNTH_BRIGHTNESS,    ///< −1 … 1: tilt that follows loudness (±6 dB/octave over 40 dB)
    CONTINUO_SYNTH_UNISON,        ///< 1 … 4 copies
    CONTINUO_SYNTH_DETUNE,        ///< 0 … 50 cents between the outermost
    CONTINUO_SYNTH_SPREAD,        ///< 0 … 1: stereo width of copies and voices
    CONTINUO_SYNTH_ROOM,          ///< 0 … 1: mix
    CONTINUO_SYNTH_ROOM_SIZE,     ///< 0 … 1
    CONTINUO_SYNTH_ROOM_DECAY,    ///< 0.2 … 10 s until −60 dB
    CONTINUO_SYNTH_ROOM_DAMPING,  ///< 0 … 1
    CONTINUO_SYNTH_GAIN,          ///< −60 … 24 dB
    // Following (the transfer alone)
    CONTINUO_SYNTH_CONFIDENCE,      ///< 0 … 1: below, the sound counts as unpitched
    CONTINUO_SYNTH_GATE,            ///< −90 … 0 dB: below, nothing plays
    CONTINUO_SYNTH_LOUDNESS_MATCH,  ///< 0 or 1: the input's loudness is moved into the instrument's range
    CONTINUO_SYNTH_FOLLOW,          ///< 0 … 2: how far loudness follows the input's movements
    CONTINUO_SYNTH_PITCH_SNAP,      ///< 0 … 1: pull towards the nearest semitone
    CONTINUO_SYNTH_SMOOTHING,       ///< 0 … 200 ms, of pitch
    CONTINUO_SYNTH_WET,             ///< 0 (the input, delayed as the sound is) … 1
    CONTINUO_SYNTH_CONTROLS
} continuo_synth_control;

/// What the synthesizer is doing about its model.
typedef enum {
    CONTINUO_SYNTH_READY = 0,
    CONTINUO_SYNTH_LOADING = 1,
    CONTINUO_SYNTH_SUBSTITUTE = 2,  ///< the wanted model failed; the default one is in use
    CONTINUO_SYNTH_NO_MODEL = 3,    ///< none could be loaded: silence (the transfer passes its input)
} continuo_synth_status;

/// A MIDI message of up to three bytes at a frame of the block.
typedef struct {
    uint32_t frame;
    uint8_t size;
    uint8_t bytes[3];
} continuo_synth_event;

/// One block. Buffers may be the same memory, in any combination.
typedef struct {
    uint32_t frames;
    const float* input;  ///< the transfer's; NULL: silence
    float* left;         ///< NULL: not wanted
    float* right;        ///< NULL: not wanted
    /// In order of frame; those out of order or past the block are taken at the nearest possible frame.
    const continuo_synth_event* events;
    uint32_t event_count;

    bool enabled;
    bool freewheeling;
    float controls[CONTINUO_SYNTH_CONTROLS];

    // Readings at the block's end.
    uint32_t latency;    ///< frames from an event (or the input) to its sound
    float late_frames;   ///< since activation
    float voices;        ///< sounding
    float pitch;         ///< MIDI note number with fraction of the newest voice, or of the input; 0: none
    float loudness;      ///< dB, of the same
    int32_t status;      ///< continuo_synth_status
    int32_t program;     ///< MIDI program last asked for, −1: none since the last block
    /// Changes whenever a model was loaded or failed to.
    uint32_t model_serial;
} continuo_synth_io;

/// The controls as a pointer, for callers without C's arrays. Real-time safe, as the attributes tell the Swift compiler.
__attribute__((swift_attr("@_noLocks"))) __attribute__((swift_attr("@_noAllocation")))
static inline const float* continuo_synth_controls(const continuo_synth_io* io) {
    return io->controls;
}

typedef struct continuo_synth continuo_synth;

/// Called with one line about a model, on a thread that may take its time (never the audio thread). `is_error` says that
/// something the user asked for did not work.
typedef void (*continuo_synth_report)(void* context, bool is_error, const char* line);

/// NULL if no inference thread can be started. The default model is being loaded when this returns.
///
/// - transfer: follows its input instead of MIDI
/// - bundle: folder of the plugin, whose `models/` holds the default model
/// - block: the host's usual block length, longest_block: the longest it may send
continuo_synth* continuo_synth_make(
    bool transfer, double sample_rate, uint32_t block, uint32_t longest_block, const char* bundle, continuo_synth_report report,
    void* context);
void continuo_synth_free(continuo_synth* synth);
/// Back to silence: voices, controllers and counters forgotten. Not while `process` runs.
void continuo_synth_activate(continuo_synth* synth);

/// Processes a block. On the audio thread: allocates nothing, locks nothing, waits only when freewheeling.
void continuo_synth_process(continuo_synth* synth, continuo_synth_io* io);

/// Sets the model file (an empty path: the default) and loads it on a thread of its own; of several requests the newest counts. On
/// the audio thread; false if the path is too long.
bool continuo_synth_request_file(continuo_synth* synth, const char* path, uint32_t length);
/// Sets the model file and loads it before returning. Not on the audio thread, but also while `process` runs.
void continuo_synth_set_file(continuo_synth* synth, const char* path);
/// Copies the model file's path (empty: the default) with NUL into `path` of CONTINUO_SYNTH_PATH_CAPACITY bytes; returns its
/// length. Not on the audio thread.
uint32_t continuo_synth_model_file(continuo_synth* synth, char* path);
/// The same, on the audio thread.
uint32_t continuo_synth_model_file_audio(continuo_synth* synth, char* path);

#endif
