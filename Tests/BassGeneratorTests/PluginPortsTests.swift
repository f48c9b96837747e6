import BassGenerator
import CBassGenerator
import ContinuoBass
import Foundation
import Testing

/// The description in ttl/bass and the code that goes by it.
@Suite struct PluginPortsTests {
    /// Each port's block in the TTL, in order.
    private func ports() throws -> [String] {
        let text = try String(contentsOfFile: BassSession.root + "/ttl/bass/bass.ttl", encoding: .utf8)
        return text.components(separatedBy: "\n\t\ta lv2:").dropFirst().filter { $0.contains("lv2:index") }
    }

    private func number(_ property: String, _ text: String) -> Float? {
        text.firstMatch(of: try! Regex("\(property) (-?[0-9.]+)", as: (Substring, Substring).self)).flatMap { Float($0.1) }
    }

    @Test func portsMatchTheDescription() throws {
        let ports = try ports()
        for (index, text) in ports.enumerated() {
            let symbol = try #require(bass_port_symbol(Int32(index)))
            #expect(number("lv2:index", text) == Float(index))
            #expect(text.contains("lv2:symbol \"\(String(cString: symbol))\""))
        }
        #expect(bass_port_symbol(Int32(ports.count)) == nil)
    }

    @Test func rangesAreTheEngines() throws {
        var found = 0
        for (index, text) in try ports().enumerated() {
            let control = bass_port_control(Int32(index))
            guard control >= 0 else { continue }
            let range = BassControlRange.of(continuo_bass_control(UInt32(control)))
            #expect(number("lv2:minimum", text) == range.minimum)
            #expect(number("lv2:maximum", text) == range.maximum)
            #expect(number("lv2:default", text) == range.standard)
            found += 1
        }
        #expect(found == Int(CONTINUO_BASS_CONTROLS.rawValue))
    }

    @Test func statesHaveNames() throws {
        let text = try #require(ports().first { $0.contains("lv2:symbol \"state\"") })
        let names = text.matches(of: /rdfs:label "([^"]+)" ; rdf:value (\d)/).map { "\($0.1) \($0.2)" }
        #expect(
            names == [
                "Idle \(CONTINUO_BASS_IDLE.rawValue)", "Armed \(CONTINUO_BASS_ARMED.rawValue)",
                "Listening \(CONTINUO_BASS_LISTENING.rawValue)", "Generating \(CONTINUO_BASS_GENERATING.rawValue)",
                "Ready \(CONTINUO_BASS_READY.rawValue)", "Loading \(CONTINUO_BASS_LOADING.rawValue)",
                "No model \(CONTINUO_BASS_NO_MODEL.rawValue)",
            ])
    }
}
