import BassGenerator
import DDSPSynth
import Foundation
import Neural
import Testing

@Suite struct BassRendererTests {
    let line: BassLatents

    init() throws { line = try latents(Vectors("autoencoder.safetensors").array("latents")) }

    private func written() -> BassLine {
        let pitch: [Float] = (0..<180).map { (step: Int) -> Float in step % 60 < 45 ? Float(33 + step / 60 * 5) : 0 }
        let loudness: [Float] = (0..<180).map { (step: Int) -> Float in step % 60 < 45 ? -20 - Float(step % 60) : -80 }
        return BassLine(pitch: pitch, loudness: loudness, notes: [])
    }

    private func render(_ rate: Int, pieces: [Int] = [1 << 30], level: Int = 3, extra: Int = 0) throws -> [Float] {
        let renderer = try BassRenderer(
            model: tinyAutoencoder(level), latents: line, line: written(), sampleRate: rate)
        var left = [Float](repeating: .nan, count: renderer.length + extra), right = left
        var at = 0, turn = 0
        while at < left.count {
            let count = min(pieces[turn % pieces.count], left.count - at)
            try left.withUnsafeMutableBufferPointer { l in
                try right.withUnsafeMutableBufferPointer { r in
                    try renderer.render(left: l.baseAddress! + at, right: r.baseAddress! + at, count: count)
                }
            }
            at += count
            turn += 1
        }
        #expect(left == right)
        return left
    }

    /// Against the sum of sines in double precision, each phase an exact integral: −50 dB or less apart, noise left out.
    @Test(arguments: levels) func soundsAsTheFormulas(level: Int) throws {
        let model = try tinyAutoencoder(level)
        let line = written()
        var quiet = SoundSettings()
        quiet.noise = -60
        let renderer = try BassRenderer(model: model, latents: self.line, line: line, sampleRate: 48_000, sound: quiet)
        var sound = [Float](repeating: 0, count: renderer.length), right = sound
        try renderer.render(left: &sound, right: &right, count: sound.count)

        // The frames' amplitudes, by the parts that are tested on their own.
        let decoder = try SynthDecoder(network: model.sound, maximumBatch: 360), design = try SoundDesign(network: model.sound)
        design.prepare(quiet)
        let embedding = try model.embedding(self.line)
        var features: [Float] = []
        for frame in 0..<360 {
            let (pitch, loudness) = line.control(at: frame)
            let (p, l) = SynthDecoder.features(pitch: pitch, loudness: loudness)
            var row = [Float](repeating: 0, count: 16)
            BassRenderer.embed(embedding.base, frames: 30, controlFrame: frame, into: &row)
            features += [p, l] + row
        }
        var state = [Float](repeating: 0, count: model.sound.stateSize)
        var outputs = [Float](repeating: 0, count: 360 * decoder.outputStride)
        decoder.run(features: features, state: &state, outputs: &outputs, frames: 360)
        var harmonics: [[Float]] = []
        for frame in 0..<360 {
            var amplitudes = [Float](repeating: 0, count: 128), noise = [Float](repeating: 0, count: 65)
            let (pitch, loudness) = line.control(at: frame)
            outputs.withUnsafeBufferPointer {
                design.shape(
                    $0.baseAddress! + frame * decoder.outputStride, .init(pitch: pitch, loudness: loudness),
                    amplitudes: &amplitudes, noise: &noise)
            }
            harmonics.append(amplitudes)
        }
        var error = 0.0, power = 0.0, cycles = 0.0
        func hertz(_ frame: Int) -> Double { 440 * pow(2, (Double(line.control(at: frame).pitch) - 69) / 12) }
        for frame in 0..<359 {
            let f0 = hertz(frame), f1 = hertz(frame + 1)
            for n in 0..<192 where frame > 0 {  // the gate of the onset is the bank's own
                let x = Double(n) / 192
                let phase = cycles + (f0 * x + (f1 - f0) * x * x / 2) * 192 / 48_000
                var sample = 0.0
                for k in 1...128 {
                    let a = Double(harmonics[frame][k - 1]), b = Double(harmonics[frame + 1][k - 1])
                    sample += (a + (b - a) * x) * sin(2 * Double.pi * (phase * Double(k)).truncatingRemainder(dividingBy: 1))
                }
                let found = Double(sound[192 * frame + n])
                error += (found - sample) * (found - sample)
                power += sample * sample
            }
            cycles += (f0 + f1) / 2 * 192 / 48_000
        }
        #expect(power > 1)
        #expect(10 * log10(error / power) < -50, "\(10 * log10(error / power)) dB")
    }

    @Test func divisionOfTimeDoesNotMatter() throws {
        let whole = try render(44_100)
        #expect(try render(44_100, pieces: [64, 1, 1000, 37]) == whole)
    }

    @Test(arguments: [8000, 44_100, 48_000, 96_000]) func everyRate(rate: Int) throws {
        let sound = try render(rate, extra: 1000)
        #expect(sound.count - 1000 == Int((1.44 * Double(rate)).rounded(.up)))
        #expect(sound.allSatisfy { $0.isFinite })
        #expect(sound.suffix(1000).allSatisfy { $0 == 0 })
        // K-weighted −20 dB and falling: some of it is there.
        let level = sound[rate / 10..<rate / 5].reduce(0) { $0 + $1 * $1 } / Float(rate / 10)
        #expect(level > 1e-4 && level < 1)
    }

    @Test(arguments: levels) func instructionSetsAgree(level: Int) throws {
        let here = try render(48_000, level: level), plain = try render(48_000, level: 0)
        // The noise's phases are the same too.
        #expect(difference(here, plain) < 1e-3)
    }

    @Test func stopsWhenAsked() throws {
        let renderer = try BassRenderer(
            model: tinyAutoencoder(), latents: line, line: written(), sampleRate: 48_000)
        let control = TakeControl()
        control.cancel()
        var left = [Float](repeating: 0, count: 1000), right = left
        #expect(throws: TakeError.self) { try renderer.render(left: &left, right: &right, count: 1000, control: control) }
    }

    /// Latents from anywhere: what they sound like are numbers.
    @Test func survivesWhatIsNoNumber() throws {
        let model = try tinyAutoencoder()
        for value in [Float.nan, .infinity, -.infinity, 1e38, -1e38] {
            let wild = try latents((0..<480).map { $0 % 7 == 0 ? value : 0.5 })
            let take = try BassTake(latents: wild, model: model)
            let renderer = try take.renderer(sampleRate: 48_000)
            var left = [Float](repeating: .nan, count: renderer.length), right = left
            try renderer.render(left: &left, right: &right, count: left.count)
            #expect(left.allSatisfy { $0.isFinite })
            #expect(take.line.notes.allSatisfy { (1...127).contains($0.velocity) })
        }
    }
}
