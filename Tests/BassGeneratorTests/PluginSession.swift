import BassGenerator
import CBassGenerator
import Foundation
import Testing

/// The plugin's engine through its C interface, as a shim calls it, with the models of this repository.
final class BassSession {
    /// A MIDI message at a sample since the session began.
    struct Message: Equatable {
        var time: Int
        var status: UInt8
        var key: UInt8
        var velocity: UInt8
    }

    let handle: OpaquePointer
    let rate: Int
    var io = continuo_bass_io()
    /// What came out.
    var through: [Float] = []
    var bass: [Float] = []
    var messages: [Message] = []
    /// Where the transport is, in samples; nil: the host has none.
    var transport: Int?
    var tempo: Float = 120
    /// The transport jumps back from the one sample to the other.
    var loop: (end: Int, begin: Int)?
    var isStopped = false
    private(set) var time = 0

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    init(rate: Int = 24_000, bundle: String = BassSession.root, transport: Int? = 0) throws {
        self.rate = rate
        self.transport = transport
        let made = bundle.withCString { continuoBassMake(Double(rate), $0, { _, _, _ in }, nil, nil) }
        handle = try #require(made)
        io.enabled = true
        io.freewheeling = true
        for index in 0..<CONTINUO_BASS_CONTROLS.rawValue {
            set(continuo_bass_control(index), BassControlRange.of(continuo_bass_control(index)).standard)
        }
        set(CONTINUO_BASS_BARS, 1)
        set(CONTINUO_BASS_STEPS, 2)
    }

    /// Lets the player go; it must not be used after that.
    func end() {
        if !hasEnded { continuoBassFree(handle) }
        hasEnded = true
    }
    private var hasEnded = false
    deinit { end() }

    func set(_ control: continuo_bass_control, _ value: Float) {
        withUnsafeMutableBytes(of: &io.controls) { $0.storeBytes(of: value, toByteOffset: 4 * Int(control.rawValue), as: Float.self) }
    }

    var state: Int32 { io.state }
    /// Samples of a bar.
    var bar: Int { Int(Double(rate) * 240 / Double(tempo)) }

    /// A chord of which the root changes every second, with a click on every half of it.
    func mix(_ time: Int) -> Float {
        let seconds = Double(time) / Double(rate)
        let root = [110.0, 146.83, 164.81, 130.81][Int(seconds) % 4]
        let decay = exp(-3 * seconds.truncatingRemainder(dividingBy: 0.5))
        var sum = 0.0
        for ratio in [2.0, 2.5, 3.0, 4.0] { sum += 0.08 * decay * sin(2 * .pi * root * ratio * seconds) }
        return Float(sum) + (time % (rate / 2) < 20 ? 0.4 : 0)
    }

    /// Plays `count` samples in blocks, all of whose audio ports may share one buffer.
    func play(_ count: Int, block: Int = 512, wait: (() -> Void)? = nil) {
        var done = 0
        while done < count {
            let part = min(block, count - done)
            var left = (0..<part).map { mix(time + $0) }
            var right = left, bassLeft = left, bassRight = left
            var positions: [continuo_bass_position] = []
            if var at = transport {
                if let loop, at >= loop.end { at = loop.begin + at - loop.end }
                positions.append(position(at, 0))
                // A jump within the block is said where it is.
                if let loop, at + part > loop.end, at < loop.end {
                    positions.append(position(loop.begin, loop.end - at))
                    at = loop.begin - (loop.end - at)
                }
                if !isStopped { transport = at + part }
            }
            var events = [continuo_bass_event](repeating: continuo_bass_event(), count: 64)
            io.frames = UInt32(part)
            left.withUnsafeMutableBufferPointer { l in
                right.withUnsafeMutableBufferPointer { r in
                    bassLeft.withUnsafeMutableBufferPointer { b in
                        bassRight.withUnsafeMutableBufferPointer { c in
                            positions.withUnsafeBufferPointer { p in
                                events.withUnsafeMutableBufferPointer { e in
                                    io.left = UnsafePointer(l.baseAddress)
                                    io.right = UnsafePointer(r.baseAddress)
                                    io.through_left = l.baseAddress
                                    io.through_right = r.baseAddress
                                    io.bass_left = b.baseAddress
                                    io.bass_right = c.baseAddress
                                    io.positions = p.baseAddress
                                    io.position_count = UInt32(p.count)
                                    io.events = e.baseAddress
                                    io.event_capacity = UInt32(e.count)
                                    continuoBassProcess(handle, &io)
                                }
                            }
                        }
                    }
                }
            }
            #expect(bassLeft == bassRight)
            through += left
            bass += bassLeft
            for event in events[..<Int(io.event_count)] {
                #expect(event.frame < part)
                messages.append(
                    Message(
                        time: time + Int(event.frame), status: event.bytes.0, key: event.bytes.1, velocity: event.bytes.2))
            }
            time += part
            done += part
            wait?()
        }
    }

    private func position(_ at: Int, _ frame: Int) -> continuo_bass_position {
        let beats = Double(at) * Double(tempo) / 60 / Double(rate)
        let bar = (beats / 4).rounded(.down)
        return continuo_bass_position(
            frame: UInt32(frame), speed: isStopped ? 0 : 1, bar: Int64(bar), bar_beat: Float(beats - 4 * bar), beats_per_bar: 4, beat_unit: 4,
            beats_per_minute: tempo)
    }

    /// Presses a button for a block, a block from now: 128 samples in all.
    func press(_ control: continuo_bass_control) {
        play(64)
        set(control, 1)
        play(64)
        set(control, 0)
    }

    /// The loudest sample of the bass in this part of what came out.
    func peak(_ range: Range<Int>) -> Float { bass[range].map(abs).max() ?? 0 }
}
