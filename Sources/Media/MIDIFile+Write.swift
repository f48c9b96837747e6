import Foundation

extension MIDIFile {
    /// A file of one track from events whose times are in seconds, at 120 beats a minute and 960 ticks a quarter note:
    /// a tick is 0.52 ms.
    /// - Parameters:
    ///   - events: in any order; those of one moment keep theirs. Negative times count as 0.
    ///   - name: the track's name, as a sequencer shows it.
    public init(name: String, events: [(seconds: Double, message: Message)]) {
        let ticksPerSecond = 1920.0
        var track = Track(events: [
            Event(tick: 0, message: .trackName(name)),
            Event(tick: 0, message: .tempo(microsecondsPerQuarter: 500_000)),
            Event(tick: 0, message: .timeSignature(numerator: 4, denominatorPower: 2)),
        ])
        track.events += events.enumerated()
            .map { (order: $0.offset, event: $0.element) }
            .sorted { ($0.event.seconds, $0.order) < ($1.event.seconds, $1.order) }
            .map { item in
                // 2²⁸ − 1 is the largest delta time that the format can say: 38 hours at this resolution.
                let tick = min(max(0, (item.event.seconds * ticksPerSecond).rounded()), 268_435_455)
                return Event(tick: Int(tick), message: item.event.message)
            }
        self.init(format: .singleTrack, division: .ticksPerQuarter(960), tracks: [track])
    }

    /// Events whose times are in frames of audio.
    public init(name: String, sampleRate: Double, events: [(frame: Int, message: Message)]) {
        self.init(name: name, events: events.map { (Double($0.frame) / sampleRate, $0.message) })
    }

    /// The file's bytes: each track's events sorted by time, without running status, closed by End of Track.
    /// Values beyond a field's range are clamped to it.
    public var bytes: [UInt8] {
        var result = Array("MThd".utf8) + bigEndian(6, bytes: 4)
        result += bigEndian(Int(format.rawValue), bytes: 2) + bigEndian(tracks.count, bytes: 2)
        switch division {
        case .ticksPerQuarter(let ticks): result += bigEndian(min(max(1, ticks), 32767), bytes: 2)
        case .ticksPerSecond(let rate):
            // The SMPTE form knows 24, 25, 29 (drop frame) and 30 frames a second; 25 × subframes serves any rate up
            // to 6375 that it divides, and 1000 ticks a second is the usual one.
            result += [UInt8(bitPattern: -25), UInt8(min(max(1, (rate / 25).rounded()), 255))]
        }
        for track in tracks {
            var body: [UInt8] = []
            var last = 0
            let events = track.events.enumerated().sorted {
                ($0.element.tick, $0.offset) < ($1.element.tick, $1.offset)
            }
            for event in events.map(\.element) {
                let tick = max(0, event.tick)
                body += variableLength(tick - last) + encode(event.message)
                last = tick
            }
            body += [0, 0xff, 0x2f, 0]
            result += Array("MTrk".utf8) + bigEndian(body.count, bytes: 4) + body
        }
        return result
    }

    /// Writes the file under a temporary name and renames it.
    /// - Throws: `.file`.
    public func write(to path: String) throws(MediaError) {
        try writeFile(Data(bytes), to: path)
    }

    private func encode(_ message: Message) -> [UInt8] {
        func channel(_ kind: UInt8, _ channel: UInt8) -> UInt8 { kind << 4 | min(channel, 15) }
        func data(_ value: UInt8) -> UInt8 { min(value, 127) }
        func meta(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] { [0xff, kind] + variableLength(content.count) + content }
        return switch message {
        case .noteOff(let c, let key, let velocity): [channel(0x8, c), data(key), data(velocity)]
        case .noteOn(let c, let key, let velocity): [channel(0x9, c), data(key), max(1, data(velocity))]
        case .polyPressure(let c, let key, let pressure): [channel(0xa, c), data(key), data(pressure)]
        case .controlChange(let c, let controller, let value): [channel(0xb, c), data(controller), data(value)]
        case .programChange(let c, let program): [channel(0xc, c), data(program)]
        case .channelPressure(let c, let pressure): [channel(0xd, c), data(pressure)]
        case .pitchBend(let c, let value):
            {
                let bend = UInt16(Int(min(max(value, -8192), 8191)) + 8192)
                return [channel(0xe, c), UInt8(bend & 0x7f), UInt8(bend >> 7)]
            }()
        case .tempo(let tempo): meta(0x51, bigEndian(min(max(1, tempo), 0xff_ffff), bytes: 3))
        // 24 MIDI clocks a metronome click, 8 thirty-second notes a quarter: what nearly every file says.
        case .timeSignature(let numerator, let power): meta(0x58, [numerator, power, 24, 8])
        case .trackName(let name): meta(0x03, Array(name.utf8))
        case .text(let kind, let text): meta(min(max(1, kind), 15), Array(text.utf8))
        }
    }

    private func bigEndian(_ value: Int, bytes: Int) -> [UInt8] {
        (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// Seven bits a byte, most significant first, the top bit set on all but the last; at most four bytes.
    private func variableLength(_ value: Int) -> [UInt8] {
        var rest = min(max(0, value), 0x0fff_ffff)
        var bytes = [UInt8(rest & 0x7f)]
        rest >>= 7
        while rest > 0 {
            bytes.insert(UInt8(rest & 0x7f) | 0x80, at: 0)
            rest >>= 7
        }
        return bytes
    }
}

/// Writes a whole file so that a reader finds the old one or the new one and nothing between.
func writeFile(_ data: Data, to path: String) throws(MediaError) {
    do {
        // A device or a pipe, e.g. /dev/stdout, cannot be renamed over.
        var status = stat()
        let isSpecial = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        try data.write(to: URL(fileURLWithPath: path), options: isSpecial ? [] : .atomic)
    } catch {
        throw .file(path: path, action: "write", cause: systemReason(error))
    }
}

/// The system's own word for a Foundation error, where there is one.
func systemReason(_ error: any Error) -> String {
    let error = error as NSError
    if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError, underlying.domain == NSPOSIXErrorDomain {
        return String(cString: strerror(Int32(underlying.code)))
    }
    if error.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(error.code))) }
    switch CocoaError.Code(rawValue: error.code) {
    case .fileNoSuchFile, .fileReadNoSuchFile: return String(cString: strerror(ENOENT))
    case .fileWriteNoPermission, .fileReadNoPermission: return String(cString: strerror(EACCES))
    case .fileWriteOutOfSpace: return String(cString: strerror(ENOSPC))
    default: return error.localizedDescription
    }
}
