import Foundation
import Host
import Testing

/// Settings, presets, state, the worker and patch messages.
@Suite struct StateTests {
    // The example plays all frames of its sample but the last.
    private let note = [TimedMIDI(time: 4000, bytes: [0x90, 60, 127])]

    @Test func workerLoadsTheSampleThatPatchSetNames() throws {
        let scratch = try ScratchFolder()
        let path = try scratch.sound(constant: 0.5)
        let result = try render([PluginSetup(Example.sampler, ["sample": path])]) {
            $0.inputMIDI = note
            $0.seconds = 0.2
        }
        let sound = result.sound.channels[0]
        #expect(sound[4000..<4060].allSatisfy { abs($0 - 0.5) < 0.01 })
        #expect(sound[4064...].allSatisfy { $0 == 0 })
        #expect(result.report.parameters["sample"] == path)
    }

    @Test func defaultStateIsLoaded() throws {
        // Its click.wav is in the default state alone.
        let result = try render([PluginSetup(Example.sampler)]) {
            $0.inputMIDI = note
            $0.seconds = 0.2
        }
        #expect(try #require(result.report.peak) > -30)
    }

    @Test func stateIsSavedAndRestored() throws {
        let scratch = try ScratchFolder()
        let path = try scratch.sound(constant: 0.25)
        let world = World()
        let settings = Renderer.settings(sampleRate: 48000, block: 256)
        let chain = try Graph(world: world, setups: [PluginSetup(Example.sampler, ["sample": path])], settings: settings)
        var options = Renderer.Options()
        options.seconds = 0.1
        _ = try Renderer.render(chain, options)
        try chain.saveStates(to: scratch.file("saved"))
        try FileManager.default.removeItem(atPath: path)  // the state must have kept a link or copy by name
        _ = try scratch.sound(constant: 0.25)

        let restored = try render([PluginSetup(Example.sampler, preset: scratch.file("saved"))], world: world) {
            $0.inputMIDI = note
            $0.seconds = 0.2
        }
        #expect(restored.sound.channels[0][4000..<4060].allSatisfy { abs($0 - 0.25) < 0.01 })
    }

    @Test func controlsAreSavedAndRestored() throws {
        let scratch = try ScratchFolder()
        let world = World()
        let chain = try Graph(
            world: world, setups: [PluginSetup(Example.amp, ["gain": "-17.5"])],
            settings: Renderer.settings(sampleRate: 48000, block: 64))
        try chain.instances[0].saveState(to: scratch.file("quiet"), label: "Quiet")
        let result = try render([PluginSetup(Example.amp, preset: scratch.file("quiet"))]) { $0.input = sine() }
        #expect(abs(try #require(result.report.peak) - (20 * log10(0.5) - 17.5)) < 0.01)
        // A setting goes before the preset's.
        let louder = try render([PluginSetup(Example.amp, ["gain": "0"], preset: scratch.file("quiet"))]) { $0.input = sine() }
        #expect(abs(try #require(louder.report.peak) - 20 * log10(0.5)) < 0.01)
    }

    @Test func savedStateIsAPresetForOtherHosts() throws {
        let scratch = try ScratchFolder()
        let world = World()
        let chain = try Graph(
            world: world, setups: [PluginSetup(Example.amp, ["gain": "-9"])],
            settings: Renderer.settings(sampleRate: 48000, block: 64))
        try chain.instances[0].saveState(to: scratch.file("a.lv2"), label: "A label")
        let found = World(path: "\(scratch.path):/usr/lib/lv2:/usr/local/lib/lv2")
        #expect(try found.describe(Example.amp).presets.map(\.label) == ["A label"])
        let result = try render([PluginSetup(Example.amp, preset: "a LABEL")], world: found) { $0.input = sine() }
        #expect(abs(try #require(result.report.peak) - (20 * log10(0.5) - 9)) < 0.01)
    }

    /// Whether time stands still for a plugin is for the host to say, not for a state saved in another moment.
    @Test func freewheelingIsNoSetting() throws {
        let probe = try ProbePlugin()
        func chain(_ setup: PluginSetup) throws -> Graph {
            try Graph(world: probe.world, setups: [setup], settings: Renderer.settings(sampleRate: 48000, block: 64))
        }
        let folder = probe.scratch.file("saved")
        try chain(PluginSetup(ProbePlugin.uri, ["delay": "12"])).instances[0].saveState(to: folder)
        let state = try String(contentsOfFile: folder + "/state.ttl", encoding: .utf8)
        #expect(state.contains("\"delay\"") && !state.contains("\"free\"") && !state.contains("\"bpm\""), "\(state)")
        // Other hosts save it.
        let other = state.replacingOccurrences(of: "\"delay\"", with: "\"free\"")
            .replacingOccurrences(of: "pset:value 12.0", with: "pset:value 0.0")
        #expect(other != state && other.contains("pset:value 0.0"))
        try other.write(toFile: folder + "/state.ttl", atomically: true, encoding: .utf8)
        let restored = try render([PluginSetup(ProbePlugin.uri, preset: folder)], world: probe.world) { $0.seconds = 0.1 }
        #expect(restored.report.last("last_free_wheeling") == 1)
    }

    @Test func parametersOfEveryTypeAreSet() throws {
        let scratch = try ScratchFolder()
        let file = try scratch.write("some.txt", "text")
        let world = World()
        let values = [
            "bool": "true", "int": "-42", "long": "5000000000", "float": "0.5", "double": "0.125", "string": "hello", "path": file,
        ]
        let chain = try Graph(
            world: world, setups: [PluginSetup(Example.params, values)],
            settings: Renderer.settings(sampleRate: 48000, block: 256))
        var options = Renderer.Options()
        options.seconds = 0.1
        _ = try Renderer.render(chain, options)
        try chain.saveStates(to: scratch.file("saved"))
        let text = try String(contentsOfFile: scratch.file("saved/state.ttl"), encoding: .utf8)
        for expected in ["true", "-42", "5000000000", "hello", "some.txt"] { #expect(text.contains(expected), "\(text)") }
    }

    // MARK: What is refused, and how

    private func message(_ setup: PluginSetup, world: World = World()) -> String? {
        do {
            _ = try Graph(world: world, setups: [setup], settings: Renderer.settings(sampleRate: 48000, block: 64))
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func wrongSettingsAreNamed() throws {
        #expect(message(PluginSetup(Example.amp, ["volume": "1"])) == "Simple Amplifier has no control or parameter 'volume': it has gain")
        #expect(message(PluginSetup(Example.amp, ["gain": "loud"])) == "Simple Amplifier: gain cannot be 'loud': it is no number, nor one of '-10', '-5', '0', '+5'")
        #expect(message(PluginSetup(Example.amp, ["gain": "99"])) == "Simple Amplifier: gain cannot be '99': it goes from -90.0 to 24.0")
        #expect(message(PluginSetup(Example.amp, ["gain": "nan"]))?.contains("cannot be 'nan': it is no number") == true)
        #expect(message(PluginSetup(Example.amp, preset: "Nothing")) == "Simple Amplifier has no preset 'Nothing': it has none")
        #expect(message(PluginSetup(Example.sampler, ["sample": "/nowhere.wav"]))?.hasSuffix("there is no file /nowhere.wav") == true)
        #expect(message(PluginSetup(Example.params, ["int": "1.5"]))?.hasSuffix("it is a whole number") == true)
    }

    @Test func missingPluginsAreNamedWithOnesAlike() throws {
        #expect(message(PluginSetup("urn:nothing:here"))?.hasPrefix("no plugin urn:nothing:here: 'continuo list plugins'") == true)
        #expect(message(PluginSetup("http://example.org/eg-amp")) == "no plugin http://example.org/eg-amp: did you mean \(Example.amp)?")
        #expect(message(PluginSetup("not a uri"))?.hasPrefix("no plugin not a uri") == true)
    }
}
