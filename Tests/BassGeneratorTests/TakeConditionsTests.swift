import BassGenerator
import Foundation
import Neural
import Testing

@Suite struct TakeConditionsTests {
    private func rows(_ frames: Int, _ fill: (Double, UnsafeMutablePointer<Float>) -> Void, size: Int) -> [Float] {
        (0..<frames).flatMap { frame -> [Float] in
            var row = [Float](repeating: 0, count: size)
            fill((Double(frame) + 0.5) * 0.048, &row)
            return row
        }
    }

    @Test func beatsAndChordsMatchTheReference() throws {
        let vectors = try Vectors("generator.safetensors")
        let grid = BeatGrid(beats: (0..<9).map { Double($0) * 0.31 }, bars: (0..<8).map { $0 / 4 })
        #expect(try difference(rows(48, { grid.features(at: $0, into: $1) }, size: 7), vectors.array("beat")) < 1e-5)
        let roots = [0, 0, 5, 5, 7, 7, 9, 9], tones: [UInt16] = [145, 145, 545, 545, 2180, 2180, 529, 529]
        let chart = ChordChart(grid: grid, chords: zip(roots, tones).map { .init(root: $0, tones: $1) })
        #expect(try rows(48, { chart.features(at: $0, into: $1) }, size: 25) == vectors.array("chords"))
        let long = BeatGrid(beats: (0..<31).map { Double($0) * 0.5 }, bars: (0..<30).map { $0 / 4 })
        #expect(try difference(rows(300, { long.features(at: $0, into: $1) }, size: 7), vectors.array("long_beat")) < 1e-5)
    }

    @Test func framesOfTimes() {
        #expect(BassFormat.frames(from: 0, to: 0.48) == 0..<10)
        #expect(BassFormat.frames(from: 0.03, to: 0.07) == 1..<1)
        #expect(BassFormat.frames(from: 0.03, to: 0.1) == 1..<2)
        #expect(BassFormat.frames(from: 2, to: 1).isEmpty && BassFormat.frames(from: -5, to: 0.05) == 0..<1)
        // Neighbours share no frame and leave none out.
        let times = (0..<100).map { Double($0 * $0) * 0.013 }
        for (a, (b, c)) in zip(times, zip(times.dropFirst(), times.dropFirst(2))) {
            #expect(BassFormat.frames(from: a, to: b).upperBound == BassFormat.frames(from: b, to: c).lowerBound)
        }
    }

    @Test func steadyTempo() {
        let grid = BeatGrid(tempo: 120, beatsPerBar: 3, downbeat: 0.7, seconds: 20)
        #expect(grid.beats.first! <= 0 && grid.beats.last! >= 20)
        for (time, beat, bar) in [(0.7, 0.0, 0.0), (1.45, 0.5, 0.5), (2.2, 0.0, 0.0), (0.2, 0.0, 2.0 / 3), (12.7, 0.0, 0.0)] {
            var row = [Float](repeating: 0, count: 7)
            grid.features(at: time, into: &row)
            let wanted: [Double] = [beat, bar, 2 * beat].flatMap { [sin(2 * .pi * $0), cos(2 * .pi * $0)] }
            for (a, b) in zip(row, wanted) { #expect(abs(Double(a) - b) < 1e-4, "\(time)") }
            #expect(row[6] == 1)
        }
    }

    @Test func unknownChordsAreZeros() {
        let grid = BeatGrid(tempo: 60, beatsPerBar: 1, downbeat: 0, seconds: 2)
        var chords = [ChordChart.Chord?](repeating: nil, count: grid.bars.count)
        chords[2] = .init(root: -1, tones: 1)
        let chart = ChordChart(grid: grid, chords: chords)
        var row = [Float](repeating: 0, count: 25)
        chart.features(at: grid.beats[1] + 0.5, into: &row)
        #expect(row.allSatisfy { $0 == 0 })
        chart.features(at: grid.beats[2] + 0.5, into: &row)
        #expect(row[11] == 1 && row[12] == 1 && row[24] == 1 && row.reduce(0, +) == 3)
    }

    @Test func storedConditionsSayWhatIsKnown() throws {
        let conditions = StoredConditions(frames: 20)
        let buffers = try [20 * 416, 20, 20 * 7, 20 * 25].map { try FloatBuffer(count: $0) }
        defer { withExtendedLifetime(buffers) {} }
        let rows = ConditionRows(mix: buffers[0].base, mixKnown: buffers[1].base, beat: buffers[2].base, chords: buffers[3].base)
        try conditions.read(first: 0, count: 20, into: rows)
        #expect(buffers.allSatisfy { b in (0..<b.count).allSatisfy { b.base[$0] == 0 } })
        conditions.mix = try FloatBuffer(count: 20 * 416)
        for i in 0..<20 * 416 { conditions.mix!.base[i] = Float(i) }
        conditions.mixKnown = 5..<10
        conditions.beats = BeatGrid(tempo: 100, beatsPerBar: 4, downbeat: 0, seconds: 2)
        try conditions.read(first: 4, count: 3, into: rows)
        #expect(array(buffers[1], 3) == [0, 1, 1])
        #expect(rows.mix[0] == 0 && rows.mix[416] == Float(5 * 416))
        #expect((0..<3).allSatisfy { rows.beat[7 * $0 + 6] == 1 })
    }

    /// A mix that is read as it is needed gives the take of one that lies in memory.
    @Test(arguments: [24_000, 44_100]) func streamedConditionsAreTheSame(rate: Int) throws {
        let coder = try tinyAutoencoder()
        var random = SeededGenerator(6)
        let mix = (0..<rate * 40).map { _ in Float.random(in: -0.5...0.5, using: &random) }
        let frames = 834 + 30  // beyond its end
        let whole = try BassFrontEnd(filters: coder.filters, sampleRate: rate)
        try whole.feed(mix, mix, count: mix.count)
        try whole.finish()
        #expect(whole.available == 834)
        let stored = StoredConditions(frames: frames)
        stored.mix = try FloatBuffer(count: frames * 416)
        for i in 0..<frames * 416 { stored.mix!.base[i] = BassFrontEnd.silence }
        _ = whole.read(into: stored.mix!.base, maximum: 834)
        stored.beats = BeatGrid(tempo: 90, beatsPerBar: 4, downbeat: 0.3, seconds: 42)

        var at = 0
        let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: rate)
        let streamed = try StreamedConditions(frames: frames, frontEnd: frontEnd) { left, right, count in
            let count = min(min(count, 1 + at % 3000), mix.count - at)
            for n in 0..<count { (left[n], right[n]) = (mix[at + n], mix[at + n]) }
            at += count
            return count
        }
        streamed.beats = stored.beats
        let sampler = try Sampler(model: tinyGenerator())
        let a = try sampler.sample(stored, SamplerSettings()), b = try sampler.sample(streamed, SamplerSettings())
        #expect(array(a) == array(b))
        #expect(streamed.held <= 400)
    }

    @Test func readersErrorsComeThrough() throws {
        let frontEnd = try BassFrontEnd(filters: tinyAutoencoder().filters, sampleRate: 48_000)
        let streamed = try StreamedConditions(frames: 10, frontEnd: frontEnd) { (_, _, _) throws(TakeError) -> Int in
            throw .cancelled
        }
        #expect(throws: TakeError.self) { try Sampler(model: tinyGenerator()).sample(streamed, SamplerSettings()) }
    }

    @Test func analysesMixes() throws {
        let vectors = try Vectors("generator.safetensors")
        let model = try tinyGenerator()
        let mix = try vectors.array("mix")
        func analysis(_ mix: [Float]) throws -> MixAnalysis {
            let conditions = StoredConditions(frames: mix.count / 416)
            conditions.mix = try FloatBuffer(count: mix.count)
            conditions.mix!.base.update(from: mix, count: mix.count)
            return try MixAnalysis(conditions, model: model)
        }
        let short = try analysis(mix)
        #expect(try difference(array(short.values, 48 * 29), vectors.array("auxiliary")) < 1e-4)
        for frame in 0..<48 {
            let row = try Array(vectors.array("auxiliary")[29 * frame..<29 * frame + 29])
            let root = row[..<13].indices.max { row[$0] < row[$1] }!
            #expect(short.root(at: frame) == (root == 12 ? nil : root))
            #expect(abs(short.tones(at: frame)[3] - 1 / (1 + exp(-row[16]))) < 1e-4)
            let phases = short.phases(at: frame)
            #expect(abs(phases.beatStrength * sin(2 * .pi * phases.beat) - row[25]) < 1e-4)
            #expect(abs(phases.barStrength * cos(2 * .pi * phases.bar) - row[28]) < 1e-4)
            #expect((0..<1).contains(phases.beat) && (0..<1).contains(phases.bar))
        }
        // In pieces.
        let long = (0..<20).flatMap { _ in mix }
        let whole = try analysis(long)
        let part = try analysis(Array(long[240 * 416..<300 * 416]))
        #expect(array(part.values, 60 * 29)[3 * 29..<57 * 29] == array(whole.values, 960 * 29)[243 * 29..<297 * 29])
    }
}
