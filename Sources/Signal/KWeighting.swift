import CRealtime

/// The K-weighting of ITU-R BS.1770: a shelf for the head's acoustics, then a high-pass, at any sample rate.
///
/// The recommendation gives coefficients for 48 kHz alone; these are the analogue prototypes behind them (the shelf 3.9998 dB at
/// 1681.97 Hz with Q 0.7072, the high-pass 38.135 Hz with Q 0.5003), by the bilinear transform, which at 48 kHz gives the
/// recommendation's own numbers.
public struct KWeighting: Sendable {
    private struct Biquad {
        var b0 = 0.0, b1 = 0.0, b2 = 0.0, a1 = 0.0, a2 = 0.0
        var s1 = 0.0, s2 = 0.0

        @inline(__always) mutating func process(_ x: Double) -> Double {
            let y = b0 * x + s1
            s1 = b1 * x - a1 * y + s2
            s2 = b2 * x - a2 * y
            return y
        }
    }
    private var shelf = Biquad()
    private var highPass = Biquad()

    /// - Parameter sampleRate: Hz
    public init(sampleRate: Double) {
        func tangent(_ frequency: Double) -> Double {
            // The shelf has to stay under the Nyquist frequency of very low rates.
            let angle = Double.pi * min(frequency / sampleRate, 0.49)
            return cr_sin_f64(angle) / cr_cos_f64(angle)
        }
        var k = tangent(1681.974450955533)
        var q = 0.7071752369554196
        let high = 1.584864701130855  // 3.99984 dB
        let band = 1.258720930232562  // high^0.4996667741545416
        var a0 = 1 + k / q + k * k
        shelf.b0 = (high + band * k / q + k * k) / a0
        shelf.b1 = 2 * (k * k - high) / a0
        shelf.b2 = (high - band * k / q + k * k) / a0
        shelf.a1 = 2 * (k * k - 1) / a0
        shelf.a2 = (1 - k / q + k * k) / a0
        k = tangent(38.13547087602444)
        q = 0.5003270373238773
        a0 = 1 + k / q + k * k
        highPass.b0 = 1
        highPass.b1 = -2
        highPass.b2 = 1
        highPass.a1 = 2 * (k * k - 1) / a0
        highPass.a2 = (1 - k / q + k * k) / a0
    }

    /// The next sample, weighted.
    @inline(__always) public mutating func process(_ sample: Float) -> Float {
        Float(highPass.process(shelf.process(Double(sample))))
    }

    public mutating func reset() {
        (shelf.s1, shelf.s2, highPass.s1, highPass.s2) = (0, 0, 0, 0)
    }
}
