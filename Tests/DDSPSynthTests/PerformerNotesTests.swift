import DDSPSynth
import Testing

/// Notes and the voices that play them.
@Suite struct PerformerNotesTests {
    private func isClose(_ a: Float, _ b: Float, _ tolerance: Float = 0.001) -> Bool { abs(a - b) <= tolerance }

    @Test func aNoteStartsAtItsEventAndEndsAfterItsRelease() {
        let stage = PerformerStage()
        stage.run(20)
        let event = stage.now - 77
        stage.send(0x90, 69, 64, at: event)
        stage.step()
        #expect(stage.active.count == 1)
        #expect(stage.newest.start == event)
        #expect(stage.newest.pitch == 69)
        #expect(isClose(stage.newest.loudness, -30))
        #expect(stage.performer.activeCount == 1)
        #expect(stage.performer.newestPitch == 69)
        stage.run(1000)
        #expect(isClose(stage.newest.loudness, -30))
        stage.off(69)
        stage.run(40)
        #expect(stage.newest.loudness < -40)
        stage.run(200)
        #expect(stage.active.isEmpty)
        #expect(stage.performer.activeCount == 0)
        #expect(stage.performer.newestPitch == 0)
    }

    /// The curve counts from the event, not from the frame.
    @Test func curvesAreAsExactAsTheEvents() {
        let early = PerformerStage(.bowed), late = PerformerStage(.bowed)
        early.run(40)
        late.run(40)
        early.send(0x90, 60, 80, at: early.now - 96)  // 2 ms earlier: 0.8 dB up
        late.send(0x90, 60, 80, at: late.now)
        let (a, b) = (early.run(40), late.run(40))
        for (x, y) in zip(a, b) { #expect(isClose(x.loudness - y.loudness, 0.8, 0.01)) }
    }

    @Test func velocityZeroIsANoteOff() {
        let stage = PerformerStage()
        stage.on(60)
        stage.run(40)
        stage.send(0x90, 60, 0)
        stage.run(300)
        #expect(stage.active.isEmpty)
    }

    @Test func aNoteOffWithoutItsNoteDoesNothing() {
        let stage = PerformerStage()
        stage.off(60)
        stage.on(62)
        stage.off(61)
        stage.off(62, channel: 3)
        stage.run(40)
        #expect(stage.pitches == [62])
    }

    @Test func theSameNoteStruckAgainTakesItsOwnVoice() throws {
        let stage = PerformerStage()
        stage.on(60)
        stage.on(64)
        stage.run(100)
        let slot = try #require(stage.voices.firstIndex { $0.isActive && $0.pitch == 60 })
        let first = stage.voices[slot]
        stage.on(60)
        stage.step()
        #expect(stage.active.count == 2)
        #expect(stage.voices[slot].pitch == 60)
        #expect(stage.voices[slot].generation == first.generation + 1)
        #expect(stage.voices[slot].start > first.start)
        // One note-off ends it.
        stage.off(60)
        stage.run(300)
        #expect(stage.pitches == [64])
    }

    @Test func notesOutOfTheInstrumentsRangePlay() {
        let stage = PerformerStage()
        for note in [0, 20, 120, 127] as [UInt8] { stage.on(note) }
        stage.run(20)
        #expect(stage.pitches == [0, 20, 120, 127])
    }

    // MARK: Stealing

    @Test(arguments: [1, 2, 7, 32]) func voicesStayWithinTheirNumber(count: Int) {
        let stage = PerformerStage()
        stage.settings.voiceCount = count
        for note in 30..<90 {
            stage.on(UInt8(note))
            stage.step()
            #expect(stage.active.count == min(count, note - 29))
            #expect(stage.voice(note) != nil)
        }
    }

    @Test func theQuietestReleasedVoiceIsStolenFirst() {
        let stage = PerformerStage(.bowed)
        stage.settings.voiceCount = 4
        stage.on(60, 100)
        stage.on(62, 100)
        stage.on(64, 40)  // released with the others, but softer
        stage.on(66, 100)
        stage.run(200)
        stage.off(62)
        stage.off(64)
        stage.run(20)
        stage.on(70)
        stage.step()
        #expect(stage.pitches == [60, 62, 66, 70])
        stage.on(72)
        stage.step()
        #expect(stage.pitches == [60, 66, 70, 72])
    }

    @Test func afterThemTheOldestButNeitherTheLowestNorTheNewest() {
        let stage = PerformerStage()
        stage.settings.voiceCount = 3
        for note in [40, 60, 64] as [UInt8] {
            stage.on(note)
            stage.run(20)
        }
        stage.on(67)
        stage.step()
        #expect(stage.pitches == [40, 64, 67])
        stage.on(71)
        stage.step()
        #expect(stage.pitches == [40, 67, 71])
        // Two voices: the newest stays, the lowest goes if it must.
        stage.settings.voiceCount = 2
        stage.step()
        #expect(stage.pitches == [40, 71])
        stage.on(74)
        stage.step()
        #expect(stage.pitches == [71, 74])
    }

    @Test func whatOnlyThePedalHoldsIsStolenBeforeWhatAFingerHolds() {
        let stage = PerformerStage()
        stage.settings.voiceCount = 4
        stage.control(64, 127)
        for note in [40, 60, 64, 67] as [UInt8] {
            stage.on(note)
            stage.step()
        }
        stage.off(64)
        stage.on(72)
        stage.step()
        #expect(stage.pitches == [40, 60, 67, 72])
    }

    @Test func fewerVoicesAtOnce() {
        let stage = PerformerStage()
        for note in 60..<70 { stage.on(UInt8(note)) }
        stage.run(20)
        stage.settings.voiceCount = 4
        #expect(stage.performer.activeCount == 4)
        stage.step()
        #expect(stage.active.count == 4)
        #expect(stage.pitches.contains(60) && stage.pitches.contains(69))
    }

    // MARK: One at a time

    @Test func monoStartsEachNoteAnewAndReturnsToTheHeld() {
        let stage = PerformerStage()
        stage.settings.mode = .mono
        stage.on(60)
        stage.run(40)
        let first = stage.newest
        stage.on(64)
        stage.run(40)
        #expect(stage.pitches == [64])
        #expect(stage.newest.generation != first.generation)
        stage.on(67)
        stage.run(40)
        stage.off(64)  // not the one that sounds
        stage.run(40)
        #expect(stage.pitches == [67])
        let third = stage.newest
        stage.off(67)
        stage.run(40)
        #expect(stage.pitches == [60])
        #expect(stage.newest.generation != third.generation)
        stage.off(60)
        stage.run(300)
        #expect(stage.active.isEmpty)
    }

    @Test func legatoMovesOneSoundFromNoteToNote() {
        let stage = PerformerStage(.bowed)
        stage.settings.mode = .legato
        stage.on(60, 64)
        stage.run(400)
        let first = stage.newest
        #expect(isClose(first.loudness, -30))
        stage.on(67, 64)
        let slur = stage.run(200)
        #expect(slur.allSatisfy { $0.generation == first.generation && $0.start == first.start })
        #expect(slur.last?.pitch == 67)
        // It dips by some dB, and grows again.
        let lowest = slur.map(\.loudness).min() ?? 0
        #expect(lowest < -32 && lowest > -36)
        #expect(isClose(slur.last?.loudness ?? 0, -30, 0.05))
        stage.off(67)
        stage.run(100)
        #expect(stage.pitches == [60])
        #expect(stage.newest.generation == first.generation)
        // Not slurred: the attack again.
        stage.off(60)
        stage.run(20)
        stage.on(62, 64)
        stage.step()
        #expect(stage.newest.generation == first.generation + 1)
        #expect(stage.newest.loudness < -60)
    }

    /// A hammered finger gives what decays by itself new strength.
    @Test func legatoOnAPluckedStringKeepsItSounding() {
        let stage = PerformerStage(.plucked)
        stage.settings.mode = .legato
        stage.on(60, 64)
        let decay = stage.run(1000).last?.loudness ?? 0
        #expect(isClose(decay, -50, 0.5))
        stage.on(62, 64)
        let moved = stage.run(120)
        #expect((moved.last?.loudness ?? -90) > -36)
        let steps = zip([decay] + moved.map(\.loudness), moved.map(\.loudness)).map { abs($1 - $0) }
        #expect((steps.max() ?? 9) < 6)
    }

    @Test func glideTakesItsTimeInLogFrequency() {
        for mode in [PerformanceSettings.Mode.mono, .legato] {
            let stage = PerformerStage()
            stage.settings.mode = mode
            stage.settings.glide = 200
            stage.on(48)
            let first = stage.run(100)
            #expect(first.allSatisfy { $0.pitch == 48 })
            stage.on(72)
            let glide = stage.run(240)
            #expect(isClose(glide[0].pitch, 48))
            #expect(isClose(glide[25].pitch, 60, 0.01))
            #expect(glide[49].pitch < 72)
            #expect(isClose(glide[51].pitch, 72))
            #expect(zip(glide, glide.dropFirst()).allSatisfy { $0.pitch <= $1.pitch })
            // A shorter way takes as long.
            stage.on(74)
            let shorter = stage.run(240)
            #expect(isClose(shorter[25].pitch, 73, 0.01))
            #expect(isClose(shorter[51].pitch, 74))
        }
    }

    @Test func aGlideIsTakenUpWhereItIs() {
        let stage = PerformerStage()
        stage.settings.mode = .legato
        stage.settings.glide = 400
        stage.on(48)
        stage.run(40)
        stage.on(72)
        let first = stage.run(200)
        stage.on(50)
        let second = stage.run(600)
        let pitches = (first + second).map(\.pitch)
        #expect(zip(pitches, pitches.dropFirst()).allSatisfy { abs($0 - $1) < 0.5 })
        #expect(isClose(pitches.last ?? 0, 50))
    }

    @Test func aNewModeLeavesTheYoungestNote() {
        let stage = PerformerStage()
        for note in [60, 64, 67] as [UInt8] {
            stage.on(note)
            stage.run(20)
        }
        stage.settings.mode = .legato
        stage.run(300)
        #expect(stage.pitches == [67])
        stage.off(67)
        stage.off(64)
        stage.off(60)
        stage.run(300)
        #expect(stage.active.isEmpty)
    }

    @Test func aNewModeGoesOnWithWhatIsHeld() {
        let stage = PerformerStage(.bowed)
        stage.on(60)
        stage.run(40)
        stage.on(64)
        stage.run(40)
        stage.off(64)  // younger, but let go
        stage.settings.mode = .legato
        stage.run(8)
        let held = stage.voice(60)
        stage.on(67)
        stage.run(300)
        #expect(stage.pitches == [67])
        #expect(stage.newest.start == held?.start)
    }

    /// A finger that is down connects, whether or not the pedal holds what sounds.
    @Test func legatoGoesOnUnderThePedal() {
        let stage = PerformerStage(.bowed)
        stage.settings.mode = .legato
        stage.on(60)
        stage.run(40)
        let first = stage.newest
        stage.on(64)
        stage.control(64, 127)
        stage.off(64)
        stage.on(67)
        stage.run(40)
        #expect(stage.pitches == [67])
        #expect(stage.newest.generation == first.generation)
    }

    @Test func placesSpreadEvenlyInPolyAndStayInTheMiddleInMono() {
        let stage = PerformerStage()
        for note in 40..<56 { stage.on(UInt8(note)) }
        stage.step()
        let places = stage.active.map(\.place).sorted()
        #expect(places.allSatisfy { $0 >= -1 && $0 <= 1 })
        #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 > 0.03 && $1 - $0 < 0.3 })
        let mono = PerformerStage()
        mono.settings.mode = .mono
        mono.on(60)
        mono.on(61)
        mono.step()
        #expect(mono.newest.place == 0)
    }

    // MARK: Pedals

    @Test func theSustainPedalHoldsWhatWasPlayed() {
        let stage = PerformerStage()
        stage.on(60)
        stage.control(64, 64)
        stage.off(60)
        stage.on(62)
        stage.run(500)
        #expect(stage.pitches == [60, 62])
        stage.control(64, 63)
        stage.run(300)
        #expect(stage.pitches == [62])
    }

    @Test func theSostenutoPedalHoldsOnlyTheKeysThatWereDown() {
        let stage = PerformerStage()
        stage.on(60)
        stage.control(66, 127)
        stage.on(64)
        stage.control(66, 127)  // already down: takes nothing new
        stage.off(60)
        stage.off(64)
        stage.run(400)
        #expect(stage.pitches == [60])
        // Both pedals: the one that is left holds on.
        stage.control(64, 127)
        stage.control(66, 0)
        stage.run(400)
        #expect(stage.pitches == [60])
        stage.control(64, 0)
        stage.run(400)
        #expect(stage.active.isEmpty)
    }

    @Test func theSoftPedalIsSofterAndDarker() {
        let stage = PerformerStage()
        stage.on(60, 64)
        stage.run(40)
        stage.control(67, 127)
        stage.run(200)
        #expect(isClose(stage.newest.loudness, -33, 0.01))
        #expect(stage.newest.timbre < -0.2)
        stage.control(67, 0)
        stage.run(200)
        #expect(isClose(stage.newest.loudness, -30, 0.01))
        #expect(isClose(stage.newest.timbre, 0))
    }

    @Test func inMonoThePedalKeepsTheNoteAndLetsGoToTheHeld() {
        let stage = PerformerStage()
        stage.settings.mode = .legato
        stage.on(60)
        stage.on(64)
        stage.control(64, 127)
        stage.off(64)
        stage.run(100)
        #expect(stage.pitches == [64])
        stage.control(64, 0)
        stage.run(100)
        #expect(stage.pitches == [60])
    }

    /// Mild: a key that comes up fast damps faster, and 0 says nothing.
    @Test func noteOffVelocityIsReleaseSpeed() {
        func remaining(_ velocity: UInt8) -> Float {
            let stage = PerformerStage(.bowed)
            stage.on(60, 64)
            stage.run(400)
            stage.send(0x80, 60, velocity)
            return stage.run(100).last?.loudness ?? 0
        }
        #expect(remaining(127) < remaining(64) - 3)
        #expect(remaining(1) > remaining(64) + 3)
        #expect(remaining(0) == remaining(64))
    }
}
