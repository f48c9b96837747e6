import CRealtime
import Synchronization

/// Work that a `WorkerPool` does on behalf of one owner, one piece at a time and never on two threads at once.
open class PoolClient {
    /// The client's place in its pool while registered. Set before the client is used by other threads.
    @usableFromInline final nonisolated(unsafe) var slot: UnsafeMutablePointer<WorkerPool.Slot>?
    @usableFromInline final nonisolated(unsafe) var wake: OpaquePointer?
    nonisolated(unsafe) var pool: Unmanaged<WorkerPool>?

    public init() {}

    /// Does one piece of work. On a worker thread; called once for each `submit`.
    open func performNext() {}

    /// Tells the pool that one more piece of work waits, wanted by `deadline` (`cr_now()` nanoseconds). Callable on the audio
    /// thread: an atomic add and a semaphore post.
    @inlinable @inline(__always) public final func submit(deadline: UInt64) {
        guard let slot, let wake else { return }
        if slot.pointee.pending.add(1, ordering: .acquiringAndReleasing).oldValue == 0 {
            slot.pointee.deadline.store(deadline, ordering: .relaxed)
        }
        cr_semaphore_post(wake)
    }
}

/// Worker threads that all instances of a plugin in one process share.
///
/// There are as many threads as clients, but no more than processors: eight instances on two cores are two threads, not eight
/// pools. A worker always takes the most urgent waiting client. Idle workers sleep on a semaphore; nothing spins.
///
/// Finding work takes no lock: clients stand in a fixed table of slots that outlives them, each claimed by compare-and-exchange.
/// A slot is `empty`, `idle` or `busy` (a worker is inside `performNext`, or somebody holds the client still by `hold`). Whoever
/// makes a busy slot idle looks at all slots again (or posts), so work that others passed over meanwhile is not forgotten.
public final class WorkerPool: @unchecked Sendable {
    public enum Kind: Int {
        /// Inference with a deadline: SCHED_FIFO below any audio thread where allowed, else a raised nice value.
        case inference
        /// Long work without one, such as loading a model: normal scheduling, one thread.
        case background
    }

    /// Instances that one process can hold.
    public static var maximumClients: Int { 1024 }

    /// Above every ordinary thread, below JACK's clients (whose default is 5) and every DAW's audio threads.
    static var inferencePriority: Int32 { 2 }

    @usableFromInline enum SlotState {
        static var empty: Int { 0 }
        static var idle: Int { 1 }
        static var busy: Int { 2 }
    }

    @usableFromInline struct Slot: ~Copyable {
        let state = Atomic<Int>(SlotState.empty)
        /// Pieces of work waiting. The owner raises it (from any thread, the audio thread too), the pool lowers it.
        @usableFromInline let pending = Atomic<Int>(0)
        /// When the oldest piece is wanted, in `cr_now()` nanoseconds: of several clients the most urgent is served first.
        @usableFromInline let deadline = Atomic<UInt64>(0)
        var client: Unmanaged<PoolClient>?
    }

    private let kind: Kind
    private let slots: UnsafeMutablePointer<Slot>
    private let used = Atomic<Int>(0)
    private let semaphore: OpaquePointer
    private let stopping = Atomic<Bool>(false)
    private var threads: UnsafeMutablePointer<OpaquePointer?>
    private var threadCount = 0
    private var threadLimit: Int
    private var clientCount = 0

    // MARK: Sharing

    // Guarded by cr_process_lock. Constant initial values: Embedded Swift's lazy globals are not made for several threads.
    nonisolated(unsafe) private static var inference: Unmanaged<WorkerPool>?
    nonisolated(unsafe) private static var background: Unmanaged<WorkerPool>?

    /// Registers `client` with this process's pool of `kind`, starting the pool or one more thread where needed.
    /// `false` if no thread can be started or the table is full.
    public static func register(_ client: PoolClient, _ kind: Kind) -> Bool {
        cr_process_lock()
        defer { cr_process_unlock() }
        let existing = kind == .inference ? inference : background
        let pool = existing ?? Unmanaged.passRetained(WorkerPool(kind))
        if existing == nil { store(pool, kind) }
        let added = pool.takeUnretainedValue().add(client)
        if !added && pool.takeUnretainedValue().clientCount == 0 { retire(pool) }
        return added
    }

    /// Removes `client`; when this returns no worker touches it any more. The last one to go joins the pool's threads, so that
    /// the plugin's code may be unloaded.
    public static func unregister(_ client: PoolClient) {
        guard let pool = client.pool else { return }
        // Before the lock: the work that is waited for may take it. The client keeps the pool alive.
        let slot = pool._withUnsafeGuaranteedRef { $0.claim(client) }
        cr_process_lock()
        defer { cr_process_unlock() }
        pool.takeUnretainedValue().remove(client, from: slot)
        if pool.takeUnretainedValue().clientCount == 0 { retire(pool) }
    }

    private static func store(_ pool: Unmanaged<WorkerPool>?, _ kind: Kind) {
        switch kind {
        case .inference: inference = pool
        case .background: background = pool
        }
    }

    private static func retire(_ pool: Unmanaged<WorkerPool>) {
        store(nil, pool.takeUnretainedValue().kind)
        pool.takeUnretainedValue().stop()
        pool.release()
    }

    /// Keeps the workers out of `client` while `body` runs (set-up threads only: it waits for a piece of work in progress).
    public static func hold(_ client: PoolClient, _ body: () -> Void) {
        guard let pool = client.pool else { return body() }
        pool._withUnsafeGuaranteedRef { pool in
            let slot = pool.claim(client)
            body()
            // In this order for all threads, or a worker could still see the slot busy and we not yet its work.
            slot.pointee.state.store(SlotState.idle, ordering: .sequentiallyConsistent)
            if slot.pointee.pending.load(ordering: .sequentiallyConsistent) > 0 { cr_semaphore_post(pool.semaphore) }
        }
    }

    /// Forgets work that was submitted but not begun. Only inside `hold`, while nobody submits.
    static func forgetPending(_ client: PoolClient) {
        client.slot?.pointee.pending.store(0, ordering: .releasing)
    }

    /// Threads the pool of `kind` runs at this moment, and the scheduling the first of them got.
    public static func status(_ kind: Kind) -> (threads: Int, schedule: cr_schedule) {
        cr_process_lock()
        defer { cr_process_unlock() }
        guard let pool = (kind == .inference ? inference : background)?.takeUnretainedValue(), pool.threadCount > 0 else {
            return (0, CR_SCHEDULE_NORMAL)
        }
        return (pool.threadCount, cr_thread_schedule(pool.threads[0]))
    }

    // MARK: One pool (all below `cr_process_lock`, but for the workers)

    private init(_ kind: Kind) {
        self.kind = kind
        slots = cr_allocate(Self.maximumClients * MemoryLayout<Slot>.stride)!.bindMemory(
            to: Slot.self, capacity: Self.maximumClients)
        for index in 0..<Self.maximumClients { (slots + index).initialize(to: Slot(client: nil)) }
        semaphore = cr_semaphore_make()!
        threadLimit = kind == .inference ? Int(cr_processor_count()) : 1
        threads = cr_allocate(threadLimit * MemoryLayout<OpaquePointer?>.stride)!.bindMemory(
            to: OpaquePointer?.self, capacity: threadLimit)
    }

    deinit {
        cr_semaphore_free(semaphore)
        cr_free(threads)
        cr_free(slots)
    }

    private func add(_ client: PoolClient) -> Bool {
        var free = 0
        while free < Self.maximumClients && slots[free].state.load(ordering: .acquiring) != SlotState.empty { free += 1 }
        guard free < Self.maximumClients else { return false }
        if threadCount < threadLimit && threadCount <= clientCount {
            let name = kind == .inference ? "continuo-infer" : "continuo-load"
            let thread = cr_thread_start(
                name, kind == .inference ? Self.inferencePriority : 0,
                { Unmanaged<WorkerPool>.fromOpaque($0!)._withUnsafeGuaranteedRef { $0.work() } },
                Unmanaged.passUnretained(self).toOpaque())
            if let thread {
                threads[threadCount] = thread
                threadCount += 1
            } else if threadCount == 0 {
                return false
            }
        }
        client.pool = Unmanaged.passUnretained(self)
        client.slot = slots + free
        client.wake = semaphore
        slots[free].client = Unmanaged.passUnretained(client)
        slots[free].pending.store(0, ordering: .relaxed)
        slots[free].state.store(SlotState.idle, ordering: .releasing)
        if used.load(ordering: .relaxed) <= free { used.store(free + 1, ordering: .releasing) }
        clientCount += 1
        return true
    }

    /// Takes `client` out of `slot`, which is claimed.
    private func remove(_ client: PoolClient, from slot: UnsafeMutablePointer<Slot>) {
        slot.pointee.client = nil
        slot.pointee.pending.store(0, ordering: .relaxed)
        slot.pointee.state.store(SlotState.empty, ordering: .releasing)
        client.pool = nil
        client.slot = nil
        client.wake = nil
        clientCount -= 1
    }

    private func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        for _ in 0..<threadCount { cr_semaphore_post(semaphore) }
        for index in 0..<threadCount { cr_thread_join(threads[index]) }
    }

    /// Waits until no worker is in `client`, and keeps them out; returns its slot.
    private func claim(_ client: PoolClient) -> UnsafeMutablePointer<Slot> {
        let slot = client.slot!
        while !slot.pointee.state.compareExchange(
            expected: SlotState.idle, desired: SlotState.busy, ordering: .acquiringAndReleasing
        ).exchanged { cr_sleep(100_000) }
        return slot
    }

    private func work() {
        while true {
            cr_semaphore_wait(semaphore)
            if stopping.load(ordering: .sequentiallyConsistent) { return }
            while let slot = claimMostUrgent() {
                // Another worker may have done this piece between the look and the claim.
                if slot.pointee.pending.load(ordering: .acquiring) > 0, let client = slot.pointee.client {
                    _ = slot.pointee.pending.subtract(1, ordering: .acquiringAndReleasing)
                    client._withUnsafeGuaranteedRef { $0.performNext() }
                }
                slot.pointee.state.store(SlotState.idle, ordering: .sequentiallyConsistent)
            }
        }
    }

    /// The idle slot with work whose deadline is the earliest, claimed; `nil` if no idle slot has work.
    private func claimMostUrgent() -> UnsafeMutablePointer<Slot>? {
        while true {
            var best: UnsafeMutablePointer<Slot>?
            var earliest = UInt64.max
            for index in 0..<used.load(ordering: .acquiring) {
                let slot = slots + index
                guard slot.pointee.state.load(ordering: .sequentiallyConsistent) == SlotState.idle,
                    slot.pointee.pending.load(ordering: .sequentiallyConsistent) > 0
                else { continue }
                let deadline = slot.pointee.deadline.load(ordering: .relaxed)
                if best == nil || deadline < earliest {
                    best = slot
                    earliest = deadline
                }
            }
            guard let best else { return nil }
            if best.pointee.state.compareExchange(
                expected: SlotState.idle, desired: SlotState.busy, ordering: .acquiringAndReleasing
            ).exchanged { return best }
        }
    }
}
