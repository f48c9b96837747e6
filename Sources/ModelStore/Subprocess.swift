import Foundation

/// A program that runs beside ours, in our process group: Ctrl-C ends both.
enum Subprocess {
    /// How it ended.
    enum Status: Equatable {
        case exited(Int32)
        case killed(signal: Int32)
        /// It never began: there is no such program, or it may not be run. errno's value.
        case notStarted(Int32)
    }

    /// Which of its two outputs is read; the other goes to `rest`.
    enum Output: Int32 {
        case standardOutput = 1
        case standardError = 2
    }

    /// Runs a program to its end. It reads nothing.
    /// - Parameters:
    ///   - words: the program's path and its arguments.
    ///   - environment: all its variables.
    ///   - rest: a file descriptor for the output that is not read; /dev/null where nil.
    ///   - line: called on this thread for each line of `output`, without its end.
    static func run(
        _ words: [String], environment: [String: String], reading output: Output, rest: Int32? = nil,
        line: (String) -> Void
    ) -> Status {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return .notStarted(errno) }
        defer { close(ends[0]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let other: Int32 = output == .standardOutput ? 2 : 1
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        if let rest {
            posix_spawn_file_actions_adddup2(&actions, rest, other)
        } else {
            posix_spawn_file_actions_addopen(&actions, other, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, ends[1], output.rawValue)

        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, words[0], &actions, nil, &arguments, &variables)
        close(ends[1])
        guard code == 0 else { return .notStarted(code) }

        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            for byte in buffer[..<count] {
                if byte != UInt8(ascii: "\n") {
                    pending.append(byte)
                } else {
                    line(String(decoding: pending, as: UTF8.self))
                    pending.removeAll(keepingCapacity: true)
                }
            }
        }
        if !pending.isEmpty { line(String(decoding: pending, as: UTF8.self)) }

        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        // The encoding of wait(2): the signal in the low seven bits, else the exit status above them.
        return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(signal: status & 0x7f)
    }
}
