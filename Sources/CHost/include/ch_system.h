/// What the system allows, where Swift's own view of the C library ends.
#ifndef CH_SYSTEM_H
#define CH_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/// The highest real-time priority that this process may have; 0: none.
int32_t ch_priority_limit(void);
/// Bytes of memory that it may lock; −1: any number.
int64_t ch_locked_memory_limit(void);
/// The file of the library that speaks to JACK, with NUL, into `size` bytes; empty: unknown.
void ch_jack_library(char* path, size_t size);
/// From now on memory that is freed goes back to the system, also of plugins: for programs that run for hours and load and unload. To be
/// called before there are other threads.
void ch_memory_give_back(void);
/// Gives back what has been freed in the midst of what has not. Takes a millisecond or so; the process thread is not concerned.
void ch_memory_trim(void);

#endif
