import DDSPSynth
import Testing

/// What velocity and time become: the curves that the network hears.
@Suite struct PerformerArticulationTests {
    private func isClose(_ a: Float, _ b: Float, _ tolerance: Float = 0.01) -> Bool { abs(a - b) <= tolerance }

    private func loudness(
        _ velocity: Int, _ profile: InstrumentProfile = .plain, _ change: (inout PerformanceSettings) -> Void = { _ in }
    ) -> Float {
        let stage = PerformerStage(profile)
        var settings = stage.settings
        change(&settings)
        stage.settings = settings
        stage.on(60, UInt8(velocity))
        return stage.run(400).last?.loudness ?? 0
    }

    @Test func velocityIsTheInstrumentsMeasuredLoudness() {
        for (velocity, level) in [(30, -42), (64, -30), (100, -22), (127, -18)] as [(Int, Float)] {
            #expect(isClose(loudness(velocity), level))
        }
        let curve = (1...127).map { loudness($0) }
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0 < $1 && $1 - $0 < 0.6 })
        // An instrument whose measured levels cross is levelled, not turned round.
        var crossed = InstrumentProfile.plain
        crossed.loudness = [-40, -30, -31, -20]
        let levelled = (1...127).map { loudness($0, crossed) }
        #expect(zip(levelled, levelled.dropFirst()).allSatisfy { $0 <= $1 + 0.0001 })
    }

    @Test func dynamicsTurnAroundVelocityEighty() {
        let middle = loudness(80)
        for velocity in [20, 64, 80, 127] {
            #expect(isClose(loudness(velocity) { $0.dynamics = 0 }, middle))
            #expect(isClose(loudness(velocity) { $0.dynamics = 2 }, middle + 2 * (loudness(velocity) - middle)))
        }
        #expect(isClose(loudness(80) { $0.loudness = -7 }, middle - 7))
    }

    @Test func theAttackIsTheInstrumentsOwnAndStretches() {
        for stretch in [0.5, 1, 4] as [Float] {
            let stage = PerformerStage(.bowed)
            stage.settings.attack = stretch
            stage.on(60, 64)
            let curve = stage.run(800).map(\.loudness)
            for frame in 0..<Int(20 * stretch) {
                #expect(isClose(curve[frame], -70 + 1.6 / stretch * Float(frame), 0.02))
            }
            #expect(isClose(curve[199], -30))
        }
    }

    /// Only what comes before a note's height is attack: a string does not ring longer for it.
    @Test func aPluckedNotesDecayIsNotStretched() {
        let stage = PerformerStage(.plucked)
        stage.settings.attack = 10
        stage.on(60, 64)
        let curve = stage.run(1600).map(\.loudness)
        #expect(curve[374] < -30 - 20)
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $1 <= $0 + 0.01 })
    }

    @Test func aNoteThatDecaysEndsByItself() {
        let stage = PerformerStage(.plucked)
        stage.on(60, 64)
        let curve = stage.run(2600).map(\.loudness)
        #expect(isClose(curve[250], -50, 0.1))
        #expect(isClose(curve[625], -80, 0.5))  // past the measured points, as steeply
        stage.run(600)
        #expect(stage.active.isEmpty)
        stage.off(60)
        stage.step()
        #expect(stage.active.isEmpty)
    }

    @Test func theBodySwellsOrDecays() {
        for slope in [-12, 6] as [Float] {
            let stage = PerformerStage(.bowed)
            stage.settings.body = slope
            stage.on(60, 64)
            let curve = stage.run(1600).map(\.loudness)
            #expect(isClose(curve[390] - curve[140], slope, 0.1))
            let end = stage.run(8000).last?.loudness ?? 0
            #expect(slope < 0 ? stage.active.isEmpty : isClose(end, -12))  // at most 18 dB more
        }
    }

    @Test func theReleaseBeginsWhereTheNoteWas() {
        for stretch in [0.5, 1, 4] as [Float] {
            let stage = PerformerStage(.bowed)
            stage.settings.release = stretch
            stage.on(60, 64)
            stage.run(48)
            stage.off(60)
            // 48 ms into the attack: −50.8 dB; from there 6 dB every 16 ms.
            let curve = stage.run(64).map(\.loudness)
            for frame in 0..<Int(8 * stretch) where frame < curve.count {
                #expect(isClose(curve[frame], -50.8 - 1.5 / stretch * Float(frame), 0.05))
            }
            stage.run(Int(400 * stretch))
            #expect(stage.active.isEmpty)
        }
    }

    /// Whatever the measured release, a note that is let go ends.
    @Test func everyReleaseEnds() {
        var endless = InstrumentProfile.plain
        endless.release = InlineArray<32, Float>(repeating: 0)
        for profile in [endless, .plain, .bowed, .plucked] {
            let stage = PerformerStage(profile)
            stage.settings.release = 10
            stage.settings.loudness = 24
            stage.on(60, 127)
            stage.run(40)
            stage.off(60)
            stage.run(20_000)
            #expect(stage.active.isEmpty)
        }
    }

    /// A harp has no dampers: let go, it rings as its release was measured to go on, but no longer than if it were held.
    @Test func whatRingsIsGivenItsTime() {
        var harp = InstrumentProfile.plucked
        for j in 0..<32 { harp.release[j] = -0.2 * Float(j) }  // 12.5 dB a second
        let stage = PerformerStage(harp)
        stage.on(60, 64)
        stage.run(40)
        stage.off(60)
        let curve = stage.run(1000).map(\.loudness)
        #expect(curve[248] < -49 && curve[248] > -53)
        stage.run(2600)
        #expect(stage.active.isEmpty)
    }

    /// Nobody plays shorter.
    @Test func aNoteOfNoLengthIsHeard() {
        let stage = PerformerStage()
        stage.on(60, 64)
        stage.off(60)
        let curve = stage.run(20).map(\.loudness)
        #expect(curve.allSatisfy { isClose($0, -30) })
        stage.run(200)
        #expect(stage.active.isEmpty)
    }

    @Test func morphingMixesTheArticulation() {
        let stage = PerformerStage(.bowed, .plucked)
        stage.morph = 0.25
        stage.on(60, 64)
        let curve = stage.run(400).map(\.loudness)
        #expect(isClose(curve[10], -30 + 0.75 * (-40 + 16) + 0.25 * (-20 * 0.04), 0.05))
        // Moved in mid-note it moves without a step.
        stage.morph = 1
        let moved = stage.run(400).map(\.loudness)
        #expect(zip([curve[99]] + moved, moved).allSatisfy { abs($0 - $1) < 1.5 })
    }

    @Test func driftIsSmallSlowAndEachVoicesOwn() {
        let stage = PerformerStage(.bowed)
        stage.settings.drift = 1
        for note in 0..<8 { stage.on(UInt8(40 + 2 * note), 64) }
        stage.run(600)
        var lowest: Float = 0, highest: Float = 0, step: Float = 0, loudest: Float = -90, softest: Float = 0
        var last = stage.voices
        for _ in 0..<5000 {
            stage.step()
            for (voice, before) in zip(stage.voices, last) where voice.isActive {
                let cents = 100 * (voice.pitch - voice.pitch.rounded())
                lowest = min(lowest, cents)
                highest = max(highest, cents)
                step = max(step, 100 * abs(voice.pitch - before.pitch))
                loudest = max(loudest, voice.loudness)
                softest = min(softest, voice.loudness)
            }
            last = stage.voices
        }
        #expect(lowest < -2 && lowest > -6 && highest > 2 && highest < 6)
        #expect(step < 0.4)
        #expect(loudest > -29.5 && loudest < -28.7 && softest < -30.5 && softest > -31.3)
        #expect(Set(stage.active.map { $0.pitch - $0.pitch.rounded() }).count == 8)
    }

    /// Bow, reed and lips come from a little below; keys do not.
    @Test func theOnsetScoops() {
        func first(_ profile: InstrumentProfile, _ drift: Float) -> Float {
            let stage = PerformerStage(profile)
            stage.settings.drift = drift
            stage.on(60)
            let curve = stage.run(300)
            return 100 * ((curve.first?.pitch ?? 0) - (curve.last?.pitch ?? 0))
        }
        #expect(first(.bowed, 1) < -5)
        #expect(first(.bowed, 0) == 0)
        #expect(first(.plucked, 1) > -5)
    }

    /// Whatever is turned while a note sounds, its loudness and pitch do not step.
    @Test func nothingStepsButANotesStart() throws {
        var random = EventRandom(7)
        var loud = InstrumentProfile.plain
        loud.loudness = [-30, -20, -14, -8]
        let stage = PerformerStage(.bowed, loud)
        stage.settings.mode = .legato
        stage.settings.glide = 50
        stage.on(60, 90)
        stage.run(300)
        let generation = stage.newest.generation
        var last = stage.newest
        for _ in 0..<3000 {
            switch random.next(40) {
            case 0: stage.settings.loudness = Float(random.next(49) - 24)
            case 1: stage.settings.dynamics = Float(random.next(21)) / 10
            case 2: stage.settings.attack = Float(random.next(100) + 1) / 10
            case 3: stage.settings.body = Float(random.next(7))
            case 4: stage.settings.tremolo = Float(random.next(13))
            case 5: stage.settings.vibratoDepth = Float(random.next(100))
            case 6: stage.settings.vibratoDelay = Float(random.next(3000))
            case 7: stage.settings.transpose = Float(random.next(25) - 12)
            case 8: stage.settings.pressure = Float(random.next(25) - 12)
            case 9: stage.morph = Float(random.next(101)) / 100
            case 10: stage.a.pointee = random.next(2) == 0 ? .bowed : .plain
            case 11: stage.control(11, UInt8(40 + random.next(88)))
            case 12: stage.control(1, UInt8(random.next(128)))
            case 13: stage.send(0xD0, UInt8(random.next(128)))
            case 14: stage.bend(random.next(16384))
            case 15: stage.control(74, UInt8(random.next(128)))
            case 16: stage.control(7, UInt8(40 + random.next(88)))
            case 17: stage.on(UInt8(50 + random.next(20)), UInt8(1 + random.next(127)))
            case 18: stage.settings.drift = Float(random.next(101)) / 100
            case 19: stage.settings.breath = Float(random.next(101)) / 100
            case 20: stage.control(2, UInt8(40 + random.next(88)))
            default: break
            }
            stage.step()
            let voice = stage.newest
            try #require(voice.isActive && voice.generation == generation)
            // A jump by so many dB takes 15 ms: 23 % of it in a frame.
            #expect(abs(voice.loudness - last.loudness) < 0.25 * 80)
            #expect(abs(voice.pitch - last.pitch) < 0.25 * 40)
            #expect(abs(voice.timbre - last.timbre) <= 0.24 * 2)
            #expect(abs(voice.gain - last.gain) < 0.25 * 25)
            last = voice
        }
        // And none leaves anything behind.
        var still = PerformanceSettings()
        still.mode = .legato
        still.vibratoDepth = 0
        still.drift = 0
        stage.settings = still
        stage.control(121, 0)
        stage.morph = 0
        stage.a.pointee = .plain
        stage.on(60, 64)
        stage.run(1000)
        #expect(isClose(stage.newest.loudness, -30))
        #expect(isClose(stage.newest.pitch, 60))
    }

    /// A change while nothing else moves: a smooth curve from one value to the other.
    @Test func aControlsStepIsPlayedSmoothly() {
        let stage = PerformerStage()
        stage.on(60, 64)
        stage.run(400)
        stage.settings.loudness = 12
        let curve = stage.run(100).map(\.loudness)
        #expect(isClose(curve[0], -30 + 12 * 0.234, 0.1))
        #expect(isClose(curve[4], -30 + 12 * 0.736, 0.2))
        #expect(isClose(curve[24], -18, 0.05))
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func aProfileOfNonsenseIsSilence() {
        var nonsense = InstrumentProfile.plain
        for index in 0..<384 { nonsense.attack[index] = .nan }
        for index in 0..<4 { nonsense.loudness[index] = .infinity }
        for index in 0..<32 { nonsense.release[index] = -.infinity }
        let stage = PerformerStage(nonsense)
        stage.on(60)
        stage.run(100)
        #expect(stage.newest.loudness.isFinite && stage.newest.pitch.isFinite)
        stage.off(60)
        stage.run(400)
        #expect(stage.active.isEmpty)
        // And the voice is none the worse for it.
        stage.a.pointee = .plain
        stage.on(60, 64)
        stage.run(100)
        #expect(isClose(stage.newest.loudness, -30))
    }
}
