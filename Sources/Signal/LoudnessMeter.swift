import CRealtime

/// Loudness over time as the synthesizer's models are trained on it: the K-weighted mean square under a Hann window of 32 ms, in
/// dB (ITU-R BS.1770 without its −0.691 dB and without gates).
public final class LoudnessMeter {
    /// Seconds of the window (1536 samples at 48 kHz).
    public static var window: Double { 0.032 }
    /// The lowest loudness told, dB.
    public static var floor: Float { -120 }

    private var weighting: KWeighting
    private let length: Int
    private let capacity: Int
    private let weights: UnsafeMutablePointer<Float>
    /// K-weighted squares; `total` counts all ever fed.
    private let squares: UnsafeMutablePointer<Float>
    private var held = 0
    private var total = 0

    /// Samples after a time that have to be fed before its loudness is known.
    public var lookahead: Int { length - length / 2 }

    /// - Parameters:
    ///   - sampleRate: Hz
    ///   - history: samples that may be fed after a time before it is asked about
    public init(sampleRate: Double, history: Int) {
        weighting = KWeighting(sampleRate: sampleRate)
        length = max(2, Int(Self.window * sampleRate + 0.5))
        capacity = 2 * (length + max(0, history)) + 4096
        weights = allocate(length)
        squares = allocate(capacity)
        var sum = 0.0
        for n in 0..<length {
            let weight = 0.5 - 0.5 * cr_cos_f64(2 * Double.pi * (Double(n) + 0.5) / Double(length))
            weights[n] = Float(weight)
            sum += weight
        }
        for n in 0..<length { weights[n] /= Float(sum) }
    }

    deinit {
        cr_free(weights)
        cr_free(squares)
    }

    /// Takes the next samples. One that is not finite, or far beyond full scale, counts as silence.
    public func feed(_ input: UnsafePointer<Float>, count: Int) {
        var done = 0
        while done < count {
            let piece = min(count - done, capacity / 2)
            if held + piece > capacity {
                let kept = capacity / 2
                cr_move(squares, squares + (held - kept), kept * MemoryLayout<Float>.stride)
                held = kept
            }
            for n in 0..<piece {
                let sample = input[done + n]
                let weighted = weighting.process(abs(sample) < 1e6 ? sample : 0)
                squares[held + n] = weighted * weighted
            }
            held += piece
            total += piece
            done += piece
        }
    }

    /// Loudness (dB) around sample `time`; what was before the first sample is silence.
    public func loudness(at time: Int) -> Float {
        let start = time - length / 2 - (total - held)
        var sum: Float = 0
        for n in max(0, -start)..<max(max(0, -start), min(length, held - start)) { sum += weights[n] * squares[start + n] }
        return sum > 1e-12 ? 10 * cr_log10(sum) : Self.floor
    }

    public func reset() {
        weighting.reset()
        held = 0
        total = 0
    }

    /// Goes on from what another meter of the same rate has heard.
    public func copyState(from other: LoudnessMeter) {
        guard other.capacity == capacity, other.length == length else { return }
        weighting = other.weighting
        held = other.held
        total = other.total
        cr_move(squares, other.squares, held * MemoryLayout<Float>.stride)
    }
}

private func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    cr_allocate(count * MemoryLayout<Float>.stride)!.bindMemory(to: Float.self, capacity: count)
}
