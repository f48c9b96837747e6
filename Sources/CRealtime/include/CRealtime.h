/// What the engines need of libc, in a form that Embedded Swift can import and the compiler's real-time proof accepts.
///
/// Functions marked `CR_REALTIME` neither allocate nor lock nor block, and may be called from the audio thread:
/// the marks are what `@_noAllocation @_noLocks` in Swift relies on. All others are for set-up and inference threads.
#ifndef CREALTIME_H
#define CREALTIME_H

#include <math.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __clang__
#define CR_REALTIME \
    __attribute__((swift_attr("@_noLocks"))) __attribute__((swift_attr("@_noAllocation"))) static inline
#else
#define CR_REALTIME static inline
#endif

// MARK: Mathematics (Embedded Swift has no libm of its own)

CR_REALTIME float cr_sin(float x) { return sinf(x); }
CR_REALTIME float cr_cos(float x) { return cosf(x); }
CR_REALTIME float cr_exp(float x) { return expf(x); }
CR_REALTIME float cr_exp2(float x) { return exp2f(x); }
CR_REALTIME float cr_log(float x) { return logf(x); }
CR_REALTIME float cr_log2(float x) { return log2f(x); }
CR_REALTIME float cr_log10(float x) { return log10f(x); }
CR_REALTIME float cr_pow(float x, float y) { return powf(x, y); }
CR_REALTIME float cr_tanh(float x) { return tanhf(x); }
CR_REALTIME float cr_atan2(float y, float x) { return atan2f(y, x); }
CR_REALTIME float cr_sqrt(float x) { return sqrtf(x); }
CR_REALTIME float cr_floor(float x) { return floorf(x); }
CR_REALTIME float cr_round(float x) { return roundf(x); }
CR_REALTIME bool cr_is_finite(float x) { return isfinite(x); }
CR_REALTIME double cr_sin_f64(double x) { return sin(x); }
CR_REALTIME double cr_cos_f64(double x) { return cos(x); }
CR_REALTIME double cr_exp_f64(double x) { return exp(x); }
CR_REALTIME double cr_log_f64(double x) { return log(x); }
CR_REALTIME double cr_sqrt_f64(double x) { return sqrt(x); }
CR_REALTIME double cr_floor_f64(double x) { return floor(x); }
CR_REALTIME double cr_ceil_f64(double x) { return ceil(x); }

// MARK: Memory

/// `memmove`: source and destination may overlap (hosts hand a plugin one buffer for several ports).
CR_REALTIME void cr_move(void* destination, const void* source, size_t bytes) { memmove(destination, source, bytes); }
CR_REALTIME void cr_zero(void* destination, size_t bytes) { memset(destination, 0, bytes); }

/// Zeroed memory aligned to 64 bytes (a cache line and an AVX-512 vector), or NULL. Freed by `cr_free`.
void* cr_allocate(size_t bytes);
void cr_free(void* memory);

/// A file mapped read-only. `bytes` is NULL if `error` is not 0 (an errno value); an empty file maps to a valid
/// pointer and size 0.
typedef struct {
    const uint8_t* bytes;
    size_t size;
    int error;
} cr_mapping;
cr_mapping cr_map_file(const char* path);
void cr_unmap_file(cr_mapping mapping);
/// What an errno value means, in words; a static string.
const char* cr_error_text(int error);
/// Copies the environment variable's value, NUL-terminated, into `buffer`; false if unset or too long.
bool cr_environment(const char* name, char* buffer, size_t capacity);
bool cr_file_is_readable(const char* path);
/// What tells one state of one file from every other.
typedef struct {
    uint64_t device, inode, size;
    int64_t modified;  ///< ns
} cr_file_identity;
/// False if there is no such file.
bool cr_identify_file(const char* path, cr_file_identity* identity);
/// One line to standard error (for set-up threads that have no host log).
void cr_print_error(const char* text);

// MARK: Floating point

/// Flushes denormals to zero on the calling thread and returns the previous control word for `cr_restore_denormals`.
CR_REALTIME uint64_t cr_flush_denormals(void) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned int word = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(word | 0x8040u);  // FTZ | DAZ
    return word;
#elif defined(__aarch64__)
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    __asm__ volatile("msr fpcr, %0" : : "r"(word | (UINT64_C(1) << 24)));  // FZ
    return word;
#else
    return 0;
#endif
}

CR_REALTIME void cr_restore_denormals(uint64_t word) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_ldmxcsr((unsigned int)word);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
#else
    (void)word;
#endif
}

// MARK: Time

/// Monotonic time in nanoseconds. Reads the vDSO clock: no system call on Linux's usual clock sources.
CR_REALTIME uint64_t cr_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
void cr_sleep(uint64_t nanoseconds);

// MARK: Threads

/// The instruction set the kernels may use: 0 baseline, 2 AVX2 + FMA, 3 AVX-512 (F, BW, DQ, VL). The environment variable
/// CONTINUO_KERNELS=baseline|avx2|avx512 lowers it (tests, and machines whose wide vectors throttle).
int cr_vector_level(void);

/// Processors this process may run on (its affinity mask), at least 1.
int cr_processor_count(void);

typedef struct cr_thread cr_thread;
typedef void (*cr_thread_body)(void* context);

typedef enum {
    CR_SCHEDULE_NORMAL = 0,
    CR_SCHEDULE_NICE = 1,      ///< raised by a negative nice value
    CR_SCHEDULE_REALTIME = 2,  ///< SCHED_FIFO
} cr_schedule;

/// Starts a thread named `name` (15 characters at most) with all signals blocked. It asks for SCHED_FIFO at `priority` if that
/// is above 0, falls back to a raised nice value, then to normal scheduling. NULL if no thread can be made.
cr_thread* cr_thread_start(const char* name, int priority, cr_thread_body body, void* context);
/// What the thread got. Valid once its body has begun.
cr_schedule cr_thread_schedule(const cr_thread* thread);
/// Waits for the thread's body to return, and frees it.
void cr_thread_join(cr_thread* thread);

/// A counting semaphore. `cr_semaphore_post` never blocks: on Linux it is an atomic add and, only when a thread waits,
/// FUTEX_WAKE.
typedef struct cr_semaphore cr_semaphore;
cr_semaphore* cr_semaphore_make(void);
void cr_semaphore_free(cr_semaphore* semaphore);
CR_REALTIME void cr_semaphore_post(cr_semaphore* semaphore) { sem_post((sem_t*)semaphore); }
void cr_semaphore_wait(cr_semaphore* semaphore);
/// Waits at most `nanoseconds`; false if that time went by.
bool cr_semaphore_wait_for(cr_semaphore* semaphore, uint64_t nanoseconds);
/// The same, called on the audio thread when the host is freewheeling, and only then: there waiting is what is asked for. That
/// the compiler's proof lets it pass is deliberate.
CR_REALTIME bool cr_semaphore_wait_freewheeling(cr_semaphore* semaphore, uint64_t nanoseconds);

/// `cr_sleep` for the audio thread of a freewheeling host.
CR_REALTIME void cr_sleep_freewheeling(uint64_t nanoseconds) { cr_sleep(nanoseconds); }

bool cr_semaphore_wait_for_impl(sem_t* semaphore, uint64_t nanoseconds);
CR_REALTIME bool cr_semaphore_wait_freewheeling(cr_semaphore* semaphore, uint64_t nanoseconds) {
    return cr_semaphore_wait_for_impl((sem_t*)semaphore, nanoseconds);
}

/// A mutex for set-up code (never the audio thread).
typedef struct cr_mutex cr_mutex;
cr_mutex* cr_mutex_make(void);
void cr_mutex_free(cr_mutex* mutex);
void cr_mutex_lock(cr_mutex* mutex);
void cr_mutex_unlock(cr_mutex* mutex);

/// One lock a process (a plugin binary), for what its instances share. Ready before any code runs, which Embedded Swift's lazy
/// globals are not.
void cr_process_lock(void);
void cr_process_unlock(void);

#endif
