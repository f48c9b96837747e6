import CEdit
import Foundation
import Host

/// Reads commands from standard input, on a thread of its own: with line editing, completion and a history at a terminal, plainly
/// from anything else.
final class HostConsole: @unchecked Sendable {
    private let queue: CommandQueue
    private let names: HostNames
    private let isTerminal: Bool
    /// What libedit's callbacks, which take no context, complete from. Set once, before the thread starts.
    nonisolated(unsafe) private static var current: HostConsole?
    private static let prompt = "continuo> "
    /// The terminal as it was found.
    private var terminal = termios()

    init(queue: CommandQueue, names: HostNames) {
        self.queue = queue
        self.names = names
        isTerminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0
    }

    func start() {
        HostConsole.current = self
        if isTerminal { tcgetattr(STDIN_FILENO, &terminal) }
        let thread = Thread { self.isTerminal ? self.converse() : self.read() }
        thread.name = "console"
        thread.start()
    }

    /// Leaves the terminal as it was: the host may end while a line is being typed.
    func stop() { if isTerminal { tcsetattr(STDIN_FILENO, TCSANOW, &terminal) } }

    /// Where the history is kept, as the XDG specification has it.
    private static var historyFile: String {
        let environment = ProcessInfo.processInfo.environment
        let state = environment["XDG_STATE_HOME"] ?? NSHomeDirectory() + "/.local/state"
        return state + "/continuo/history"
    }

    // MARK: At a terminal

    private func converse() {
        rl_initialize()
        using_history()
        let file = HostConsole.historyFile
        try? FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        read_history(file)
        stifle_history(1000)
        ce_set_completion { text, start, end in HostConsole.complete(text, start, end) }
        while let line = readline(HostConsole.prompt) {
            let text = String(cString: line)
            free(line)
            if text.allSatisfy(\.isWhitespace) { continue }
            add_history(text)
            write_history(file)
            let reply = execute(text)
            if reply.isFailure {
                Console.say("\(reply.explanation.isEmpty ? reply.text : reply.explanation) (\(reply.text.prefix { $0 != "\n" }))")
            } else if !reply.explanation.isEmpty {
                Console.print(reply.explanation)
            }
            if text.trimmingCharacters(in: .whitespaces) == "quit" { return }
        }
        // End of file (Ctrl-D) at the terminal
        Console.print("")
        _ = execute("quit")
    }

    private static func complete(
        _ text: UnsafePointer<CChar>?, _ start: Int32, _ end: Int32
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        ce_end_completion()
        guard let current, let text, let buffer = ce_line() else { return nil }
        let before = String(String(cString: buffer).utf8.prefix(Int(start))) ?? ""
        let words = before.split(separator: " ").map(String.init)
        let found = current.names.completions(after: words, start: String(cString: text))
        if found.isEmpty { return nil }
        var common = found[0]
        for candidate in found { common = candidate.commonPrefix(with: common) }
        // readline's form: what all share, then all, then NULL; freed by libedit.
        let list = UnsafeMutableRawPointer(malloc((found.count + 2) * MemoryLayout<UnsafeMutablePointer<CChar>?>.stride)!)
            .bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: found.count + 2)
        list[0] = strdup(common)
        for (i, candidate) in found.enumerated() { list[i + 1] = strdup(candidate) }
        list[found.count + 1] = nil
        return list
    }

    // MARK: From a pipe

    private func read() {
        while let line = readLine(strippingNewline: true) {
            if line.allSatisfy(\.isWhitespace) || line.hasPrefix("#") { continue }
            Console.print(execute(line).text)
        }
        // The commands have ended; the music goes on until `quit` or a signal.
    }

    private func execute(_ line: String) -> RemoteReply {
        let done = DispatchSemaphore(value: 0)
        let box = ReplyBox()
        guard queue.push(line, answer: { reply in
            box.reply = reply
            done.signal()
        }) else { return RemoteReply(text: "resp -902", isFailure: true, explanation: "the host has ended") }
        done.wait()
        return box.reply ?? RemoteReply(text: "resp -902", isFailure: true, explanation: "no answer")
    }

    private final class ReplyBox: @unchecked Sendable { var reply: RemoteReply? }
}
