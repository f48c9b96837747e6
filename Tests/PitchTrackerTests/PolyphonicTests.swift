import CPitchTracker
import Foundation
import Neural
import PitchTracker
import Testing

/// The polyphonic network against PyTorch, and its notes (training/pitch/poly).
@Suite(.serialized) struct PolyphonicTests {
    static let name = "continuo-pitch-poly"

    func golden() throws -> Safetensors {
        try Safetensors(path: Vectors.folder.appending(path: "pitch/\(Self.name).golden.safetensors").path)
    }

    @Test(arguments: [1, 2, 3]) func equalsPyTorch(level: Int) throws {
        let weights = try PolyphonicWeights(path: Weights.own(Self.name), kernels: Kernels(atMost: level))
        let golden = try golden()
        let frames = 40
        let audio = try golden.tensor(named: "audio", shape: [6400]).values
        let features = try golden.tensor(named: "features", shape: [4, 17, 216]).values
        let levels = try golden.tensor(named: "level", shape: [frames, 3]).values
        let heads = try golden.tensor(named: "heads", shape: [frames, 6, 72]).values
        let steps = try PolyphonicSteps(weights: weights)
        let padded = [Float](repeating: 0, count: 4096) + Array(audio) + [Float](repeating: 0, count: 1000)
        var worst = (features: Float(0), levels: Float(0), heads: Float(0))
        for frame in 0..<frames {
            let end = 4096 + frame * weights.hop + weights.delay
            let step = steps.step(Array(padded[(end - 4096)..<end]))
            for i in step.features.indices where frame % 10 == 0 {
                worst.features = max(worst.features, abs(step.features[i] - features[frame / 10 * 17 * 216 + i]))
            }
            for i in 0..<3 { worst.levels = max(worst.levels, abs(step.levels[i] - levels[3 * frame + i])) }
            for i in step.heads.indices { worst.heads = max(worst.heads, abs(step.heads[i] - heads[frame * 432 + i])) }
        }
        #expect(worst.features < 1e-4 && worst.levels < 1e-5 && worst.heads < 1e-4, "\(worst)")
    }

    /// Notes that a frame sequence tells, in the tracker's order of ends.
    func notes(of frames: [PitchFrame], stride: Int = 4) -> [[Int]] {
        var tracker = ChordTracker()
        var sounding: [UInt8: NoteEvent] = [:]
        var notes: [[Int]] = []
        func drain() {
            while let event = tracker.next() {
                if event.kind == .on {
                    #expect(sounding[event.note] == nil)
                    sounding[event.note] = event
                } else if let start = sounding.removeValue(forKey: event.note) {
                    notes.append([start.frame, event.frame, Int(event.note), Int(start.velocity)])
                } else {
                    Issue.record("an end of \(event.note) that did not sound")
                }
            }
        }
        for frame in frames {
            tracker.take(frame, stride: stride)
            drain()
        }
        tracker.stop(at: (frames.last?.index ?? 0) + stride)
        drain()
        #expect(sounding.isEmpty && !tracker.isSounding)
        return notes
    }

    /// The same notes as decoding.py makes of the same heads: onset, end, key, velocity.
    @Test func decodingEqualsPython() throws {
        let golden = try golden()
        let frames = 150
        let onset = try golden.tensor(named: "decoding.onset", shape: [frames, 72]).values
        let note = try golden.tensor(named: "decoding.note", shape: [frames, 72]).values
        let level = try golden.tensor(named: "decoding.level", shape: [frames, 72]).values
        let shape = try #require(golden.shape(of: "decoding.notes"))
        let wanted = try golden.tensor(named: "decoding.notes", shape: shape).values
        let decoder = ChordSteps()
        var told: [PitchFrame] = []
        for frame in 0..<frames {
            var result = PitchFrame(index: 4 * frame, frequency: 0, confidence: 0, level: 0)
            result.chord = decoder.step(
                onsets: onset.baseAddress! + 72 * frame, notes: note.baseAddress! + 72 * frame,
                levels: level.baseAddress! + 72 * frame)
            told.append(result)
        }
        let found = notes(of: told).sorted { $0.lexicographicallyPrecedes($1) }
        var expected: [[Int]] = []
        for i in 0..<shape[0] {
            let row = wanted[(4 * i)..<(4 * i + 4)].map { Double($0) }
            // Base frames are 2.5 ms apart.
            expected.append([Int((row[0] * 400).rounded()), Int((row[1] * 400).rounded()), Int(row[2]), Int(row[3])])
        }
        expected.sort { $0.lexicographicallyPrecedes($1) }
        #expect(expected.count > 25)
        #expect(found == expected)
    }

    /// A frame that never came costs no note its end or beginning.
    @Test func lostFramesHeal() {
        var tracker = ChordTracker()
        func events(_ index: Int, _ sounding: SIMD2<UInt64>) -> [NoteEvent] {
            var frame = PitchFrame(index: index, frequency: 0, confidence: 0, level: 0)
            frame.chord.sounding = sounding
            tracker.take(frame, stride: 4)
            var events: [NoteEvent] = []
            while let event = tracker.next() { events.append(event) }
            return events
        }
        let both = SIMD2<UInt64>(1 << 60, 1 << 3)
        #expect(events(40, both).map { [Int($0.note), $0.kind == .on ? 1 : 0, $0.frame] } == [[60, 1, 40], [67, 1, 40]])
        #expect(events(44, both).isEmpty)
        #expect(events(48, SIMD2(0, 1 << 3)).map { [Int($0.note), $0.kind == .off ? 1 : 0, $0.frame] } == [[60, 1, 36]])
        tracker.stop(at: 52)
        #expect(tracker.next()?.note == 67 && tracker.next() == nil && !tracker.isSounding)
    }

    /// A rendered guitar and a piano (training/pitch/poly/fixture.py), and their notes: F1 as mir_eval counts it.
    @Test(arguments: [("guitar", 0.9), ("piano", 0.75)]) func renderedPieces(name: String, least: Double) throws {
        let folder = Vectors.folder.appending(path: "polyphonic")
        let (samples, rate) = try monoSamples(folder.appending(path: name + ".flac").path)
        let text = try String(contentsOf: folder.appending(path: name + ".tsv"), encoding: .utf8)
        let reference = text.split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: "\t").map { Double($0)! }
            return Note(onset: fields[0], pitch: fields[2])
        }
        let frames = try analyse(samples, rate: rate, model: try Weights.load(Self.name))
        let found = notes(of: frames).map { Note(onset: Double($0[0]) * 0.0025, pitch: Double($0[2])) }
        let score = NoteMetric(reference: reference, estimate: found)
        print("\(name): \(reference.count) notes, F1 \(score.f1), precision \(score.precision), recall \(score.recall)")
        #expect(score.f1 >= least, "\(score)")
    }

    /// G3 and E4 of ten partials that die away, `seconds` after they began.
    func twoTones(_ seconds: Double, decay: Double) -> Float {
        var sum = 0.0
        for frequency in [196.0, 329.63] {
            for k in 1...10 { sum += 0.1 / Double(k) * sin(2 * .pi * frequency * Double(k) * seconds) }
        }
        return Float(sum * exp(-decay * seconds))
    }

    /// Two tones that sound together are two notes; the frame's pitch is the lower one's. Nothing is heard in silence.
    @Test func twoTonesAreTwoNotes() throws {
        let model = try Weights.load(Self.name)
        let samples = (0..<32_000).map { n -> Float in
            n < 8000 ? 0 : twoTones(Double(n - 8000) / 16_000, decay: 1.5)
        }
        let frames = try analyse(samples, rate: 16_000, model: model)
        let found = notes(of: frames)
        #expect(Set(found.map { $0[2] }) == [55, 64], "\(found)")
        for frame in frames[70..<110] {
            #expect(abs(1200 * log2(frame.frequency / 196)) < 25, "\(frame.time): \(frame.frequency) Hz")
        }
        let silence = try analyse([Float](repeating: 0, count: 16_000), rate: 16_000, model: model)
        #expect(notes(of: silence).isEmpty && silence.allSatisfy { $0.confidence == 0 && $0.frequency == 0 })
    }

    /// Through the C interface: MIDI of several notes at once, ended when the plugin is switched off or the model changes.
    @Test func thePluginPlaysChords() throws {
        let tracker = try #require(Weights.root.withCString { continuoPitchMake(48_000, 64, 8192, $0, nil, nil) })
        defer { continuoPitchFree(tracker) }
        var io = continuo_pitch_io()
        (io.enabled, io.freewheeling, io.midi_channel) = (true, true, 2)
        (io.hop, io.confidence, io.hysteresis, io.gate) = (10, 0.5, 0.2, -55)
        (io.lowest, io.highest, io.a4, io.minimum_note) = (32, 2000, 440, 50)
        io.model = Int32(CONTINUO_PITCH_MODEL_POLYPHONIC.rawValue)
        var time = 0
        func play(_ count: Int) -> [[UInt8]] {
            var messages: [[UInt8]] = []
            for _ in 0..<count {
                let samples = (0..<256).map { i -> Float in
                    let t = Double(time + i) / 48_000 - 0.25
                    return t < 0 ? 0 : twoTones(t, decay: 0.7)
                }
                time += 256
                samples.withUnsafeBufferPointer { buffer in
                    (io.frames, io.input) = (256, buffer.baseAddress)
                    continuoPitchProcess(tracker, &io)
                }
                for i in 0..<Int(io.event_count) {
                    let event = io.events[i]
                    messages.append([event.bytes.0, event.bytes.1, event.bytes.2])
                }
            }
            return messages
        }
        let first = play(120)
        #expect(io.status == Int32(CONTINUO_PITCH_READY.rawValue) && io.late_frames == 0)
        #expect(Set(first.filter { $0[0] == 0x91 }.map { $0[1] }) == [55, 64], "\(first)")
        #expect(!first.contains { $0[0] == 0x81 } && abs(io.note - 55) < 0.3 && abs(io.frequency - 196) < 4)
        #expect(io.tracking_delay > 50 && io.tracking_delay < 60)
        io.enabled = false
        #expect(Set(play(1).map { Array($0[0..<2]) }) == [[0x81, 55], [0x81, 64]])
        io.enabled = true
        #expect(play(4).filter { $0[0] == 0x91 }.count == 2)
        io.model = Int32(CONTINUO_PITCH_MODEL_QUICK.rawValue)
        #expect(Set(play(20).filter { $0[0] == 0x81 }.map { $0[1] }).isSuperset(of: [55, 64]))
    }

    @Test func filesOfAnotherKindAreNamed() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "continuo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let original = try Data(contentsOf: URL(filePath: Weights.own(Self.name)))
        func refusal(_ change: (inout Data) -> Void) throws -> String? {
            var data = original
            change(&data)
            let path = folder.appending(path: "model.safetensors").path
            try data.write(to: URL(filePath: path))
            do throws(ModelError) {
                _ = try PitchModel(path: path)
                return nil
            } catch {
                #expect(error.message.contains(path))
                return error.message
            }
        }
        func replace(_ text: String, _ other: String) -> (inout Data) -> Void {
            { data in
                #expect(text.utf8.count == other.utf8.count)
                data.replaceSubrange(data.range(of: Data(text.utf8))!, with: Data(other.utf8))
            }
        }
        #expect(try refusal { _ in } == nil)
        #expect(try refusal(replace("\"hop\":\"160\"", "\"hop\":\"161\""))?.contains("metadata") == true)
        #expect(try refusal(replace("\"positions\":\"72\"", "\"positions\":\"73\""))?.contains("metadata") == true)
        #expect(try refusal(replace("heads.bias", "heads.bios"))?.contains("heads.bias") == true)
        #expect(try refusal(replace("features.window.2", "features.window.3"))?.contains("features.window.2") == true)
        #expect(try refusal(replace("blocks.4.twelfths", "blocks.4.twelvths"))?.contains("blocks.4.twelfths") == true)
        #expect(try refusal(replace("continuo-pitch-poly 1", "continuo-pitch-poly 2"))?.contains("CREPE") == true)
        #expect(try refusal { $0.removeLast(1000) } != nil)
        // A filter bank that reaches out of the spectrum.
        for name in ["features.bank.0.first", "features.bank.1.count"] {
            #expect(
                try refusal { data in
                    let header = Int(data[0]) | Int(data[1]) << 8 | Int(data[2]) << 16
                    let json = try! JSONSerialization.jsonObject(with: data[8..<(8 + header)]) as! [String: Any]
                    let place = 8 + header + ((json[name] as! [String: Any])["data_offsets"] as! [Int])[0]
                    withUnsafeBytes(of: Float(60_000).bitPattern.littleEndian) {
                        data.replaceSubrange((place + 40)..<(place + 44), with: $0)
                    }
                }?.contains(name) == true)
        }
    }
}
