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

/// Puts the folder or file `a` in the place of `b` and the other way round, in one step; 0, or what is wrong (`errno`): EINVAL where the file
/// system cannot do it.
int32_t ch_exchange_paths(const char* a, const char* b);
/// Lets a process write as many bytes as it may, and learn from `write` that it may not write more.
void ch_ignore_file_limit(void);
/// Starts a program with these NULL-terminated arguments, without input, output or errors; its process number, or −1.
int32_t ch_start(const char* program, char* const* arguments);
/// Waits for it, at most `nanoseconds`; then it is killed. Its wait status, or −1 if it was killed here.
int32_t ch_finish(int32_t process, uint64_t nanoseconds);
/// This process leaves no core file when it crashes.
void ch_leave_no_core(void);

#endif
