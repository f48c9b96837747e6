/// How an instrument's notes run, measured from the instrument itself (training/synth): what turns velocity and time into the
/// loudness curve that the network hears. Plain values, so that the audio thread can hold and mix them.
public struct InstrumentProfile: BitwiseCopyable, Sendable {
    /// Velocities of the measured curves: 30, 64, 100, 127.
    public static var velocities: (Float, Float, Float, Float) { (30, 64, 100, 127) }
    /// Points of an attack curve; see `attackTime`.
    public static var attackPoints: Int { 96 }
    /// Points of a release curve, 16 ms apart.
    public static var releasePoints: Int { 32 }

    /// Lowest and highest note well covered.
    public var lowest: Float
    public var highest: Float
    /// K-weighted loudness (dB) of a note's body at the four velocities.
    public var loudness: InlineArray<4, Float>
    /// Loudness relative to the body's (dB), velocity-major: 4 × 96.
    public var attack: InlineArray<384, Float>
    /// Loudness after the note's end, relative to that at its end (dB).
    public var release: InlineArray<32, Float>
    /// Whether a held note goes on; otherwise it decays by itself, and its last attack points say how fast.
    public var sustains: Bool
    /// Hz and cents.
    public var vibratoRate: Float
    public var vibratoDepth: Float

    public init(
        lowest: Float, highest: Float, loudness: InlineArray<4, Float>, attack: InlineArray<384, Float>,
        release: InlineArray<32, Float>, sustains: Bool, vibratoRate: Float, vibratoDepth: Float
    ) {
        self.lowest = lowest
        self.highest = highest
        self.loudness = loudness
        self.attack = attack
        self.release = release
        self.sustains = sustains
        self.vibratoRate = vibratoRate
        self.vibratoDepth = vibratoDepth
    }

    /// Seconds after the note-on of attack point `j`: 4 ms apart at first, 64 ms from the 64th on.
    @inlinable public static func attackTime(_ j: Int) -> Float {
        j < 64 ? 0.004 * Float(j) : 0.252 + 0.064 * Float(j - 63)
    }

    /// A plain sustained instrument, for when there is no model: full at once, 24 dB of dynamics, gone in 100 ms.
    public static var plain: InstrumentProfile {
        var release = InlineArray<32, Float>(repeating: -90)
        for index in 0..<8 { release[index] = -10 * Float(index) }
        return InstrumentProfile(
            lowest: 36, highest: 96, loudness: [-42, -30, -22, -18], attack: InlineArray<384, Float>(repeating: 0),
            release: release, sustains: true, vibratoRate: 5.5, vibratoDepth: 0)
    }
}
