import BassGenerator
import CBassGenerator
import Foundation
import Testing

/// The player's engine as a host runs it.
@Suite(.serialized) struct PluginCoreTests {
    @Test func mixPassesAtOnce() throws {
        let session = try BassSession()
        session.play(5000, block: 333)
        #expect(session.through.elementsEqual((0..<5000).map { session.mix($0) }))
        #expect(session.peak(0..<5000) == 0 && session.messages.isEmpty)
        // With a level of its own, also where the plugin is switched off.
        session.set(CONTINUO_BASS_THROUGH_LEVEL, -60)
        session.play(5000)
        #expect(session.through[9000...].allSatisfy { $0 == 0 })
        session.io.enabled = false
        session.play(5000)
        #expect(session.through[14_000...].elementsEqual((14_000..<15_000).map { session.mix($0) }))
    }

    /// A capture of two bars from the first bar line on, then the take in its place, again and again.
    @Test func loopPlaysInPlace() throws {
        let session = try BassSession(rate: 48_000)
        session.set(CONTINUO_BASS_BARS, 2)
        session.press(CONTINUO_BASS_CAPTURE)
        #expect(session.state == Int32(CONTINUO_BASS_ARMED.rawValue))
        let bar = session.bar
        session.play(9 * bar - 128)
        // Bar 0 is under way when the button is pressed; bars 1 and 2 are captured; bar 3 is for the work.
        #expect(session.peak(0..<4 * bar) == 0)
        #expect(session.peak(4 * bar..<6 * bar) > 0.01)
        #expect(session.io.takes == 1 && session.io.late == 0 && session.io.is_playing)
        // The same bits from pass to pass, once the first has faded in and until the last block.
        let fade = 480
        #expect(session.bass[(4 * bar + fade)..<(6 * bar)].elementsEqual(session.bass[(6 * bar + fade)..<(8 * bar)]))
        // Notes begin and end in turn, and with sound.
        #expect(session.messages.count >= 4)
        for (n, message) in session.messages.enumerated() {
            #expect(message.status == (n % 2 == 0 ? 0x90 : 0x80))
            if n % 2 == 1 { #expect(message.key == session.messages[n - 1].key) }
            #expect((23...67).contains(message.key) && (1...127).contains(message.velocity))
            if n > 0 { #expect(message.time >= session.messages[n - 1].time) }
        }
        // No click anywhere: no step far beyond what the sound itself makes.
        let steps = zip(session.bass.dropFirst(), session.bass).map { abs($0 - $1) }
        let usual = steps[(4 * bar + bar / 2)..<(5 * bar)].max()!
        #expect(steps.max()! < 3 * usual)
    }

    @Test func sameBitsInAnyBlocksAndLive() throws {
        func run(block: Int, live: Bool) throws -> BassSession {
            let session = try BassSession()
            session.io.freewheeling = !live
            if live {
                // Until the models are there.
                repeat {
                    session.io.frames = 0
                    continuoBassProcess(session.handle, &session.io)
                    usleep(1000)
                } while session.state == Int32(CONTINUO_BASS_LOADING.rawValue)
            }
            session.press(CONTINUO_BASS_CAPTURE)
            session.play(
                5 * session.bar, block: block,
                wait: {
                    // Real time is longer than this.
                    while session.state == Int32(CONTINUO_BASS_GENERATING.rawValue) {
                        session.io.frames = 0
                        continuoBassProcess(session.handle, &session.io)
                        usleep(1000)
                    }
                })
            #expect(session.io.late == 0)
            return session
        }
        let first = try run(block: 512, live: false)
        #expect(first.peak(3 * first.bar..<5 * first.bar) > 0.01)
        for (block, live) in [(512, false), (37, false), (4096, false), (64, true)] {
            let other = try run(block: block, live: live)
            // As one value: of two that differ everything would be printed.
            let isSame = other.bass == first.bass
            #expect(isSame, "blocks of \(block), \(live ? "live" : "freewheeling")")
            #expect(other.messages == first.messages)
        }
    }

    @Test func followListensAgainAndAgain() throws {
        let session = try BassSession()
        session.set(CONTINUO_BASS_MODE, 1)
        session.set(CONTINUO_BASS_BARS, 2)
        let bar = session.bar
        session.play(8 * bar + 64)
        #expect(session.io.takes == 4)
        #expect(session.peak(0..<3 * bar) == 0)
        for part in [3..<5, 5..<7, 7..<8] { #expect(session.peak(part.lowerBound * bar..<part.upperBound * bar) > 0.01) }
        // Other takes, for other bars and seeds.
        #expect(!session.bass[4 * bar..<5 * bar].elementsEqual(session.bass[6 * bar..<7 * bar]))
        // Hold keeps the last one that sounds from the next bar line on.
        session.set(CONTINUO_BASS_MODE, 2)
        session.play(8 * bar)
        let takes = session.io.takes
        #expect(takes == 4)
        #expect(session.bass[(10 * bar)..<(12 * bar)].elementsEqual(session.bass[(12 * bar)..<(14 * bar)]))
    }

    /// Another take of the same bars; the one that plays goes on until then.
    @Test func generatesAnew() throws {
        let session = try BassSession()
        let bar = session.bar
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(4 * bar)
        #expect(session.io.takes == 1)
        session.press(CONTINUO_BASS_GENERATE)  // in bar 4
        session.play(3 * bar)
        #expect(session.io.takes == 2)
        let first = session.bass[(4 * bar + 480)..<(5 * bar)], still = session.bass[(5 * bar + 480)..<(6 * bar)]
        let second = session.bass[(6 * bar + 480)..<(7 * bar)]
        #expect(first.elementsEqual(still))
        #expect(!second.elementsEqual(first) && session.peak(6 * bar..<7 * bar) > 0.01)
    }

    /// A variation that goes nowhere is the line itself.
    @Test func variesFromTheLastLine() throws {
        let session = try BassSession()
        let bar = session.bar
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(4 * bar)
        session.set(CONTINUO_BASS_VARIATION, 0)
        session.press(CONTINUO_BASS_GENERATE)
        session.play(3 * bar)
        #expect(session.io.takes == 2)
        #expect(session.bass[(5 * bar + 480)..<(6 * bar)].elementsEqual(session.bass[(6 * bar + 480)..<(7 * bar)]))
    }

    /// A DAW's loop: the take sounds in its place in every pass, also where the loop is no multiple of it.
    @Test func followsTheTransportsJumps() throws {
        let session = try BassSession()
        let bar = session.bar
        session.set(CONTINUO_BASS_BARS, 2)
        session.loop = (end: 5 * bar, begin: 2 * bar)
        session.press(CONTINUO_BASS_CAPTURE)  // in bar 0: captures bars 1 and 2, sounds from bar 4 on
        session.play(14 * bar - 128, block: 500)
        #expect(session.io.takes == 1)
        // Bars 2 to 4 of the transport, twice and once more.
        #expect(session.bass[(5 * bar)..<(8 * bar)].elementsEqual(session.bass[(8 * bar)..<(11 * bar)]))
        #expect(session.bass[(8 * bar)..<(11 * bar)].elementsEqual(session.bass[(11 * bar)..<(14 * bar)]))
        #expect(session.peak(5 * bar..<8 * bar) > 0.01)
        // The take's second bar, its first, its second.
        #expect(session.bass[(8 * bar + 480)..<(9 * bar)].elementsEqual(session.bass[(10 * bar + 480)..<(11 * bar)]))
    }

    /// A stopped transport is silence, and the note that sounds ends; then the take goes on where the transport is.
    @Test func stopsWithTheTransport() throws {
        let session = try BassSession()
        let bar = session.bar
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(4 * bar + bar / 3)
        session.isStopped = true
        session.play(bar)
        let stop = 4 * bar + bar / 3 + 128
        #expect(session.peak(stop - bar..<stop) > 0.01)
        #expect(session.peak(stop + 20..<stop + 60) > 1e-4)
        #expect(session.peak(stop + 121..<stop + bar) == 0)  // after 5 ms
        #expect(session.messages.last?.status == 0x80)
        #expect(session.messages.allSatisfy { $0.time <= stop })
        #expect(!session.io.is_playing)
        session.isStopped = false
        session.play(2 * bar)
        // In its place: bar 5 of the transport, a bar later in time, is what bar 4 was.
        let again = (6 * bar + 480)..<(6 * bar + bar / 4), before = (4 * bar + 480)..<(4 * bar + bar / 4)
        #expect(session.peak(again) > 0.001)
        #expect(session.bass[again].elementsEqual(session.bass[before]))
    }

    /// Switched off there is neither sound nor note; on again, the take goes on in its place.
    @Test func switchesOffAndOn() throws {
        let session = try BassSession()
        let bar = session.bar
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(4 * bar + bar / 3)
        session.io.enabled = false
        session.play(2 * bar)
        let off = 4 * bar + bar / 3 + 128
        #expect(session.peak(off - bar..<off) > 0.01)
        #expect(session.peak(off + 121..<off + 2 * bar) == 0)
        #expect(session.messages.last?.status == 0x80)
        #expect(session.messages.allSatisfy { $0.time <= off })
        session.io.enabled = true
        session.play(bar)
        #expect(session.bass[(7 * bar)..<(7 * bar + bar / 4)].elementsEqual(session.bass[(4 * bar)..<(4 * bar + bar / 4)]))
    }

    /// A take that is not ready when it is due is counted, and sounds from the first bar line on at which it is.
    @Test func lateTakesComeWhenTheyAreReady() throws {
        let session = try BassSession()
        let bar = session.bar
        session.play(64)  // so that the models are there
        session.io.freewheeling = false
        session.set(CONTINUO_BASS_BARS, 8)
        session.set(CONTINUO_BASS_STEPS, 32)
        session.press(CONTINUO_BASS_CAPTURE)
        // Far faster than real time.
        session.play(11 * bar, block: 8192)
        #expect(session.io.late >= 1 && session.io.takes == 0)
        #expect(session.peak(0..<11 * bar) == 0)
        let late = session.io.late
        while session.state == Int32(CONTINUO_BASS_GENERATING.rawValue) {
            session.io.frames = 0
            continuoBassProcess(session.handle, &session.io)
            usleep(1000)
        }
        session.play(2 * bar)
        #expect(session.io.late == late && session.io.is_playing)
        #expect(session.peak(11 * bar..<12 * bar) == 0 && session.peak(12 * bar..<13 * bar) > 0.001)
    }

    @Test func goesByItselfWithoutATransport() throws {
        let session = try BassSession(transport: nil)
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(6 * session.bar)
        #expect(session.io.takes == 1)
        #expect(session.peak(4 * session.bar..<6 * session.bar) > 0.001)
    }

    /// Of several wishes the newest counts, and what is being made can be let go at once.
    @Test func newestWishWinsAndWorkEndsAtOnce() throws {
        let session = try BassSession()
        session.set(CONTINUO_BASS_BARS, 8)
        session.tempo = 240
        session.press(CONTINUO_BASS_CAPTURE)
        session.set(CONTINUO_BASS_STEPS, 32)
        session.play(9 * session.bar)
        session.io.freewheeling = false
        // More steps than anyone waits for, ten times over.
        for _ in 0..<10 {
            session.press(CONTINUO_BASS_GENERATE)
            session.play(64)
            usleep(5000)
        }
        #expect(session.state == Int32(CONTINUO_BASS_GENERATING.rawValue))
        let made = session.io.takes
        #expect(made <= 1)
        session.io.freewheeling = true
        session.play(3 * session.bar)
        #expect(session.io.takes == made + 1)
        session.io.freewheeling = false
        session.press(CONTINUO_BASS_GENERATE)
        usleep(30_000)
        let begin = ContinuousClock.now
        session.end()
        #expect(ContinuousClock.now - begin < .milliseconds(150))  // 50 ms; the machine may be busy
    }

    /// A take is made of what was set when it was asked for; what is changed meanwhile counts from the next.
    @Test func changesWhileGeneratingCountFromTheNextTake() throws {
        func run(changing: Bool) throws -> (first: ArraySlice<Float>, second: ArraySlice<Float>) {
            let session = try BassSession()
            let bar = session.bar
            session.play(64)  // so that the models are there
            session.io.freewheeling = false
            session.set(CONTINUO_BASS_STEPS, 16)
            session.set(CONTINUO_BASS_CAPTURE, 1)
            session.play(2 * bar, block: 4096)
            #expect(session.state == Int32(CONTINUO_BASS_GENERATING.rawValue))
            if changing {
                session.set(CONTINUO_BASS_STEPS, 3)
                session.set(CONTINUO_BASS_GUIDANCE, 1)
                session.set(CONTINUO_BASS_SEED, 99)
                session.set(CONTINUO_BASS_VARIATION, 0.5)
                session.play(64)
            }
            session.io.freewheeling = true
            session.play(4 * bar - (changing ? 64 : 0) - 64)
            #expect(session.io.takes == 1)
            let first = session.bass[(4 * bar + 480)..<(5 * bar)]
            session.set(CONTINUO_BASS_GENERATE, 1)
            session.play(3 * bar)
            #expect(session.io.takes == 2)
            return (first, session.bass[(8 * bar + 480)..<(9 * bar)])
        }
        let plain = try run(changing: false), changed = try run(changing: true)
        #expect(plain.first.contains { abs($0) > 0.01 })
        #expect(plain.first.elementsEqual(changed.first))
        #expect(!plain.second.elementsEqual(changed.second))
    }

    @Test func bearsWhateverComes() throws {
        let session = try BassSession()
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(4 * session.bar)
        for value in [Float.nan, .infinity, -.infinity, 1e30, -5] {
            for control in 0..<CONTINUO_BASS_CONTROLS.rawValue { session.set(continuo_bass_control(control), value) }
            session.play(1000)
        }
        for control in 0..<CONTINUO_BASS_CONTROLS.rawValue {
            session.set(continuo_bass_control(control), BassControlRange.of(continuo_bass_control(control)).standard)
        }
        var positions: [continuo_bass_position] = []
        for value in [Float.nan, .infinity, -1, 0, 1e30] {
            positions.append(continuo_bass_position(
                frame: 3, speed: value, bar: .max, bar_beat: value, beats_per_bar: value, beat_unit: -1, beats_per_minute: value))
            positions.append(continuo_bass_position(
                frame: 90_000, speed: value, bar: .min, bar_beat: 0, beats_per_bar: 4, beat_unit: 0, beats_per_minute: 120))
            positions.append(continuo_bass_position(
                frame: 5, speed: 1, bar: -3, bar_beat: 3.99999, beats_per_bar: 4, beat_unit: 4, beats_per_minute: 1000))
        }
        session.io.left = nil
        session.io.right = nil
        session.io.through_left = nil
        session.io.through_right = nil
        session.io.bass_left = nil
        session.io.bass_right = nil
        session.io.events = nil
        session.io.event_capacity = 0
        session.io.freewheeling = false
        for frames in [0, 1, 64, 8192] as [UInt32] {
            positions.withUnsafeBufferPointer {
                session.io.positions = $0.baseAddress
                session.io.position_count = UInt32($0.count)
                session.io.frames = frames
                continuoBassProcess(session.handle, &session.io)
            }
        }
        session.io.freewheeling = true
        session.play(4 * session.bar)
        #expect(session.bass.allSatisfy { $0.isFinite })
        #expect(continuoBassMake(.nan, nil, nil, nil, nil) == nil)
        #expect(continuoBassMake(100, nil, nil, nil, nil) == nil)
    }
}
