import DDSPSynth
import Foundation
import Neural
import Testing

@Suite struct SoundDesignTests {
    let model: SynthModel
    let design: SoundDesign

    init() throws {
        model = try SynthModel(path: vectors("tiny.safetensors"))
        design = try SoundDesign(model: model)
    }

    struct Sound: Equatable {
        var amplitudes = [Float](repeating: .nan, count: 128)
        var noise = [Float](repeating: .nan, count: 65)
        var isFinite: Bool { (amplitudes + noise).allSatisfy { $0.isFinite && $0 >= 0 } }
    }

    func shape(_ outputs: [Float], _ voice: SoundDesign.Voice, _ change: (inout SoundSettings) -> Void = { _ in }) -> Sound {
        var settings = SoundSettings()
        change(&settings)
        design.prepare(settings)
        var sound = Sound()
        design.shape(outputs, voice, amplitudes: &sound.amplitudes, noise: &sound.noise)
        return sound
    }

    /// A plausible spectrum: harmonics falling with some peaks, noise some way below.
    static func outputs(_ seed: Int) -> [Float] {
        var random = SoundGenerator(seed)
        let fall = Float.random(in: 0.5...2.5, using: &random), noise = Float.random(in: -4.5 ... -2, using: &random)
        return (1...128).map { -fall * log10(Float($0)) + Float.random(in: -0.7...0.7, using: &random) }
            + (0..<65).map { noise - Float($0) * 0.02 + Float.random(in: -0.3...0.3, using: &random) }
    }

    // MARK: As trained

    @Test func equalsPyTorch() throws {
        let golden = try Safetensors(path: vectors("decoder.safetensors"))
        func values(_ name: String, _ shape: Int...) throws -> UnsafeBufferPointer<Float> {
            try golden.tensor(named: name, shape: [3, 40] + shape).values
        }
        let logs = try values("logs", 193), pitch = try values("pitch"), loudness = try values("loudness")
        let harmonics = try values("harmonics", 128), noise = try values("noise", 65)
        for at in 0..<120 where loudness[at] > -87 {
            let sound = shape(Array(logs[at * 193..<at * 193 + 193]), .init(pitch: pitch[at], loudness: loudness[at]))
            for (got, want) in [(sound.amplitudes, harmonics[at * 128..<at * 128 + 128]), (sound.noise, noise[at * 65..<at * 65 + 65])] {
                for (x, y) in zip(got, want) { #expect(abs(x - y) <= 1e-4 * abs(y) + 1e-9, "frame \(at): \(x) \(y)") }
            }
        }
    }

    @Test func theWeightingIsTheStandards() throws {
        let weighting = LoudnessWeighting()
        var worst = 0.0
        for step in 0..<20_000 {
            let frequency = Float(8 * pow(2998.0, Double(step) / 20_000))
            let want = Reference.weight(Double(frequency))
            worst = max(worst, abs(10 * log10(Double(weighting.power(at: frequency)) / want)))
            let exact = LoudnessWeighting.exactPower(Double(frequency))
            #expect(abs(exact / want - 1) < 1e-8)
        }
        #expect(worst < 0.001, "\(worst) dB")
        // The standard's landmarks: about 0.7 dB at 1 kHz (hence its offset), +4 dB high up, nothing very low.
        #expect(abs(10 * log10(weighting.power(at: 997)) - 0.691) < 0.01)
        #expect(abs(10 * log10(weighting.power(at: 16_000)) - 4) < 0.05)
        for frequency in [-1, 0, 3.9, 24_000, 1e30, .infinity, -.infinity, .nan] as [Float] {
            #expect(weighting.power(at: frequency) == 0)
        }
        // And the file's weights of noise are what this weighting makes of its nodes.
        let stored = try ModelFile().tensors["noise_loudness"]!.values
        for node in 0..<65 {
            #expect(abs(Double(stored[node]) / Reference.noiseLoudness[node] - 1) < 1e-3)
            let mel = Reference.mel(Double(SoundDesign.nodeFrequency(node)))
            #expect(abs(mel / Reference.mel(24_000) * 64 - Double(node)) < 1e-4)
        }
    }

    /// Through the standard's filters in time: what is asked for is what a meter reads.
    @Test func aMeterReadsTheLoudness() {
        var outputs = Self.outputs(3)
        for node in 128..<193 { outputs[node] = -8 }
        for (pitch, stretch) in [(40, 0), (60, 0.5), (76, 0), (100, 1)] as [(Float, Float)] {
            let sound = shape(outputs, .init(pitch: pitch, loudness: -23)) { $0.stretch = stretch; $0.tilt = 3 }
            var audio = [Double](repeating: 0, count: 96_000)
            for k in 1...128 where sound.amplitudes[k - 1] > 0 {
                let ratio = Double(k) * (1 + 0.002 * Double(stretch * stretch) * Double(k * k)).squareRoot()
                let step = 2 * Double.pi * Reference.frequency(pitch) * ratio / 48_000
                for i in audio.indices { audio[i] += Double(sound.amplitudes[k - 1]) * sin(step * Double(i) + Double(k)) }
            }
            for (b, a) in [
                ([1.53512485958697, -2.69169618940638, 1.19839281085285], [-1.69065929318241, 0.73248077421585]),
                ([1, -2, 1], [-1.99004745483398, 0.99007225036621]),
            ] {
                var z1 = 0.0, z2 = 0.0
                for i in audio.indices {
                    let y = b[0] * audio[i] + z1
                    z1 = b[1] * audio[i] - a[0] * y + z2
                    z2 = b[2] * audio[i] - a[1] * y
                    audio[i] = y
                }
            }
            // A second, under a Hann window: partials do not beat in the sum.
            var sum = 0.0
            for i in 0..<48_000 {
                let window = 1 - cos(2 * Double.pi * Double(i) / 48_000)
                sum += window * audio[48_000 + i] * audio[48_000 + i]
            }
            let decibels = 10 * log10(sum / 48_000)
            #expect(abs(decibels + 23) < 0.02, "\(pitch): \(decibels) dB")
        }
    }

    // MARK: Controls

    /// Whatever the spectrum and the controls, the loudness is the one asked for, and noise and harmonics keep their balance.
    @Test(arguments: 0..<300) func imposesTheLoudness(seed: Int) {
        var random = SoundGenerator(seed)
        func any(_ range: ClosedRange<Float>) -> Float { Bool.random(using: &random) ? 0 : Float.random(in: range, using: &random) }
        let outputs = Self.outputs(seed)
        var settings = SoundSettings()
        settings.tilt = any(-12...12)
        settings.oddEven = any(-0.95...0.95)
        settings.stretch = any(0...1)
        settings.formant = any(-12...12)
        settings.noiseColour = any(-12...12)
        settings.brightness = any(-1...1)
        let voice = SoundDesign.Voice(
            pitch: .random(in: 24...108, using: &random), loudness: .random(in: -80...0, using: &random), timbre: any(-1...1))
        let sound = shape(outputs, voice) { $0 = settings }
        let plain = shape(outputs, voice)
        let got = Reference.powers(sound.amplitudes, sound.noise, pitch: voice.pitch, stretch: settings.stretch)
        let was = Reference.powers(plain.amplitudes, plain.noise, pitch: voice.pitch)
        #expect(abs(10 * log10(got.harmonics + got.noise) - Double(voice.loudness)) < 0.01)
        #expect(abs(10 * log10(got.harmonics / was.harmonics)) < 0.01)
        #expect(abs(10 * log10(got.noise / was.noise)) < 0.01)
    }

    @Test func noiseAmountMovesTheNoiseAlone() {
        let outputs = Self.outputs(1), voice = SoundDesign.Voice(pitch: 60, loudness: -20)
        let plain = shape(outputs, voice)
        for (amount, gain) in [(24, 15.849), (6, 1.9953), (-20, 0.1), (-60, 0)] as [(Float, Float)] {
            let sound = shape(outputs, voice) { $0.noise = amount }
            #expect(sound.amplitudes == plain.amplitudes)
            for (x, y) in zip(sound.noise, plain.noise) { #expect(abs(x - gain * y) < 0.01 * gain * y + 1e-12) }
        }
    }

    @Test func attackNoiseIsGoneAfterSixtyMilliseconds() {
        var outputs = Self.outputs(2)
        // Hardly any noise of its own: it has an attack all the same.
        for node in 128..<193 { outputs[node] = -8 }
        func sound(_ age: Float, _ attack: Float) -> Sound {
            shape(outputs, .init(pitch: 60, loudness: -20, age: age)) { $0.attackNoise = attack }
        }
        let plain = sound(0, 0)
        var before = Double.infinity
        for step in 0...20 {
            let now = sound(0.004 * Float(step), 24)
            #expect(now.amplitudes == plain.amplitudes)
            let power = Reference.powers(now.amplitudes, now.noise, pitch: 60).noise
            if step == 0 { #expect(abs(10 * log10(power) - (-20 - 36 + 23.4)) < 0.5) }
            #expect(step > 15 || power < before)
            if step >= 15 { #expect(now.noise == plain.noise) }
            before = power
        }
        #expect(sound(-1, 24) == sound(0, 24))
        #expect(sound(.nan, 24) == plain)
    }

    @Test func tiltIsInDecibelsPerOctave() {
        let flat = [Float](repeating: -1, count: 128) + [Float](repeating: -8, count: 65)
        func slope(_ loudness: Float, _ timbre: Float, _ change: (inout SoundSettings) -> Void) -> Float {
            let a = shape(flat, .init(pitch: 40, loudness: loudness, timbre: timbre), change).amplitudes
            let first = 20 * log10(a[1] / a[0]), second = 20 * log10(a[63] / a[31])
            #expect(abs(first - second) < 0.001)
            return first
        }
        func isClose(_ x: Float, _ y: Float) -> Bool { abs(x - y) < 0.001 }
        #expect(isClose(slope(-30, 0) { $0.tilt = -6 }, -6))
        #expect(isClose(slope(-30, 0) { $0.tilt = 12 }, 12))
        #expect(isClose(slope(-30, 0.5) { $0.tilt = -3 }, 0))
        // Brightness follows the loudness, ±6 dB/octave over 40 dB around −30.
        #expect(isClose(slope(-30, 0) { $0.brightness = 1 }, 0))
        #expect(isClose(slope(-20, 0) { $0.brightness = 1 }, 3))
        #expect(isClose(slope(-10, 0) { $0.brightness = -1 }, -6))
        #expect(isClose(slope(-70, 0) { $0.brightness = 0.5 }, -3))
    }

    @Test func oddAndEvenHarmonics() {
        let outputs = Self.outputs(5), voice = SoundDesign.Voice(pitch: 50, loudness: -20)
        let plain = shape(outputs, voice)
        for (amount, silent) in [(-1, 1), (1, 0)] as [(Float, Int)] {
            let sound = shape(outputs, voice) { $0.oddEven = amount }
            for k in 0..<128 { #expect((sound.amplitudes[k] == 0) == (k % 2 == silent || plain.amplitudes[k] == 0)) }
        }
        let half = shape(outputs, voice) { $0.oddEven = -0.5 }
        let ratio = (half.amplitudes[1] / half.amplitudes[0]) / (plain.amplitudes[1] / plain.amplitudes[0])
        #expect(abs(ratio - 0.5) < 1e-4)
    }

    @Test func formantsMoveAlongFrequency() {
        var outputs = [Float](repeating: -3, count: 128) + [Float](repeating: -8, count: 65)
        for k in 0..<128 { outputs[k] += 3 * exp(-pow((Float(k + 1) - 24) / 4, 2)) }
        for (semitones, peak) in [(12, 48), (-12, 12), (0, 24), (7.0196, 36)] as [(Float, Int)] {
            let a = shape(outputs, .init(pitch: 36, loudness: -20)) { $0.formant = semitones }.amplitudes
            #expect(a.firstIndex(of: a.max()!)! + 1 == peak, "\(semitones)")
        }
        // Beyond the 128 harmonics that were there, nothing; nor from where they would have lain over 20 kHz.
        let low = shape(outputs, .init(pitch: 36, loudness: -20)) { $0.formant = -12 }.amplitudes
        #expect(low[63] > 0 && low[64...].allSatisfy { $0 == 0 })
        var high = outputs
        for k in 31..<128 { high[k] = 2 }  // from 33.5 kHz on, what the network never heard
        let moved = shape(high, .init(pitch: 84, loudness: -20)) { $0.formant = -12 }.amplitudes
        #expect(moved[..<10].allSatisfy { $0 > 0 } && moved[11...].allSatisfy { $0 == 0 })
        // Upwards, the lowest harmonics are as the first.
        let up = shape(outputs, .init(pitch: 36, loudness: -20)) { $0.formant = 12 }.amplitudes
        #expect(abs(up[1] / up[0] - 1) < 1e-4)
    }

    @Test func noiseColourTiltsTheNoise() {
        let outputs = [Float](repeating: -1, count: 128) + [Float](repeating: -4, count: 65)
        let noise = shape(outputs, .init(pitch: 60, loudness: -20)) { $0.noiseColour = 6 }.noise
        for (low, high) in [(10, 20), (30, 50), (40, 64)] {
            let octaves = log2(SoundDesign.nodeFrequency(high) / SoundDesign.nodeFrequency(low))
            #expect(abs(20 * log10(noise[high] / noise[low]) - 6 * octaves) < 0.01)
        }
    }

    @Test func highHarmonicsFade() {
        // 1 kHz, nearly: the 20th is whole, the 21st half, the 22nd gone.
        let outputs = [Float](repeating: 0, count: 193), pitch = 69 + 12 * log2(Float(1000) / 440)
        let a = shape(outputs, .init(pitch: pitch, loudness: -20)).amplitudes
        #expect(abs(a[19] / a[0] - 1) < 1e-3 && abs(a[20] / a[0] - 0.5) < 1e-3 && a[22...].allSatisfy { $0 == 0 })
        // Stretched, they reach it sooner.
        let b = shape(outputs, .init(pitch: pitch, loudness: -20)) { $0.stretch = 1 }.amplitudes
        #expect(b[12] > 0 && b[17] == 0)
    }

    /// No control steps: a five-hundredth of its way changes no amplitude by much.
    @Test func controlsAreSmooth() {
        let ranges: [(String, ClosedRange<Float>, (inout SoundSettings, Float) -> Void)] = [
            ("tilt", -12...12, { $0.tilt = $1 }), ("odd/even", -1...1, { $0.oddEven = $1 }),
            ("stretch", 0...1, { $0.stretch = $1 }), ("formant", -12...12, { $0.formant = $1 }),
            ("noise", -60...24, { $0.noise = $1 }), ("colour", -12...12, { $0.noiseColour = $1 }),
            ("attack", 0...24, { $0.attackNoise = $1 }), ("brightness", -1...1, { $0.brightness = $1 }),
        ]
        var steepest: (by: Float, at: String) = (0, "")
        for seed in 0..<6 {
            let outputs = Self.outputs(seed)
            for (name, range, set) in ranges {
                for pitch in [30, 60, 90] as [Float] {
                    let plain = shape(outputs, .init(pitch: pitch, loudness: -16))
                    var before: Sound?
                    for step in 0...500 {
                        let value = range.lowerBound + (range.upperBound - range.lowerBound) * Float(step) / 500
                        let now = shape(outputs, .init(pitch: pitch, loudness: -16, age: 0.01)) { set(&$0, value) }
                        if let before {
                            let scale = now.amplitudes.max()!, noiseScale = max(now.noise.max()!, plain.noise.max()!)
                            let worst = zip(now.amplitudes, before.amplitudes).map { abs($0 - $1) }.max()! / scale
                            let worstNoise = zip(now.noise, before.noise).map { abs($0 - $1) }.max()! / noiseScale
                            if max(worst, worstNoise) > steepest.by { steepest = (max(worst, worstNoise), "\(name) \(value) at \(pitch)") }
                        }
                        before = now
                    }
                }
            }
        }
        #expect(steepest.by > 0 && steepest.by < 0.1, "\(steepest)")
    }

    // MARK: Hostile

    @Test func silenceIsSilence() {
        let outputs = Self.outputs(1)
        for loudness in [-90, -91, -1000, -.infinity, .nan] as [Float] {
            let sound = shape(outputs, .init(pitch: 60, loudness: loudness, age: 0)) { $0.attackNoise = 24 }
            #expect((sound.amplitudes + sound.noise).allSatisfy { $0 == 0 })
        }
        let faint = shape(outputs, .init(pitch: 60, loudness: -89.9)).amplitudes.max()!
        #expect(faint > 0 && faint < 1e-5)
        // Loudness from outside has an upper end, 10 dB.
        #expect(shape(outputs, .init(pitch: 60, loudness: .infinity)) == shape(outputs, .init(pitch: 60, loudness: 10)))
    }

    /// A bare 10 Hz is not raised without end until the weighting hears it.
    @Test func whatNobodyHearsIsLimited() {
        let outputs = [Float(0)] + [Float](repeating: -6, count: 127) + [Float](repeating: -8, count: 65)
        for (pitch, most) in [(-20, 20), (3, 20), (16, 14), (40, 2)] as [(Float, Double)] {
            let sound = shape(outputs, .init(pitch: pitch, loudness: -20))
            let power = sound.amplitudes.reduce(0.0) { $0 + 0.5 * Double($1) * Double($1) }
            #expect(10 * log10(power) + 20 < most + 0.01)
            let got = Reference.powers(sound.amplitudes, sound.noise, pitch: pitch)
            if pitch >= 16 { #expect(abs(10 * log10(got.harmonics + got.noise) + 20) < 0.01) }
        }
    }

    @Test func anythingGivesNumbers() {
        var random = SoundGenerator(9)
        let odd: [Float] = [.nan, .infinity, -.infinity, 1e38, -1e38, .leastNonzeroMagnitude, 0, 1, -1, 50, -50]
        func any() -> Float { odd.randomElement(using: &random)! }
        for round in 0..<2000 {
            var settings = SoundSettings()
            (settings.tilt, settings.oddEven, settings.stretch, settings.formant) = (any(), any(), any(), any())
            (settings.noise, settings.noiseColour, settings.attackNoise, settings.brightness) = (any(), any(), any(), any())
            let outputs = round % 2 == 0 ? Self.outputs(round) : (0..<193).map { _ in any() }
            let sound = shape(outputs, .init(pitch: any(), loudness: any(), timbre: any(), age: any())) { $0 = settings }
            #expect(sound.isFinite && sound.amplitudes.allSatisfy { $0 < 50 })
        }
    }
}
