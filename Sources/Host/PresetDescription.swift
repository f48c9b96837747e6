/// A preset of a plugin.
public struct PresetDescription: Sendable, Equatable, Codable {
    public var uri: String
    public var label: String
    /// The label of the bank it stands in, if any.
    public var bank: String?
    public var comment: String?
}
