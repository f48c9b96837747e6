import BassGenerator
import Foundation
import Neural
import Testing

/// The models of this repository, from a mix to notes and sound.
@Suite struct ShippedModelsTests {
    static func path(_ name: String) -> String {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        return root + "/models/continuo-bass-" + name + ".safetensors"
    }

    /// Eight seconds of a chord a bar (120 beats a minute), with a click on every beat.
    private func mix() -> [Float] {
        let chords = [[48, 52, 55], [53, 57, 60], [55, 59, 62], [48, 52, 55]]
        return (0..<8 * 24_000).map { n in
            let time = Double(n) / 24_000
            var sum = 0.0
            for key in chords[Int(time / 2)] {
                let decay = exp(-2 * time.truncatingRemainder(dividingBy: 0.5))
                for k in 1...4 { sum += 0.06 * decay / Double(k) * sin(2 * .pi * 440 * pow(2, Double(key - 69) / 12) * Double(k) * time) }
            }
            return Float(sum) + (n % 12_000 < 30 ? 0.5 : 0)
        }
    }

    @Test func playsToAMix() throws {
        let coder = try BassAutoencoder(path: Self.path("autoencoder")), model = try BassGeneratorModel(path: Self.path("generator"))
        let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: 24_000)
        let sound = mix()
        try frontEnd.feed(sound, count: sound.count)
        try frontEnd.finish()
        let frames = frontEnd.available
        let conditions = StoredConditions(frames: frames)
        conditions.mix = try FloatBuffer(count: frames * BassFormat.features)
        _ = frontEnd.read(into: conditions.mix!.base, maximum: frames)
        conditions.beats = BeatGrid(tempo: 120, beatsPerBar: 4, downbeat: 0, seconds: 8)
        var settings = SamplerSettings()
        settings.steps = 8
        let sampler = try Sampler(model: model)
        // Of several takes most of the time is spent on the chords' tones.
        var inside = 0.0, sounding = 0.0
        for seed in 1...4 {
            settings.seed = UInt64(seed)
            let take = try BassTake(latents: sampler.sample(conditions, settings), model: coder)
            for note in take.line.notes {
                let bar = min(3, Int(note.onset / 2)), length = note.end - note.onset
                sounding += length
                if [[0, 4, 7], [5, 9, 0], [7, 11, 2], [0, 4, 7]][bar].contains(note.key % 12) { inside += length }
                #expect(note.end > note.onset && (23...67).contains(note.key) && (1...127).contains(note.velocity))
            }
            #expect(take.line.notes.count >= 4)
            guard seed == 1 else { continue }
            let renderer = try take.renderer(sampleRate: 44_100)
            var left = [Float](repeating: 0, count: renderer.length), right = left
            try renderer.render(left: &left, right: &right, count: left.count)
            let peak = left.map(abs).max()!
            #expect(peak > 0.01 && peak < 2)
            // What was made is heard again as it was meant: most of its pitch.
            let again = try BassFrontEnd(filters: coder.filters, sampleRate: 44_100)
            try again.feed(left, count: left.count)
            try again.finish()
            var features = [Float](repeating: 0, count: again.available * BassFormat.features)
            let count = again.read(into: &features, maximum: again.available)
            let heard = try coder.line(coder.encode(features, frames: count))
            var same = 0, all = 0
            for (a, b) in zip(take.line.pitch, heard.pitch) where a > 0 {
                all += 1
                if abs(a - b) < 0.5 { same += 1 }
            }
            #expect(Double(same) / Double(all) > 0.8, "\(same) of \(all)")
        }
        #expect(sounding > 8 && inside / sounding > 0.5, "\(inside) of \(sounding) s")
    }
}
