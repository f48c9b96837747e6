/// What one voice is to sound like at one control frame: the network's input, and what tells one sound in a voice from the next.
///
/// Frames lie at `Timeline.frameTime(k)`; all times are host samples since the stream's start.
public struct VoiceControl: BitwiseCopyable, Sendable {
    /// Sounding, its release included. All else is meaningless without.
    public var isActive: Bool
    /// Counts the sounds that began in this voice. A new number: the decoder starts from its rest state, and the sound begins at
    /// exactly `start` (whatever still sounded in the voice fades out from there).
    public var generation: UInt32
    /// Host sample of the note's event.
    public var start: Int
    /// MIDI note number with fraction: bend, glide, vibrato and drift included.
    public var pitch: Float
    /// K-weighted loudness, dB: velocity, envelope, pressure, expression, tremolo and drift included. `silence` or less: nothing.
    public var loudness: Float
    /// −1 … 1: per-note timbre (MPE's third dimension, CC 74), added to the sound's own brightness as tilt.
    public var timbre: Float
    /// −1 (left) … 1: the voice's place, for stereo spread.
    public var place: Float
    /// dB, −90 … 5: how much louder the sound is made after the network (channel volume, CC 7): a fader, which does not change how
    /// the instrument is played.
    public var gain: Float

    public init(
        isActive: Bool = false, generation: UInt32 = 0, start: Int = 0, pitch: Float = 60,
        loudness: Float = VoiceControl.silence, timbre: Float = 0, place: Float = 0, gain: Float = 0
    ) {
        self.isActive = isActive
        self.generation = generation
        self.start = start
        self.pitch = pitch
        self.loudness = loudness
        self.timbre = timbre
        self.place = place
        self.gain = gain
    }

    /// dB: the network's floor.
    public static var silence: Float { -90 }
    /// Most voices at once (CONTINUO_SYNTH_VOICES).
    public static var maximumCount: Int { 32 }
}
