/// A voice's own chance: the same for the same seed (xorshift64*, Vigna 2016).
struct Randomness: BitwiseCopyable {
    private var state: UInt64

    init(seed: UInt64) {
        // Neighbouring seeds must give unlike sequences (the finisher of SplitMix64).
        var z = seed &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        state = z == 0 ? 1 : z
    }

    /// −1 … 1
    mutating func next() -> Float {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        let bits = UInt32(truncatingIfNeeded: (state &* 0x2545_F491_4F6C_DD1D) >> 40)
        return Float(bits) / 8_388_608 - 1
    }
}

/// A slow wandering within −1 … 1 that never jumps: noise through two low passes, stepped once a control frame.
struct Wander: BitwiseCopyable {
    private var walk: Float
    private(set) var value: Float

    /// Starts at `value`.
    init(_ value: Float) {
        walk = value
        self.value = value
    }

    mutating func step(_ random: Float) {
        // Time constants of 0.8 s and 0.1 s at 4 ms; 14 brings the standard deviation to about 0.4.
        walk += 0.005 * (14 * random - walk)
        walk = max(-1, min(1, walk))
        value += 0.04 * (walk - value)
    }
}
