import CRealtime
import Realtime
import Synchronization
import Testing

/// Runs a stream over blocks as a host would, and collects what it delivers on the host's time axis.
struct Delivered: Equatable {
    var time: Int
    var frame: Int
    var result: SumEngine.Result?
}

func run(
    _ stream: StreamingInference<SumEngine>, input: [Float], blocks: () -> Int, freewheeling: Bool = true,
    settings: SumEngine.Settings = .init(), between: (Int) -> Void = { _ in }
) -> [Delivered] {
    var delivered: [Delivered] = []
    var start = 0
    while start < input.count {
        let count = min(blocks(), input.count - start)
        input.withUnsafeBufferPointer { buffer in
            stream.process(buffer.baseAddress! + start, count: count, settings: settings, freewheeling: freewheeling) {
                delivered.append(Delivered(time: start + $0.offset, frame: $0.frame, result: $0.result))
            }
        }
        start += count
        between(start)
    }
    return delivered
}

extension PoolTests {
@Suite(.serialized) struct StreamingInferenceTests {
    static let timings: [StreamTiming] = [
        StreamTiming(hopNumerator: 480, inferenceBudget: 240),
        StreamTiming(hopNumerator: 441, hopDenominator: 4, lookahead: 1500, inferenceBudget: 100),
        StreamTiming(hopNumerator: 7, hopDenominator: 3, lookahead: 5, inferenceBudget: 1),
        StreamTiming(hopNumerator: 192, lookahead: 191, inferenceBudget: 0),
        StreamTiming(hopNumerator: 1, inferenceBudget: 64),
    ]

    @Test(arguments: timings) func framesTileTheInput(timing: StreamTiming) {
        var end = 0
        let first = timing.firstFrame
        #expect(timing.frameEnd(first - 1) <= 0 && timing.frameEnd(first) > 0)
        for frame in first..<(first + 2000) {
            let next = timing.frameEnd(frame)
            #expect(next > end || (next == end && timing.hopNumerator < timing.hopDenominator))
            #expect(next - end <= timing.longestFrame)
            // frameEnd is the ceiling of the exact rational time.
            let exact = frame * timing.hopNumerator + timing.lookahead * timing.hopDenominator
            #expect(next * timing.hopDenominator >= exact && (next - 1) * timing.hopDenominator < exact)
            end = next
        }
    }

    /// Whatever the block lengths: each frame once, in order, with all input up to its end and no more, at its exact time.
    @Test(arguments: timings) func deliversEachFrameAtItsExactTime(timing: StreamTiming) throws {
        var random = SeededGenerator(3)
        let input = (0..<40_000).map { _ in Float(Int.random(in: -8...8, using: &random)) }
        var sums: [Float] = [0]
        for sample in input { sums.append(sums.last! + sample) }
        for seed in 0..<6 {
            var random = SeededGenerator(UInt64(seed))
            let stream = try #require(
                StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 48_000, block: 64))
            defer { stream.close() }
            let longest = [1, 17, 64, 500, 8192, 64][seed]
            let delivered = run(stream, input: input, blocks: { Int.random(in: 0...longest, using: &random) })
            var frame = timing.firstFrame
            for item in delivered {
                #expect(item.frame == frame)
                #expect(item.time == timing.frameEnd(frame) + timing.deadline(block: 64))
                let heard = timing.frameEnd(frame)
                #expect(item.result == .init(frame: frame, sum: sums[heard], samples: heard, id: 0))
                frame += 1
            }
            #expect(timing.frameEnd(frame) + timing.deadline(block: 64) >= input.count)
            #expect(stream.lateFrames == 0)
        }
    }

    /// The reported latency, measured with an impulse.
    @Test(arguments: [(64, 0), (1024, 0), (64, 1500), (333, 77)])
    func reportedLatencyIsExact(block: Int, lookahead: Int) throws {
        let timing = StreamTiming(hopNumerator: 480, lookahead: lookahead, inferenceBudget: 240)
        let stream = try #require(StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 48_000, block: block))
        defer { stream.close() }
        // An impulse on the last sample that frame 40 hears is first heard in frame 40's result.
        var input = [Float](repeating: 0, count: 48_000)
        let impulse = timing.frameEnd(40) - 1
        input[impulse] = 1
        let delivered = run(stream, input: input, blocks: { block })
        let heard = try #require(delivered.first { $0.result!.sum == 1 })
        #expect(heard.frame == 40)
        #expect(heard.time - 40 * 480 == stream.latency)
        #expect(heard.time - (impulse + 1) == stream.deadline)
    }

    /// Live, paced like a sound card: no frame is late, and the results are those of freewheeling.
    @Test func liveEqualsFreewheeling() throws {
        var random = SeededGenerator(5)
        let input = (0..<24_000).map { _ in Float(Int.random(in: -8...8, using: &random)) }
        func take(freewheeling: Bool) throws -> ([Delivered], Int) {
            let timing = StreamTiming(hopNumerator: 240, lookahead: 100, inferenceBudget: 2400)
            let stream = try #require(
                StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 48_000, block: 240))
            defer { stream.close() }
            let start = cr_now()
            let delivered = run(
                stream, input: input, blocks: { 240 }, freewheeling: freewheeling,
                between: { position in
                    guard !freewheeling else { return }
                    let due = start + UInt64(position) * 1_000_000_000 / 48_000
                    let now = cr_now()
                    if now < due { cr_sleep(due - now) }
                })
            return (delivered, stream.lateFrames)
        }
        let offline = try take(freewheeling: true)
        let live = try take(freewheeling: false)
        #expect(offline.1 == 0)
        // A machine that stops this process for 50 ms makes a frame late; what did come must be right.
        #expect(live.0.count == offline.0.count)
        for (a, b) in zip(live.0, offline.0) where a.result != nil { #expect(a == b) }
        #expect(live.0.filter { $0.result == nil }.count == live.1)
    }

    /// The late policy, frame by frame: an engine held up on purpose at frame 10 makes the frames due meanwhile late, once each,
    /// and goes on with the newest one then waiting; what follows is at its own time with its own input, as if nothing had
    /// happened.
    @Test func lateFramesAreCountedAndNeverShiftLaterOnes() throws {
        final class Gate: @unchecked Sendable { let open = Atomic<Bool>(false) }
        let held = Gate()
        let engine = SumEngine(cost: { frame in
            if frame == 10 { while !held.open.load(ordering: .acquiring) { cr_sleep(100_000) } }
            return 0
        })
        let timing = StreamTiming(hopNumerator: 100, inferenceBudget: 100)
        let stream = try #require(StreamingInference(engine: engine, timing: timing, sampleRate: 48_000, block: 100))
        defer { stream.close() }
        let input = [Float](repeating: 1, count: 4000)
        let delivered = run(
            stream, input: input, blocks: { 100 }, freewheeling: false,
            between: { position in
                // Live pace, but the test decides what is late: wait for the engine except while it is held.
                if position == 1500 { held.open.store(true, ordering: .releasing) }
                if position < 1000 || position >= 1500 {
                    while engine.heard.load(ordering: .acquiring) < position { cr_sleep(50_000) }
                    cr_sleep(2_000_000)
                }
            })
        // Frame k ends at 100 k and is due 100 later. Frame 10 (ending at 1000) is held until 1500: frames 10 to 13, due in the
        // blocks that begin at 1100 … 1400, are late, and frame 14 is left out in favour of 15, the newest.
        let late = delivered.filter { $0.result == nil }.map(\.frame)
        #expect(late == [10, 11, 12, 13, 14])
        #expect(stream.lateFrames == 5)
        for item in delivered {
            #expect(item.time == item.frame * 100 + 100)
            if let result = item.result {
                #expect(result == .init(frame: item.frame, sum: Float(item.frame * 100), samples: item.frame * 100, id: 0))
            }
        }
        #expect(delivered.map(\.frame) == Array(1...38))
    }

    /// An engine that takes longer than a hop answers as many frames as it has time for, in time; it does not fall behind for good.
    @Test func aSlowEngineAnswersWhatItCan() throws {
        let engine = SumEngine(cost: { _ in 12_000_000 })
        let timing = StreamTiming(hopNumerator: 240, inferenceBudget: 1920)
        let stream = try #require(StreamingInference(engine: engine, timing: timing, sampleRate: 48_000, block: 240))
        defer { stream.close() }
        let start = cr_now()
        let delivered = run(
            stream, input: [Float](repeating: 1, count: 96_000), blocks: { 240 }, freewheeling: false,
            between: { position in
                let due = start + UInt64(position) * 1_000_000_000 / 48_000
                let now = cr_now()
                if now < due { cr_sleep(due - now) }
            })
        // 400 frames in 2 s, of which 12 ms each leave time for 166 at most: a good part of those come in time, to the end.
        let second = delivered.suffix(200)
        let answered = second.filter { $0.result != nil }
        #expect(answered.count > 20)
        for item in answered { #expect(item.result!.samples == item.frame * 240) }
    }

    /// Input without room becomes silence of the same length: the engine's clock stays right.
    @Test func overloadKeepsTheClock() throws {
        final class Gate: @unchecked Sendable { let open = Atomic<Bool>(false) }
        let held = Gate()
        let engine = SumEngine(cost: { _ in
            while !held.open.load(ordering: .acquiring) { cr_sleep(100_000) }
            return 0
        })
        let timing = StreamTiming(hopNumerator: 100, inferenceBudget: 100)
        let stream = try #require(
            StreamingInference(engine: engine, timing: timing, sampleRate: 1000, block: 100, longestBlock: 100))
        defer { stream.close() }
        let input = [Float](repeating: 1, count: 100_000)
        _ = run(stream, input: input, blocks: { 100 }, freewheeling: false)
        #expect(stream.lateFrames > 900)
        held.open.store(true, ordering: .releasing)
        // Then freewheeling: it waits, and every result from here on is there, with the whole length heard.
        let more = run(stream, input: [Float](repeating: 0, count: 1000), blocks: { 100 })
        let last = try #require(more.last?.result)
        #expect(last.samples == last.frame * 100)
        #expect(more.suffix(5).allSatisfy { $0.result != nil })
    }

    /// A new engine takes over between two frames, with what the old one heard; the old one is released.
    @Test func engineIsReplacedBetweenFrames() throws {
        let timing = StreamTiming(hopNumerator: 64, inferenceBudget: 64)
        weak var old: SumEngine?
        var stream: StreamingInference<SumEngine>!
        do {
            let first = SumEngine(id: 1)
            old = first
            stream = StreamingInference(engine: first, timing: timing, sampleRate: 48_000, block: 64)
        }
        defer { stream.close() }
        let before = run(stream, input: [Float](repeating: 1, count: 6400), blocks: { 50 })
        #expect(before.allSatisfy { $0.result?.id == 1 })
        stream.replaceEngine(SumEngine(id: 2))
        stream.replaceEngine(SumEngine(id: 3))
        let after = run(stream, input: [Float](repeating: 1, count: 6400), blocks: { 50 })
        #expect(after.last?.result?.id == 3)
        #expect(after.last!.result!.samples == after.last!.frame * 64)
        #expect(old == nil)
    }

    @Test func resetStartsOver() throws {
        let timing = StreamTiming(hopNumerator: 441, hopDenominator: 4, lookahead: 500, inferenceBudget: 64)
        let stream = try #require(StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 44_100, block: 64))
        defer { stream.close() }
        let input = (0..<9000).map { Float($0 % 5) }
        let first = run(stream, input: input, blocks: { 64 })
        stream.reset()
        #expect(run(stream, input: input, blocks: { 64 }) == first)
    }

    /// Frames that nobody wants are not computed and not late; those after them are as if nothing had been left out.
    @Test(arguments: [true, false]) func restsWhileNothingIsWanted(freewheeling: Bool) throws {
        let timing = StreamTiming(hopNumerator: 441, hopDenominator: 4, inferenceBudget: 100)
        let engine = SumEngine()
        let stream = try #require(StreamingInference(engine: engine, timing: timing, sampleRate: 44_100, block: 64))
        defer { stream.close() }
        let whole = try #require(StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 44_100, block: 64))
        defer { whole.close() }
        let input = (0..<12_800).map { Float($0 % 7) }
        let all = run(whole, input: input, blocks: { 64 })
        var delivered: [Delivered] = []
        for start in stride(from: 0, to: input.count, by: 64) {
            let isWanted = start < 3200 || start >= 9600
            input[start..<(start + 64)].withUnsafeBufferPointer { block in
                stream.process(
                    block.baseAddress!, count: 64, settings: isWanted ? .init() : nil, freewheeling: freewheeling
                ) { delivered.append(Delivered(time: start + $0.offset, frame: $0.frame, result: $0.result)) }
            }
            if !freewheeling { cr_sleep(1_500_000) }
        }
        #expect(delivered.map(\.time) == all.map(\.time) && delivered.map(\.frame) == all.map(\.frame))
        for (some, full) in zip(delivered, all) {
            let ended = (some.frame * 441 + 3) / 4 - 1
            if ended / 64 * 64 < 3200 || ended / 64 * 64 >= 9600 {
                // On a busy machine one may come late; freewheeling, never.
                #expect(some.result == full.result || (!freewheeling && some.result == nil))
            } else {
                #expect(some.result == nil)
            }
        }
        let missing = delivered.filter { $0.result == nil }.count
        #expect(missing - stream.lateFrames == 58)
        if freewheeling { #expect(stream.lateFrames == 0) }
    }

    /// A model that hears more or less of what follows takes over: what was asked for before comes when it was to, what comes after
    /// at the new distance, each frame once and in order.
    @Test(arguments: [(500, 100), (100, 500), (100, 2000), (2000, 0)]) func anotherLookahead(former: Int, next: Int) throws {
        let timing = StreamTiming(hopNumerator: 160, lookahead: former, inferenceBudget: 64)
        let stream = try #require(StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 48_000, block: 64))
        defer { stream.close() }
        let after = StreamTiming(hopNumerator: 160, lookahead: next, inferenceBudget: 192)
        let input = (0..<32_000).map { Float($0 % 3) }
        let change = 12_800
        let delivered = run(stream, input: input, blocks: { 64 }) { done in
            if done == change { stream.setTiming(lookahead: next, inferenceBudget: 192) }
        }
        #expect(delivered.map(\.frame) == Array(timing.firstFrame..<(timing.firstFrame + delivered.count)))
        #expect(zip(delivered, delivered.dropFirst()).allSatisfy { $0.time <= $1.time })
        #expect(stream.lateFrames == 0 && stream.latency == next + 192)
        for item in delivered {
            let isOld = timing.frameEnd(item.frame) <= change
            let isPast = !isOld && after.frameEnd(item.frame) <= change
            if isOld {
                #expect(item.time == timing.frameEnd(item.frame) + 64 && item.result?.samples == timing.frameEnd(item.frame))
            } else if isPast {
                #expect(item.result == nil)
            } else {
                #expect(item.time == max(after.frameEnd(item.frame) + 192, delivered.last { timing.frameEnd($0.frame) <= change }!.time))
                #expect(item.result?.samples == after.frameEnd(item.frame))
            }
        }
    }

    @Test func zeroSamplesAndSilenceAreFine() throws {
        let timing = StreamTiming(hopNumerator: 100, inferenceBudget: 10)
        let stream = try #require(StreamingInference(engine: SumEngine(), timing: timing, sampleRate: 48_000, block: 10))
        defer { stream.close() }
        var frames = 0
        stream.process(nil, count: 0, settings: .init(), freewheeling: true) { _ in frames += 1 }
        #expect(frames == 0)
        stream.process(nil, count: 1000, settings: .init(), freewheeling: true) { frames += $0.result!.sum == 0 ? 1 : 0 }
        #expect(frames == 9)
    }
}
}
