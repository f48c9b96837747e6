import Host
import Media

/// Between what plugins send, bytes at frames, and Standard MIDI Files.
enum MIDIFiles {
    /// Reads a file's channel messages, with the time of each in frames.
    static func read(_ path: String, sampleRate: Double) throws -> [TimedMIDI] {
        try MIDIFile(path: path).timed.compactMap { event in
            bytes(event.message).map { TimedMIDI(time: Int((event.seconds * sampleRate).rounded()), bytes: $0) }
        }
    }

    /// Writes what came out. Messages that the format has no place for in Continuo (system exclusive and real time) are left out.
    static func write(_ events: [TimedMIDI], sampleRate: Double, name: String, to path: String) throws {
        let messages = events.compactMap { event in message(event.bytes).map { (event.time, $0) } }
        try MIDIFile(name: name, sampleRate: sampleRate, events: messages).write(to: path)
    }

    static func isNoteOn(_ event: TimedMIDI) -> Bool {
        event.bytes.count == 3 && event.bytes[0] & 0xF0 == 0x90 && event.bytes[2] > 0
    }

    /// A file's notes, for pictures.
    /// - Parameters:
    ///   - delay: seconds that are taken off.
    ///   - duration: when those end that nothing ends, in seconds.
    static func notes(_ path: String, delay: Double = 0, until duration: Double) throws -> [NoteSpan] {
        var sounding: [UInt16: (start: Double, velocity: UInt8)] = [:]
        var spans: [NoteSpan] = []
        func end(_ note: UInt16, _ time: Double) {
            guard let begun = sounding.removeValue(forKey: note) else { return }
            spans.append(
                NoteSpan(
                    start: max(0, begun.start), end: max(begun.start, time), key: Int(note & 0x7F), velocity: Int(begun.velocity)))
        }
        for event in try MIDIFile(path: path).timed {
            let time = event.seconds - delay
            switch event.message {
            case .noteOn(let channel, let key, let velocity) where velocity > 0:
                let note = UInt16(channel) << 8 | UInt16(key)
                end(note, time)
                sounding[note] = (time, velocity)
            case .noteOn(let channel, let key, _), .noteOff(let channel, let key, _): end(UInt16(channel) << 8 | UInt16(key), time)
            default: break
            }
        }
        for note in sounding.keys.sorted() { end(note, duration) }
        return spans.sorted { $0.start < $1.start }
    }

    private static func bytes(_ message: MIDIFile.Message) -> [UInt8]? {
        switch message {
        case .noteOff(let channel, let key, let velocity): return [0x80 | channel, key, velocity]
        case .noteOn(let channel, let key, let velocity): return [0x90 | channel, key, velocity]
        case .polyPressure(let channel, let key, let pressure): return [0xA0 | channel, key, pressure]
        case .controlChange(let channel, let controller, let value): return [0xB0 | channel, controller, value]
        case .programChange(let channel, let program): return [0xC0 | channel, program]
        case .channelPressure(let channel, let pressure): return [0xD0 | channel, pressure]
        case .pitchBend(let channel, let value):
            let bend = UInt16(Int(value) + 8192)
            return [0xE0 | channel, UInt8(bend & 0x7F), UInt8(bend >> 7)]
        case .tempo, .timeSignature, .trackName, .text: return nil
        }
    }

    private static func message(_ bytes: [UInt8]) -> MIDIFile.Message? {
        guard let status = bytes.first else { return nil }
        let channel = status & 0x0F
        let a = bytes.count > 1 ? bytes[1] & 0x7F : 0
        let b = bytes.count > 2 ? bytes[2] & 0x7F : 0
        switch status & 0xF0 {
        case 0x80: return .noteOff(channel: channel, key: a, velocity: b)
        case 0x90:
            return b == 0
                ? .noteOff(channel: channel, key: a, velocity: 64) : .noteOn(channel: channel, key: a, velocity: b)
        case 0xA0: return .polyPressure(channel: channel, key: a, pressure: b)
        case 0xB0: return .controlChange(channel: channel, controller: a, value: b)
        case 0xC0: return .programChange(channel: channel, program: a)
        case 0xD0: return .channelPressure(channel: channel, pressure: a)
        case 0xE0: return .pitchBend(channel: channel, value: Int16(Int(b) << 7 | Int(a)) - 8192)
        default: return nil
        }
    }
}
