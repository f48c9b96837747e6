import Foundation
import Host
import Testing

/// The commands of the remote port and the console, without a server: what they answer, and what becomes of the sound.
@Suite struct CommandTests {
    private func session(block: Int = 64) -> (HostSession, GraphStepper) {
        let world = World()
        let graph = try! Graph(world: world, settings: Renderer.settings(sampleRate: 48000, block: block))
        return (HostSession(graph: graph, world: world), GraphStepper(graph, block: block))
    }

    private func expect(_ session: HostSession, _ line: String, _ answer: String, _ location: SourceLocation = #_sourceLocation) {
        let reply = session.execute(line)
        #expect(reply.text == answer, "\(line): \(reply.explanation)", sourceLocation: location)
    }

    @Test func wordsAreSplitAsModHostSplitsThem() {
        #expect(CommandWords.words(" add  \"a b\" 0\r\n") == ["add", "a b", "0"])
        #expect(CommandWords.words("a \\\"b\\\" \"\" c\\d \"e") == ["a", "\"b\"", "", "c\\d", "e"])
        #expect(CommandWords.words("") == [])
        for word in ["", "a b", "q\"uote", "plain", "t\tab"] { #expect(CommandWords.words(CommandWords.quoted(word)) == [word]) }
    }

    @Test func aChainIsBuiltAndHeard() {
        let (session, stepper) = session()
        expect(session, "add \(Example.amp) 0", "resp 0")
        expect(session, "add \(Example.amp) 7", "resp 7")
        expect(session, "connect in effect_0:in", "resp 0")
        expect(session, "connect effect_0:out effect_7:in", "resp 0")
        expect(session, "connect effect_7:out out", "resp 0")
        expect(session, "connect effect_7:out effect_0:in", "resp -205")
        expect(session, "param_set 0 gain -6", "resp 0")
        expect(session, "param_set 7 gain -6", "resp 0")
        stepper.run(blocks: 60) { _ in 1 }
        #expect(abs((stepper.sound[0].last ?? 0) - pow(10, -12 / 20)) < 1e-4)
        expect(session, "bypass 7 1", "resp 0")
        stepper.run(blocks: 60) { _ in 1 }
        #expect(abs((stepper.sound[0].last ?? 0) - pow(10, -6 / 20)) < 1e-4)
        expect(session, "activate 0 0 0", "resp 0")
        stepper.run(blocks: 60) { _ in 1 }
        #expect(stepper.sound[0].last == 0)
        expect(session, "activate 0 1", "resp 0")
        stepper.run(blocks: 60) { _ in 1 }
        #expect(abs((stepper.sound[0].last ?? 0) - pow(10, -6 / 20)) < 1e-4)
        expect(session, "remove -1", "resp 0")
        stepper.run(blocks: 60) { _ in 1 }
        #expect(stepper.sound[0].last == 0 && stepper.isSettled)
        expect(session, "list", "resp 0 []")
    }

    @Test func theHistoryLeavesOutWhatLaterCommandsMadeVoid() throws {
        let (session, _) = session()
        let scratch = try ScratchFolder()
        func history() throws -> [String] {
            expect(session, "save \(scratch.file("history"))", "resp 0")
            return try String(contentsOfFile: scratch.file("history"), encoding: .utf8).split(separator: "\n").map(String.init)
        }
        for line in ["add \(Example.amp) 0", "add \(Example.amp) 1", "set_bpm 90"] { _ = session.execute(line) }
        for i in 0..<3000 { _ = session.execute("param_set \(i % 2) gain \(-i % 7)") }
        #expect(try history() == ["add \(Example.amp) 0", "add \(Example.amp) 1", "set_bpm 90", "param_set 0 gain -2", "param_set 1 gain -3"])
        // What was kept meanwhile rests on the values before it.
        _ = session.execute("snapshot_save A")
        _ = session.execute("param_set 0 gain 3")
        #expect(try history().suffix(4) == ["param_set 0 gain -2", "param_set 1 gain -3", "snapshot_save A", "param_set 0 gain 3"])
        let patch = try scratch.write("one.toml", "[[plugin]]\nuri = \"\(Example.amp)\"\n")
        expect(session, "patch_load \(patch)", "resp 0")
        #expect(try history() == ["set_bpm 90", "patch_load \(patch)"])
    }

    @Test func theReferenceHasEveryCommand() {
        let (session, _) = session()
        let names = HostSession.commandReference.split(separator: "\n").filter { $0.hasPrefix("| `") }
            .compactMap { $0.dropFirst(3).split(whereSeparator: { " `".contains($0) }).first.map(String.init) }
        #expect(names.count > 60 && Set(names).count == names.count)
        for name in names { #expect(session.execute("help \(name)").text.hasPrefix(name), "\(name)") }
        let help = session.execute("help").text.split(separator: "\n").filter { !$0.hasPrefix(" ") }
        #expect(help.compactMap { $0.split(separator: " ").first.map(String.init) } == names)
    }

    @Test func removalIsUndone() {
        let (session, stepper) = session()
        for line in ["add \(Example.amp) 0", "connect in effect_0:in", "connect effect_0:out out", "param_set 0 gain 6"] {
            _ = session.execute(line)
        }
        expect(session, "midi_map 0 gain 0 7 -10 10", "resp 1")
        expect(session, "remove 0", "resp 0")
        stepper.run(blocks: 40) { _ in 0.1 }
        #expect(stepper.sound[0].last == 0)
        expect(session, "undo", "resp 0")
        stepper.run(blocks: 60) { _ in 0.1 }
        #expect(abs((stepper.sound[0].last ?? 0) - 0.1 * pow(10, 6 / 20)) < 1e-4)
        expect(session, "midi_unmap 0 gain", "resp 1")
        expect(session, "undo", "resp -902")
    }

    @Test func presetsDoNotClick() throws {
        let scratch = try ScratchFolder()
        let (session, stepper) = session()
        for line in ["add \(Example.amp) 0", "connect in effect_0:in", "connect effect_0:out out", "param_set 0 gain 0"] {
            _ = session.execute(line)
        }
        expect(session, "preset_save 0 Unity \(scratch.file("a.lv2")) a.ttl", "resp 0")
        _ = session.execute("param_set 0 gain -12")
        expect(session, "preset_save 0 Soft \(scratch.file("b.lv2")) b.ttl", "resp 0")
        expect(session, "preset_save 0 Soft \(scratch.path) ../b.ttl", "resp -902")
        func tone(_ frame: Int) -> Float { 0.5 * Float(sin(2 * .pi * 200 * Double(frame) / 48000)) }
        stepper.run(blocks: 40, input: tone)
        for i in 0..<1000 {
            expect(session, "preset_load 0 \(scratch.file(i % 2 == 0 ? "a.lv2" : "b.lv2"))", "resp 0")
            stepper.run(blocks: 30 + i * 37 % 250, input: tone)
        }
        stepper.run(blocks: 400, input: tone)
        let steps = zip(stepper.sound[0], stepper.sound[0].dropFirst()).map { abs($0 - $1) }
        // Two copies of the tone in phase, fading with equal power: 1.25 × the louder at most, and the fade's own slope.
        let own = Float(0.5 * 2 * .pi * 200 / 48000)
        #expect((steps.max() ?? 1) < own * 1.25 + 0.5 * .pi / 2 / 960)
        expect(session, "param_get 0 gain", "resp 0 -12.0000")
        #expect(abs((stepper.sound[0].suffix(2000).max() ?? 0) - 0.5 * pow(10, -12 / 20)) < 1e-3)
    }

    @Test func midiMovesControls() {
        let (session, stepper) = session()
        for line in ["add \(Example.amp) 0", "connect in effect_0:in", "connect effect_0:out out", "add \(Example.fifths) 1"] {
            _ = session.execute(line)
        }
        expect(session, "connect keys effect_1:in", "resp 0")
        stepper.run(blocks: 60)
        func send(_ bytes: UInt8...) {
            let now = stepper.sound.first?.count ?? 0
            stepper.run(blocks: 2, midi: [TimedMIDI(time: now + 5, bytes: bytes)])
        }
        expect(session, "midi_map 0 gain 0 7 -10 10", "resp 1")
        stepper.run(blocks: 5)
        send(0xB0, 7, 127)
        expect(session, "param_get 0 gain", "resp 0 10.0000")
        send(0xB1, 7, 0)  // another channel
        send(0xB0, 8, 0)  // another controller
        expect(session, "param_get 0 gain", "resp 0 10.0000")
        send(0xB0, 7, 0)
        expect(session, "param_get 0 gain", "resp 0 -10.0000")
        // The pitch bend, on all channels
        expect(session, "midi_map 0 gain -1 131 0 20", "resp 1")
        stepper.run(blocks: 5)
        send(0xE5, 0x7F, 0x7F)
        expect(session, "param_get 0 gain", "resp 0 20.0000")
        // NRPN 1000 = 7 · 128 + 104, of 14 bits
        expect(session, "midi_map 0 gain 0 1512 0 16", "resp 1")
        stepper.run(blocks: 5)
        send(0xB0, 99, 7)
        send(0xB0, 98, 104)
        send(0xB0, 6, 64)
        send(0xB0, 38, 0)
        let value = Float(session.execute("param_get 0 gain").text.split(separator: " ")[2]) ?? 0
        #expect(abs(value - 16 * 8192 / 16383) < 0.001)
        // Bypass by a note
        expect(session, "midi_map 0 :bypass 0 193 0 1", "resp 1")
        stepper.run(blocks: 5)
        send(0x90, 60, 100)
        expect(session, "param_get 0 :bypass", "resp 0 1.0000")
        send(0x80, 60, 0)
        expect(session, "param_get 0 :bypass", "resp 0 0.0000")
        expect(session, "midi_map 0 gain 16 7 0 1", "resp -304")
        expect(session, "midi_map 0 gain 0 400 0 1", "resp -304")
        expect(session, "midi_unmap 0 nope", "resp -103")
    }

    @Test func everySourceMovesControlsByACurve() {
        let (session, stepper) = session()
        for line in ["add \(Example.amp) 0", "add \(Example.fifths) 1", "connect keys effect_1:in"] { _ = session.execute(line) }
        stepper.run(blocks: 60)
        func value(after bytes: [UInt8]...) -> Float {
            let now = stepper.frames
            stepper.run(blocks: 2, midi: bytes.enumerated().map { TimedMIDI(time: now + 5 + $0, bytes: $1) })
            return Float(session.execute("param_get 0 gain").text.split(separator: " ")[2]) ?? .nan
        }
        // Channel pressure, squared
        expect(session, "midi_map 0 gain 3 132 0 16 2", "resp 1")
        stepper.run(blocks: 5)
        #expect(abs(value(after: [0xD3, 64]) - 16 * pow(64 / 127, 2)) < 0.001)
        #expect(value(after: [0xD4, 127]) < 5 && value(after: [0xD3, 127]) == 16)
        // The pressure of any key, and of one
        expect(session, "midi_map 0 gain 3 261 0 12.7", "resp 1")
        stepper.run(blocks: 5)
        #expect(value(after: [0xA3, 70, 100]) == 10 && value(after: [0xA3, 20, 50]) == 5 && value(after: [0xA4, 20, 1]) == 5)
        expect(session, "midi_map 0 gain 3 322 0 12.7", "resp 1")
        stepper.run(blocks: 5)
        #expect(value(after: [0xA3, 60, 100]) == 10 && value(after: [0xA3, 61, 50]) == 10)
        // A registered parameter, of 14 bits; not once it is deselected, and not a non-registered one of its number
        expect(session, "midi_map 0 gain -1 16898 0 16", "resp 1")
        stepper.run(blocks: 5)
        let tuned = value(after: [0xB1, 101, 0], [0xB1, 100, 2], [0xB1, 6, 64], [0xB1, 38, 0])
        #expect(abs(tuned - 16 * 8192 / 16383) < 0.001)
        #expect(value(after: [0xB1, 99, 0], [0xB1, 98, 2], [0xB1, 6, 1]) == tuned)
        #expect(value(after: [0xB1, 101, 127], [0xB1, 100, 127], [0xB1, 6, 1]) == tuned)
        expect(session, "midi_map 0 gain -1 33279 0 16", "resp -304")
        expect(session, "midi_map 0 gain -1 390 0 16", "resp -304")
        // A key's velocity, downwards
        expect(session, "midi_map 0 gain -1 193 10 -10 linear", "resp 1")
        stepper.run(blocks: 5)
        #expect(value(after: [0x95, 60, 127]) == -10 && value(after: [0x95, 61, 1]) == -10)
        #expect(abs(value(after: [0x95, 60, 1]) - (10 - 20 / 127)) < 0.001)
        // Ratios; and a controller that waits until it has passed the value
        expect(session, "midi_map 0 gain 0 7 1 16 logarithmic takeover", "resp 1")
        _ = session.execute("param_set 0 gain 4")
        stepper.run(blocks: 5)
        #expect(value(after: [0xB0, 7, 0]) == 4 && value(after: [0xB0, 7, 20]) == 4)
        #expect(abs(value(after: [0xB0, 7, 100]) - pow(16, 100 / 127)) < 0.001)
        expect(session, "midi_map 0 gain 0 7 -1 16 logarithmic", "resp -304")
        expect(session, "midi_map 0 gain 0 7 1 16 steep", "resp -902")
        expect(session, "midi_map 0 gain 0 7 1 16 keys", "resp -902")
    }

    @Test(arguments: [
        ([[0xE2, 0, 100]], MIDIMapping.Source.bend), ([[0xD2, 50]], .pressure), ([[0x92, 61, 100]], .note(61)),
        ([[0xB2, 99, 7], [0xB2, 98, 104], [0xB2, 6, 1]], .nrpn(1000)), ([[0xB2, 9, 1]], .controller(9)),
        ([[0xB2, 101, 0], [0xB2, 100, 1], [0xB2, 6, 64]], .rpn(1)), ([[0xA2, 60, 30]], .keyPressure(nil)),
    ]) func everySourceIsLearned(messages: [[UInt8]], source: MIDIMapping.Source) throws {
        let scratch = try ScratchFolder()
        let (session, stepper) = session()
        stepper.listen(session)
        for line in ["add \(Example.amp) 0", "add \(Example.fifths) 1", "connect keys effect_1:in"] { _ = session.execute(line) }
        stepper.run(blocks: 60)
        expect(session, "midi_learn 0 gain 0 1 2 takeover keys", "resp 1")
        let now = stepper.frames
        stepper.run(blocks: 10, midi: messages.enumerated().map { TimedMIDI(time: now + 5 + $0, bytes: $1) })
        expect(session, "patch_save \(scratch.file("mine.toml"))", "resp 0")
        var wanted = MIDIMapping(control: "effect_0:gain", source: source)
        (wanted.channel, wanted.low, wanted.high, wanted.curve, wanted.takesOver) = (3, 0, 1, .power(2), true)
        #expect(try Patch(reading: scratch.file("mine.toml")).mappings == [wanted])
    }

    /// A clock at 97.5, with a jitter of 2 ms; then at another tempo.
    @Test func midiClockSetsTheTempo() throws {
        let scratch = try ScratchFolder()
        let (session, stepper) = session()
        for line in ["add \(Example.fifths) 0", "connect keys effect_0:in"] { _ = session.execute(line) }
        stepper.run(blocks: 60)
        var random = SystemRandomNumberGenerator()
        func run(_ tempo: Double, seconds: Double) {
            let began = stepper.frames
            let count = Int(seconds * tempo / 60 * 24)
            let ticks = (0..<count).map { tick in
                TimedMIDI(
                    time: began + 100 + Int(Double(tick) * 60 / tempo / 24 * 48000) + Int.random(in: 0...96, using: &random), bytes: [0xF8])
            }
            stepper.run(blocks: Int(seconds * 48000) / 64, midi: ticks)
        }
        let metre = { stepper.graph.tempo }
        run(97.5, seconds: 1)
        #expect(metre() == 0)  // nobody has asked for it
        expect(session, "transport_sync midi", "resp 0")
        run(97.5, seconds: 3)
        #expect(abs(metre() - 97.5) < 0.5, "\(metre())")
        run(140, seconds: 2)
        #expect(abs(metre() - 140) < 0.7, "\(metre())")
        expect(session, "transport_sync none", "resp 0")
        run(80, seconds: 2)
        #expect(abs(metre() - 140) < 0.7, "\(metre())")
        expect(session, "transport_sync tap", "resp -902")
        // What was set by command is saved, with what it is to follow.
        expect(session, "set_bpm 77", "resp 0")
        expect(session, "set_bpb 3", "resp 0")
        expect(session, "transport_sync midi", "resp 0")
        expect(session, "patch_save \(scratch.file("mine.toml"))", "resp 0")
        let transport = try #require(Patch(reading: scratch.file("mine.toml")).transport)
        #expect(transport.tempo == 77 && transport.beatsPerBar == 3 && transport.followsMIDI && !transport.isRolling)
    }

    @Test func signalsMoveControls() throws {
        let scratch = try ScratchFolder()
        let (session, stepper) = session()
        stepper.listen(session)
        for line in ["add \(Example.amp) 0", "add \(Example.amp) 1", "connect in effect_1:in"] { _ = session.execute(line) }
        func gain(_ input: Float) -> String {
            stepper.run(blocks: 60) { _ in input }
            return session.execute("param_get 0 gain").text
        }
        expect(session, "cv_map 0 gain system:capture_1 -20 20 b", "resp 0")  // −1 to 1, since nothing is said of its range
        #expect(gain(0.5) == "resp 0 10.0000" && gain(-7) == "resp 0 -20.0000")
        #expect(gain(.nan) == "resp 0 -20.0000")
        expect(session, "cv_map 0 gain system:capture_1 -20 20 =", "resp 0")
        #expect(gain(2.5) == "resp 0 10.0000")
        expect(session, "cv_map 0 gain system:capture_1 20 -20 +", "resp 0")
        #expect(gain(0.25) == "resp 0 10.0000")
        expect(session, "cv_map 0 gain system:capture_1 -20 20 -", "resp 0")
        #expect(gain(-0.25) == "resp 0 10.0000")
        // Of a plugin's own
        expect(session, "cv_map 0 gain effect_1:out -20 20 b", "resp 0")
        #expect(gain(0.5) == "resp 0 10.0000")
        expect(session, "preset_load 1 nothing", "resp -104")
        expect(session, "revive 1", "resp 0")
        stepper.run(blocks: 200) { _ in 0.5 }
        #expect(gain(0.25) == "resp 0 5.0000")
        expect(session, "patch_save \(scratch.file("mine.toml"))", "resp 0")
        #expect(try Patch(reading: scratch.file("mine.toml")).cvMappings.map(\.source) == ["effect_1:out"])
        expect(session, "cv_map 0 gain effect_1:in -20 20 b", "resp -207")
        expect(session, "cv_map 0 gain effect_1:out -20 20 x", "resp -902")
        expect(session, "cv_map 0 volume effect_1:out -20 20 b", "resp -103")
        expect(session, "cv_map 5 gain effect_1:out -20 20 b", "resp -3")
        expect(session, "cv_unmap 0 gain", "resp 0")
        expect(session, "cv_unmap 0 gain", "resp 0")
        #expect(gain(1) == "resp 0 5.0000")
        expect(session, "cv_map 0 gain effect_1:out -20 20 b", "resp 0")
        expect(session, "remove 1", "resp 0")
        #expect(gain(1) == "resp 0 20.0000")
        expect(session, "cv_unmap 0 gain", "resp 0")
    }

    @Test func controllersAreLearnedAndSaved() throws {
        let scratch = try ScratchFolder()
        let (session, stepper) = session()
        stepper.listen(session)
        for line in ["add \(Example.amp) 0", "add \(Example.fifths) 1", "connect keys effect_1:in"] { _ = session.execute(line) }
        stepper.run(blocks: 60)
        func send(_ bytes: UInt8...) {
            stepper.run(blocks: 2, midi: [TimedMIDI(time: stepper.frames + 5, bytes: bytes)])
        }
        expect(session, "midi_learn 0 gain -40 0", "resp 1")
        send(0x92, 60, 100)  // a key is no answer
        send(0xB2, 21, 64)
        stepper.run(blocks: 5)
        send(0xB2, 21, 127)
        expect(session, "param_get 0 gain", "resp 0 0.0000")
        send(0xB2, 21, 0)
        expect(session, "param_get 0 gain", "resp 0 -40.0000")
        expect(session, "midi_learn 0 nope 0 1", "resp -103")
        expect(session, "patch_save \(scratch.file("mine.toml"))", "resp 0")
        let patch = try Patch(reading: scratch.file("mine.toml"))
        var wanted = MIDIMapping(control: "effect_0:gain", source: .controller(21))
        (wanted.channel, wanted.low, wanted.high, wanted.curve) = (3, -40, 0, .linear)
        #expect(patch.mappings == [wanted])
        expect(session, "patch_save \(scratch.file("mine.txt"))", "resp -902")
    }

    @Test func takeoverWaitsUntilTheKnobHasPassed() throws {
        let text = """
            [[plugin]]
            uri = "\(Example.amp)"
            name = "amp"
            controls = { gain = 0 }
            [[plugin]]
            uri = "\(Example.fifths)"
            [[midi]]
            control = "amp:gain"
            cc = 7
            range = [-20, 20]
            takeover = true
            """
        let graph = try Graph(
            world: World(), patch: Patch(parsing: text, file: "t.toml", folder: "/"),
            settings: Renderer.settings(sampleRate: 48000, block: 64))
        let stepper = GraphStepper(graph, block: 64)
        func move(_ value: UInt8) -> Float {
            stepper.run(blocks: 2, midi: [TimedMIDI(time: stepper.frames + 5, bytes: [0xB0, 7, value])])
            return graph.nodes[0].instance.value("gain") ?? .nan
        }
        stepper.run(blocks: 5)
        #expect(move(0) == 0 && move(30) == 0 && move(50) == 0)  // below 0 dB still
        #expect(abs(move(70) - (-20 + 40 * 70 / 127)) < 1e-4)  // passed: it has taken hold
        #expect(move(127) == 20 && move(0) == -20)
    }

    @Test func wordsAreCompleted() {
        let names = HostNames()
        #expect(names.completions(after: [], start: "param_") == ["param_get", "param_monitor", "param_set"])
        #expect(names.completions(after: ["help"], start: "und") == ["undo"])
        #expect(names.completions(after: ["param_set"], start: "").isEmpty)
        #expect(names.completions(after: ["nonsense"], start: "").isEmpty)
        let (session, _) = session()
        _ = session.execute("add \(Example.amp) 12")
        names.update(session)
        #expect(names.completions(after: ["param_set"], start: "1") == ["12"])
        #expect(names.completions(after: ["param_set", "12"], start: "g") == ["gain"])
        #expect(names.completions(after: ["connect"], start: "effect") == ["effect_12:in", "effect_12:out"])
    }

    @Test func snapshotsMorph() {
        let (session, stepper) = session()
        for line in [
            "add \(Example.amp) 0", "add \(Example.amp) 1", "param_set 0 gain -20", "param_set 1 gain 4", "snapshot_save A",
            "param_set 0 gain 0", "snapshot_save B",
        ] { expect(session, line, line.hasPrefix("add") ? "resp \(line.last!)" : "resp 0") }
        expect(session, "snapshot_morph A B 0.25", "resp 0")
        expect(session, "param_get 0 gain", "resp 0 -15.0000")
        expect(session, "param_get 1 gain", "resp 0 4.0000")
        expect(session, "snapshot_load A", "resp 0")
        expect(session, "param_get 0 gain", "resp 0 -20.0000")
        expect(session, "snapshot_load C", "resp -902")
        expect(session, "snapshot_morph A B 1.5", "resp -902")
        // One that came later stays as it is.
        expect(session, "add \(Example.amp) 2", "resp 2")
        expect(session, "snapshot_load B", "resp 0")
        expect(session, "param_get 2 gain", "resp 0 0.0000")
        stepper.run(blocks: 2)
    }

    @Test func everyCommandHasAnExampleThatIsOne() {
        let (session, _) = session()
        for name in HostNames.commands {
            let help = session.execute("help \(name)").text
            let example = help.components(separatedBy: "for example: ").last ?? ""
            #expect(example.hasPrefix(name), "\(help)")
            // Its form is right: what it says about plugins that are not there is another matter.
            if !["quit", "load", "save", "state_save", "patch_save", "patch_load"].contains(name) {
                let text = session.execute(example).text
                #expect(!text.contains("arguments") && !text.contains("not found"), "\(example): \(text)")
            }
        }
    }

    @Test func savedCommandsAreLoaded() throws {
        let scratch = try ScratchFolder()
        let (session, _) = session()
        for line in ["add \(Example.amp) 3", "param_set 3 gain -4", "list"] { _ = session.execute(line) }
        expect(session, "save \(scratch.file("setup"))", "resp 0")
        #expect(try String(contentsOfFile: scratch.file("setup"), encoding: .utf8) == "add \(Example.amp) 3\nparam_set 3 gain -4\n")
        let (fresh, _) = self.session()
        #expect(fresh.execute("load \(scratch.file("setup"))").text == "resp 0")
        #expect(fresh.execute("param_get 3 gain").text == "resp 0 -4.0000")
        try scratch.write("loop", "load \(scratch.file("loop"))\n")
        #expect(fresh.execute("load \(scratch.file("loop"))").isFailure)
        try scratch.write("wrong", "add \(Example.amp) 4\nparam_set 4 volume 1\n")
        #expect(fresh.execute("load \(scratch.file("wrong"))").text.contains("wrong:2: resp -103"))
    }
}
