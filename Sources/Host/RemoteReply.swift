/// What a command answers.
public struct RemoteReply: Sendable, Equatable {
    /// As it goes over the wire: `resp STATUS [VALUE]`, or bare text.
    public var text: String
    public var isFailure: Bool
    /// What to tell a person: a failure's cause, or the value.
    public var explanation: String

    public init(text: String, isFailure: Bool, explanation: String) {
        self.text = text
        self.isFailure = isFailure
        self.explanation = explanation
    }

    static func status(_ status: Int, _ value: String? = nil) -> RemoteReply {
        RemoteReply(text: value.map { "resp \(status) \($0)" } ?? "resp \(status)", isFailure: status < 0, explanation: value ?? "")
    }

    static func text(_ text: String) -> RemoteReply { RemoteReply(text: text, isFailure: false, explanation: text) }

    static func failure(_ status: RemoteStatus, _ cause: String, isTold: Bool = false) -> RemoteReply {
        RemoteReply(
            text: isTold ? "resp \(status.rawValue) \(cause)" : "resp \(status.rawValue)", isFailure: true, explanation: cause)
    }
}
