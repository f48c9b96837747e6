import CRealtime
import Synchronization

/// A wait-free queue from one producer thread to one consumer thread.
///
/// Elements leave in the order they came; none is lost or seen twice. Every operation takes a bounded number of steps, allocates
/// nothing and never waits: a full queue refuses (`false`), an empty one answers `nil`.
///
/// `head` counts elements ever written, `tail` elements ever read; both only grow (modulo 2⁶⁴), so full and empty differ without
/// a spare slot. The producer publishes with a releasing store of `head` what it wrote before; the consumer's acquiring load sees
/// it. The same holds for `tail` in the other direction, which is what keeps the producer from overwriting a slot being read.
public struct SPSCQueue<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline let storage: UnsafeMutablePointer<Element>
    @usableFromInline let mask: UInt
    // Producer and consumer write different cache lines.
    @usableFromInline let padding0 = CacheLine()
    @usableFromInline let head = Atomic<UInt>(0)
    @usableFromInline let padding1 = CacheLine()
    @usableFromInline let tail = Atomic<UInt>(0)
    @usableFromInline let padding2 = CacheLine()

    /// A queue that holds at least `minimumCapacity` elements (rounded up to a power of two).
    public init(minimumCapacity: Int) {
        var capacity = 1
        while capacity < minimumCapacity { capacity <<= 1 }
        storage = allocateZeroed(Element.self, capacity)
        mask = UInt(capacity - 1)
    }

    deinit { cr_free(storage) }

    /// The number of elements the queue holds when full.
    @inlinable public var capacity: Int { Int(mask) + 1 }

    /// Elements waiting. Exact for the consumer as a lower bound, for the producer as an upper bound.
    @inlinable public var count: Int {
        let read = tail.load(ordering: .acquiring)
        return Int(head.load(ordering: .acquiring) &- read)
    }

    // MARK: Producer

    /// Room left; never less than this until the producer writes again.
    @inlinable public var room: Int {
        capacity - Int(head.load(ordering: .relaxed) &- tail.load(ordering: .acquiring))
    }

    /// Appends `element`; `false` if the queue is full.
    @inlinable public func push(_ element: Element) -> Bool {
        let written = head.load(ordering: .relaxed)
        guard written &- tail.load(ordering: .acquiring) <= mask else { return false }
        storage[Int(written & mask)] = element
        head.store(written &+ 1, ordering: .releasing)
        return true
    }

    /// Appends all `count` elements or, if they do not fit, none.
    @inlinable public func push(_ elements: UnsafePointer<Element>, count: Int) -> Bool {
        let written = head.load(ordering: .relaxed)
        guard count <= capacity - Int(written &- tail.load(ordering: .acquiring)) else { return false }
        let start = Int(written & mask)
        let first = min(count, capacity - start)
        cr_move(storage + start, elements, first * MemoryLayout<Element>.stride)
        cr_move(storage, elements + first, (count - first) * MemoryLayout<Element>.stride)
        head.store(written &+ UInt(count), ordering: .releasing)
        return true
    }

    // MARK: Consumer

    /// The oldest element, left in place.
    @inlinable public func peek() -> Element? {
        let read = tail.load(ordering: .relaxed)
        guard head.load(ordering: .acquiring) != read else { return nil }
        return storage[Int(read & mask)]
    }

    /// Takes the oldest element.
    @inlinable public func pop() -> Element? {
        let read = tail.load(ordering: .relaxed)
        guard head.load(ordering: .acquiring) != read else { return nil }
        let element = storage[Int(read & mask)]
        tail.store(read &+ 1, ordering: .releasing)
        return element
    }

    /// Takes the oldest `count` elements into `destination`, or none and `false` if there are fewer.
    @inlinable public func pop(into destination: UnsafeMutablePointer<Element>, count: Int) -> Bool {
        let read = tail.load(ordering: .relaxed)
        guard count <= Int(head.load(ordering: .acquiring) &- read) else { return false }
        let start = Int(read & mask)
        let first = min(count, capacity - start)
        cr_move(destination, storage + start, first * MemoryLayout<Element>.stride)
        cr_move(destination + first, storage, (count - first) * MemoryLayout<Element>.stride)
        tail.store(read &+ UInt(count), ordering: .releasing)
        return true
    }

    /// Drops everything waiting (consumer side).
    @inlinable public func drain() {
        tail.store(head.load(ordering: .acquiring), ordering: .releasing)
    }
}

/// 64 bytes that keep two atomics on different cache lines.
@usableFromInline struct CacheLine: Sendable {
    @usableFromInline let words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    @usableFromInline init() {}
}

/// Zeroed memory for `count` elements, aligned to a cache line; freed with `cr_free`. Out of memory ends the process, as it does
/// for Swift's own allocations.
public func allocateZeroed<Element: BitwiseCopyable>(_ type: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element> {
    cr_allocate(max(1, count) * MemoryLayout<Element>.stride)!.bindMemory(to: Element.self, capacity: max(1, count))
}
