/// A connection as people write it: `plugin:port`, a port of the patch's own, or a port of another JACK client (by pattern).
public struct PatchConnection: Sendable, Equatable {
    public var from: String
    public var to: String
    /// What the signal is multiplied by.
    public var gain: Float

    public init(from: String, to: String, gain: Float = 1) {
        self.from = from
        self.to = to
        self.gain = gain
    }
}
