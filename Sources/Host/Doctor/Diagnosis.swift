/// One thing that the doctor has looked at.
public struct Diagnosis: Codable, Equatable, Sendable {
    public enum Level: String, Codable, Sendable, Comparable {
        case good
        /// Worth knowing; nothing needs to be done.
        case note
        /// May cost a period now and then.
        case warning
        /// Will cost periods, or keeps the audio from running.
        case problem

        private var rank: Int {
            switch self {
            case .good: 0
            case .note: 1
            case .warning: 2
            case .problem: 3
            }
        }
        public static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }
    }

    public var subject: String
    public var level: Level
    public var finding: String
    /// Lines to type, or what to change; empty: nothing.
    public var remedy: [String]

    public init(_ subject: String, _ level: Level, _ finding: String, remedy: [String] = []) {
        self.subject = subject
        self.level = level
        self.finding = finding
        self.remedy = remedy
    }
}
