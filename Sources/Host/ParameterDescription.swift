/// A parameter that is set by patch:Set messages and not by a control port (`patch:writable`, `patch:readable`).
public struct ParameterDescription: Sendable, Equatable, Codable {
    public var uri: String
    /// `lv2:symbol` where stated, else the last part of the URI.
    public var symbol: String
    public var label: String
    /// The URI of the value's type, e.g. `http://lv2plug.in/ns/ext/atom#Path`.
    public var type: String
    public var isWritable: Bool
    public var isReadable: Bool
    public var minimum: Float?
    public var maximum: Float?
    public var `default`: Float?
    public var comment: String?

    /// The type's name without its namespace, e.g. "Path".
    public var typeName: String { type.split(whereSeparator: { $0 == "#" || $0 == "/" }).last.map(String.init) ?? type }
}
