/// A wait-free single-producer single-consumer ring of typed messages of any size: how the process thread talks with others.
#ifndef CH_RING_H
#define CH_RING_H

#include "CRealtime.h"

/// Positions count bytes and wrap at 2³²; the capacity is a power of two, so that masking gives the place. The two sides'
/// counters stand on cache lines of their own.
typedef struct {
    uint8_t* bytes;
    uint32_t capacity;
    uint8_t padding_before_producer[64];
    uint32_t written;  ///< producer's; release-stored after the bytes
    uint32_t pending;  ///< producer's alone: the end of the message being put together
    uint8_t padding_before_consumer[64];
    uint32_t consumed;  ///< consumer's
} ch_ring;

typedef struct {
    uint32_t type;
    uint32_t size;  ///< of the body, in bytes
} ch_message;

/// A ring that holds at least `bytes` bytes (headers and padding to 8 bytes included), or NULL.
ch_ring* ch_ring_make(uint32_t bytes);
void ch_ring_free(ch_ring* ring);

CR_REALTIME uint32_t ch_ring_padded(uint32_t size) { return (size + 7u) & ~7u; }

CR_REALTIME void ch_ring_put(ch_ring* ring, const void* bytes, uint32_t size) {
    const uint32_t at = ring->pending & (ring->capacity - 1);
    const uint32_t first = size < ring->capacity - at ? size : ring->capacity - at;
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, (const uint8_t*)bytes + first, size - first);
    ring->pending += size;
}

/// Begins a message whose body has `size` bytes; false, and nothing changed, if there is no room for all of it.
CR_REALTIME bool ch_ring_begin(ch_ring* ring, uint32_t type, uint32_t size) {
    const uint32_t written = ring->written;
    const uint32_t used = written - __atomic_load_n(&ring->consumed, __ATOMIC_ACQUIRE);
    const uint64_t needed = sizeof(ch_message) + (((uint64_t)size + 7u) & ~(uint64_t)7u);
    if (needed > ring->capacity - used) return false;
    const ch_message header = {type, size};
    ring->pending = written;
    ch_ring_put(ring, &header, sizeof(header));
    return true;
}

/// Adds a part of the body. The parts must sum to the size given to `ch_ring_begin`.
CR_REALTIME void ch_ring_append(ch_ring* ring, const void* bytes, uint32_t size) { ch_ring_put(ring, bytes, size); }

/// Makes the message visible to the consumer.
CR_REALTIME void ch_ring_end(ch_ring* ring) {
    __atomic_store_n(&ring->written, ch_ring_padded(ring->pending), __ATOMIC_RELEASE);
}

CR_REALTIME bool ch_ring_write(ch_ring* ring, uint32_t type, const void* body, uint32_t size) {
    if (!ch_ring_begin(ring, type, size)) return false;
    ch_ring_append(ring, body, size);
    ch_ring_end(ring);
    return true;
}

/// The next message's header without taking it; false if the ring is empty.
CR_REALTIME bool ch_ring_peek(const ch_ring* ring, ch_message* message) {
    const uint32_t consumed = ring->consumed;
    if (__atomic_load_n(&ring->written, __ATOMIC_ACQUIRE) == consumed) return false;
    // Messages are padded to 8 bytes and the capacity is a multiple of 8, so a header never wraps.
    memcpy(message, ring->bytes + (consumed & (ring->capacity - 1)), sizeof(*message));
    return true;
}

/// Copies `size` bytes of the next message's body, from `offset` on, without taking it.
CR_REALTIME void ch_ring_copy(const ch_ring* ring, uint32_t offset, void* bytes, uint32_t size) {
    const uint32_t from = ring->consumed + (uint32_t)sizeof(ch_message) + offset;
    const uint32_t at = from & (ring->capacity - 1);
    const uint32_t first = size < ring->capacity - at ? size : ring->capacity - at;
    memcpy(bytes, ring->bytes + at, first);
    memcpy((uint8_t*)bytes + first, ring->bytes, size - first);
}

/// Takes the next message off the ring.
CR_REALTIME void ch_ring_drop(ch_ring* ring, ch_message message) {
    const uint32_t next = ring->consumed + (uint32_t)sizeof(ch_message) + ch_ring_padded(message.size);
    __atomic_store_n(&ring->consumed, next, __ATOMIC_RELEASE);
}

/// Whether all that was sent has been taken.
CR_REALTIME bool ch_ring_is_empty(const ch_ring* ring) {
    return __atomic_load_n(&ring->consumed, __ATOMIC_ACQUIRE) == __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
}

// MARK: Flags between threads

CR_REALTIME int32_t ch_load(const int32_t* value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
CR_REALTIME void ch_store(int32_t* value, int32_t to) { __atomic_store_n(value, to, __ATOMIC_RELEASE); }
CR_REALTIME int32_t ch_add(int32_t* value, int32_t change) { return __atomic_add_fetch(value, change, __ATOMIC_ACQ_REL); }
CR_REALTIME bool ch_exchange_if(int32_t* value, int32_t from, int32_t to) {
    return __atomic_compare_exchange_n(value, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
CR_REALTIME uint64_t ch_load_u64(const uint64_t* value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
CR_REALTIME void ch_store_u64(uint64_t* value, uint64_t to) { __atomic_store_n(value, to, __ATOMIC_RELEASE); }
CR_REALTIME void* ch_load_pointer(void* const* value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
CR_REALTIME void ch_store_pointer(void** value, void* to) { __atomic_store_n(value, to, __ATOMIC_RELEASE); }
CR_REALTIME void* ch_exchange_pointer(void** value, void* to) { return __atomic_exchange_n(value, to, __ATOMIC_ACQ_REL); }
/// A float that one thread writes and another looks at (control ports).
CR_REALTIME float ch_load_float(const float* value) {
    float result;
    __atomic_load(value, &result, __ATOMIC_RELAXED);
    return result;
}
CR_REALTIME void ch_store_float(float* value, float to) { __atomic_store(value, &to, __ATOMIC_RELAXED); }

#endif
