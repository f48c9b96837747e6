#define _POSIX_C_SOURCE 200809L
#include "ch_signals.h"

#include <signal.h>
#include <unistd.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction previous[3];
static cr_semaphore* wake_on_signal;
static volatile sig_atomic_t count;
static volatile sig_atomic_t last_signal;

static void handle_signal(int number) {
    last_signal = number;
    count = count + 1;
    if (count >= 3) _exit(128 + number);
    if (wake_on_signal) sem_post((sem_t*)wake_on_signal);  // async-signal-safe
}

void ch_signals_catch(cr_semaphore* wake) {
    wake_on_signal = wake;
    count = 0;
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = handle_signal;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 3; ++i) {
        sigaction(caught[i], &action, &previous[i]);
        // nohup's wish stands: a terminal that closes is not to end the music.
        if (caught[i] == SIGHUP && previous[i].sa_handler == SIG_IGN) sigaction(caught[i], &previous[i], NULL);
    }
    ch_signals_unblock();
    signal(SIGPIPE, SIG_IGN);
}

void ch_signals_unblock(void) {
    sigset_t all;
    sigemptyset(&all);
    for (int i = 0; i < 3; ++i) sigaddset(&all, caught[i]);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

void ch_signals_release(void) {
    for (int i = 0; i < 3; ++i) sigaction(caught[i], &previous[i], NULL);
    wake_on_signal = NULL;
}

int ch_signals_count(int* last) {
    if (last) *last = last_signal;
    return count;
}
