#define _GNU_SOURCE
#include "CRealtime.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void* cr_allocate(size_t bytes) {
    const size_t rounded = (bytes + 63) & ~(size_t)63;
    if (rounded < bytes) return NULL;
    void* memory = NULL;
    if (posix_memalign(&memory, 64, rounded ? rounded : 64) != 0) return NULL;
    memset(memory, 0, rounded ? rounded : 64);
    return memory;
}

void cr_free(void* memory) { free(memory); }

cr_mapping cr_map_file(const char* path) {
    static const uint8_t nothing[1];
    cr_mapping mapping = {NULL, 0, 0};
    // Without waiting: a pipe that nobody writes to is refused below.
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        mapping.error = errno;
        return mapping;
    }
    struct stat status;
    if (fstat(file, &status) != 0) {
        mapping.error = errno;
    } else if (S_ISDIR(status.st_mode)) {
        mapping.error = EISDIR;
    } else if (!S_ISREG(status.st_mode)) {
        mapping.error = EINVAL;
    } else if (status.st_size == 0) {
        mapping.bytes = nothing;
    } else {
        void* bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED) {
            mapping.error = errno;
        } else {
            mapping.bytes = bytes;
            mapping.size = (size_t)status.st_size;
        }
    }
    close(file);
    return mapping;
}

bool cr_identify_file(const char* path, cr_file_identity* identity) {
    struct stat status;
    if (stat(path, &status) != 0) return false;
    identity->device = (uint64_t)status.st_dev;
    identity->inode = (uint64_t)status.st_ino;
    identity->size = (uint64_t)status.st_size;
    identity->modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return true;
}

void cr_unmap_file(cr_mapping mapping) {
    if (mapping.bytes && mapping.size) munmap((void*)(uintptr_t)mapping.bytes, mapping.size);
}

const char* cr_error_text(int error) {
    switch (error) {
    case ENOENT: return "no such file";
    case EACCES: case EPERM: return "permission denied";
    case EISDIR: return "it is a folder";
    case EINVAL: return "not a regular file";
    case ENOMEM: return "out of memory";
    case EMFILE: case ENFILE: return "too many open files";
    case ENAMETOOLONG: return "the path is too long";
    case EIO: return "read error";
    default: return "cannot be read";
    }
}

bool cr_environment(const char* name, char* buffer, size_t capacity) {
    const char* value = getenv(name);
    if (!value) return false;
    const size_t length = strlen(value);
    if (length + 1 > capacity) return false;
    memcpy(buffer, value, length + 1);
    return true;
}

bool cr_file_is_readable(const char* path) { return access(path, R_OK) == 0; }

void cr_print_error(const char* text) { fprintf(stderr, "%s\n", text); }

void cr_sleep(uint64_t nanoseconds) {
    struct timespec left = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

int cr_vector_level(void) {
    int level = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) level = 2;
    if (level == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        level = 3;
#endif
    const char* wish = getenv("CONTINUO_KERNELS");
    if (wish) {
        const int most = strcmp(wish, "baseline") == 0 ? 0 : strcmp(wish, "avx2") == 0 ? 2 : 3;
        if (level > most) level = most;
    }
    return level;
}

int cr_processor_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int count = CPU_COUNT(&set);
        if (count > 0) return count;
    }
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

struct cr_thread {
    pthread_t thread;
    cr_thread_body body;
    void* context;
    int priority;
    int schedule;  // a cr_schedule, atomic
    char name[16];
};

static void* thread_main(void* argument) {
    cr_thread* self = argument;
    if (self->priority > 0) {
        const struct sched_param parameter = {.sched_priority = self->priority};
        if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter) == 0)
            __atomic_store_n(&self->schedule, CR_SCHEDULE_REALTIME, __ATOMIC_RELEASE);
        else if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -11) == 0)
            __atomic_store_n(&self->schedule, CR_SCHEDULE_NICE, __ATOMIC_RELEASE);
    }
    cr_flush_denormals();
    self->body(self->context);
    return NULL;
}

cr_thread* cr_thread_start(const char* name, int priority, cr_thread_body body, void* context) {
    cr_thread* thread = calloc(1, sizeof *thread);
    if (!thread) return NULL;
    thread->body = body;
    thread->context = context;
    thread->priority = priority;
    strncpy(thread->name, name, sizeof thread->name - 1);
    // Signals belong to the host's threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread->thread, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(thread);
        return NULL;
    }
    pthread_setname_np(thread->thread, thread->name);
    return thread;
}

cr_schedule cr_thread_schedule(const cr_thread* thread) { return (cr_schedule)__atomic_load_n(&thread->schedule, __ATOMIC_ACQUIRE); }

void cr_thread_join(cr_thread* thread) {
    pthread_join(thread->thread, NULL);
    free(thread);
}

cr_semaphore* cr_semaphore_make(void) {
    sem_t* semaphore = calloc(1, sizeof *semaphore);
    if (semaphore && sem_init(semaphore, 0, 0) != 0) {
        free(semaphore);
        return NULL;
    }
    return (cr_semaphore*)semaphore;
}

void cr_semaphore_free(cr_semaphore* semaphore) {
    sem_destroy((sem_t*)semaphore);
    free(semaphore);
}

void cr_semaphore_wait(cr_semaphore* semaphore) {
    while (sem_wait((sem_t*)semaphore) != 0 && errno == EINTR) {}
}

bool cr_semaphore_wait_for_impl(sem_t* semaphore, uint64_t nanoseconds) {
    if (sem_trywait(semaphore) == 0) return true;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t sum = (uint64_t)until.tv_nsec + nanoseconds;
    until.tv_sec += (time_t)(sum / 1000000000u);
    until.tv_nsec = (long)(sum % 1000000000u);
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) != 0)
        if (errno != EINTR) return false;
    return true;
}

bool cr_semaphore_wait_for(cr_semaphore* semaphore, uint64_t nanoseconds) {
    return cr_semaphore_wait_for_impl((sem_t*)semaphore, nanoseconds);
}

struct cr_mutex {
    pthread_mutex_t mutex;
};

cr_mutex* cr_mutex_make(void) {
    cr_mutex* mutex = calloc(1, sizeof *mutex);
    if (mutex && pthread_mutex_init(&mutex->mutex, NULL) != 0) {
        free(mutex);
        return NULL;
    }
    return mutex;
}

void cr_mutex_free(cr_mutex* mutex) {
    pthread_mutex_destroy(&mutex->mutex);
    free(mutex);
}

void cr_mutex_lock(cr_mutex* mutex) { pthread_mutex_lock(&mutex->mutex); }
void cr_mutex_unlock(cr_mutex* mutex) { pthread_mutex_unlock(&mutex->mutex); }

static pthread_mutex_t process_mutex = PTHREAD_MUTEX_INITIALIZER;
void cr_process_lock(void) { pthread_mutex_lock(&process_mutex); }
void cr_process_unlock(void) { pthread_mutex_unlock(&process_mutex); }
