/// What becomes of a crash: who was at fault is written down, and the program starts itself again.
///
/// A thread says which plugin it is in; a signal handler, which may do little (signal-safety(7)), writes that to a file that was opened
/// before and replaces the program by a fresh one of itself: same process number, same terminal, same supervisor.
#ifndef CH_GUARD_H
#define CH_GUARD_H

#include "CRealtime.h"

/// What a thread is doing in a plugin.
enum { ch_place_none, ch_place_run, ch_place_work, ch_place_load, ch_place_state };

/// `plugin`: its URI, a tab, and its name in the graph, which may be empty; NULL: the thread is in none.
typedef struct {
    const char* plugin;
    int32_t place;
} ch_suspect;

extern _Thread_local ch_suspect ch_present_suspect;

/// The calling thread goes into a plugin; returns what it was in before, for `ch_leave`.
CR_REALTIME ch_suspect ch_enter(const char* plugin, int32_t place) {
    const ch_suspect before = ch_present_suspect;
    ch_present_suspect = (ch_suspect){plugin, place};
    return before;
}
CR_REALTIME void ch_leave(ch_suspect before) { ch_present_suspect = before; }

/// From now on crashes of this program are noted in the file `record` (opened for appending; −1: nowhere), named on standard error,
/// and the program starts itself again with `arguments` (NULL-terminated) if `restarts`. One that keeps crashing right after its start
/// (`ch_guard_most_restarts`) ends for good, by the signal that it had.
void ch_guard_arm(int32_t record, char* const* arguments, bool restarts);
/// From now on it does not start itself again: it is about to end anyway.
void ch_guard_end(void);
/// Crashes are the system's again: the program ends as it should.
void ch_guard_disarm(void);
/// Gives the calling thread a stack for the handler, so that it works when the thread's own is used up; once a thread.
void ch_guard_enter_thread(void);
/// Takes it back.
void ch_guard_leave_thread(void);
/// The terminal on standard input, to be left as it is now; call before anybody changes it.
void ch_guard_keep_terminal(void);
/// How many times in a row it has started itself again; 0: somebody else started it.
int32_t ch_guard_restarts(void);
enum { ch_guard_most_restarts = 5 };
/// Remembers where a plugin's library lies in memory, so that threads of its own, which say nothing, can be told from ours when they crash.
/// Set-up thread. `plugin` as in `ch_suspect`; a library with several plugins in use tells on none of them.
void ch_guard_know(const char* library, const char* plugin);
/// Notes that `plugin` never came back, and starts again as after a crash, or ends with `status`.
_Noreturn void ch_guard_hung(const char* plugin, int32_t place, int32_t status);

#endif
