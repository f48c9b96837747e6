import CSndfile
import Foundation

/// A sound file read from beginning to end in blocks: WAV, FLAC, Ogg, AIFF and whatever else libsndfile reads, at any
/// rate and channel count. Memory does not grow with the file.
///
/// Integer formats are scaled to ±1. Samples of float files that are NaN or infinite read as 0 and are counted.
/// Not for use from several threads at once.
public final class AudioReader {
    public let path: String
    /// Frames a second.
    public let sampleRate: Double
    /// 1 or more.
    public let channelCount: Int
    /// Frames that the header promises; nil where it does not say (a pipe). A truncated file holds fewer.
    public let frameCount: Int?
    /// The container and the encoding, e.g. "WAV (Microsoft), 24 bit PCM".
    public let format: String
    /// Frames read so far.
    public private(set) var position = 0
    /// Samples so far that were no numbers and were replaced by 0.
    public private(set) var replacedSamples = 0

    /// Seconds that the header promises.
    public var duration: Double? { frameCount.map { Double($0) / sampleRate } }

    private let handle: OpaquePointer
    private var interleaved: [Float] = []

    /// - Throws: `.audio`, with libsndfile's reason: no such file, unknown format, damaged header.
    public init(path: String) throws(MediaError) {
        // A folder or an empty file makes libsndfile say "unspecified internal error" or "format not recognised".
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .audio(path: path, action: "read", cause: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw .audio(path: path, action: "read", cause: "it is a folder")
        }
        guard status.st_mode & S_IFMT != S_IFREG || status.st_size > 0 else {
            throw .audio(path: path, action: "read", cause: "the file is empty")
        }
        var info = SF_INFO()
        guard let handle = sf_open(path, Int32(SFM_READ), &info) else {
            throw .audio(path: path, action: "read", cause: Self.reason(sf_strerror(nil)))
        }
        guard info.samplerate > 0, info.channels > 0, info.frames >= 0 else {
            sf_close(handle)
            throw .audio(path: path, action: "read", cause: "it claims \(info.channels) channels at \(info.samplerate) Hz")
        }
        self.handle = handle
        self.path = path
        sampleRate = Double(info.samplerate)
        channelCount = Int(info.channels)
        // libsndfile's word for "unknown" is its largest number.
        frameCount = info.frames == .max ? nil : Int(info.frames)
        format = Self.describe(info.format)
    }

    deinit { sf_close(handle) }

    /// Reads the next frames, interleaved.
    /// - Parameter buffer: `channelCount` × the frames wanted.
    /// - Returns: frames read; 0 at the end.
    /// - Throws: `.audio` where the file is damaged from here on.
    public func read(into buffer: UnsafeMutableBufferPointer<Float>) throws(MediaError) -> Int {
        let frames = buffer.count / channelCount
        guard frames > 0, let base = buffer.baseAddress else { return 0 }
        let count = Int(sf_readf_float(handle, base, sf_count_t(frames)))
        guard sf_error(handle) == 0 else {
            throw .audio(path: path, action: "read", cause: "\(Self.reason(sf_strerror(handle))), after \(position) frames")
        }
        for i in 0..<(max(0, count) * channelCount) where !base[i].isFinite {
            base[i] = 0
            replacedSamples += 1
        }
        position += max(0, count)
        return max(0, count)
    }

    /// Reads the next frames as the mean of all channels.
    /// - Returns: frames read; 0 at the end.
    public func readMono(into buffer: UnsafeMutableBufferPointer<Float>) throws(MediaError) -> Int {
        if channelCount == 1 { return try read(into: buffer) }
        // Many channels must not make the block large.
        let frames = min(buffer.count, max(1, 65_536 / channelCount))
        if interleaved.count < frames * channelCount {
            interleaved = [Float](repeating: 0, count: frames * channelCount)
        }
        let scale = 1 / Float(channelCount)
        let channels = channelCount
        var block = interleaved
        interleaved = []  // so that `block` is the only owner
        defer { interleaved = block }
        let count = try block.withUnsafeMutableBufferPointer { (samples) throws(MediaError) -> Int in
            let count = try read(into: UnsafeMutableBufferPointer(rebasing: samples[..<(frames * channels)]))
            for frame in 0..<count {
                var sum: Float = 0
                for channel in 0..<channels { sum += samples[frame * channels + channel] }
                buffer[frame] = sum * scale
            }
            return count
        }
        return count
    }

    /// Runs `body` on mono blocks until the end of the file.
    /// - Parameter blockSize: the most frames handed over at once.
    public func forEachMonoBlock(
        of blockSize: Int = 4096, _ body: (UnsafeBufferPointer<Float>) throws(MediaError) -> Void
    ) throws(MediaError) {
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(1, blockSize))
        defer { buffer.deallocate() }
        while true {
            let count = try readMono(into: buffer)
            if count == 0 { return }
            try body(UnsafeBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Whether the file ended before what its header promised; known once all has been read.
    public var isTruncated: Bool { frameCount.map { position < $0 } ?? false }

    /// libsndfile ends its sentences with a full stop, and starts some with "Error : ".
    static func reason(_ text: UnsafePointer<CChar>?) -> String {
        var reason = text.map { String(cString: $0) } ?? "unknown error"
        for prefix in ["Error : ", "System error : "] where reason.hasPrefix(prefix) {
            reason = String(reason.dropFirst(prefix.count))
        }
        reason = reason.trimmingCharacters(in: CharacterSet(charactersIn: ". \n"))
        return reason.prefix(1).lowercased() + reason.dropFirst()
    }

    private static func describe(_ format: Int32) -> String {
        func name(_ part: Int32) -> String? {
            var info = SF_FORMAT_INFO()
            info.format = part
            let size = Int32(MemoryLayout<SF_FORMAT_INFO>.size)
            guard sf_command(nil, Int32(SFC_GET_FORMAT_INFO), &info, size) == 0 else { return nil }
            return info.name.map { String(cString: $0) }
        }
        let parts = [name(format & Int32(SF_FORMAT_TYPEMASK)), name(format & Int32(SF_FORMAT_SUBMASK))]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }
}
