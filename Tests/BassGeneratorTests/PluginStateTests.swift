import BassGenerator
import CBassGenerator
import Foundation
import Synchronization
import Testing

/// What a session keeps of the player: takes that can be chosen, what is saved and comes back, the sound to play with.
@Suite(.serialized) struct PluginStateTests {
    /// A recording as a shim would have it back from a file.
    struct Saved {
        var samples: [Float] = []
        var rate: UInt32 = 0
        var details: [UInt8] = []
    }

    private func text(_ path: [CChar]) -> String { path.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } }

    private func save(_ session: BassSession) -> [Saved] {
        let kept = continuoBassKeep(session.handle)
        defer { continuoBassLetGo(kept) }
        return (0..<CONTINUO_BASS_RECORDINGS).map { index in
            let recording = continuoBassKeptRecording(kept, index)
            guard let samples = recording.samples else { return Saved() }
            return Saved(
                samples: [Float](UnsafeBufferPointer(start: samples, count: Int(recording.count))), rate: recording.sample_rate,
                details: [UInt8](UnsafeRawBufferPointer(start: recording.details, count: Int(recording.details_size))))
        }
    }

    @discardableResult
    private func restore(_ session: BassSession, _ saved: [Saved]) -> UInt32 {
        let recordings = saved.map { saved -> continuo_bass_recording in
            guard !saved.samples.isEmpty else { return continuo_bass_recording() }
            let samples = UnsafeMutablePointer<Float>.allocate(capacity: saved.samples.count)
            samples.initialize(from: saved.samples, count: saved.samples.count)
            let details = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, saved.details.count))
            details.initialize(from: saved.details, count: saved.details.count)
            return continuo_bass_recording(
                samples: samples, count: UInt32(saved.samples.count), sample_rate: saved.rate, details: details,
                details_size: UInt32(saved.details.count))
        }
        // It must have copied them.
        defer {
            for recording in recordings {
                recording.samples?.deallocate()
                recording.details?.deallocate()
            }
        }
        return recordings.withUnsafeBufferPointer { continuoBassRestore(session.handle, $0.baseAddress!) }
    }

    /// A session with two takes of bar 1, in bar 7.
    private func made(rate: Int = 24_000) throws -> BassSession {
        let session = try BassSession(rate: rate)
        session.press(CONTINUO_BASS_CAPTURE)
        session.play(4 * session.bar - 128)
        session.press(CONTINUO_BASS_GENERATE)
        session.play(3 * session.bar - 128)
        #expect(session.io.takes == 2 && session.io.newest == 2 && session.io.playing == 2)
        return session
    }

    @Test func takesCanBeChosen() throws {
        let session = try made()
        let bar = session.bar
        let first = session.bass[(3 * bar + 480)..<(4 * bar)], second = session.bass[(6 * bar + 480)..<(7 * bar)]
        #expect(!first.elementsEqual(second))
        session.set(CONTINUO_BASS_TAKE, 1)
        session.play(2 * bar)
        #expect(session.io.playing == 1)
        #expect(session.bass[(8 * bar + 480)..<(9 * bar)].elementsEqual(first))
        // One that there is not: the newest.
        session.set(CONTINUO_BASS_TAKE, 7)
        session.play(2 * bar)
        #expect(session.bass[(10 * bar + 480)..<(11 * bar)].elementsEqual(second))
        // Eight are kept; a ninth takes the place of the first.
        for _ in 0..<7 {
            session.press(CONTINUO_BASS_GENERATE)
            session.play(3 * bar - 128)
        }
        #expect(session.io.takes == 8 && session.io.newest == 1)
        session.set(CONTINUO_BASS_TAKE, 2)
        session.play(2 * bar)
        #expect(session.io.playing == 2)
        #expect(session.bass.suffix(bar).dropFirst(480).elementsEqual(second))
    }

    /// The same sound from what was saved, bit by bit, and the same further takes.
    @Test func savedTakesComeBack() throws {
        let old = try made()
        let saved = save(old)
        #expect(saved.map { $0.samples.isEmpty } == [false, true, false, false] + [Bool](repeating: true, count: 6))
        #expect(saved[0].samples.count == old.bar && saved[0].rate == 24_000)
        let new = try BassSession()
        #expect(restore(new, saved) == 0)
        let bar = new.bar
        new.play(2 * bar)
        #expect(new.io.takes == 2 && new.io.newest == 2 && new.io.playing == 2)
        #expect(new.bass[(bar + 480)..<(2 * bar)].elementsEqual(old.bass[(6 * bar + 480)..<(7 * bar)]))
        #expect(!new.messages.isEmpty)
        // What is saved of it is the same.
        let again = save(new)
        for index in 0..<saved.count {
            #expect(again[index].samples.elementsEqual(saved[index].samples))
            #expect(again[index].details.elementsEqual(saved[index].details))
        }
        for session in [old, new] {
            session.press(CONTINUO_BASS_GENERATE)
            session.play(3 * bar - 128)
            #expect(session.io.takes == 3)
        }
        #expect(new.bass[(4 * bar + 480)..<(5 * bar)].elementsEqual(old.bass[(9 * bar + 480)..<(10 * bar)]))
        #expect(new.peak(4 * bar..<5 * bar) > 0.01)
        // An empty state puts everything away.
        restore(new, [Saved](repeating: Saved(), count: Int(CONTINUO_BASS_RECORDINGS)))
        new.play(2 * bar)
        #expect(new.io.takes == 0 && new.peak(6 * bar..<7 * bar) == 0)
        new.press(CONTINUO_BASS_GENERATE)
        new.play(3 * bar)
        #expect(new.io.takes == 0)
    }

    /// A button that was down when the session was saved is not pressed by its coming back.
    @Test func restoredButtonsAreNotPressed() throws {
        let old = try made()
        let new = try BassSession()
        restore(new, save(old))
        new.set(CONTINUO_BASS_CAPTURE, 1)
        new.set(CONTINUO_BASS_GENERATE, 1)
        new.play(5 * new.bar)
        #expect(new.io.takes == 2)
        new.set(CONTINUO_BASS_GENERATE, 0)
        new.play(64)
        new.set(CONTINUO_BASS_GENERATE, 1)
        new.play(3 * new.bar)
        #expect(new.io.takes == 3)
    }

    /// At another sample rate it sounds the same, in place.
    @Test func savedTakesComeBackAtAnotherRate() throws {
        let old = try made()
        let new = try BassSession(rate: 48_000)
        #expect(restore(new, save(old)) == 0)
        new.play(2 * new.bar)
        var error = 0.0, power = 0.0
        for n in 480..<old.bar - 480 {
            let a = Double(old.bass[6 * old.bar + n]), b = Double(new.bass[new.bar + 2 * n])
            error += (a - b) * (a - b)
            power += a * a
        }
        #expect(error < 1e-4 * power && power > 0.01)
        new.press(CONTINUO_BASS_GENERATE)
        new.play(3 * new.bar)
        #expect(new.io.takes == 3)
    }

    @Test func damagedRecordingsAreRefused() throws {
        let saved = save(try made())
        let session = try BassSession()
        var generator = SystemRandomNumberGenerator()
        for round in 0..<60 {
            var damaged = saved
            let which = [0, 2, 3][round % 3]
            switch round {
            case 0..<12:
                damaged[which].details = Array(damaged[which].details.prefix(round * 3))
            case 12..<15:
                damaged[which].details = Array(damaged[which].details.dropLast(8))
                if which == 0 { damaged[which].details = [] }
            case 15..<18: damaged[which].samples[100] = .nan
            case 18..<21: damaged[which].rate = [0, 7, 4_000_000_000][round % 3]
            case 21..<24: damaged[which].samples = [Float](repeating: 0, count: 131 * 24_000)
            default:
                // Whatever it makes of these, it lives.
                for _ in 0..<8 {
                    let place = Int.random(in: 0..<min(120, damaged[which].details.count), using: &generator)
                    damaged[which].details[place] = UInt8.random(in: 0...255, using: &generator)
                }
            }
            let refused = restore(session, damaged)
            if round < 24 { #expect(refused == 1 << which, "round \(round)") }
            session.play(session.bar / 4)
            session.press(CONTINUO_BASS_GENERATE)
        }
        #expect(session.bass.allSatisfy { $0.isFinite })
        // The good ones are there all the same.
        var damaged = saved
        damaged[3].details = []
        #expect(restore(session, damaged) == 8)
        session.play(2 * session.bar)
        #expect(session.io.takes == 1 && session.io.newest == 1)
    }

    /// Restoring and saving while it plays, with takes coming.
    @Test func savesAndRestoresWhilePlaying() throws {
        let saved = save(try made())
        let session = try BassSession()
        session.play(64)
        session.io.freewheeling = false
        session.set(CONTINUO_BASS_MODE, 1)
        nonisolated(unsafe) let shared = session
        let isDone = Atomic<Bool>(false)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while !isDone.load(ordering: .relaxed) {
                _ = save(shared)
                restore(shared, saved)
                usleep(3000)
            }
            done.signal()
        }
        session.play(40 * session.bar, block: 256) { usleep(20) }
        isDone.store(true, ordering: .relaxed)
        done.wait()
        session.io.freewheeling = true
        session.set(CONTINUO_BASS_MODE, 2)
        restore(session, saved)
        session.play(2 * session.bar)
        #expect(session.io.takes == 2)
        #expect(session.bass.allSatisfy { $0.isFinite && abs($0) < 4 })
    }

    // MARK: The sound to play with

    /// A style changes the takes that are begun after it, and its strength how far.
    @Test func styleIsLearnedFromWhatComesIn() throws {
        func run(_ strength: Float?, before: (BassSession) -> Void = { _ in }) throws -> [Float] {
            let session = try BassSession()
            before(session)
            if let strength {
                session.set(CONTINUO_BASS_STYLE_STRENGTH, strength)
                session.set(CONTINUO_BASS_STYLE_CAPTURE, 1)
                session.play(2 * session.bar - session.bar / 4)
                session.set(CONTINUO_BASS_STYLE_CAPTURE, 0)
                session.play(session.bar / 4)
                #expect(session.io.style_serial >= 2)
            } else {
                session.play(2 * session.bar)
            }
            session.press(CONTINUO_BASS_CAPTURE)
            session.play(4 * session.bar - 128)
            return Array(session.bass.suffix(session.bar))
        }
        let plain = try run(nil), learned = try run(1), weak = try run(0)
        #expect(plain.contains { abs($0) > 0.01 } && learned.contains { abs($0) > 0.01 })
        let again = try run(1)
        #expect(!plain.elementsEqual(learned))
        #expect(plain.elementsEqual(weak))
        #expect(again.elementsEqual(learned))
    }

    @Test func learnedStyleIsKept() throws {
        let session = try BassSession()
        session.set(CONTINUO_BASS_STYLE_CAPTURE, 1)
        session.play(session.bar)
        session.set(CONTINUO_BASS_STYLE_CAPTURE, 0)
        session.play(64)
        let saved = save(session)
        #expect(saved[1].samples.elementsEqual((0..<session.bar).map { session.mix($0) }))
        let other = try BassSession()
        #expect(restore(other, saved) == 0)
        other.play(64)
        #expect(save(other)[1].samples.elementsEqual(saved[1].samples))
        // A file takes its place, also one that cannot be read.
        "nowhere.wav".withCString { continuoBassSetStyle(other.handle, $0) }
        other.play(64)
        #expect(save(other)[1].samples.isEmpty)
        var path = [CChar](repeating: 1, count: Int(CONTINUO_BASS_PATH_CAPACITY))
        #expect(continuoBassStyle(other.handle, &path) == 11)
        #expect(continuoBassStyleAudio(other.handle, &path) == 11)
        #expect(text(path) == "nowhere.wav")
        // What is too quiet or too short teaches nothing.
        other.set(CONTINUO_BASS_STYLE_CAPTURE, 1)
        other.play(128)
        other.set(CONTINUO_BASS_STYLE_CAPTURE, 0)
        other.play(128)
        #expect(continuoBassStyle(other.handle, &path) == 11)
    }

    /// A file is read beside the audio thread, and its reader's memory is taken over.
    @Test func styleComesOfAFile() throws {
        let made = BassSession.root.withCString {
            continuoBassMake(
                24_000, $0, { _, _, _ in },
                { _, path, seconds, sound in
                    guard String(cString: path!) == "good" else { return false }
                    let count = 30_000
                    let samples = malloc(4 * count)!.bindMemory(to: Float.self, capacity: count)
                    for n in 0..<count { samples[n] = n % 7 == 3 ? .nan : sinf(Float(n) * 0.03) }
                    sound!.pointee = continuo_bass_sound(samples: samples, count: UInt32(count), sample_rate: 44_100)
                    return seconds >= 10
                }, nil)
        }
        let handle = try #require(made)
        defer { continuoBassFree(handle) }
        var io = continuo_bass_io()
        io.freewheeling = true
        continuoBassProcess(handle, &io)
        let before = io.style_serial
        for path in ["good", "bad", "good", ""] {
            #expect(path.withCString { continuoBassRequestStyle(handle, $0, UInt32(path.utf8.count)) })
            continuoBassProcess(handle, &io)
            var told = [CChar](repeating: 1, count: Int(CONTINUO_BASS_PATH_CAPACITY))
            _ = continuoBassStyleAudio(handle, &told)
            #expect(text(told) == path)
        }
        #expect(io.style_serial > before)
        let long = [CChar](repeating: 65, count: 5000)
        #expect(!continuoBassRequestStyle(handle, long, 5000))
    }
}
