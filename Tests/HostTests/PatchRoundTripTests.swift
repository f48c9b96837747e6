import Foundation
import Host
import Testing

/// Patches written and read again, and patches that follow one another while they play.
@Suite struct PatchRoundTripTests {
    /// The same numbers from the same seed.
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let pieces: [Character] = Array("abcXYZ019 _-.:/#\"'\\\n\t\r\u{1}\u{7F}äß€𝄞[]{}=,*?")

    private func text(_ random: inout Random, _ lengths: ClosedRange<Int> = 0...12) -> String {
        String((0..<Int.random(in: lengths, using: &random)).map { _ in Self.pieces.randomElement(using: &random)! })
    }

    private func number(_ random: inout Random) -> Float {
        switch Int.random(in: 0...3, using: &random) {
        case 0: Float(Int.random(in: -1000...1000, using: &random))
        case 1: Float.random(in: -1...1, using: &random)
        case 2: Float.random(in: -1e-6...1e-6, using: &random)
        default: Float.random(in: -999...999, using: &random)
        }
    }

    private func maybe<T>(_ random: inout Random, _ make: (inout Random) -> T) -> T? {
        Bool.random(using: &random) ? make(&random) : nil
    }

    private func randomPatch(_ random: inout Random) -> Patch {
        var patch = Patch(plugins: [])
        patch.name = maybe(&random) { text(&$0) }
        patch.comment = maybe(&random) { text(&$0, 0...40) }
        patch.author = maybe(&random) { text(&$0) }
        patch.folder = "/folder"
        if Bool.random(using: &random) {
            var transport = PatchTransport()
            transport.tempo = maybe(&random) { Float.random(in: 1...1000, using: &$0) }
            transport.beatsPerBar = maybe(&random) { Float(Int.random(in: 1...64, using: &$0)) }
            transport.beatUnit = maybe(&random) { Float(Int.random(in: 1...64, using: &$0)) }
            transport.isRolling = Bool.random(using: &random)
            transport.isMaster = Bool.random(using: &random)
            patch.transport = transport
        }
        for i in 0..<Int.random(in: 1...4, using: &random) {
            var plugin = PluginSetup(uri: "urn:" + text(&random), folder: "/folder")
            plugin.name = maybe(&random) { _ in "plugin \(i)" }
            plugin.preset = maybe(&random) { text(&$0) }
            plugin.isBypassed = Bool.random(using: &random)
            plugin.midi.channels = maybe(&random) { random in Set((0...2).map { _ in Int.random(in: 1...16, using: &random) }) }
            if Bool.random(using: &random) {
                let low = Int.random(in: 0...127, using: &random)
                plugin.midi.keys = low...Int.random(in: low...127, using: &random)
            }
            plugin.midi.transpose = Int.random(in: -127...127, using: &random)
            var settings: [String: String] = [:]
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let values = [text(&random), "true", "false", "\(number(&random))", "\(Int.random(in: -9...9, using: &random))"]
                settings[text(&random, 1...10)] = values.randomElement(using: &random)!
            }
            // As they are read: controls before parameters, each in order.
            let isParameter: (String) -> Bool = { $0.contains(":") || $0.contains("/") }
            plugin.settings = settings.sorted { (isParameter($0.key) ? 1 : 0, $0.key) < (isParameter($1.key) ? 1 : 0, $1.key) }
                .map { .init(key: $0.key, value: $0.value) }
            patch.plugins.append(plugin)
        }
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            patch.connections.append(
                PatchConnection(from: text(&random, 1...9), to: text(&random, 1...9), gain: Bool.random(using: &random) ? 1 : number(&random)))
        }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let sources: [MIDIMapping.Source] = [
                .controller(Int.random(in: 0...127, using: &random)), .nrpn(Int.random(in: 0...16383, using: &random)), .bend,
                .pressure, .note(Int.random(in: 0...127, using: &random)), .rpn(Int.random(in: 0...16382, using: &random)),
                .keyPressure(maybe(&random) { Int.random(in: 0...127, using: &$0) }),
            ]
            var mapping = MIDIMapping(control: text(&random, 1...9), source: sources.randomElement(using: &random)!)
            mapping.channel = maybe(&random) { Int.random(in: 1...16, using: &$0) }
            if Bool.random(using: &random) { (mapping.low, mapping.high) = (number(&random), number(&random)) }
            mapping.curve = [nil, .linear, .logarithmic, .power(Float.random(in: 0.01...100, using: &random))].randomElement(using: &random)!
            mapping.takesOver = Bool.random(using: &random)
            patch.mappings.append(mapping)
        }
        patch.fade = maybe(&random) { Float.random(in: 0...60000, using: &$0) }
        patch.fadesEvenly = maybe(&random) { Bool.random(using: &$0) }
        patch.tail = maybe(&random) { Float.random(in: 0...3600, using: &$0) }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            var mapping = CVMapping(control: text(&random, 1...9), source: text(&random, 1...9))
            if Bool.random(using: &random) { (mapping.sourceLow, mapping.sourceHigh) = (number(&random), number(&random)) }
            if Bool.random(using: &random) { (mapping.low, mapping.high) = (number(&random), number(&random)) }
            patch.cvMappings.append(mapping)
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            var program = PatchProgram(program: Int.random(in: 1...128, using: &random))
            program.bank = maybe(&random) { Int.random(in: 0...16383, using: &$0) }
            program.channel = maybe(&random) { Int.random(in: 1...16, using: &$0) }
            if Bool.random(using: &random) {
                (program.plugin, program.preset) = (text(&random), text(&random))
            } else {
                program.patch = text(&random)
            }
            patch.programs.append(program)
        }
        return patch
    }

    @Test func tenThousandPatchesAreReadAsTheyWereWritten() throws {
        for seed in 0..<10_000 {
            var random = Random(state: UInt64(seed))
            let patch = randomPatch(&random)
            let written = patch.text
            let read: Patch
            do { read = try Patch(parsing: written, file: "t.toml", folder: "/folder") } catch {
                Issue.record("seed \(seed): \(error)\n\(written)")
                return
            }
            if read != patch || read.text != written {
                Issue.record("seed \(seed): read otherwise\n\(written)\n\(read.text)")
                return
            }
        }
    }

    // MARK: Running hosts

    private let settings = Renderer.settings(sampleRate: 48000, block: 64)

    private func randomGraphPatch(_ random: inout Random) -> Patch {
        var patch = Patch(plugins: [])
        let count = Int.random(in: 1...5, using: &random)
        for i in 0..<count {
            let kinds = [Example.amp, Example.amp, Example.scope, Example.params, Example.sampler, Example.fifths]
            var plugin = PluginSetup(uri: kinds.randomElement(using: &random)!, name: "p\(i)")
            if plugin.uri == Example.amp {
                plugin.settings = [.init(key: "gain", value: "\(Float.random(in: -30...10, using: &random))")]
            } else if plugin.uri == Example.params {
                plugin.settings = [
                    .init(key: "string", value: text(&random)), .init(key: "float", value: "\(Float.random(in: 0...1, using: &random))"),
                ]
            }
            plugin.isBypassed = Int.random(in: 0...5, using: &random) == 0
            patch.plugins.append(plugin)
        }
        func ins(_ i: Int) -> [String] {
            switch patch.plugins[i].uri {
            case Example.amp: ["p\(i):in"]
            case Example.scope: ["p\(i):in0", "p\(i):in1"]
            default: []
            }
        }
        func outs(_ i: Int) -> [String] {
            switch patch.plugins[i].uri {
            case Example.amp, Example.sampler: ["p\(i):out"]
            case Example.scope: ["p\(i):out0", "p\(i):out1"]
            default: []
            }
        }
        for i in 0..<count {
            for input in ins(i) {
                patch.connections.append(PatchConnection(from: "in", to: input))
                for j in 0..<i {
                    if let output = outs(j).randomElement(using: &random), Bool.random(using: &random) {
                        patch.connections.append(PatchConnection(from: output, to: input, gain: number(&random)))
                    }
                }
            }
            for output in outs(i) {
                patch.connections.append(
                    PatchConnection(from: output, to: Bool.random(using: &random) ? "out" : "system:playback_1", gain: 0.5))
            }
            if patch.plugins[i].uri == Example.amp && Bool.random(using: &random) {
                patch.mappings.append(MIDIMapping(control: "p\(i):gain", source: .controller(i)))
            }
        }
        if patch.connections.isEmpty { patch.connections = [PatchConnection(from: "in", to: "out")] }
        return patch
    }

    @Test func savedGraphsAreTheSameGraphs() throws {
        let world = World()
        let scratch = try ScratchFolder()
        // CONTINUO_ROUND_TRIPS=10000 for as many of them.
        let count = ProcessInfo.processInfo.environment["CONTINUO_ROUND_TRIPS"].flatMap { Int($0) } ?? 60
        for seed in 0..<count {
            var random = Random(state: UInt64(seed))
            let graph = try Graph(world: world, patch: randomGraphPatch(&random), settings: settings)
            func render(_ graph: Graph) -> [[Float]] {
                let stepper = GraphStepper(graph, block: 64)
                stepper.run(blocks: 20) { 0.3 * Float(sin(Double($0) * 0.05)) }
                return stepper.sound
            }
            let sound = render(graph)
            let first = scratch.file("\(seed)-a.toml"), second = scratch.file("\(seed)-b.toml")
            try graph.patch(for: first).write(to: first)
            let again = try Graph(world: world, patch: Patch(reading: first), settings: settings)
            let soundAgain = render(again)
            #expect(sound == soundAgain, "seed \(seed)")
            try again.patch(for: second).write(to: second)
            let a = try String(contentsOfFile: first, encoding: .utf8)
            let b = try String(contentsOfFile: second, encoding: .utf8).replacingOccurrences(of: "\(seed)-b.state", with: "\(seed)-a.state")
            #expect(a == b, "seed \(seed)")
            // The states of both are the same bytes.
            let folder = scratch.file("\(seed)-a.state")
            for file in (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [] where file.hasSuffix("state.ttl") {
                let other = scratch.file("\(seed)-b.state/\(file)")
                let one = try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
                let two = try String(contentsOfFile: other, encoding: .utf8)
                #expect(one == two.replacingOccurrences(of: "\(seed)-b.state", with: "\(seed)-a.state"), "seed \(seed)")
            }
        }
    }

    @Test func textsOfAllKindsAreReadAsTheyWereSaved() throws {
        let world = World()
        let scratch = try ScratchFolder()
        let texts = ["\"=\n:\"\\1_", "\"\\Y\"", "a\"b", "\"\"x\n", "\\", "two\nlines \\ and \"quotes\"x", "<\"\\>", "plain", "\"\t\\\"", "a\n\"", "\n\"\""]
        for (i, text) in texts.enumerated() {
            let setup = PluginSetup(Example.params, ["string": text])
            let graph = try Graph(world: world, patch: Patch(plugins: [setup]), settings: settings)
            GraphStepper(graph, block: 64).run(blocks: 4)
            let first = scratch.file("\(i)-a.toml"), second = scratch.file("\(i)-b.toml")
            try graph.patch(for: first).write(to: first)
            let again = try Graph(world: world, patch: Patch(reading: first), settings: settings)
            try again.patch(for: second).write(to: second)
            func state(_ folder: String) throws -> String {
                try String(contentsOfFile: scratch.file("\(folder)/eg-params/state.ttl"), encoding: .utf8)
            }
            #expect(try state("\(i)-a.state") == state("\(i)-b.state"), "\(text.debugDescription)")
            #expect(try state("\(i)-a.state").contains("Hello, world") == false, "\(text.debugDescription)")
        }
    }

    @Test func patchesFollowOneAnotherWithoutAClick() throws {
        let world = World()
        func patch(_ gains: [Float], _ isRow: Bool) -> Patch {
            var patch = Patch(plugins: gains.enumerated().map { PluginSetup(uri: Example.amp, name: "a\($0)", settings: [.init(key: "gain", value: "\($1)")]) })
            if !isRow {
                patch.connections = [PatchConnection(from: "in_1", to: "a0:in"), PatchConnection(from: "a0:out", to: "out_1")]
            }
            return patch
        }
        let graph = try Graph(world: world, patch: patch([0], true), settings: settings)
        let ends = (graph.inputs + graph.outputs).map(ObjectIdentifier.init)
        let stepper = GraphStepper(graph, block: 64)
        func tone(_ frame: Int) -> Float { 0.5 * Float(sin(2 * .pi * 200 * Double(frame) / 48000)) }
        stepper.run(blocks: 20, input: tone)
        for i in 0..<200 {
            try graph.change(to: patch(i % 2 == 0 ? [-6, -6] : [0], i % 3 == 0))
            stepper.run(blocks: 5 + i * 37 % 300, input: tone)
        }
        stepper.run(blocks: 200, input: tone)
        let steps = zip(stepper.sound[0], stepper.sound[0].dropFirst()).map { abs($0 - $1) }
        let own = Float(0.5 * 2 * .pi * 200 / 48000)
        #expect((steps.max() ?? 1) < own * 1.5 + 0.5 * .pi / 2 / 960)
        #expect(stepper.isSettled && graph.nodes.count == 1)
        // Ports of one name go on: what is connected with them stays so.
        #expect((graph.inputs + graph.outputs).map(ObjectIdentifier.init) == ends)
        // A patch that cannot be had changes nothing.
        #expect(throws: HostError.self) { try graph.change(to: Patch(plugins: [PluginSetup(uri: "urn:none")])) }
        #expect(throws: HostError.self) {
            try graph.change(to: Patch(plugins: [PluginSetup(Example.amp)], connections: [PatchConnection(from: "a:in", to: "eg-amp:none")]))
        }
        stepper.run(blocks: 50, input: tone)
        #expect(abs((stepper.sound[0].suffix(1000).max() ?? 0) - 0.5) < 0.001)
    }

    @Test func programsChoosePresetsAndPatches() throws {
        let scratch = try ScratchFolder()
        let world = World()
        try scratch.write("other.toml", "[[plugin]]\nuri = \"\(Example.amp)\"\nname = \"other\"\n[[plugin]]\nuri = \"\(Example.fifths)\"\n")
        let file = try scratch.write(
            "main.toml",
            """
            [[plugin]]
            uri = "\(Example.amp)"
            name = "amp"
            [[plugin]]
            uri = "\(Example.fifths)"
            [[program]]
            program = 3
            bank = 130
            channel = 2
            patch = "other.toml"
            """)
        let patch = try Patch(reading: file)
        let graph = try Graph(world: world, patch: patch, settings: settings)
        let session = HostSession(graph: graph, world: world)
        session.use(patch)
        let stepper = GraphStepper(graph, block: 64)
        stepper.listen(session)
        func send(_ messages: [UInt8]...) {
            let now = stepper.frames
            stepper.run(blocks: 1, midi: messages.map { TimedMIDI(time: now + 1, bytes: $0) })
        }
        send([0xC1, 2])
        #expect(graph.node(named: "amp") != nil)  // another bank
        send([0xB1, 0, 1], [0xB1, 32, 2])
        send([0xC0, 2])  // another channel
        #expect(graph.node(named: "amp") != nil)
        send([0xC1, 2])
        #expect(graph.node(named: "other") != nil && graph.node(named: "amp") == nil)
        stepper.run(blocks: 200)
        #expect(stepper.isSettled)
    }
}
