import Foundation
import Host
import Testing

/// The players of Continuo Bass, in the bundle that `make build` leaves; without it there is nothing to play.
@Suite(
    .serialized,
    .enabled(
        if: FileManager.default.fileExists(
            atPath: SynthBundle.folder.appending(path: "continuo-bass.lv2/models/continuo-bass-generator.safetensors").path)))
struct BassPresetTests {
    /// Each plays to a captured bar in its own sound, at a fit level, and no two sound alike.
    @Test func everyPlayerSoundsLikeItself() throws {
        let world = SynthBundle.world()
        let mix = try SoundFile(reading: SynthBundle.root.appending(path: "demo/song.ogg").path)
        let rate = mix.sampleRate, from = Int(7.6 * Double(rate))
        let presets = try world.describe("urn:continuo:bass").presets
        #expect(presets.count >= 14)
        var prints: [(String, SoundPrint)] = []
        for preset in presets {
            let setup = PluginSetup("urn:continuo:bass", ["capture": "1", "bars": "1"], preset: preset.uri)
            let rendered = try render([setup], world: world, rate: Double(rate)) { options in
                options.input = mix
                options.tempo = 96
                options.seconds = 12.5
            }
            #expect(rendered.report.brokenSamples == 0, "\(preset.label)")
            // Behind the mix.
            let bass = rendered.sound.channels[2...3].map { Array($0[from...]) }
            let peak = 20 * log10(bass[0].reduce(1e-9) { max($0, abs($1)) })
            #expect(peak > -20 && peak < 0, "\(preset.label): peak at \(peak) dBFS")
            prints.append((preset.label, SoundPrint(SoundFile(channels: bass, sampleRate: rate))))
        }
        var closest = (Float.infinity, "")
        for (i, a) in prints.enumerated() {
            for b in prints[..<i] {
                let distance = a.1.distance(to: b.1)
                if distance < closest.0 { closest = (distance, "\(a.0) and \(b.0)") }
            }
        }
        #expect(closest.0 > 1.5, "\(closest.1) are alike: \(closest.0) dB")
        print("players most alike: \(closest.1), \(closest.0) dB")
    }
}
