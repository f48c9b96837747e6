#include "ch_ring.h"

ch_ring* ch_ring_make(uint32_t bytes) {
    uint32_t capacity = 64;
    while (capacity < bytes && capacity < (UINT32_C(1) << 30)) capacity *= 2;
    ch_ring* ring = cr_allocate(sizeof(ch_ring));
    if (!ring) return NULL;
    ring->bytes = cr_allocate(capacity);
    if (!ring->bytes) {
        cr_free(ring);
        return NULL;
    }
    ring->capacity = capacity;
    return ring;
}

void ch_ring_free(ch_ring* ring) {
    if (!ring) return;
    cr_free(ring->bytes);
    cr_free(ring);
}
