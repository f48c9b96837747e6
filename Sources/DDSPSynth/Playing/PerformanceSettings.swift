import CDDSPSynth

/// The Playing and Articulation controls: how MIDI becomes pitch and loudness (units and ranges: CDDSPSynth.h).
public struct PerformanceSettings: BitwiseCopyable, Sendable {
    /// What a note does to one that still sounds.
    public enum Mode: UInt8, BitwiseCopyable, Sendable {
        /// Each note has a voice of its own.
        case poly
        /// One note at a time, the last pressed; each starts anew.
        case mono
        /// One note at a time; a note played while another is held moves the sounding voice there.
        case legato
    }

    /// MIDI Polyphonic Expression: which zone the control sets up. A configuration message (RPN 6) may change it.
    public enum Zone: UInt8, BitwiseCopyable, Sendable {
        case off, lower, upper
    }

    public var voiceCount = 16
    public var mode = Mode.poly
    public var glide: Float = 0
    public var bendRange: Float = 2
    public var mpe = Zone.off
    public var mpeBendRange: Float = 48
    public var channel = 0
    public var transpose: Float = 0
    public var a4: Float = 440

    public var attack: Float = 1
    public var release: Float = 1
    public var body: Float = 0
    public var dynamics: Float = 1
    public var loudness: Float = 0
    public var vibratoRate: Float = 5.5
    public var vibratoDepth: Float = 15
    public var vibratoDelay: Float = 500
    public var wheelVibrato: Float = 40
    public var tremolo: Float = 0
    public var drift: Float = 0.3
    public var pressure: Float = 9
    public var breath: Float = 0

    public init() {}

    /// From all CONTINUO_SYNTH_CONTROLS control values, clamped.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public init(controls: UnsafePointer<Float>) {
        voiceCount = PerformanceSettings.whole(controls, CONTINUO_SYNTH_VOICE_COUNT)
        mode = Mode(rawValue: UInt8(PerformanceSettings.whole(controls, CONTINUO_SYNTH_MODE))) ?? .poly
        mpe = Zone(rawValue: UInt8(PerformanceSettings.whole(controls, CONTINUO_SYNTH_MPE))) ?? .off
        channel = PerformanceSettings.whole(controls, CONTINUO_SYNTH_CHANNEL)
        glide = controls[Int(CONTINUO_SYNTH_GLIDE.rawValue)]
        bendRange = controls[Int(CONTINUO_SYNTH_BEND_RANGE.rawValue)]
        mpeBendRange = controls[Int(CONTINUO_SYNTH_MPE_BEND_RANGE.rawValue)]
        transpose = controls[Int(CONTINUO_SYNTH_TRANSPOSE.rawValue)]
        a4 = controls[Int(CONTINUO_SYNTH_A4.rawValue)]
        attack = controls[Int(CONTINUO_SYNTH_ATTACK.rawValue)]
        release = controls[Int(CONTINUO_SYNTH_RELEASE.rawValue)]
        body = controls[Int(CONTINUO_SYNTH_BODY.rawValue)]
        dynamics = controls[Int(CONTINUO_SYNTH_DYNAMICS.rawValue)]
        loudness = controls[Int(CONTINUO_SYNTH_LOUDNESS.rawValue)]
        vibratoRate = controls[Int(CONTINUO_SYNTH_VIBRATO_RATE.rawValue)]
        vibratoDepth = controls[Int(CONTINUO_SYNTH_VIBRATO_DEPTH.rawValue)]
        vibratoDelay = controls[Int(CONTINUO_SYNTH_VIBRATO_DELAY.rawValue)]
        wheelVibrato = controls[Int(CONTINUO_SYNTH_WHEEL_VIBRATO.rawValue)]
        tremolo = controls[Int(CONTINUO_SYNTH_TREMOLO.rawValue)]
        drift = controls[Int(CONTINUO_SYNTH_DRIFT.rawValue)]
        pressure = controls[Int(CONTINUO_SYNTH_PRESSURE.rawValue)]
        breath = controls[Int(CONTINUO_SYNTH_BREATH.rawValue)]
        clamp()
    }

    /// Brings every field into its range; what is no number takes its default.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public mutating func clamp() {
        voiceCount = max(1, min(VoiceControl.maximumCount, voiceCount))
        channel = max(0, min(16, channel))
        glide = ControlRange.of(CONTINUO_SYNTH_GLIDE).clamped(glide)
        bendRange = ControlRange.of(CONTINUO_SYNTH_BEND_RANGE).clamped(bendRange)
        mpeBendRange = ControlRange.of(CONTINUO_SYNTH_MPE_BEND_RANGE).clamped(mpeBendRange)
        transpose = ControlRange.of(CONTINUO_SYNTH_TRANSPOSE).clamped(transpose)
        a4 = ControlRange.of(CONTINUO_SYNTH_A4).clamped(a4)
        attack = ControlRange.of(CONTINUO_SYNTH_ATTACK).clamped(attack)
        release = ControlRange.of(CONTINUO_SYNTH_RELEASE).clamped(release)
        body = ControlRange.of(CONTINUO_SYNTH_BODY).clamped(body)
        dynamics = ControlRange.of(CONTINUO_SYNTH_DYNAMICS).clamped(dynamics)
        loudness = ControlRange.of(CONTINUO_SYNTH_LOUDNESS).clamped(loudness)
        vibratoRate = ControlRange.of(CONTINUO_SYNTH_VIBRATO_RATE).clamped(vibratoRate)
        vibratoDepth = ControlRange.of(CONTINUO_SYNTH_VIBRATO_DEPTH).clamped(vibratoDepth)
        vibratoDelay = ControlRange.of(CONTINUO_SYNTH_VIBRATO_DELAY).clamped(vibratoDelay)
        wheelVibrato = ControlRange.of(CONTINUO_SYNTH_WHEEL_VIBRATO).clamped(wheelVibrato)
        tremolo = ControlRange.of(CONTINUO_SYNTH_TREMOLO).clamped(tremolo)
        drift = ControlRange.of(CONTINUO_SYNTH_DRIFT).clamped(drift)
        pressure = ControlRange.of(CONTINUO_SYNTH_PRESSURE).clamped(pressure)
        breath = ControlRange.of(CONTINUO_SYNTH_BREATH).clamped(breath)
    }

    private static func whole(_ controls: UnsafePointer<Float>, _ control: continuo_synth_control) -> Int {
        Int(ControlRange.of(control).clamped(controls[Int(control.rawValue)]) + 0.5)
    }
}
