#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "ch_guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

_Thread_local ch_suspect ch_present_suspect;

static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
enum { caught_count = sizeof(caught) / sizeof(*caught) };
static struct sigaction previous[caught_count];

static volatile sig_atomic_t armed;
static int32_t crashing;  // 1 from the first crash on
static int32_t record_file = -1;
static bool may_restart;
static char* const* own_arguments;
static char program[PATH_MAX];
static int32_t restarts = -1;
static time_t start_time;
static struct termios terminal;
static bool has_terminal;
/// The environment for the next start: one that follows this one at once, and one after a time of peace.
static char** quick_environment;
static char** calm_environment;
static char quick_count[40], calm_count[40];
static const char variable[] = "CONTINUO_RESTARTS=";
/// Seconds after which a start counts as having gone well.
enum { peace = 60 };

extern char** environ;

int32_t ch_guard_restarts(void) {
    if (restarts < 0) {
        const char* text = getenv("CONTINUO_RESTARTS");
        restarts = text ? (int32_t)strtol(text, NULL, 10) : 0;
        if (restarts < 0) restarts = 0;
        unsetenv("CONTINUO_RESTARTS");  // what we start is not what was started again
    }
    return restarts;
}

void ch_guard_keep_terminal(void) { has_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &terminal) == 0; }

void ch_guard_enter_thread(void) {
    enum { size = 64 << 10 };
    stack_t stack = {.ss_size = size};
    stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (stack.ss_sp != MAP_FAILED) sigaltstack(&stack, NULL);
    // Our own threads take no signals; where one crashes with its signal blocked the system ends the program, and nobody is told.
    sigset_t own;
    sigemptyset(&own);
    for (int i = 0; i < caught_count; ++i) sigaddset(&own, caught[i]);
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
}

void ch_guard_leave_thread(void) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    stack_t stack;
    if (sigaltstack(&none, &stack) == 0 && !(stack.ss_flags & SS_DISABLE)) munmap(stack.ss_sp, stack.ss_size);
}

// MARK: In the handler: nothing that allocates or locks

static size_t put(char* to, size_t at, size_t capacity, const char* text) {
    while (*text && at + 1 < capacity) to[at++] = *text++;
    to[at] = 0;
    return at;
}

static size_t put_number(char* to, size_t at, size_t capacity, int number) {
    char digits[12];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0 && at + 1 < capacity) to[at++] = digits[--count];
    to[at] = 0;
    return at;
}

static void say(int file, const char* text, size_t size) {
    while (size > 0) {
        const ssize_t count = write(file, text, size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        text += count;
        size -= (size_t)count;
    }
}

static const char* signal_text(int number) {
    switch (number) {
    case SIGSEGV: return "segmentation fault";
    case SIGBUS: return "bus error";
    case SIGFPE: return "arithmetic error";
    case SIGILL: return "illegal instruction";
    case SIGABRT: return "abort";
    case SIGTRAP: return "trap";
    default: return "bad system call";
    }
}

static bool restarts_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return may_restart && (now.tv_sec - start_time >= peace || restarts < ch_guard_most_restarts);
}

/// One line: what happened, a number, where, the plugin as `ch_suspect` has it.
static void note(const char* what, int number, ch_suspect suspect, const char* why, bool restarting) {
    static char line[4096];
    size_t at = put(line, 0, sizeof(line), what);
    at = put(line, at, sizeof(line), "\t");
    at = put_number(line, at, sizeof(line), number);
    at = put(line, at, sizeof(line), "\t");
    at = put_number(line, at, sizeof(line), suspect.plugin ? suspect.place : ch_place_none);
    at = put(line, at, sizeof(line), "\t");
    at = put(line, at, sizeof(line), suspect.plugin ? suspect.plugin : "\t");
    at = put(line, at, sizeof(line), "\n");
    if (record_file >= 0) {
        say(record_file, line, at);
        fdatasync(record_file);
    }
    const char* name = suspect.plugin ? suspect.plugin : "the host itself";
    const char* tab = suspect.plugin ? strchr(suspect.plugin, '\t') : NULL;
    at = put(line, 0, sizeof(line), "\ncontinuo: ");
    if (tab && tab[1]) {
        at = put(line, at, sizeof(line), tab + 1);
        at = put(line, at, sizeof(line), " <");
    }
    const size_t start = at;
    at = put(line, at, sizeof(line), name);
    if (tab) {
        at = start + (size_t)(tab - suspect.plugin) < sizeof(line) - 4 ? start + (size_t)(tab - suspect.plugin) : start;
        line[at] = 0;
        if (tab[1]) at = put(line, at, sizeof(line), ">");
    }
    at = put(line, at, sizeof(line), " ");
    at = put(line, at, sizeof(line), why);
    at = put(line, at, sizeof(line), restarting ? ": starting again\n" : "\n");
    say(STDERR_FILENO, line, at);
}

static void restart(void) {
    // What was raised for the sake of sound, and what stands in the way of signals, would go over into the new program.
    const struct sched_param ordinary = {0};
    sched_setscheduler(0, SCHED_OTHER, &ordinary);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // Sockets, locks and libraries' files of all kinds; not all were opened to be closed here.
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) != 0) {
        for (int file = 3; file < 4096; ++file) close(file);
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char** environment = now.tv_sec - start_time >= peace ? calm_environment : quick_environment;
    execve(program, own_arguments, environment);
    execve("/proc/self/exe", own_arguments, environment);
}

/// A plugin's library in memory.
typedef struct {
    uintptr_t from, to;
    const char* plugin;  // NULL: several of it are in use
} ch_range;
enum { most_ranges = 256 };
static ch_range ranges[most_ranges];
static int32_t range_count;

static uintptr_t present_instruction(void* context) {
#if defined(__x86_64__)
    return (uintptr_t)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)((ucontext_t*)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/// Who a crash is to be blamed on: what the thread says, or whose code it was in.
static ch_suspect find_suspect(void* context) {
    if (ch_present_suspect.plugin) return ch_present_suspect;
    const uintptr_t at = present_instruction(context);
    const int32_t count = __atomic_load_n(&range_count, __ATOMIC_ACQUIRE);
    for (int32_t i = 0; i < count; ++i) {
        if (at >= ranges[i].from && at < ranges[i].to) return (ch_suspect){ranges[i].plugin, ch_place_work};
    }
    return ch_present_suspect;
}

static void leave_terminal(void) {
    if (has_terminal) tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

static void handle_crash(int number, siginfo_t* info, void* context) {
    (void)info;
    if (__atomic_exchange_n(&crashing, 1, __ATOMIC_ACQ_REL)) {
        // Another thread is at it already.
        for (;;) pause();
    }
    static char why[80];
    size_t at = put(why, 0, sizeof(why), "has crashed (");
    at = put(why, at, sizeof(why), signal_text(number));
    put(why, at, sizeof(why), ")");
    const bool restarting = restarts_now();
    leave_terminal();
    note("crash", number, find_suspect(context), why, restarting);
    if (restarting) restart();
    // For good, by the same signal: debuggers, core dumps and supervisors see what it was.
    signal(number, SIG_DFL);
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, number);
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    raise(number);
    _exit(128 + number);
}

/// A plugin that calls exit().
static void handle_exit(void) {
    if (!armed || !ch_present_suspect.plugin || __atomic_exchange_n(&crashing, 1, __ATOMIC_ACQ_REL)) return;
    const bool restarting = restarts_now();
    leave_terminal();
    note("exit", 0, ch_present_suspect, "has ended the program", restarting);
    if (restarting) restart();
    _exit(70);
}

void ch_guard_hung(const char* plugin, int32_t place, int32_t status) {
    if (__atomic_exchange_n(&crashing, 1, __ATOMIC_ACQ_REL)) {
        for (;;) pause();
    }
    const bool restarting = restarts_now();
    leave_terminal();
    note("hang", 0, (ch_suspect){plugin, place}, "has not come back", restarting);
    if (restarting) restart();
    _exit(status);
}

// MARK: Set-up

static char** environment_with(char* count) {
    size_t size = 0;
    while (environ[size]) ++size;
    char** made = malloc((size + 2) * sizeof(char*));
    if (!made) return NULL;
    size_t used = 0;
    for (size_t i = 0; i < size; ++i) {
        if (strncmp(environ[i], variable, sizeof(variable) - 1)) made[used++] = strdup(environ[i]);
    }
    made[used++] = count;
    made[used] = NULL;
    return made;
}

void ch_guard_arm(int32_t record, char* const* arguments, bool restarting) {
    record_file = record;
    own_arguments = arguments;
    ch_guard_restarts();
    if (!quick_environment) {
        put_number(quick_count, put(quick_count, 0, sizeof(quick_count), variable), sizeof(quick_count), restarts + 1);
        put_number(calm_count, put(calm_count, 0, sizeof(calm_count), variable), sizeof(calm_count), 1);
        quick_environment = environment_with(quick_count);
        calm_environment = environment_with(calm_count);
        const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
        program[length > 0 ? length : 0] = 0;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        start_time = now.tv_sec;
        atexit(handle_exit);
    }
    may_restart = restarting && arguments && quick_environment && calm_environment;
    if (armed) return;
    ch_guard_enter_thread();
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = handle_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < caught_count; ++i) sigaction(caught[i], &action, &previous[i]);
    armed = 1;
}

typedef struct {
    const char* library;
    ch_range range;
} ch_search;

static int look_at(struct dl_phdr_info* info, size_t size, void* context) {
    (void)size;
    ch_search* search = context;
    if (!info->dlpi_name || strcmp(info->dlpi_name, search->library)) return 0;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        const uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, to = from + info->dlpi_phdr[i].p_memsz;
        if (!search->range.from || from < search->range.from) search->range.from = from;
        if (to > search->range.to) search->range.to = to;
    }
    return 1;
}

void ch_guard_know(const char* library, const char* plugin) {
    ch_search search = {library, {0, 0, NULL}};
    if (!dl_iterate_phdr(look_at, &search)) return;
    for (int32_t i = 0; i < range_count; ++i) {
        if (ranges[i].from != search.range.from || ranges[i].to != search.range.to) continue;
        if (ranges[i].plugin && strcmp(ranges[i].plugin, plugin)) ranges[i].plugin = NULL;
        return;
    }
    if (range_count == most_ranges) return;
    // Kept for ever: libraries may stay in memory after their plugins.
    ranges[range_count] = (ch_range){search.range.from, search.range.to, strdup(plugin)};
    __atomic_store_n(&range_count, range_count + 1, __ATOMIC_RELEASE);
}

void ch_guard_end(void) { may_restart = false; }

void ch_guard_disarm(void) {
    if (!armed) return;
    armed = 0;
    record_file = -1;
    for (int i = 0; i < caught_count; ++i) sigaction(caught[i], &previous[i], NULL);
}
