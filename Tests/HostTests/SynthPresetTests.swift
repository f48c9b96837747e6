import Foundation
import Host
import Media
import Testing

/// The bundle of Continuo Synth, as `make build` leaves it.
enum SynthBundle {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let folder = root.appending(path: "build/lv2")
    static let isBuilt = FileManager.default.fileExists(
        atPath: folder.appending(path: "continuo-synth.lv2/models/continuo-synth.safetensors").path)

    static func world() -> World { World(path: folder.path + ":/usr/lib/lv2") }
}

/// What tells one sound from another: its spectrum, its course in time, its width.
struct SoundPrint {
    /// dB in third octaves from 40 Hz to 8 kHz, against all of them together; not below −60.
    let spectrum: [Float]
    /// dB of each 50 ms against the loudest; not below −60.
    let envelope: [Float]
    /// Level of the channels' difference against their sum, dB; not below −40.
    let width: Float

    init(_ sound: SoundFile) {
        let left = sound.channels[0], right = sound.channels[1]
        let mid = zip(left, right).map { ($0 + $1) / 2 }, side = zip(left, right).map { ($0 - $1) / 2 }
        func energy(_ samples: ArraySlice<Float>) -> Float { samples.reduce(1e-12) { $0 + $1 * $1 } }
        let step = sound.sampleRate / 20
        let levels = stride(from: 0, to: mid.count - step, by: step).map { 10 * log10(energy(mid[$0..<($0 + step)])) }
        let most = levels.max() ?? 0
        envelope = levels.map { max(-60, $0 - most) }
        width = max(-40, 10 * log10(energy(side[...]) / energy(mid[...])))
        let spectrogram = Spectrogram(sampleRate: Double(sound.sampleRate))
        mid.withUnsafeBufferPointer { spectrogram.push($0) }
        spectrogram.finish()
        // Sixteen rows are a third of an octave.
        let rows = Spectrogram.rowCount
        var bands = [Float](repeating: 1e-12, count: rows / 16)
        for (i, level) in spectrogram.levels.enumerated() { bands[i % rows / 16] += pow(10, level / 10) }
        let all = bands.reduce(0, +)
        spectrum = bands.map { max(-60, 10 * log10($0 / all)) }
    }

    /// Mean difference in dB, of spectrum, envelope and (a tenth of) width together.
    func distance(to other: SoundPrint) -> Float {
        func mean(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(a.count) }
        return mean(spectrum, other.spectrum) + mean(envelope, other.envelope) + abs(width - other.width) / 10
    }
}

/// Without the bundle (swift test by itself) there is nothing to play; make test builds it first.
@Suite(.serialized, .enabled(if: SynthBundle.isBuilt)) struct SynthPresetTests {
    /// Each is heard, none too loud, and no two are alike.
    private func judge(_ uri: String, least: Int, configure: (inout Renderer.Options) -> Void) throws {
        let world = SynthBundle.world()
        let presets = try world.describe(uri).presets
        #expect(presets.count >= least)
        var prints: [(String, SoundPrint)] = []
        for preset in presets {
            #expect(preset.comment != nil && preset.bank != nil, "\(preset.label)")
            let rendered = try render([PluginSetup(uri, preset: preset.uri)], world: world, block: 512, configure: configure)
            #expect(rendered.report.brokenSamples == 0, "\(preset.label)")
            let peak = rendered.report.peak ?? -200
            #expect(peak > -30 && peak < -1, "\(preset.label): peak at \(peak) dBFS")
            prints.append((preset.label, SoundPrint(rendered.sound)))
        }
        var closest = (Float.infinity, "")
        for (i, a) in prints.enumerated() {
            for b in prints[..<i] {
                let distance = a.1.distance(to: b.1)
                if distance < closest.0 { closest = (distance, "\(a.0) and \(b.0)") }
            }
        }
        #expect(closest.0 > 1.5, "\(closest.1) are alike: \(closest.0) dB")
    }

    @Test func everySynthPresetSoundsLikeItself() throws {
        try judge("urn:continuo:synth", least: 40) { options in
            func note(_ on: Double, _ off: Double, _ key: UInt8, _ velocity: UInt8) -> [TimedMIDI] {
                [TimedMIDI(time: Int(on * 48000), bytes: [0x90, key, velocity]), TimedMIDI(time: Int(off * 48000), bytes: [0x80, key, 64])]
            }
            options.inputMIDI = (note(0, 1, 60, 96) + note(0.5, 1, 67, 112)).sorted { $0.time < $1.time }
            // What some presets are played with.
            options.inputMIDI.insert(TimedMIDI(time: 0, bytes: [0xB0, 2, 100]), at: 0)
            options.seconds = 1.8
        }
    }

    @Test func everyTransferPresetSoundsLikeItself() throws {
        let melody = try SoundFile(reading: SynthBundle.root.appending(path: "Tests/vectors/melodies/alto-sax.flac").path)
            .resampled(to: 48000)
        try judge("urn:continuo:transfer", least: 8) { options in
            options.input = melody
            options.seconds = 3
        }
    }
}
