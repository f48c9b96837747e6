import Foundation
import Media
import Neural
import PitchTracker

/// A recording run through the pitch engine and the note tracker: frames, notes, and the MIDI that the plugin would send. With the
/// polyphonic model notes may sound together, and a frame's pitch is the lowest one's.
final class PitchFileAnalysis {
    struct Settings {
        /// A multiple of 2.5.
        var hopMilliseconds = 10.0
        /// Hz.
        var lowest: Float = 31.7, highest: Float = 2006, a4: Float = 440
        /// Confidence from which a note begins, 0 to 1.
        var confidence: Float = 0.5
    }

    let reader: AudioReader
    let settings: Settings
    /// Every frame, in order of time.
    private(set) var points: [PitchPoint] = []
    private(set) var notes: [NoteSpan] = []
    /// Messages on channel 1, in order of time, with the bend range set at the start.
    private(set) var midi: [(seconds: Double, message: MIDIFile.Message)] = []
    /// Seconds that were read.
    var duration: Double { Double(reader.position) / reader.sampleRate }

    /// Whether the model tells several notes at once.
    let isPolyphonic: Bool

    private let analyzer: PitchAnalyzer
    private var tracker = NoteTracker()
    private var chords = ChordTracker()
    private let stride: Int
    /// By key.
    private var sounding: [UInt8: NoteSpan] = [:]
    private var lastIndex = 0

    /// - Throws: `CommandFailure` where the engine cannot work at the recording's rate, or memory is short.
    init(reader: AudioReader, model: PitchModel, settings: Settings) throws {
        self.reader = reader
        self.settings = settings
        do throws(ModelError) {
            analyzer = try PitchAnalyzer(
                model: model, sampleRate: Int(reader.sampleRate), hopMilliseconds: settings.hopMilliseconds,
                lowest: settings.lowest, highest: settings.highest, confidence: settings.confidence)
        } catch {
            throw CommandFailure("\(reader.path): \(error.message)")
        }
        isPolyphonic = model.isPolyphonic
        stride = max(model.stride, Int((settings.hopMilliseconds / 2.5).rounded()))
        tracker.settings.confidence = settings.confidence
        tracker.settings.a4 = settings.a4
        guard !isPolyphonic else { return }
        let range = UInt8(tracker.settings.bendRange)
        // RPN 0: the bend range, in semitones and cents.
        for (controller, value) in [(101, 0), (100, 0), (6, range), (38, 0)] as [(UInt8, UInt8)] {
            midi.append((0, .controlChange(channel: 0, controller: controller, value: value)))
        }
    }

    /// Reads the recording to its end.
    /// - Parameters:
    ///   - heard: called with each block of mono samples.
    ///   - frame: called for each frame, in order of time.
    /// - Throws: `MediaError`, from reading or from `frame`.
    func run(
        heard: (UnsafeBufferPointer<Float>) -> Void, frame: (PitchPoint) throws(MediaError) -> Void
    ) throws(MediaError) {
        var failure: MediaError?
        func take(_ next: PitchFrame) {
            let point = PitchPoint(
                time: next.time, frequency: next.frequency, confidence: next.confidence, level: next.level)
            points.append(point)
            lastIndex = next.index
            if isPolyphonic {
                chords.take(next, stride: stride)
                acceptChords()
            } else {
                accept(tracker.advance(next, stride: stride))
            }
            guard failure == nil else { return }
            do throws(MediaError) { try frame(point) } catch { failure = error }
        }
        try reader.forEachMonoBlock { (block) throws(MediaError) in
            heard(block)
            analyzer.push(block.baseAddress!, count: block.count, take)
            if let failure { throw failure }
        }
        analyzer.finish(take)
        if isPolyphonic {
            chords.stop(at: lastIndex + stride)
            acceptChords()
            notes.sort { ($0.start, $0.key) < ($1.start, $1.key) }
        } else {
            accept(tracker.stop(at: lastIndex + stride))
        }
        if let failure { throw failure }
    }

    private func accept(_ events: NoteEvents) {
        for index in 0..<events.count { accept(events[index]) }
    }

    private func acceptChords() {
        while let event = chords.next() { accept(event) }
    }

    private func accept(_ event: NoteEvent) {
        let time = PitchFrame(index: event.frame, frequency: 0, confidence: 0, level: 0).time
        switch event.kind {
        case .on:
            sounding[event.note] = NoteSpan(start: time, end: time, key: Int(event.note), velocity: Int(event.velocity))
            midi.append((time, .noteOn(channel: 0, key: event.note, velocity: event.velocity)))
        case .off:
            if var note = sounding.removeValue(forKey: event.note) {
                note.end = max(note.start, time)
                notes.append(note)
            }
            midi.append((time, .noteOff(channel: 0, key: event.note, velocity: 64)))
        case .bend:
            midi.append((time, .pitchBend(channel: 0, value: Int16(event.bend) - 8192)))
        }
    }
}
