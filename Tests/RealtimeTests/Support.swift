import CRealtime
import Realtime
import Synchronization
import Testing

/// A small seeded generator (SplitMix64), so that every random test can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Runs `body` on a thread of its own.
final class TestThread: @unchecked Sendable {
    private let body: @Sendable () -> Void
    private var handle: OpaquePointer?

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
        handle = cr_thread_start(
            "test", 0, { Unmanaged<TestThread>.fromOpaque($0!).takeUnretainedValue().body() },
            Unmanaged.passUnretained(self).toOpaque())
    }

    func join() {
        if let handle { cr_thread_join(handle) }
        handle = nil
    }
}

/// An engine whose right answers are plain: it sums what it was fed, and says which frame it was asked for.
final class SumEngine: StreamingEngine, @unchecked Sendable {
    struct Settings: BitwiseCopyable { var gain: Float = 1 }
    struct Result: BitwiseCopyable, Equatable {
        var frame: Int
        var sum: Float
        var samples: Int
        var id: Int
    }

    let id: Int
    /// Nanoseconds that the frame takes.
    let cost: @Sendable (Int) -> UInt64
    private var sum: Float = 0
    private var samples = 0
    let frames = Atomic<Int>(0)
    /// Samples fed since it was made.
    let heard = Atomic<Int>(0)

    init(id: Int = 0, cost: @escaping @Sendable (Int) -> UInt64 = { _ in 0 }) {
        self.id = id
        self.cost = cost
    }

    func feed(_ input: UnsafePointer<Float>, count: Int) {
        for i in 0..<count { sum += input[i] }
        samples += count
        heard.add(count, ordering: .relaxed)
    }

    func infer(frame: Int, settings: Settings) -> Result {
        let nanoseconds = cost(frame)
        if nanoseconds > 0 { cr_sleep(nanoseconds) }
        frames.add(1, ordering: .relaxed)
        return Result(frame: frame, sum: sum * settings.gain, samples: samples, id: id)
    }

    func reset() {
        sum = 0
        samples = 0
    }

    func takeOver(from previous: SumEngine) {
        sum = previous.sum
        samples = previous.samples
    }
}

/// Tests that use the process's worker pools run one at a time: some count the pool's threads.
@Suite(.serialized) struct PoolTests {}
