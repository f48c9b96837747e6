import Foundation
import Host
import Testing

/// Graphs that are no rows: wiring by name, latency, MIDI ranges, bypass.
@Suite struct GraphTests {
    private func patch(_ text: String) throws -> Patch { try Patch(parsing: text, file: "t.toml", folder: "/") }

    private func graph(_ text: String, world: World = World(), block: Int = 64) throws -> Graph {
        try Graph(world: world, patch: patch(text), settings: Renderer.settings(sampleRate: 48000, block: block))
    }

    private func rendered(_ graph: Graph, _ configure: (inout Renderer.Options) -> Void) throws -> Rendered {
        let scratch = try ScratchFolder()
        var options = Renderer.Options()
        options.tail = 0
        options.output = graph.audioOutputCount > 0 ? scratch.file("out.wav") : nil
        configure(&options)
        let result = try Renderer.render(graph, options)
        let sound = try options.output.map { try SoundFile(reading: $0) } ?? SoundFile(channels: [], sampleRate: 48000)
        return Rendered(report: result.report, midi: result.midi, sound: sound, bytes: Data())
    }

    private let twoAmps = """
        [[plugin]]
        uri = "\(Example.amp)"
        name = "a"
        controls = { gain = -6 }
        [[plugin]]
        uri = "\(Example.amp)"
        name = "b"
        controls = { gain = -12 }

        """

    @Test func parallelWaysAreAdded() throws {
        let graph = try graph(
            twoAmps + """
                [[connection]]
                from = "in"
                to = "a:in"
                [[connection]]
                from = "in"
                to = "b:in"
                [[connection]]
                from = "a:out"
                to = "out"
                [[connection]]
                from = "b:out"
                to = "out"
                gain = 0.5
                [[connection]]
                from = "in"
                to = "dry"
                """)
        #expect(graph.inputs.map(\.name) == ["in"] && graph.outputs.map(\.name) == ["out", "dry"])
        let result = try rendered(graph) { $0.input = sine() }
        let gain = pow(10, Float(-6) / 20) + 0.5 * pow(10, Float(-12) / 20)
        let expected = sine().channels[0]
        #expect(zip(result.sound.channels[0], expected).allSatisfy { abs($0 - $1 * gain) < 1e-6 })
        #expect(result.sound.channels[1] == expected)
    }

    @Test func seriesAgainstTheirOrder() throws {
        // The second plugin of the patch plays first.
        let graph = try graph(
            twoAmps + """
                [[connection]]
                from = "in"
                to = "b:in"
                [[connection]]
                from = "b:out"
                to = "a:in"
                [[connection]]
                from = "a:out"
                to = "out"
                """)
        let result = try rendered(graph) { $0.input = sine() }
        let gain = pow(10, Float(-18) / 20)
        #expect(zip(result.sound.channels[0], sine().channels[0]).allSatisfy { abs($0 - $1 * gain) < 1e-6 })
    }

    @Test func feedbackIsNamed() throws {
        let connections = [("a:out", "b:in"), ("b:out", "c:in"), ("c:out", "a:in")].map {
            "[[connection]]\nfrom = \"\($0.0)\"\nto = \"\($0.1)\"\n"
        }.joined()
        #expect(throws: HostError.feedback(names: ["a", "b", "c"])) {
            try self.graph(twoAmps + "[[plugin]]\nuri = \"\(Example.amp)\"\nname = \"c\"\n" + connections)
        }
        #expect("\(HostError.feedback(names: ["a", "b"]))" == "that would feed back: a → b → a")
        #expect(throws: HostError.feedback(names: ["a"])) {
            try self.graph(twoAmps + "[[connection]]\nfrom = \"a:out\"\nto = \"a:in\"\n")
        }
    }

    @Test(arguments: [
        ("a:none", "out", "a has no port 'none' to come from: it has out"),
        ("a:in", "out", "a:in is an input: nothing comes from it"),
        ("in", "a:out", "a:out is an output: nothing goes to it"),
        ("system:capture_1", "system:playback_1", "neither is of this patch"),
        ("a:out", "m:control", "one is audio, the other MIDI"),
        ("system:capture_1", "nowhere", "there is no port 'nowhere' here"),
    ]) func impossibleConnectionsAreExplained(from: String, to: String, cause: String) throws {
        let text =
            twoAmps
            + "[[plugin]]\nuri = \"\(Example.fifths)\"\nname = \"m\"\n[[connection]]\nfrom = \"b:out\"\nto = \"out\"\n[[connection]]\nfrom = \"\(from)\"\nto = \"\(to)\"\n"
        do {
            _ = try graph(text.replacingOccurrences(of: "m:control", with: "m:in"))
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains(cause), "\(error)")
        }
    }

    @Test func patternsConnectPortsInOrder() throws {
        let graph = try graph(
            """
            [[plugin]]
            uri = "\(Example.scope)"
            name = "a"
            [[plugin]]
            uri = "\(Example.scope)"
            name = "b"
            [[connection]]
            from = "left"
            to = "a:in0"
            [[connection]]
            from = "right"
            to = "a:in1"
            [[connection]]
            from = "a:out*"
            to = "b:in?"
            [[connection]]
            from = "b:out*"
            to = "system:playback_*"
            """)
        #expect(graph.outputs.map(\.name) == ["b_out0", "b_out1"])
        #expect(graph.outputs.map { $0.partners.map(\.place) } == [[0], [1]])
        let channels: [[Float]] = [[Float](repeating: 0.5, count: 100), [Float](repeating: 0.25, count: 100)]
        let result = try rendered(graph) { $0.input = SoundFile(channels: channels, sampleRate: 48000) }
        #expect(result.sound.channels == channels)
    }

    @Test func jackConnectionsAloneLeaveARow() throws {
        let graph = try graph(
            twoAmps + "[[connection]]\nfrom = \"system:capture_1\"\nto = \"in_1\"\n[[connection]]\nfrom = \"out_1\"\nto = \"system:playback_*\"\n")
        #expect(graph.inputs.map(\.name) == ["in_1"] && graph.outputs.map(\.name) == ["out_1"])
        #expect(graph.inputs[0].partners.map(\.pattern) == ["system:capture_1"])
    }

    // MARK: Latency

    private func probe(_ name: String, delay: Int) -> String {
        "[[plugin]]\nuri = \"\(ProbePlugin.uri)\"\nname = \"\(name)\"\ncontrols = { delay = \(delay) }\n"
    }

    private func connect(_ pairs: (String, String)...) -> String {
        pairs.map { "[[connection]]\nfrom = \"\($0.0)\"\nto = \"\($0.1)\"\n" }.joined()
    }

    @Test(arguments: [64, 1000]) func parallelWaysArriveTogether(block: Int) throws {
        let probe = try ProbePlugin()
        // Ways of 100 + 250, 30 and 0 frames, and one part of its own that has nothing to do with them.
        let text =
            self.probe("a", delay: 100) + self.probe("b", delay: 250) + self.probe("c", delay: 30) + self.probe("d", delay: 77)
            + connect(
                ("in", "a:in"), ("a:out", "b:in"), ("b:out", "out"), ("in", "c:in"), ("c:out", "out"), ("in", "out"),
                ("in", "dry"), ("other", "d:in"), ("d:out", "other_out"))
        let graph = try graph(text, world: probe.world, block: block)
        var impulse = [Float](repeating: 0, count: 2000)
        impulse[123] = 1
        let result = try rendered(graph) { $0.input = SoundFile(channels: [impulse, impulse], sampleRate: 48000) }
        #expect(graph.latency == 350)
        #expect(result.report.latency == 350)
        func peaks(_ channel: Int) -> [Int: Float] {
            Dictionary(uniqueKeysWithValues: result.sound.channels[channel].enumerated().filter { $0.element != 0 }.map { ($0.offset, $0.element) })
        }
        #expect(peaks(0) == [123 + 350: 3])
        #expect(peaks(1) == [123 + 350: 1])
        #expect(peaks(2) == [123 + 77: 1])
    }

    @Test func midiWaitsForSound() throws {
        // A gate behind 500 frames of latency must open with the sound that came with the note.
        let probe = try ProbePlugin()
        let text =
            self.probe("late", delay: 500) + "[[plugin]]\nuri = \"\(Example.midigate)\"\nname = \"gate\"\n"
            + connect(("in", "late:in"), ("late:out", "gate:in"), ("keys", "gate:control"), ("gate:out", "out"))
        let graph = try graph(text, world: probe.world, block: 1)
        let result = try rendered(graph) {
            $0.input = SoundFile(channels: [[Float](repeating: 0.25, count: 4000)], sampleRate: 48000)
            $0.inputMIDI = [TimedMIDI(time: 700, bytes: [0x90, 60, 100]), TimedMIDI(time: 1900, bytes: [0x80, 60, 0])]
        }
        let samples = result.sound.channels[0]
        #expect(samples.firstIndex { $0 != 0 } == 1200)
        #expect(samples.lastIndex { $0 != 0 } == 2399)
    }

    @Test func latencyThatChangesIsFollowed() throws {
        let probe = try ProbePlugin()
        let text = self.probe("a", delay: 100) + connect(("in", "a:in"), ("a:out", "out"), ("in", "dry"))
        let graph = try graph(text, world: probe.world)
        let stepper = GraphStepper(graph, block: 64)
        stepper.run(blocks: 20) { $0 == 200 ? 1 : 0 }
        #expect(stepper.sound[0].firstIndex(of: 1) == 300 && stepper.sound[1].firstIndex(of: 1) == 300)
        try graph.set(.init(key: "delay", value: "333"), of: graph.nodes[0])
        stepper.run(blocks: 60)
        #expect(graph.latency == 333 && stepper.isSettled)
        let start = stepper.sound[0].count
        stepper.run(blocks: 20) { $0 == start + 5 ? 1 : 0 }
        #expect(stepper.sound[0][start...].firstIndex(of: 1) == start + 338)
        #expect(stepper.sound[1][start...].firstIndex(of: 1) == start + 338)
    }

    // MARK: MIDI

    @Test func midiOfSeveralWaysComesInOrder() throws {
        let text =
            "[[plugin]]\nuri = \"\(Example.fifths)\"\nname = \"a\"\n[[plugin]]\nuri = \"\(Example.fifths)\"\nname = \"b\"\n"
            + connect(("keys", "a:in"), ("keys", "b:in"), ("a:out", "out"), ("b:out", "out"), ("keys", "out"))
        let result = try rendered(graph(text, block: 256)) {
            $0.inputMIDI = (0..<30).map { TimedMIDI(time: $0 * 13, bytes: [0x90, UInt8(40 + $0), 100]) }
            $0.seconds = 0.1
        }
        #expect(result.midi.count == 30 * 5)
        #expect(zip(result.midi, result.midi.dropFirst()).allSatisfy { $0.time <= $1.time })
    }

    @Test func keysAndChannelsAreSplit() throws {
        let text = """
            [[plugin]]
            uri = "\(Example.fifths)"
            name = "low"
            keys = [0, 59]
            transpose = -12
            [[plugin]]
            uri = "\(Example.fifths)"
            name = "high"
            keys = [60, 127]
            channels = [1, 3]

            """ + connect(("keys", "low:in"), ("keys", "high:in"), ("low:out", "a"), ("high:out", "b"))
        let result = try rendered(graph(text)) {
            $0.inputMIDI = [
                TimedMIDI(time: 10, bytes: [0x90, 40, 100]), TimedMIDI(time: 20, bytes: [0x90, 70, 100]),
                TimedMIDI(time: 30, bytes: [0x91, 71, 100]), TimedMIDI(time: 40, bytes: [0x92, 72, 100]),
                TimedMIDI(time: 50, bytes: [0x90, 5, 100]),
            ]
            $0.seconds = 0.1
        }
        #expect(result.midi.map { $0.bytes[1] } == [28, 35, 70, 77, 72, 79])
    }

    // MARK: Changes while it runs

    private func step(_ samples: [Float]) -> Float {
        zip(samples, samples.dropFirst()).map { abs($0 - $1) }.max() ?? 0
    }

    private func tone(_ frame: Int) -> Float { 0.5 * Float(sin(2 * .pi * 200 * Double(frame) / 48000)) }
    /// The largest step of that tone by itself.
    private let ownStep = Float(0.5 * 2 * .pi * 200 / 48000)

    @Test func changesDoNotClick() throws {
        let graph = try graph(
            twoAmps + connect(("in", "a:in"), ("a:out", "out"), ("in", "b:in"), ("b:out", "other")))
        let stepper = GraphStepper(graph, block: 64)
        stepper.run(blocks: 50, input: tone)
        for i in 0..<20 {
            if i % 2 == 0 {
                try graph.change { try $0.connect(PatchConnection(from: "b:out", to: "out")) }
            } else {
                try graph.change { try $0.disconnect(PatchConnection(from: "b:out", to: "out")) }
            }
            stepper.run(blocks: 7 + i, input: tone)
        }
        stepper.run(blocks: 50, input: tone)
        #expect(stepper.isSettled)
        // Two ways of −6 and −12 dB, of which one fades within 960 frames.
        #expect(step(stepper.sound[0]) < ownStep * 0.8 + 0.5 * .pi / 2 / 960)
        let tail = stepper.sound[0].suffix(1000)
        #expect(abs((tail.max() ?? 0) - 0.5 * pow(10, -6 / 20)) < 0.001)
    }

    @Test func pluginsComeAndGoWithoutAClick() throws {
        let graph = try graph(twoAmps + connect(("in", "a:in"), ("a:out", "out")))
        let stepper = GraphStepper(graph, block: 64)
        for i in 0..<10 {
            stepper.run(blocks: 30, input: tone)
            try graph.change {
                let node = try $0.add(PluginSetup(Example.amp, ["gain": "-3"]), named: "new\(i)")
                try $0.connect(PatchConnection(from: "in", to: "\(node.name):in"))
                try $0.connect(PatchConnection(from: "\(node.name):out", to: "out"))
            }
            stepper.run(blocks: 40, input: tone)
            try graph.change { $0.remove([$0.node(named: "new\(i)")!]) }
        }
        stepper.run(blocks: 60, input: tone)
        #expect(stepper.isSettled && graph.nodes.count == 2)
        #expect(step(stepper.sound[0]) < ownStep * 1.3 + 0.5 * .pi / 2 / 960)
    }

    @Test func bypassFades() throws {
        let graph = try graph(twoAmps + connect(("in", "a:in"), ("a:out", "out")))
        let stepper = GraphStepper(graph, block: 64)
        stepper.run(blocks: 50, input: tone)
        graph.nodes[0].setBypass(true)
        stepper.run(blocks: 50, input: tone)
        #expect(abs((stepper.sound[0].suffix(1000).max() ?? 0) - 0.5) < 0.001)
        let runs = graph.nodes[0].load.runs
        stepper.run(blocks: 10, input: tone)
        #expect(graph.nodes[0].load.runs == runs)  // it has its turn off
        graph.nodes[0].setBypass(false)
        stepper.run(blocks: 50, input: tone)
        #expect(abs((stepper.sound[0].suffix(1000).max() ?? 0) - 0.5 * pow(10, -6 / 20)) < 0.001)
        #expect(step(stepper.sound[0]) < ownStep * 1.2 + 0.5 * .pi / 2 / 960)
    }

    @Test func bypassedPluginKeepsItsTime() throws {
        let probe = try ProbePlugin()
        let graph = try graph(
            self.probe("a", delay: 100) + connect(("in", "a:in"), ("a:out", "out"), ("in", "dry")), world: probe.world)
        graph.nodes[0].setBypass(true)
        let stepper = GraphStepper(graph, block: 64)
        stepper.run(blocks: 30) { $0 == 400 ? 1 : 0 }
        #expect(stepper.sound[0].firstIndex(of: 1) == 500 && stepper.sound[1].firstIndex(of: 1) == 500)
    }
}
