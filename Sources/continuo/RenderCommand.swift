import ArgumentParser
import Foundation
import Host

struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Runs LV2 plugins on files: without JACK, and the same bits every time.",
        discussion: "Example: continuo render urn:continuo:pitch --input voice.wav --output out.wav")

    @OptionGroup var chain: ChainArguments

    @Option(name: .long, help: "A sound file for the audio input.")
    var input: String?

    @Option(name: .long, help: "The file for the audio output: .wav, .flac, .ogg or .aiff.")
    var output: String?

    @Option(name: .long, help: "Seconds to render (otherwise the input's length and the tail).")
    var seconds: Double?

    @Option(name: .long, help: "Seconds after the input's end.")
    var tail = 1.0

    @Option(name: .long, help: "Sample rate in Hz where there is no input.")
    var rate = 48000.0

    @Option(name: .long, help: "Frames in a block.")
    var block = 256

    @Option(name: .customLong("random-blocks"), help: "Draws block lengths from 0 to --block from this seed.")
    var randomBlocks: UInt64?

    @Flag(name: .customLong("trim-latency"), help: "Leaves the chain's latency out of the output's beginning.")
    var trimsLatency = false

    func run() throws {
        try reportingErrors {
            guard input != nil || seconds != nil else { throw HostError.usage("give --input or --seconds") }
            guard block >= 1 && block <= 1 << 20 else { throw HostError.usage("--block goes from 1 to 1048576") }
            var options = Renderer.Options()
            options.input = try input.map { try SoundFile(reading: $0) }
            options.output = output
            options.seconds = seconds
            options.tail = tail
            options.randomBlocks = randomBlocks
            options.tempo = chain.tempo ?? 120
            (options.beatsPerBar, options.beatUnit) = try chain.metre()
            options.trimsLatency = trimsLatency
            let settings = Renderer.settings(
                sampleRate: options.input.map { Double($0.sampleRate) } ?? rate, block: block,
                hasRandomBlocks: randomBlocks != nil)
            let made = try Chain(world: World(), setups: chain.setups(), settings: settings)
            let result = try Renderer.render(made, options)
            if let folder = chain.saveState { try made.saveStates(to: folder) }
            print(chain.json ? result.report.json : result.report.summary)
        }
    }
}
