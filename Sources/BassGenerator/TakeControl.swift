import Synchronization

/// What two threads say to each other while a take is made: one to stop, the other how far it is.
public final class TakeControl: Sendable {
    private let cancelled = Atomic<Bool>(false)
    private let done = Atomic<Int>(0)
    private static var parts: Double { 1_000_000 }

    public init() {}

    /// Asks for the end of the work, which comes within a few milliseconds as `TakeError.cancelled`. From any thread.
    public func cancel() { cancelled.store(true, ordering: .relaxed) }

    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// 0 … 1: the part of the work that is done. From any thread.
    public internal(set) var progress: Double {
        get { Double(done.load(ordering: .relaxed)) / Self.parts }
        set { done.store(Int(min(max(newValue, 0), 1) * Self.parts), ordering: .relaxed) }
    }
}
