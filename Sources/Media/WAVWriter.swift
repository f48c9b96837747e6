import CSndfile
import Foundation

/// A WAV file written in blocks. Files of more than 4 GB are written as RF64 (EBU Tech 3306), which `WAVWriter` decides
/// by itself when it closes the file.
public final class WAVWriter {
    public enum Encoding: String, Sendable, CaseIterable {
        /// 16-bit integers; samples beyond ±1 are clipped, not wrapped.
        case pcm16 = "16"
        /// 24-bit integers, clipped in the same way.
        case pcm24 = "24"
        /// 32-bit floats: nothing is clipped.
        case float32 = "float"
    }

    public let path: String
    public let channelCount: Int
    /// Frames written so far.
    public private(set) var frameCount = 0
    private var handle: OpaquePointer?

    /// Creates or replaces the file.
    /// - Parameters:
    ///   - sampleRate: frames a second, 1 to 2³¹ − 1; WAV knows whole numbers only, so it is rounded.
    ///   - channelCount: 1 to 1024.
    /// - Throws: `.audio`.
    public init(path: String, sampleRate: Double, channelCount: Int, encoding: Encoding) throws(MediaError) {
        guard sampleRate >= 1, sampleRate < 2_147_483_648, (1...1024).contains(channelCount) else {
            throw .audio(path: path, action: "write", cause: "\(channelCount) channels at \(sampleRate) Hz fit no WAV file")
        }
        let subtype =
            switch encoding {
            case .pcm16: SF_FORMAT_PCM_16
            case .pcm24: SF_FORMAT_PCM_24
            case .float32: SF_FORMAT_FLOAT
            }
        var info = SF_INFO()
        info.samplerate = Int32(sampleRate.rounded())
        info.channels = Int32(channelCount)
        info.format = Int32(SF_FORMAT_RF64 | subtype)
        guard let handle = sf_open(path, Int32(SFM_WRITE), &info) else {
            throw .audio(path: path, action: "write", cause: AudioReader.reason(sf_strerror(nil)))
        }
        sf_command(handle, Int32(SFC_RF64_AUTO_DOWNGRADE), nil, 1)
        sf_command(handle, Int32(SFC_SET_CLIPPING), nil, 1)
        (self.path, self.channelCount, self.handle) = (path, channelCount, handle)
    }

    deinit { if let handle { sf_close(handle) } }

    /// Appends interleaved frames.
    /// - Throws: `.audio`, e.g. where the disk is full, or after `close`.
    public func write(_ samples: UnsafeBufferPointer<Float>) throws(MediaError) {
        guard let handle else { throw .audio(path: path, action: "write", cause: "it is closed") }
        let frames = samples.count / channelCount
        guard frames > 0, let base = samples.baseAddress else { return }
        guard sf_writef_float(handle, base, sf_count_t(frames)) == sf_count_t(frames) else {
            throw .audio(path: path, action: "write", cause: AudioReader.reason(sf_strerror(handle)))
        }
        frameCount += frames
    }

    /// Appends interleaved frames.
    public func write(_ samples: [Float]) throws(MediaError) {
        try samples.withUnsafeBufferPointer { (samples) throws(MediaError) in try write(samples) }
    }

    /// Completes the header and closes the file. Without this, `deinit` does it and cannot tell of an error.
    public func close() throws(MediaError) {
        guard let handle else { return }
        self.handle = nil
        let code = sf_close(handle)
        guard code == 0 else {
            throw .audio(path: path, action: "write", cause: AudioReader.reason(sf_error_number(code)))
        }
    }
}
