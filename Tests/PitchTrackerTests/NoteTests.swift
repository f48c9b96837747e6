import Foundation
import Media
import PitchTracker
import Testing

@Suite struct NoteMetricTests {
    struct Case: Decodable {
        let name: String
        let precision, recall, f1: Double
        let matched: Int
        let reference, estimate: [[Double]]
    }

    @Test func agreesWithMirEval() throws {
        let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: URL(filePath: Vectors.melody("metric.json"))))
        #expect(cases.count > 10)
        for item in cases {
            let metric = NoteMetric(
                reference: item.reference.map { Note(onset: $0[0], pitch: $0[2]) },
                estimate: item.estimate.map { Note(onset: $0[0], pitch: $0[2]) })
            #expect(metric.matched == item.matched, "\(item.name)")
            #expect(abs(metric.f1 - item.f1) < 1e-9 && abs(metric.precision - item.precision) < 1e-9, "\(item.name)")
        }
    }
}

@Suite struct NoteTrackerTests {
    static let hop = 0.01

    /// Frames of a pitch curve (MIDI numbers over seconds; `nil` is silence).
    func frames(_ seconds: Double, level: (Double) -> Float = { _ in -12 }, _ pitch: (Double) -> Double?) -> [PitchFrame] {
        (0..<Int(seconds / Self.hop)).map { index in
            let time = Double(index) * Self.hop
            guard let midi = pitch(time) else { return PitchFrame(index: index * 4, frequency: 0, confidence: 0.05, level: -90) }
            return PitchFrame(
                index: index * 4, frequency: Float(440 * pow(2, (midi - 69) / 12)), confidence: 0.9, level: level(time))
        }
    }

    func onOff(_ events: [NoteEvent]) -> [NoteEvent] { events.filter { $0.kind != .bend } }

    @Test func aSteadyToneIsOneNote() {
        let (found, events) = notes(of: frames(1) { $0 < 0.1 || $0 > 0.8 ? nil : 60.1 })
        #expect(found.map(\.pitch) == [60])
        #expect(abs(found[0].onset - 0.1) < 0.011)
        #expect(onOff(events).map(\.kind) == [.on, .off])
        let off = Double(onOff(events)[1].frame) * 0.0025
        #expect(abs(off - 0.81) < 0.011)
    }

    /// Vibrato of up to a semitone either way stays within its note, and is heard as pitch bend.
    @Test(arguments: [0.3, 0.6, 0.8, 1.0], [4.5, 5.5, 7.0]) func vibratoDoesNotRetrigger(depth: Double, rate: Double) {
        // As it is played: the note first, then its vibrato.
        let (found, events) = notes(of: frames(3) { 64 + ($0 < 0.15 ? 0 : depth * sin(2 * .pi * rate * ($0 - 0.15))) })
        #expect(found.count == 1)
        #expect(abs(found[0].pitch - 64) <= 1)
        #expect(events.filter { $0.kind == .bend }.count > 50)
    }

    /// The shortest note is a time, whatever the hop.
    @Test(arguments: [1, 2, 4, 8]) func shortestNoteHoldsAtEveryHop(stride: Int) {
        var settings = NoteTracker.Settings()
        settings.minimumNote = 300
        func tone(_ seconds: Double) -> [Note] {
            let frames = (0..<Int(1 / 0.0025)).filter { $0 % stride == 0 }.map { index in
                let sounds = Double(index) * 0.0025 >= 0.1 && Double(index) * 0.0025 < 0.1 + seconds
                return PitchFrame(
                    index: index, frequency: sounds ? 440 : 0, confidence: sounds ? 0.9 : 0, level: sounds ? -12 : -90)
            }
            return notes(of: frames, stride: stride, settings: settings).notes
        }
        #expect(tone(0.24).isEmpty)
        #expect(tone(0.4).map(\.pitch) == [69])
    }

    @Test func octaveSlipsAreSuppressed() {
        // Four slips of 60 ms: up and down an octave, a twelfth.
        let slips: [(Double, Double)] = [(0.5, 12), (1.0, -12), (1.5, 19), (2.0, -12)]
        let (found, _) = notes(
            of: frames(3) { time in 57 + (slips.first { time >= $0.0 && time < $0.0 + 0.06 }?.1 ?? 0) })
        #expect(found.map(\.pitch) == [57])
    }

    /// A real leap of an octave with an attack is taken at once, without one after a while.
    @Test func octaveLeapsAreBelieved() {
        let struck = notes(
            of: frames(2, level: { $0 < 1 ? -20 - Float($0) * 20 : -15 }) { $0 < 1 ? 57 : 69 }
        ).notes
        #expect(struck.map(\.pitch) == [57, 69])
        #expect(abs(struck[1].onset - 1) < 0.05)
        let slurred = notes(of: frames(2) { $0 < 1 ? 57 : 69 }).notes
        #expect(slurred.map(\.pitch) == [57, 69])
    }

    @Test func legatoChangesNote() {
        let (found, events) = notes(of: frames(2) { [60, 62, 64, 65, 67][min(4, Int($0 / 0.4))] })
        #expect(found.map(\.pitch) == [60, 62, 64, 65, 67])
        for (index, note) in found.enumerated() { #expect(abs(note.onset - Double(index) * 0.4) < 0.03) }
        #expect(onOff(events).count == 10)
    }

    @Test func aNewAttackOfTheSameNoteIsANewNote() {
        let level: (Double) -> Float = { time in -12 - 30 * Float(time.truncatingRemainder(dividingBy: 0.5)) }
        let (found, _) = notes(of: frames(2, level: level) { _ in 52 })
        #expect(found.map(\.pitch) == [52, 52, 52, 52])
    }

    @Test func aGlideBendsAndThenSettles() {
        let (found, _) = notes(of: frames(2) { $0 < 0.5 ? 60 : $0 < 0.6 ? 60 + ($0 - 0.5) * 50 : 65 })
        #expect(found.map(\.pitch) == [60, 65])
    }

    @Test func hysteresisHoldsAFlickeringNote() {
        var tone = frames(1) { _ in 60 }
        for index in stride(from: 20, to: 100, by: 5) { tone[index].confidence = 0.35 }
        #expect(notes(of: tone).notes.count == 1)
        var settings = NoteTracker.Settings()
        settings.hysteresis = 0
        tone = frames(1) { _ in 60 }
        for index in 40..<60 { tone[index].confidence = 0.35 }
        #expect(notes(of: tone).notes.count == 1)
        #expect(notes(of: tone, settings: settings).notes.count == 2)
    }

    @Test func soundsUnderTheGateAreNoNotes() {
        #expect(notes(of: frames(1, level: { _ in -60 }) { _ in 60 }).notes.isEmpty)
    }

    @Test func concertPitchMovesNotesAndBends() {
        var settings = NoteTracker.Settings()
        settings.a4 = 415.3
        #expect(notes(of: frames(1) { _ in 68 }, settings: settings).notes.map(\.pitch) == [69])
    }

    @Test(arguments: [1.0, 2.0, 12.0, 48.0]) func bendsReachTheTruePitch(range: Float) {
        var settings = NoteTracker.Settings()
        settings.bendRange = range
        let (found, events) = notes(of: frames(1) { _ in 60.3 }, settings: settings)
        let bend = events.last { $0.kind == .bend }!.bend
        #expect(abs(found[0].pitch + (Double(bend) - 8192) / 8192 * Double(range) - 60.3) < 0.01)
        settings.bendRange = 0
        #expect(notes(of: frames(1) { _ in 60.3 }, settings: settings).events.allSatisfy { $0.kind != .bend })
    }

    /// Whatever comes in, what goes out is well formed: each note on has its off, one note at a time, all values in range, time
    /// never goes back.
    @Test(arguments: 0..<100) func randomFramesGiveWellFormedEvents(seed: Int) {
        var state = UInt64(seed) &* 77 &+ 5
        func random() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 33) / Double(1 << 31)
        }
        var frequency = 200.0
        let wild: [Float] = [.nan, .infinity, -5, 0, 1e30, 1e-30]
        let frames = (0..<3000).map { index in
            frequency = random() < 0.05 ? 30 * pow(2, random() * 7) : frequency * (1 + (random() - 0.5) * 0.02)
            return PitchFrame(
                index: index * 2, frequency: random() < 0.02 ? wild[Int(random() * 6)] : Float(frequency),
                confidence: random() < 0.02 ? .nan : Float(random() < 0.1 ? random() : 0.9), level: Float(-80 * random()))
        }
        let (_, events) = notes(of: frames, stride: 2)
        var sounding: UInt8?
        for event in events {
            switch event.kind {
            case .on:
                #expect(sounding == nil && event.note < 128 && (1...127).contains(event.velocity))
                sounding = event.note
            case .off:
                #expect(sounding == event.note)
                sounding = nil
            case .bend: #expect(event.bend < 16384)
            }
        }
        #expect(sounding == nil)
    }
}

@Suite struct MelodyTests {
    static let names = [
        "alto-sax", "cello", "clarinet", "electric-guitar", "fingered-bass", "flute", "nylon-guitar", "trumpet", "violin",
        "voice-oohs",
    ]

    func truth(_ name: String) throws -> [Note] {
        try String(contentsOfFile: Vectors.melody("\(name).tsv"), encoding: .utf8).split(separator: "\n").dropFirst().map {
            let fields = $0.split(separator: "\t")
            return Note(onset: Double(fields[0])!, pitch: Double(fields[2])!)
        }
    }

    /// Notes of melodies rendered from ten sampled instruments: F1 at least 0.90 over all, and none far behind. (The hardest are
    /// the choir voice, whose chorus beats so that its level falls and rises again within a note.)
    @Test(arguments: [("crepe-tiny", 0.9), ("continuo-pitch-standard", 0.9), ("continuo-pitch-quick", 0.85)])
    func notesOfRenderedMelodies(model name: String, least: Double) throws {
        let model = try Weights.load(name)
        print(name)
        var sum = 0.0
        for name in Self.names {
            let (samples, rate) = try monoSamples(Vectors.melody("\(name).flac"))
            let stride = max(4, model.stride)
            let found = notes(of: try analyse(samples, rate: rate, model: model), stride: stride).notes
            let true_ = try truth(name)
            let metric = NoteMetric(reference: true_, estimate: found)
            sum += metric.f1
            print(
                "\(name): F1 \(String(format: "%.3f", metric.f1)) (\(metric.matched) of \(true_.count) notes, \(found.count) found)")
            if ProcessInfo.processInfo.environment["CONTINUO_NOTES"] != nil {
                for note in true_ {
                    let near = found.filter { abs($0.onset - note.onset) < 0.15 }
                        .map { String(format: "%+.0f ms %.0f", ($0.onset - note.onset) * 1000, $0.pitch) }
                    print(String(format: "   %.3f %.0f:", note.onset, note.pitch), near.joined(separator: ", "))
                }
            }
            #expect(metric.f1 >= 0.55, "\(name)")
        }
        print("mean F1 \(String(format: "%.3f", sum / Double(Self.names.count)))")
        #expect(sum / Double(Self.names.count) >= least)
    }
}
