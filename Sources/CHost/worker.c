#include "ch_worker.h"

ch_worker* ch_worker_make(uint32_t body_capacity) {
    ch_worker* worker = cr_allocate(sizeof(ch_worker));
    if (!worker) return NULL;
    // Four messages of the largest size may wait in each direction.
    const uint32_t ring = 4 * (body_capacity + 64);
    worker->body_capacity = body_capacity;
    worker->requests = ch_ring_make(ring);
    worker->responses = ch_ring_make(ring);
    worker->direct_responses = ch_ring_make(ring);
    worker->wake = cr_semaphore_make();
    worker->lock = cr_mutex_make();
    worker->ended = cr_semaphore_make();
    worker->request_body = cr_allocate(body_capacity);
    worker->response_body = cr_allocate(body_capacity);
    if (!worker->requests || !worker->responses || !worker->direct_responses || !worker->wake || !worker->lock || !worker->ended ||
        !worker->request_body || !worker->response_body) {
        ch_worker_free(worker);
        return NULL;
    }
    return worker;
}

void ch_worker_free(ch_worker* worker) {
    if (!worker) return;
    ch_ring_free(worker->requests);
    ch_ring_free(worker->responses);
    ch_ring_free(worker->direct_responses);
    if (worker->wake) cr_semaphore_free(worker->wake);
    if (worker->lock) cr_mutex_free(worker->lock);
    if (worker->ended) cr_semaphore_free(worker->ended);
    cr_free(worker->request_body);
    cr_free(worker->response_body);
    cr_free(worker);
}

static LV2_Worker_Status respond_to(ch_worker* worker, ch_ring* ring, uint32_t size, const void* data) {
    if (size > worker->body_capacity || !ch_ring_write(ring, 0, data, size)) {
        __atomic_fetch_add(&worker->refused, 1, __ATOMIC_RELAXED);
        return LV2_WORKER_ERR_NO_SPACE;
    }
    return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status respond(LV2_Worker_Respond_Handle handle, uint32_t size, const void* data) {
    ch_worker* worker = handle;
    return respond_to(worker, worker->responses, size, data);
}

static LV2_Worker_Status respond_directly(LV2_Worker_Respond_Handle handle, uint32_t size, const void* data) {
    ch_worker* worker = handle;
    return respond_to(worker, worker->direct_responses, size, data);
}

LV2_Worker_Status ch_worker_schedule_now(LV2_Worker_Schedule_Handle handle, uint32_t size, const void* data) {
    ch_worker* worker = handle;
    if (!worker->interface || !worker->interface->work) return LV2_WORKER_ERR_UNKNOWN;
    cr_mutex_lock(worker->lock);
    const ch_suspect before = ch_enter(worker->plugin, ch_place_work);
    const LV2_Worker_Status status = worker->interface->work(worker->handle, respond_directly, worker, size, data);
    ch_leave(before);
    cr_mutex_unlock(worker->lock);
    return status;
}

LV2_Worker_Status ch_worker_schedule(LV2_Worker_Schedule_Handle handle, uint32_t size, const void* data) {
    ch_worker* worker = handle;
    if (ch_load(&worker->synchronous)) return ch_worker_schedule_now(handle, size, data);
    if (size > worker->body_capacity || !ch_ring_write(worker->requests, 0, data, size)) {
        __atomic_fetch_add(&worker->refused, 1, __ATOMIC_RELAXED);
        return LV2_WORKER_ERR_NO_SPACE;
    }
    cr_semaphore_post(worker->wake);
    return LV2_WORKER_SUCCESS;
}

void ch_worker_main(void* context) {
    ch_worker* worker = context;
    ch_guard_enter_thread();
    for (;;) {
        cr_semaphore_wait(worker->wake);
        if (ch_load(&worker->stopping)) break;
        ch_message message;
        while (ch_ring_peek(worker->requests, &message)) {
            ch_ring_copy(worker->requests, 0, worker->request_body, message.size);
            ch_ring_drop(worker->requests, message);
            cr_mutex_lock(worker->lock);
            if (worker->interface && worker->interface->work) {
                const ch_suspect before = ch_enter(worker->plugin, ch_place_work);
                __atomic_fetch_add(&worker->jobs, 1, __ATOMIC_RELEASE);
                worker->interface->work(worker->handle, respond, worker, message.size, worker->request_body);
                __atomic_fetch_add(&worker->jobs, 1, __ATOMIC_RELEASE);
                ch_leave(before);
            }
            cr_mutex_unlock(worker->lock);
        }
    }
    ch_guard_leave_thread();
    cr_semaphore_post(worker->ended);
}

void ch_worker_stop(ch_worker* worker) {
    ch_store(&worker->stopping, 1);
    cr_semaphore_post(worker->wake);
}
