import Foundation
import PitchTracker
import Testing

@Suite struct CREPEDecoderTests {
    static func cents(_ a: Float, _ b: Float) -> Double { 1200 * abs(log2(Double(a) / Double(b))) }

    /// The formula as Python has it, on torchcrepe's activations.
    @Test(arguments: ["tiny", "full"], ["recording", "synthetic"]) func matchesPython(capacity: String, name: String) throws {
        let activations = try CREPETests.tensor("\(name).\(capacity)")
        let f0 = try CREPETests.tensor("\(name).\(capacity).f0")
        let confidence = try CREPETests.tensor("\(name).\(capacity).confidence")
        let narrow = try CREPETests.tensor("\(name).\(capacity).f0From150To500")
        activations.withUnsafeBufferPointer { activations in
            for i in f0.indices {
                let window = activations.baseAddress! + i * CREPE.bins
                let pitch = CREPEDecoder().decode(window)
                #expect(Self.cents(pitch.frequency, f0[i]) < 0.01)
                #expect(pitch.confidence == confidence[i])
                #expect(Self.cents(CREPEDecoder(lowest: 150, highest: 500).decode(window).frequency, narrow[i]) < 0.01)
            }
        }
    }

    /// A peak between two bins lies between them; bins beyond four away and out of range do not count.
    @Test func weightsNearTheMiddle() {
        var activations = [Float](repeating: 0, count: 360)
        activations[100] = 0.8
        activations[101] = 0.8
        activations[105] = 0.7
        let pitch = CREPEDecoder().decode(activations)
        #expect(Self.cents(pitch.frequency, Float(10 * pow(2, (1997.3794084376191 + 2010) / 1200))) < 0.001)
        #expect(pitch.confidence == 0.8)
    }

    @Test func ranges() {
        var activations = [Float](repeating: 0, count: 360)
        activations[20] = 0.9
        activations[200] = 0.5
        // 200 Hz is bin 159.5, 1000 Hz bin 298.7.
        let high = CREPEDecoder(lowest: 200, highest: 1000).decode(activations)
        #expect(Self.cents(high.frequency, Float(10 * pow(2, (1997.3794084376191 + 4000) / 1200))) < 0.001)
        #expect(high.confidence == 0.5)
        // Ranges the wrong way round, beside the bins, or no numbers at all still decode to something, and do not trap.
        for (low, highest): (Float, Float) in [
            (1000, 200), (5000, 9000), (0, 5), (.nan, .nan), (-.infinity, .infinity), (.infinity, -1), (100, 100),
        ] {
            let pitch = CREPEDecoder(lowest: low, highest: highest).decode(activations)
            #expect(pitch.frequency > 30 && pitch.frequency < 2100)
        }
        #expect(CREPEDecoder().decode([Float](repeating: .nan, count: 360)).frequency == 0)
        let silent = CREPEDecoder().decode([Float](repeating: 0, count: 360))
        #expect(silent.confidence == 0 && silent.frequency > 30)
    }
}
