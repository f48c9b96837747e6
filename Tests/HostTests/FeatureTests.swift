import Foundation
import Host
import Testing

/// What plugins are told, and how those are refused that ask for what we have not.
@Suite struct FeatureTests {
    @Test func optionsSayWhatIsTrue() throws {
        let probe = try ProbePlugin()
        let report = try render([PluginSetup(ProbePlugin.uri)], world: probe.world, rate: 44100, block: 300) {
            $0.seconds = 0.2
        }.report
        #expect(report.last("sample_rate") == 44100)
        #expect(report.last("minimum_block") == 1)
        #expect(report.last("maximum_block") == 300)
        #expect(report.last("nominal_block") == 300)
        #expect(report.last("sequence_size") == 70000)
        #expect(report.last("features") == 1)  // bounded: the last block is shorter, so neither fixed nor a power of two
        #expect(report.last("longest_block") == 300)
        #expect(report.last("last_free_wheeling") == 1)
        #expect(report.last("last_enabled") == 1)
        #expect(report.last("last_tempo") == 120)
        #expect(report.last("optional_cv") == 0)
        #expect(try #require(report.last("atom_capacity")) >= 70000 - 8)
    }

    @Test func randomBlocksStayWithinBounds() throws {
        let probe = try ProbePlugin()
        let report = try render([PluginSetup(ProbePlugin.uri)], world: probe.world, block: 200) {
            $0.seconds = 1
            $0.randomBlocks = 3
        }.report
        #expect(report.last("minimum_block") == 0)
        #expect(try #require(report.last("longest_block")) <= 200)
        #expect(try #require(report.last("runs")) > 300)
    }

    @Test func positionIsSentOnlyWhenItChanges() throws {
        let probe = try ProbePlugin()
        let report = try render([PluginSetup(ProbePlugin.uri)], world: probe.world, block: 64) { $0.seconds = 1 }.report
        #expect(report.last("positions") == 1)
    }

    @Test func latenciesAddUpAndCanBeTrimmed() throws {
        let probe = try ProbePlugin()
        let setups = [PluginSetup(ProbePlugin.uri, ["delay": "100"]), PluginSetup(ProbePlugin.uri, ["delay": "150"])]
        let plain = try render(setups, world: probe.world) { $0.input = sine() }
        #expect(plain.report.latency == 250)
        #expect(plain.sound.channels[0][..<250].allSatisfy { $0 == 0 })
        let trimmed = try render(setups, world: probe.world) {
            $0.input = sine()
            $0.trimsLatency = true
        }
        #expect(trimmed.sound.frameCount == 24000)
        #expect(trimmed.sound.channels[0] == sine().channels[0])
    }

    // MARK: Refusals

    private func message(_ probe: ProbePlugin) -> String {
        do {
            _ = try Graph(
                world: probe.world, setups: [PluginSetup(ProbePlugin.uri)],
                settings: Renderer.settings(sampleRate: 48000, block: 64))
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test func whatIsNotOfferedIsNamed() throws {
        #expect(message(try ProbePlugin()) == "accepted")
        #expect(
            message(try ProbePlugin(extra: "lv2:requiredFeature <urn:some:feature> ;"))
                == "Probe requires urn:some:feature, which continuo does not offer")
        #expect(
            message(try ProbePlugin(extra: "opts:requiredOption <urn:some:option> ;"))
                == "Probe requires urn:some:option, which continuo does not offer")
        #expect(message(try ProbePlugin(extra: "lv2:requiredFeature bufsz:fixedBlockLength ;")).contains("block lengths vary"))
    }

    @Test func brokenBinariesAreExplained() throws {
        let missing = message(try ProbePlugin(hasBinary: false))
        #expect(missing.hasPrefix("Probe cannot be loaded: its binary /") && missing.hasSuffix("probe.so does not exist"))
        let refused = message(try ProbePlugin(defines: ["REFUSE"]))
        #expect(refused == "Probe cannot be loaded: it refused to start (its own message, if any, stands above)")
        let empty = message(try ProbePlugin(defines: ["lv2_descriptor=another_name"]))
        #expect(empty.contains("exports no lv2_descriptor"))
        let damaged = try ProbePlugin(hasBinary: false)
        try damaged.scratch.write("lv2/probe.lv2/probe.so", "this is no library")
        #expect(message(damaged).contains("probe.so"))
    }

    @Test func brokenDataHidesOnlyItsOwnBundle() throws {
        let scratch = try ScratchFolder()
        try scratch.write("bad.lv2/manifest.ttl", "@prefix lv2: <http://lv2plug.in/ns/lv2core#> . <urn:bad> a lv2:Plugin ; ; [")
        let world = World(path: "\(scratch.path):/usr/lib/lv2:/usr/local/lib/lv2")
        #expect(try world.describe(Example.amp).name == "Simple Amplifier")
    }

    // MARK: Description

    @Test func groupsUnitsAndSideChainsAreDescribed() throws {
        let scratch = try ScratchFolder()
        try scratch.write(
            "described.lv2/manifest.ttl",
            """
            @prefix doap: <http://usefulinc.com/ns/doap#> .
            @prefix lv2: <http://lv2plug.in/ns/lv2core#> .
            @prefix pg: <http://lv2plug.in/ns/ext/port-groups#> .
            @prefix pprops: <http://lv2plug.in/ns/ext/port-props#> .
            @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
            @prefix units: <http://lv2plug.in/ns/extensions/units#> .
            <urn:described#main> a pg:StereoGroup, pg:InputGroup ; lv2:name "Main" ; lv2:symbol "main" .
            <urn:described#key> a pg:MonoGroup, pg:InputGroup ; lv2:name "Key" ; lv2:symbol "key" ;
              pg:sideChainOf <urn:described#main> .
            <urn:described> a lv2:Plugin ; lv2:binary <none.so> ; doap:name "Described" ;
              lv2:port
              [ a lv2:InputPort, lv2:AudioPort ; lv2:index 0 ; lv2:symbol "in" ; lv2:name "In" ; pg:group <urn:described#main> ] ,
              [ a lv2:InputPort, lv2:AudioPort ; lv2:index 1 ; lv2:symbol "key" ; lv2:name "Key" ;
                lv2:portProperty lv2:isSideChain ; pg:group <urn:described#key> ] ,
              [ a lv2:OutputPort, lv2:AudioPort ; lv2:index 2 ; lv2:symbol "out" ; lv2:name "Out" ] ,
              [ a lv2:InputPort, lv2:ControlPort ; lv2:index 3 ; lv2:symbol "cutoff" ; lv2:name "Cutoff" ; units:unit units:hz ;
                lv2:portProperty lv2:sampleRate, pprops:logarithmic ; lv2:default 0.1 ; lv2:minimum 0.001 ; lv2:maximum 0.5 ;
                lv2:scalePoint [ rdfs:label "Bright" ; <http://www.w3.org/1999/02/22-rdf-syntax-ns#value> 0.4 ] ] ,
              [ a lv2:InputPort, lv2:ControlPort ; lv2:index 4 ; lv2:symbol "kind" ; lv2:name "Kind" ;
                lv2:portProperty lv2:enumeration, lv2:integer ; lv2:default 1 ; lv2:minimum 0 ; lv2:maximum 2 ;
                units:unit [ a units:Unit ; units:symbol "parsec" ] ] .
            """)
        let plugin = try World(path: "\(scratch.path):/usr/lib/lv2:/usr/local/lib/lv2").describe("urn:described")
        #expect(plugin.ports.map(\.group) == ["Main", "Key", nil, nil, nil])
        #expect(plugin.ports.map(\.isSideChain) == [false, true, false, false, false])
        let cutoff = plugin.ports[3]
        #expect(cutoff.unit == "Hz" && cutoff.isInSampleRates && cutoff.isLogarithmic)
        #expect(cutoff.scalePoints.map(\.label) == ["Bright"] && cutoff.scalePoints.map(\.value) == [0.4])
        #expect(plugin.ports[4].unit == "parsec" && plugin.ports[4].isEnumeration && plugin.ports[4].isInteger)
    }

    @Test func instanceAccessIsRefusedKindly() throws {
        for feature in ["instance-access", "data-access"] {
            let uri = "http://lv2plug.in/ns/ext/" + feature
            #expect(
                message(try ProbePlugin(extra: "lv2:requiredFeature <\(uri)> ;"))
                    == "Probe requires \(uri), which continuo does not offer")
            // One that can do without gets on without.
            #expect(message(try ProbePlugin(extra: "lv2:optionalFeature <\(uri)> ;")) == "accepted")
        }
    }

    @Test func logLinesFromTheAudioThreadAreShown() throws {
        let probe = try ProbePlugin(defines: ["LOGS"])
        let finished = Program(
            [Program.continuo, "render", ProbePlugin.uri, "--seconds", "0.1"],
            environment: ["LV2_PATH": "\(probe.scratch.file("lv2")):/usr/lib/lv2"]
        ).finish()
        #expect(finished.status == 0)
        #expect(finished.errors.contains("Probe") && finished.errors.contains("hello from run 3"), "\(finished.errors)")
    }

    @Test func portsAreDescribed() throws {
        let world = World()
        let amp = try world.describe(Example.amp)
        let gain = try #require(amp.ports.first { $0.symbol == "gain" })
        #expect(gain.kind == .control && gain.isInput && gain.minimum == -90 && gain.maximum == 24 && gain.default == 0)
        #expect(gain.unit == "dB")
        #expect(gain.scalePoints.map(\.label) == ["-10", "-5", "0", "+5"])
        let sampler = try world.describe(Example.sampler)
        #expect(sampler.unsupported.isEmpty)
        #expect(sampler.parameters.map(\.symbol) == ["gain", "sample"])
        #expect(sampler.parameters.first { $0.symbol == "sample" }?.typeName == "Path")
        #expect(sampler.ports.first { $0.symbol == "control" }?.takesMIDI == true)
        #expect(try world.describe(Example.metro).ports.first { $0.symbol == "control" }?.takesTimePosition == true)
    }
}
