import BassGenerator
import Foundation
import Neural
import Testing

@Suite struct BeatTrackingTests {
    /// What a head would say of a song whose beats are a function of time, with noise.
    private func analysis(
        seconds: Double, beatsPerBar: Int, noise: Float = 0.3, beatLevel: Float = 0.7, barLevel: Float = 0.5, seed: Int = 1,
        _ beats: (Double) -> Double
    ) throws -> MixAnalysis {
        let frames = Int(seconds / 0.048)
        let values = try FloatBuffer(count: frames * 29)
        var random = SeededGenerator(seed)
        for frame in 0..<frames {
            let beat = beats((Double(frame) + 0.5) * 0.048)
            let row = values.base + 29 * frame
            for (i, phase) in [beat, beat / Double(beatsPerBar)].enumerated() {
                let level = i == 0 ? beatLevel : barLevel
                row[25 + 2 * i] = level * Float(sin(2 * .pi * phase)) + Float.random(in: -noise...noise, using: &random)
                row[26 + 2 * i] = level * Float(cos(2 * .pi * phase)) + Float.random(in: -noise...noise, using: &random)
            }
        }
        return MixAnalysis(values: values, frames: frames)
    }

    /// The greatest distance of a grid's beats from those wanted, s, and whether its bars begin where they should.
    private func check(
        _ tracked: TrackedBeats, seconds: Double, beatsPerBar: Int, _ beats: (Double) -> Double
    ) -> (worst: Double, barsAreRight: Bool) {
        var worst = 0.0
        var barsAreRight = tracked.beatsPerBar == beatsPerBar
        for (i, time) in tracked.grid.beats.dropLast().enumerated() where time > 0 && time < seconds {
            let beat = beats(time)
            let slope = (beats(time + 0.01) - beats(time - 0.01)) / 0.02
            worst = max(worst, abs(beat - beat.rounded()) / slope)
            let isFirst = i == 0 || tracked.grid.bars[i] != tracked.grid.bars[i - 1]
            if i > 0, isFirst != (Int(beat.rounded()) % beatsPerBar == 0) { barsAreRight = false }
        }
        return (worst, barsAreRight)
    }

    @Test(arguments: [(72.0, 4), (98.3, 3), (120, 4), (151, 4), (110, 5), (130, 2)])
    func steady(example: (tempo: Double, beatsPerBar: Int)) throws {
        let beats = { (time: Double) in (time - 0.37) * example.tempo / 60 + Double(4 * example.beatsPerBar) }
        let tracked = try #require(
            try analysis(seconds: 40, beatsPerBar: example.beatsPerBar, beats).beats())
        let (worst, barsAreRight) = check(tracked, seconds: 40, beatsPerBar: example.beatsPerBar, beats)
        #expect(worst < 0.02, "\(worst)")
        #expect(barsAreRight)
        #expect(abs(tracked.tempo / example.tempo - 1) < 0.01)
        #expect(tracked.grid.beats.first! <= 0 && tracked.grid.beats.last! >= 40)
        #expect(tracked.beatConfidence > 0.5 && tracked.barConfidence > 0.3)
    }

    /// A tempo that drifts by 5 % and back.
    @Test func drifting() throws {
        let beats = { (time: Double) in 2 * time + 0.8 * sin(2 * .pi * time / 50) + 8.2 }
        let tracked = try #require(try analysis(seconds: 100, beatsPerBar: 4, beats).beats())
        let (worst, barsAreRight) = check(tracked, seconds: 100, beatsPerBar: 4, beats)
        #expect(worst < 0.05, "\(worst)")
        #expect(barsAreRight)
    }

    @Test func nothingToTrack() throws {
        #expect(try analysis(seconds: 30, beatsPerBar: 4, beatLevel: 0, barLevel: 0) { $0 }.beats() == nil)
        #expect(try analysis(seconds: 30, beatsPerBar: 4, noise: 0, beatLevel: 0, barLevel: 0) { $0 }.beats() == nil)
        #expect(try analysis(seconds: 0.1, beatsPerBar: 4) { $0 }.beats() == nil)
        let control = TakeControl()
        control.cancel()
        #expect(throws: TakeError.self) { try analysis(seconds: 30, beatsPerBar: 4) { 2 * $0 }.beats(control: control) }
        // Three seconds are enough to try.
        let short = try #require(try analysis(seconds: 3, beatsPerBar: 4) { 2 * $0 }.beats())
        #expect(zip(short.grid.beats, short.grid.beats.dropFirst()).allSatisfy { $0 < $1 })
    }
}
