import CPitchTracker
import ContinuoPitch
import Foundation
import PitchTracker
import Realtime
import Testing

@Suite(.serialized) struct PitchEngineTests {
    /// A phrase at any rate: glides, vibrato, rests, several harmonics, between 80 and 900 Hz.
    func phrase(rate: Int, seconds: Double) -> [Float] {
        var phase = 0.0
        return (0..<Int(Double(rate) * seconds)).map { n in
            let t = Double(n) / Double(rate)
            let frequency = 80 * pow(2, 1.7 * (1 - cos(t * 1.3))) * (1 + 0.01 * sin(2 * .pi * 5.5 * t))
            phase += 2 * .pi * frequency / Double(rate)
            let level = t.truncatingRemainder(dividingBy: 1.1) < 0.9 ? 0.2 : 0
            return Float(level * (sin(phase) + 0.5 * sin(2 * phase) + 0.3 * sin(3 * phase)))
        }
    }

    /// Streaming, through the threads, in random blocks: the same bits as the offline analysis, at every rate and hop.
    @Test(arguments: [
        (44_100, 1, "crepe-tiny"), (48_000, 4, "crepe-tiny"), (96_000, 2, "crepe-tiny"), (192_000, 8, "crepe-tiny"),
        (44_100, 4, "continuo-pitch-standard"), (192_000, 8, "continuo-pitch-standard"), (48_000, 2, "continuo-pitch-quick"),
        (96_000, 4, "continuo-pitch-quick"), (44_100, 4, "continuo-pitch-poly"), (96_000, 8, "continuo-pitch-poly"),
    ])
    func streamingEqualsOffline(rate: Int, stride: Int, name: String) throws {
        let model = try Weights.load(name)
        let samples = phrase(rate: rate, seconds: 2)
        let offline = try analyse(samples, rate: rate, model: model, hop: 2.5 * Double(stride), piece: 777)
        #expect(offline.count == Int((2 / 0.0025 / Double(stride)).rounded(.up)))
        let stream = try #require(
            StreamingInference(
                engine: try PitchEngine(model: model, sampleRate: rate),
                timing: PitchEngine.timing(sampleRate: rate, delay: model.delay, inferenceBudget: 0.004), sampleRate: Double(rate), block: 64))
        defer { stream.close() }
        var streamed: [PitchFrame] = []
        var start = 0
        var length = 1
        samples.withUnsafeBufferPointer { buffer in
            while start < buffer.count {
                length = (length * 7919 + 13) % 8193
                let count = min(length, buffer.count - start)
                stream.process(
                    buffer.baseAddress! + start, count: count, settings: .init(stride: stride), freewheeling: true
                ) { if $0.frame >= 0 && $0.frame % stride == 0 { streamed.append($0.result!) } }
                start += count
            }
        }
        #expect(streamed.count > offline.count - 60)
        for (a, b) in zip(streamed, offline) { #expect(a == b) }
    }

    /// Steady tones at all rates: within 10 cents (CREPE tiny's own bias included), confident.
    @Test(arguments: [8000, 44_100, 48_000, 88_200, 192_000], ["crepe-tiny", "continuo-pitch-standard", "continuo-pitch-quick"])
    func tonesAreFound(rate: Int, name: String) throws {
        let model = try Weights.load(name)
        // The quick one is for what lies above some 80 Hz.
        for frequency in [55.0, 110, 220, 440, 880, 1600] where name != "continuo-pitch-quick" || frequency > 80 {
            let samples = (0..<rate).map { n in
                (1...8).reduce(Float(0)) { sum, k in
                    let f = frequency * Double(k)
                    return f < Double(rate) * 0.45
                        ? sum + Float(0.1 / Double(k) * sin(2 * .pi * f * Double(n) / Double(rate))) : sum
                }
            }
            let frames = try analyse(samples, rate: rate, model: model)
            for frame in frames[10..<90] {
                let cents = 1200 * log2(Double(frame.frequency) / frequency)
                #expect(abs(cents) < 25 && frame.confidence > 0.5, "\(name), \(frequency) Hz at \(rate) Hz: \(cents) cents, \(frame.confidence)")
            }
        }
    }

    /// A coarse hop leaves frames out and changes none of the others.
    @Test(arguments: [30.0, 50, 100], ["crepe-tiny", "continuo-pitch-standard"])
    func coarseHopsLeaveFramesOut(hop: Double, name: String) throws {
        let model = try Weights.load(name)
        let samples = phrase(rate: 16_000, seconds: 4)
        let every = Int(hop / 10)
        let fine = try analyse(samples, rate: 16_000, model: model).filter { $0.index % (4 * every) == 0 }
        let coarse = try analyse(samples, rate: 16_000, model: model, hop: hop)
        #expect(coarse == fine)
    }

    @Test(arguments: ["crepe-tiny", "continuo-pitch-standard", "continuo-pitch-quick"])
    func silenceAndNonsenseHaveNoPitch(name: String) throws {
        let model = try Weights.load(name)
        for value in [Float(0), 1e-38, .nan, .infinity] {
            let frames = try analyse([Float](repeating: value, count: 8000), rate: 16_000, model: model)
            #expect(frames.allSatisfy { $0.confidence == 0 && $0.frequency == 0 })
        }
        #expect(try analyse([], rate: 48_000, model: model).isEmpty)
        #expect(try analyse([0.5], rate: 48_000, model: model).count == 1)
    }

    /// The tracking delay the plugin reports is the time from a step in pitch to the output's crossing half-way, measured
    /// through the C interface, within half a hop.
    @Test(arguments: [
        (64, 2.5, CONTINUO_PITCH_MODEL_CREPE_TINY), (256, 2.5, CONTINUO_PITCH_MODEL_CREPE_TINY),
        (64, 10, CONTINUO_PITCH_MODEL_STANDARD), (1024, 10, CONTINUO_PITCH_MODEL_AUTOMATIC),
        (64, 5, CONTINUO_PITCH_MODEL_QUICK), (256, 5, CONTINUO_PITCH_MODEL_QUICK),
    ] as [(Int, Double, continuo_pitch_model)])
    func reportedTrackingDelayIsTheMeasured(block: Int, hop: Double, model: continuo_pitch_model) throws {
        let rate = 48_000
        let step = 24_000
        var phase = 0.0
        let samples = (0..<48_000).map { n -> Float in
            phase += 2 * .pi * (n < step ? 220 : 330) / Double(rate)
            return Float(0.2 * (sin(phase) + 0.5 * sin(2 * phase) + 0.25 * sin(3 * phase)))
        }
        let tracker = try #require(Weights.root.withCString { continuoPitchMake(Double(rate), UInt32(block), 8192, $0, nil, nil) })
        defer { continuoPitchFree(tracker) }
        var io = continuo_pitch_io()
        io.enabled = true
        io.freewheeling = true
        io.hop = Float(hop)
        io.model = Int32(model.rawValue)
        (io.confidence, io.lowest, io.highest, io.a4, io.gate) = (0.3, 32, 2000, 440, -55)
        var volts = [Float](repeating: 0, count: block)
        var crossing: Int?
        for start in stride(from: 0, to: samples.count - block, by: block) {
            samples.withUnsafeBufferPointer { buffer in
                volts.withUnsafeMutableBufferPointer { cv in
                    io.frames = UInt32(block)
                    io.input = buffer.baseAddress! + start
                    io.cv_pitch = cv.baseAddress!
                    continuoPitchProcess(tracker, &io)
                }
            }
            let half = Float(log2((220 * 330).squareRoot() / 261.6256))
            if start > step - block, crossing == nil, let index = volts.firstIndex(where: { $0 > half }) {
                crossing = start + index
            }
        }
        let measured = Double(try #require(crossing) - step) * 1000 / Double(rate)
        // The voltage takes 5 ms for its glide, and frames come one hop apart.
        #expect(abs(measured - Double(io.tracking_delay)) < hop + 6, "measured \(measured), reported \(io.tracking_delay) ms")
        #expect(io.late_frames == 0 && io.status == Int32(CONTINUO_PITCH_READY.rawValue))
        // The models' own delays, the resampler's, the time to compute.
        if block == 64 {
            let least: Float = model == CONTINUO_PITCH_MODEL_QUICK ? 6 : model == CONTINUO_PITCH_MODEL_STANDARD ? 20 : 32
            #expect(io.tracking_delay > least && io.tracking_delay < least + 7, "\(io.tracking_delay)")
        }
    }
}

/// The plugin's engine through its C interface, playing a steady tone.
@Suite(.serialized) struct PitchTrackerCoreTests {
    final class Session {
        let tracker: OpaquePointer
        var io = continuo_pitch_io()
        var frequency = 220.0
        private var phase = 0.0

        init() throws {
            _ = try Weights.load("crepe-tiny")
            tracker = try #require(Weights.root.withCString { continuoPitchMake(48_000, 64, 8192, $0, nil, nil) })
            io.enabled = true
            io.freewheeling = true
            (io.hop, io.confidence, io.hysteresis, io.gate) = (10, 0.5, 0.2, -55)
            (io.lowest, io.highest, io.a4, io.minimum_note, io.bend_range) = (32, 2000, 440, 50, 2)
            io.midi_channel = 1
        }
        deinit { continuoPitchFree(tracker) }

        /// The MIDI messages of `blocks` blocks of `length` samples.
        func play(blocks: Int = 1, length: Int = 64, each: (continuo_pitch_io) -> Void = { _ in }) -> [[UInt8]] {
            var messages: [[UInt8]] = []
            for _ in 0..<blocks {
                let samples = (0..<length).map { _ -> Float in
                    phase += 2 * .pi * frequency / 48_000
                    return Float(0.2 * (sin(phase) + 0.5 * sin(2 * phase) + 0.25 * sin(3 * phase)))
                }
                samples.withUnsafeBufferPointer { buffer in
                    io.frames = UInt32(length)
                    io.input = buffer.baseAddress
                    continuoPitchProcess(tracker, &io)
                }
                for index in 0..<Int(io.event_count) {
                    let event = io.events[index]
                    messages.append([event.bytes.0, event.bytes.1, event.bytes.2])
                }
                each(io)
            }
            return messages
        }
    }

    /// Frames that are under way when the hop becomes finer were left out, not silent.
    @Test func aFinerHopKeepsTheNote() throws {
        let session = try Session()
        session.io.hop = 20
        let before = session.play(blocks: 48, length: 2048)
        #expect(before.count { $0[0] == 0x90 } == 1)
        session.io.hop = 2.5
        var least: Float = 1
        let after = session.play(blocks: 24, length: 2048) { least = min(least, $0.confidence_now) }
        #expect(least > 0.5)
        #expect(!after.contains { $0[0] == 0x90 || $0[0] == 0x80 })
    }

    /// Events have no place in a block of no frames: they come with the next.
    @Test func anEmptyBlockHasNoEvents() throws {
        let session = try Session()
        #expect(session.play(length: 0).isEmpty)
        #expect(session.play().count { $0[0] == 0xB0 } == 6)
        #expect(session.play(blocks: 400).contains { $0[0] == 0x90 })
        session.io.enabled = false
        #expect(session.play(length: 0).isEmpty)
        #expect(session.play() == [[0x80, 57, 64]])
    }

    /// A note that sounds when the plugin is deactivated is ended when it runs again.
    @Test func activationEndsTheNote() throws {
        let session = try Session()
        #expect(session.play(blocks: 400).contains { $0[0] == 0x90 })
        continuoPitchActivate(session.tracker)
        #expect(session.play().first == [0x80, 57, 64])
        continuoPitchActivate(session.tracker)
        #expect(session.play().allSatisfy { $0[0] == 0xB0 })
    }

    /// Between two notes without a rest the gate closes for 2 ms, so that an envelope starts anew.
    @Test func theGateClosesBetweenNotes() throws {
        let session = try Session()
        let gate = UnsafeMutablePointer<Float>.allocate(capacity: 64)
        defer { gate.deallocate() }
        session.io.cv_gate = gate
        #expect(session.play(blocks: 400).contains { $0[0] == 0x90 })
        #expect(gate[63] == 10)
        session.frequency = 330
        var volts: [Float] = []
        let messages = session.play(blocks: 400) { _ in for index in 0..<64 { volts.append(gate[index]) } }
        #expect(messages.filter { $0[0] & 0xE0 == 0x80 }.map { Array($0[0..<2]) } == [[0x80, 57], [0x90, 64]])
        let closed = volts.count { $0 == 0 }
        #expect(closed >= 40 && closed <= 100, "\(closed) samples")
        #expect(volts.last == 10)
    }

    /// Without bends an instrument is left in tune.
    @Test func noBendRangeCentresTheBend() throws {
        let session = try Session()
        #expect(session.play(blocks: 400).contains { $0[0] == 0xE0 })
        session.io.bend_range = 0
        #expect(session.play().first == [0xE0, 0, 64])
        #expect(!session.play(blocks: 100).contains { $0[0] == 0xE0 })
    }
}

@Suite struct PitchPortsTests {
    /// The shim's port numbers are those of the TTL.
    @Test func portsMatchTheDescription() throws {
        let folder = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "ttl/pitch")
        let text = try ["pitch.ttl", "cv-ports.in"].map {
            try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
        }.joined()
        let pattern = /lv2:index (\d+) ;\s*lv2:symbol "([^"]+)"/
        let found = text.matches(of: pattern).map { (Int($0.1)!, String($0.2)) }
        var count = 0
        while let symbol = pitch_port_symbol(Int32(count)) {
            #expect(found.contains { $0.0 == count && $0.1 == String(cString: symbol) }, "\(String(cString: symbol))")
            count += 1
        }
        #expect(found.count == count)
    }
}
