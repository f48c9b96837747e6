/// chainprobe: measures how long what stands between two JACK clients takes in each period.
///
/// Opens the clients `head` (port `head:out`, a quiet tone) and `tail` (port `tail:in`) on JACK_DEFAULT_SERVER. What is connected from
/// the one to the other runs between their callbacks: the time from the end of head's to the beginning of tail's is what JACK and all
/// clients on the way take, in nanoseconds, whether they are one or many. Commands come on standard input, one a line, and each is
/// answered by one line:
///
///     wait PORT SECONDS        `ok` when the port is there, else `no`
///     connect FROM TO          `ok` or `no`
///     measure SECONDS          JSON: periods, missed (those in which the tail did not run after the head), mean, median, p999 and worst in
///                              microseconds, xruns, period
///     load SECONDS             JACK's own figure in percent, mean, while head and tail are out of its graph; their connections are gone then
///     quit
#include <jack/jack.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PERIODS = 1 << 20 };

static struct {
    jack_client_t *head, *tail;
    jack_port_t *out, *in;
    double phase;
    // Of the head's latest period: its first frame, and when its callback ended
    _Atomic uint32_t frame;
    _Atomic int64_t began;
    atomic_bool isMeasuring;
    atomic_int xruns;
    _Atomic uint32_t periods, missed;
    uint32_t taken[MOST_PERIODS];
} probe;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int headProcess(jack_nframes_t frames, void* context) {
    (void)context;
    float* out = jack_port_get_buffer(probe.out, frames);
    for (jack_nframes_t i = 0; i < frames; ++i) {
        out[i] = 0.01f * (float)sin(probe.phase);
        probe.phase = fmod(probe.phase + 0.05, 2 * M_PI);
    }
    atomic_store(&probe.frame, jack_last_frame_time(probe.head));
    atomic_store(&probe.began, now());
    return 0;
}

static int tailProcess(jack_nframes_t frames, void* context) {
    (void)context;
    const int64_t end = now();
    jack_port_get_buffer(probe.in, frames);
    if (!atomic_load(&probe.isMeasuring)) return 0;
    if (atomic_load(&probe.frame) != jack_last_frame_time(probe.tail)) {
        atomic_fetch_add(&probe.missed, 1);
        return 0;
    }
    const uint32_t index = atomic_load(&probe.periods);
    const int64_t taken = end - atomic_load(&probe.began);
    // Woken so late that the head is in its next period already
    if (taken < 0) atomic_fetch_add(&probe.missed, 1);
    if (taken < 0 || index >= MOST_PERIODS) return 0;
    probe.taken[index] = (uint32_t)taken;
    atomic_store(&probe.periods, index + 1);
    return 0;
}

static int xrun(void* context) {
    (void)context;
    atomic_fetch_add(&probe.xruns, 1);
    return 0;
}

static int compare(const void* a, const void* b) {
    const uint32_t first = *(const uint32_t*)a, second = *(const uint32_t*)b;
    return first < second ? -1 : first > second;
}

static void measure(double seconds) {
    atomic_store(&probe.periods, 0);
    atomic_store(&probe.missed, 0);
    atomic_store(&probe.xruns, 0);
    atomic_store(&probe.isMeasuring, true);
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&probe.isMeasuring, false);
    const int xruns = atomic_load(&probe.xruns);
    usleep(20000);
    const uint32_t count = atomic_load(&probe.periods);
    qsort(probe.taken, count, sizeof *probe.taken, compare);
    double sum = 0;
    for (uint32_t i = 0; i < count; ++i) sum += probe.taken[i];
    const double micro = 1e-3;
    printf("{\"periods\": %u, \"missed\": %u, \"mean\": %.3f, \"median\": %.3f, \"p999\": %.3f, \"worst\": %.3f, \"xruns\": %d, \"period\": %.3f}\n",
           count, atomic_load(&probe.missed), count ? sum / count * micro : 0, count ? probe.taken[count / 2] * micro : 0,
           count ? probe.taken[(uint64_t)count * 999 / 1000] * micro : 0, count ? probe.taken[count - 1] * micro : 0,
           xruns, 1e6 * jack_get_buffer_size(probe.head) / jack_get_sample_rate(probe.head));
}

static void load(double seconds) {
    jack_deactivate(probe.tail);
    jack_deactivate(probe.head);
    usleep(1000000);  // JACK's figure is a mean of the last periods
    double sum = 0;
    int count = 0;
    for (const int64_t until = now() + (int64_t)(seconds * 1e9); now() < until; ++count) {
        usleep(100000);
        sum += jack_cpu_load(probe.tail);
    }
    const bool isBack = !jack_activate(probe.head) && !jack_activate(probe.tail);
    if (isBack && count) printf("%.3f\n", sum / count); else puts("no");
}

static bool waitFor(const char* port, double seconds) {
    const int64_t until = now() + (int64_t)(seconds * 1e9);
    do {
        if (jack_port_by_name(probe.head, port)) return true;
        usleep(20000);
    } while (now() < until);
    return false;
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    probe.head = jack_client_open("head", JackNoStartServer | JackUseExactName, NULL);
    probe.tail = jack_client_open("tail", JackNoStartServer | JackUseExactName, NULL);
    if (!probe.head || !probe.tail) {
        fprintf(stderr, "chainprobe: no JACK server, or the names are taken\n");
        return 1;
    }
    probe.out = jack_port_register(probe.head, "out", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    probe.in = jack_port_register(probe.tail, "in", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    jack_set_process_callback(probe.head, headProcess, NULL);
    jack_set_process_callback(probe.tail, tailProcess, NULL);
    jack_set_xrun_callback(probe.tail, xrun, NULL);
    if (jack_activate(probe.head) || jack_activate(probe.tail)) return 1;
    printf("ok\n");
    char line[1024], first[256], second[256];
    double seconds;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "wait %255s %lf", first, &seconds) == 2) {
            puts(waitFor(first, seconds) ? "ok" : "no");
        } else if (sscanf(line, "connect %255s %255s", first, second) == 2) {
            puts(jack_connect(probe.head, first, second) ? "no" : "ok");
        } else if (sscanf(line, "measure %lf", &seconds) == 1) {
            measure(seconds);
        } else if (sscanf(line, "load %lf", &seconds) == 1) {
            load(seconds);
        } else if (!strncmp(line, "quit", 4)) {
            break;
        } else {
            puts("no");
        }
    }
    jack_client_close(probe.tail);
    jack_client_close(probe.head);
    return 0;
}
