#include <lv2/core/lv2.h>
#include <stddef.h>
#include "CPitchTracker.h"
struct x { int a; };
LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) { if (index==77) { continuo_pitch_process(NULL, NULL); continuo_pitch_free(continuo_pitch_make(0,0,0,0,0,0)); } return NULL; }
