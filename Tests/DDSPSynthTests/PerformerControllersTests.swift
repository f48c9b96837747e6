import CDDSPSynth
import DDSPSynth
import Testing

/// Controllers, registered parameters, channel mode messages, and what is none of these.
@Suite struct PerformerControllersTests {
    private func isClose(_ a: Float, _ b: Float, _ tolerance: Float = 0.002) -> Bool { abs(a - b) <= tolerance }

    /// One note, 69 at velocity 64 (−30 dB), sounding.
    private func sounding(_ profile: InstrumentProfile = .plain, channel: UInt8 = 0) -> PerformerStage {
        let stage = PerformerStage(profile)
        stage.on(69, 64, channel: channel)
        stage.run(400)
        return stage
    }

    private func settledPitch(_ stage: PerformerStage) -> Float { stage.run(240).last?.pitch ?? 0 }
    private func settledLoudness(_ stage: PerformerStage) -> Float { stage.run(240).last?.loudness ?? 0 }

    // MARK: Pitch

    @Test func bendsReachTheirRangeBothWays() {
        let stage = sounding()
        stage.bend(16383)
        let way = stage.run(240)
        #expect(isClose(way.last?.pitch ?? 0, 71))
        // Smoothed, within some 20 ms.
        #expect(way[0].pitch > 69.2 && way[0].pitch < 70)
        #expect(way[9].pitch > 70.8)
        stage.bend(0)
        #expect(isClose(settledPitch(stage), 67))
        stage.bend(8192)
        #expect(settledPitch(stage) == 69)
        stage.settings.bendRange = 12
        stage.bend(16383)
        #expect(isClose(settledPitch(stage), 81))
        // A note begins where the bend is.
        stage.on(40)
        stage.step()
        #expect(stage.newest.pitch == 52)
    }

    @Test func bendsMoveTheirOwnChannelAlone() {
        let stage = PerformerStage()
        stage.on(60, channel: 2)
        stage.on(70, channel: 3)
        stage.bend(16383, channel: 3)
        stage.run(240)
        #expect(stage.pitches == [60, 72])
    }

    @Test func theBendRangeByRegisteredParameter() {
        let stage = sounding()
        stage.registered(0, 7, 50)
        stage.bend(16383)
        #expect(isClose(settledPitch(stage), 76.5))
        stage.control(96, 0)  // a cent up
        #expect(isClose(settledPitch(stage), 76.51))
        stage.control(97, 0)
        stage.control(97, 0)
        #expect(isClose(settledPitch(stage), 76.49))
        // After the null parameter, and for one that is not registered, data entry means nothing.
        stage.control(101, 127)
        stage.control(100, 127)
        stage.control(6, 24)
        stage.control(38, 1)
        stage.control(101, 0)
        stage.control(100, 0)
        stage.control(99, 0)
        stage.control(98, 0)
        stage.control(6, 24)
        #expect(isClose(settledPitch(stage), 76.49))
        // The upper part alone.
        stage.registered(0, 12)
        #expect(isClose(settledPitch(stage), 81))
        // The last that was set counts.
        stage.settings.bendRange = 3
        #expect(isClose(settledPitch(stage), 72))
    }

    @Test func fineAndCoarseTuning() {
        let stage = sounding()
        stage.registered(1, 96, 0)  // +50 cents
        #expect(isClose(settledPitch(stage), 69.5))
        stage.registered(1, 64, 0)
        stage.control(96, 0)
        #expect(isClose(settledPitch(stage), 69 + 1 / 8192, 0.0001))
        stage.registered(1, 64, 0)
        stage.registered(2, 52)
        #expect(isClose(settledPitch(stage), 57))
        stage.control(96, 0)
        #expect(isClose(settledPitch(stage), 58))
    }

    @Test func transpositionAndConcertPitch() {
        let stage = sounding()
        stage.settings.transpose = -12
        let way = stage.run(240)
        #expect(isClose(way.last?.pitch ?? 0, 57))
        #expect(way[0].pitch > 65)  // no step
        stage.settings.transpose = 0
        stage.settings.a4 = 466.163_76
        #expect(isClose(settledPitch(stage), 70))
    }

    // MARK: Vibrato

    /// Crossings upwards a second, and the greatest distance from `center`, semitones.
    private func vibrato(_ frames: [VoiceControl], around center: Float) -> (rate: Float, depth: Float) {
        let pitches = frames.map { $0.pitch - center }
        let crossings = zip(pitches, pitches.dropFirst()).filter { $0 < 0 && $1 >= 0 }.count
        return (Float(crossings) / (0.004 * Float(frames.count)), pitches.map(abs).max() ?? 0)
    }

    @Test func vibratoGrowsAfterItsDelay() {
        let stage = PerformerStage()
        stage.settings.vibratoDepth = 50
        stage.settings.vibratoRate = 5
        stage.settings.vibratoDelay = 1000
        stage.on(69)
        #expect(vibrato(stage.run(340), around: 69).depth < 0.001)
        #expect(vibrato(stage.run(200), around: 69).depth < 0.3)
        stage.run(500)
        let full = vibrato(stage.run(4000), around: 69)
        #expect(isClose(full.rate, 5, 0.4))
        #expect(isClose(full.depth, 0.5, 0.01))
        // Without a delay it is there at once, but the note begins in tune.
        stage.settings.vibratoDelay = 0
        stage.on(50)
        let onset = stage.run(200)
        #expect(isClose(onset[0].pitch, 50, 0.01))
        #expect(vibrato(onset, around: 50).depth > 0.4)
    }

    @Test func theWheelAddsVibrato() {
        let stage = sounding()
        stage.settings.wheelVibrato = 100
        stage.control(1, 64)
        stage.control(33, 0)
        stage.run(100)
        #expect(isClose(vibrato(stage.run(2000), around: 69).depth, 0.504, 0.01))
        stage.control(1, 127)
        stage.run(100)
        #expect(isClose(vibrato(stage.run(2000), around: 69).depth, 1, 0.01))
        stage.control(1, 0)
        stage.run(300)
        #expect(vibrato(stage.run(1000), around: 69).depth < 0.001)
        stage.control(33, 127)  // the lower seven bits alone: 100 · 127/16256 cents
        stage.run(300)
        #expect(isClose(vibrato(stage.run(2000), around: 69).depth, 0.0078, 0.001))
    }

    @Test func eachVoiceVibratesByItself() {
        let stage = PerformerStage()
        stage.settings.vibratoDepth = 50
        stage.settings.vibratoDelay = 0
        for note in 0..<8 { stage.on(UInt8(40 + 2 * note)) }
        stage.run(400)
        let offsets = stage.active.map { $0.pitch - $0.pitch.rounded() }
        #expect(Set(offsets).count == 8)
    }

    @Test func tremoloGoesWithTheVibrato() {
        let stage = PerformerStage()
        stage.settings.tremolo = 6
        stage.settings.vibratoDelay = 400
        stage.on(69, 64)
        let early = stage.run(120).map(\.loudness)
        #expect((early.max() ?? 0) - (early.min() ?? 0) < 0.01)
        stage.run(400)
        let full = stage.run(1000).map(\.loudness)
        #expect(isClose(full.max() ?? 0, -27, 0.1))
        #expect(isClose(full.min() ?? 0, -33, 0.1))
    }

    // MARK: Loudness

    @Test func expressionFollowsMIDIsCurve() {
        let stage = sounding()
        for (value, decibels) in [(127, 0), (100, -4.152), (64, -11.905), (32, -23.947), (1, -60)] as [(UInt8, Float)] {
            stage.control(11, value)
            #expect(isClose(settledLoudness(stage), max(-90, -30 + decibels), 0.01))
        }
        stage.control(11, 0)
        #expect(settledLoudness(stage) == VoiceControl.silence)
        #expect(stage.active.count == 1)  // still held
        stage.control(11, 127)
        #expect(isClose(settledLoudness(stage), -30, 0.01))
    }

    /// A fader, after the network.
    @Test func volumeIsGain() {
        let stage = sounding()
        #expect(stage.newest.gain == 0)
        stage.control(7, 127)
        #expect(isClose(stage.run(240).last?.gain ?? 0, 4.152, 0.01))
        stage.control(7, 50)
        #expect(isClose(stage.run(240).last?.gain ?? 0, -12.041, 0.01))
        stage.control(7, 0)
        #expect(isClose(stage.run(400).last?.gain ?? 0, VoiceControl.silence, 0.01))
        #expect(isClose(stage.newest.loudness, -30, 0.01))
    }

    @Test func pressureOfChannelAndKey() {
        let stage = sounding()
        stage.on(40, 64)
        stage.settings.pressure = 12
        stage.send(0xD0, 127)
        stage.run(240)
        #expect(stage.active.allSatisfy { isClose($0.loudness, -18, 0.01) })
        stage.send(0xD0, 0)
        stage.send(0xA0, 69, 64)
        stage.run(240)
        #expect(isClose(stage.voice(69)?.loudness ?? 0, -30 + 12 * 64 / 127, 0.01))
        #expect(isClose(stage.voice(40)?.loudness ?? 0, -30, 0.01))
        stage.settings.pressure = -24
        stage.send(0xA0, 69, 127)
        stage.run(240)
        #expect(isClose(stage.voice(69)?.loudness ?? 0, -54, 0.01))
    }

    @Test func breathTakesVelocitysPlace() {
        let stage = sounding()
        stage.settings.breath = 1
        // Nobody has blown yet: velocity.
        #expect(isClose(settledLoudness(stage), -30))
        stage.control(2, 127)
        #expect(isClose(settledLoudness(stage), -18, 0.01))
        stage.control(2, 0)
        #expect(isClose(settledLoudness(stage), VoiceControl.silence))
        var last = VoiceControl.silence
        for value in stride(from: 4, through: 124, by: 8) {
            stage.control(2, UInt8(value))
            let loudness = settledLoudness(stage)
            #expect(loudness > last)
            last = loudness
        }
        stage.control(2, 127)
        stage.settings.breath = 0.5
        #expect(isClose(settledLoudness(stage), -24, 0.01))
        stage.settings.breath = 0
        #expect(isClose(settledLoudness(stage), -30, 0.01))
    }

    @Test func timbre() {
        let stage = sounding()
        stage.control(74, 127)
        #expect(isClose(stage.run(240).last?.timbre ?? 0, 1))
        stage.control(74, 0)
        #expect(isClose(stage.run(240).last?.timbre ?? 0, -1))
        stage.control(74, 64)
        #expect(isClose(stage.run(240).last?.timbre ?? 9, 0))
    }

    // MARK: Channel mode

    @Test(arguments: [123, 124, 125, 126, 127] as [UInt8]) func allNotesOffRespectsThePedal(number: UInt8) {
        let stage = sounding()
        stage.on(60, channel: 1)
        stage.control(64, 127)
        stage.on(62)
        stage.control(number, 0)
        stage.run(300)
        #expect(stage.pitches == [60, 62, 69])
        stage.control(64, 0)
        stage.run(300)
        #expect(stage.pitches == [60])
        stage.control(number, 0, channel: 1)
        stage.run(300)
        #expect(stage.active.isEmpty)
    }

    @Test func allSoundOffIsSilenceAtOnce() {
        let stage = sounding()
        stage.on(60, channel: 1)
        stage.control(64, 127)
        stage.off(69)
        stage.run(40)
        stage.control(120, 0)
        stage.step()
        #expect(stage.pitches == [60])
        stage.control(120, 0, channel: 1)
        // And no key is remembered.
        stage.settings.mode = .mono
        stage.on(50)
        stage.off(50)
        stage.control(64, 0)
        stage.run(300)
        #expect(stage.pitches.isEmpty)
    }

    @Test func resetAllControllersLeavesWhatItShould() {
        let stage = sounding()
        stage.bend(16383)
        stage.control(1, 127)
        stage.control(11, 40)
        stage.control(7, 50)
        stage.control(74, 127)
        stage.control(67, 127)
        stage.control(64, 127)
        stage.send(0xD0, 127)
        stage.send(0xA0, 69, 127)
        stage.registered(0, 12)
        stage.off(69)
        stage.on(60, 64)
        stage.run(100)
        #expect(stage.active.count == 2)
        stage.control(121, 0)
        stage.control(6, 24)  // no parameter is selected any more
        stage.run(300)
        #expect(stage.active.count == 1)  // the pedal came up
        let voice = stage.newest
        #expect(isClose(voice.pitch, 60))
        #expect(isClose(voice.loudness, -30, 0.01))
        // Volume, timbre and the bend range stay.
        #expect(isClose(voice.gain, -12.041, 0.01))
        #expect(isClose(voice.timbre, 1))
        stage.bend(16383)
        #expect(isClose(settledPitch(stage), 72))
    }

    @Test func systemResetIsPowerOn() {
        let stage = sounding()
        stage.control(7, 50)
        stage.control(74, 100)
        stage.registered(0, 12)
        stage.send(0xFF)
        stage.step()
        #expect(stage.active.isEmpty)
        stage.on(60, 64)
        stage.bend(16383)
        stage.run(240)
        #expect(isClose(stage.newest.pitch, 62))
        #expect(stage.newest.gain == 0 && stage.newest.timbre == 0)
    }

    @Test func resetStartsTheSameChanceAgain() {
        let stage = PerformerStage()
        stage.settings.drift = 1
        func bits() -> [UInt32] {
            stage.control(64, 127)
            stage.on(60)
            stage.on(64)
            return stage.run(200).map(\.pitch.bitPattern)
        }
        let first = bits()
        stage.performer.reset()
        stage.step()
        #expect(stage.active.isEmpty)
        #expect(bits() == first)
    }

    @Test func programs() {
        let stage = PerformerStage()
        #expect(stage.performer.takeProgram() == -1)
        stage.send(0xC0, 40)
        stage.send(0xC5, 73)
        #expect(stage.performer.takeProgram() == 73)
        #expect(stage.performer.takeProgram() == -1)
    }

    @Test func oneChannelIfAsked() {
        let stage = PerformerStage()
        stage.settings.channel = 3
        stage.on(60, channel: 0)
        stage.on(64, channel: 2)
        stage.send(0xC0, 5)
        stage.run(40)
        #expect(stage.pitches == [64])
        #expect(stage.performer.takeProgram() == -1)
        // Another channel: the note-offs of the old one may never be heard.
        stage.settings.channel = 4
        stage.run(300)
        #expect(stage.active.isEmpty)
    }

    @Test func whatIsNoMessageIsIgnored() {
        let stage = sounding()
        let before = stage.voices
        let junk: [[UInt8]] = [
            [], [0x90], [0x90, 60], [0x90, 0x80, 64], [0x90, 60, 0x80], [0xB0, 120], [0xB0, 0xFB, 0], [60, 64, 0], [0xF0, 1, 2],
            [0xF7], [0xF8], [0xFE], [0xD0], [0xD0, 0xFF], [0xE0, 0], [0xC0, 200], [0xB0, 3, 9], [0xB0, 119, 127], [0xB0, 10, 0],
        ]
        for message in junk { stage.send(message) }
        stage.step()
        #expect(stage.active.count == 1)
        #expect(stage.newest.pitch == before.first { $0.isActive }?.pitch)
        #expect(isClose(stage.newest.loudness, -30))
        #expect(stage.performer.takeProgram() == -1)
    }

    // MARK: The controls

    @Test func controlsAreClampedOnEntry() {
        var controls = [Float](repeating: .nan, count: Int(CONTINUO_SYNTH_CONTROLS.rawValue))
        var settings = controls.withUnsafeBufferPointer { PerformanceSettings(controls: $0.baseAddress!) }
        #expect(settings.voiceCount == 16 && settings.mode == .poly && settings.channel == 0 && settings.mpe == .off)
        #expect(settings.attack == 1 && settings.a4 == 440 && settings.bendRange == 2 && settings.pressure == 9)
        controls = controls.map { _ in .infinity }
        settings = controls.withUnsafeBufferPointer { PerformanceSettings(controls: $0.baseAddress!) }
        #expect(settings.voiceCount == 32 && settings.mode == .legato && settings.channel == 16 && settings.mpe == .upper)
        #expect(settings.attack == 10 && settings.a4 == 480 && settings.glide == 2000 && settings.tremolo == 12)
        controls[Int(CONTINUO_SYNTH_GLIDE.rawValue)] = -5
        controls[Int(CONTINUO_SYNTH_MODE.rawValue)] = 0.9
        controls[Int(CONTINUO_SYNTH_WHEEL_VIBRATO.rawValue)] = 12.5
        settings = controls.withUnsafeBufferPointer { PerformanceSettings(controls: $0.baseAddress!) }
        #expect(settings.glide == 0 && settings.mode == .mono && settings.wheelVibrato == 12.5)
    }

    /// Each control reaches its own field, and the fields' defaults are the ports'.
    @Test func controlsReachTheirFields() {
        let standard = (0..<Int(CONTINUO_SYNTH_CONTROLS.rawValue)).map {
            ControlRange.of(continuo_synth_control(rawValue: UInt32($0))).standard
        }
        let fromPorts = standard.withUnsafeBufferPointer { PerformanceSettings(controls: $0.baseAddress!) }
        #expect("\(fromPorts)" == "\(PerformanceSettings())")
        let first = Int(CONTINUO_SYNTH_VOICE_COUNT.rawValue), last = Int(CONTINUO_SYNTH_BREATH.rawValue)
        for control in 0..<standard.count {
            var changed = standard
            let range = ControlRange.of(continuo_synth_control(rawValue: UInt32(control)))
            changed[control] = range.standard == range.maximum ? range.minimum : range.maximum
            let settings = changed.withUnsafeBufferPointer { PerformanceSettings(controls: $0.baseAddress!) }
            let differs = zip(Mirror(reflecting: settings).children, Mirror(reflecting: fromPorts).children)
                .filter { "\($0.value)" != "\($1.value)" }
            #expect(differs.count == ((first...last).contains(control) ? 1 : 0))
        }
    }
}
