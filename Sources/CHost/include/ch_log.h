/// LV2's log extension: lines to standard error, named after the plugin; from the process thread by way of its event ring.
#ifndef CH_LOG_H
#define CH_LOG_H

#include <lv2/log/log.h>
#include <stdarg.h>

#include "ch_atoms.h"
#include "ch_ring.h"

enum { ch_log_line_capacity = 512 };

typedef struct {
    char name[64];           ///< the plugin's name
    const ch_urids* urids;
    ch_ring* events;         ///< where the process thread's lines go (type `ch_log_message`)
    int32_t trace;           ///< whether log:Trace lines are shown
} ch_log;

enum { ch_log_message = 0x4C4F47 };

/// Marks the calling thread as the process thread, whose log lines may not touch a file.
void ch_log_enter_process(void);
void ch_log_leave_process(void);

int ch_log_printf(LV2_Log_Handle handle, LV2_URID type, const char* format, ...);
int ch_log_vprintf(LV2_Log_Handle handle, LV2_URID type, const char* format, va_list arguments);

static inline LV2_Log_Log ch_log_feature(ch_log* log) { return (LV2_Log_Log){log, ch_log_printf, ch_log_vprintf}; }

#endif
