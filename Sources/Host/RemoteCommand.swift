/// A command of the remote port and the console.
struct RemoteCommand: Sendable {
    var name: String
    /// As the help shows them, e.g. `<instance_number>`.
    var arguments: [String]
    /// How many of them may be left out, at the end.
    var optional = 0
    /// More may follow.
    var isVariadic = false
    /// What it does, in a few words.
    var summary: String
    var example: String
    /// Stays out of what `save` keeps: it asks, or would repeat the saving.
    var isQuestion = false
    var action: @Sendable (HostSession, [String]) throws -> RemoteReply

    var usage: String { ([name] + arguments).joined(separator: " ") }
}

extension HostSession {
    /// How long a line may be, in bytes.
    public static let longestLine = 64 << 10

    /// Does a command.
    public func execute(_ line: String) -> RemoteReply {
        if line.utf8.count > HostSession.longestLine {
            return .failure(.invalidOperation, "too long", isTold: true)
        }
        if line.unicodeScalars.contains(where: { $0.value < 32 && $0 != "\t" && $0 != "\r" && $0 != "\n" || $0 == "\u{FFFD}" }) {
            return .failure(.invalidOperation, "invalid argument", isTold: true)
        }
        let words = CommandWords.words(line)
        guard let name = words.first else { return .failure(.invalidOperation, "not found", isTold: true) }
        guard let command = RemoteCommand.byName[name] else {
            return .failure(.invalidOperation, "not found", isTold: true)
        }
        let arguments = Array(words.dropFirst())
        if arguments.count < command.arguments.count - command.optional {
            return .failure(.invalidOperation, "few arguments: \(command.usage)", isTold: true)
        }
        if arguments.count > command.arguments.count && !command.isVariadic {
            return .failure(.invalidOperation, "many arguments: \(command.usage)", isTold: true)
        }
        do {
            let reply = try command.action(self, arguments)
            if !command.isQuestion && !reply.isFailure { history.append(words) }
            return reply
        } catch let failure as RemoteFailure {
            return .failure(failure.status, failure.cause)
        } catch {
            let failure = RemoteFailure(error, otherwise: .invalidOperation)
            return .failure(failure.status, failure.cause)
        }
    }
}
