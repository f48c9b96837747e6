import CSndfile
import Foundation

/// Writes a sound file block by block; the name's ending says the format (wav and aiff in 32-bit float, flac in 24 bits, ogg).
final class SoundFileWriter {
    private var file: OpaquePointer?
    private let path: String
    private let channelCount: Int
    private var interleaved: [Float] = []
    private(set) var frameCount = 0
    private let sampleRate: Int
    /// Those that the header speaks of.
    private var completeFrames = 0

    /// - Throws: `HostError.file` if it cannot be made.
    init(path: String, channelCount: Int, sampleRate: Int) throws {
        self.path = path
        self.channelCount = channelCount
        self.sampleRate = max(sampleRate, 1)
        var info = SF_INFO()
        info.channels = Int32(channelCount)
        info.samplerate = Int32(sampleRate)
        switch (path as NSString).pathExtension.lowercased() {
        case "flac": info.format = Int32(SF_FORMAT_FLAC | SF_FORMAT_PCM_24)
        case "ogg", "oga": info.format = Int32(SF_FORMAT_OGG | SF_FORMAT_VORBIS)
        case "aif", "aiff": info.format = Int32(SF_FORMAT_AIFF | SF_FORMAT_FLOAT)
        case "wav", "": info.format = Int32(SF_FORMAT_WAV | SF_FORMAT_FLOAT)
        default: throw HostError.file(path: path, cause: "name it .wav, .flac, .ogg or .aiff")
        }
        file = sf_open(path, Int32(SFM_WRITE), &info)
        guard let file else { throw HostError.file(path: path, cause: String(cString: sf_strerror(nil))) }
        // The peak chunk holds the date: without it the same sound gives the same bytes.
        sf_command(file, Int32(SFC_SET_ADD_PEAK_CHUNK), nil, 0)
        sf_command(file, Int32(SFC_SET_CLIPPING), nil, 1)
    }

    deinit { if let file { sf_close(file) } }

    /// Writes planar floats, `frames` of each channel after those of the last.
    func write(planar: UnsafePointer<Float>, frames: Int) throws {
        if interleaved.count < frames * channelCount { interleaved = [Float](repeating: 0, count: frames * channelCount) }
        for channel in 0..<channelCount {
            for frame in 0..<frames { interleaved[frame * channelCount + channel] = planar[channel * frames + frame] }
        }
        try writeInterleaved(frames)
    }

    func writeSilence(frames: Int) throws {
        interleaved = [Float](repeating: 0, count: min(frames, 65536) * channelCount)
        var left = frames
        while left > 0 {
            let count = min(left, 65536)
            try writeInterleaved(count)
            left -= count
        }
    }

    private func writeInterleaved(_ frames: Int) throws {
        guard frames > 0 else { return }
        guard let file, sf_writef_float(file, interleaved, sf_count_t(frames)) == sf_count_t(frames) else {
            throw HostError.file(path: path, cause: file.map { String(cString: sf_strerror($0)) } ?? "already closed")
        }
        frameCount += frames
        // A file that is never completed, because the program crashes, can be read up to here.
        if frameCount - completeFrames >= sampleRate {
            sf_command(file, Int32(SFC_UPDATE_HEADER_NOW), nil, 0)
            completeFrames = frameCount
        }
    }

    /// Completes the file's header.
    func close() throws {
        guard let file else { return }
        self.file = nil
        if sf_close(file) != 0 { throw HostError.file(path: path, cause: "could not be completed") }
    }
}
