import DDSPSynth
import Foundation
import Testing

@Suite struct NoiseTests {
    static func mel(_ frequency: Double) -> Double { 2595 * log10(1 + frequency / 700) }

    /// The density that is asked for at a frequency.
    static func density(_ nodes: [Float], _ frequency: Double) -> Double {
        let position = mel(frequency) / mel(24_000) * 64
        guard position <= 64 else { return 0 }
        let i = min(63, Int(position))
        return Double(nodes[i]) + (Double(nodes[i + 1]) - Double(nodes[i])) * (position - Double(i))
    }

    static func play(rate: Int, seconds: Double, voice: Int = 0, _ nodes: [Float]) -> [Float] {
        let player = BankPlayer(rate: rate)
        player.play(frames: Int(seconds * 250)) { _ in
            player.take(voice, pitch: 60, amplitudes: [], noise: nodes)
        }
        return player.left
    }

    /// Level per band is what the densities say, at any rate.
    @Test(arguments: [44_100, 48_000, 96_000, 192_000]) func spectrumIsAsAskedFor(rate: Int) {
        let flat = [Float](repeating: 1e-3, count: 65)
        let sloping = (0..<65).map { node -> Float in
            let x = Double(node)
            return Float(0.01 * exp(-0.05 * x) * (1 + 0.5 * sin(x / 5)))
        }
        for nodes in [flat, sloping] {
            let x = Self.play(rate: rate, seconds: 8, nodes)
            let length = rate > 50_000 ? 8192 : 4096
            let spectrum = powerSpectrum(x[(rate / 10)...], length: length)
            let width = Double(rate) / Double(length)
            let edges: [Double] = [200, 400, 800, 1600, 3200, 6400, 12_800, 20_000]
            for (low, high) in zip(edges, edges.dropFirst()) {
                var asked = 0.0, measured = 0.0
                for bin in Int(low / width)..<Int(high / width) {
                    asked += pow(Self.density(nodes, Double(bin) * width), 2) * width
                    measured += spectrum[bin]
                }
                #expect(abs(decibels(measured / asked)) < 0.5, "\(rate) Hz, \(low): \(decibels(measured / asked)) dB")
            }
            if rate >= 96_000 {
                let above = spectrum[Int(24_500 / width)...].reduce(0, +)
                // What the window lets through.
                #expect(decibels(above / spectrum.reduce(0, +)) < -55)
            }
        }
    }

    @Test func levelIsThereFromTheOnset() {
        // Power over the first milliseconds, over many onsets.
        var early = 0.0, late = 0.0
        for voice in 0..<32 {
            let x = Self.play(rate: 48_000, seconds: 0.1, voice: voice, [Float](repeating: 1e-3, count: 65))
            early += power(x[48..<432])
            late += power(x[960..<4800])
        }
        #expect(abs(decibels(early / late)) < 0.7, "\(decibels(early / late)) dB")
    }

    @Test func voicesDiffer() {
        let a = Self.play(rate: 48_000, seconds: 0.5, voice: 0, [Float](repeating: 1e-3, count: 65))
        let b = Self.play(rate: 48_000, seconds: 0.5, voice: 1, [Float](repeating: 1e-3, count: 65))
        var together = 0.0
        for (x, y) in zip(a, b) { together += Double(x) * Double(y) / Double(a.count) }
        #expect(abs(together) < 0.05 * power(a))
    }

    @Test func noiseEnds() {
        let player = BankPlayer()
        player.play(frames: 30) { frame in
            player.take(0, pitch: 60, amplitudes: [], noise: [Float](repeating: frame < 10 ? 1e-3 : 0, count: 65))
        }
        #expect(player.left[(14 * 192)...].allSatisfy { $0 == 0 })
        #expect(player.left[(10 * 192)..<(11 * 192)].contains { $0 != 0 })
    }
}
