import CDDSPSynth

/// Where a control may go. The same ranges and defaults stand in ttl/synth, for hosts; SynthPortsTests holds the two together.
public struct ControlRange: BitwiseCopyable, Sendable {
    public let minimum: Float
    public let maximum: Float
    public let standard: Float

    /// The value inside the range; the default for what is no number, which is also how a plugin that lacks the control gives it.
    @inlinable public func clamped(_ value: Float) -> Float {
        // Compared so that a NaN fails both.
        if value >= minimum { return value < maximum ? value : maximum }
        return value < minimum ? minimum : standard
    }

    @inlinable init(_ minimum: Float, _ maximum: Float, _ standard: Float) {
        self.minimum = minimum
        self.maximum = maximum
        self.standard = standard
    }

    /// The range of a control: `CONTINUO_SYNTH_INSTRUMENT_A` … (units: CDDSPSynth.h). Beyond the last: 0 alone.
    public static func of(_ control: continuo_synth_control) -> ControlRange {
        switch control {
        // Instrument
        case CONTINUO_SYNTH_INSTRUMENT_A: ControlRange(0, 27, 0)
        case CONTINUO_SYNTH_INSTRUMENT_B: ControlRange(0, 27, 4)
        case CONTINUO_SYNTH_MORPH: ControlRange(0, 1, 0)
        // Playing
        case CONTINUO_SYNTH_VOICE_COUNT: ControlRange(1, 32, 16)
        case CONTINUO_SYNTH_MODE: ControlRange(0, 2, 0)
        case CONTINUO_SYNTH_GLIDE: ControlRange(0, 2000, 0)
        case CONTINUO_SYNTH_BEND_RANGE: ControlRange(0, 48, 2)
        case CONTINUO_SYNTH_MPE: ControlRange(0, 2, 0)
        case CONTINUO_SYNTH_MPE_BEND_RANGE: ControlRange(0, 96, 48)
        case CONTINUO_SYNTH_CHANNEL: ControlRange(0, 16, 0)
        case CONTINUO_SYNTH_TRANSPOSE: ControlRange(-36, 36, 0)
        case CONTINUO_SYNTH_A4: ControlRange(400, 480, 440)
        // Articulation
        case CONTINUO_SYNTH_ATTACK: ControlRange(0.1, 10, 1)
        case CONTINUO_SYNTH_RELEASE: ControlRange(0.1, 10, 1)
        case CONTINUO_SYNTH_BODY: ControlRange(-24, 24, 0)
        case CONTINUO_SYNTH_DYNAMICS: ControlRange(0, 2, 1)
        case CONTINUO_SYNTH_LOUDNESS: ControlRange(-24, 24, 0)
        case CONTINUO_SYNTH_VIBRATO_RATE: ControlRange(0.1, 12, 5.5)
        case CONTINUO_SYNTH_VIBRATO_DEPTH: ControlRange(0, 200, 15)
        case CONTINUO_SYNTH_VIBRATO_DELAY: ControlRange(0, 3000, 500)
        case CONTINUO_SYNTH_WHEEL_VIBRATO: ControlRange(0, 200, 40)
        case CONTINUO_SYNTH_TREMOLO: ControlRange(0, 12, 0)
        case CONTINUO_SYNTH_DRIFT: ControlRange(0, 1, 0.3)
        case CONTINUO_SYNTH_PRESSURE: ControlRange(-24, 24, 9)
        case CONTINUO_SYNTH_BREATH: ControlRange(0, 1, 0)
        // Sound
        case CONTINUO_SYNTH_TILT: ControlRange(-12, 12, 0)
        case CONTINUO_SYNTH_ODD_EVEN: ControlRange(-1, 1, 0)
        case CONTINUO_SYNTH_STRETCH: ControlRange(0, 1, 0)
        case CONTINUO_SYNTH_FORMANT: ControlRange(-12, 12, 0)
        case CONTINUO_SYNTH_NOISE: ControlRange(-60, 24, 0)
        case CONTINUO_SYNTH_NOISE_COLOUR: ControlRange(-12, 12, 0)
        case CONTINUO_SYNTH_ATTACK_NOISE: ControlRange(0, 24, 0)
        case CONTINUO_SYNTH_BRIGHTNESS: ControlRange(-1, 1, 0)
        case CONTINUO_SYNTH_UNISON: ControlRange(1, 4, 1)
        case CONTINUO_SYNTH_DETUNE: ControlRange(0, 50, 12)
        case CONTINUO_SYNTH_SPREAD: ControlRange(0, 1, 0.3)
        case CONTINUO_SYNTH_ROOM: ControlRange(0, 1, 0.15)
        case CONTINUO_SYNTH_ROOM_SIZE: ControlRange(0, 1, 0.5)
        case CONTINUO_SYNTH_ROOM_DECAY: ControlRange(0.2, 10, 1.6)
        case CONTINUO_SYNTH_ROOM_DAMPING: ControlRange(0, 1, 0.5)
        case CONTINUO_SYNTH_GAIN: ControlRange(-60, 24, 0)
        // Following
        case CONTINUO_SYNTH_CONFIDENCE: ControlRange(0, 1, 0.5)
        case CONTINUO_SYNTH_GATE: ControlRange(-90, 0, -60)
        case CONTINUO_SYNTH_LOUDNESS_MATCH: ControlRange(0, 1, 1)
        case CONTINUO_SYNTH_FOLLOW: ControlRange(0, 2, 1)
        case CONTINUO_SYNTH_PITCH_SNAP: ControlRange(0, 1, 0)
        case CONTINUO_SYNTH_SMOOTHING: ControlRange(0, 200, 0)
        case CONTINUO_SYNTH_WET: ControlRange(0, 1, 1)
        default: ControlRange(0, 0, 0)
        }
    }
}
