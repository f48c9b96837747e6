import CRealtime

/// The noise that takes begin from: a number of the standard normal distribution for every frame and channel, a function of the seed
/// and the place alone. So a take is the same on every machine, and a song's noise does not depend on how it is divided.
///
/// Numbers 2·i and 2·i + 1 of a take (number 24·frame + channel) are r·cos φ and r·sin φ with r = √(−2 ln u), φ = 2π·v
/// (Box and Muller), u = (h + ½)/2³², v = l/2³², where h and l are the high and low halves of the i-th output of S. Vigna's
/// SplitMix64 from state `seed`, in 64 bits:
///
///     x = seed + (i + 1)·9E3779B97F4A7C15
///     x = (x ⊕ x≫30)·BF58476D1CE4E5B9
///     x = (x ⊕ x≫27)·94D049BB133111EB
///     x ⊕ x≫31
public struct GaussianNoise: Sendable {
    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// Numbers `first ..< first + count`; both even.
    public func fill(_ output: UnsafeMutablePointer<Float>, first: Int, count: Int) {
        precondition(first % 2 == 0 && count % 2 == 0)
        for i in 0..<count / 2 {
            let pair = UInt64(truncatingIfNeeded: first / 2 + i)
            var x = seed &+ (pair &+ 1) &* 0x9E37_79B9_7F4A_7C15
            x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
            x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
            x ^= x >> 31
            let u = (Double(x >> 32) + 0.5) * 0x1p-32, v = Double(x & 0xFFFF_FFFF) * 0x1p-32
            let r = cr_sqrt_f64(-2 * cr_log_f64(u)), angle = 2 * Double.pi * v
            output[2 * i] = Float(r * cr_cos_f64(angle))
            output[2 * i + 1] = Float(r * cr_sin_f64(angle))
        }
    }
}
