/// Ctrl-C and its kin, as a semaphore to wait on.
#ifndef CH_SIGNALS_H
#define CH_SIGNALS_H

#include "CRealtime.h"

/// From now on SIGINT, SIGTERM and SIGHUP post `wake` and are counted; the third ends the program at once.
void ch_signals_catch(cr_semaphore* wake);
/// Puts back what the signals did before.
void ch_signals_release(void);
/// How many came, and the last one's number in `last` if that is not NULL.
int ch_signals_count(int* last);

#endif
