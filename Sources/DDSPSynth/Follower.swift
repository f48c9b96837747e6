import CRealtime

/// The Following controls as they reach the inference thread with each frame (units and ranges: CDDSPSynth.h).
public struct FollowSettings: BitwiseCopyable, Sendable {
    public var confidence: Float = 0.5
    public var gate: Float = -60
    public var matchesLoudness = true
    public var follow: Float = 1
    public var snap: Float = 0
    public var smoothing: Float = 0
    public var transpose: Float = 0
    public var a4: Float = 440
    public var loudness: Float = 0

    public init() {}
}

/// From what the pitch tracker and the loudness meter hear to what the instrument plays: one voice's pitch and loudness. Frame by
/// frame, 250 a second; on the inference thread.
public struct Follower {
    /// What was heard at one frame's time.
    public struct Heard {
        /// Hz; 0: none.
        public var frequency: Float
        /// 0 … 1
        public var confidence: Float
        /// K-weighted, dB.
        public var loudness: Float
        public init(frequency: Float, confidence: Float, loudness: Float) {
            self.frequency = frequency
            self.confidence = confidence
            self.loudness = loudness
        }
    }

    private var generation: UInt32 = 0
    private var start = 0
    private var isActive = false
    private var isVoiced = false
    private var isOpen = false
    private var pitch: Float = 60
    /// A pitch far from the last, which counts when the next agrees: trackers slip by octaves for single frames.
    private var leap: Float = -1
    /// Frames since the sound was last pitched.
    private var unpitched = 0
    /// dB: how far the voice is faded out, for want of pitch or level.
    private var fade: Float = Follower.gone
    /// Frames in which there was sound.
    private var openFrames = 0
    /// The input's loudness in its loud moments, dB.
    private var peak = Follower.usualPeak

    /// dB/frame at which a voice goes and comes.
    private static var fadeStep: Float { 2 }
    private static var gone: Float { 60 }
    /// Loud moments of a well-recorded solo, until the input has shown its own.
    private static var usualPeak: Float { -20 }
    /// Unpitched for longer (60 ms), a sound that is pitched again is a new one.
    private static var longestGap: Int { 15 }

    public init() {}

    /// Forgets the input. (Generations go on counting, so that an old sound is not taken for a new one.)
    public mutating func reset() {
        let count = generation
        self = Follower()
        generation = count
    }

    /// What the voice plays at the frame at host sample `time`.
    ///
    /// - Parameters:
    ///   - forte: the instrument's loudness at full velocity, dB
    public mutating func advance(_ heard: Heard, at time: Int, forte: Float, settings: FollowSettings) -> VoiceControl {
        // Both decisions with hysteresis.
        isOpen = heard.loudness >= settings.gate - (isOpen ? 4 : 0)
        isVoiced = heard.frequency > 0 && heard.confidence >= settings.confidence - (isVoiced ? 0.15 : 0)
        if isOpen && isVoiced {
            hear(heard.frequency, at: time, settings)
        } else {
            unpitched += 1
            leap = -1
            fade = min(Follower.gone, fade + Follower.fadeStep)
            if fade == Follower.gone { isActive = false }
        }
        if isOpen {
            // Up within 80 ms as the first sound comes, later so slowly (1.3 s) that dynamics stay what they are; down by a quarter
            // of a decibel a second.
            let rate: Float = openFrames < 75 ? 0.05 : 0.003
            openFrames += 1
            peak = max(-70, min(12, peak + (heard.loudness > peak ? (heard.loudness - peak) * rate : -0.001)))
        }
        guard isActive else { return VoiceControl(generation: generation) }
        var loudness: Float
        if settings.matchesLoudness {
            loudness = forte + settings.follow * (heard.loudness - peak)
        } else {
            // Around the loudness of a usual recording (EBU R 128).
            loudness = -23 + settings.follow * (heard.loudness + 23)
        }
        loudness += settings.loudness - fade
        return VoiceControl(
            isActive: true, generation: generation, start: start, pitch: snapped(settings) + settings.transpose,
            loudness: max(VoiceControl.silence, min(6, loudness)))
    }

    private mutating func hear(_ frequency: Float, at time: Int, _ settings: FollowSettings) {
        let new = 69 + 12 * cr_log2(frequency / 440)
        if !isActive || unpitched > Follower.longestGap {
            isActive = true
            generation &+= 1
            start = time
            pitch = new
            fade = 0
        } else if abs(new - pitch) > 6 && !(leap >= 0 && abs(new - leap) < 2) {
            leap = new
        } else {
            leap = -1
            // 4 ms of the smoothing's time constant.
            let keep = settings.smoothing > 0.5 ? cr_exp(-4 / settings.smoothing) : 0
            pitch = new + (pitch - new) * keep
            fade = max(0, fade - 2 * Follower.fadeStep)
        }
        unpitched = 0
    }

    /// The pitch, drawn towards the scale's nearest step.
    private func snapped(_ settings: FollowSettings) -> Float {
        let tuning = 12 * cr_log2(settings.a4 / 440)
        return pitch + (cr_round(pitch - tuning) + tuning - pitch) * settings.snap
    }
}
