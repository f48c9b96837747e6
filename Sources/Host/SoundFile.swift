import CSndfile
import Foundation
import Signal

/// A sound file read whole into memory: nothing is left to do for a disk while it plays.
public struct SoundFile: Sendable {
    /// One array a channel, all of one length; full scale is ±1.
    public var channels: [[Float]]
    /// Frames a second.
    public var sampleRate: Int

    public var frameCount: Int { channels.first?.count ?? 0 }

    public init(channels: [[Float]], sampleRate: Int) {
        self.channels = channels
        self.sampleRate = sampleRate
    }

    /// Reads any format that libsndfile knows (WAV, FLAC, Ogg, AIFF, MP3 …).
    ///
    /// - Throws: `HostError.file`.
    public init(reading path: String) throws {
        var info = SF_INFO()
        guard let file = sf_open(path, Int32(SFM_READ), &info) else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw HostError.file(path: path, cause: exists ? String(cString: sf_strerror(nil)) : "there is no such file")
        }
        defer { sf_close(file) }
        let count = Int(info.channels)
        var channels = [[Float]](repeating: [], count: count)
        for i in 0..<count { channels[i].reserveCapacity(Int(max(info.frames, 0))) }
        var block = [Float](repeating: 0, count: 4096 * count)
        while true {
            let read = Int(sf_readf_float(file, &block, 4096))
            if read <= 0 { break }
            for channel in 0..<count {
                for frame in 0..<read { channels[channel].append(block[frame * count + channel]) }
            }
        }
        self.init(channels: channels, sampleRate: Int(info.samplerate))
    }

    /// Writes a file; its name's ending says the format (.wav and .aiff in 32-bit float, .flac in 24 bits, .ogg).
    ///
    /// - Throws: `HostError.file`.
    public func write(to path: String) throws {
        let writer = try SoundFileWriter(path: path, channelCount: max(1, channels.count), sampleRate: sampleRate)
        for start in stride(from: 0, to: frameCount, by: 65536) {
            let end = min(frameCount, start + 65536)
            try writer.write(planar: channels.flatMap { $0[start..<end] }, frames: end - start)
        }
        try writer.close()
    }

    /// The same sound in `count` channels: mono goes to all; otherwise channel j goes to channel j modulo `count`, those that
    /// meet averaged.
    func mapped(to count: Int) -> [[Float]] {
        guard count > 0, !channels.isEmpty else { return [] }
        return (0..<count).map { i in
            if channels.count <= count { return channels[i % channels.count] }
            let sources = stride(from: i, to: channels.count, by: count).map { channels[$0] }
            if sources.count == 1 { return sources[0] }
            return (0..<frameCount).map { frame in sources.reduce(0) { $0 + $1[frame] } / Float(sources.count) }
        }
    }

    /// The same sound at another rate (band-limited; see `Signal.Resampler`), of the same length in seconds.
    public func resampled(to rate: Int) -> SoundFile {
        if rate == sampleRate || rate <= 0 || sampleRate <= 0 { return self }
        let count = (frameCount * rate + sampleRate - 1) / sampleRate
        let converted = channels.map { channel -> [Float] in
            let resampler = Resampler(from: sampleRate, to: rate)
            // The filter looks ahead: silence after the end brings the last samples out.
            let padded = channel + [Float](repeating: 0, count: resampler.reach + 1)
            let output = [Float](unsafeUninitializedCapacity: resampler.maximumOutput(for: padded.count)) { buffer, produced in
                produced = resampler.process(padded, count: padded.count, into: buffer.baseAddress!)
            }
            return Array(output.prefix(count)) + [Float](repeating: 0, count: max(0, count - output.count))
        }
        return SoundFile(channels: converted, sampleRate: rate)
    }
}
