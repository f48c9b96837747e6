import DDSPSynth
import Foundation
import Neural
import Testing

@Suite struct VoiceBankTests {
    static let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }

    @Test(arguments: levels) func soundsLikeTheGoldenVectors(level: Int) throws {
        let f0 = try goldenValues("audio.safetensors", "f0"), a = try goldenValues("audio.safetensors", "amplitudes")
        let audio = try goldenValues("audio.safetensors", "audio")
        let player = BankPlayer(level: level)
        func take(_ frame: Int) {
            let pitch = Float(69 + 12 * log2(Double(f0[frame]) / 440))
            player.take(0, pitch: pitch, amplitudes: Array(a[frame * 128..<frame * 128 + 128]))
        }
        take(0)
        player.play(frames: 100) { take($0 + 1) }
        // The first millisecond is under the gate.
        var error = 0.0, total = 0.0
        for n in 48..<audio.count {
            error += pow(Double(player.left[n] - audio[n]), 2)
            total += pow(Double(audio[n]), 2)
        }
        #expect(decibels(error / total) < -80, "\(decibels(error / total)) dB")
        #expect(same(player.left, player.right))
    }

    @Test func aSoundBeginsAtItsSample() {
        for onset in [0, 1, 31, 32, 33, 100, 191, 192] {
            let player = BankPlayer()
            let noise = [Float](repeating: 1e-3, count: 65)
            player.play(frames: 3) { _ in
                player.take(3, onset: onset, pitch: 60, amplitudes: saw(40), noise: noise)
            }
            #expect(player.left.firstIndex { $0 != 0 } == onset)
            #expect(player.right.firstIndex { $0 != 0 } == onset)
        }
        // A sound of sines alone begins with sin 0.
        let player = BankPlayer()
        player.play(frames: 3) { _ in player.take(3, onset: 77, pitch: 60, amplitudes: saw(40)) }
        #expect(player.left.firstIndex { $0 != 0 } == 78)
    }

    /// A score with everything in it.
    static func score(_ player: BankPlayer, blocks: () -> Int) {
        let noise = (0..<65).map { 1e-4 * Float($0 % 7) }
        player.play(frames: 60, blocks: blocks) { frame in
            player.bank.set(unison: 1 + frame / 15, detune: Float(frame), spread: Float(frame) / 60)
            for voice in 0..<5 {
                let generation = UInt32(1 + (frame + 3 * voice) / 13)
                let onset = Int(generation - 1) * 13 - 3 * voice
                if voice == 4 && frame > 30 {
                    player.bank.release(voice: 4, ramp: player.rate / 250)
                } else if voice == 3 && (20...24).contains(frame) {
                    player.bank.hold(voice: 3)
                } else {
                    player.take(
                        voice, generation: generation, onset: player.timeline.frameTime(max(0, onset)) + 37 * voice,
                        pitch: 50 + 7 * Float(voice) + 0.3 * Float(sin(Double(frame))), amplitudes: saw(60, level: 0.05),
                        noise: voice == 2 ? [] : noise, stretch: voice == 1 ? Float(frame % 5) / 5 : 0,
                        place: Float(voice) / 2 - 1)
                }
            }
        }
    }

    @Test(arguments: [44_100, 48_000, 96_000]) func blocksLeaveNoTrace(rate: Int) {
        let whole = BankPlayer(rate: rate)
        Self.score(whole) { .max }
        #expect(power(whole.left) > 1e-4)
        for seed in 1...3 {
            let parts = BankPlayer(rate: rate)
            var random = TestRandom(state: UInt64(seed))
            Self.score(parts) { Int(random.next() * (seed == 1 ? 5 : 90)) }
            #expect(same(parts.left, whole.left))
            #expect(same(parts.right, whole.right))
        }
    }

    @Test func theSameAgainAfterAReset() {
        let player = BankPlayer()
        Self.score(player) { 64 }
        let count = player.left.count
        player.bank.reset()
        #expect(player.bank.isSilent)
        Self.score(player) { 64 }
        #expect(same(player.left[..<count], player.left[count...]))
    }

    @Test func aStealDoesNotClick() {
        // Low notes, whose own steps are small.
        let player = BankPlayer()
        player.play(frames: 200) { frame in
            let generation = UInt32(1 + frame / 5)
            player.take(
                0, generation: generation, onset: player.timeline.frameTime(frame / 5 * 5) + frame / 5 * 7 % 190,
                pitch: 36 + Float(generation % 5), amplitudes: [0.2, 0.1])
        }
        let steady = BankPlayer()
        steady.play(frames: 200) { _ in steady.take(0, pitch: 40, amplitudes: [0.2, 0.1]) }
        // Two sounds together, and the gate's own slope (π/2 per ms of a value that has hardly begun).
        let bound = 2.5 * BankPlayer.roughness(steady.left[1000...])
        #expect(BankPlayer.roughness(player.left[...]) < bound)
        #expect(power(player.left) > 0.3 * power(steady.left))
    }

    @Test func stealingFasterThanTailsEndIsFine() {
        let player = BankPlayer()
        player.play(frames: 300) { frame in
            for voice in 0..<32 {
                player.take(
                    voice, generation: UInt32(frame + 1), onset: player.bank.time + (frame * 31 + voice * 7) % 193, pitch: 48,
                    amplitudes: saw(20, level: 0.01))
            }
        }
        #expect(player.left.allSatisfy { abs($0) < 2 })
    }

    @Test func aReleasedVoiceEndsInTrueZeros() {
        let player = BankPlayer()
        player.play(frames: 20) { frame in
            if frame < 10 {
                player.take(7, pitch: 70, amplitudes: saw(30), noise: [Float](repeating: 1e-4, count: 65))
            } else {
                player.bank.release(voice: 7, ramp: 192)
            }
        }
        #expect(player.left[1910..<1920].contains { $0 != 0 })
        #expect(player.left[1920..<2110].contains { $0 != 0 })
        #expect(player.left[(11 * 192)...].allSatisfy { $0 == 0 })
        #expect(BankPlayer.roughness(player.left[1900...]) <= BankPlayer.roughness(player.left[..<1900]))
        #expect(player.bank.isSilent && player.bank.soundingVoices == 0)
    }

    @Test func lateFramesHoldThenFade() {
        let player = BankPlayer()
        player.play(frames: 40) { frame in
            if (10..<30).contains(frame) {
                player.bank.hold(voice: 0)
            } else {
                player.take(0, pitch: 60, amplitudes: [0.5])
            }
        }
        func level(_ frame: Int) -> Float { player.left[frame * 192..<(frame + 1) * 192].map(abs).max()! }
        #expect(level(10) > 0.49 && level(11) > 0.3)
        #expect(player.left[(17 * 192)..<(30 * 192)].allSatisfy { $0 == 0 })
        #expect(level(32) > 0.49)
        #expect(BankPlayer.roughness(player.left[...]) < 0.5 * 2 * .pi * 262 / 48_000 * 1.25)
    }

    @Test func nothingAliases() {
        // A glide to the top of everything at 44.1 kHz.
        let player = BankPlayer(rate: 44_100)
        let glide = 250
        func pitch(_ frame: Int) -> Double { 60 + 75 * Double(min(frame, glide)) / Double(glide) }
        player.play(frames: glide + 50) { player.take(0, pitch: Float(pitch($0)), amplitudes: [Float](repeating: 0.05, count: 128)) }
        // Where the second partial is over Nyquist there is the first alone: nothing below it.
        let length = 1024
        var worst = -200.0
        for start in stride(from: 44_100 / 250 * 240 / 2, to: player.left.count - length, by: length) {
            let frame = start / 177
            let f = 440 * exp2((pitch(max(0, frame - 2)) - 69) / 12)
            guard f > 11_100 else { continue }
            let spectrum = powerSpectrum(player.left[start..<start + length], length: length, steep: true)
            let below = spectrum[0..<Int(0.6 * f / 44_100 * Double(length))].reduce(0, +)
            worst = max(worst, decibels(below / (0.05 * 0.05 / 2)))
        }
        #expect(worst > -200 && worst < -80, "\(worst) dB")
        // MIDI note 135 lies at 19.9 kHz, at the edge of the fade; nothing else.
        #expect(power(player.left[(player.left.count - 4000)...]) < 0.05 * 0.05 / 2 * 1.01)
    }

    @Test(arguments: [44_100, 96_000, 192_000]) func everyRateSoundsTheSame(rate: Int) {
        let player = BankPlayer(rate: rate), reference = BankPlayer(rate: 48_000)
        for p in [player, reference] { p.play(frames: 50) { _ in p.take(0, pitch: 57, amplitudes: saw(20)) } }
        // Same phase at the same time.
        let a = player.left[rate / 10], b = reference.left[4800]
        #expect(abs(a - b) < 1e-3)
    }

    @Test func hoursDoNotDrift() {
        // 1000 Hz from a held frame: after a minute it is in phase to a thousandth of a radian.
        let player = BankPlayer()
        let note = 69 + 12 * log2(1000.0 / 440)
        player.take(0, pitch: Float(note), amplitudes: [1])
        let exact = 440 * exp2((Double(Float(note)) - 69) / 12)
        for _ in 0..<60 { player.render(48_000) }
        var worst = 0.0
        for n in 2_870_000..<2_870_100 {
            let turns = exact * Double(n) / 48_000
            worst = max(worst, abs(Double(player.left[n]) - sin(2 * .pi * (turns - turns.rounded()))))
        }
        #expect(worst < 1e-4, "\(worst)")
    }

    @Test func stretchMovesThePartials() {
        let player = BankPlayer()
        player.play(frames: 300) { _ in player.take(0, pitch: 57, amplitudes: [Float](repeating: 0, count: 9) + [0.1], stretch: 0.5) }
        // Partial 10 of 220 Hz with B = 0.0005
        let wanted = 2200 * (1 + 0.0005 * 100).squareRoot()
        let spectrum = powerSpectrum(player.left[8000...], length: 16_384)
        let peak = Double(spectrum.firstIndex(of: spectrum.max()!)!) * 48_000 / 16_384
        #expect(abs(peak - wanted) < 3)
    }

    @Test func unisonKeepsItsPowerAndSpreads() {
        func play(_ unison: Int, _ spread: Float) -> BankPlayer {
            let player = BankPlayer()
            player.bank.set(unison: unison, detune: 30, spread: spread)
            player.play(frames: 500) { _ in player.take(0, pitch: 57, amplitudes: saw(30)) }
            return player
        }
        let one = play(1, 0)
        for unison in 2...4 {
            let narrow = play(unison, 0), wide = play(unison, 1)
            #expect(abs(decibels(power(narrow.left) / power(one.left))) < 1.5)
            #expect(same(narrow.left, narrow.right))
            #expect(abs(decibels((power(wide.left) + power(wide.right)) / 2 / power(one.left))) < 1.5)
            #expect(same(wide.left, wide.right) == false)
        }
    }

    @Test func aPlaceIsHeard() {
        let player = BankPlayer()
        player.bank.set(unison: 1, detune: 0, spread: 1)
        player.play(frames: 50) { _ in
            player.take(0, pitch: 57, amplitudes: saw(30), noise: [Float](repeating: 1e-4, count: 65), place: -1)
        }
        #expect(power(player.right) < 1e-12 && power(player.left) > 1e-3)
    }

    @Test func settingsDoNotClick() {
        let player = BankPlayer()
        var random = TestRandom(state: 9)
        player.play(frames: 500) { frame in
            if frame % 10 == 0 {
                player.bank.set(unison: 1 + Int(random.next() * 4), detune: Float(random.next() * 50), spread: Float(random.next()))
            }
            player.take(0, pitch: 45, amplitudes: [0.2], place: 0.5)
        }
        // Four copies in phase on one side: amplitude 0.2·√4·√2.
        let bound = 0.2 * 2 * 1.415 * 2 * Float.pi * 112 / 48_000
        #expect(BankPlayer.roughness(player.left[100...]) < bound)
        #expect(BankPlayer.roughness(player.right[100...]) < bound)
    }

    @Test func emptyBlocksAndBadValues() {
        let player = BankPlayer()
        player.render(0)
        player.bank.set(unison: -5, detune: .nan, spread: .infinity)
        player.bank.set(unison: 99, detune: -1, spread: -1)
        player.take(-1, pitch: 60, amplitudes: [1])
        player.take(32, pitch: 60, amplitudes: [1])
        player.bank.hold(voice: 99)
        player.bank.release(voice: -3, ramp: 0)
        var random = TestRandom(state: 4)
        let bad: [Float] = [.nan, .infinity, -.infinity, 1e38, -1e38, .leastNonzeroMagnitude, -0.0, 0.01]
        for frame in 0..<400 {
            for voice in 0..<32 {
                func pick() -> Float { bad[Int(random.next() * Double(bad.count))] }
                let amplitudes = (0..<128).map { _ in pick() }, noise = (0..<65).map { _ in pick() }
                player.take(
                    voice, generation: UInt32(frame / 7), onset: frame % 2 == 0 ? Int.min : player.bank.time + 5, pitch: pick(),
                    amplitudes: amplitudes, noise: noise, stretch: pick(), place: pick(), ramp: Int(random.next() * 300) - 20)
            }
            player.render(Int(random.next() * 100))
        }
        #expect(player.left.allSatisfy { $0.isFinite } && player.right.allSatisfy { $0.isFinite })
    }

    @Test func silenceIsZeros() {
        let player = BankPlayer()
        #expect(player.bank.isSilent)
        player.render(1000)
        #expect(player.left.allSatisfy { $0 == 0 } && player.right.allSatisfy { $0 == 0 })
        #expect(player.bank.time == 1000)
    }
}
