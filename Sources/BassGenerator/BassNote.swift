import CRealtime

/// A note of a bass line.
public struct BassNote: BitwiseCopyable, Sendable, Equatable {
    /// Seconds from the take's begin.
    public var onset: Double
    public var end: Double
    /// MIDI note number.
    public var key: Int
    /// K-weighted loudness at its loudest, dB.
    public var loudness: Float

    public init(onset: Double, end: Double, key: Int, loudness: Float) {
        self.onset = onset
        self.end = end
        self.key = key
        self.loudness = loudness
    }

    /// MIDI velocity: 127 at −15 dB and louder, half of it 12 dB lower (as instruments commonly answer); at least 1. At −17.5, −22.5
    /// and −27.5 dB it is 110, 82 and 62; notes that loud of the training data have a median velocity of 108, 86 and 69.
    public var velocity: Int {
        let decibels = Double(max(-100, min(loudness, -15))) + 15
        return max(1, Int(127 * cr_exp_f64(decibels * (2.302_585_092_994_046 / 40)) + 0.5))
    }
}
