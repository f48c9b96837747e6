/// One frame of a pitch track, as files and pictures want it.
public struct PitchPoint: Equatable, Sendable {
    /// Seconds from the beginning to the frame's centre.
    public var time: Double
    /// Hz.
    public var frequency: Float
    /// 0 (no pitch) to 1.
    public var confidence: Float
    /// RMS level in dB of full scale; −120 and below is silence.
    public var level: Float

    public init(time: Double, frequency: Float, confidence: Float, level: Float) {
        self.time = time
        self.frequency = frequency
        self.confidence = confidence
        self.level = level
    }
}
