#include "sound_files.h"

#include <dlfcn.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/// The chunk of a WAV file that holds a recording's details.
#define DETAILS_CHUNK "cbas"
/// Largest details that are read: bytes.
#define MOST_DETAILS (16u << 20)

/// libsndfile, opened when there is a file to read or write and closed after it: it comes with half a dozen codecs that a plugin which
/// is only being looked at has no use for.
typedef struct {
    void* handle;
#define FUNCTIONS(FUNCTION)                                                                                                 \
    FUNCTION(sf_open) FUNCTION(sf_close) FUNCTION(sf_error) FUNCTION(sf_error_number) FUNCTION(sf_strerror) FUNCTION(sf_readf_float)          \
    FUNCTION(sf_writef_float) FUNCTION(sf_command) FUNCTION(sf_set_chunk) FUNCTION(sf_get_chunk_iterator)                    \
    FUNCTION(sf_get_chunk_size) FUNCTION(sf_get_chunk_data)
#define DECLARE(name) __typeof__(&name) name;
    FUNCTIONS(DECLARE)
#undef DECLARE
} Library;

static bool library_open(Library* library, char* message) {
    library->handle = dlopen("libsndfile.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library->handle) {
        snprintf(message, SOUND_FILE_MESSAGE, "libsndfile.so.1, which reads and writes sound files, is not installed");
        return false;
    }
    bool has_all = true;
#define FIND(name) has_all &= (library->name = (__typeof__(&name))dlsym(library->handle, #name)) != NULL;
    FUNCTIONS(FIND)
#undef FIND
    if (has_all) return true;
    dlclose(library->handle);
    snprintf(message, SOUND_FILE_MESSAGE, "libsndfile.so.1 is older than 1.0.26");
    return false;
}

static void library_close(Library* library) { dlclose(library->handle); }

void sound_free(Sound* sound) {
    free(sound->samples);
    free(sound->details);
    *sound = (Sound){0};
}

static void read_details(const Library* library, SNDFILE* file, Sound* sound) {
    SF_CHUNK_INFO chunk = {.id = DETAILS_CHUNK, .id_size = 4};
    SF_CHUNK_ITERATOR* iterator = library->sf_get_chunk_iterator(file, &chunk);
    if (!iterator || library->sf_get_chunk_size(iterator, &chunk) != SF_ERR_NO_ERROR) return;
    if (chunk.datalen == 0 || chunk.datalen > MOST_DETAILS || !(chunk.data = calloc(1, chunk.datalen))) return;
    if (library->sf_get_chunk_data(iterator, &chunk) == SF_ERR_NO_ERROR) {
        sound->details = chunk.data;
        sound->details_size = chunk.datalen;
    } else {
        free(chunk.data);
    }
}

/// Reads frames, mixed to one channel, into memory that grows with what is really there: a header may promise anything.
static bool read_samples(const Library* library, SNDFILE* file, const SF_INFO* info, uint32_t seconds, Sound* sound, char* message) {
    enum { PIECE = 4096 };
    const uint64_t most = (uint64_t)seconds * (uint64_t)info->samplerate;
    float* piece = malloc(sizeof(float) * PIECE * (size_t)info->channels);
    size_t capacity = 0;
    bool has_memory = piece != NULL;
    while (has_memory && sound->count < most) {
        const uint64_t wanted = most - sound->count < PIECE ? most - sound->count : PIECE;
        const sf_count_t count = library->sf_readf_float(file, piece, (sf_count_t)wanted);
        if (count <= 0) break;
        if (sound->count + (size_t)count > capacity) {
            capacity = capacity ? 2 * capacity : 1u << 16;
            float* grown = realloc(sound->samples, capacity * sizeof(float));
            has_memory = grown != NULL;
            if (!grown) break;
            sound->samples = grown;
        }
        for (sf_count_t n = 0; n < count; ++n) {
            float sum = 0;
            for (int channel = 0; channel < info->channels; ++channel) sum += piece[n * info->channels + channel];
            sound->samples[sound->count++] = sum / (float)info->channels;
        }
    }
    free(piece);
    if (!has_memory)
        snprintf(message, SOUND_FILE_MESSAGE, "there is not enough memory");
    else if (sound->count == 0)
        snprintf(message, SOUND_FILE_MESSAGE, "it holds no sound%s%s", library->sf_error(file) ? ": " : "",
                 library->sf_error(file) ? library->sf_strerror(file) : "");
    return has_memory && sound->count > 0;
}

bool sound_read(const char* path, uint32_t seconds, Sound* sound, char* message) {
    *sound = (Sound){0};
    struct stat status;
    // A pipe or a device may be waited for without end.
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        snprintf(message, SOUND_FILE_MESSAGE, "that is no file, but a %s", S_ISDIR(status.st_mode) ? "folder" : "device or a pipe");
        return false;
    }
    Library library;
    if (!library_open(&library, message)) return false;
    SF_INFO info = {0};
    SNDFILE* file = library.sf_open(path, SFM_READ, &info);
    bool is_read = false;
    if (!file) {
        snprintf(message, SOUND_FILE_MESSAGE, "%s", library.sf_strerror(NULL));
    } else if (info.samplerate < 1000 || info.samplerate > 768000 || info.channels < 1 || info.channels > 1024) {
        snprintf(message, SOUND_FILE_MESSAGE, "%d Hz and %d channels are none to work with", info.samplerate, info.channels);
    } else {
        sound->sample_rate = (uint32_t)info.samplerate;
        read_details(&library, file, sound);
        is_read = read_samples(&library, file, &info, seconds, sound, message);
    }
    if (file) library.sf_close(file);
    library_close(&library);
    if (!is_read) sound_free(sound);
    return is_read;
}

bool sound_write(const char* path, const float* samples, uint32_t count, uint32_t sample_rate, const void* details,
                 uint32_t details_size, char* message) {
    Library library;
    if (!library_open(&library, message)) return false;
    SF_INFO info = {.samplerate = (int)sample_rate, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE* file = library.sf_open(path, SFM_WRITE, &info);
    bool is_written = file != NULL;
    if (file) {
        // It would hold the time of writing.
        library.sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
        const SF_CHUNK_INFO chunk = {.id = DETAILS_CHUNK, .id_size = 4, .datalen = details_size, .data = (void*)details};
        is_written = library.sf_set_chunk(file, &chunk) == SF_ERR_NO_ERROR &&
                     library.sf_writef_float(file, samples, count) == (sf_count_t)count;
        if (!is_written) snprintf(message, SOUND_FILE_MESSAGE, "%s", library.sf_strerror(file));
        const int closed = library.sf_close(file);
        if (is_written && closed) {
            snprintf(message, SOUND_FILE_MESSAGE, "%s", library.sf_error_number(closed));
            is_written = false;
        }
    } else {
        snprintf(message, SOUND_FILE_MESSAGE, "%s", library.sf_strerror(NULL));
    }
    library_close(&library);
    return is_written;
}
