import CDDSPSynth
import DDSPSynth
import Foundation
import Testing

/// The engines through their C interface, as a plugin's shim calls them, with the small model of the golden vectors.
final class SynthSession {
    let synth: OpaquePointer
    var io = continuo_synth_io()
    var left: [Float] = []
    var right: [Float] = []
    let rate: Double
    static let model = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "vectors/synth/tiny.safetensors").path

    init(transfer: Bool = false, rate: Double = 48_000, block: Int = 64, model: String = SynthSession.model) throws {
        self.rate = rate
        // The repository, in whose `models` the pitch model lies, stands for a bundle.
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
        let made = root.withCString { continuoSynthMake(transfer, rate, UInt32(block), 8192, $0, { _, _, _ in }, nil) }
        synth = try #require(made)
        model.withCString { continuoSynthSetFile(synth, $0) }
        io.enabled = true
        io.freewheeling = true
        for index in 0..<Int(CONTINUO_SYNTH_CONTROLS.rawValue) {
            set(continuo_synth_control(UInt32(index)), ControlRange.of(continuo_synth_control(UInt32(index))).standard)
        }
        set(CONTINUO_SYNTH_ROOM, 0)
        set(CONTINUO_SYNTH_DRIFT, 0)
        set(CONTINUO_SYNTH_VIBRATO_DEPTH, 0)
    }

    deinit { continuoSynthFree(synth) }

    func set(_ control: continuo_synth_control, _ value: Float) {
        withUnsafeMutableBytes(of: &io.controls) { $0.storeBytes(of: value, toByteOffset: 4 * Int(control.rawValue), as: Float.self) }
    }

    /// Plays `count` samples with these messages, the block's own frames as their times.
    func play(_ count: Int, _ events: [(Int, [UInt8])] = [], input: [Float]? = nil, aliased: Bool = false) {
        var block = [Float](repeating: .nan, count: max(1, count))
        var other = block
        let messages = events.map { frame, bytes in
            continuo_synth_event(
                frame: UInt32(frame), size: UInt8(bytes.count),
                bytes: (bytes[0], bytes.count > 1 ? bytes[1] : 0, bytes.count > 2 ? bytes[2] : 0))
        }
        messages.withUnsafeBufferPointer { list in
            block.withUnsafeMutableBufferPointer { l in
                other.withUnsafeMutableBufferPointer { r in
                    io.frames = UInt32(count)
                    io.events = list.baseAddress
                    io.event_count = UInt32(list.count)
                    io.left = l.baseAddress
                    io.right = aliased ? l.baseAddress : r.baseAddress
                    if let input {
                        if aliased {
                            l.baseAddress!.update(from: input, count: count)
                            io.input = UnsafePointer(l.baseAddress)
                            continuoSynthProcess(synth, &io)
                        } else {
                            input.withUnsafeBufferPointer {
                                io.input = $0.baseAddress
                                continuoSynthProcess(synth, &io)
                            }
                        }
                    } else {
                        io.input = nil
                        continuoSynthProcess(synth, &io)
                    }
                }
            }
        }
        left += block[0..<count]
        right += (aliased ? block : other)[0..<count]
    }

    /// Plays `count` samples in blocks of `size`, with messages at times from the first of them on.
    func play(_ count: Int, blocks size: () -> Int, _ events: [(Int, [UInt8])], input: [Float]? = nil) {
        var start = 0
        while start < count {
            let length = min(size(), count - start)
            let here = events.filter { $0.0 >= start && $0.0 < start + length }.map { ($0.0 - start, $0.1) }
            play(length, here, input: input.map { Array($0[start..<(start + length)]) })
            start += length
        }
    }
}

func firstSound(_ samples: [Float], from start: Int = 0) -> Int? {
    samples[start...].firstIndex { $0 != 0 }
}

@Suite(.serialized) struct InstrumentCoreTests {
    /// A note sounds first at exactly its frame plus the reported latency, wherever it lies, at any rate and block length.
    @Test(arguments: [(48_000, 64), (44_100, 64), (44_100, 333), (96_000, 128), (192_000, 1024)])
    func onsetIsExact(rate: Int, block: Int) throws {
        for onset in [0, 1, 63, 100, 191, 192, 193, 1000, 4801] {
            let session = try SynthSession(rate: Double(rate), block: block)
            let note: [UInt8] = [0x90, 69, 100]
            session.play(rate / 4, blocks: { block }, [(onset, note)])
            let heard = try #require(firstSound(session.left))
            #expect(heard == onset + Int(session.io.latency), "at \(onset)")
            if block == 64 { #expect(Double(session.io.latency) <= 0.012 * Double(rate) + 64) }
            #expect(session.io.late_frames == 0)
        }
    }

    /// What comes out does not depend on where blocks begin: the same bits.
    @Test func blockLengthsChangeNothing() throws {
        var events: [(Int, [UInt8])] = []
        var random = SystemRandomNumberGenerator()
        for note in 0..<24 {
            let time = note * 1500 + Int.random(in: 0..<1000, using: &random)
            events.append((time, [0x90, UInt8(50 + note), UInt8(40 + 3 * note)]))
            events.append((time + 1200, [0x80, UInt8(50 + note), 64]))
            if note % 5 == 0 { events.append((time + 300, [0xE0, 0, UInt8(40 + note)])) }
        }
        func render(_ size: @escaping () -> Int) throws -> [Float] {
            let session = try SynthSession()
            session.set(CONTINUO_SYNTH_ROOM, 0.3)
            session.set(CONTINUO_SYNTH_DRIFT, 0.5)
            session.set(CONTINUO_SYNTH_UNISON, 2)
            session.play(48_000, blocks: size, events)
            return session.left + session.right
        }
        let reference = try render { 64 }
        #expect(reference.contains { abs($0) > 0.001 } && reference.allSatisfy { $0.isFinite })
        let ragged = try render { 1 + Int.random(in: 0..<64) }
        #expect(ragged == reference)
        let short = try render { 17 }
        #expect(short == reference)
    }

    /// Silence is true zeros, before the first note and after the last has died away.
    @Test func silenceIsZeros() throws {
        let session = try SynthSession()
        session.play(4800)
        #expect(session.left.allSatisfy { $0 == 0 } && session.right.allSatisfy { $0 == 0 })
        session.play(9600, blocks: { 64 }, [(0, [0x90, 60, 100]), (4800, [0x80, 60, 0])])
        #expect(session.left.contains { $0 != 0 })
        session.play(96_000, blocks: { 64 }, [])
        #expect(session.left.suffix(4800).allSatisfy { $0 == 0 })
        #expect(session.io.voices == 0)
    }

    /// A model file that cannot be loaded: the message names it; silence without a model, and no crash. A good one makes up for it.
    @Test func aBadModelIsSaidAndSurvived() throws {
        let session = try SynthSession()
        "/nowhere/violin.safetensors".withCString { continuoSynthSetFile(session.synth, $0) }
        session.play(4800, [(0, [0x90, 60, 100])])
        #expect(session.io.status == Int32(CONTINUO_SYNTH_SUBSTITUTE.rawValue) || session.io.status == Int32(CONTINUO_SYNTH_NO_MODEL.rawValue))
        SynthSession.model.withCString { continuoSynthSetFile(session.synth, $0) }
        session.play(4800, [(0, [0x90, 64, 100])])
        #expect(session.io.status == Int32(CONTINUO_SYNTH_READY.rawValue))
        #expect(session.left.suffix(2400).contains { $0 != 0 })
        var path = [CChar](repeating: 0, count: Int(CONTINUO_SYNTH_PATH_CAPACITY))
        #expect(continuoSynthModelFile(session.synth, &path) == UInt32(SynthSession.model.utf8.count))
    }

    /// Ten thousand messages of any kind in one block, then blocks of no frames, then all notes off: nothing hangs, all is finite.
    @Test func stormsOfEventsPass() throws {
        let session = try SynthSession()
        var generator = SystemRandomNumberGenerator()
        let storm = (0..<10_000).map { index -> (Int, [UInt8]) in
            (index / 40, [UInt8.random(in: 0x80...0xFF, using: &generator), .random(in: 0...127, using: &generator), .random(in: 0...127, using: &generator)])
        }
        session.play(256, storm)
        session.play(0, [(0, [0x90, 60, 100])])
        session.play(4800, blocks: { 256 }, [])
        #expect(session.left.allSatisfy { $0.isFinite })
        var end: [(Int, [UInt8])] = []
        for channel in 0..<UInt8(16) { for controller: UInt8 in [64, 66, 123] { end.append((0, [0xB0 | channel, controller, 0])) } }
        session.play(64, end)
        session.play(480_000, blocks: { 4096 }, [])
        #expect(session.io.voices == 0)
        #expect(session.left.suffix(4800).allSatisfy { $0 == 0 })
    }

    /// Switched off, the notes fade without a click; switched on, new ones sound.
    @Test func enabledFades() throws {
        let session = try SynthSession()
        session.play(24_000, blocks: { 64 }, [(0, [0x90, 45, 90])])
        let loudest = zip(session.left, session.left.dropFirst()).map { abs($1 - $0) }.max()!
        session.io.enabled = false
        session.play(4800, blocks: { 64 }, [(100, [0x90, 60, 90])])
        let steps = zip(session.left, session.left.dropFirst()).map { abs($1 - $0) }
        #expect(steps.suffix(4800).max()! <= loudest * 1.05)
        #expect(session.left.suffix(3600).allSatisfy { $0 == 0 })
        session.io.enabled = true
        session.play(9600, blocks: { 64 }, [(0, [0x90, 60, 90])])
        #expect(session.left.suffix(2400).contains { $0 != 0 })
    }

    /// Late frames live: a host faster than time itself makes them, and they are counted, never a crash, never a number that is none.
    @Test func liveWithoutTimeIsLateButFine() throws {
        let session = try SynthSession()
        session.io.freewheeling = false
        session.play(48_000, blocks: { 64 }, [(0, [0x90, 60, 90]), (20_000, [0x80, 60, 0])])
        #expect(session.left.allSatisfy { $0.isFinite })
    }

    @Test func oneBufferForBothOutputs() throws {
        let session = try SynthSession()
        session.play(4800, [(0, [0x90, 60, 90])], aliased: true)
        #expect(session.left.allSatisfy { $0.isFinite })
        #expect(session.left.contains { $0 != 0 })
    }
}
