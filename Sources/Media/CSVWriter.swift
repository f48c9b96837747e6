import Foundation

/// Writes `time,frequency,confidence`, a line a frame: seconds with three decimals or more, Hz with three, confidence
/// with six; a full stop as decimal sign whatever the locale.
public final class CSVWriter {
    public static let header = "time,frequency,confidence"

    private let path: String
    private let file: FileHandle
    private let timeDecimals: Int
    private var pending: [UInt8] = []

    /// - Parameters:
    ///   - path: created or replaced; `-` is standard output.
    ///   - hop: seconds between frames; where it is no whole number of milliseconds, times get six decimals.
    /// - Throws: `.file`.
    public init(path: String, hop: Double = 0.01) throws(MediaError) {
        self.path = path == "-" ? "standard output" : path
        timeDecimals = abs(hop * 1000 - (hop * 1000).rounded()) < 1e-9 ? 3 : 6
        if path == "-" {
            file = .standardOutput
        } else {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw .file(path: path, action: "write", cause: String(cString: strerror(errno)))
            }
            file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        }
        pending.append(contentsOf: (Self.header + "\n").utf8)
    }

    /// Appends one line.
    public func write(_ point: PitchPoint) throws(MediaError) {
        appendFixed(point.time, decimals: timeDecimals)
        pending.append(UInt8(ascii: ","))
        appendFixed(Double(point.frequency), decimals: 3)
        pending.append(UInt8(ascii: ","))
        appendFixed(Double(point.confidence), decimals: 6)
        pending.append(UInt8(ascii: "\n"))
        if pending.count > 1 << 16 { try flush() }
    }

    /// Writes what is pending. The last call before the writer is dropped.
    /// - Throws: `.file`, e.g. where the disk is full.
    public func flush() throws(MediaError) {
        var rest = pending[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(file.fileDescriptor, $0.baseAddress!, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .file(path: path, action: "write", cause: String(cString: strerror(errno))) }
            rest = rest.dropFirst(count)
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Fixed-point decimal notation, rounded half away from zero.
    private func appendFixed(_ value: Double, decimals: Int) {
        guard value.isFinite, abs(value) < 1e12 else { return pending.append(contentsOf: "nan".utf8) }
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        if value < 0 && scaled > 0 { pending.append(UInt8(ascii: "-")) }
        pending.append(contentsOf: String(scaled / scale).utf8)
        guard decimals > 0 else { return }
        pending.append(UInt8(ascii: "."))
        let fraction = String(scaled % scale)
        pending.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: decimals - fraction.utf8.count))
        pending.append(contentsOf: fraction.utf8)
    }
}
