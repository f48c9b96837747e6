import Media
import Testing

@Suite struct MIDIFileTests {
    /// Every message, as it goes into a file and comes out of it.
    @Test func roundTrip() throws {
        let messages: [MIDIFile.Message] = [
            .controlChange(channel: 0, controller: 101, value: 0), .programChange(channel: 3, program: 40),
            .noteOn(channel: 15, key: 60, velocity: 1), .polyPressure(channel: 1, key: 60, pressure: 3),
            .channelPressure(channel: 2, pressure: 127), .pitchBend(channel: 0, value: -8192),
            .pitchBend(channel: 0, value: 0), .pitchBend(channel: 0, value: 8191), .tempo(microsecondsPerQuarter: 400_000),
            .timeSignature(numerator: 6, denominatorPower: 3), .text(kind: 5, "lyr–ic"),
            .noteOff(channel: 15, key: 60, velocity: 64),
        ]
        let events = messages.enumerated().map { MIDIFile.Event(tick: $0.offset * 200, message: $0.element) }
        let file = MIDIFile(
            format: .parallelTracks, division: .ticksPerQuarter(480),
            tracks: [MIDIFile.Track(events: [MIDIFile.Event(tick: 0, message: .trackName("A"))]), MIDIFile.Track(events: events)])
        #expect(try MIDIFile(bytes: file.bytes, name: "test") == file)
    }

    /// The bytes of the specification's own kind of example: a C for a quarter at 96 ticks.
    @Test func exactBytes() {
        let file = MIDIFile(
            format: .singleTrack, division: .ticksPerQuarter(96),
            tracks: [
                MIDIFile.Track(events: [
                    .init(tick: 0, message: .noteOn(channel: 0, key: 60, velocity: 64)),
                    .init(tick: 192, message: .noteOff(channel: 0, key: 60, velocity: 64)),
                ])
            ])
        #expect(
            file.bytes == [
                0x4d, 0x54, 0x68, 0x64, 0, 0, 0, 6, 0, 0, 0, 1, 0, 96,
                0x4d, 0x54, 0x72, 0x6b, 0, 0, 0, 13, 0, 0x90, 60, 64, 0x81, 0x40, 0x80, 60, 64, 0, 0xff, 0x2f, 0,
            ])
    }

    @Test func secondsSurvive() throws {
        let times = [0, 0.01, 0.5, 1.234, 60, 3600, 36_000.5]
        let file = MIDIFile(
            name: "seconds", events: times.reversed().map { ($0, .noteOn(channel: 0, key: 60, velocity: 9)) })
        let read = try MIDIFile(bytes: file.bytes, name: "test").timed.filter {
            if case .noteOn = $0.message { true } else { false }
        }
        #expect(read.count == times.count)
        #expect(zip(read, times).allSatisfy { abs($0.seconds - $1) < 0.00027 })
        let frames = MIDIFile(name: "f", sampleRate: 48000, events: [(48000, .noteOn(channel: 0, key: 60, velocity: 9))])
        #expect(frames.timed.last?.seconds == 1)
    }

    /// Events of one moment keep their order: a registered parameter is selected before it is set.
    @Test func orderWithinAMoment() {
        let messages = [101, 100, 6, 38].map { MIDIFile.Message.controlChange(channel: 0, controller: $0, value: 0) }
        let file = MIDIFile(name: "order", events: messages.map { (1, $0) })
        #expect(file.merged.suffix(4).map(\.message) == messages)
    }

    @Test func tempoMap() throws {
        let conductor = MIDIFile.Track(events: [
            .init(tick: 0, message: .tempo(microsecondsPerQuarter: 1_000_000)),
            .init(tick: 960, message: .tempo(microsecondsPerQuarter: 250_000)),
        ])
        let file = MIDIFile(format: .parallelTracks, division: .ticksPerQuarter(480), tracks: [conductor])
        #expect(file.seconds(atTick: 480) == 1)
        #expect(file.seconds(atTick: 960) == 2)
        #expect(file.seconds(atTick: 1920) == 2.5)
        let smpte = try MIDIFile(bytes: header(format: 0, tracks: 1, division: [0xe7, 40]) + track([0, 0xff, 0x2f, 0]), name: "t")
        #expect(smpte.division == .ticksPerSecond(1000) && smpte.seconds(atTick: 1500) == 1.5)
    }

    /// Running status, a system exclusive between, an unknown chunk before, velocity 0 as note off.
    @Test func whatOthersWrite() throws {
        let unknown = Array("XFIH".utf8) + [0, 0, 0, 2, 9, 9]
        let body: [UInt8] = [
            0, 0x90, 60, 100, 10, 62, 100, 10, 60, 0, 0, 0xf0, 3, 1, 2, 0xf7, 5, 0xff, 0x7f, 2, 1, 1, 0, 0x90, 62, 0,
            0, 0xff, 0x2f, 0,
        ]
        let file = try MIDIFile(bytes: header(format: 0, tracks: 1, division: [0, 96]) + unknown + track(body), name: "t")
        #expect(
            file.tracks[0].events == [
                .init(tick: 0, message: .noteOn(channel: 0, key: 60, velocity: 100)),
                .init(tick: 10, message: .noteOn(channel: 0, key: 62, velocity: 100)),
                .init(tick: 20, message: .noteOff(channel: 0, key: 60, velocity: 64)),
                .init(tick: 25, message: .noteOff(channel: 0, key: 62, velocity: 64)),
            ])
    }

    @Test func brokenRules() {
        let end: [UInt8] = [0, 0xff, 0x2f, 0]
        let good = header(format: 0, tracks: 1, division: [0, 96])
        let bad: [[UInt8]] = [
            [], Array("RIFF".utf8), header(format: 2, tracks: 1, division: [0, 96]) + track(end),
            header(format: 0, tracks: 2, division: [0, 96]) + track(end) + track(end),
            header(format: 0, tracks: 1, division: [0, 0]) + track(end),
            header(format: 0, tracks: 1, division: [0x80, 40]) + track(end),
            good, good + track([]), good + track([0, 60, 100] + end), good + track([0, 0x90, 0x80, 1] + end),
            good + track([0x80, 0x80, 0x80, 0x80, 0] + end), good + track([0, 0xf4] + end), good + track(end + [0]),
            good + track([0, 0xff, 0x51, 3, 0, 0, 0] + end), good + track([0, 0xff, 0x51, 2, 1, 1] + end),
            good + track([0, 0xf0, 100, 1] + end), good + track([0, 0x90, 60, 1]),
            good + track([0, 0x90, 60, 1, 0, 0xf0, 1, 0xf7, 0, 60, 0] + end),  // a system exclusive ends running status
        ]
        for bytes in bad { #expect(throws: MediaError.self) { try MIDIFile(bytes: bytes, name: "bad") } }
    }

    @Test func fuzz() throws {
        var events: [(Double, MIDIFile.Message)] = []
        for i in 0..<40 {
            events.append((Double(i) / 10, .noteOn(channel: 0, key: UInt8(40 + i), velocity: 90)))
            events.append((Double(i) / 10 + 0.08, .noteOff(channel: 0, key: UInt8(40 + i), velocity: 0)))
        }
        let good = MIDIFile(name: "fuzz", events: events).bytes
        for count in 0..<good.count {
            #expect(throws: MediaError.self) { try MIDIFile(bytes: Array(good[..<count]), name: "cut") }
        }
        var random = SeededGenerator(state: 7)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random) }
            guard let file = try? MIDIFile(bytes: bytes, name: "fuzz") else { continue }
            // What was read can be written, and is read as the same again.
            let again = try MIDIFile(bytes: file.bytes, name: "again")
            #expect(again.tracks.map(\.events.count) == file.tracks.map(\.events.count))
            _ = file.timed
        }
    }

    private func header(format: UInt8, tracks: UInt8, division: [UInt8]) -> [UInt8] {
        Array("MThd".utf8) + [0, 0, 0, 6, 0, format, 0, tracks] + division
    }
    private func track(_ body: [UInt8]) -> [UInt8] { Array("MTrk".utf8) + [0, 0, 0, UInt8(body.count)] + body }
}
