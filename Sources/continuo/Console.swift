import Foundation

/// What the commands share for talking to a person: standard error, terminals, progress.
enum Console {
    /// Whether a person looks at standard error.
    static var isInteractive: Bool { isatty(STDERR_FILENO) != 0 && ProcessInfo.processInfo.environment["TERM"] != "dumb" }

    /// One line to standard error: everything that is not a command's result.
    static func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

    /// Text to standard output: a command's result.
    /// A reader that has gone away (`continuo … | head`) ends the program quietly, as SIGPIPE would.
    static func print(_ text: String) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { exit(errno == EPIPE ? 0 : 1) }
            rest = rest.dropFirst(count)
        }
    }

    /// A value as JSON, keys sorted, slashes as they are.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// 72 MB, 1.9 MB, 512 kB, 14 bytes: decimal units, as disks and downloads are sold.
    static func size(_ bytes: Int64) -> String {
        switch bytes {
        case 10_000_000...: "\((bytes + 500_000) / 1_000_000) MB"
        case 1_000_000...: String(format: "%.1f MB", Double(bytes) / 1e6)
        case 1000...: "\((bytes + 500) / 1000) kB"
        default: "\(bytes) bytes"
        }
    }

    /// 22,239,976.
    static func grouped(_ number: Int) -> String {
        var digits = String(number.magnitude)
        var parts: [String] = []
        while digits.count > 3 {
            parts.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (number < 0 ? "-" : "") + ([digits] + parts).joined(separator: ",")
    }

    /// A duration as a person reads it: 0.8 s, 42 s, 3:07, 1:02:45.
    static func duration(_ seconds: Double) -> String {
        if seconds < 10 { return String(format: "%.1f s", seconds) }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole) s" }
        return whole < 3600
            ? String(format: "%d:%02d", whole / 60, whole % 60)
            : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
    }

    /// Columns padded to the width of their widest cell.
    /// - Parameter right: columns to be set flush right.
    static func table(_ rows: [[String]], right: Set<Int> = []) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if right.contains(column) { return padding + cell }
                return column == row.count - 1 ? cell : cell + padding
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
