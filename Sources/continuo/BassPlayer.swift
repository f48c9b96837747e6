import BassGenerator
import Foundation
import Media
import Neural

/// Continuo Bass on files: hears mixes, makes takes, renders them. Mixes of any length take little memory, for they are read as often
/// as they are needed.
final class BassPlayer {
    let coder: BassAutoencoder
    let model: BassGeneratorModel
    private let sampler: Sampler

    /// - Parameters: autoencoder, generator: model files
    init(autoencoder: String, generator: String) throws {
        do {
            coder = try BassAutoencoder(path: autoencoder)
            model = try BassGeneratorModel(path: generator)
            sampler = try Sampler(model: model)
        } catch let error as ModelError {
            throw CommandFailure(error.message)
        } catch let error as TakeError {
            throw CommandFailure(error.message)
        }
    }

    /// A mix and what is known of it.
    struct Mix {
        var path: String
        var sampleRate: Int
        /// Samples.
        var length: Int
        /// dBFS, root mean square; nil: silence.
        var level: Double?
        var beats: BeatGrid?
        /// Whether the beats were found in the mix itself.
        var isTracked = false
        var tempo: Double?
        var chords: ChordChart?
        var frames: Int { max(1, Int((Double(length) / Double(sampleRate) / BassFormat.frameSeconds).rounded(.up))) }
        var seconds: Double { Double(length) / Double(sampleRate) }
    }

    /// What the user says of the mix's time.
    struct Time {
        var tempo: Double?
        var beatsPerBar = 4
        /// Seconds of a bar's begin.
        var downbeat = 0.0
    }

    /// Reads a mix once for its length and level, and again for its beats if they are not given.
    func open(_ path: String, _ time: Time, chords: String?, progress: (Double) -> Void) throws -> Mix {
        let reader = try AudioReader(path: path)
        guard reader.sampleRate >= 1000, reader.sampleRate <= 768_000 else {
            throw CommandFailure("\(path): a sample rate of \(reader.sampleRate) Hz is none to work at")
        }
        var length = 0, power = 0.0
        try reader.forEachMonoBlock { block in
            length += block.count
            for sample in block { power += Double(sample) * Double(sample) }
        }
        guard length > 0 else { throw CommandFailure("\(path) is empty") }
        var mix = Mix(path: path, sampleRate: Int(reader.sampleRate), length: length)
        mix.level = power > 0 ? 10 * log10(power / Double(length)) : nil
        if let tempo = time.tempo {
            mix.beats = BeatGrid(
                tempo: tempo, beatsPerBar: time.beatsPerBar, downbeat: time.downbeat,
                seconds: Double(mix.frames) * BassFormat.frameSeconds)
            mix.tempo = tempo
        } else {
            try reading(mix) { conditions in
                if let tracked = try MixAnalysis(conditions, model: model).beats() {
                    (mix.beats, mix.tempo, mix.isTracked) = (tracked.grid, tracked.tempo, true)
                }
            }
        }
        progress(1)
        if let chords {
            let text: String
            do { text = try String(contentsOfFile: chords, encoding: .utf8) } catch {
                throw CommandFailure("\(chords): \(error.localizedDescription)")
            }
            guard let grid = mix.beats else {
                throw CommandFailure("\(path): no beats were found to lay the chords of \(chords) on; say --bpm and --downbeat")
            }
            do throws(ChordChartError) {
                mix.chords = try ChordChart.parse(text, grid: grid)
            } catch {
                throw CommandFailure("\(chords): \(error.message)")
            }
        }
        return mix
    }

    /// The latents of a bass that was recorded alone.
    func hear(_ path: String) throws -> BassLatents {
        let reader = try AudioReader(path: path)
        var rows: [Float] = []
        var row = [Float](repeating: 0, count: 8 * BassFormat.features)
        do {
            let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: Int(reader.sampleRate))
            func drain() {
                while true {
                    let count = frontEnd.read(into: &row, maximum: 8)
                    if count == 0 { return }
                    rows += row[..<(count * BassFormat.features)]
                }
            }
            var failure: ModelError?
            try reader.forEachMonoBlock { block in
                guard failure == nil else { return }
                do throws(ModelError) { try frontEnd.feed(block.baseAddress!, count: block.count) } catch { failure = error }
                drain()
            }
            if let failure { throw failure }
            try frontEnd.finish()
            drain()
            let frames = rows.count / BassFormat.features
            guard frames > 0 else { throw CommandFailure("\(path) is empty") }
            return try coder.encode(rows, frames: frames)
        } catch let error as ModelError {
            throw CommandFailure("\(path): \(error.message)")
        } catch let error as TakeError {
            throw CommandFailure("\(path): \(error.message)")
        }
    }

    /// One take.
    ///
    /// - Parameters:
    ///   - kept: what of an existing line stays
    ///   - start: the line that a variation starts from
    func take(
        _ mix: Mix, _ settings: SamplerSettings, kept: KeptLine?, start: BassLatents?, progress: (Double) -> Void
    ) throws -> BassTake {
        // Another thread works; this one looks how far it is.
        let control = TakeControl(), done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var outcome: Result<BassTake, Error>?
        nonisolated(unsafe) let work = {
            outcome = Result {
                var latents: BassLatents?
                try self.reading(mix) { conditions in
                    conditions.beats = mix.beats
                    conditions.chords = mix.chords
                    conditions.kept = kept
                    latents = try self.sampler.sample(conditions, settings, start: start, control: control)
                }
                return try BassTake(latents: latents!, model: self.coder)
            }
            done.signal()
        }
        Thread.detachNewThread { work() }
        while done.wait(timeout: .now() + 0.1) == .timedOut { progress(control.progress) }
        do {
            return try outcome!.get()
        } catch let error as TakeError {
            throw CommandFailure("\(mix.path): \(error.message)")
        }
    }

    /// Runs `body` with the mix, to be read from its begin.
    private func reading(_ mix: Mix, _ body: (StreamedConditions) throws -> Void) throws {
        let reader = try AudioReader(path: mix.path)
        var failure: MediaError?
        do {
            let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: mix.sampleRate)
            let conditions = try StreamedConditions(frames: mix.frames, frontEnd: frontEnd) { left, right, count in
                guard failure == nil else { return 0 }
                do throws(MediaError) {
                    let read = try reader.readMono(into: UnsafeMutableBufferPointer(start: left, count: count))
                    right.update(from: left, count: read)
                    return read
                } catch {
                    failure = error
                    return 0
                }
            }
            try body(conditions)
        } catch let error as ModelError {
            throw CommandFailure("\(mix.path): \(error.message)")
        } catch let error as TakeError {
            throw CommandFailure("\(mix.path): \(error.message)")
        }
        if let failure { throw failure }
    }

    /// Renders a take block by block (mono), to the mix's length.
    func render(_ take: BassTake, _ mix: Mix, rate: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        let total = Int((Double(mix.length) * Double(rate) / Double(mix.sampleRate)).rounded())
        var left = [Float](repeating: 0, count: 8192), right = left
        do {
            let renderer = try take.renderer(sampleRate: rate)
            var done = 0
            while done < total {
                let count = min(left.count, total - done)
                for i in 0..<count { (left[i], right[i]) = (0, 0) }
                try left.withUnsafeMutableBufferPointer { l in
                    try right.withUnsafeMutableBufferPointer { r in
                        try renderer.render(left: l.baseAddress!, right: r.baseAddress!, count: count)
                        try body(UnsafeBufferPointer(start: l.baseAddress!, count: count))
                    }
                }
                done += count
            }
        } catch let error as TakeError {
            throw CommandFailure(error.message)
        }
    }

    /// The take as MIDI: channel 1, a fingered bass (program 33), tempo if it is steady.
    func midi(_ take: BassTake, name: String) -> MIDIFile {
        var events: [(seconds: Double, message: MIDIFile.Message)] = [(0, .programChange(channel: 0, program: 33))]
        for note in take.line.notes {
            let key = UInt8(min(max(note.key, 0), 127))
            events.append((max(0, note.onset), .noteOn(channel: 0, key: key, velocity: UInt8(min(max(note.velocity, 1), 127)))))
            events.append((max(0, note.end), .noteOff(channel: 0, key: key, velocity: 64)))
        }
        // A note ends before the next of its key begins.
        func rank(_ message: MIDIFile.Message) -> Int { if case .noteOn = message { 1 } else { 0 } }
        events.sort { ($0.seconds, rank($0.message)) < ($1.seconds, rank($1.message)) }
        return MIDIFile(name: name, events: events)
    }
}
