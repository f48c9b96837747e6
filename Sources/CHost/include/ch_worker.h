/// LV2's worker extension for one plugin instance.
///
/// Work is asked for on the process thread and done on a thread of its own; responses go back over a ring and are delivered
/// after the plugin's next run. When freewheeling, work is done at once, inside run: then a render waits for a sample to load
/// instead of racing with it. Work asked for while state is restored is done at once too, on the restoring thread.
#ifndef CH_WORKER_H
#define CH_WORKER_H

#include <lv2/worker/worker.h>

#include "ch_guard.h"
#include "ch_ring.h"

typedef struct {
    const LV2_Worker_Interface* interface;  ///< NULL until the instance exists
    LV2_Handle handle;
    const char* plugin;          ///< as `ch_suspect` has it, or NULL
    ch_ring* requests;           ///< process thread → worker thread
    ch_ring* responses;          ///< worker thread → process thread
    ch_ring* direct_responses;   ///< whoever works synchronously (freewheeling run, or restore while not running) → process thread
    cr_semaphore* wake;
    cr_mutex* lock;              ///< held during work(): LV2 forbids two at once for one instance
    uint8_t* request_body;       ///< worker thread's
    uint8_t* response_body;      ///< process thread's
    uint32_t body_capacity;
    int32_t synchronous;         ///< 1 while freewheeling
    int32_t stopping;
    uint32_t jobs;               ///< how many times the thread has gone into work() or come out of it: odd while it is in there
    cr_semaphore* ended;         ///< posted when the thread is about to end
    uint32_t refused;            ///< requests and responses that found no room
} ch_worker;

/// A worker that takes messages of up to `body_capacity` bytes, or NULL.
ch_worker* ch_worker_make(uint32_t body_capacity);
void ch_worker_free(ch_worker* worker);

/// LV2_Worker_Schedule's function while running (`handle` is the worker).
LV2_Worker_Status ch_worker_schedule(LV2_Worker_Schedule_Handle handle, uint32_t size, const void* data);
/// The same for state restore: works at once, whatever the mode.
LV2_Worker_Status ch_worker_schedule_now(LV2_Worker_Schedule_Handle handle, uint32_t size, const void* data);

/// The worker thread's body (`context` is the worker): works until `ch_worker_stop`.
void ch_worker_main(void* context);
void ch_worker_stop(ch_worker* worker);
/// Which job the thread is at, or 0: at none.
static inline uint32_t ch_worker_present(const ch_worker* worker) {
    const uint32_t jobs = __atomic_load_n(&worker->jobs, __ATOMIC_ACQUIRE);
    return jobs & 1 ? jobs : 0;
}

/// Hands waiting responses to the plugin and ends its cycle. On the process thread, right after run.
CR_REALTIME void ch_worker_deliver_from(ch_worker* worker, ch_ring* ring) {
    ch_message message;
    while (ch_ring_peek(ring, &message)) {
        ch_ring_copy(ring, 0, worker->response_body, message.size);
        ch_ring_drop(ring, message);
        worker->interface->work_response(worker->handle, message.size, worker->response_body);
    }
}
CR_REALTIME void ch_worker_deliver(ch_worker* worker) {
    if (!worker->interface) return;
    if (worker->interface->work_response) {
        ch_worker_deliver_from(worker, worker->direct_responses);
        ch_worker_deliver_from(worker, worker->responses);
    }
    if (worker->interface->end_run) worker->interface->end_run(worker->handle);
}

#endif
