/// Sound files by libsndfile, for the plugin's set-up threads; never the audio thread.
#ifndef CONTINUO_SOUND_FILES_H
#define CONTINUO_SOUND_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Longest message about a file in bytes, with its NUL.
#define SOUND_FILE_MESSAGE 256

/// Mono sound with what a recording's chunk says (NULL: it has none). Memory from malloc, freed by `sound_free`.
typedef struct {
    float* samples;
    uint32_t count;
    uint32_t sample_rate;
    void* details;
    uint32_t details_size;
} Sound;

/// Reads up to `seconds` of a file of any format that libsndfile knows, its channels mixed to one. False, with the cause in `message`.
bool sound_read(const char* path, uint32_t seconds, Sound* sound, char* message);
/// Writes a WAV file of 32-bit floats, and the details as a chunk of it. The same sound gives the same bytes.
bool sound_write(const char* path, const float* samples, uint32_t count, uint32_t sample_rate, const void* details,
                 uint32_t details_size, char* message);
void sound_free(Sound* sound);

#endif
