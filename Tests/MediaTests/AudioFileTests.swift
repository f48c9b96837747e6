import Foundation
import Media
import Testing

@Suite struct AudioFileTests {
    private func write(
        _ samples: [Float], channels: Int, rate: Double = 48000, _ encoding: WAVWriter.Encoding, _ folder: ScratchFolder
    ) throws -> String {
        let path = folder.path + "/sound.wav"
        let writer = try WAVWriter(path: path, sampleRate: rate, channelCount: channels, encoding: encoding)
        try writer.write(samples)
        try writer.close()
        return path
    }

    private func readAll(_ reader: AudioReader, block: Int = 100) throws -> [Float] {
        var result: [Float] = []
        try reader.forEachMonoBlock(of: block) { result += $0 }
        return result
    }

    @Test(arguments: [
        (WAVWriter.Encoding.float32, Float(0)), (.pcm24, 1 / Float(1 << 23)), (.pcm16, 1 / Float(1 << 15)),
    ])
    func roundTrip(encoding: WAVWriter.Encoding, tolerance: Float) throws {
        let folder = ScratchFolder()
        let samples = sine(440, seconds: 0.1, rate: 44100)
        let reader = try AudioReader(path: try write(samples, channels: 1, rate: 44100, encoding, folder))
        #expect(reader.sampleRate == 44100 && reader.channelCount == 1 && reader.frameCount == samples.count)
        let read = try readAll(reader)
        #expect(read.count == samples.count)
        #expect(zip(read, samples).allSatisfy { abs($0 - $1) <= tolerance })
        #expect(!reader.isTruncated && reader.replacedSamples == 0)
    }

    @Test func mixdownIsTheMean() throws {
        let folder = ScratchFolder()
        let path = try write([0.25, 0.75, -1, 0.5, 1, 1], channels: 2, .float32, folder)
        #expect(try readAll(try AudioReader(path: path)) == [0.5, -0.25, 1])
        #expect(try readAll(try AudioReader(path: path), block: 1) == [0.5, -0.25, 1])
        let many = try write((0..<64).map { Float($0) / 64 }, channels: 32, .float32, folder)
        #expect(try readAll(try AudioReader(path: many)) == [15.5 / 64, 47.5 / 64])
    }

    @Test func noNumbersReadAsSilenceAndAreCounted() throws {
        let folder = ScratchFolder()
        let path = try write([0.5, .nan, .infinity, -.infinity, 0.25], channels: 1, .float32, folder)
        let reader = try AudioReader(path: path)
        #expect(try readAll(reader) == [0.5, 0, 0, 0, 0.25])
        #expect(reader.replacedSamples == 3)
    }

    @Test func integersClipAndDoNotWrap() throws {
        let folder = ScratchFolder()
        let read = try readAll(try AudioReader(path: try write([2, -2], channels: 1, .pcm16, folder)))
        #expect(read[0] > 0.999 && read[1] == -1)
    }

    @Test func errorsNameFileAndCause() {
        let folder = ScratchFolder()
        func cause(_ path: String) -> String {
            do throws(MediaError) {
                _ = try AudioReader(path: path)
                return "none"
            } catch { return error.description }
        }
        let none = folder.path + "/none.wav"
        #expect(cause(none) == "cannot read \(none): No such file or directory")
        #expect(cause(folder.path) == "cannot read \(folder.path): it is a folder")
        let empty = folder.file("empty.wav", [])
        #expect(cause(empty) == "cannot read \(empty): the file is empty")
        let text = folder.file("text.wav", Array("not a sound at all, but long enough to be looked at".utf8))
        #expect(cause(text).hasPrefix("cannot read \(text): ") && cause(text).count > text.count + 20)
        #expect(throws: MediaError.self) {
            try WAVWriter(path: folder.path + "/no/folder.wav", sampleRate: 48000, channelCount: 1, encoding: .pcm16)
        }
        #expect(throws: MediaError.self) {
            try WAVWriter(path: folder.path + "/a.wav", sampleRate: 0, channelCount: 1, encoding: .pcm16)
        }
    }

    /// Cut and changed files read or fail; they never crash, and give no more frames than they can hold.
    @Test func fuzz() throws {
        let folder = ScratchFolder()
        let good = bytes(of: try write(sine(300, seconds: 0.02, rate: 8000), channels: 1, rate: 8000, .pcm16, folder))
        let cut = folder.file("cut.wav", Array(good[..<(good.count - 100)]))
        #expect(try readAll(try AudioReader(path: cut)).count == 110)
        var random = SeededGenerator(state: 5)
        for step in 0..<1500 {
            var bytes = good
            if step % 3 == 0 {
                bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
            } else {
                for _ in 0..<4 { bytes[Int.random(in: 0..<60, using: &random)] = .random(in: 0...255, using: &random) }
            }
            let path = folder.file("fuzz.wav", bytes)
            guard let reader = try? AudioReader(path: path) else { continue }
            var frames = 0
            try? reader.forEachMonoBlock { frames += $0.count }
            #expect(frames <= 8 * good.count)
        }
    }
}
