/// pad IN OUT FRAMES: the sound file IN with FRAMES of silence before it, as a WAV of floats. FRAMES may be `mark`: no silence, but
/// a first sample 80 dB down, by which the beginning can be found.
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char** arguments) {
    SF_INFO info = {0};
    SNDFILE* in = count == 4 ? sf_open(arguments[1], SFM_READ, &info) : NULL;
    if (!in) return 1;
    const long frames = strtol(arguments[3], NULL, 10);
    float* samples = calloc((size_t)(info.frames + frames) * (size_t)info.channels, sizeof(float));
    if (sf_readf_float(in, samples + frames * info.channels, info.frames) != info.frames) return 1;
    if (!strcmp(arguments[3], "mark")) samples[0] = 1e-4f;
    SF_INFO made = {.samplerate = info.samplerate, .channels = info.channels, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE* out = sf_open(arguments[2], SFM_WRITE, &made);
    if (!out || sf_writef_float(out, samples, info.frames + frames) != info.frames + frames) return 1;
    return sf_close(out);
}
