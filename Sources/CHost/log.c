#include "ch_log.h"

#include <stdio.h>

static _Thread_local bool on_process_thread;

void ch_log_enter_process(void) { on_process_thread = true; }
void ch_log_leave_process(void) { on_process_thread = false; }

int ch_log_vprintf(LV2_Log_Handle handle, LV2_URID type, const char* format, va_list arguments) {
    const ch_log* log = handle;
    const ch_urids* urids = log->urids;
    if (type == urids->log_trace && !log->trace) return 0;
    const char* kind = type == urids->log_error ? " error" : type == urids->log_warning ? " warning" : "";

    char line[ch_log_line_capacity];
    int used = snprintf(line, sizeof(line), "%s%s: ", log->name, kind);
    int text = vsnprintf(line + used, sizeof(line) - (size_t)used, format, arguments);
    if (text < 0) return text;
    size_t length = strlen(line);
    while (length > 0 && line[length - 1] == '\n') line[--length] = 0;

    if (on_process_thread) {
        if (log->events) ch_ring_write(log->events, ch_log_message, line, (uint32_t)length + 1);
    } else {
        fprintf(stderr, "%s\n", line);
    }
    return text;
}

int ch_log_printf(LV2_Log_Handle handle, LV2_URID type, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int written = ch_log_vprintf(handle, type, format, arguments);
    va_end(arguments);
    return written;
}
