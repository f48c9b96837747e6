import Foundation
import Host
import Testing

/// The user's own presets, as bundles that any LV2 host reads.
@Suite struct PresetStoreTests {
    private func path(_ folder: String) -> String {
        folder + ":" + (ProcessInfo.processInfo.environment["LV2_PATH"] ?? "/usr/lib/lv2")
    }

    /// lilv reads its folders once: what was changed is seen by the next.
    private func store(_ folder: String) -> PresetStore { PresetStore(world: World(path: path(folder)), folder: folder) }

    @Test func savedRenamedAndDeleted() throws {
        let scratch = try ScratchFolder()
        let folder = scratch.file("own")
        let setup = PluginSetup(Example.amp, ["gain": "-7.5"])
        let bundle = try store(folder).save(setup, label: "Somewhat softer / \"quoted\" é")
        #expect(bundle.hasPrefix(folder + "/") && bundle.hasSuffix(".preset.lv2"))
        var entries = try store(folder).entries(plugin: Example.amp).filter(\.isOwn)
        #expect(entries.map(\.preset.label) == ["Somewhat softer / \"quoted\" é"])
        #expect(try store(folder).contents(entries[0]).controls.first { $0.symbol == "gain" }?.value == -7.5)
        #expect(try store(folder).entries(search: "SOFTER amp").map(\.preset.label) == entries.map(\.preset.label))
        #expect(try store(folder).entries(search: "softer nonsense").isEmpty)
        // It is applied by name, as any other.
        let world = World(path: path(folder))
        let graph = try Graph(
            world: world, setups: [PluginSetup(uri: Example.amp, preset: "softer")],
            settings: Renderer.settings(sampleRate: 48_000, block: 64))
        #expect(graph.instances[0].value("gain") == -7.5)

        // Not twice under one name, but in place of itself.
        #expect(throws: HostError.self) { try store(folder).save(setup, label: "somewhat softer / \"quoted\" é") }
        let again = try store(folder).save(PluginSetup(Example.amp, ["gain": "-9"]), label: "Somewhat softer / \"quoted\" é", replaces: true)
        #expect(again == bundle)
        entries = try store(folder).entries(plugin: Example.amp).filter(\.isOwn)
        #expect(entries.count == 1)
        #expect(try store(folder).contents(entries[0]).controls.first { $0.symbol == "gain" }?.value == -9)

        try store(folder).rename(entries[0], to: "Soft")
        entries = try store(folder).entries(plugin: Example.amp).filter(\.isOwn)
        #expect(entries.map(\.preset.label) == ["Soft"])
        #expect(try store(folder).contents(entries[0]).controls.first { $0.symbol == "gain" }?.value == -9)
        try store(folder).delete(entries[0])
        #expect(try store(folder).entries(plugin: Example.amp).allSatisfy { !$0.isOwn })
        #expect(!FileManager.default.fileExists(atPath: bundle))
    }

    @Test func whatComesWithAPluginStays() throws {
        let scratch = try ScratchFolder()
        let store = store(scratch.file("own"))
        let factory = try #require(try store.entries().first { !$0.isOwn })
        #expect(throws: HostError.self) { try store.delete(factory) }
        #expect(throws: HostError.self) { try store.rename(factory, to: "Mine") }
        #expect(throws: HostError.self) {
            try store.save(PluginSetup(uri: factory.plugin), label: factory.preset.label, replaces: true)
        }
        #expect(FileManager.default.fileExists(atPath: factory.file))
        for name in ["", "  ", "two\nlines", String(repeating: "x", count: 201)] {
            #expect(throws: HostError.self) { try store.save(PluginSetup(Example.amp), label: name) }
        }
        #expect(throws: HostError.self) { try store.entry(plugin: Example.amp, name: "there is none of this name") }
    }

    /// With the file that it names, from one folder to another.
    @Test func exportedAndImported() throws {
        let scratch = try ScratchFolder()
        let first = scratch.file("first"), second = scratch.file("second"), given = scratch.file("given.preset.lv2")
        let click = try scratch.sound(constant: 0.5, name: "my click.wav")
        _ = try store(first).save(PluginSetup(Example.sampler, ["sample": click]), label: "My click")
        try store(first).export(store(first).entry(plugin: Example.sampler, name: "My click"), to: given)
        try FileManager.default.removeItem(atPath: click)
        let (bundle, presets) = try store(second).importBundle(given)
        #expect(bundle == second + "/given.preset.lv2")
        #expect(presets.map(\.label) == ["My click"] && presets.map(\.plugin) == [Example.sampler])
        let world = World(path: path(second))
        let rendered = try render([PluginSetup(uri: Example.sampler, preset: "My click")], world: world) {
            $0.inputMIDI = [TimedMIDI(time: 4000, bytes: [0x90, 60, 127])]
            $0.seconds = 0.2
        }
        #expect(rendered.sound.channels[0][4000..<4060].allSatisfy { abs($0 - 0.5) < 0.01 })
        // A second one of the same name stands beside it.
        #expect(try store(second).importBundle(given).bundle != bundle)
        #expect(throws: HostError.self) {
            try store(first).export(store(first).entry(plugin: Example.sampler, name: "My click"), to: given)
        }
    }

    @Test func strangersBundlesAreRefused() throws {
        let scratch = try ScratchFolder()
        let store = store(scratch.file("own"))
        let manager = FileManager.default
        func bundle(_ name: String, _ manifest: String) throws -> String {
            let path = scratch.file(name)
            try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
            try manifest.write(toFile: path + "/manifest.ttl", atomically: true, encoding: .utf8)
            return path
        }
        let prefixes = """
            @prefix lv2: <http://lv2plug.in/ns/lv2core#> .
            @prefix pset: <http://lv2plug.in/ns/ext/presets#> .
            @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

            """
        let preset = "<urn:x:p> a pset:Preset ; lv2:appliesTo <\(Example.amp)> ; rdfs:label \"P\" ; rdfs:seeAlso <manifest.ttl> .\n"
        #expect(throws: HostError.self) { try store.importBundle(scratch.file("nothing")) }
        #expect(throws: HostError.self) { try store.importBundle(bundle("empty.lv2", "")) }
        #expect(throws: HostError.self) { try store.importBundle(bundle("garbage.lv2", "\u{1}garbage <<<")) }
        let plugin = prefixes + preset + "<urn:x:plugin> a lv2:Plugin ; lv2:binary <evil.so> .\n"
        #expect(throws: HostError.self) { try store.importBundle(bundle("plugin.lv2", plugin)) }
        let linked = try bundle("linked.lv2", prefixes + preset)
        try manager.createSymbolicLink(atPath: linked + "/passwd", withDestinationPath: "/etc/passwd")
        #expect(throws: HostError.self) { try store.importBundle(linked) }
        #expect(!manager.fileExists(atPath: store.folder))
        try manager.removeItem(atPath: linked + "/passwd")
        #expect(try store.importBundle(linked).presets.map(\.label) == ["P"])
    }
}
