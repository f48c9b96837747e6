import Synchronization

/// What two threads say to each other while a take is made: one to stop, the other how far it is.
public final class TakeControl: Sendable {
    private let cancelled = Atomic<Bool>(false)
    private let done = Atomic<Int>(0)

    public init() {}

    /// Asks for the end of the work, which comes within a few milliseconds as `TakeError.cancelled`. From any thread.
    public func cancel() { cancelled.store(true, ordering: .relaxed) }

    /// Makes the control as new, for other work.
    func renew() {
        done.store(0, ordering: .relaxed)
        cancelled.store(false, ordering: .relaxed)
    }

    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// 0 … 1: the part of the work that is done. From any thread.
    public internal(set) var progress: Double {
        get { Double(done.load(ordering: .relaxed)) / progressParts }
        set { done.store(Int(min(max(newValue, 0), 1) * progressParts), ordering: .relaxed) }
    }
}

/// For the audio thread: there a type may not be named for its static property.
@inline(__always) private var progressParts: Double { 1_000_000 }
