import Foundation

/// Writes `time,frequency,confidence`, a line a frame: seconds with three decimals or more, Hz with three, confidence
/// with six; a full stop as decimal sign whatever the locale.
///
/// A file appears when `finish` is called, whole; standard output, pipes and devices are written as lines come.
public final class CSVWriter {
    public static let header = "time,frequency,confidence"

    private let path: String
    /// Where lines go at once; nil for a file, which is written in the end.
    private let stream: FileHandle?
    private let timeDecimals: Int
    private var pending: [UInt8] = []

    /// - Parameters:
    ///   - path: created or replaced; `-` is standard output.
    ///   - hop: seconds between frames; where it is no whole number of milliseconds, times get six decimals.
    /// - Throws: `.file`, also where the folder does not let a file be made.
    public init(path: String, hop: Double = 0.01) throws(MediaError) {
        func failure() -> MediaError { .file(path: path, action: "write", cause: String(cString: strerror(errno))) }
        self.path = path == "-" ? "standard output" : path
        timeDecimals = abs(hop * 1000 - (hop * 1000).rounded()) < 1e-9 ? 3 : 6
        var status = stat()
        if path == "-" {
            stream = .standardOutput
        } else if stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG {
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure() }
            stream = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        } else {
            // Said now rather than after the work.
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            guard access(folder, W_OK | X_OK) == 0 else { throw failure() }
            stream = nil
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
        if let stream, pending.count > 1 << 16 { try flush(stream) }
    }

    /// Writes what is left, or the whole file under a temporary name, which it then renames. The last call.
    /// - Throws: `.file`, e.g. where the disk is full; an earlier file of that name is then as it was.
    public func finish() throws(MediaError) {
        if let stream {
            try flush(stream)
        } else {
            try writeFile(Data(pending), to: path)
        }
    }

    private func flush(_ stream: FileHandle) throws(MediaError) {
        var rest = pending[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(stream.fileDescriptor, $0.baseAddress!, $0.count) }
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
