import ArgumentParser
import BassGenerator
import Foundation
import Host
import Media
import ModelStore

/// `continuo bass …`: a bass for a mix.
struct BassCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bass", abstract: "Play a fitting bass to a mix.",
        discussion: """
            Listens to a mix without a bass and plays one, as a sound file of the same
            length. Every seed is another take. The beats are found in the mix, unless
            --bpm and --downbeat tell them; chords are heard, unless --chords names a
            chart (| C | Am F | G7 |: bars, over the beats).

            --style gives the sound: a player's, by name (continuo list players), or that of a
            bass recorded alone. --line takes an existing bass
            (such as an earlier take): with --from-bar and --to-bar only those bars are
            played anew, with --variation all of it, a little or wholly different.

            With several takes their numbers, with several mixes their names come before
            the endings of the files that are named.

            Examples:
              continuo bass demo.wav -o bass.wav --mixdown with-bass.wav
              continuo bass demo.wav -o bass.wav --style walking-upright --takes 3
              continuo bass demo.wav -o bass.wav --style my-fretless.wav
              continuo bass demo.wav -o bass.wav --bpm 96 --downbeat 0.31 --midi bass.mid
              continuo bass demo.wav -o new.wav --line bass.wav --from-bar 5 --to-bar 6
              continuo bass demo.wav -o other.wav --line bass.wav --variation 0.4
            """)

    @Argument(help: ArgumentHelp("Mixes, in any format that libsndfile reads.", valueName: "mix"))
    var inputs: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The bass, as WAV.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("A player, or a bass alone: whose sound is to be had.", valueName: "player|file"))
    var style: String?

    @Option(help: ArgumentHelp("How much of that sound, 0 to 1.", valueName: "s"))
    var styleStrength: Float = 1

    @Option(help: "Steps from noise to a line, 1 to 32: more are finer and slower.")
    var steps = 4

    @Option(help: ArgumentHelp("How closely to follow the mix: 1 loosely, 2 to 4 closely.", valueName: "w"))
    var guidance: Float = 2.5

    @Option(help: "Which take.")
    var seed: UInt64 = 1

    @Option(help: "How many takes, with seeds from --seed on.")
    var takes = 1

    @Option(help: ArgumentHelp("An existing bass to go by.", valueName: "file"))
    var line: String?

    @Option(help: ArgumentHelp("How far to go from it, 0 to 1.", valueName: "v"))
    var variation: Float?

    @Option(help: ArgumentHelp("The first bar to play anew, from 1.", valueName: "bar"))
    var fromBar: Int?

    @Option(help: ArgumentHelp("The last bar to play anew.", valueName: "bar"))
    var toBar: Int?

    @Option(help: ArgumentHelp("Tempo, in beats a minute.", valueName: "beats"))
    var bpm: Double?

    @Option(help: ArgumentHelp("When a bar begins.", valueName: "seconds"))
    var downbeat = 0.0

    @Option(help: "Beats in a bar, with --bpm.")
    var beatsPerBar = 4

    @Option(help: ArgumentHelp("A chord chart.", valueName: "file"))
    var chords: String?

    @Option(help: ArgumentHelp("Write the line as MIDI.", valueName: "file"))
    var midi: String?

    @Option(help: ArgumentHelp("Write mix and bass together, as WAV.", valueName: "file"))
    var mixdown: String?

    @Option(help: ArgumentHelp("The bass's level in the mixdown, against the mix's.", valueName: "dB"))
    var bassLevel = -3.0

    @Option(help: ArgumentHelp("Draw mix, bass and notes as PNG.", valueName: "file"))
    var plot: String?

    @Option(help: ArgumentHelp("Sample rate of the bass (otherwise the mix's).", valueName: "Hz"))
    var rate: Int?

    @Flag(help: "Print what was done as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say nothing but errors and warnings.")
    var quiet = false

    func validate() throws {
        guard !inputs.isEmpty else { throw ValidationError("name a mix: continuo bass demo.wav -o bass.wav") }
        guard (1...32).contains(steps) else { throw ValidationError("--steps takes 1 to 32") }
        guard guidance >= 0, guidance <= 16 else { throw ValidationError("--guidance takes 0 to 16") }
        guard (0...1).contains(styleStrength) else { throw ValidationError("--style-strength takes 0 to 1") }
        guard (1...1000).contains(takes) else { throw ValidationError("--takes takes 1 to 1000") }
        if let bpm, !(20...400).contains(bpm) { throw ValidationError("--bpm takes 20 to 400") }
        guard (1...16).contains(beatsPerBar) else { throw ValidationError("--beats-per-bar takes 1 to 16") }
        if let rate, !(8000...384_000).contains(rate) { throw ValidationError("--rate goes from 8000 to 384000") }
        if let variation, !(0...1).contains(variation) { throw ValidationError("--variation takes 0 to 1") }
        if line == nil, variation != nil || fromBar != nil || toBar != nil {
            throw ValidationError("--variation, --from-bar and --to-bar need --line, the bass to go by")
        }
        if let fromBar, let toBar, toBar < fromBar { throw ValidationError("--to-bar comes after --from-bar") }
        if line != nil, inputs.count > 1 { throw ValidationError("--line goes with one mix") }
    }

    func run() throws {
        try reportingUsage {
            let store = ModelStore.standard()
            let player = try BassPlayer(
                autoencoder: store.locate("continuo-bass-autoencoder"), generator: store.locate("continuo-bass-generator"))
            var settings = SamplerSettings()
            (settings.steps, settings.guidance, settings.styleStrength) = (steps, guidance, styleStrength)
            if let style { settings.style = try player.hear(Players(store: store).locate(style)).style }
            let existing = try line.map { try player.hear($0) }
            var summaries: [BassSummary] = []
            for input in inputs {
                let bar = quiet ? nil : ProgressBar(URL(fileURLWithPath: input).lastPathComponent)
                defer { bar?.finish() }
                for name in [output, mixdown, midi, plot].compactMap({ $0 }) {
                    try Instruments.check(output: self.name(name, input, 0), input: input, plot: nil)
                }
                let mix = try player.open(
                    input, .init(tempo: bpm, beatsPerBar: beatsPerBar, downbeat: downbeat), chords: chords) { _ in }
                for number in 0..<takes {
                    settings.seed = seed &+ UInt64(number)
                    summaries.append(try make(number, mix, settings, existing, player, bar))
                }
            }
            if json { Console.print(try Console.json(summaries)) }
        }
    }

    /// `NAME-MIX-TAKE.END` for NAME.END, where there are several.
    private func name(_ file: String, _ input: String, _ take: Int) -> String {
        let url = URL(fileURLWithPath: file)
        var name = url.deletingPathExtension().lastPathComponent
        if inputs.count > 1 { name += "-" + URL(fileURLWithPath: input).deletingPathExtension().lastPathComponent }
        if takes > 1 { name += "-\(take + 1)" }
        let ending = url.pathExtension.isEmpty ? "" : "." + url.pathExtension
        return url.deletingLastPathComponent().appendingPathComponent(name + ending).relativePath
    }

    private func make(
        _ number: Int, _ mix: BassPlayer.Mix, _ wanted: SamplerSettings, _ existing: BassLatents?, _ player: BassPlayer,
        _ bar: ProgressBar?
    ) throws -> BassSummary {
        let start = ContinuousClock.now
        var settings = wanted
        var kept: KeptLine?
        var from: BassLatents?
        if let existing {
            if fromBar != nil || toBar != nil { kept = try keep(existing, mix) }
            if let variation {
                settings.variation = variation
                from = try fit(existing, frames: mix.frames)
            }
        }
        let take = try player.take(mix, settings, kept: kept, start: from) { done in
            bar?.update(done, "\(Console.duration(mix.seconds)) of music")
        }
        let rate = self.rate ?? mix.sampleRate
        let output = name(self.output, mix.path, number)
        let writer = try WAVWriter(path: output, sampleRate: Double(rate), channelCount: 1, encoding: .pcm24)
        var power = 0.0, peak: Float = 0
        try player.render(take, mix, rate: rate) { block in
            for sample in block {
                power += Double(sample) * Double(sample)
                peak = max(peak, abs(sample))
            }
            try writer.write(block)
        }
        try writer.close()
        let level = power > 0 ? 10 * log10(power / Double(writer.frameCount)) : nil
        var summary = BassSummary(
            mix: mix.path, output: output, seed: settings.seed, seconds: mix.seconds, notes: take.line.notes.count, level: level,
            peak: peak > 0 ? 20 * log10(Double(peak)) : nil, tempo: mix.tempo, beatsWereFound: mix.isTracked, speed: 0)
        if let midi {
            try player.midi(take, name: URL(fileURLWithPath: output).deletingPathExtension().lastPathComponent)
                .write(to: name(midi, mix.path, number))
        }
        if let mixdown { try self.mixdown(take, mix, level, player, to: name(mixdown, mix.path, number)) }
        if let plot { try draw(take, mix, player, summary, to: name(plot, mix.path, number)) }
        summary.speed = mix.seconds / max(1e-3, Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000)
        bar?.finish()
        if level == nil { Console.say("\(output) is silent") }
        if !json, !quiet { Console.say(summary.line) }
        return summary
    }

    /// All of the line but the bars to be played anew.
    private func keep(_ existing: BassLatents, _ mix: BassPlayer.Mix) throws -> KeptLine {
        guard let grid = mix.beats else {
            throw CommandFailure("\(mix.path): no beats were found to count bars by; say --bpm and --downbeat")
        }
        // Bar 1 is the first that begins in the mix.
        var begins: [Double] = []
        for beat in grid.bars.indices where grid.beats[beat] >= -1e-6 && (beat == 0 || grid.bars[beat] != grid.bars[beat - 1]) {
            begins.append(grid.beats[beat])
        }
        let count = begins.filter { $0 < mix.seconds }.count
        let first = fromBar ?? 1, last = toBar ?? count
        guard first >= 1, last <= count, first <= last else {
            throw CommandFailure("\(mix.path) has bars 1 to \(count), not \(first) to \(last)")
        }
        let begin = first == 1 && fromBar == nil ? 0 : begins[first - 1]
        let end = last < begins.count ? begins[last] : Double.infinity
        let frames = mix.frames
        let firstFrame = min(frames, Int((begin / BassFormat.frameSeconds).rounded()))
        let endFrame = end.isFinite ? min(frames, Int((end / BassFormat.frameSeconds).rounded())) : frames
        do throws(TakeError) {
            let kept = try KeptLine(frames: frames)
            kept.keep(0..<frames, of: existing)
            kept.release(firstFrame..<max(firstFrame, endFrame))
            return kept
        } catch {
            throw CommandFailure(error.message)
        }
    }

    /// As long as the mix: cut, or followed by its last frame.
    private func fit(_ line: BassLatents, frames: Int) throws -> BassLatents {
        let size = BassFormat.latents
        var values = Array(UnsafeBufferPointer(start: line.values.base, count: min(line.frames, frames) * size))
        let last = Array(values.suffix(size))
        while values.count < frames * size { values += last }
        do throws(TakeError) { return try BassLatents(values, frames: frames) } catch { throw CommandFailure(error.message) }
    }

    /// Mix and bass; turned down together where their sum would clip.
    private func mixdown(_ take: BassTake, _ mix: BassPlayer.Mix, _ level: Double?, _ player: BassPlayer, to path: String) throws {
        let gain = Float(level.map { pow(10, ((mix.level ?? $0) + bassLevel - $0) / 20) } ?? 0)
        func sum(_ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
            let reader = try AudioReader(path: mix.path)
            let channels = reader.channelCount
            var block = [Float](repeating: 0, count: 8192 * channels)
            try player.render(take, mix, rate: mix.sampleRate) { bass in
                let count = try block.withUnsafeMutableBufferPointer {
                    try reader.read(into: UnsafeMutableBufferPointer(rebasing: $0[..<(bass.count * channels)]))
                }
                for i in count..<max(count, bass.count) { for c in 0..<channels { block[i * channels + c] = 0 } }
                for i in 0..<bass.count { for c in 0..<channels { block[i * channels + c] += gain * bass[i] } }
                try block.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[..<(bass.count * channels)])) }
            }
        }
        var peak: Float = 0
        try sum { block in for sample in block { peak = max(peak, abs(sample)) } }
        let scale: Float = peak > 0.98 ? 0.98 / peak : 1
        let channels = try AudioReader(path: mix.path).channelCount
        let writer = try WAVWriter(path: path, sampleRate: Double(mix.sampleRate), channelCount: channels, encoding: .pcm24)
        try sum { block in try writer.write(block.map { $0 * scale }) }
        try writer.close()
        if scale < 1, !quiet {
            Console.say(String(format: "\(path): turned down by %.1f dB, or it would clip", -20 * log10(Double(scale))))
        }
    }

    private func draw(
        _ take: BassTake, _ mix: BassPlayer.Mix, _ player: BassPlayer, _ summary: BassSummary, to path: String
    ) throws {
        let before = Spectrogram(sampleRate: Double(mix.sampleRate), expectedDuration: mix.seconds)
        try AudioReader(path: mix.path).forEachMonoBlock { before.push($0) }
        before.finish()
        let after = Spectrogram(sampleRate: Double(mix.sampleRate), expectedDuration: mix.seconds)
        var envelope = WaveformEnvelope(sampleRate: Double(mix.sampleRate))
        try player.render(take, mix, rate: mix.sampleRate) {
            after.push($0)
            envelope.push($0)
        }
        after.finish()
        let notes = take.line.notes.map { NoteSpan(start: max(0, $0.onset), end: $0.end, key: $0.key, velocity: $0.velocity) }
        var picture = Plot(
            title: URL(fileURLWithPath: mix.path).lastPathComponent, subtitle: "the mix above, its bass below; seed \(summary.seed)",
            duration: mix.seconds)
        picture.height = 1300
        picture.panels = [.spectrogram(before, trace: []), .spectrogram(after, trace: []), .notes(notes, trace: []), .waveform(envelope)]
        try picture.write(to: path)
    }
}

/// What was done for one take.
struct BassSummary: Encodable {
    var mix: String
    var output: String
    var seed: UInt64
    var seconds: Double
    var notes: Int
    /// dBFS.
    var level: Double?
    var peak: Double?
    /// Beats a minute.
    var tempo: Double?
    var beatsWereFound: Bool
    /// × real time, with everything.
    var speed: Double

    var line: String {
        var words = "\(output): \(Console.duration(seconds)), \(notes) notes"
        if let level, let peak { words += String(format: ", %.1f dBFS, peak %.1f dBFS", level, peak) }
        if let tempo {
            words += String(format: ", %.1f beats a minute%@", tempo, beatsWereFound ? " (as heard)" : "")
        } else {
            words += ", no beats found"
        }
        return words + String(format: "; %.0f × real time", speed)
    }
}
