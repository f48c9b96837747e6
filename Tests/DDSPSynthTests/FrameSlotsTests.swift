import CRealtime
import DDSPSynth
import Realtime
import Synchronization
import Testing

@Suite struct FrameSlotsTests {
    /// The book against all that can happen, in random order: requests lost, passed over or answered, answers late or never taken,
    /// slots held for a while. No slot is ever given out while somebody may touch it, and none is lost.
    @Test(arguments: 0..<200) func neverGivesOutWhatIsInUse(seed: Int) {
        var random = SoundGenerator(seed)
        let slots = FrameSlots(capacity: .random(in: 1...12, using: &random))
        let queueCapacity = Int.random(in: 1...20, using: &random)
        let deadline = Int.random(in: 1...8, using: &random)
        var requests: [(frame: Int, slot: Int)] = [], answers: [(frame: Int, slot: Int)] = []
        var running: (frame: Int, slot: Int)?
        var held: [(frame: Int, slot: Int)] = []
        var nextFrame = 1, due = 1
        var denied = 0, given = 0, taken = 0

        // The first fault alone: after it nothing holds.
        var fault = ""
        func check(_ holds: Bool, _ what: String) { if !holds, fault.isEmpty { fault = what } }
        func audioFrame() {
            let slot = slots.acquire(frame: nextFrame, freewheeling: false)
            if slot == FrameSlots.none {
                denied += 1
            } else {
                given += 1
                check(slot < slots.capacity, "no slot at all")
                check(!requests.contains { $0.slot == slot }, "in a request")
                check(running?.slot != slot, "in the engine's hands")
                check(!held.contains { $0.slot == slot }, "held")
                check(!answers.contains { $0.slot == slot && $0.frame >= due }, "still to be taken")
                slots.settings(slot).pointee.instrumentA = nextFrame
            }
            if requests.count < queueCapacity { requests.append((nextFrame, slot)) }
            nextFrame += 1
        }
        func deliver() {
            while due + deadline <= nextFrame {
                answers.removeAll { $0.frame < due }
                let answer = answers.first { $0.frame == due }
                answers.removeAll { $0.frame == due }
                let slot = slots.take(frame: due, result: answer?.slot)
                check(slot == (answer?.slot ?? FrameSlots.none), "an answer in time cannot be taken")
                if slot != FrameSlots.none {
                    taken += 1
                    check(slots.settings(slot).pointee.instrumentA == due, "another frame's controls")
                    check(slots.settings(slot).pointee.morph == Float(due), "another frame's sound")
                    held.append((due, slot))
                }
                due += 1
            }
        }
        func begin() {
            guard running == nil, !requests.isEmpty else { return }
            let request = requests.removeFirst()
            // Passed over, as an overloaded stream does: the engine never hears of it.
            if request.frame < due, Int.random(in: 0..<3, using: &random) > 0 { return }
            running = request
            guard request.slot >= 0 else { return }
            check(slots.settings(request.slot).pointee.instrumentA == request.frame, "written before the engine saw it")
        }
        func end() {
            guard let job = running else { return }
            if job.slot >= 0 {
                check(slots.settings(job.slot).pointee.instrumentA == job.frame, "written while the engine worked")
                slots.settings(job.slot).pointee.morph = Float(job.frame)
            }
            slots.finish(frame: job.frame)
            answers.append(job)
            running = nil
        }
        let laziness = Int.random(in: 0...6, using: &random)
        for _ in 0..<3000 {
            switch Int.random(in: 0..<(6 + laziness), using: &random) {
            case 0: audioFrame()
            case 1: deliver()
            case 2: begin()
            case 3: end()
            case 4: if !held.isEmpty { slots.release(held.remove(at: .random(in: 0..<held.count, using: &random)).slot) }
            default:
                audioFrame()
                deliver()
            }
        }
        #expect(fault == "")
        #expect(given > 0 && (denied > 0 || taken > 0))
        // Everything comes home: when the engine has caught up, all slots go round again.
        for job in held { slots.release(job.slot) }
        held = []
        for _ in 0..<(slots.capacity + queueCapacity + deadline + 60) {
            audioFrame()
            while running != nil || !requests.isEmpty {
                end()
                begin()
            }
            deliver()
            for job in held { slots.release(job.slot) }
            held = []
        }
        due = nextFrame + 1
        _ = slots.take(frame: nextFrame, result: nil)
        slots.finish(frame: nextFrame)
        let all = (1...slots.capacity).map { slots.acquire(frame: nextFrame + $0, freewheeling: false) }
        #expect(fault == "")
        #expect(all.sorted() == Array(0..<slots.capacity))
        #expect(slots.acquire(frame: nextFrame + 100, freewheeling: false) == FrameSlots.none)
    }

    @Test func answersOfAnotherTimeAreNotTaken() {
        let slots = FrameSlots(capacity: 4)
        let slot = slots.acquire(frame: 7, freewheeling: false)
        #expect(slots.take(frame: 6, result: slot) == FrameSlots.none)
        #expect(slots.take(frame: 7, result: 3) == FrameSlots.none)
        for wrong in [-1, -5, 4, .max, .min] { #expect(slots.take(frame: 7, result: wrong) == FrameSlots.none) }
        #expect(slots.take(frame: 7, result: slot) == slot)
        #expect(slots.take(frame: 7, result: slot) == FrameSlots.none, "once only")
        for wrong in [-1, -5, 4, .max, .min] { slots.release(wrong) }
        slots.reset()
        #expect(slots.acquire(frame: 1, freewheeling: false) == 0)
    }

    @Test func contentsDoNotOverlap() {
        let slots = FrameSlots(capacity: 3)
        var seen: [UInt: UInt] = [:]
        func add(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) {
            seen[UInt(bitPattern: pointer)] = UInt(bytes)
        }
        for slot in 0..<3 {
            add(slots.controls(slot), 32 * MemoryLayout<VoiceControl>.stride)
            add(slots.settings(slot), MemoryLayout<SoundSettings>.stride)
            for voice in 0..<32 {
                #expect(UInt(bitPattern: slots.amplitudes(slot, voice: voice)) % 64 == 0)
                #expect(UInt(bitPattern: slots.noise(slot, voice: voice)) % 64 == 0)
                add(slots.amplitudes(slot, voice: voice), 128 * 4)
                add(slots.noise(slot, voice: voice), 65 * 4)
            }
        }
        #expect(seen.count == 3 * 66)
        let sorted = seen.sorted { $0.key < $1.key }
        for (a, b) in zip(sorted, sorted.dropFirst()) { #expect(a.key + a.value <= b.key) }
    }

    /// A real stream with an engine that is often too slow: what is read of a frame is that frame's, whole, and the audio thread
    /// soon finds slots again.
    @Test func carriesFramesThroughAStream() throws {
        let slots = FrameSlots(capacity: 12)
        let engine = Echo(slots: slots)
        let stream = try #require(
            StreamingInference(
                engine: engine, timing: StreamTiming(hopNumerator: 192, inferenceBudget: 192), sampleRate: 48_000, block: 192))
        defer { stream.close() }
        var random = SoundGenerator(4)
        var taken = 0, denied = 0, wrong = 0
        for frame in 1...3000 {
            let slot = slots.acquire(frame: frame, freewheeling: false)
            if slot == FrameSlots.none {
                denied += 1
            } else {
                for voice in 0..<32 { slots.controls(slot)[voice].start = frame * 100 + voice }
            }
            stream.accept(nil, count: 192, settings: slot, freewheeling: false)
            while let event = stream.next(freewheeling: false) {
                let slot = slots.take(frame: event.frame, result: event.result)
                guard slot != FrameSlots.none else { continue }
                taken += 1
                for voice in 0..<32 {
                    let want = Float(event.frame * 100 + voice)
                    for k in 0..<128 where slots.amplitudes(slot, voice: voice)[k] != want { wrong += 1 }
                    if slots.noise(slot, voice: voice)[64] != want { wrong += 1 }
                }
                slots.release(slot)
            }
            engine.delay.store(UInt64.random(in: 0..<10, using: &random) == 0 ? 3_000_000 : 0, ordering: .relaxed)
            cr_sleep(UInt64.random(in: 0...100_000, using: &random))
        }
        #expect(wrong == 0)
        #expect(taken > 100, "\(taken) taken, \(denied) denied")
        // Freewheeling, not one frame goes without.
        engine.delay.store(100_000, ordering: .relaxed)
        var late = 0
        for frame in 3001...3300 {
            let slot = slots.acquire(frame: frame, freewheeling: true)
            #expect(slot != FrameSlots.none)
            for voice in 0..<32 { slots.controls(slot)[voice].start = frame * 100 + voice }
            stream.accept(nil, count: 192, settings: slot, freewheeling: true)
            while let event = stream.next(freewheeling: true) {
                let slot = slots.take(frame: event.frame, result: event.result)
                if slot == FrameSlots.none, event.frame > 3000 { late += 1 }
                slots.release(slot)
            }
        }
        #expect(late == 0)
    }

    /// Copies what it reads in a slot all over it.
    final class Echo: StreamingEngine, @unchecked Sendable {
        let slots: FrameSlots
        let delay = Atomic<UInt64>(0)
        init(slots: FrameSlots) { self.slots = slots }
        func feed(_ input: UnsafePointer<Float>, count: Int) {}
        func infer(frame: Int, settings slot: Int) -> Int {
            let wait = delay.load(ordering: .relaxed)
            if slot >= 0 {
                for voice in 0..<32 {
                    let value = Float(slots.controls(slot)[voice].start)
                    slots.amplitudes(slot, voice: voice).update(repeating: value, count: 128)
                    slots.noise(slot, voice: voice).update(repeating: value, count: 65)
                    if voice == 16, wait > 0 { cr_sleep(wait) }
                }
            }
            slots.finish(frame: frame)
            return slot
        }
        func reset() { slots.reset() }
        func takeOver(from previous: Echo) {}
    }
}
