/// A control that MIDI moves, as people write it.
public struct MIDIMapping: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        /// 0 to 127.
        case controller(Int)
        /// 0 to 16383; moved by data entry (controllers 6 and 38).
        case nrpn(Int)
        /// A registered parameter, 0 to 16382 (0 is the bend's range, 1 fine tuning …); moved by data entry as well.
        case rpn(Int)
        case bend
        /// Channel pressure.
        case pressure
        /// 0 to 127: its velocity; what is on or off is so while the key is down.
        case note(Int)
        /// Polyphonic pressure (aftertouch) of a key, 0 to 127; nil: of whichever key.
        case keyPressure(Int?)
    }

    public enum Curve: Sendable, Equatable {
        case linear
        /// Equal steps of the controller are equal ratios of the value; both ends have one sign.
        case logarithmic
        /// The position to this power.
        case power(Float)
    }

    /// `plugin:control`, by the plugin's name and the control's symbol; `plugin:bypass` for the host's bypass.
    public var control: String
    public var source: Source
    /// 1 to 16; nil: all.
    public var channel: Int?
    /// What the controller's two ends mean; the first may be the higher. nil: the control's own range.
    public var low: Float?
    public var high: Float?
    /// nil: logarithmic where the plugin says that the control is.
    public var curve: Curve?
    /// Moves nothing until the controller has passed the control's present value (soft takeover).
    public var takesOver = false

    public init(control: String, source: Source) {
        self.control = control
        self.source = source
    }
}
