import BassGenerator
import CRealtime
import Foundation
import Neural
import Testing

@Suite struct SamplerTests {
    let vectors: Vectors

    init() throws { vectors = try Vectors("generator.safetensors") }

    /// The golden conditions as they are.
    private final class Golden: TakeConditions {
        let buffers: [FloatBuffer]
        init(_ vectors: Vectors) throws {
            buffers = try ["mix", "mix_known", "beat", "chords"].map { try vectors.buffer($0) }
            super.init(frames: 48)
        }
        override func read(first: Int, count: Int, into rows: ConditionRows) throws(TakeError) {
            for (buffer, to, size) in [
                (buffers[0], rows.mix, 416), (buffers[1], rows.mixKnown, 1), (buffers[2], rows.beat, 7), (buffers[3], rows.chords, 25),
            ] {
                to.update(from: buffer.base + first * size, count: count * size)
            }
        }
    }

    private func settings(steps: Int, guidance: Float) -> SamplerSettings {
        var settings = SamplerSettings()
        settings.steps = steps
        settings.guidance = guidance
        settings.hearsChords = false  // the trajectories of the reference are without
        return settings
    }

    private func check(
        _ name: String, _ model: BassGeneratorModel, _ conditions: TakeConditions, _ settings: SamplerSettings,
        start: [Float]? = nil
    ) throws {
        var trace: [Float] = []
        let noise = try latents(vectors.array("noise"))
        let count = conditions.frames * 24
        let z = try Sampler(model: model).sample(
            conditions, settings, start: start.map { try latents($0) }, noise: noise
        ) { z in trace += (0..<count).map { z[$0] } }
        #expect(array(z) == trace.suffix(count))
        let worst = try difference(trace, vectors.array(name))
        #expect(worst < 1e-3, "\(name): \(worst)")
    }

    @Test(arguments: levels) func trajectories(level: Int) throws {
        let model = try tinyGenerator(level)
        try check("trajectory", model, Golden(vectors), settings(steps: 4, guidance: 2))
        var varied = settings(steps: 3, guidance: 1)
        varied.variation = 0.6
        try check("varied", model, Golden(vectors), varied, start: vectors.array("start"))

        let conditions = try Golden(vectors)
        conditions.kept = try KeptLine(frames: 48)
        try conditions.kept!.keep(0..<12, of: latents(vectors.array("kept")))
        try conditions.kept!.keep(40..<48, of: latents(vectors.array("kept")))
        var styled = settings(steps: 4, guidance: 2)
        let style = try vectors.array("style")
        styled.style = BassStyle(timbre: SIMD8(style))
        styled.styleStrength = 0.8
        try check("styled", model, conditions, styled)
    }

    /// The same weights, said to be distilled.
    @Test(arguments: levels) func distilled(level: Int) throws {
        var file = try ModelFile("tiny-generator.safetensors")
        file.metadata["sizes"] = file.metadata["sizes"]!.replacingOccurrences(of: "}", with: ", \"distilled\": true}")
        let model = try #require(
            try ModelFile.open(file.bytes) { try BassGeneratorModel(path: $0, kernels: Kernels(atMost: level)) }.model)
        #expect(model.isDistilled)
        #expect(try !tinyGenerator().isDistilled)
        try check("distilled", model, Golden(vectors), settings(steps: 2, guidance: 2))
        // Small steps, and guidance that no distillation taught, are the flow's.
        for wanted in [settings(steps: 9, guidance: 2), settings(steps: 2, guidance: 5), settings(steps: 2, guidance: 0.5)] {
            let a = try Sampler(model: model).sample(Golden(vectors), wanted)
            let b = try Sampler(model: tinyGenerator(level)).sample(Golden(vectors), wanted)
            #expect(array(a) == array(b))
        }
    }

    /// Two windows of a long song.
    private final class Long: TakeConditions {
        let beat: FloatBuffer
        init(_ vectors: Vectors) throws {
            beat = try vectors.buffer("long_beat")
            super.init(frames: 300)
        }
        override func read(first: Int, count: Int, into rows: ConditionRows) throws(TakeError) {
            rows.beat.update(from: beat.base + first * 7, count: count * 7)
        }
    }

    @Test(arguments: levels) func longSongs(level: Int) throws {
        let sampler = try Sampler(model: tinyGenerator(level))
        let z = try sampler.sample(
            Long(vectors), settings(steps: 2, guidance: 1.5), noise: latents(vectors.array("long_noise")))
        let worst = try difference(array(z), Array(vectors.array("long").suffix(7200)))
        #expect(worst < 1e-3, "\(worst)")
    }

    @Test func windows() {
        #expect(Sampler.windowStarts(frames: 1) == [0])
        #expect(Sampler.windowStarts(frames: 256) == [0])
        #expect(Sampler.windowStarts(frames: 257) == [0, 1])
        #expect(Sampler.windowStarts(frames: 448) == [0, 192])
        #expect(Sampler.windowStarts(frames: 450) == [0, 192, 194])
        #expect(Sampler.windowStarts(frames: 1000) == [0, 192, 384, 576, 744])
    }

    /// Conditions that depend on the frame alone, and note what was asked.
    private final class Written: TakeConditions {
        var asked: [Range<Int>] = []
        override func read(first: Int, count: Int, into rows: ConditionRows) throws(TakeError) {
            asked.append(first..<first + count)
            for row in 0..<count {
                for c in 0..<416 { rows.mix[row * 416 + c] = Float((first + row) * 31 % 17 + c % 5) / 17 - 0.5 }
                rows.mixKnown[row] = 1
            }
        }
    }

    /// In whatever order windows take their steps, the bits are the same: a style of no strength has them go in step.
    @Test(arguments: [256, 257, 448, 450, 640, 1500]) func orderDoesNotMatter(frames: Int) throws {
        let sampler = try Sampler(model: tinyGenerator())
        var wanted = settings(steps: 5, guidance: 2)
        let first = Written(frames: frames), second = Written(frames: frames)
        let free = try array(sampler.sample(first, wanted))
        wanted.style = BassStyle(timbre: SIMD8(repeating: 3))
        wanted.styleStrength = 0
        let inStep = try array(sampler.sample(second, wanted))
        #expect(free == inStep)
        #expect(first.asked == second.asked && zip(first.asked, first.asked.dropFirst()).allSatisfy { $0.lowerBound < $1.lowerBound })
        #expect(free.allSatisfy { $0.isFinite })
    }

    /// However long a song is, as many windows are held as there are steps, and one or two.
    @Test func longSongsTakeNoMoreMemory() throws {
        let sampler = try Sampler(model: tinyGenerator())
        for frames in [2000, 6000] {
            var wanted = settings(steps: 4, guidance: 1)
            _ = try sampler.sample(Written(frames: frames), wanted)
            #expect(sampler.windowsHeld <= 6)
            wanted.style = BassStyle()
            wanted.styleStrength = 1
            _ = try sampler.sample(Written(frames: frames), wanted)
            #expect(sampler.windowsHeld == Sampler.windowStarts(frames: frames).count)
        }
    }

    @Test func seedsMakeTakes() throws {
        let sampler = try Sampler(model: tinyGenerator())
        func take(_ seed: UInt64) throws -> [Float] {
            var wanted = settings(steps: 2, guidance: 2)
            wanted.seed = seed
            return try array(sampler.sample(Golden(vectors), wanted))
        }
        let one = try take(1)
        #expect(try take(1) == one)
        #expect(try difference(take(2), one) > 0.1)
    }

    /// From an independent implementation of the generator's description.
    @Test func noiseIsAsDocumented() {
        var found = [Float](repeating: 0, count: 6)
        GaussianNoise(seed: 1).fill(&found, first: 0, count: 6)
        let wanted: [Float] = [-1.04003778, -0.23379574, -0.61021610, 0.46290480, 0.24091029, -0.02853391]
        #expect(difference(found, wanted) < 1e-6)
        var later = [Float](repeating: 0, count: 4)
        GaussianNoise(seed: 1).fill(&later, first: 2, count: 4)
        #expect(later == Array(found[2...]))
        var many = [Float](repeating: 0, count: 200_000)
        GaussianNoise(seed: 77).fill(&many, first: 0, count: many.count)
        let mean = many.reduce(0.0) { $0 + Double($1) } / 2e5, square = many.reduce(0.0) { $0 + Double($1 * $1) } / 2e5
        #expect(abs(mean) < 0.01 && abs(square - 1) < 0.02)
    }

    @Test func keepsWhatIsKept() throws {
        let sampler = try Sampler(model: tinyGenerator())
        let conditions = Written(frames: 500)
        var random = SeededGenerator(8)
        let line = (0..<500 * 24).map { _ in Float.random(in: -2...2, using: &random) }
        conditions.kept = try KeptLine(frames: 500)
        try conditions.kept!.keep(0..<500, of: latents(line))
        conditions.kept!.release(200..<300)
        let made = try array(sampler.sample(conditions, settings(steps: 3, guidance: 2)))
        #expect(difference(Array(made[..<(200 * 24)]), Array(line[..<(200 * 24)])) < 1e-5)
        #expect(difference(Array(made[(300 * 24)...]), Array(line[(300 * 24)...])) < 1e-5)
        #expect(difference(Array(made[200 * 24..<300 * 24]), Array(line[200 * 24..<300 * 24])) > 0.1)
    }

    /// A take that goes on where another stopped: its first frames are the other's last.
    @Test func continues() throws {
        let sampler = try Sampler(model: tinyGenerator())
        let before = try sampler.sample(Written(frames: 60), settings(steps: 2, guidance: 1))
        let conditions = Written(frames: 50)
        conditions.kept = try KeptLine(frames: 50)
        conditions.kept!.keep(0..<20, of: before, offset: 40)
        let after = try array(sampler.sample(conditions, settings(steps: 2, guidance: 1)))
        #expect(difference(Array(after[..<(20 * 24)]), Array(array(before)[(40 * 24)...])) < 1e-5)
        // What the other does not have is not kept.
        let kept = try KeptLine(frames: 50)
        kept.keep(10..<40, of: before, offset: 30)
        #expect(kept.mask == (0..<50).map { (10..<30).contains($0) })
    }

    @Test func variesByDegrees() throws {
        let sampler = try Sampler(model: tinyGenerator())
        let start = try vectors.array("start")
        func distance(_ variation: Float) throws -> Float {
            var wanted = settings(steps: 4, guidance: 1)
            wanted.variation = variation
            let made = try array(sampler.sample(Golden(vectors), wanted, start: latents(start)))
            var sum: Float = 0
            for (a, b) in zip(made, start) { sum += (a - b) * (a - b) }
            return sum
        }
        #expect(try distance(0) == 0)
        let some = try distance(0.3), more = try distance(0.9)
        #expect(some > 0 && more > some)
    }

    /// With its whole strength the style is reached exactly; the line stays as it is without it, in a network of one step.
    @Test func groundsTheStyle() throws {
        let sampler = try Sampler(model: tinyGenerator())
        var wanted = settings(steps: 1, guidance: 2)
        let plain = try array(sampler.sample(Written(frames: 300), wanted))
        wanted.style = BassStyle(timbre: SIMD8(1, -1, 0.5, 2, 0, 0.25, -2, 1))
        let made = try array(sampler.sample(Written(frames: 300), wanted))
        for c in 0..<24 {
            let mean = (0..<300).reduce(0.0) { $0 + Double(made[$1 * 24 + c]) } / 300
            if c >= 16 { #expect(abs(mean - Double(wanted.style!.timbre[c - 16])) < 1e-4) }
            if c < 16 { #expect((0..<300).allSatisfy { made[$0 * 24 + c] == plain[$0 * 24 + c] }) }
        }
    }

    @Test func clampsSettings() throws {
        let sampler = try Sampler(model: tinyGenerator())
        var wanted = settings(steps: 0, guidance: .nan)
        wanted.rescale = .infinity
        wanted.styleStrength = .nan
        wanted.variation = -3
        #expect(try array(sampler.sample(Golden(vectors), wanted)).allSatisfy { $0.isFinite })
        wanted.steps = 1000
        wanted.guidance = 1e30
        var count = 0
        _ = try sampler.sample(Golden(vectors), wanted) { _ in count += 1 }
        #expect(count == 32)
    }

    @Test func tellsProgressAndStops() throws {
        let sampler = try Sampler(model: tinyGenerator())
        let control = TakeControl()
        #expect(control.progress == 0)
        _ = try sampler.sample(Written(frames: 600), settings(steps: 3, guidance: 2), control: control)
        #expect(control.progress == 1)

        // Cancelled from another thread in the middle of a take that would last for minutes.
        let late = TakeControl()
        let stop = Thread {
            while late.progress < 0.001 { usleep(1000) }
            late.cancel()
        }
        stop.start()
        let error = #expect(throws: TakeError.self) {
            _ = try sampler.sample(Written(frames: 200_000), settings(steps: 32, guidance: 2), control: late)
        }
        #expect(error?.message == "cancelled")
        #expect(late.progress < 0.1)
        // The sampler is as good as new.
        #expect(try array(sampler.sample(Written(frames: 48), settings(steps: 2, guidance: 2))).allSatisfy { $0.isFinite })
    }

    /// Weights within their bounds whose sums are not: an error, not a take of NaN.
    @Test func refusesWhatIsNoNumber() throws {
        var file = try ModelFile("tiny-generator.safetensors")
        for name in file.tensors.keys { for i in file.tensors[name]!.values.indices { file.tensors[name]!.values[i] = 1e4 } }
        let model = try #require(try ModelFile.open(file.bytes) { try BassGeneratorModel(path: $0) }.model)
        let error = #expect(throws: TakeError.self) {
            _ = try Sampler(model: model).sample(Golden(vectors), settings(steps: 2, guidance: 2))
        }
        #expect(error?.message.contains("no finite numbers") == true)
    }

    /// Takes of a frame and a few, from a mix to sound and back.
    @Test(arguments: [1, 2, 3, 7, 17]) func shortTakes(frames: Int) throws {
        let coder = try tinyAutoencoder()
        var wanted = settings(steps: 3, guidance: 2)
        wanted.style = BassStyle(timbre: SIMD8(repeating: 0.5))
        let made = try Sampler(model: tinyGenerator()).sample(Written(frames: frames), wanted)
        #expect(made.frames == frames && array(made).allSatisfy { $0.isFinite })
        let take = try BassTake(latents: made, model: coder)
        #expect(take.line.pitch.count == 6 * frames)
        let renderer = try take.renderer(sampleRate: 48_000)
        #expect(renderer.length == 2304 * frames)
        var left = [Float](repeating: .nan, count: renderer.length + 5), right = left
        try renderer.render(left: &left, right: &right, count: left.count)
        #expect(left.allSatisfy { $0.isFinite } && left.suffix(5).allSatisfy { $0 == 0 })
        let features = (0..<frames * 416).map { Float($0 % 13) / 13 }
        #expect(try array(coder.encode(features, frames: frames)).allSatisfy { $0.isFinite })
        #expect(try MixAnalysis(Written(frames: frames), model: tinyGenerator()).frames == frames)
    }

    /// Models are shared by threads.
    @Test func takesAtTheSameTime() async throws {
        let model = try tinyGenerator(), coder = try tinyAutoencoder()
        @Sendable func take(_ seed: UInt64) throws -> [Float] {
            var wanted = SamplerSettings()
            wanted.seed = seed
            let take = try BassTake(latents: Sampler(model: model).sample(Written(frames: 300), wanted), model: coder)
            let renderer = try take.renderer(sampleRate: 24_000)
            var left = [Float](repeating: 0, count: renderer.length), right = left
            try renderer.render(left: &left, right: &right, count: left.count)
            return array(take.latents) + left
        }
        let alone = try (0..<4).map { try take(UInt64($0)) }
        let together = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for i in 0..<4 { group.addTask { try (i, take(UInt64(i))) } }
            return try await group.reduce(into: [Int: [Float]]()) { $0[$1.0] = $1.1 }
        }
        for i in 0..<4 { #expect(together[i] == alone[i]) }
    }
}
