import DDSPSynth
import Testing

/// MIDI Polyphonic Expression (MPE 1.0).
@Suite struct PerformerMPETests {
    private func isClose(_ a: Float, _ b: Float, _ tolerance: Float = 0.002) -> Bool { abs(a - b) <= tolerance }

    private func lowerZone() -> PerformerStage {
        let stage = PerformerStage()
        stage.settings.mpe = .lower
        return stage
    }

    private func pitch(_ stage: PerformerStage, start note: Int) -> Float? {
        stage.active.min { abs($0.pitch - Float(note)) < abs($1.pitch - Float(note)) }?.pitch
    }

    @Test func notesBendByThemselvesAndTogether() {
        let stage = lowerZone()
        stage.on(40, channel: 1)
        stage.on(90, channel: 2)
        stage.bend(8192 + 4096, channel: 1)  // 24 of 48 semitones, less a step
        stage.run(240)
        #expect(isClose(pitch(stage, start: 64) ?? 0, 64, 0.01))
        #expect(pitch(stage, start: 90) == 90)
        stage.bend(16383, channel: 0)  // the master's own range: 2
        stage.run(240)
        #expect(isClose(pitch(stage, start: 64) ?? 0, 66, 0.01))
        #expect(isClose(pitch(stage, start: 90) ?? 0, 92))
    }

    @Test func aNoteBeginsWhereItsChannelIs() {
        let stage = lowerZone()
        stage.bend(8192 + 1024, channel: 4)
        stage.control(74, 127, channel: 4)
        stage.send(0xD4, 127)
        stage.on(60, 64, channel: 4)
        stage.step()
        #expect(isClose(stage.newest.pitch, 66, 0.01))
        #expect(isClose(stage.newest.timbre, 1))
        #expect(isClose(stage.newest.loudness, -30 + stage.settings.pressure))
    }

    @Test func pressureAndTimbreOfANote() {
        let stage = lowerZone()
        stage.on(60, 64, channel: 1)
        stage.on(72, 64, channel: 2)
        stage.send(0xD1, 127)
        stage.control(74, 0, channel: 2)
        stage.run(240)
        #expect(isClose(stage.voice(60)?.loudness ?? 0, -21, 0.01))
        #expect(isClose(stage.voice(72)?.loudness ?? 0, -30, 0.01))
        #expect(isClose(stage.voice(60)?.timbre ?? 9, 0))
        #expect(isClose(stage.voice(72)?.timbre ?? 9, -1))
        // The master's come on top.
        stage.send(0xD0, 127)
        stage.control(74, 127, channel: 0)
        stage.run(240)
        #expect(stage.active.allSatisfy { isClose($0.loudness, -21, 0.01) })
        #expect(isClose(stage.voice(72)?.timbre ?? 9, 0))
    }

    @Test func theMastersPedalsAndExpressionHoldForAll() {
        let stage = lowerZone()
        stage.on(60, 64, channel: 3)
        stage.on(72, 64, channel: 9)
        stage.control(64, 127, channel: 0)
        stage.control(11, 64, channel: 0)
        stage.off(60, channel: 3)
        stage.run(300)
        #expect(stage.pitches == [60, 72])
        #expect(stage.active.allSatisfy { isClose($0.loudness, -41.905, 0.01) })
        stage.control(64, 0, channel: 0)
        stage.run(300)
        #expect(stage.pitches == [72])
        stage.control(123, 0, channel: 0)
        stage.run(300)
        #expect(stage.active.isEmpty)
    }

    /// The channel's next note must not bend the one before, which is on its way out.
    @Test func aReleasedNoteKeepsItsBend() {
        let stage = PerformerStage(.bowed)
        stage.settings.mpe = .lower
        stage.on(60, channel: 1)
        stage.bend(8192 + 512, channel: 1)
        stage.run(200)
        stage.off(60, channel: 1)
        stage.run(8)
        stage.on(80, channel: 1)
        stage.bend(0, channel: 1)
        let last = (0..<10).map { _ in
            stage.step()
            return stage.active.first { $0.start < stage.newest.start }?.pitch ?? 0
        }
        #expect(last.allSatisfy { isClose($0, 63, 0.01) })
    }

    @Test func theUpperZonesMasterIsChannelSixteen() {
        let stage = PerformerStage()
        stage.settings.mpe = .upper
        stage.on(60, channel: 14)
        stage.bend(16383, channel: 0)  // a member's: 48
        stage.bend(16383, channel: 15)  // the master's: 2
        stage.run(240)
        #expect(isClose(stage.newest.pitch, 62))
        stage.bend(8192 + 1024, channel: 14)
        stage.run(240)
        #expect(isClose(stage.newest.pitch, 68, 0.01))
    }

    @Test func theConfigurationMessageMakesZones() {
        let stage = PerformerStage()
        stage.on(50)
        stage.registered(6, 7, channel: 0)  // lower: 2 … 8
        stage.run(300)
        #expect(stage.active.isEmpty)  // what sounded was let go
        stage.registered(6, 4, channel: 15)  // upper: 12 … 15
        func bentBy(_ channel: UInt8, master: UInt8) -> (own: Float, master: Float) {
            stage.on(60, channel: channel)
            stage.bend(8192 + 512, channel: channel)
            stage.run(240)
            let own = stage.newest.pitch - 60
            stage.bend(8192, channel: channel)
            stage.bend(16383, channel: master)
            stage.run(240)
            let byMaster = stage.newest.pitch - 60
            stage.bend(8192, channel: master)
            stage.off(60, channel: channel)
            stage.run(300)
            return (own, byMaster)
        }
        let lower = bentBy(7, master: 0), upper = bentBy(11, master: 15), outside = bentBy(9, master: 0)
        #expect(isClose(lower.own, 3) && isClose(lower.master, 2))
        #expect(isClose(upper.own, 3) && isClose(upper.master, 2))
        #expect(isClose(outside.own, 0.125) && outside.master == 0)
        // The zone set last takes channels from the other.
        stage.registered(6, 12, channel: 15)
        #expect(isClose(bentBy(3, master: 15).own, 3))
        #expect(isClose(bentBy(2, master: 0).own, 3))
        stage.registered(6, 8, channel: 0)
        #expect(isClose(bentBy(8, master: 0).own, 3))
        #expect(isClose(bentBy(8, master: 0).master, 2))
        #expect(isClose(bentBy(9, master: 15).master, 2))
        stage.registered(6, 10, channel: 15)
        stage.registered(6, 0, channel: 15)
        #expect(isClose(bentBy(4, master: 0).own, 3))
        #expect(isClose(bentBy(5, master: 0).own, 0.125))  // lost to the upper zone
        // And none at all.
        stage.registered(6, 0, channel: 0)
        stage.registered(6, 0, channel: 15)
        #expect(isClose(bentBy(7, master: 0).own, 0.125))
        // No zone belongs to another channel.
        stage.registered(6, 5, channel: 4)
        #expect(isClose(bentBy(5, master: 4).own, 0.125))
    }

    @Test func aMembersBendRangeHoldsForItsZone() {
        let stage = lowerZone()
        stage.registered(0, 24, channel: 5)
        stage.on(60, channel: 2)
        stage.bend(16383, channel: 2)
        stage.run(240)
        #expect(isClose(stage.newest.pitch, 84))
        stage.registered(0, 12, channel: 0)
        stage.bend(0, channel: 0)
        stage.run(240)
        #expect(isClose(stage.newest.pitch, 72))
        stage.settings.mpeBendRange = 36
        stage.run(240)
        #expect(isClose(stage.newest.pitch, 84))
    }

    /// Two fingers on one key's pitch are two notes.
    @Test func theSameNoteOnTwoChannels() {
        let stage = lowerZone()
        stage.on(60, channel: 1)
        stage.on(60, channel: 2)
        stage.step()
        #expect(stage.active.count == 2)
        stage.off(60, channel: 1)
        stage.run(300)
        #expect(stage.active.count == 1)
    }

    @Test func changingTheZoneLetsNotesGo() {
        let stage = lowerZone()
        stage.on(60, channel: 1)
        stage.run(40)
        stage.settings.mpe = .off
        stage.run(300)
        #expect(stage.active.isEmpty)
    }
}
