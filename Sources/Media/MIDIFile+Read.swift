import Foundation

extension MIDIFile {
    /// Reads a file of format 0 or 1. Chunks of unknown type, system exclusive and unknown meta events are skipped, as
    /// the format asks; everything else that breaks its rules is an error.
    /// - Throws: `.file`, `.midi`.
    public init(path: String) throws(MediaError) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw .file(path: path, action: "read", cause: systemReason(error))
        }
        try self.init(bytes: Array(data), name: path)
    }

    /// - Parameter name: what errors call the file.
    public init(bytes: [UInt8], name: String) throws(MediaError) {
        var reader = ByteReader(bytes: bytes[...], name: name)
        guard try reader.take(4).elementsEqual("MThd".utf8) else {
            throw reader.fail("it does not begin with MThd", at: 0)
        }
        let length = try reader.bigEndian(4)
        guard length >= 6 else { throw reader.fail("a header of \(length) bytes, where 6 is the least") }
        let rawFormat = try reader.bigEndian(2), count = try reader.bigEndian(2), rawDivision = try reader.bigEndian(2)
        _ = try reader.take(length - 6)
        guard let format = Format(rawValue: UInt16(rawFormat)) else {
            throw reader.fail("format \(rawFormat); only 0 and 1 can be read", at: 8)
        }
        guard format == .parallelTracks || count == 1 else {
            throw reader.fail("format 0 with \(count) tracks", at: 10)
        }
        let division: Division
        if rawDivision & 0x8000 == 0 {
            guard rawDivision > 0 else { throw reader.fail("0 ticks a quarter note", at: 12) }
            division = .ticksPerQuarter(rawDivision)
        } else {
            let frames = -Int(Int8(truncatingIfNeeded: rawDivision >> 8)), subframes = rawDivision & 0xff
            guard [24, 25, 29, 30].contains(frames), subframes > 0 else {
                throw reader.fail("a time code of \(frames) frames × \(subframes)", at: 12)
            }
            // 29 stands for 30 drop frame: 30000/1001 frames a second.
            division = .ticksPerSecond((frames == 29 ? 30000.0 / 1001 : Double(frames)) * Double(subframes))
        }

        var tracks: [Track] = []
        while !reader.isAtEnd, tracks.count < count {
            let type = try reader.take(4)
            let length = try reader.bigEndian(4)
            let start = reader.position
            let body = try reader.take(length)
            guard type.elementsEqual("MTrk".utf8) else { continue }
            var track = ByteReader(bytes: body, name: name)
            tracks.append(try Self.readTrack(&track))
            guard track.isAtEnd else { throw track.fail("data after the end of the track at \(start)") }
        }
        guard tracks.count == count else {
            throw reader.fail("\(count) tracks are promised, and \(tracks.count) are there")
        }
        self.init(format: format, division: division, tracks: tracks)
    }

    private static func readTrack(_ reader: inout ByteReader) throws(MediaError) -> Track {
        var track = Track()
        var tick = 0
        var running: UInt8?
        while true {
            tick += try reader.variableLength()
            // A file of n bytes can say 2²⁸ ticks in four of them: beyond any use, and arithmetic stays safe.
            guard tick < 1 << 40 else { throw reader.fail("a time beyond all measure") }
            var status = try reader.byte()
            if status < 0x80 {
                guard let last = running else { throw reader.fail("running status without a status before it") }
                status = last
                reader.back()
            }
            switch status {
            case 0x80...0xef:
                running = status
                track.events.append(Event(tick: tick, message: try channelMessage(status, &reader)))
            case 0xf0, 0xf7:
                running = nil
                _ = try reader.take(try reader.variableLength())
            case 0xff:
                running = nil
                let kind = try reader.byte()
                let position = reader.position
                let content = try reader.take(try reader.variableLength())
                if kind == 0x2f {
                    guard content.isEmpty else { throw reader.fail("End of Track with content", at: position) }
                    return track
                }
                if let message = try metaMessage(kind, content, reader, position) {
                    track.events.append(Event(tick: tick, message: message))
                }
            default: throw reader.fail("status \(String(status, radix: 16)) has no place in a file")
            }
        }
    }

    private static func channelMessage(_ status: UInt8, _ reader: inout ByteReader) throws(MediaError) -> Message {
        let channel = status & 0x0f
        let first = try reader.dataByte()
        switch status >> 4 {
        case 0xc: return .programChange(channel: channel, program: first)
        case 0xd: return .channelPressure(channel: channel, pressure: first)
        default: break
        }
        let second = try reader.dataByte()
        switch status >> 4 {
        case 0x8: return .noteOff(channel: channel, key: first, velocity: second)
        case 0x9:
            return second == 0
                ? .noteOff(channel: channel, key: first, velocity: 64)
                : .noteOn(channel: channel, key: first, velocity: second)
        case 0xa: return .polyPressure(channel: channel, key: first, pressure: second)
        case 0xb: return .controlChange(channel: channel, controller: first, value: second)
        default: return .pitchBend(channel: channel, value: Int16(Int(first) | Int(second) << 7) - 8192)
        }
    }

    private static func metaMessage(
        _ kind: UInt8, _ content: ArraySlice<UInt8>, _ reader: ByteReader, _ position: Int
    ) throws(MediaError) -> Message? {
        switch kind {
        case 0x03: return .trackName(String(decoding: content, as: UTF8.self))
        case 0x01...0x0f: return .text(kind: kind, String(decoding: content, as: UTF8.self))
        case 0x51:
            let tempo = content.reduce(0) { $0 << 8 | Int($1) & 0xff }
            guard content.count == 3, tempo > 0 else { throw reader.fail("a tempo that is none", at: position) }
            return .tempo(microsecondsPerQuarter: tempo)
        case 0x58:
            guard content.count == 4 else {
                throw reader.fail("a time signature of \(content.count) bytes", at: position)
            }
            return .timeSignature(numerator: content[content.startIndex], denominatorPower: content[content.startIndex + 1])
        default: return nil
        }
    }
}

/// Bytes with a position; every step is checked against the end.
private struct ByteReader {
    let bytes: ArraySlice<UInt8>
    let name: String
    private(set) var position: Int

    init(bytes: ArraySlice<UInt8>, name: String) {
        self.bytes = bytes
        self.name = name
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }

    func fail(_ cause: String, at offset: Int? = nil) -> MediaError {
        .midi(path: name, offset: offset ?? position, cause: cause)
    }

    mutating func byte() throws(MediaError) -> UInt8 {
        guard position < bytes.endIndex else { throw fail("it ends early") }
        position += 1
        return bytes[position - 1]
    }

    mutating func dataByte() throws(MediaError) -> UInt8 {
        let value = try byte()
        guard value < 0x80 else { throw fail("\(String(value, radix: 16)) where a data byte was expected", at: position - 1) }
        return value
    }

    mutating func back() { position -= 1 }

    mutating func take(_ count: Int) throws(MediaError) -> ArraySlice<UInt8> {
        guard count <= bytes.endIndex - position else {
            throw fail("\(count) bytes are promised, and \(bytes.endIndex - position) are there")
        }
        position += count
        return bytes[(position - count)..<position]
    }

    mutating func bigEndian(_ count: Int) throws(MediaError) -> Int {
        try take(count).reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func variableLength() throws(MediaError) -> Int {
        var value = 0
        for _ in 0..<4 {
            let next = try byte()
            value = value << 7 | Int(next & 0x7f)
            if next < 0x80 { return value }
        }
        throw fail("a number of more than four bytes")
    }
}
