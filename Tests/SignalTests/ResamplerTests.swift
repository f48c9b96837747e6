import Foundation
import Signal
import Testing

@Suite struct ResamplerTests {
    static let rates = [8000, 11025, 22050, 44100, 47999, 48000, 88200, 96000, 176400, 192000]

    func convert(_ input: [Float], _ resampler: Resampler, pieces: () -> Int) -> [Float] {
        var output: [Float] = []
        var start = 0
        while start < input.count {
            let count = min(pieces(), input.count - start)
            var buffer = [Float](repeating: .nan, count: resampler.maximumOutput(for: count))
            let made = input.withUnsafeBufferPointer {
                resampler.process($0.baseAddress! + start, count: count, into: &buffer)
            }
            #expect(made <= buffer.count)
            output += buffer[0..<made]
            start += count
        }
        return output
    }

    /// A sine comes out as the same sine at the other rate: right frequency, amplitude and, to a hundredth of a sample, phase.
    @Test(arguments: rates) func keepsSines(rate: Int) {
        for frequency in [55.0, 440, 2900] {
            let input = (0..<rate).map { Float(sin(2 * .pi * frequency * Double($0) / Double(rate))) }
            let output = convert(input, Resampler(from: rate, to: 16_000), pieces: { 700 })
            var worst = 0.0
            for n in 1000..<(output.count - 10) {
                worst = max(worst, abs(Double(output[n]) - sin(2 * .pi * frequency * Double(n) / 16_000)))
            }
            #expect(worst < 2e-3, "\(frequency) Hz at \(rate) Hz: \(worst)")
        }
    }

    /// What lies over the new Nyquist frequency is gone.
    @Test(arguments: rates.filter { $0 >= 44_100 }) func keepsAliasesOut(rate: Int) {
        for frequency in [9000.0, 12_000, 17_000, 20_000] {
            let input = (0..<rate).map { Float(sin(2 * .pi * frequency * Double($0) / Double(rate))) }
            let output = convert(input, Resampler(from: rate, to: 16_000), pieces: { 512 })
            let power = output[1000..<(output.count - 100)].reduce(0) { $0 + Double($1 * $1) } / Double(output.count - 1100)
            #expect(10 * log10(power + 1e-30) < (frequency < 10_000 ? -60 : -85), "\(frequency) Hz at \(rate)")
        }
    }

    /// The same bits whatever the pieces, and exactly as many outputs as `reach` promises.
    @Test(arguments: rates) func piecesDoNotMatter(rate: Int) {
        var state: UInt64 = 9
        func random(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % below
        }
        let input = (0..<30_000).map { _ in Float(random(2000)) / 1000 - 1 }
        let resampler = Resampler(from: rate, to: 16_000)
        let whole = convert(input, resampler, pieces: { input.count })
        resampler.reset()
        let pieces = convert(input, resampler, pieces: { 1 + random(5000) })
        #expect(whole == pieces)
        // Output n is there once floor(n · from / to) + reach + 1 inputs are.
        var expected = 0
        while expected * rate / 16_000 + resampler.reach + 1 <= input.count { expected += 1 }
        #expect(whole.count == expected)
    }

    /// An impulse at input time t comes out centred on t · to / from.
    @Test(arguments: [44_100, 48_000, 96_000]) func impulseStaysInPlace(rate: Int) {
        var input = [Float](repeating: 0, count: rate / 4)
        let at = rate / 10
        input[at] = 1
        let output = convert(input, Resampler(from: rate, to: 16_000), pieces: { 64 })
        var moment = 0.0, mass = 0.0
        for (n, value) in output.enumerated() {
            moment += Double(n) * Double(value)
            mass += Double(value)
        }
        #expect(abs(moment / mass - Double(at) * 16_000 / Double(rate)) < 0.01)
    }

    @Test func notANumberBecomesSilence() {
        let input: [Float] = (0..<4000).map { $0 == 2000 ? .nan : $0 == 2500 ? .infinity : 0.5 }
        let output = convert(input, Resampler(from: 48_000, to: 16_000), pieces: { 100 })
        #expect(output.allSatisfy { $0.isFinite })
    }
}
