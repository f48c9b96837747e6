import CRealtime
import Foundation
import Neural
import Testing

/// The kernel of sinusoids against sums in double precision, at every instruction set of this processor.
@Suite struct PartialBankTests {
    static let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }

    struct Setup {
        var count = 128, samples = 32
        var phase: UInt32 = 0x1234_5678
        var frequency0 = 41.0 / 48_000, frequency1 = 41.0 / 48_000
        var stretch0 = 0.0, stretch1 = 0.0
        var x0 = 0.25, x1 = 0.5
    }

    static func random(_ count: Int, _ seed: UInt64) -> [Double] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 40) / Double(1 << 24)
        }
    }

    /// RMS of the difference from the reference over the reference's, in dB; and the kernel's samples.
    static func error(_ s: Setup, level: Int) -> (decibels: Double, samples: [Float]) {
        let padded = (s.count + 15) / 16 * 16
        let offsets = random(padded, 1).map { UInt32($0 * 0x1p32) }
        var start = random(padded, 2).enumerated().map { Float($1 / Double($0 + 1)) }
        var end = random(padded, 3).enumerated().map { Float($1 / Double($0 + 1)) }
        for k in s.count..<padded { (start[k], end[k]) = (0, 0) }
        func stretches(_ b: Double) -> [Float] {
            (1...padded).map { k in Float(Double(k) * ((1 + b * Double(k * k)).squareRoot() - 1)) }
        }
        let stretchStart = stretches(s.stretch0), stretchEnd = stretches(s.stretch1)
        let stretched = s.stretch0 != 0 || s.stretch1 != 0
        var work = [Float](repeating: .nan, count: 512), output = [Float](repeating: 99, count: s.samples + 1)
        start.withUnsafeBufferPointer { start in
            end.withUnsafeBufferPointer { end in
                stretchStart.withUnsafeBufferPointer { s0 in
                    stretchEnd.withUnsafeBufferPointer { s1 in
                        Kernels(atMost: level).renderPartials(
                            count: s.count, samples: s.samples, phase: s.phase, offsets: offsets,
                            frequency0: Float(s.frequency0), frequency1: Float(s.frequency1),
                            ramp: .init(
                                amplitudeStart: start.baseAddress!, amplitudeEnd: end.baseAddress!,
                                stretchStart: stretched ? s0.baseAddress! : nil, stretchEnd: s1.baseAddress!,
                                x0: Float(s.x0), x1: Float(s.x1)),
                            work: &work, output: &output)
                    }
                }
            }
        }
        #expect(output[s.samples] == 99)
        var difference = 0.0, total = 0.0
        let n1 = Double(s.samples)
        for n in 0..<s.samples {
            var sum = 0.0
            for k in 0..<s.count {
                let m0 = Double(k + 1) + (stretched ? Double(stretchStart[k]) * (1 - s.x0) + Double(stretchEnd[k]) * s.x0 : 0)
                let m1 = Double(k + 1) + (stretched ? Double(stretchStart[k]) * (1 - s.x1) + Double(stretchEnd[k]) * s.x1 : 0)
                let f0 = m0 * Double(Float(s.frequency0)), f1 = m1 * Double(Float(s.frequency1))
                func amplitude(_ x: Double, _ f: Double) -> Double {
                    (Double(start[k]) * (1 - x) + Double(end[k]) * x) * max(0, min(1, (0.5 - f) * 20))
                }
                let a0 = amplitude(s.x0, f0), a1 = amplitude(s.x1, f1)
                let x = Double(n)
                let fixed = UInt32(k + 1) &* s.phase &+ offsets[k]
                let turns = Double(fixed) * 0x1p-32 + f0 * x + (f1 - f0) * x * x / (2 * n1)
                sum += (a0 + (a1 - a0) * x / n1) * sin(2 * .pi * (turns - turns.rounded()))
            }
            difference += (sum - Double(output[n])) * (sum - Double(output[n]))
            total += sum * sum
        }
        return (10 * log10(difference / total), Array(output[..<s.samples]))
    }

    @Test(arguments: levels) func matchesTheReference(level: Int) {
        func check(_ s: Setup, _ bar: Double, _ what: String) {
            let e = Self.error(s, level: level).decibels
            #expect(e < bar, "\(what): \(e) dB")
        }
        check(Setup(), -100, "41 Hz")
        check(Setup(frequency0: 4000 / 48_000.0, frequency1: 4000 / 48_000.0), -100, "4 kHz")
        check(Setup(count: 5, frequency0: 4000 / 48_000.0, frequency1: 4000 / 48_000.0), -100, "4 kHz, 5 partials")
        check(Setup(frequency0: 41 / 192_000.0, frequency1: 41 / 192_000.0), -100, "41 Hz at 192 kHz")
        for samples in [1, 2, 3, 16, 17, 31] { check(Setup(samples: samples, frequency0: 0.004, frequency1: 0.004), -95, "\(samples)") }
        for count in [1, 15, 16, 17, 32, 33, 100] { check(Setup(count: count), -95, "\(count) partials") }
        check(Setup(frequency0: 0.004, frequency1: 0.004, stretch0: 0.001, stretch1: 0.001), -100, "stretch")
        // Moving frequencies: what is left is the sag of the chord (see Rotors). A vibrato of a semitone at 6 Hz; an
        // octave in 3 ms; all of the stretch in one frame.
        check(Setup(frequency0: 440 / 48_000.0, frequency1: 440.4 / 48_000), -90, "vibrato")
        check(Setup(frequency0: 440 / 48_000.0, frequency1: 520 / 48_000.0), -30, "glide")
        check(Setup(frequency0: 440 / 48_000.0, frequency1: 415 / 48_000.0), -40, "glide down")
        check(Setup(frequency0: 0.004, frequency1: 0.004, stretch0: 0, stretch1: 0.002), -30, "stretching")
    }

    @Test(arguments: levels) func levelsAgree(level: Int) {
        let s = Setup(frequency0: 0.003, frequency1: 0.0031, stretch0: 0.0001, stretch1: 0)
        let plain = Self.error(s, level: 0).samples
        for (a, b) in zip(Self.error(s, level: level).samples, plain) { #expect(abs(a - b) < 2e-5) }
    }

    @Test(arguments: levels) func aboveNyquistThereIsNothing(level: Int) {
        let s = Setup(frequency0: 0.5, frequency1: 0.5)
        #expect(Self.error(s, level: level).samples.allSatisfy { $0 == 0 })
        let huge = Setup(frequency0: 1e30, frequency1: 0.5)
        #expect(Self.error(huge, level: level).samples.allSatisfy { $0 == 0 })
    }

    @Test(arguments: levels) func stretchAdvancesThePhase(level: Int) {
        let start = (0..<128).map { Float($0) * 0.01 }, end = (0..<128).map { Float($0) * 0.02 }
        var offsets = [UInt32](repeating: 0xF000_0000, count: 128)
        Kernels(atMost: level).advanceStretch(
            count: 128, samples: 32, frequency0: 0.1, frequency1: 0.12, stretchStart: start, stretchEnd: end, x0: 0.25,
            x1: 0.5, offsets: &offsets)
        for k in 0..<128 {
            let s0 = Double(start[k]) * 1.25, s1 = Double(start[k]) * 1.5
            let turns = 0xF000_0000 * 0x1p-32 + 16 * (s0 * Double(Float(0.1)) + s1 * Double(Float(0.12)))
            let error = turns - Double(offsets[k]) * 0x1p-32
            #expect(abs(error - error.rounded()) < 1e-6)
        }
    }
}
