/// The outline of a recording: the least and greatest sample of each slice of time, in bounded memory.
public struct WaveformEnvelope: Sendable {
    public private(set) var minima: [Float] = []
    public private(set) var maxima: [Float] = []
    /// Seconds that one slice stands for.
    public var secondsPerSlice: Double { Double(samplesPerSlice) / sampleRate }
    /// Seconds of sound so far.
    public var duration: Double { Double(count) / sampleRate }

    private let sampleRate: Double
    private let maxSlices: Int
    private var samplesPerSlice = 16
    private var count = 0

    /// - Parameter maxSlices: slices are joined in pairs when there are twice as many.
    public init(sampleRate: Double, maxSlices: Int = 1600) {
        self.sampleRate = sampleRate
        self.maxSlices = max(16, maxSlices)
    }

    /// Takes the next mono samples.
    public mutating func push(_ samples: UnsafeBufferPointer<Float>) {
        for sample in samples {
            let slice = count / samplesPerSlice
            if slice == minima.count {
                minima.append(sample)
                maxima.append(sample)
            } else {
                minima[slice] = min(minima[slice], sample)
                maxima[slice] = max(maxima[slice], sample)
            }
            count += 1
            if minima.count >= 2 * maxSlices, count % (2 * samplesPerSlice) == 0 { halve() }
        }
    }

    private mutating func halve() {
        let pairs = minima.count / 2
        for i in 0..<pairs {
            minima[i] = min(minima[2 * i], minima[2 * i + 1])
            maxima[i] = max(maxima[2 * i], maxima[2 * i + 1])
        }
        minima.removeLast(minima.count - pairs)
        maxima.removeLast(maxima.count - pairs)
        samplesPerSlice *= 2
    }
}
