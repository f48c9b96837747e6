/// A control that a CV signal moves, as people write it.
public struct CVMapping: Sendable, Equatable {
    /// `plugin:control`, by the plugin's name and the control's symbol.
    public var control: String
    /// Where the signal comes from: another client's port, `plugin:symbol`, or a port of the client's own.
    public var source: String
    /// The signal's range.
    public var sourceLow: Float
    public var sourceHigh: Float
    /// What its two ends mean; the first may be the higher. nil: the control's own range.
    public var low: Float?
    public var high: Float?

    /// What a signal is taken for that says nothing of its range.
    public static let usualRange: ClosedRange<Float> = -5...5

    public init(control: String, source: String) {
        self.control = control
        self.source = source
        sourceLow = CVMapping.usualRange.lowerBound
        sourceHigh = CVMapping.usualRange.upperBound
    }
}
