/// The tempo and metre that a patch wants where JACK's transport has none.
public struct PatchTransport: Sendable, Equatable {
    /// Beats a minute, 1 to 1000.
    public var tempo: Float?
    public var beatsPerBar: Float?
    public var beatUnit: Float?
    /// Whether the transport is to be started.
    public var isRolling = false
    /// Whether the host is to be JACK's timebase master.
    public var isMaster = false
    /// Whether tempo and transport follow MIDI clock, which makes the host the timebase master.
    public var followsMIDI = false

    public init() {}
}
