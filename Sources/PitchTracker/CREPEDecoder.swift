import CRealtime

/// From CREPE's activations to a frequency and a confidence.
///
/// The peak is the strongest bin inside the frequency range, and the confidence is its activation. The frequency is
/// the mean of the pitches up to four bins either side of it (and inside the range), weighted by their activations:
/// the method of the CREPE paper's own program. (torchcrepe's `weighted_argmax` differs in putting the activations
/// through a second sigmoid before it weights with them, which pulls every pitch towards the middle of its bin.)
public struct CREPEDecoder: Sendable {
    public struct Pitch: Sendable {
        /// In Hz; 0 if nothing could be decoded (activations that are no numbers).
        public var frequency: Float
        /// 0 … 1
        public var confidence: Float

        public init(frequency: Float, confidence: Float) {
            self.frequency = frequency
            self.confidence = confidence
        }
    }

    /// The bins that may be the peak.
    private let range: Range<Int>

    /// - Parameters: lowest, highest: in Hz; as in torchcrepe the range reaches out to whole bins, lowest downwards
    ///   and highest upwards. A range that contains no bin is widened to the nearest one.
    public init(lowest: Float = 31.7, highest: Float = 2006) {
        let low = Int(cr_floor_f64(CREPEDecoder.bin(of: Double(lowest))))
        let high = Int(cr_ceil_f64(CREPEDecoder.bin(of: Double(highest))))
        let first = min(max(low, 0), CREPE.bins - 1)
        range = first..<max(min(high, CREPE.bins), first + 1)
    }

    /// The pitch of bin `i` in cents over 10 Hz.
    public static func cents(ofBin i: Double) -> Double { 1997.3794084376191 + 20 * i }

    /// The (fractional) bin of a frequency in Hz, clipped to −1 … 400.
    public static func bin(of frequency: Double) -> Double {
        guard frequency > 10 else { return -1 }
        let bin = (1200 * cr_log_f64(frequency / 10) / cr_log_f64(2) - 1997.3794084376191) / 20
        return bin < -1 ? -1 : bin > 400 ? 400 : bin
    }

    /// - Parameter activations: 360 values from 0 to 1
    public func decode(_ activations: UnsafePointer<Float>) -> Pitch {
        var peak = -1
        var best: Float = -1
        // A comparison with a NaN is false: such bins are passed over.
        for i in range where activations[i] > best {
            peak = i
            best = activations[i]
        }
        guard peak >= 0 else { return Pitch(frequency: 0, confidence: 0) }
        var weight = 0.0, sum = 0.0
        for i in max(peak - 4, range.lowerBound)..<min(peak + 5, range.upperBound) where activations[i] >= 0 {
            weight += Double(activations[i])
            sum += Double(activations[i]) * CREPEDecoder.cents(ofBin: Double(i))
        }
        let cents = weight > 0 ? sum / weight : CREPEDecoder.cents(ofBin: Double(peak))
        return Pitch(
            frequency: Float(10 * cr_exp_f64(cents / 1200 * cr_log_f64(2))), confidence: min(best, 1))
    }
}
