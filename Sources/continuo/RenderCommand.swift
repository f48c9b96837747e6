import ArgumentParser
import Foundation
import Host

struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Runs LV2 plugins on files: without JACK, and the same bits every time.",
        discussion: "Example: continuo render urn:continuo:pitch --input voice.wav --output out.wav")

    @OptionGroup var chain: ChainArguments

    @Option(name: .long, help: "The file for the audio output: .wav, .flac, .ogg or .aiff.")
    var output: String?

    @Option(name: .customLong("input-midi"), help: "A Standard MIDI File for the MIDI input.")
    var inputMIDI: String?

    @Option(name: .long, help: "Sample rate in Hz (otherwise the input's, or 48000).")
    var rate: Double?

    @Option(name: .long, help: "Frames in a block.")
    var block = 256

    @Option(name: .customLong("random-blocks"), help: "Draws block lengths from 0 to --block from this seed.")
    var randomBlocks: UInt64?

    func validate() throws {
        guard block >= 1 && block <= 1 << 20 else { throw ValidationError("--block goes from 1 to 1048576") }
        if let rate, !(rate >= 1000 && rate <= 1_000_000) { throw ValidationError("--rate goes from 1000 to 1000000") }
    }

    func run() throws {
        try reportingUsage {
            var options = Renderer.Options()
            options.input = try chain.input.map { try SoundFile(reading: $0) }
            let sampleRate = rate?.rounded() ?? options.input.map { Double($0.sampleRate) } ?? 48000
            options.input = options.input?.resampled(to: Int(sampleRate))
            options.inputMIDI = try inputMIDI.map { try MIDIFiles.read($0, sampleRate: sampleRate) } ?? []
            options.output = output
            options.seconds = chain.seconds
            if chain.seconds == nil && chain.input == nil {
                guard let last = options.inputMIDI.last else { throw HostError.usage("give --input, --input-midi or --seconds") }
                options.seconds = Double(last.time) / sampleRate + chain.tail
            }
            options.tail = chain.tail
            options.randomBlocks = randomBlocks
            let patch = try chain.patch()
            if patch.plugins.isEmpty { throw ValidationError("name a plugin by its URI, or a patch file") }
            options.tempo = chain.tempo ?? patch.transport?.tempo ?? 120
            (options.beatsPerBar, options.beatUnit) = try chain.metre()
            options.trimsLatency = chain.trimsLatency
            let made = try Graph(
                world: World(), patch: patch,
                settings: Renderer.settings(sampleRate: sampleRate, block: block, hasRandomBlocks: randomBlocks != nil))
            let result = try Renderer.render(made, options)
            if let folder = chain.saveState { try made.saveStates(to: folder) }
            try chain.finish(result.report, result.midi, result.controls)
        }
    }
}
