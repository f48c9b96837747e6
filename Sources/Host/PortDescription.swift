/// One port of a plugin, as its data describes it.
public struct PortDescription: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable {
        case audio, control, cv, atom, unknown
    }

    /// A value with a name.
    public struct ScalePoint: Sendable, Equatable, Codable {
        public var label: String
        public var value: Float
    }

    public var index: Int
    public var symbol: String
    public var name: String
    public var isInput: Bool
    public var kind: Kind
    /// May be left unconnected (`lv2:connectionOptional`).
    public var isOptional: Bool
    /// Control ports: where stated. Absolute values: ranges in sample rates are already multiplied out only at set-up.
    public var minimum: Float?
    public var maximum: Float?
    public var `default`: Float?
    /// Ranges are in multiples of the sample rate (`lv2:sampleRate`).
    public var isInSampleRates: Bool
    public var isToggled: Bool
    public var isInteger: Bool
    public var isEnumeration: Bool
    public var isLogarithmic: Bool
    /// The unit's symbol, e.g. "Hz".
    public var unit: String?
    public var scalePoints: [ScalePoint]
    /// The port group's name.
    public var group: String?
    /// A URI such as `http://lv2plug.in/ns/lv2core#enabled`.
    public var designation: String?
    public var comment: String?
    public var takesMIDI: Bool
    public var takesPatchMessages: Bool
    public var takesTimePosition: Bool
    /// Atom ports: the bytes asked for by `rsz:minimumSize`, or 0.
    public var minimumSize: Int

    /// What the host itself says through this port from moment to moment; it is no setting, so states and presets pass it by.
    /// (A plugin that a live host tells it were freewheeling, because it did when the state was saved, waits in the audio thread.)
    var isHostDriven: Bool { designation == LV2.freeWheeling || designation == LV2.beatsPerMinute }
    /// Carries the plugin's latency in frames.
    public var isLatency: Bool
    public var isSideChain: Bool

    /// Whether this is part of the audio that goes through a chain (side chains stand aside).
    var isMainAudio: Bool { kind == .audio && !isSideChain }
}
