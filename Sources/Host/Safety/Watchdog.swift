import CHost

/// Sees from a thread of its own that the process thread is in one period and does not come out of it: then the plugin that runs hangs.
///
/// It counts its own looks and not the time between them: a machine that stands still, or a process that is stopped, stops it too.
final class Watchdog {
    private let process: UnsafeMutablePointer<Process>
    private let looks: Int
    private let wake: OpaquePointer
    private var thread: OpaquePointer?
    // Through ch_load and ch_store
    private var stopping: Int32 = 0
    private var hung: Int32 = 0
    private var suspect: UnsafeMutableRawPointer?
    /// Posted when the set-up thread has saved what there is to be saved.
    private let isSaved: OpaquePointer = cr_semaphore_make()
    private let pause: OpaquePointer = cr_semaphore_make()

    private static let interval: UInt64 = 50_000_000
    /// How long the set-up thread may take to save; the plugin may have it waiting for a lock.
    private static let patience: UInt64 = 5_000_000_000

    /// - Parameters:
    ///   - limit: seconds that a period may last.
    ///   - wake: posted when a plugin hangs.
    init(_ process: UnsafeMutablePointer<Process>, limit: Double, wake: OpaquePointer) {
        self.process = process
        self.wake = wake
        looks = max(2, Int((limit * 1e9 / Double(Watchdog.interval)).rounded(.up)))
    }

    deinit {
        stop()
        cr_semaphore_free(isSaved)
        cr_semaphore_free(pause)
    }

    /// - Parameter priority: above the process thread's, which may take all of a core; 0: an ordinary thread.
    func start(priority: Int) {
        thread = cr_thread_start(
            "watchdog", Int32(priority), { Unmanaged<Watchdog>.fromOpaque($0!).takeUnretainedValue().watch() },
            Unmanaged.passUnretained(self).toOpaque())
    }

    func stop() {
        guard let thread else { return }
        ch_store(&stopping, 1)
        cr_semaphore_post(pause)
        cr_thread_join(thread)
        self.thread = nil
    }

    private func watch() {
        var last: Int32 = 0
        var seen = 0
        while ch_load(&stopping) == 0 {
            _ = cr_semaphore_wait_for(pause, Watchdog.interval)
            let now = ch_load(&process.pointee.callback)
            // While freewheeling there is no hurry: plugins wait for results.
            let isInside = now & 1 != 0 && ch_load(&process.pointee.freewheelRequest) == 0
            seen = isInside && now == last ? seen + 1 : 0
            last = now
            if seen >= looks { return end() }
        }
    }

    private func end() {
        let node = ch_load_pointer(&process.pointee.running)
        _ = ch_exchange_pointer(&suspect, node)
        ch_store(&hung, 1)
        cr_semaphore_post(wake)
        _ = cr_semaphore_wait_for(isSaved, Watchdog.patience)
        ch_guard_hung(
            node?.assumingMemoryBound(to: ProcessNode.self).pointee.suspect, Int32(ch_place_run), CrashGuard.hungStatus)
    }

    /// Whether the process thread hangs. Whoever sees it saves what there is, and calls `finish`.
    var hasHung: Bool { ch_load(&hung) != 0 }
    /// The node of the plugin that it hangs in (`ProcessNode.id`), or nil.
    var hungNode: UInt32? { ch_load_pointer(&suspect)?.assumingMemoryBound(to: ProcessNode.self).pointee.id }

    /// Everything is saved: the program ends, or starts again. Does not return.
    func finish() -> Never {
        cr_semaphore_post(isSaved)
        while true { cr_sleep(1_000_000_000) }
    }
}
