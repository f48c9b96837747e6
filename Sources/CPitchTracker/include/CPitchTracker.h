/// The C interface of the pitch tracker's engine: what its plugin's shim (or any C program) calls. The functions are Swift's
/// (Sources/PitchTracker/CInterface.swift).
#ifndef CPITCHTRACKER_H
#define CPITCHTRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Longest model path in bytes, with its NUL.
#define CONTINUO_PATH_CAPACITY 4096
/// Longest status line in bytes, with its NUL.
#define CONTINUO_TEXT_CAPACITY 1024

/// Which model is wanted.
typedef enum {
    CONTINUO_PITCH_MODEL_AUTOMATIC = 0,  ///< the model file if one is set, else the best that is installed and light
    CONTINUO_PITCH_MODEL_CREPE_TINY = 1,
    CONTINUO_PITCH_MODEL_CREPE_FULL = 2,
    CONTINUO_PITCH_MODEL_STANDARD = 3,
    CONTINUO_PITCH_MODEL_QUICK = 4,
    CONTINUO_PITCH_MODEL_POLYPHONIC = 5,  ///< several notes at once
} continuo_pitch_model;

/// What the tracker is doing about its model.
typedef enum {
    CONTINUO_PITCH_READY = 0,
    CONTINUO_PITCH_LOADING = 1,
    CONTINUO_PITCH_SUBSTITUTE = 2,  ///< the wanted model failed; another is in use
    CONTINUO_PITCH_NO_MODEL = 3,    ///< none could be loaded: sound passes through, nothing is tracked
} continuo_pitch_status;

/// A MIDI message of up to three bytes at a frame of the block.
typedef struct {
    uint32_t frame;
    uint8_t size;
    uint8_t bytes[3];
} continuo_midi_event;

/// One block: sound in and out, settings in, readings and MIDI out. Buffers may be the same memory, in any combination.
typedef struct {
    uint32_t frames;
    const float* input;
    float* output;    ///< the input, undelayed; NULL: not wanted
    float* cv_pitch;  ///< 1 V/octave, 0 V = C4; NULL: not wanted
    float* cv_gate;   ///< 10 V while a note sounds, else 0
    float* cv_level;  ///< 0 … 10 V for −60 … 0 dBFS

    // Settings; values out of range or not finite are clamped.
    bool enabled;
    bool freewheeling;
    int32_t model;         ///< continuo_pitch_model
    float hop;             ///< ms: 2.5, 5, 10 or 20
    float confidence;      ///< 0 … 1
    float hysteresis;      ///< 0 … 1
    float gate;            ///< dBFS
    float lowest;          ///< Hz
    float highest;         ///< Hz
    float a4;              ///< Hz
    float minimum_note;    ///< ms
    float bend_range;      ///< semitones
    int32_t midi_channel;  ///< 1 … 16

    // Readings at the block's end.
    float frequency;       ///< Hz, 0: unvoiced; the lowest note's where several sound
    float note;            ///< MIDI note number with fraction; holds the last
    float confidence_now;  ///< 0 … 1
    float level;           ///< dBFS
    float tracking_delay;  ///< ms from a sound to its estimate's effect
    float late_frames;     ///< since activation
    int32_t status;        ///< continuo_pitch_status
    /// Changes whenever a model was loaded or failed to: time to tell `continuo_pitch_model_file` and `continuo_pitch_message` to
    /// the host.
    uint32_t model_serial;

    const continuo_midi_event* events;
    uint32_t event_count;
} continuo_pitch_io;

typedef struct continuo_pitch continuo_pitch;

/// Called with one line about a model, on a thread that may take its time (never the audio thread). `is_error` says that
/// something the user asked for did not work.
typedef void (*continuo_report)(void* context, bool is_error, const char* line);

/// A tracker with the default model loaded if one is installed. NULL if no inference thread can be started.
///
/// - bundle: folder of the plugin, whose `models/` is searched after the user's; may be NULL
/// - block: the host's usual block length, longest_block: the longest it may send
continuo_pitch* continuo_pitch_make(
    double sample_rate, uint32_t block, uint32_t longest_block, const char* bundle, continuo_report report, void* context);
void continuo_pitch_free(continuo_pitch* tracker);
/// Back to the start: history, notes and counters forgotten. Not while `process` runs.
void continuo_pitch_activate(continuo_pitch* tracker);

/// Processes a block. On the audio thread: allocates nothing, locks nothing, waits only when freewheeling.
void continuo_pitch_process(continuo_pitch* tracker, continuo_pitch_io* io);

/// Sets the model file (an empty path: none) and loads it on a thread of its own; of several requests the newest counts. On the
/// audio thread; false if the path is too long.
bool continuo_pitch_request_file(continuo_pitch* tracker, const char* path, uint32_t length);
/// Sets the model file and loads it before returning. Not on the audio thread, but also while `process` runs.
void continuo_pitch_set_file(continuo_pitch* tracker, const char* path);
/// Copies the model file's path (empty: none) with NUL into `path` of CONTINUO_PATH_CAPACITY bytes; returns its length. Not on the
/// audio thread.
uint32_t continuo_pitch_model_file(continuo_pitch* tracker, char* path);
/// The same, on the audio thread.
uint32_t continuo_pitch_model_file_audio(continuo_pitch* tracker, char* path);

#endif
