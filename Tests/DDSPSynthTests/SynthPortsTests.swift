import CDDSPSynth
import ContinuoSynth
import DDSPSynth
import Foundation
import Testing

/// A plugin's description and the code that goes by it.
struct PluginText: Sendable {
    let name: String
    let symbol: @Sendable (Int32) -> UnsafePointer<CChar>?
    let control: @Sendable (Int32) -> Int32

    static let synth = PluginText(name: "synth", symbol: synth_port_symbol, control: synth_port_control)
    static let transfer = PluginText(name: "transfer", symbol: transfer_port_symbol, control: transfer_port_control)

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A port's block in the TTL.
    struct Port {
        let index: Int, symbol: String, text: String

        func value(_ property: String) -> Float? {
            text.firstMatch(of: try! Regex("\(property) (-?[0-9.]+)", as: (Substring, Substring).self)).flatMap { Float($0.1) }
        }
        /// What is said of it but for its place.
        var description: String {
            text.replacing(/lv2:index \d+ ;/, with: "").replacing(/pg:group <[^>]*> ;/, with: "")
                .trimmingCharacters(in: CharacterSet(charactersIn: " \t\n,[]."))
        }
        /// Label by value, in the order of the text.
        var scalePoints: [(String, Float)] {
            text.matches(of: /rdfs:label "([^"]+)" ; rdf:value (-?[0-9.]+)/).map { (String($0.1), Float($0.2)!) }
        }
    }

    func ports() throws -> [Port] {
        let text = try String(contentsOf: Self.root.appending(path: "ttl/synth/\(name).ttl"), encoding: .utf8)
        // A port's block begins at its types, the line before its index.
        return text.components(separatedBy: "\n\t\ta lv2:").dropFirst().compactMap { block in
            guard let match = block.firstMatch(of: /lv2:index (\d+) ;\s*lv2:symbol "([^"]+)"/) else { return nil }
            return Port(index: Int(match.1)!, symbol: String(match.2), text: block)
        }
    }
}

@Suite struct SynthPortsTests {
    /// The shim's port numbers are those of the TTL.
    @Test(arguments: ["synth", "transfer"]) func portsMatchTheDescription(name: String) throws {
        let plugin = name == "synth" ? PluginText.synth : .transfer
        let ports = try plugin.ports()
        var count = 0
        while let symbol = plugin.symbol(Int32(count)) {
            #expect(ports.contains { $0.index == count && $0.symbol == String(cString: symbol) }, "\(String(cString: symbol))")
            count += 1
        }
        #expect(ports.count == count)
        #expect(count > 35)
    }

    /// The engine's ranges and defaults are those of the TTL, and every control that is a plugin's has a port.
    @Test(arguments: ["synth", "transfer"]) func rangesMatchTheDescription(name: String) throws {
        let plugin = name == "synth" ? PluginText.synth : .transfer
        var controls: Set<Int32> = []
        for port in try plugin.ports() {
            let control = plugin.control(Int32(port.index))
            guard control >= 0 else { continue }
            #expect(controls.insert(control).inserted, "\(port.symbol) is the second port of a control")
            let range = ControlRange.of(continuo_synth_control(UInt32(control)))
            #expect(port.value("lv2:minimum") == range.minimum, "\(port.symbol)")
            #expect(port.value("lv2:maximum") == range.maximum, "\(port.symbol)")
            #expect(port.value("lv2:default") == range.standard, "\(port.symbol)")
            #expect(range.minimum < range.maximum, "\(port.symbol)")
            #expect(range.clamped(.nan) == range.standard)
            #expect(range.clamped(-.infinity) == range.minimum)
            #expect(range.clamped(.infinity) == range.maximum)
            #expect(range.clamped(range.standard) == range.standard, "\(port.symbol)")
        }
        let following = Int32(CONTINUO_SYNTH_CONFIDENCE.rawValue)..<Int32(CONTINUO_SYNTH_CONTROLS.rawValue)
        #expect(controls.contains(Int32(CONTINUO_SYNTH_GAIN.rawValue)))
        #expect(following.allSatisfy { controls.contains($0) == (name == "transfer") })
        if name == "synth" { #expect(controls.count == Int(following.lowerBound)) }
    }

    /// A control that both plugins have is the same one: the same words, range and steps.
    @Test func bothPluginsDescribeTheirControlsAlike() throws {
        let transfer = try PluginText.transfer.ports()
        var shared = 0
        for port in try PluginText.synth.ports() where synth_port_control(Int32(port.index)) >= 0 {
            guard let other = transfer.first(where: { $0.symbol == port.symbol }) else { continue }
            shared += 1
            #expect(port.description == other.description, "\(port.symbol)")
        }
        #expect(shared == 21)
    }

    /// The instruments have names, in the order of the model file's.
    @Test func instrumentsHaveNames() throws {
        let ports = try PluginText.synth.ports()
        let points = try #require(ports.first { $0.symbol == "instrument_a" }).scalePoints
        #expect(points.map(\.1) == (0...27).map(Float.init))
        #expect(points.prefix(12).map { $0.0 } == [
            "Violin", "Viola", "Cello", "Double Bass", "Flute", "Clarinet", "Oboe", "Bassoon", "Trumpet", "Horn",
            "Tenor Saxophone", "Voice",
        ])
        #expect(Set(points.map(\.0)).count == 28)
    }
}

@Suite struct SynthPresetTextTests {
    /// What belongs to the player's set-up, and so to no preset.
    static let players: Set<String> = ["channel", "mpe", "mpe_bend_range", "bend_range", "a4"]

    /// Every preset says all there is to say, within the ranges; names and comments are there; banks and programs exist once.
    @Test(arguments: [("synth", 40), ("transfer", 8)]) func presetsAreWhole(name: String, least: Int) throws {
        let plugin = name == "synth" ? PluginText.synth : .transfer
        let controls = try plugin.ports().filter { plugin.control(Int32($0.index)) >= 0 && !Self.players.contains($0.symbol) }
        let manifest = try String(contentsOf: PluginText.root.appending(path: "ttl/synth/manifest.ttl"), encoding: .utf8)
        let folder = PluginText.root.appending(path: "presets/\(name)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".ttl") }
        #expect(files.count >= least)
        var labels: Set<Substring> = [], programs: Set<Int> = [], settings: Set<[Float]> = []
        for file in files.sorted() {
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            #expect(text.contains("<urn:continuo:\(name):preset:\(file.dropLast(4))>\n\ta pset:Preset ;"), "\(file)")
            #expect(text.contains("lv2:appliesTo <urn:continuo:\(name)> ;"), "\(file)")
            let label = try #require(text.firstMatch(of: /rdfs:label "([^"]+)"/)).1
            #expect(labels.insert(label).inserted, "two are called \(label)")
            #expect(try #require(text.firstMatch(of: /rdfs:comment "([^"]+)"/)).1.count > 15, "\(file)")
            let bank = try #require(text.firstMatch(of: /pset:bank (<[^>]+>)/)).1
            #expect(manifest.contains("\(bank)\n\ta pset:Bank ;"), "\(file)")
            if let line = text.firstMatch(of: /#program> ([0-9 ,]+);/) {
                for program in line.1.matches(of: /\d+/).map({ Int($0.output)! }) {
                    #expect((0...127).contains(program) && programs.insert(program).inserted, "\(file): program \(program)")
                }
            }
            let values = Dictionary(
                text.matches(of: /lv2:symbol "([^"]+)" ;\s*pset:value (-?[0-9.]+)/).map { (String($0.1), Float($0.2)!) },
                uniquingKeysWith: { _, _ in .nan })
            #expect(Set(values.keys) == Set(controls.map(\.symbol)), "\(file)")
            for port in controls {
                guard let value = values[port.symbol] else { continue }
                #expect(
                    value >= port.value("lv2:minimum")! && value <= port.value("lv2:maximum")!, "\(file): \(port.symbol) \(value)")
            }
            #expect(settings.insert(controls.map { values[$0.symbol] ?? .nan }).inserted, "\(file) is the same as another")
        }
        if name == "synth" { #expect(programs.count >= 20) }
    }
}
