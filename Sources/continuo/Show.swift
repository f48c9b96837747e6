import ArgumentParser
import Foundation
import Media

/// `continuo show …`: a pitch track beside its recording, to be looked at and listened to.
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Draw and sound a pitch track over its recording.",
        discussion: """
            Takes a recording and what was tracked in it: the CSV of continuo track, or the
            one that continuo host and render write with --record-controls while Continuo
            Pitch listens. Times in the latter are put back by the tracking delay.

            tone   a WAV with the recording on the left and a soft tone that follows the
                   tracked pitch on the right: listen whether they agree
            plot   spectrogram with the f0 over it, notes, confidence, level; PNG

            Examples:
              continuo show voice.wav --track voice.csv --tone check.wav
              continuo show voice.wav --track live.csv --midi live.mid --plot live.png
            """)

    @Argument(help: ArgumentHelp("The recording.", valueName: "in"))
    var input: String

    @Option(help: ArgumentHelp("What was tracked.", valueName: "csv"))
    var track: String

    @Option(help: ArgumentHelp("Notes that were played, for the plot.", valueName: "file"))
    var midi: String?

    @Option(help: ArgumentHelp("Write recording and tone as WAV.", valueName: "file"))
    var tone: String?

    @Option(help: ArgumentHelp("Draw a picture as PNG.", valueName: "file"))
    var plot: String?

    @Option(help: ArgumentHelp("Write the track as time,frequency,confidence.", valueName: "file"))
    var csv: String?

    @Option(help: ArgumentHelp("Confidence under which a pitch is not sounded.", valueName: "c"))
    var confidence: Float = 0.5

    func run() throws {
        let table = try PitchTable(path: track)
        let reader = try AudioReader(path: input)
        let spectrogram = Spectrogram(sampleRate: reader.sampleRate, expectedDuration: reader.duration)
        var sound: [Float] = []
        try reader.forEachMonoBlock { block in
            if plot != nil { spectrogram.push(block) }
            if tone != nil { sound += block }
        }
        spectrogram.finish()
        let duration = Double(reader.position) / reader.sampleRate
        let points = table.points(duration: duration)
        if let csv {
            let writer = try CSVWriter(path: csv)
            for point in points { try writer.write(point) }
            try writer.finish()
        }
        if let tone {
            let writer = try WAVWriter(path: tone, sampleRate: reader.sampleRate, channelCount: 2, encoding: .pcm16)
            try writer.write(interleaved(sound, follow(points, count: sound.count, rate: reader.sampleRate)))
            try writer.close()
        }
        if let plot {
            let voiced = points.filter { $0.confidence >= confidence && $0.frequency > 0 }.count
            let share = points.isEmpty ? 0 : 100 * voiced / points.count
            var picture = Plot(
                title: URL(filePath: input).lastPathComponent,
                subtitle: "as tracked live: \(share) % voiced" + (table.delay > 0 ? String(format: ", delay %.1f ms taken out", table.delay * 1000) : ""),
                duration: duration)
            let played = try midi.map { try MIDIFiles.notes($0, delay: table.delay, until: duration) } ?? []
            picture.panels = [
                .spectrogram(spectrogram, trace: points), .notes(played, trace: points),
                .confidence(points, threshold: confidence), .level(points),
            ]
            try picture.write(to: plot)
        }
    }

    /// A soft tone at the tracked pitch, as loud as the sound there, silent where there is no sure pitch.
    private func follow(_ points: [PitchPoint], count: Int, rate: Double) -> [Float] {
        var output = [Float](repeating: 0, count: count)
        var phase = 0.0, gain: Float = 0, frequency = 0.0
        // 5 ms, so that pitch and loudness glide rather than step.
        let glide = Float(1 - exp(-1 / (0.005 * rate)))
        var next = 0
        for index in 0..<count {
            let time = Double(index) / rate
            while next + 1 < points.count && points[next + 1].time <= time { next += 1 }
            var target: Float = 0
            if next < points.count, points[next].confidence >= confidence, points[next].frequency > 0 {
                target = min(0.25, pow(10, points[next].level / 20) * 0.7)
                let wanted = Double(points[next].frequency)
                frequency = gain < 1e-4 ? wanted : frequency + (wanted - frequency) * Double(glide)
            }
            gain += (target - gain) * glide
            phase += frequency / rate
            phase -= phase.rounded(.down)
            let angle = 2 * Double.pi * phase
            output[index] = gain * Float(sin(angle) + 0.25 * sin(2 * angle) + 0.1 * sin(3 * angle))
        }
        return output
    }

    private func interleaved(_ left: [Float], _ right: [Float]) -> [Float] {
        var both = [Float](repeating: 0, count: left.count * 2)
        for index in left.indices {
            both[2 * index] = left[index]
            both[2 * index + 1] = right[index]
        }
        return both
    }
}

/// A pitch track read from CSV.
struct PitchTable {
    private var rows: [PitchPoint] = []
    /// Seconds by which the readings followed the sound.
    private(set) var delay = 0.0

    init(path: String) throws {
        let text: String
        do {
            text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        } catch {
            throw CommandFailure("\(path): cannot be read: \(error.localizedDescription)")
        }
        var lines = text.split(whereSeparator: \.isNewline)[...]
        let header = (lines.popFirst() ?? "").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        func column(_ names: String...) -> Int? { names.compactMap { header.firstIndex(of: $0) }.first }
        guard let time = column("time"), let frequency = column("frequency"), let sure = column("confidence", "confidence_now")
        else { throw CommandFailure("\(path): its first line names no columns time, frequency and confidence") }
        let level = column("level"), delayed = column("tracking_delay")
        for (index, line) in lines.enumerated() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
            guard fields.count == header.count, let seconds = fields[time], let hertz = fields[frequency],
                let confidence = fields[sure], seconds.isFinite
            else { throw CommandFailure("\(path): line \(index + 2) is no row of \(header.count) numbers") }
            if let delayed, let milliseconds = fields[delayed], milliseconds > 0 { delay = milliseconds / 1000 }
            rows.append(
                PitchPoint(
                    time: seconds, frequency: Float(hertz), confidence: Float(confidence),
                    level: level.flatMap { fields[$0] }.map(Float.init) ?? -24))
        }
        rows.sort { $0.time < $1.time }
    }

    /// Every 10 ms from the sound's beginning to its end, each the latest value known then, with the delay taken out.
    func points(duration: Double) -> [PitchPoint] {
        var next = -1
        return (0..<max(0, Int((min(duration, 1e6) * 100).rounded(.up)))).map { index in
            let time = Double(index) / 100
            // Half a step of tolerance: rows of a 10 ms track lie on the grid themselves.
            while next + 1 < rows.count && rows[next + 1].time - delay <= time + 0.004 { next += 1 }
            guard next >= 0 else { return PitchPoint(time: time, frequency: 0, confidence: 0, level: -120) }
            var point = rows[next]
            point.time = time
            return point
        }
    }
}
