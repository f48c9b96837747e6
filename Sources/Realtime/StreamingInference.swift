import CRealtime
import Synchronization

/// What runs on the inference thread: one per stream.
public protocol StreamingEngine: AnyObject {
    /// Settings that travel with each frame, as they were when the frame ended.
    associatedtype Settings: BitwiseCopyable
    associatedtype Result: BitwiseCopyable

    /// Whether there is any input. Without, `feed` is never called, and each frame is made of its settings alone.
    static var takesInput: Bool { get }

    /// Takes the next `count` input samples (any number). On the inference thread, as are all of these.
    func feed(_ input: UnsafePointer<Float>, count: Int)

    /// Computes the result of frame `frame`, whose input has been fed to the last sample. Frames come in order from
    /// `StreamTiming.firstFrame` on; some may be left out after an overload, though their input is fed.
    func infer(frame: Int, settings: Settings) -> Result

    /// Forgets all input.
    func reset()

    /// Called on the engine that is about to take over a running stream: it may copy what `previous` has heard.
    func takeOver(from previous: Self)
}

extension StreamingEngine {
    public static var takesInput: Bool { true }
}

/// A frame's result at the moment it takes effect.
public struct StreamResult<Result: BitwiseCopyable>: BitwiseCopyable {
    /// Frame number; its nominal time is `frame` hops.
    public let frame: Int
    /// Where in the current block it takes effect.
    public let offset: Int
    /// `nil` if the inference thread did not deliver in time, or was not asked.
    public let result: Result?

    @inlinable init(frame: Int, offset: Int, result: Result?) {
        self.frame = frame
        self.offset = offset
        self.result = result
    }
}

/// Model inference beside an audio callback: audio in, results out at exact times, and neither thread ever waits for the other.
///
/// The audio thread calls `accept` for each block and then `next` for what takes effect in it. `accept` cuts the input into frames
/// (`StreamTiming`) and hands each to the inference thread when it is complete; `next` gives each frame's result exactly `deadline`
/// samples after the frame's end, whatever the host's block lengths are. So the delay of every result is known and constant; see
/// `latency`.
///
/// **Late results.** A frame whose result is not there when it takes effect is reported once with `result == nil`, and counted
/// in `lateFrames`; what to play then is the caller's choice (a control holds its last value, audio fades to silence). When the
/// late result arrives it is dropped. Results carry their frame's number, and each frame's time is computed from its number, so
/// later results are in their right places: a late frame never shifts those that follow.
///
/// An engine slower than its frames come answers as many as it can: when it has fallen behind, only the newest frame waiting is
/// computed, the others are fed and reported late.
///
/// **Rest.** A frame that ends with `settings` of `nil` is not computed: its input is fed with that of the next one asked for, its
/// result is `nil`, and it is not late. While nothing is asked for, the inference thread sleeps.
///
/// **Overload.** If the inference thread falls so far behind that input has no room, the input is replaced by silence of the same
/// length: the engine's clock stays right, and again only frames are late.
///
/// **Freewheeling.** With `freewheeling` true, they wait for each result: none is late, and the same input gives the same
/// results bit for bit, however long a frame takes.
///
/// **Changing the engine.** `replaceEngine` hands a new one over; the inference thread puts it in place between two frames and
/// releases the old one. The audio thread has no part in it.
public final class StreamingInference<Engine: StreamingEngine>: PoolClient, @unchecked Sendable {
    @usableFromInline struct Request: BitwiseCopyable {
        @usableFromInline var frame: Int
        @usableFromInline var written: Int
        /// Samples after `written` that found no room.
        @usableFromInline var lost: Int
        @usableFromInline var settings: Engine.Settings
        /// Freewheeling: never left out.
        @usableFromInline var isAwaited: Bool
        @usableFromInline init(frame: Int, written: Int, lost: Int, settings: Engine.Settings, isAwaited: Bool) {
            self.isAwaited = isAwaited
            self.frame = frame
            self.written = written
            self.lost = lost
            self.settings = settings
        }
    }

    @usableFromInline struct Answer: BitwiseCopyable {
        @usableFromInline var frame: Int
        @usableFromInline var result: Engine.Result
        @usableFromInline init(frame: Int, result: Engine.Result) {
            self.frame = frame
            self.result = result
        }
    }

    @usableFromInline var timing: StreamTiming
    @usableFromInline let takesInput: Bool
    @usableFromInline let input: SPSCQueue<Float>
    @usableFromInline let requests: SPSCQueue<Request>
    @usableFromInline let answers: SPSCQueue<Answer>
    @usableFromInline let callerWaits = Atomic<Bool>(false)
    @usableFromInline let progress: OpaquePointer
    @usableFromInline let nanosecondsPerSample: Double
    @usableFromInline let late = Atomic<Int>(0)
    /// The next frame to take effect, for the inference thread: frames before it have been reported already.
    @usableFromInline let nextDue = Atomic<Int>(Int.min)
    /// Requests answered since the last reset.
    @usableFromInline let completed = Atomic<Int>(0)

    // The audio thread's.
    @usableFromInline var position = 0
    @usableFromInline var blockStart = 0
    @usableFromInline var submitted = 0
    @usableFromInline var frameWritten = 0
    @usableFromInline var frameLost = 0
    /// Whether a frame in flight was asked for, at its number's low bits (`wantedMask`).
    @usableFromInline let wanted: UnsafeMutablePointer<Bool>
    @usableFromInline let wantedMask: Int
    @usableFromInline var nextFrame = 0
    @usableFromInline var nextFrameEnd = 0
    @usableFromInline var dueFrame = 0
    @usableFromInline var deadlineSamples: Int
    /// The deadline of frames before `deadlineChange`, which were requested under it.
    @usableFromInline var formerDeadline: Int
    @usableFromInline var deadlineChange = 0
    /// Host sample at which the last result took effect.
    @usableFromInline var lastEffect = 0
    @usableFromInline var longestLiveBlock: Int
    @usableFromInline let usualBlock: Int

    // The inference thread's.
    private var engine: Engine
    private let longestFrame: Int
    private let chunk: UnsafeMutablePointer<Float>
    /// Behind by more than a frame's deadline: only the newest frame waiting is worth computing.
    private var isCatchingUp = false
    private let newEngine = Atomic<UnsafeMutableRawPointer?>(nil)

    /// A stream with the pool's threads behind it. `nil` if no thread can be started.
    ///
    /// - Parameters:
    ///   - sampleRate: the host's, in Hz.
    ///   - block: the host's usual block length. A longer live block raises the deadline when it comes.
    ///   - longestBlock: the longest block the host may send; the queues hold that and a second more.
    public init?(engine: Engine, timing: StreamTiming, sampleRate: Double, block: Int, longestBlock: Int = 8192) {
        self.engine = engine
        self.timing = timing
        let reach = Int(sampleRate) + longestBlock + timing.longestFrame
        let frames = reach * timing.hopDenominator / timing.hopNumerator + 2
        takesInput = Engine.takesInput
        input = SPSCQueue(minimumCapacity: Engine.takesInput ? reach : 1)
        requests = SPSCQueue(minimumCapacity: frames)
        answers = SPSCQueue(minimumCapacity: frames)
        var inFlight = 1
        while inFlight < frames { inFlight *= 2 }
        wanted = allocateZeroed(Bool.self, inFlight)
        wantedMask = inFlight - 1
        longestFrame = timing.longestFrame
        chunk = allocateZeroed(Float.self, longestFrame)
        progress = cr_semaphore_make()!
        nanosecondsPerSample = 1e9 / sampleRate
        deadlineSamples = timing.deadline(block: block)
        formerDeadline = deadlineSamples
        longestLiveBlock = max(1, block)
        usualBlock = max(1, block)
        super.init()
        rewind()
        guard WorkerPool.register(self, .inference) else { return nil }
    }

    /// Ends the stream; the worker threads are out of it when this returns. Call it before letting go of the stream.
    public func close() {
        WorkerPool.unregister(self)
    }

    deinit {
        if let waiting = newEngine.load(ordering: .acquiring) { Unmanaged<Engine>.fromOpaque(waiting).release() }
        cr_semaphore_free(progress)
        cr_free(chunk)
        cr_free(wanted)
    }

    // MARK: Set-up threads

    /// Back to the first frame, all input and results forgotten. Not while `process` runs.
    public func reset() {
        WorkerPool.hold(self) {
            WorkerPool.forgetPending(self)
            input.drain()
            requests.drain()
            answers.drain()
            rewind()
            adoptNewEngine()
            engine.reset()
        }
    }

    /// Lets the stream go on with `engine` from the next frame on. From any one thread at a time, also while `process` runs.
    public func replaceEngine(_ engine: Engine) {
        let previous = newEngine.exchange(Unmanaged.passRetained(engine).toOpaque(), ordering: .acquiringAndReleasing)
        if let previous { Unmanaged<Engine>.fromOpaque(previous).release() }
    }

    /// Runs `body` with the engine in use while no worker is in it.
    public func withEngine(_ body: (Engine) -> Void) {
        WorkerPool.hold(self) {
            adoptNewEngine()
            body(engine)
        }
    }

    private func rewind() {
        position = 0
        frameWritten = 0
        frameLost = 0
        nextFrame = timing.firstFrame
        nextFrameEnd = timing.frameEnd(nextFrame)
        dueFrame = nextFrame
        submitted = 0
        nextDue.store(Int.min, ordering: .relaxed)
        isCatchingUp = false
        longestLiveBlock = usualBlock
        deadlineSamples = timing.deadline(block: usualBlock)
        formerDeadline = deadlineSamples
        deadlineChange = nextFrame
        lastEffect = 0
        completed.store(0, ordering: .relaxed)
        late.store(0, ordering: .relaxed)
    }

    // MARK: Audio thread

    /// Frames since the last reset whose result came too late.
    @inlinable public var lateFrames: Int { late.load(ordering: .relaxed) }

    /// Host samples from a frame's end until its result takes effect.
    @inlinable public var deadline: Int { deadlineSamples }

    /// Host samples from a frame's nominal time (k hops) until its result takes effect, rounded up.
    @inlinable public var latency: Int { timing.lookahead + deadlineSamples }

    /// Changes how far beyond its time a frame hears, and the time it may take, both in host samples: the frames' ends and the deadline follow
    /// from the next frame on. With less to hear, those whose ends are past by now are left out. On the audio thread.
    @inlinable @inline(__always) public func setTiming(lookahead: Int, inferenceBudget: Int) {
        if timing.inferenceBudget != inferenceBudget {
            timing.inferenceBudget = inferenceBudget
            setDeadline(timing.deadline(block: longestLiveBlock))
        }
        let shift = timing.lookahead - lookahead
        if shift != 0 {
            // Frames already requested take effect when they were to.
            keepDeadline()
            formerDeadline += shift
            timing.lookahead = lookahead
            while timing.frameEnd(nextFrame) <= position {
                wanted[nextFrame & wantedMask] = false
                nextFrame += 1
            }
            nextFrameEnd = timing.frameEnd(nextFrame)
        }
    }

    /// Announces a block of `count` samples whose input comes in several calls of `accept`. On the audio thread.
    @inlinable @inline(__always) public func begin(block count: Int, freewheeling: Bool) {
        guard !freewheeling, count > longestLiveBlock else { return }
        longestLiveBlock = count
        setDeadline(timing.deadline(block: count))
    }

    /// Frames already requested keep the deadline they were requested with: they were promised that much time.
    @inlinable @inline(__always) func setDeadline(_ samples: Int) {
        guard samples != deadlineSamples else { return }
        keepDeadline()
        deadlineSamples = samples
    }

    /// The deadline in force becomes that of all frames requested so far.
    @inlinable @inline(__always) func keepDeadline() {
        // After several changes between two frames, they had that before the first.
        if dueFrame < deadlineChange {
            if deadlineChange < nextFrame { formerDeadline = max(formerDeadline, deadlineSamples) }
        } else {
            formerDeadline = deadlineSamples
        }
        deadlineChange = nextFrame
    }

    /// Takes a block of `count` input samples (`nil`: silence), and `settings` for the frames that end in it (`nil`: they are not
    /// wanted). Then call `next` until it answers `nil`. On the audio thread: no
    /// allocation, no lock; waits only if `freewheeling`.
    @inlinable @inline(__always)
    public func accept(_ samples: UnsafePointer<Float>?, count: Int, settings: Engine.Settings?, freewheeling: Bool) {
        guard count > 0 else { return }
        begin(block: count, freewheeling: freewheeling)
        blockStart = position
        let blockEnd = position + count
        while position < blockEnd {
            let piece = min(nextFrameEnd, blockEnd) - position
            if let samples {
                write(samples + (position - blockStart), count: piece, freewheeling)
            } else {
                write(nil, count: piece, freewheeling)
            }
            position += piece
            if position == nextFrameEnd { finishFrame(settings, freewheeling) }
        }
    }

    /// The next result that takes effect in the block just accepted; in order.
    @inlinable @inline(__always)
    public func next(freewheeling: Bool) -> StreamResult<Engine.Result>? {
        // Under a deadline that has become shorter, frames wait for those before them.
        let frame = dueFrame
        let due = max(lastEffect, timing.frameEnd(frame) + (frame < deadlineChange ? formerDeadline : deadlineSamples))
        guard due < position else { return nil }
        lastEffect = due
        dueFrame += 1
        nextDue.store(dueFrame, ordering: .relaxed)
        guard wanted[frame & wantedMask] else { return StreamResult(frame: frame, offset: max(0, due - blockStart), result: nil) }
        let result = takeAnswer(for: frame, freewheeling)
        if result == nil { late.add(1, ordering: .relaxed) }
        return StreamResult(frame: frame, offset: max(0, due - blockStart), result: result)
    }

    /// `accept` and `next` in one, for callers that may use closures.
    @inlinable public func process(
        _ samples: UnsafePointer<Float>?, count: Int, settings: Engine.Settings?, freewheeling: Bool,
        deliver: (StreamResult<Engine.Result>) -> Void
    ) {
        accept(samples, count: count, settings: settings, freewheeling: freewheeling)
        if count > 0 { while let result = next(freewheeling: freewheeling) { deliver(result) } }
    }

    @inlinable @inline(__always)
    func write(_ samples: UnsafePointer<Float>?, count: Int, _ freewheeling: Bool) {
        guard takesInput else { return }
        if freewheeling { while input.room < count { waitForProgress() } }
        if frameLost == 0 && input.room >= count {
            if let samples {
                _ = input.push(samples, count: count)
            } else {
                for _ in 0..<count { _ = input.push(0) }
            }
            frameWritten += count
        } else {
            frameLost += count
        }
    }

    @inlinable @inline(__always)
    func finishFrame(_ settings: Engine.Settings?, _ freewheeling: Bool) {
        let frame = nextFrame
        nextFrame += 1
        nextFrameEnd = timing.frameEnd(nextFrame)
        guard let settings else {
            wanted[frame & wantedMask] = false
            return
        }
        wanted[frame & wantedMask] = true
        if freewheeling { while requests.room == 0 { waitForProgress() } }
        let request = Request(
            frame: frame, written: frameWritten, lost: frameLost, settings: settings, isAwaited: freewheeling)
        if requests.push(request) {
            let nanoseconds = UInt64(Double(deadlineSamples) * nanosecondsPerSample)
            submit(deadline: cr_now() + nanoseconds)
            frameWritten = 0
            frameLost = 0
            submitted += 1
        }
        // A request that found no room is made up for by the next: it carries this frame's samples too.
    }

    @inlinable @inline(__always)
    func takeAnswer(for frame: Int, _ freewheeling: Bool) -> Engine.Result? {
        while true {
            while let answer = answers.peek(), answer.frame < frame { _ = answers.pop() }
            if let answer = answers.peek() {
                guard answer.frame == frame else { return nil }
                _ = answers.pop()
                return answer.result
            }
            // A frame that was never requested (an overload before freewheeling began) has no answer to wait for.
            guard freewheeling, completed.load(ordering: .acquiring) < submitted || answers.count > 0 else { return nil }
            waitForProgress()
        }
    }

    /// Waits until the inference thread has answered another request (freewheeling only). It may return early, never late: the
    /// time limit covers an answer that came between the caller's look and the wait.
    @inlinable @inline(__always)
    func waitForProgress() {
        callerWaits.store(true, ordering: .sequentiallyConsistent)
        if completed.load(ordering: .sequentiallyConsistent) < submitted {
            _ = cr_semaphore_wait_freewheeling(progress, 2_000_000)
        }
        callerWaits.store(false, ordering: .sequentiallyConsistent)
    }

    // MARK: Inference thread

    public override func performNext() {
        guard let request = requests.pop() else { return }
        adoptNewEngine()
        var left = request.written
        while left > 0 {
            let count = min(left, longestFrame)
            _ = input.pop(into: chunk, count: count)
            engine.feed(chunk, count: count)
            left -= count
        }
        left = request.lost
        if left > 0 { cr_zero(chunk, longestFrame * MemoryLayout<Float>.stride) }
        while left > 0 {
            let count = min(left, longestFrame)
            engine.feed(chunk, count: count)
            left -= count
        }
        // A result that nobody will take would only make the next one late too. Once behind, all but the newest waiting frame are
        // passed over, which is heard as fewer frames, not as none.
        if request.frame < nextDue.load(ordering: .relaxed) { isCatchingUp = true }
        if requests.count == 0 { isCatchingUp = false }
        if request.isAwaited || !isCatchingUp {
            let result = engine.infer(frame: request.frame, settings: request.settings)
            // Room is certain while the audio thread runs: it drops answers as fast as it counts their frames late.
            _ = answers.push(Answer(frame: request.frame, result: result))
        }
        completed.add(1, ordering: .sequentiallyConsistent)
        if callerWaits.load(ordering: .sequentiallyConsistent) { cr_semaphore_post(progress) }
    }

    private func adoptNewEngine() {
        guard let waiting = newEngine.exchange(nil, ordering: .acquiringAndReleasing) else { return }
        let next = Unmanaged<Engine>.fromOpaque(waiting).takeRetainedValue()
        next.takeOver(from: engine)
        engine = next
    }
}
