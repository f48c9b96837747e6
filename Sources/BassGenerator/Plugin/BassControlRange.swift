import CBassGenerator

/// Where a control of the plugin may go.
public struct BassControlRange: BitwiseCopyable, Sendable {
    public let minimum: Float
    public let maximum: Float
    public let standard: Float

    /// The value inside the range; the default for what is no number.
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

    /// The range of a control (units: CBassGenerator.h). Beyond the last: 0 alone.
    public static func of(_ control: continuo_bass_control) -> BassControlRange {
        switch control {
        case CONTINUO_BASS_MODE: BassControlRange(0, 2, 0)
        case CONTINUO_BASS_BARS: BassControlRange(1, 32, 4)
        case CONTINUO_BASS_CAPTURE: BassControlRange(0, 1, 0)
        case CONTINUO_BASS_GENERATE: BassControlRange(0, 1, 0)
        case CONTINUO_BASS_SEED: BassControlRange(0, 65535, 1)
        case CONTINUO_BASS_STEPS: BassControlRange(1, 32, 4)
        case CONTINUO_BASS_GUIDANCE: BassControlRange(0, 16, 2.5)
        case CONTINUO_BASS_STYLE_STRENGTH: BassControlRange(0, 1, 1)
        case CONTINUO_BASS_STYLE_CAPTURE: BassControlRange(0, 1, 0)
        case CONTINUO_BASS_TAKE: BassControlRange(0, 8, 0)
        case CONTINUO_BASS_VARIATION: BassControlRange(0, 1, 1)
        case CONTINUO_BASS_LEVEL: BassControlRange(-60, 24, 0)
        case CONTINUO_BASS_THROUGH_LEVEL: BassControlRange(-60, 24, 0)
        default: BassControlRange(0, 0, 0)
        }
    }
}

/// A control's value inside its range.
@inline(__always)
func control(_ controls: UnsafePointer<Float>, _ which: continuo_bass_control) -> Float {
    BassControlRange.of(which).clamped(controls[Int(which.rawValue)])
}

/// The same of a control that counts.
@inline(__always)
func wholeControl(_ controls: UnsafePointer<Float>, _ which: continuo_bass_control) -> Int {
    Int(control(controls, which) + 0.5)
}
