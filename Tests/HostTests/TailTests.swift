import Foundation
import Host
import Testing

/// What has been replaced or bypassed dies away, if that is wanted; and how long changes take.
@Suite struct TailTests {
    private func setUp(tail: Double, delay: Int = 2000) throws -> (ProbePlugin, HostSession, GraphStepper) {
        let probe = try ProbePlugin(hasEnabled: false)
        let graph = try Graph(world: probe.world, settings: Renderer.settings(sampleRate: 48000, block: 64))
        let session = HostSession(graph: graph, world: probe.world)
        let stepper = GraphStepper(graph, block: 64)
        stepper.listen(session)
        for line in [
            "add \(ProbePlugin.uri) 0", "connect in effect_0:in", "connect effect_0:out out", "param_set 0 delay \(delay)", "tail \(tail)",
        ] { #expect(!session.execute(line).isFailure) }
        stepper.run(blocks: 200)
        return (probe, session, stepper)
    }

    /// The sound around a frame.
    private func heard(_ stepper: GraphStepper, _ frame: Int) -> Float {
        stepper.sound[0][(frame - 2)...(frame + 2)].reduce(0, +)
    }

    @Test(arguments: [(0.0, Float(0)), (0.5, 1)]) func whatIsReplacedDiesAway(tail: Double, expected: Float) throws {
        let (probe, session, stepper) = try setUp(tail: tail)
        let node = stepper.graph.nodes[0]
        let now = stepper.frames
        // The new one does not delay; it warms up for 4,800 frames.
        try stepper.graph.replace(node) { try stepper.graph.set(.init(key: "delay", value: "0"), of: $0) }
        #expect(stepper.graph.tailCount == (tail > 0 ? 1 : 0))
        let impulse = now + 4500
        stepper.run(blocks: 220) { $0 == impulse ? 1 : 0 }
        #expect(abs(heard(stepper, impulse + 2000) - expected) < 0.01)
        // Nor is it heard twice.
        #expect(heard(stepper, impulse) == 0)
        // Its time is over, and the new one alone is heard.
        stepper.run(blocks: 500)
        #expect(stepper.graph.tailCount == 0 && stepper.isSettled)
        let later = stepper.frames + 100
        stepper.run(blocks: 50) { $0 == later ? 1 : 0 }
        #expect(heard(stepper, later) == 1 && heard(stepper, later + 2000) == 0)
        _ = session
        withExtendedLifetime(probe) {}
    }

    @Test(arguments: [(0.0, Float(0)), (0.5, 1)]) func whatIsRemovedDiesAway(tail: Double, expected: Float) throws {
        let (probe, session, stepper) = try setUp(tail: tail)
        #expect(session.execute("add \(ProbePlugin.uri) 1").text == "resp 1")
        #expect(session.execute("connect effect_0:out effect_1:in").text == "resp 0")
        #expect(session.execute("connect effect_1:out out").text == "resp 0")
        stepper.run(blocks: 200)
        let now = stepper.frames + 10
        stepper.run(blocks: 1) { $0 == now ? 1 : 0 }
        #expect(session.execute("remove 0").text == "resp 0")
        stepper.run(blocks: 60)
        // Heard beside the other, whose way to the output is its own.
        #expect(abs(heard(stepper, now + 2000) - 2 * expected) < 0.01, "\(heard(stepper, now + 2000))")
        // One after another, and more than may die away at once
        #expect(session.execute("remove 1").text == "resp 0")
        stepper.run(blocks: 5)
        for number in 2..<9 {
            _ = session.execute("add \(ProbePlugin.uri) \(number)")
            _ = session.execute("connect effect_\(number):out out")
            if number > 2 { _ = session.execute("connect effect_\(number - 1):out effect_\(number):in") }
            stepper.run(blocks: 40)
        }
        #expect(session.execute("remove -1").text == "resp 0")
        stepper.run(blocks: 2000)
        #expect(stepper.graph.tailCount == 0 && stepper.isSettled && stepper.graph.nodes.isEmpty)
        withExtendedLifetime(probe) {}
    }

    @Test func fadesHaveTheCurveThatIsWanted() throws {
        let (probe, session, stepper) = try setUp(tail: 0, delay: 0)
        func middle(_ curve: String) -> Float {
            #expect(session.execute("fade 100 \(curve)").text == "resp 0")
            let began = stepper.frames
            #expect(session.execute("revive 0").text == "resp 0")
            stepper.run(blocks: 300) { _ in 1 }
            return stepper.sound[0][(began + 64)...].max() ?? 0
        }
        stepper.run(blocks: 20) { _ in 1 }
        // The same sound twice: 3 dB more in the middle at equal power, nothing at equal amplitude
        #expect(abs(middle("power") - Float(2).squareRoot()) < 0.01)
        #expect(abs(middle("linear") - 1) < 0.001)
        #expect(session.execute("fade").text == "resp 0 100 linear")
        #expect(session.execute("fade 100 round").text == "resp -902")
        withExtendedLifetime(probe) {}
    }

    @Test func silenceEndsATail() throws {
        let (probe, session, stepper) = try setUp(tail: 3000)
        #expect(session.execute("revive 0").text == "resp 0")
        stepper.run(blocks: 300)
        #expect(stepper.graph.tailCount == 1)
        stepper.run(blocks: 900)  // a second of silence
        #expect(stepper.graph.tailCount == 0 && stepper.isSettled)
        // Not more than four at once
        for _ in 0..<6 {
            #expect(session.execute("revive 0").text == "resp 0")
            stepper.run(blocks: 200)
        }
        #expect(stepper.graph.tailCount <= 4)
        withExtendedLifetime(probe) {}
    }

    @Test(arguments: [(0.0, Float(1)), (0.5, 1)]) func whatIsBypassedDiesAway(tail: Double, expected: Float) throws {
        let (probe, session, stepper) = try setUp(tail: tail)
        // Played before, in the middle and long after: each is heard once, as late as ever, since what goes by is as late.
        let now = stepper.frames
        let played = [now - 0 + 10, now + 5000, now + 40000]
        #expect(session.execute("bypass 0 1").text == "resp 0")
        stepper.run(blocks: 1000) { played.contains($0) ? 1 : 0 }
        for frame in played.dropFirst() { #expect(abs(heard(stepper, frame + 2000) - expected) < 0.01) }
        // It rests in the end.
        let runs = stepper.graph.nodes[0].load.runs
        stepper.run(blocks: 10)
        #expect(stepper.graph.nodes[0].load.runs == runs)
        #expect(session.execute("bypass 0 0").text == "resp 0")
        stepper.run(blocks: 100)
        let later = stepper.frames + 100
        stepper.run(blocks: 50) { $0 == later ? 1 : 0 }
        #expect(abs(heard(stepper, later + 2000) - 1) < 0.01)
        withExtendedLifetime(probe) {}
    }

    @Test func bypassesAndPresetsWithTailsDoNotClick() throws {
        let (probe, session, stepper) = try setUp(tail: 0.05, delay: 0)
        func tone(_ frame: Int) -> Float { 0.5 * Float(sin(2 * .pi * 200 * Double(frame) / 48000)) }
        stepper.run(blocks: 200, input: tone)
        let start = stepper.frames
        for i in 0..<60 {
            _ = session.execute(i % 3 == 2 ? "revive 0" : "bypass 0 \(i % 2)")
            stepper.run(blocks: 5 + i * 37 % 130, input: tone)
        }
        stepper.run(blocks: 300, input: tone)
        let sound = stepper.sound[0][start...]
        let step = zip(sound, sound.dropFirst()).map { abs($0 - $1) }.max() ?? 1
        // In phase with itself it is up to twice as loud within two fades at once (equal power), which add their own slopes.
        let own = Float(0.5 * 2 * .pi * 200 / 48000)
        #expect(step < own * 2 + 2 * 0.5 * .pi / 2 / 960, "\(step)")
        #expect(abs((sound.suffix(2000).max() ?? 0) - 0.5) < 0.001)
        withExtendedLifetime(probe) {}
    }

    @Test func fadesTakeAsLongAsIsSaid() throws {
        let (probe, session, stepper) = try setUp(tail: 0)
        #expect(session.execute("fade").text == "resp 0 20")
        #expect(session.execute("tail").text == "resp 0 0")
        #expect(session.execute("fade -1").text == "resp -902" && session.execute("tail 4000").text == "resp -902")
        for (time, frames) in [("100", 4800), ("5", 240)] {
            #expect(session.execute("fade \(time)").text == "resp 0")
            for line in ["add \(Example.amp) 1", "connect in effect_1:in", "connect effect_1:out out"] { _ = session.execute(line) }
            stepper.run(blocks: 400) { _ in 0.5 }
            let start = stepper.frames
            #expect(session.execute("bypass 0 1").text == "resp 0")
            _ = session.execute("remove 1")
            stepper.run(blocks: 200) { _ in 0.5 }
            let sound = Array(stepper.sound[0][start...])
            let last = sound.lastIndex { abs($0 - sound.last!) > 1e-4 } ?? 0
            #expect(abs(last - frames) < 200, "\(last)")
            #expect(session.execute("bypass 0 0").text == "resp 0")
            stepper.run(blocks: 400) { _ in 0.5 }
        }
        withExtendedLifetime(probe) {}
    }

    /// What played a note has no more to do with it: it is ended where it sounds.
    @Test func notesOfWhatGoesAreEnded() throws {
        let graph = try Graph(world: World(), settings: Renderer.settings(sampleRate: 48000, block: 64))
        let session = HostSession(graph: graph, world: graph.sharedWorld)
        let stepper = GraphStepper(graph, block: 64)
        for line in ["add \(Example.fifths) 0", "connect keys effect_0:in", "connect effect_0:out notes"] { _ = session.execute(line) }
        stepper.run(blocks: 60)
        stepper.run(blocks: 2, midi: [TimedMIDI(time: stepper.frames + 3, bytes: [0x90, 60, 100])])
        #expect(stepper.midi.map(\.bytes) == [[0x90, 60, 100], [0x90, 67, 100]])
        _ = session.execute("disconnect effect_0:out notes")
        stepper.run(blocks: 60)
        #expect(stepper.midi.filter { $0.bytes[0] & 0xF0 == 0xB0 && $0.bytes[1] == 123 }.count == 16)
        #expect(zip(stepper.midi, stepper.midi.dropFirst()).allSatisfy { $0.time <= $1.time })
    }

    @Test func patchesSayHow() throws {
        let text = """
            fade = 50
            tail = 2.5

            [transport]
            tempo = 90
            master = true

            [[plugin]]
            uri = "\(Example.amp)"
            name = "amp"

            [[cv]]
            control = "amp:gain"
            from = "system:capture_2"
            signal = [0, 1]
            range = [-20, 3]

            """
        let patch = try Patch(parsing: text, file: "t.toml", folder: "/")
        #expect(patch.fade == 50 && patch.tail == 2.5 && patch.transport?.isMaster == true)
        #expect(patch.text == text)
        let graph = try Graph(world: World(), patch: patch, settings: Renderer.settings(sampleRate: 48000, block: 64))
        #expect(graph.fadeSeconds == 0.05 && graph.tailSeconds == 2.5)
        #expect(graph.inputs.map(\.name) == ["in_1", "amp_gain"])
        let saved = try graph.patch(for: "/tmp/none.toml", like: patch)
        #expect(saved.text == text)
        try graph.change(to: Patch(plugins: [PluginSetup(Example.amp)]))
        #expect(graph.fadeSeconds == 0.02 && graph.tailSeconds == 0)
        for wrong in ["fade = -1", "tail = 1e9", "[[cv]]\ncontrol = \"a:b\"", "[[cv]]\nfrom = \"a\"", "[[cv]]\nsource = 1"] {
            #expect(throws: HostError.self) {
                try Patch(parsing: wrong + "\n[[plugin]]\nuri = \"urn:x\"\n", file: "t.toml", folder: "/")
            }
        }
    }
}
