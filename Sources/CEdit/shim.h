/// Line editing: NetBSD's libedit (3-clause BSD), by the interface that it shares with readline.
#ifndef CEDIT_H
#define CEDIT_H

#include <stdio.h>
#include <editline/readline.h>

// Swift does not touch C's global variables.
static inline void ce_set_completion(char** (*complete)(const char* text, int start, int end)) {
    rl_attempted_completion_function = complete;
}
/// No file names after ours.
static inline void ce_end_completion(void) { rl_attempted_completion_over = 1; }
static inline const char* ce_line(void) { return rl_line_buffer; }

#endif
