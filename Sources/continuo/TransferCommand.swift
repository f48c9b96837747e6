import ArgumentParser
import Foundation
import Host
import Media

/// `continuo transfer …`: a recording on another instrument.
struct TransferCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer", abstract: "Play a recording's pitch and loudness on another instrument.",
        discussion: """
            Follows one voice or instrument, one note at a time, and plays what it finds
            with Continuo Synth's network. The latency is taken out, so that the output
            lies exactly under the input.

            Examples:
              continuo transfer humming.wav -o violin.wav
              continuo transfer solo.flac -o sax.wav --preset "Into a Saxophone" --plot sax.png
              continuo transfer voice.wav -o bass.wav --preset octave --control wet=0.8
              continuo presets list urn:continuo:transfer
            """)

    @Argument(help: ArgumentHelp("The recording.", valueName: "in"))
    var input: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The sound file: .wav, .flac, .ogg or .aiff.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("A preset's name or URI, or a saved state.", valueName: "preset"))
    var preset: String?

    @Option(name: .customLong("control"), help: ArgumentHelp("Set a control, after the preset.", valueName: "symbol=value"))
    var controls: [String] = []

    @Option(help: ArgumentHelp("Sample rate (otherwise the recording's).", valueName: "Hz"))
    var rate: Int?

    @Option(help: ArgumentHelp("Draw the recording and the output as PNG.", valueName: "file"))
    var plot: String?

    @Flag(help: "Print a summary as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say nothing but errors and warnings.")
    var quiet = false

    func validate() throws {
        if let rate, !(8000...384_000).contains(rate) { throw ValidationError("--rate goes from 8000 to 384000") }
    }

    func run() throws {
        try reportingUsage {
            try Instruments.check(output: output, input: input, plot: plot)
            let setup = PluginSetup(uri: Instruments.transfer, preset: preset, settings: try controls.map(Instruments.setting))
            var recording = try SoundFile(reading: input)
            recording = recording.resampled(to: rate ?? recording.sampleRate)
            guard recording.frameCount > 0 else { throw CommandFailure("\(input) is empty") }
            let start = ContinuousClock.now
            let bar = quiet ? nil : ProgressBar(URL(fileURLWithPath: input).lastPathComponent)
            defer { bar?.finish() }
            let outcome = try Instruments.render(Instruments.world(), setup, rate: Double(recording.sampleRate), bar: bar) {
                $0.input = recording
            }
            let sound = outcome.sound
            try sound.write(to: output)
            let elapsed = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
            let summary = SoundSummary(
                input: input, output: output, preset: preset, seconds: sound.duration, sampleRate: sound.sampleRate,
                peak: sound.peak, level: sound.level, latency: outcome.report.latency, lateFrames: outcome.lateFrames,
                speed: sound.duration / max(elapsed, 1e-3))
            if let plot {
                let (before, _) = recording.pictured(upTo: sound.duration)
                let (after, envelope) = sound.pictured(upTo: sound.duration)
                var picture = Plot(
                    title: URL(fileURLWithPath: input).lastPathComponent,
                    subtitle: "above, and \(preset ?? "the default instrument") below", duration: sound.duration)
                picture.height = 1200
                picture.panels = [.spectrogram(before, trace: []), .spectrogram(after, trace: []), .waveform(envelope)]
                try picture.write(to: plot)
            }
            bar?.finish()
            summary.warnings.forEach(Console.say)
            if json {
                Console.print(try Console.json(summary))
            } else if !quiet {
                Console.say(summary.line)
            }
        }
    }
}
