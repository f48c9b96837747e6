/// The C interface of the bass player's engine: what its plugin's shim (or any C program) calls. The functions are Swift's
/// (Sources/BassGenerator/Plugin/CInterface.swift).
#ifndef CBASSGENERATOR_H
#define CBASSGENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The controls. Values out of range are clamped, and one that is no number stands for the default
/// (BassGenerator/Plugin/BassControlRange.swift). Those of a take are read when it is asked for; later changes count from the next.
typedef enum {
    CONTINUO_BASS_MODE,           ///< continuo_bass_mode
    CONTINUO_BASS_BARS,           ///< 1 … 32: of a capture, and so of a take
    CONTINUO_BASS_CAPTURE,        ///< loop: rising above 0.5 captures the next bars
    CONTINUO_BASS_GENERATE,       ///< rising above 0.5 makes another take of what was captured last
    CONTINUO_BASS_SEED,           ///< 0 … 65535; each take after the first adds 1 to it
    CONTINUO_BASS_STEPS,          ///< 1 … 32, from noise to a line
    CONTINUO_BASS_GUIDANCE,       ///< 0 … 16: how closely to follow the mix
    CONTINUO_BASS_STYLE_STRENGTH, ///< 0 … 1: how far a take's sound is drawn to the one that is set
    CONTINUO_BASS_STYLE_CAPTURE,  ///< above 0.5: a bass alone comes in; falling, or after 60 s, its sound is the one to play with
    CONTINUO_BASS_TAKE,           ///< 0: the newest take plays, 1 … 8: the one in that slot, from the next bar line on
    CONTINUO_BASS_VARIATION,      ///< 0 … 1: how far to go from the last line where it is as long; 1: it does not count
    CONTINUO_BASS_LEVEL,          ///< −60 (silence) … 24 dB, of the bass
    CONTINUO_BASS_THROUGH_LEVEL,  ///< −60 (silence) … 24 dB, of the mix that passes through
    CONTINUO_BASS_CONTROLS
} continuo_bass_control;

typedef enum {
    CONTINUO_BASS_LOOP = 0,    ///< captures when told to, and plays one take in place until told otherwise
    CONTINUO_BASS_FOLLOW = 1,  ///< makes a take of the last bars again and again
    CONTINUO_BASS_HOLD = 2,    ///< plays what is there
} continuo_bass_mode;

/// What the player is doing, as far as taking in music goes.
typedef enum {
    CONTINUO_BASS_IDLE = 0,
    CONTINUO_BASS_ARMED = 1,       ///< captures from the next bar line on
    CONTINUO_BASS_LISTENING = 2,   ///< captures
    CONTINUO_BASS_GENERATING = 3,  ///< a take is being made
    CONTINUO_BASS_READY = 4,       ///< a take is ready, and sounds from the next bar line on
    CONTINUO_BASS_LOADING = 5,     ///< the models are being loaded
    CONTINUO_BASS_NO_MODEL = 6,    ///< none could be loaded: only the mix sounds
} continuo_bass_state;

/// Where the host's transport is at a frame of the block. All members count.
typedef struct {
    uint32_t frame;
    float speed;  ///< 0: stopped
    int64_t bar;
    float bar_beat;          ///< 0 … beats_per_bar
    float beats_per_bar;     ///< 1 … 64
    int32_t beat_unit;       ///< 1, 2, 4, 8 …: the note that is a beat
    float beats_per_minute;  ///< 10 … 1000
} continuo_bass_position;

/// A MIDI message at a frame of the block.
typedef struct {
    uint32_t frame;
    uint8_t bytes[3];
} continuo_bass_event;

/// One block. Buffers may be the same memory, in any combination.
typedef struct {
    uint32_t frames;
    const float* left;  ///< the mix; NULL: silence
    const float* right;
    float* through_left;  ///< NULL: not wanted
    float* through_right;
    float* bass_left;
    float* bass_right;
    /// In order of frame. Without any since it was made, the player goes by bars of 2 s of its own.
    const continuo_bass_position* positions;
    uint32_t position_count;
    /// Room for the line as MIDI (channel 1); what does not fit is left out, but a note's end comes later then.
    continuo_bass_event* events;
    uint32_t event_capacity;

    bool enabled;
    bool freewheeling;
    float controls[CONTINUO_BASS_CONTROLS];

    // Readings at the block's end.
    uint32_t event_count;
    int32_t state;           ///< continuo_bass_state
    float progress;          ///< 0 … 1 of the take that is being made
    uint32_t takes;          ///< that can be chosen: 0 … 8
    uint32_t newest;         ///< slot of the take that was made last; 0: there is none
    uint32_t playing;        ///< slot of the take that sounds; 0: none does, or one that has given its slot to another
    float seconds_per_take;  ///< what the last one took; 0: none yet
    uint32_t late;           ///< bar lines from which a take should have sounded, but was not ready
    bool is_playing;         ///< a take sounds
    uint32_t style_serial;   ///< rises when another sound to play with is set
} continuo_bass_io;

/// The controls as a pointer, for callers without C's arrays. Real-time safe, as the attributes tell the Swift compiler.
__attribute__((swift_attr("@_noLocks"))) __attribute__((swift_attr("@_noAllocation")))
static inline const float* continuo_bass_controls(const continuo_bass_io* io) {
    return io->controls;
}

typedef struct continuo_bass continuo_bass;

/// Called with one line about a model or a take, on a thread that may take its time (never the audio thread). `is_error` says that
/// something did not work.
typedef void (*continuo_bass_report)(void* context, bool is_error, const char* line);

/// Sound of a file: mono.
typedef struct {
    float* samples;  ///< from malloc; the engine frees it
    uint32_t count;
    uint32_t sample_rate;  ///< Hz
} continuo_bass_sound;

/// Reads a sound file's first `seconds`, its channels mixed to one. False, with a line for the user, if that cannot be done. Called as
/// `continuo_bass_report` is.
typedef bool (*continuo_bass_read)(void* context, const char* path, uint32_t seconds, continuo_bass_sound* sound);

/// NULL if no thread can be started, or at rates beyond 8,000 … 768,000 Hz. The models are being loaded when this returns.
///
/// - bundle: folder of the plugin, whose `models/` holds the models
/// - read: NULL: no files are read
/// - context: for `report` and `read`
continuo_bass* continuo_bass_make(double sample_rate, const char* bundle, continuo_bass_report report, continuo_bass_read read,
                                  void* context);
void continuo_bass_free(continuo_bass* bass);
/// The clock, the levels and the sound start anew; the takes stay. Not while `process` runs.
void continuo_bass_activate(continuo_bass* bass);

/// Processes a block; the mix passes without delay. On the audio thread: allocates nothing, locks nothing, waits only when
/// freewheeling.
///
/// A take sounds from the bar line on that comes a whole bar or more after it was asked for, in its place; where it is not ready by
/// then, from the first one on at which it is (`late` counts). When freewheeling it is waited for. It repeats until another takes
/// its place.
void continuo_bass_process(continuo_bass* bass, continuo_bass_io* io);

// The sound to play with: of a file, or learned from what came in (CONTINUO_BASS_STYLE_CAPTURE); the later of the two counts.

/// Longest path in bytes, with its NUL.
#define CONTINUO_BASS_PATH_CAPACITY 4096

/// Asks for the sound of another file (`length` 0: for none); it is loaded beside the audio thread. Takes that are begun after that have
/// it. False if the path is too long. On the audio thread.
bool continuo_bass_request_style(continuo_bass* bass, const char* path, uint32_t length);
/// The file's path (empty: there is none) into CONTINUO_BASS_PATH_CAPACITY bytes, with NUL; its length. On the audio thread.
uint32_t continuo_bass_style_audio(continuo_bass* bass, char* path);
/// The same beside the audio thread, at any time; the file is read when `set` returns.
void continuo_bass_set_style(continuo_bass* bass, const char* path);
uint32_t continuo_bass_style(continuo_bass* bass, char* path);

// What a session keeps: the bars that were captured last, a sound that was learned, the takes.

/// Recording 0: the bars; 1: the sound that was learned; 2 … 9: the takes in slots 1 … 8.
#define CONTINUO_BASS_RECORDINGS 10

/// Mono sound, and what else must be known of it, in bytes that are to be kept as they are.
typedef struct {
    const float* samples;  ///< NULL: there is none
    uint32_t count;
    uint32_t sample_rate;  ///< Hz
    const void* details;
    uint32_t details_size;  ///< bytes
} continuo_bass_recording;

typedef struct continuo_bass_kept continuo_bass_kept;

/// Holds what there is at this moment, for saving: at any time, beside the audio thread, which goes on.
continuo_bass_kept* continuo_bass_keep(continuo_bass* bass);
/// Lives until `let_go`.
continuo_bass_recording continuo_bass_kept_recording(continuo_bass_kept* kept, int32_t index);
void continuo_bass_let_go(continuo_bass_kept* kept);
/// Puts CONTINUO_BASS_RECORDINGS recordings, which may come from anywhere, in place of all there is; they are copied, and sound from the
/// next bar line on. At any time, beside the audio thread. A bit is set in the answer for each that is refused.
uint32_t continuo_bass_restore(continuo_bass* bass, const continuo_bass_recording* recordings);

#endif
