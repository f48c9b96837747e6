import CRealtime
import Realtime

/// The K-weighting of ITU-R BS.1770-4 as a power response over frequency, fast enough for every harmonic of every voice.
///
/// A table with 128 steps an octave, found by a float's own exponent and leading bits; linear in between, within 0.001 dB of the
/// two filters (at 48 kHz, without the −0.691 dB offset), which `exactPower` computes.
public final class LoudnessWeighting: @unchecked Sendable {  // immutable after init
    private let table: UnsafeMutablePointer<Float>
    /// Hz: below it and from half the sample rate on the table answers 0.
    private static var lowest: Float { 4 }
    private static var highest: Float { 24_000 }
    /// A float's bits below those that choose the step.
    private static var shift: UInt32 { 16 }

    public init() {
        let first = Self.lowest.bitPattern >> Self.shift, last = Self.highest.bitPattern >> Self.shift
        let count = Int(last - first) + 2
        table = allocateZeroed(Float.self, count)
        for index in 0..<count {
            table[index] = Float(Self.exactPower(Double(Float(bitPattern: (first + UInt32(index)) << Self.shift))))
        }
    }

    deinit { cr_free(table) }

    /// |H(f)|² at `frequency` Hz; 0 below 4 Hz, from 24 kHz on, and for what is no number.
    @inline(__always)
    public func power(at frequency: Float) -> Float {
        guard frequency >= Self.lowest, frequency < Self.highest else { return 0 }
        let bits = frequency.bitPattern &- Self.lowest.bitPattern
        let index = Int(bits >> Self.shift)
        let fraction = Float(bits & (1 << Self.shift - 1)) * (1 / Float(1 << Self.shift))
        return table[index] + fraction * (table[index + 1] - table[index])
    }

    /// |H(f)|² of the two biquads, exactly, for 0 to 24 kHz.
    public static func exactPower(_ frequency: Double) -> Double {
        // In sin²(ω/2), which loses nothing at low frequencies, as sums of cosines do.
        let sine = cr_sin_f64(min(frequency, 24_000) * (Double.pi / 48_000)), phi = sine * sine
        func power(_ c0: Double, _ c1: Double, _ c2: Double) -> Double {
            let sum = c0 + c1 + c2
            return sum * sum - 4 * (c0 * c1 + 4 * c0 * c2 + c1 * c2) * phi + 16 * c0 * c2 * phi * phi
        }
        // The head's high shelf, then the high pass: the standard's coefficients.
        let shelf = power(1.53512485958697, -2.69169618940638, 1.19839281085285) / power(1, -1.69065929318241, 0.73248077421585)
        let highPass = power(1, -2, 1) / power(1, -1.99004745483398, 0.99007225036621)
        return max(0, shelf * highPass)
    }

    /// What is left of a harmonic's amplitude at `frequency` Hz: 1 up to 20 kHz, 0 from 22 kHz on, linear in between.
    @inline(__always)
    public static func fade(_ frequency: Float) -> Float { min(max((22_000 - frequency) * (1 / 2000), 0), 1) }
}
