import Foundation
import Host

/// Plays presets and patches with a phrase that suits each, and judges what is heard.
final class Audition {
    /// What is to be heard.
    enum Piece {
        case preset(PresetStore.Entry)
        /// A patch file.
        case patch(String)
    }

    /// What came of a piece.
    struct Outcome: Encodable {
        /// The plugin's URI, or nil for a patch.
        var plugin: String?
        var name: String
        var group: String
        var seconds = 0.0
        /// Notes that it gave, where it gives some.
        var notes: Int?
        var verdict: SoundVerdict?
        /// Why it was passed over: a plugin of a patch is not installed.
        var missing: String?

        var faults: [String] { verdict?.faults ?? [] }
    }

    let world: World
    let rate: Double
    /// Seconds of each, at most; nil: as long as it takes.
    let seconds: Double?
    private let phrases: AuditionPhrases
    private let store: PresetStore
    private let notes: [TimedMIDI]?

    /// - Parameters:
    ///   - input: plays to what listens, in place of the phrases.
    ///   - inputMIDI: plays what takes notes.
    init(world: World, rate: Double, seconds: Double?, input: SoundFile?, inputMIDI: [TimedMIDI]?) {
        self.world = world
        self.rate = rate
        self.seconds = seconds
        phrases = AuditionPhrases(world: world, rate: rate, file: input)
        store = PresetStore(world: world)
        notes = inputMIDI
    }

    /// Renders a piece; nil for the sound if it was passed over.
    func play(_ piece: Piece) throws -> (outcome: Outcome, sound: SoundFile?) {
        switch piece {
        case .preset(let entry): return try play(entry)
        case .patch(let path):
            let patch = try Patch(reading: path)
            let name = patch.name ?? URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            var outcome = Outcome(name: name, group: "patches")
            do {
                return try play(patch, &outcome)
            } catch HostError.pluginNotFound(let uri, _) {
                outcome.missing = uri
                return (outcome, nil)
            }
        }
    }

    // MARK: Presets

    private func play(_ entry: PresetStore.Entry) throws -> (Outcome, SoundFile?) {
        var outcome = Outcome(plugin: entry.plugin, name: entry.preset.label, group: entry.pluginName)
        let description = try world.describe(entry.plugin)
        var setup = PluginSetup(uri: entry.plugin, preset: entry.preset.uri)
        let takesAudio = description.ports.contains { $0.kind == .audio && $0.isInput }
        let takesMIDI = description.ports.contains { $0.takesMIDI && $0.isInput }
        let givesMIDI = description.ports.contains { $0.takesMIDI && !$0.isInput }
        var options = Renderer.Options()
        options.tempo = AuditionPhrases.tempo
        if entry.plugin == "urn:continuo:bass" {
            // One bar is captured, and its bass comes round and round: it is judged alone, and heard with the mix.
            setup.settings = [.init(key: "capture", value: "1"), .init(key: "bars", value: "1")]
            options.input = try phrases.mix()
            options.seconds = seconds ?? 10
            let (report, sound) = try render(Patch(plugins: [setup]), options)
            let from = min(Int(5.5 * rate), sound.frameCount)
            outcome.seconds = report.seconds
            outcome.verdict = SoundVerdict(sound.channels.suffix(2).map { Array($0[from...]) })
            return (outcome, SoundFile(channels: summed(sound.channels), sampleRate: sound.sampleRate))
        }
        if entry.plugin.hasPrefix("urn:continuo:pitch") {
            // A synthesizer plays what it hears, beside what it heard.
            setup.name = "heard"
            let listened = try listened(entry)
            options.input = listened
            options.seconds = seconds ?? Double(listened.frameCount) / rate + 0.5
            let player = PluginSetup(uri: Instruments.synth, name: "played")
            let hasPlayer = (try? world.describe(Instruments.synth)) != nil
            var connections = [
                PatchConnection(from: "in_1", to: "heard:in"), PatchConnection(from: "heard:out", to: "out_1", gain: 0.5),
                PatchConnection(from: "heard:out", to: "out_2", gain: 0.5), PatchConnection(from: "heard:midi_out", to: "midi_out"),
            ]
            if hasPlayer {
                connections += [
                    PatchConnection(from: "heard:midi_out", to: "played:control"),
                    PatchConnection(from: "played:out_left", to: "out_1", gain: 0.5),
                    PatchConnection(from: "played:out_right", to: "out_2", gain: 0.5),
                ]
            }
            var patch = Patch(plugins: hasPlayer ? [setup, onKeys(player)] : [setup], connections: connections)
            patch.name = entry.preset.label
            let (report, sound) = try render(patch, options)
            return (judged(outcome, report, sound, wantsNotes: true), sound)
        }
        if takesAudio { options.input = try phrases.recording() }
        if takesMIDI { options.inputMIDI = notes ?? phrases.notes() }
        if !takesAudio && !takesMIDI { options.seconds = seconds ?? 3 }
        fit(&options)
        let (report, sound) = try render(Patch(plugins: [setup]), options)
        return (judged(outcome, report, sound, wantsNotes: givesMIDI && sound.channels.isEmpty), sound)
    }

    /// On keys, if there is such a preset, else the default.
    private func onKeys(_ setup: PluginSetup) -> PluginSetup {
        var setup = setup
        let known = (try? world.describe(setup.uri).presets.map(\.label)) ?? []
        setup.preset = ["Electric Piano", "Vibraphone"].first { known.contains($0) }
        return setup
    }

    /// What suits a preset of Continuo Pitch: its range, and chords for one that hears several notes.
    private func listened(_ entry: PresetStore.Entry) throws -> SoundFile {
        let contents = try store.contents(entry)
        func value(_ symbol: String) -> Double? { contents.controls.first { $0.symbol == symbol }.map { Double($0.value) } }
        let model = try world.describe(entry.plugin).ports.first { $0.symbol == "model" }
        let hearsChords = model?.scalePoints.contains { $0.label == "Polyphonic" && Double($0.value) == value("model") } ?? false
        return hearsChords ? try phrases.chords() : try phrases.recording(lowest: value("lowest") ?? 150, highest: value("highest") ?? 600)
    }

    // MARK: Patches

    private func play(_ patch: Patch, _ outcome: inout Outcome) throws -> (Outcome, SoundFile?) {
        for setup in patch.plugins { _ = try world.describe(setup.uri) }
        var options = Renderer.Options()
        options.tempo = patch.transport?.tempo ?? AuditionPhrases.tempo
        let hasBass = patch.plugins.contains { $0.uri == "urn:continuo:bass" }
        if hasBass {
            options.input = try phrases.mix()
            options.seconds = seconds ?? 20
        } else if let pitch = patch.plugins.first(where: { $0.uri.hasPrefix("urn:continuo:pitch") }), let preset = pitch.preset,
            let entry = try? store.entry(plugin: pitch.uri, name: preset)
        {
            options.input = try listened(entry)
        } else {
            options.input = try phrases.recording()
        }
        options.inputMIDI = notes ?? phrases.parts()
        fit(&options)
        let (report, sound) = try render(patch, options)
        return (judged(outcome, report, sound, wantsNotes: false), sound)
    }

    // MARK: Rendering

    /// Ends when the phrase has, and the sound has died away.
    private func fit(_ options: inout Renderer.Options) {
        options.tail = 0.2
        if options.seconds != nil { return }
        if let seconds {
            options.seconds = seconds
        } else {
            let last = Double(options.inputMIDI.last?.time ?? 0) / rate
            options.seconds = max(last, Double(options.input?.frameCount ?? 0) / rate) + 0.2
            options.settles = 2
        }
    }

    private func render(_ patch: Patch, _ wanted: Renderer.Options) throws -> (Report, SoundFile) {
        var options = wanted
        let graph = try Graph(world: world, patch: patch, settings: Renderer.settings(sampleRate: rate, block: 256))
        if graph.audioInputCount == 0 { options.input = nil }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("continuo-\(UUID().uuidString).wav").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        if graph.audioOutputCount > 0 { options.output = file }
        let report = try Renderer.render(graph, options).report
        return (report, options.output == nil ? SoundFile(channels: [], sampleRate: Int(rate)) : try SoundFile(reading: file))
    }

    private func judged(_ outcome: Outcome, _ report: Report, _ sound: SoundFile, wantsNotes: Bool) -> Outcome {
        var outcome = outcome
        outcome.seconds = report.seconds
        var verdict = SoundVerdict(sound.channels)
        if sound.channels.isEmpty { verdict.faults = [] }
        if wantsNotes || report.notes > 0 { outcome.notes = report.notes }
        if wantsNotes && report.notes == 0 { verdict.faults.append("it gives no notes") }
        if report.lostEvents > 0 { verdict.faults.append("\(report.lostEvents) events found no room") }
        outcome.verdict = verdict
        return outcome
    }

    /// Any number of channels on two.
    private func summed(_ channels: [[Float]]) -> [[Float]] {
        (0..<2).map { side in
            (channels.first ?? []).indices.map { frame in
                stride(from: side, to: channels.count, by: 2).reduce(Float(0)) { $0 + channels[$1][frame] }
            }
        }
    }
}
