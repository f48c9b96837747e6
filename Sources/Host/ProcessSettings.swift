/// What plugins are told about how they will be run.
public struct ProcessSettings: Sendable, Equatable {
    /// Frames a second.
    public var sampleRate: Double
    /// Frames in a block: never fewer than this (0 is possible) …
    public var minimumBlock: Int
    /// … and never more than this.
    public var maximumBlock: Int
    public var nominalBlock: Int
    /// Every block has `maximumBlock` frames.
    public var hasFixedBlock: Bool
    /// Not in real time: work is done at once, `lv2:freeWheeling` ports are 1.
    public var isOffline: Bool

    public init(
        sampleRate: Double, minimumBlock: Int, maximumBlock: Int, nominalBlock: Int, hasFixedBlock: Bool, isOffline: Bool
    ) {
        self.sampleRate = sampleRate
        self.minimumBlock = minimumBlock
        self.maximumBlock = maximumBlock
        self.nominalBlock = nominalBlock
        self.hasFixedBlock = hasFixedBlock
        self.isOffline = isOffline
    }
}
