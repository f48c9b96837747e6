/// A test's LV2 plugin: while the host renders offline it plays the mono sound file that PLAYER_FILE names, from three seconds
/// after that began (before the rendered range there is a run-up); otherwise it is silent.
#include <lv2/core/lv2.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const void* ports[3];  // freewheeling, audio in (ignored), audio out
    float* sound;
    sf_count_t length, position;  // the position counts from minus three seconds
} Player;

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate, const char* path,
                              const LV2_Feature* const* features) {
    (void)descriptor, (void)path, (void)features;
    Player* self = calloc(1, sizeof *self);
    self->position = (sf_count_t)(-3 * rate);
    SF_INFO info = {0};
    const char* name = getenv("PLAYER_FILE");
    SNDFILE* file = name ? sf_open(name, SFM_READ, &info) : NULL;
    if (!file) return self;
    self->sound = calloc((size_t)info.frames, sizeof(float));
    self->length = info.channels == 1 ? sf_read_float(file, self->sound, info.frames) : 0;
    sf_close(file);
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void* data) {
    if (port < 3) ((Player*)instance)->ports[port] = data;
}

static void run(LV2_Handle instance, uint32_t frames) {
    Player* self = instance;
    float* out = (float*)self->ports[2];
    const float* freewheeling = self->ports[0];
    for (uint32_t i = 0; i < frames; ++i) {
        out[i] = self->position >= 0 && self->position < self->length ? self->sound[self->position] : 0;
        if (*freewheeling > 0) ++self->position;
    }
}

static void cleanup(LV2_Handle instance) {
    free(((Player*)instance)->sound);
    free(instance);
}

static const LV2_Descriptor descriptor = {"urn:continuo:test:player", instantiate, connect_port, NULL, run, NULL, cleanup, NULL};
LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }
