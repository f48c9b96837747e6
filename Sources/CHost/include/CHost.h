/// The C side of the host: what LV2 and JACK ask for in C terms, in a form that the compiler's real-time proof of the Swift
/// process path accepts (see CRealtime.h for `CR_REALTIME`). This is the one module through which Host sees lilv and JACK.
#ifndef CHOST_H
#define CHOST_H

#include "ch_atoms.h"
#include "ch_guard.h"
#include "ch_jack.h"
#include "ch_log.h"
#include "ch_plugin.h"
#include "ch_ring.h"
#include "ch_signals.h"
#include "ch_system.h"
#include "ch_worker.h"

#endif
