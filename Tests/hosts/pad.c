/// pad IN OUT FRAMES: the sound file IN with FRAMES of silence before it, as a WAV of floats.
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char** arguments) {
    SF_INFO info = {0};
    SNDFILE* in = count == 4 ? sf_open(arguments[1], SFM_READ, &info) : NULL;
    if (!in) return 1;
    const long frames = strtol(arguments[3], NULL, 10);
    float* samples = calloc((size_t)(info.frames + frames) * (size_t)info.channels, sizeof(float));
    if (sf_readf_float(in, samples + frames * info.channels, info.frames) != info.frames) return 1;
    SF_INFO made = {.samplerate = info.samplerate, .channels = info.channels, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE* out = sf_open(arguments[2], SFM_WRITE, &made);
    if (!out || sf_writef_float(out, samples, info.frames + frames) != info.frames + frames) return 1;
    return sf_close(out);
}
