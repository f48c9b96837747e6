import CDDSPSynth
import CRealtime
import DDSPSynth
import Foundation
import Signal
import Testing

@Suite struct LoudnessMeterTests {
    /// ITU-R BS.1770: a full-scale sine of 997 Hz has −3.01 LKFS, which counts −0.691 dB that is left out here. At any rate.
    @Test(arguments: [44_100.0, 48_000, 96_000, 192_000]) func aReferenceToneReadsRight(rate: Double) {
        let meter = LoudnessMeter(sampleRate: rate, history: 0)
        let samples = (0..<Int(rate)).map { Float(sin(2 * .pi * 997 * Double($0) / rate)) }
        meter.feed(samples, count: samples.count)
        let loudness = meter.loudness(at: samples.count - meter.lookahead)
        #expect(abs(loudness - (-3.01 + 0.691)) < 0.05, "\(loudness)")
    }

    /// At 48 kHz the filters are the recommendation's: the response at some frequencies, from its coefficients.
    @Test(arguments: [(25.0, -10.8), (100, -1.1), (1000, 0.7), (10_000, 4.0)]) func theWeightingIsTheStandards(
        frequency: Double, decibels: Double
    ) {
        var weighting = KWeighting(sampleRate: 48_000)
        var sum = 0.0
        for n in 0..<96_000 {
            let y = Double(weighting.process(Float(sin(2 * .pi * frequency * Double(n) / 48_000))))
            if n >= 48_000 { sum += y * y }
        }
        let measured = 10 * log10(2 * sum / 48_000)
        func biquad(_ b: [Double], _ a: [Double]) -> Double {
            let w = 2 * .pi * frequency / 48_000
            func power(_ c: [Double]) -> Double {
                let re = c[0] + c[1] * cos(w) + c[2] * cos(2 * w), im = c[1] * sin(w) + c[2] * sin(2 * w)
                return re * re + im * im
            }
            return power(b) / power(a)
        }
        let exact = 10 * log10(
            biquad([1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585])
                * biquad([1, -2, 1], [1, -1.99004745483398, 0.99007225036621]))
        #expect(abs(measured - exact) < 0.01, "\(measured), not \(exact) dB")
        #expect(abs(measured - decibels) < 1)
    }

    /// Whatever comes in pieces is the same, and what is no number counts as silence.
    @Test func piecesAndNonsense() {
        let samples = (0..<20_000).map { Float(sin(Double($0) * 0.1)) * 0.3 }
        let whole = LoudnessMeter(sampleRate: 48_000, history: 2000), parts = LoudnessMeter(sampleRate: 48_000, history: 2000)
        whole.feed(samples, count: samples.count)
        samples.withUnsafeBufferPointer { buffer in
            var start = 0
            while start < buffer.count {
                let count = min(77, buffer.count - start)
                parts.feed(buffer.baseAddress! + start, count: count)
                start += count
            }
        }
        #expect(whole.loudness(at: 18_500) == parts.loudness(at: 18_500))
        let broken = LoudnessMeter(sampleRate: 48_000, history: 0)
        broken.feed([.nan, .infinity, 1e38, -.infinity], count: 4)
        broken.feed([Float](repeating: 0, count: 4800), count: 4800)
        #expect(broken.loudness(at: 2400) == LoudnessMeter.floor)
    }
}

@Suite struct FollowerTests {
    private func heard(_ pitch: Float, _ loudness: Float, _ confidence: Float = 0.9) -> Follower.Heard {
        .init(frequency: 440 * exp2((pitch - 69) / 12), confidence: confidence, loudness: loudness)
    }

    /// A tone comes, plays at its pitch and loudness, and goes; each tone after a gap is a new sound.
    @Test func followsAndLetsGo() {
        var follower = Follower()
        var settings = FollowSettings()
        settings.smoothing = 0
        settings.matchesLoudness = false
        var generations: Set<UInt32> = []
        for round in 0..<3 {
            for frame in 0..<50 {
                let control = follower.advance(heard(60, -25), at: frame, forte: -15, settings: settings)
                #expect(control.isActive && abs(control.pitch - 60) < 0.001 && abs(control.loudness + 25) < 0.001)
                generations.insert(control.generation)
            }
            var last = VoiceControl()
            for frame in 0..<50 { last = follower.advance(heard(60, -90), at: frame, forte: -15, settings: settings) }
            #expect(!last.isActive, "round \(round)")
        }
        #expect(generations.count == 3)
    }

    /// One frame an octave off is a slip; two that agree are a leap.
    @Test func slipsAreIgnored() {
        var follower = Follower()
        var settings = FollowSettings()
        settings.smoothing = 0
        for frame in 0..<20 { _ = follower.advance(heard(60, -20), at: frame, forte: -15, settings: settings) }
        #expect(abs(follower.advance(heard(72, -20), at: 20, forte: -15, settings: settings).pitch - 60) < 0.001)
        #expect(abs(follower.advance(heard(60, -20), at: 21, forte: -15, settings: settings).pitch - 60) < 0.001)
        _ = follower.advance(heard(72, -20), at: 22, forte: -15, settings: settings)
        #expect(abs(follower.advance(heard(72, -20), at: 23, forte: -15, settings: settings).pitch - 72) < 0.001)
    }

    /// Quiet or loud input reaches the instrument's forte in its loud moments, and keeps its dynamics.
    @Test(arguments: [Float(-50), -30, -6]) func loudnessIsMatched(level: Float) {
        var follower = Follower()
        var control = VoiceControl()
        var settings = FollowSettings()
        settings.gate = -80
        for frame in 0..<40_000 {
            control = follower.advance(heard(60, level), at: frame, forte: -15, settings: settings)
        }
        #expect(abs(control.loudness + 15) < 1)
        let softer = follower.advance(heard(60, level - 12), at: 40_001, forte: -15, settings: settings)
        #expect(abs(softer.loudness - control.loudness + 12) < 0.1)
    }

    @Test func snapPullsToTheScale() {
        var follower = Follower()
        var settings = FollowSettings()
        settings.snap = 1
        settings.a4 = 432
        let control = follower.advance(heard(60.3, -20), at: 0, forte: -15, settings: settings)
        let tuning = 12 * log2(Float(432) / 440)
        #expect(abs(control.pitch - tuning - (control.pitch - tuning).rounded()) < 0.001)
    }
}

/// The transfer's engine through its C interface.
@Suite(.serialized) struct TransferCoreTests {
    private func tone(_ count: Int, rate: Double, frequency: Double, from start: Int = 0) -> [Float] {
        (0..<count).map { n in
            guard n >= start else { return 0 }
            let phase = 2 * .pi * frequency * Double(n - start) / rate
            return Float(0.2 * (sin(phase) + 0.5 * sin(2 * phase) + 0.25 * sin(3 * phase)))
        }
    }

    /// The dry input comes out exactly `latency` samples later, at any rate and block length.
    @Test(arguments: [(48_000, 64), (44_100, 333), (96_000, 1024)]) func latencyIsExact(rate: Int, block: Int) throws {
        let session = try SynthSession(transfer: true, rate: Double(rate), block: block)
        session.set(CONTINUO_SYNTH_WET, 0)
        session.play(rate / 4, blocks: { block }, [], input: [Float](repeating: 0, count: rate / 4))
        var impulse = [Float](repeating: 0, count: rate / 4)
        impulse[1000] = 0.5
        let start = session.left.count
        session.play(rate / 4, blocks: { block }, [], input: impulse)
        #expect(firstSound(session.left, from: start) == start + 1000 + Int(session.io.latency))
        #expect(session.left[start + 1000 + Int(session.io.latency)] == 0.5)
    }

    /// A step in the input's pitch is heard at the reported latency, within the tracker's resolution.
    @Test func theSoundFollowsAtTheReportedLatency() throws {
        let rate = 48_000.0
        let session = try SynthSession(transfer: true, rate: rate)
        session.set(CONTINUO_SYNTH_SMOOTHING, 0)
        let input = tone(24_000, rate: rate, frequency: 220) + tone(24_000, rate: rate, frequency: 330)
        var crossing: Int?
        var start = 0
        while start < input.count {
            session.play(64, input: Array(input[start..<(start + 64)]))
            if start > 12_000, crossing == nil, session.io.pitch > 60.5 { crossing = start }
            start += 64
        }
        // The reading says what the ramp of one hop is on its way to.
        let measured = Double(try #require(crossing) + 192 - 24_000)
        #expect(abs(measured - Double(session.io.latency)) < 0.012 * rate, "\(measured), not \(session.io.latency)")
        #expect(session.io.late_frames == 0)
        #expect(session.left.contains { abs($0) > 0.01 })
    }

    /// The same bits for any block lengths, with all buffers the same memory too; nothing but numbers from input that is none.
    @Test func blocksAliasingAndNonsense() throws {
        let input = tone(24_000, rate: 48_000, frequency: 261)
        func render(_ size: @escaping () -> Int) throws -> [Float] {
            let session = try SynthSession(transfer: true)
            session.play(24_000, blocks: size, [], input: input)
            return session.left
        }
        let reference = try render { 64 }
        #expect(reference.contains { abs($0) > 0.01 })
        let ragged = try render { 1 + Int.random(in: 0..<64) }
        #expect(ragged == reference)
        let session = try SynthSession(transfer: true)
        for value in [Float.nan, .infinity, 1e30, .leastNonzeroMagnitude, 0] {
            session.play(4800, input: [Float](repeating: value, count: 4800), aliased: true)
        }
        #expect(session.left.allSatisfy { $0.isFinite })
        session.play(0)
    }
}
