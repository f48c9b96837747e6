import Foundation
import Host
import Testing

@Suite struct RenderTests {
    @Test func amplifierHasItsGain() throws {
        let chain = try Chain(
            world: World(),
            setups: [PluginSetup(uri: "http://lv2plug.in/plugins/eg-amp", settings: [.init(key: "gain", value: "-20")])],
            settings: Renderer.settings(sampleRate: 48000, block: 64))
        var options = Renderer.Options()
        options.input = SoundFile(channels: [[Float](repeating: 0.5, count: 4800)], sampleRate: 48000)
        options.tail = 0
        let report = try Renderer.render(chain, options).report
        #expect(abs(try #require(report.peak) - (20 * log10(0.5) - 20)) < 1e-4)
    }
}
