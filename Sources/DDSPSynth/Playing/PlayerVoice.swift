/// One voice as its player has it: which note, in which state, and all that goes on moving while it sounds.
struct PlayerVoice: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
        case free
        /// Its key is down.
        case held
        /// Its key is up, a pedal holds it.
        case pedalled
        case released
    }

    var state = State.free
    var generation: UInt32 = 0
    var channel = 0
    var note = 0
    var velocity: Float = 0
    /// Host samples.
    var start = 0
    var releaseTime = 0
    /// Against the release control: from the note-off's velocity.
    var releaseStretch: Float = 1
    /// The count of notes when it started: the older the smaller.
    var order: UInt64 = 0
    /// Held by the sostenuto pedal when its key comes up.
    var sostenuto = false
    /// Let go, and its MPE channel has gone on to another note: the channel's own controllers no longer move it.
    var isFrozen = false

    // MARK: Pitch

    /// Semitones (MIDI note numbers): where a glide began and goes to.
    var from: Float = 60
    var to: Float = 60
    var glideStart = 0
    /// Host samples.
    var glideLength: Float = 0
    /// Semitones: bends, tuning, transposition; smoothed.
    var offset: Float = 0
    var vibratoPhase: Float = 0

    // MARK: Loudness

    /// When the last legato transition began, and how deep it dips, dB. No dip: no transition yet.
    var transition = 0
    var dip: Float = 0
    /// Seconds, of the two instruments; negative: not looked up yet.
    var attackLengthA: Float = -1
    var attackLengthB: Float = -1
    /// Whether a control frame has been computed since it started.
    var hasBegun = false
    /// What the articulation came to at the last frame, and what is left of its jumps (dB): a jump is played smoothly.
    var articulation: Float = 0
    var excess: Float = 0
    /// As of the last frame, dB.
    var loudness: Float = -20

    // MARK: Controllers

    /// 0 … 1
    var polyPressure: Float = 0
    /// Of its own channel, as long as that moves it.
    var bend: Float = 0
    var pressure: Float = 0
    var channelTimbre: Float = 0
    /// Smoothed.
    var timbre: Float = 0
    var wheel: Float = 0
    var gain: Float = 0

    // MARK: Chance

    var random = Randomness(seed: 0)
    var pitchWander = Wander(0)
    var loudnessWander = Wander(0)
    var vibratoWander = Wander(0)
    /// 0.5 … 1.5: how far this note's onset scoops.
    var scoop: Float = 1
    var place: Float = 0

    /// MIDI note number with fraction at host sample `time`: constant time, straight in log frequency but for rounded ends.
    func notePitch(_ time: Int) -> Float {
        let position = Float(time &- glideStart)
        guard position < glideLength else { return to }
        return from + (to - from) * Articulation.ease(position / glideLength)
    }
}
