import CRealtime

/// What one MIDI channel's controllers stand at.
struct MIDIChannel: BitwiseCopyable {
    /// A controller of 14 bits; most senders use the upper seven alone.
    struct Value: BitwiseCopyable {
        private var bits: Int32

        init(_ upper: UInt8) { bits = Int32(upper) << 7 }
        /// The upper part; as MIDI has it, the lower is then 0.
        mutating func setUpper(_ value: UInt8) { bits = Int32(value) << 7 }
        mutating func setLower(_ value: UInt8) { bits = bits & ~127 | Int32(value) }
        /// 0 … 1, and 1 already with the upper part alone at 127.
        var fraction: Float { min(1, Float(bits) / 16256) }
    }

    /// Registered parameters that we know.
    enum Parameter {
        static var bendRange: UInt16 { 0 }
        static var fineTuning: UInt16 { 1 }
        static var coarseTuning: UInt16 { 2 }
        static var zone: UInt16 { 6 }
        static var none: UInt16 { 0x3FFF }
    }

    // MARK: What reset all controllers (RP-015) resets

    /// −1 … 1 of the bend range.
    var bend: Float = 0
    /// 0 … 1
    var pressure: Float = 0
    var modulation = Value(0)
    var expression = Value(127)
    var sustain = false
    var sostenuto = false
    var soft = false
    /// The selected registered parameter, 14 bits; `Parameter.none` also for one that is not registered (NRPN).
    var parameterUpper: UInt8 = 127
    var parameterLower: UInt8 = 127
    var isRegistered = false

    // MARK: What it leaves alone

    var volume = Value(100)
    /// CC 74: −1 … 1
    var timbre: Float = 0
    var breath = Value(0)
    /// Without a breath controller nothing takes velocity's place.
    var hasBreath = false
    /// Cents, of RPN 0; negative: the setting's.
    var bendRange: Int32 = -1
    /// 14 bits, 8192 in tune; ±100 cents.
    var fineTuning: Int32 = 8192
    /// Semitones.
    var coarseTuning: Int32 = 0

    // MARK: Derived

    /// The channel that governs this one in its MPE zone; −1 for a zone's master, and outside the zones.
    var master = -1
    /// dB: CC 11 by the curve that MIDI recommends, 40·log10(x / 127).
    var expressionLevel: Float = 0
    /// dB: CC 7 by the same curve, but 0 dB where MIDI has it at power-on, 100.
    var volumeLevel: Float = 0

    init() {}

    var parameter: UInt16 {
        isRegistered ? UInt16(parameterUpper) << 7 | UInt16(parameterLower) : Parameter.none
    }

    /// Semitones, of the two tunings.
    var tuning: Float { Float(coarseTuning) + Float(fineTuning - 8192) / 8192 }

    mutating func updateLevels() {
        expressionLevel = MIDIChannel.decibels(expression.fraction)
        volumeLevel = MIDIChannel.decibels(volume.fraction * 127 / 100)
    }

    /// What CC 121 does by RP-015.
    mutating func resetControllers() {
        bend = 0
        pressure = 0
        modulation = Value(0)
        expression = Value(127)
        sustain = false
        sostenuto = false
        soft = false
        isRegistered = false
        parameterUpper = 127
        parameterLower = 127
        updateLevels()
    }

    private static func decibels(_ fraction: Float) -> Float {
        fraction > 0 ? max(VoiceControl.silence, 40 * cr_log10(fraction)) : VoiceControl.silence
    }
}
