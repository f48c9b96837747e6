import Foundation
import Host
import Testing

/// What is said against a sound.
@Suite struct SoundVerdictTests {
    private func tone(_ amplitude: Float) -> [Float] { (0..<4800).map { amplitude * Float(sin(Double($0) * 0.1)) } }

    @Test func aToneIsFit() {
        let verdict = SoundVerdict([tone(0.5), tone(0.5)])
        #expect(verdict.isFit)
        #expect(abs((verdict.peak ?? 0) + 6.02) < 0.01 && abs((verdict.level ?? 0) + 9.03) < 0.02)
    }

    @Test func silenceIsNot() {
        for channels in [[], [[]], [[Float](repeating: 0, count: 100)]] { #expect(SoundVerdict(channels).faults == ["it is silent"]) }
        #expect(SoundVerdict([tone(0.001)]).faults.first?.hasPrefix("it is hardly heard") == true)
    }

    @Test func clippingIsNamed() {
        let verdict = SoundVerdict([tone(0.5), tone(2)])
        #expect(verdict.clippedSamples > 100 && verdict.faults == ["it clips: peak at +6.0 dBFS"])
        // Full scale itself is no clipping.
        #expect(SoundVerdict([tone(1)]).clippedSamples == 0)
    }

    @Test func whatIsNoNumberIsCounted() {
        var samples = tone(0.5)
        (samples[7], samples[9], samples[11]) = (.nan, .infinity, -.infinity)
        let verdict = SoundVerdict([samples])
        #expect(verdict.brokenSamples == 3 && verdict.faults == ["3 samples are no number"])
        #expect((verdict.peak ?? 0) < 0)
    }
}
