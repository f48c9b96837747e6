import Foundation
import Host
import Testing

/// Saves are whole or not at all. (Killed hosts and full disks: Tests/hosts/faults.sh.)
@Suite struct SaveTests {
    private let settings = Renderer.settings(sampleRate: 48000, block: 64)

    @Test func aStateThatIsCutOffAnywhereIsSeenToBe() throws {
        let scratch = try ScratchFolder()
        let graph = try Graph(world: World(), setups: [PluginSetup(Example.params, ["string": "two \"words\" . # <x>\n."])], settings: settings)
        try graph.saveStates(to: scratch.file("state"))
        for name in ["state.ttl", "manifest.ttl"] {
            var text = [UInt8](try Data(contentsOf: URL(fileURLWithPath: scratch.file("state/" + name))))
            #expect(TurtleText.isComplete(text))
            while let last = text.last, last <= 32 { text.removeLast() }
            let wrong = text.indices.filter { TurtleText.isComplete(Array(text[..<$0])) }
            // Only between whole statements can a text end that is none: lilv writes one for a state.
            let ends = name == "state.ttl" ? [] : wrong.filter { text[$0 - 1] == UInt8(ascii: ".") || text[$0 - 1] <= 32 }
            #expect(wrong == ends, "\(name)")
        }
    }

    /// A patch whose state holds a file itself: saved over itself again and again, the file stays.
    @Test func filesOfAPatchOutliveItsSaves() throws {
        let scratch = try ScratchFolder()
        let sound = try scratch.sound(constant: 0.5)
        let path = scratch.file("p.toml")
        let world = World()
        var graph = try Graph(world: world, setups: [PluginSetup(Example.sampler, ["sample": sound])], settings: settings)
        _ = GraphStepper(graph, block: 64).run(blocks: 20)
        Thread.sleep(forTimeInterval: 0.2)
        GraphStepper(graph, block: 64).run(blocks: 20)
        try graph.save(patchFile: path)
        let states = scratch.file("p.state")
        let folder = try #require(try FileManager.default.contentsOfDirectory(atPath: states).first)
        let file = states + "/\(folder)/constant.wav"
        // It comes as a link; now it is given away with the patch.
        #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: file)) != nil)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        try FileManager.default.removeItem(atPath: file)
        try bytes.write(to: URL(fileURLWithPath: file))
        try FileManager.default.removeItem(atPath: sound)
        for round in 0..<3 {
            graph = try Graph(world: world, patch: Patch(reading: path), settings: settings)
            GraphStepper(graph, block: 64).run(blocks: 2)
            try graph.save(patchFile: path)
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == bytes, "round \(round)")
        }
    }

    /// A save that was cut off after the patch file was replaced is finished by who reads it next; before that, it never was.
    @Test func interruptedSavesAreFinishedOrForgotten() throws {
        let scratch = try ScratchFolder()
        let path = scratch.file("p.toml")
        func text(_ name: String) -> String { "[[plugin]]\nuri = \"\(Example.amp)\"\nname = \"\(name)\"\n" }
        func begin(_ saved: String, _ next: String) throws {
            try scratch.write("p.toml", saved)
            try scratch.write("p.state/a/state.ttl", "old")
            try scratch.write("p.state.next/a/state.ttl", "new")
            try scratch.write("p.state.next/patch.toml", next)
        }
        try begin(text("old"), text("new"))
        _ = try Patch(reading: path)
        #expect(try String(contentsOfFile: scratch.file("p.state/a/state.ttl"), encoding: .utf8) == "old")
        try begin(text("new"), text("new"))
        _ = try Patch(reading: path)
        #expect(try String(contentsOfFile: scratch.file("p.state/a/state.ttl"), encoding: .utf8) == "new")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == ["p.state", "p.toml"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("p.state")) == ["a"])
    }

    /// Of several presets in one bundle, each has its files; a save does not touch the others'.
    @Test func presetsOfOneBundleStayApart() throws {
        let scratch = try ScratchFolder()
        let world = World()
        let bundle = scratch.file("two.lv2")
        for (file, value) in [("a.ttl", "-3"), ("b.ttl", "-6"), ("a.ttl", "-9")] {
            let graph = try Graph(world: world, setups: [PluginSetup(Example.amp, ["gain": value])], settings: settings)
            try graph.instances[0].saveState(to: bundle, file: file, label: file)
        }
        let manifest = try String(contentsOfFile: bundle + "/manifest.ttl", encoding: .utf8)
        #expect(manifest.contains("<a.ttl>") && manifest.contains("<b.ttl>"))
        for (file, value) in [("a.ttl", Float(-9)), ("b.ttl", -6)] {
            let graph = try Graph(world: world, setups: [PluginSetup(Example.amp)], settings: settings)
            try graph.instances[0].restoreState(path: bundle + "/" + file)
            #expect(graph.instances[0].value("gain") == value)
        }
    }

    @Test func programsNameTheirFilesWhereverThePatchIsSaved() throws {
        let scratch = try ScratchFolder()
        try scratch.write("here/other.toml", "")
        let patch = try Patch(
            parsing: "[[plugin]]\nuri = \"\(Example.amp)\"\n[[program]]\nprogram = 1\npatch = \"other.toml\"\n", file: "p", folder: scratch.file("here"))
        let graph = try Graph(world: World(), patch: patch, settings: settings)
        try FileManager.default.createDirectory(atPath: scratch.file("there"), withIntermediateDirectories: true)
        let saved = try graph.save(patchFile: scratch.file("there/p.toml"), like: patch)
        #expect(saved.programs[0].patch == scratch.file("here/other.toml"))
        #expect(try graph.save(patchFile: scratch.file("here/p.toml"), like: patch).programs[0].patch == "other.toml")
    }
}
