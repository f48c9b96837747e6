import BassGenerator
import Foundation
import Testing

@Suite struct LineDecoderTests {
    private func decode(_ vectors: Vectors) throws -> BassLine {
        let logits = try vectors.array("logits"), cents = try vectors.array("cents")
        let onset = try vectors.array("onset"), loudness = try vectors.array("loudness")
        let decoder = LineDecoder(steps: cents.count)
        logits.withUnsafeBufferPointer { logits in
            for i in cents.indices {
                decoder.add(logits.baseAddress! + 46 * i, cents: cents[i], onset: onset[i], loudness: loudness[i])
            }
        }
        return decoder.finish()
    }

    @Test func matchesTheReference() throws {
        let vectors = try Vectors("decoding.safetensors")
        let line = try decode(vectors)
        #expect(try difference(line.pitch, vectors.array("pitch")) < 1e-5)
        let notes = try vectors.array("notes")
        #expect(line.notes.count == notes.count / 4)
        for (i, note) in line.notes.enumerated() where 4 * i + 3 < notes.count {
            #expect(abs(note.onset - 0.008 * (Double(notes[4 * i]) + 0.5)) < 1e-5)
            #expect(abs(note.end - 0.008 * Double(notes[4 * i + 1])) < 1e-9)
            #expect(note.key == Int(notes[4 * i + 2]))
            #expect(abs(note.loudness - notes[4 * i + 3]) < 1e-5)
        }
        let pitch = try vectors.array("control_pitch"), loudness = try vectors.array("control_loudness")
        for frame in pitch.indices {
            let control = line.control(at: frame, pausing: false)
            #expect(abs(control.pitch - pitch[frame]) < 1e-4 && abs(control.loudness - loudness[frame]) < 1e-4)
        }
    }

    /// What the head would say of a written line: (first step, last step, key, has an onset).
    private func written(_ notes: [(Int, Int, Int, Bool)], steps: Int) -> BassLine {
        let decoder = LineDecoder(steps: steps)
        for step in 0..<steps {
            var logits = [Float](repeating: 0, count: 46)
            let note = notes.first { $0.0 <= step && step < $0.1 }
            logits[note.map { $0.2 - 23 } ?? 45] = 10
            let isOnset = notes.contains { $0.0 == step && $0.3 }
            decoder.add(logits, cents: 0.1, onset: isOnset ? 3 : -5, loudness: note == nil ? -80 : -30)
        }
        return decoder.finish()
    }

    @Test func findsNotes() {
        let line = written([(10, 40, 40, true), (40, 80, 40, true), (80, 100, 43, false), (130, 150, 28, false)], steps: 200)
        #expect(line.notes.map(\.key) == [40, 40, 43, 28])
        #expect(zip(line.notes, [10.5, 40.5, 80.5, 130.5]).allSatisfy { abs($0.onset - $1 * 0.008) < 1e-9 })
        #expect(zip(line.notes, [40, 80, 100, 150]).allSatisfy { abs($0.end - $1 * 0.008) < 1e-9 })
        #expect(line.pitch[50] == 40.1 && line.pitch[120] == 0)
        // Where nothing sounds the last pitch stays; the leap is made at once.
        #expect(line.control(at: 0).pitch == 40.1 && line.control(at: 250).pitch == 43.1)
        let jump = (155...165).map { line.control(at: $0).pitch }
        #expect(Set(jump) == [40.1, 43.1])
    }

    @Test func pausesArePauses() {
        let line = BassLine(pitch: [40, 40, 0, 0, 40], loudness: [-20, -20, -30, -70, -20], notes: [])
        #expect((0..<10).map { line.control(at: $0).loudness } == [-20, -20, -20, -20, -40, -60, -65, -70, -45, -20])
        #expect(line.control(at: 5, pausing: false).loudness == -30)
    }

    @Test func toleratesSlips() {
        // One step of another pitch, four steps (too short for a note), and two steps of sound.
        let line = written(
            [(10, 30, 40, true), (30, 31, 45, false), (31, 60, 40, false), (60, 64, 45, false), (64, 90, 40, false), (120, 122, 30, true)],
            steps: 150)
        #expect(line.notes.map(\.key) == [40])
        #expect(abs(line.notes[0].end - 90 * 0.008) < 1e-9)
    }

    @Test func survivesNothing() {
        #expect(LineDecoder(steps: 0).finish().notes.isEmpty)
        #expect(LineDecoder(steps: 0).finish().control(at: 7).pitch == 36)
        #expect(written([], steps: 50).control(at: 20).pitch == 36)
    }

    @Test func velocities() {
        func velocity(_ loudness: Float) -> Int { BassNote(onset: 0, end: 1, key: 40, loudness: loudness).velocity }
        #expect(velocity(-15) == 127 && velocity(0) == 127)
        #expect(velocity(-27.04) == 64)
        #expect(velocity(-1000) == 1 && velocity(-.infinity) == 1 && (1...127).contains(velocity(.nan)))
    }
}
