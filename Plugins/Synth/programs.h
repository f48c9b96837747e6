/// MIDI programs. LV2 has no way for a plugin to change its host's controls, so a program change lays a preset's values over the
/// control ports: each counts until its port is moved, or another program or a saved state comes.
///
/// The presets come from the bundle's file `programs`, which bundle.sh writes from those that name a program. A line: the program's
/// number from 0, then symbol and value of each control.
#ifndef CONTINUO_SYNTH_PROGRAMS_H
#define CONTINUO_SYNTH_PROGRAMS_H

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CDDSPSynth.h"
#include "synth_ports.h"

#define PROGRAM_COUNT 128

typedef struct {
    bool is_set;
    float values[CONTINUO_SYNTH_CONTROLS];  ///< NaN: the program says nothing about it
} Program;

/// The control of a port symbol; −1: none of that name.
static int control_named(const char* symbol, size_t length) {
#define LINK(port, name) {#port, CONTINUO_SYNTH_##name},
    static const struct { const char* symbol; int control; } links[] = {SYNTH_CONTROLS(LINK)};
#undef LINK
    for (size_t i = 0; i < sizeof links / sizeof *links; ++i)
        if (strlen(links[i].symbol) == length && !memcmp(links[i].symbol, symbol, length)) return links[i].control;
    return -1;
}

/// A line's next word, or NULL; `line` moves behind it.
static const char* next_word(const char** line, size_t* length) {
    const char* word = *line + strspn(*line, " \t\r\n");
    *length = strcspn(word, " \t\r\n");
    *line = word + *length;
    return *length ? word : NULL;
}

/// Reads the bundle's programs into `programs` of PROGRAM_COUNT. Without the file there are none, and what makes no sense in it is
/// passed over.
static void read_programs(const char* bundle, Program* programs) {
    char path[4096 + 16], line[4096];
    if (!bundle || snprintf(path, sizeof path, "%s/programs", bundle) >= (int)sizeof path) return;
    FILE* file = fopen(path, "re");
    if (!file) return;
    // A host may have set a locale in which 0.5 is written 0,5.
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    while (plain && fgets(line, sizeof line, file)) {
        const char* rest = line;
        size_t length;
        const char* word = next_word(&rest, &length);
        const long number = word ? strtol(word, NULL, 10) : -1;
        if (number < 0 || number >= PROGRAM_COUNT) continue;
        Program* program = &programs[number];
        program->is_set = true;
        for (int i = 0; i < CONTINUO_SYNTH_CONTROLS; ++i) program->values[i] = NAN;
        while ((word = next_word(&rest, &length))) {
            const int control = control_named(word, length);
            if (!(word = next_word(&rest, &length))) break;
            if (control >= 0) program->values[control] = strtof_l(word, NULL, plain);
        }
    }
    if (plain) freelocale(plain);
    fclose(file);
}

#endif
