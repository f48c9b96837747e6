import ArgumentParser
import Foundation
import Host
import Media

/// `continuo play …`: a MIDI file on Continuo Synth.
struct PlayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play", abstract: "Play a MIDI file on Continuo Synth.",
        discussion: """
            Renders a Standard MIDI File to a sound file, faster than real time. The
            latency is taken out, so that the sound lies on the notes' times, and the
            last notes die away.

            With --preset one instrument plays all channels, and program changes in the
            file count for nothing. Without, each channel of the
            file has an instrument of its own and its program changes choose presets by
            the General MIDI numbers that the presets carry (violin without one; see
            docs/SYNTH.md); channel 10, the drums, is left out.

            Examples:
              continuo play suite.mid -o suite.wav
              continuo play tune.mid -o tune.wav --preset "Solo Cello" --plot tune.png
              continuo play tune.mid -o tune.flac --preset flute --control room=0.5
              continuo audition synth --search solo
            """)

    @Argument(help: ArgumentHelp("A Standard MIDI File.", valueName: "in"))
    var input: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The sound file: .wav, .flac, .ogg or .aiff.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("A preset's name or URI, or a saved state.", valueName: "preset"))
    var preset: String?

    @Option(name: .customLong("control"), help: ArgumentHelp("Set a control, after the preset.", valueName: "symbol=value"))
    var controls: [String] = []

    @Option(help: ArgumentHelp("Sample rate.", valueName: "Hz"))
    var rate = 48000

    @Option(help: ArgumentHelp("Draw notes and sound as PNG.", valueName: "file"))
    var plot: String?

    @Flag(help: "Print a summary as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say nothing but errors and warnings.")
    var quiet = false

    func validate() throws {
        guard (8000...384_000).contains(rate) else { throw ValidationError("--rate goes from 8000 to 384000") }
    }

    func run() throws {
        try reportingUsage {
            try Instruments.check(output: output, input: input, plot: plot)
            let setup = PluginSetup(uri: Instruments.synth, preset: preset, settings: try controls.map(Instruments.setting))
            let events = try MIDIFiles.read(input, sampleRate: Double(rate))
            let parts = parts(of: events)
            guard !parts.isEmpty else { throw CommandFailure("\(input) has no notes to play") }
            let start = ContinuousClock.now
            let world = Instruments.world()
            let bar = quiet ? nil : ProgressBar(URL(fileURLWithPath: input).lastPathComponent)
            defer { bar?.finish() }
            var sound: SoundFile?
            var latency = 0, late = 0
            for (index, part) in parts.enumerated() {
                let share = 1 / Double(parts.count)
                let outcome = try Instruments.render(
                    world, setup, rate: Double(rate), bar: bar, from: Double(index) * share, share: share
                ) { options in
                    options.inputMIDI = part
                    options.seconds = Double(part.last!.time) / Double(rate)
                }
                latency = outcome.report.latency
                late += outcome.lateFrames
                if sound == nil { sound = outcome.sound } else { sound!.add(outcome.sound) }
            }
            try sound!.write(to: output)
            let elapsed = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
            let summary = SoundSummary(
                input: input, output: output, preset: preset, seconds: sound!.duration, sampleRate: rate, peak: sound!.peak,
                level: sound!.level, latency: latency, lateFrames: late, speed: sound!.duration / max(elapsed, 1e-3),
                notes: parts.joined().count(where: MIDIFiles.isNoteOn), parts: parts.count)
            if let plot { try draw(sound!, to: plot) }
            bar?.finish()
            summary.warnings.forEach(Console.say)
            if json {
                Console.print(try Console.json(summary))
            } else if !quiet {
                Console.say(summary.line)
            }
        }
    }

    /// The events of each instrument that plays: all of them with a preset, else a channel's.
    private func parts(of events: [TimedMIDI]) -> [[TimedMIDI]] {
        if preset != nil {
            // The file's own choice of instruments would undo it.
            return events.contains(where: MIDIFiles.isNoteOn) ? [events.filter { $0.bytes[0] & 0xF0 != 0xC0 }] : []
        }
        return (UInt8(0)..<16).filter { $0 != 9 }.map { channel in
            events.filter { !$0.bytes.isEmpty && $0.bytes[0] & 0x0F == channel }
        }.filter { $0.contains(where: MIDIFiles.isNoteOn) }
    }

    private func draw(_ sound: SoundFile, to path: String) throws {
        let (spectrogram, envelope) = sound.pictured(upTo: sound.duration)
        var picture = Plot(
            title: URL(fileURLWithPath: input).lastPathComponent, subtitle: preset ?? "by its programs", duration: sound.duration)
        picture.panels = [
            .spectrogram(spectrogram, trace: []),
            .notes(try MIDIFiles.notes(input, until: sound.duration), trace: []), .waveform(envelope),
        ]
        try picture.write(to: path)
    }
}

extension Instruments.Outcome {
    /// Control frames that were not ready in time: none, offline.
    var lateFrames: Int { Int(report.controlOutputs.first { $0.symbol == "late_frames" }?.last ?? 0) }
}
