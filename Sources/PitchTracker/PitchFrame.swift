/// One estimate of a sound's pitch.
public struct PitchFrame: BitwiseCopyable, Sendable, Equatable {
    /// Frame number on the base grid (`PitchEngine.baseHop`); its time is that many hops after the start.
    public var index: Int
    /// Fundamental frequency in Hz; 0 where there is no estimate.
    public var frequency: Float
    /// Confidence (periodicity), 0 … 1.
    public var confidence: Float
    /// Level around the frame's time: root mean square over 32 ms in dB relative to full scale, at most
    /// `loudest`; −120 for silence.
    public var level: Float
    /// Probability that a note begins, 0 … 1; below 0 where the model does not tell it (CREPE).
    public var onset: Float = -1
    /// Whether the model tells several notes at once: then `chord` has all that sound, and the frequency is the lowest one's.
    public var isPolyphonic = false
    public var chord = Chord()

    public init(index: Int, frequency: Float, confidence: Float, level: Float) {
        self.index = index
        self.frequency = frequency
        self.confidence = confidence
        self.level = level
    }

    /// The frame's time in seconds.
    public var time: Double { Double(index * PitchEngine.baseHop) / Double(PitchEngine.modelRate) }

    static var silence: Float { -120 }
    /// The index of a frame that was not computed, because the hop leaves it out.
    static var leftOut: Int { -1 }
    /// The highest level that is told: sound above it reads as this.
    public static var loudest: Float { 12 }
}
