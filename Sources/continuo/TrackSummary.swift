import Foundation
import Media

/// What `continuo track` says about one recording, to a person and as JSON.
struct TrackSummary: Encodable {
    struct Note: Encodable {
        let start: Double
        let end: Double
        let key: Int
        let name: String
        let velocity: Int
    }

    let file: String
    /// Seconds.
    let duration: Double
    let sampleRate: Int
    let channels: Int
    let format: String
    let model: String
    let hopMilliseconds: Double
    let frames: Int
    /// Share of frames whose confidence reaches the threshold, 0 to 1.
    let voiced: Double
    /// Hz, of those frames: the 2nd and 98th percentile, so that single slips do not count, and the middle.
    let lowest: Double?
    let highest: Double?
    let median: Double?
    let notes: [Note]
    /// Seconds of sound a second of work.
    let speed: Double
    /// The files that were written.
    let written: [String]

    /// Most notes that sound at once, where the model tells more than one.
    let polyphony: Int?

    private let a4: Double

    private enum CodingKeys: String, CodingKey {
        case file, duration, sampleRate, channels, format, model, hopMilliseconds, frames, voiced, lowest, highest
        case median, polyphony, notes, speed, written
    }

    init(job: Track.Job, analysis: PitchFileAnalysis, model: String, speed: Double) {
        func rounded(_ value: Double, _ decimals: Double) -> Double { (value * decimals).rounded() / decimals }
        let sure = analysis.points
            .filter { $0.confidence >= analysis.settings.confidence && $0.frequency > 0 }
            .map { Double($0.frequency) }.sorted()
        file = job.input
        duration = rounded(analysis.duration, 1000)
        sampleRate = Int(analysis.reader.sampleRate)
        channels = analysis.reader.channelCount
        format = analysis.reader.format
        self.model = model
        hopMilliseconds = analysis.settings.hopMilliseconds
        frames = analysis.points.count
        voiced = rounded(Double(sure.count) / Double(max(1, frames)), 1e4)
        func at(_ share: Double) -> Double? {
            sure.isEmpty ? nil : rounded(sure[Int(Double(sure.count - 1) * share)], 1000)
        }
        lowest = at(0.02)
        highest = at(0.98)
        median = at(0.5)
        notes = analysis.notes.map {
            Note(
                start: rounded($0.start, 1e4), end: rounded($0.end, 1e4), key: $0.key, name: NoteSpan.name(key: $0.key),
                velocity: $0.velocity)
        }
        self.speed = rounded(speed, 10)
        written = [job.csv, job.midi, job.plot].compactMap { $0 == "-" ? nil : $0 }
        a4 = Double(analysis.settings.a4)
        polyphony = analysis.isPolyphonic ? Self.mostAtOnce(analysis.notes) : nil
    }

    private static func mostAtOnce(_ notes: [NoteSpan]) -> Int {
        // Ends before beginnings of the same moment.
        let changes = (notes.map { ($0.start, 1) } + notes.map { ($0.end, -1) }).sorted { $0 < $1 }
        var now = 0, most = 0
        for (_, change) in changes {
            now += change
            most = max(most, now)
        }
        return most
    }

    /// What is known of the pitch, in one phrase.
    private var finding: String {
        if let polyphony {
            guard let low = notes.map(\.key).min(), let high = notes.map(\.key).max() else { return "no notes" }
            let range = "\(NoteSpan.name(key: low)) to \(NoteSpan.name(key: high))"
            return "\(notes.count) \(notes.count == 1 ? "note" : "notes"), \(range), up to \(polyphony) at once"
        }
        guard let lowest, let highest else { return "no sure pitch" }
        let share = "\(Int((voiced * 100).rounded())) % voiced"
        let range = "\(hertz(lowest)) to \(hertz(highest)) Hz (\(name(lowest)) to \(name(highest)))"
        return "\(share), \(range), \(notes.count) \(notes.count == 1 ? "note" : "notes")"
    }

    /// For standard error.
    var lines: [String] {
        let sound = "\(Console.duration(duration)), \(sampleRate) Hz, \(channelWord)"
        let first = "\(file): \(sound); \(finding); \(Int(speed.rounded())) × real time"
        return [first] + (written.isEmpty ? [] : ["wrote " + written.joined(separator: ", ")])
    }

    /// For the plot.
    var subtitle: String { "\(Console.duration(duration)), \(sampleRate) Hz, \(channelWord)  ·  \(model)  ·  \(finding)" }

    private var channelWord: String {
        switch channels {
        case 1: "mono"
        case 2: "stereo"
        default: "\(channels) channels"
        }
    }

    private func hertz(_ frequency: Double) -> String {
        frequency < 100 ? String(format: "%.1f", frequency) : String(format: "%.0f", frequency)
    }

    private func name(_ frequency: Double) -> String {
        NoteSpan.name(key: Int((69 + 12 * log2(frequency / a4)).rounded()))
    }
}
