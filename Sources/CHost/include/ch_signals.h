/// Ctrl-C and its kin, as a semaphore to wait on.
#ifndef CH_SIGNALS_H
#define CH_SIGNALS_H

#include "CRealtime.h"

/// From now on SIGINT, SIGTERM and SIGHUP post `wake` and are counted; the third ends the program at once.
void ch_signals_catch(cr_semaphore* wake);
/// Lets them through on the calling thread: who started us may have left them blocked, and libjack puts the mask back that it found
/// when its last client closes.
void ch_signals_unblock(void);
/// Puts back what the signals did before.
void ch_signals_release(void);
/// How many came, and the last one's number in `last` if that is not NULL.
int ch_signals_count(int* last);

#endif
