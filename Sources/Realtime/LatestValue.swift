import CRealtime
import Synchronization

/// The latest value from one writer thread, for one reader thread: a triple buffer.
///
/// Writing never waits for the reader, nor reading for the writer; values that were never read are overwritten. A reader never
/// sees a value that is half written, nor an older one after a newer.
///
/// Of three slots one belongs to the writer, one to the reader, and one lies in the middle; `middle` names it, with a bit that
/// says whether the reader has yet to see it. Each side gives its slot away by exchanging it for the middle one.
public struct LatestValue<Value: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline let slots: UnsafeMutablePointer<Value>
    /// `owned[0]` is the writer's slot, `owned[8]` the reader's (a cache line apart).
    @usableFromInline let owned: UnsafeMutablePointer<Int>
    @usableFromInline let middle = Atomic<Int>(1)
    @usableFromInline static var fresh: Int { 4 }

    public init(_ initial: Value) {
        slots = allocateZeroed(Value.self, 3)
        for slot in 0..<3 { slots[slot] = initial }
        owned = allocateZeroed(Int.self, 16)
        owned[0] = 0
        owned[8] = 2
    }

    deinit {
        cr_free(slots)
        cr_free(owned)
    }

    /// Publishes `value` (writer).
    @inlinable public func write(_ value: Value) {
        slots[owned[0]] = value
        owned[0] = middle.exchange(owned[0] | Self.fresh, ordering: .acquiringAndReleasing) & 3
    }

    /// Publishes what `body` puts into the place it is given, for values too large to copy about (writer). The place holds some
    /// earlier value.
    @inlinable public func write(with body: (UnsafeMutableRawPointer) -> Void) {
        body(UnsafeMutableRawPointer(slots + owned[0]))
        owned[0] = middle.exchange(owned[0] | Self.fresh, ordering: .acquiringAndReleasing) & 3
    }

    /// The latest published value (reader).
    @inlinable public func read() -> Value {
        _ = takeFresh()
        return slots[owned[8]]
    }

    /// The latest published value if it was not read before (reader).
    @inlinable public func readIfFresh() -> Value? {
        takeFresh() ? slots[owned[8]] : nil
    }

    /// Calls `body` with the place of the latest published value, for values too large to copy about (reader).
    @inlinable public func withLatest<Answer>(_ body: (UnsafeRawPointer) -> Answer) -> Answer {
        _ = takeFresh()
        return body(UnsafeRawPointer(slots + owned[8]))
    }

    @inlinable func takeFresh() -> Bool {
        guard middle.load(ordering: .relaxed) & Self.fresh != 0 else { return false }
        owned[8] = middle.exchange(owned[8], ordering: .acquiringAndReleasing) & 3
        return true
    }
}
