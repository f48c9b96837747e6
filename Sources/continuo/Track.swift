import ArgumentParser
import Foundation
import Media
import ModelStore
import Neural
import PitchTracker

/// `continuo track …`: the pitch of recordings.
struct Track: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow the pitch of recordings.",
        discussion: """
            Reads WAV, FLAC, Ogg, AIFF and whatever else libsndfile does, at any rate and
            channel count (channels are averaged), and estimates the fundamental frequency
            as Continuo Pitch does. Without --csv, --midi, --plot and --json the CSV goes
            to standard output, unless that is a terminal. What is said about the work
            goes to standard error.

            CSV    a line a frame: time,frequency,confidence (s, Hz, 0 to 1); frames
                   without a sure pitch are there too
            MIDI   notes with velocity and pitch bend, a Standard MIDI File
            plot   spectrogram with the f0 over it, notes, confidence, level; PNG
            JSON   one object a recording: its range and its notes

            With --poly several notes at once are heard, as guitars and keys play them:
            MIDI, plot and JSON give them all (E1 to D#7), the CSV follows the lowest.

            With one recording, --csv, --midi and --plot name a file, or a folder for a
            file of the recording's name. With several they name folders, which are made.

            Examples:
              continuo track voice.wav --csv voice.csv
              continuo track solo.flac --midi solo.mid --plot solo.png
              continuo track flute.ogg --model crepe-full --hop-ms 5 > flute.csv
              continuo track scat.wav --model quick --hop-ms 5 --midi scat.mid
              continuo track guitar.wav --poly --midi guitar.mid --plot guitar.png
              continuo track takes/*.wav --csv pitch/ --plot pitch/
              continuo track bass.wav --lowest 35 --highest 400 --json | jq '.[0].notes'
            """)

    @Argument(help: ArgumentHelp("The recordings.", valueName: "in"))
    var inputs: [String]

    @Option(
        name: .shortAndLong, help: ArgumentHelp("standard, quick, poly, crepe-tiny, crepe-full, or a path.", valueName: "model"))
    var model = "standard"

    @Flag(help: "Hear several notes at once (the model poly).")
    var poly = false

    @Option(
        help: ArgumentHelp(
            "Time between frames: a multiple of 2.5, up to 100; at least 10 with standard and poly, 5 with quick.", valueName: "ms"))
    var hopMs = 10.0

    @Option(help: ArgumentHelp("Write frames as CSV; - is standard output.", valueName: "file"))
    var csv: String?

    @Option(help: ArgumentHelp("Write notes as a Standard MIDI File.", valueName: "file"))
    var midi: String?

    @Option(help: ArgumentHelp("Draw the recording and its pitch as PNG.", valueName: "file"))
    var plot: String?

    @Flag(help: "Print what was found as JSON.")
    var json = false

    @Option(help: ArgumentHelp("Least fundamental frequency looked for.", valueName: "Hz"))
    var lowest: Float = 31.7

    @Option(help: ArgumentHelp("Greatest fundamental frequency looked for.", valueName: "Hz"))
    var highest: Float = 2006

    @Option(help: ArgumentHelp("Confidence from which a note begins, 0 to 1.", valueName: "c"))
    var confidence: Float = 0.5

    @Option(name: .customLong("a4"), help: ArgumentHelp("Tuning: the frequency of A4.", valueName: "Hz"))
    var a4: Float = 440

    @Flag(name: .shortAndLong, help: "Say nothing but errors and warnings.")
    var quiet = false

    func validate() throws {
        guard !inputs.isEmpty else { throw ValidationError("name a recording: continuo track voice.wav") }
        guard hopMs >= 2.5, hopMs <= 100, (hopMs / 2.5).rounded() * 2.5 == hopMs else {
            throw ValidationError("--hop-ms takes a multiple of 2.5 from 2.5 to 100, e.g. 2.5, 5, 10 or 20")
        }
        guard lowest >= 20, highest <= 4000, lowest < highest else {
            throw ValidationError("--lowest and --highest take 20 to 4000 Hz, the lowest first")
        }
        guard (0...1).contains(confidence) else { throw ValidationError("--confidence takes 0 to 1") }
        guard (220...880).contains(a4) else { throw ValidationError("--a4 takes 220 to 880 Hz") }
        if poly && !["standard", "poly"].contains(model) && !model.contains("/") && !model.hasSuffix(".safetensors") {
            throw ValidationError("--poly has a model of its own: leave out --model \(model)")
        }
        if json && csv == "-" { throw ValidationError("--json and --csv - cannot both have standard output") }
        for (option, value) in [("--csv", csv), ("--midi", midi), ("--plot", plot)] where value == "" {
            throw ValidationError("\(option) needs a name")
        }
        _ = try plan()  // here, so that what it refuses is followed by this command's usage
    }

    func run() throws {
        let jobs = try plan()
        for folder in Set(jobs.flatMap(\.folders)).sorted() {
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw CommandFailure("cannot make the folder \(folder): \(error.localizedDescription)")
            }
        }
        let path = try ModelStore.standard().locate(modelName)
        let network: PitchModel
        do throws(ModelError) {
            network = try PitchModel(path: path)
        } catch {
            throw CommandFailure(error.message)
        }
        guard !poly || network.isPolyphonic else { throw CommandFailure("\(path) tells one note at a time, not several") }

        var settings = PitchFileAnalysis.Settings()
        settings.hopMilliseconds = hopMs
        (settings.lowest, settings.highest, settings.confidence, settings.a4) = (lowest, highest, confidence, a4)
        var summaries: [TrackSummary] = []
        var failures = 0
        for job in jobs {
            // With several recordings, one that cannot be read does not cost the others.
            do {
                summaries.append(try work(job, network, settings))
            } catch {
                guard jobs.count > 1 else { throw error }
                Console.say("Error: \(error)")
                failures += 1
            }
        }
        if json { Console.print(try Console.json(summaries)) }
        if failures > 0 { throw CommandFailure("\(failures) of \(jobs.count) recordings could not be tracked") }
    }

    private var modelName: String { poly && model == "standard" ? "poly" : model }

    // MARK: Which file goes where

    /// One recording and the files that come from it.
    struct Job {
        let input: String
        var csv: String?
        var midi: String?
        var plot: String?
        /// The folders that they are to lie in, where those were named or several recordings need them.
        var folders: [String] = []
    }

    /// Settles every output name before anything is computed, and refuses what is ambiguous or would overwrite a
    /// recording.
    private func plan() throws -> [Job] {
        var csv = csv
        if csv == nil && midi == nil && plot == nil && !json && isatty(STDOUT_FILENO) == 0 {
            guard inputs.count == 1 else {
                throw ValidationError("several recordings need a folder: --csv FOLDER, --midi FOLDER or --plot FOLDER")
            }
            csv = "-"
        }
        if inputs.count > 1 && csv == "-" {
            throw ValidationError("the CSV of several recordings cannot all go to standard output; give --csv a folder")
        }
        var taken: [String: String] = [:]
        for input in inputs { taken[identity(input)] = input }
        var folders: [String] = []
        func name(_ option: String, _ value: String?, _ input: String, _ suffix: String) throws -> String? {
            guard let value else { return nil }
            if value == "-" {
                guard option == "--csv" else { throw ValidationError("\(option) - : only the CSV can go to standard output") }
                return value
            }
            var status = stat()
            let exists = stat(value, &status) == 0
            let isFolder = exists && status.st_mode & S_IFMT == S_IFDIR
            if inputs.count > 1 && exists && !isFolder {
                throw ValidationError("\(option) \(value) is a file, and several recordings need a folder")
            }
            var path = value
            if isFolder || value.hasSuffix("/") || inputs.count > 1 {
                folders.append(value)
                let stem = URL(fileURLWithPath: input).deletingPathExtension().lastPathComponent
                path = (value.hasSuffix("/") ? value : value + "/") + stem + suffix
            }
            if let other = taken[identity(path)] {
                throw ValidationError(
                    other == path || inputs.contains(other)
                        ? "\(option) would write over the recording \(other)"
                        : "\(option): two outputs would be called \(path)")
            }
            taken[identity(path)] = path
            return path
        }
        return try inputs.map { input in
            folders = []
            var job = Job(input: input)
            job.csv = try name("--csv", csv, input, ".csv")
            job.midi = try name("--midi", midi, input, ".mid")
            job.plot = try name("--plot", plot, input, ".png")
            job.folders = folders
            return job
        }
    }

    /// A path in the form in which two that mean the same file are equal.
    private func identity(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }

    // MARK: One recording

    private func work(
        _ job: Job, _ network: PitchModel, _ settings: PitchFileAnalysis.Settings
    ) throws -> TrackSummary {
        let start = ContinuousClock.now
        let reader = try AudioReader(path: job.input)
        let analysis = try PitchFileAnalysis(reader: reader, model: network, settings: settings)
        let hop = max(hopMs, 2.5 * Double(network.stride)) / 1000
        let writer = try job.csv.map { try CSVWriter(path: $0, hop: hop) }
        let spectrogram = job.plot.map { _ in
            Spectrogram(sampleRate: reader.sampleRate, expectedDuration: reader.duration)
        }
        let bar = ProgressBar(URL(fileURLWithPath: job.input).lastPathComponent)
        defer { bar.finish() }
        try analysis.run(
            heard: { block in
                spectrogram?.push(block)
                guard !quiet else { return }
                let done = Double(reader.position) / reader.sampleRate
                let total = reader.duration ?? 0
                bar.update(
                    total > 0 ? done / total : 0,
                    total > 0 ? "\(Console.duration(done)) of \(Console.duration(total))" : Console.duration(done))
            },
            frame: { (point) throws(MediaError) in try writer?.write(point) })
        try writer?.finish()
        if let path = job.midi {
            let name = URL(fileURLWithPath: job.input).deletingPathExtension().lastPathComponent
            try MIDIFile(name: name, events: analysis.midi).write(to: path)
        }
        let summary = TrackSummary(
            job: job, analysis: analysis, model: modelName,
            speed: analysis.duration / max(1e-9, seconds(ContinuousClock.now - start)))
        if let path = job.plot, let spectrogram {
            spectrogram.finish()
            var picture = Plot(
                title: URL(fileURLWithPath: job.input).lastPathComponent, subtitle: summary.subtitle,
                duration: analysis.duration, a4: Double(a4))
            picture.panels =
                analysis.isPolyphonic
                ? [.spectrogram(spectrogram, trace: [], notes: analysis.notes), .notes(analysis.notes, trace: []), .level(analysis.points)]
                : [
                    .spectrogram(spectrogram, trace: analysis.points), .notes(analysis.notes, trace: analysis.points),
                    .confidence(analysis.points, threshold: confidence), .level(analysis.points),
                ]
            try picture.write(to: path)
        }
        bar.finish()
        if reader.replacedSamples > 0 {
            Console.say(
                "\(job.input): \(Console.grouped(reader.replacedSamples)) samples are no numbers and count as silence")
        }
        if reader.isTruncated, let promised = reader.duration {
            Console.say(
                "\(job.input) ends after \(Console.duration(analysis.duration)) of the \(Console.duration(promised)) "
                    + "that its header promises")
        }
        if !quiet { summary.lines.forEach(Console.say) }
        return summary
    }

    private func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}

/// A failure told in one line, without the usage that `ValidationError` adds.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
