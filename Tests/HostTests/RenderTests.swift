import Foundation
import Host
import Testing

/// Chains on files, with the plugins of lv2-examples.
@Suite struct RenderTests {
    @Test func amplifierHasItsGain() throws {
        let result = try render([PluginSetup(Example.amp, ["gain": "-20"])]) { $0.input = sine() }
        #expect(abs(try #require(result.report.peak) - (20 * log10(0.5) - 20)) < 0.01)
        #expect(abs(try #require(result.report.level) - (20 * log10(0.5 / 2.0.squareRoot()) - 20)) < 0.01)
        #expect(result.sound.frameCount == 24000)
    }

    @Test func plugsStandInARow() throws {
        let once = try render([PluginSetup(Example.amp, ["gain": "-12"])]) { $0.input = sine() }
        let twice = try render([PluginSetup(Example.amp, ["gain": "-6"]), PluginSetup(Example.amp, ["gain": "-6"])]) {
            $0.input = sine()
        }
        for (a, b) in zip(once.sound.channels[0], twice.sound.channels[0]) { #expect(abs(a - b) < 1e-6) }
    }

    @Test(arguments: [1, 64, 441, 8192]) func sameBitsEachTime(block: Int) throws {
        let setups = [PluginSetup(Example.amp, ["gain": "-3"]), PluginSetup(Example.amp)]
        let first = try render(setups, block: block) { $0.input = sine() }
        let second = try render(setups, block: block) { $0.input = sine() }
        #expect(first.bytes == second.bytes)
        #expect(first.report.controlOutputs == second.report.controlOutputs)
    }

    @Test func randomBlocksGiveTheSameSound() throws {
        let setups = [PluginSetup(Example.amp, ["gain": "-3"])]
        let steady = try render(setups) { $0.input = sine() }
        for seed: UInt64 in 1...3 {
            let random = try render(setups, block: 700) {
                $0.input = sine()
                $0.randomBlocks = seed
            }
            #expect(random.bytes == steady.bytes)
        }
    }

    @Test func monoGoesToBothSidesAndBothSidesAreAveraged() throws {
        let stereo = try render([PluginSetup(Example.scope)]) { $0.input = sine() }
        #expect(stereo.sound.channels.count == 2)
        #expect(stereo.sound.channels[0] == stereo.sound.channels[1])
        let mono = try render([PluginSetup(Example.scope), PluginSetup(Example.amp)]) {
            $0.input = SoundFile(
                channels: [[Float](repeating: 0.5, count: 100), [Float](repeating: 0.25, count: 100)], sampleRate: 48000)
        }
        #expect(mono.sound.channels == [[Float](repeating: 0.375, count: 100)])
    }

    @Test func inputThatDoesNotFitIsRefused() throws {
        #expect(throws: HostError.usage("the input has 44100 Hz, the graph runs at 48000 Hz")) {
            try render([PluginSetup(Example.amp)]) { $0.input = sine(rate: 44100) }
        }
        #expect(throws: HostError.usage("these plugins take no audio input")) {
            try render([PluginSetup(Example.metro)]) { $0.input = sine() }
        }
    }

    // MARK: Time

    /// Where the metronome's clicks begin.
    private func clicks(_ result: Rendered) -> [Int] {
        let samples = result.sound.channels[0]
        var starts: [Int] = []
        var silent = 1000
        for (i, sample) in samples.enumerated() {
            if abs(sample) > 1e-3 {
                if silent > 500 { starts.append(i) }
                silent = 0
            } else {
                silent += 1
            }
        }
        return starts
    }

    @Test(arguments: [60, 120, 133.7] as [Float]) func metronomeFollowsTheTransport(tempo: Float) throws {
        for block in [64, 1024] {
            let result = try render([PluginSetup(Example.metro)], block: block) {
                $0.seconds = 4
                $0.tempo = tempo
            }
            let found = clicks(result)
            let beat = 48000 * 60 / Double(tempo)
            #expect(found.count == Int((4 * 48000 / beat).rounded(.up)))
            // The example counts in whole samples a beat and its click rises from 0, so it may stand a few samples off.
            for (i, start) in found.enumerated() { #expect(abs(Double(start) - Double(i) * beat) < 12) }
        }
    }

    @Test func metronomeDoesNotMindRandomBlocks() throws {
        let steady = try render([PluginSetup(Example.metro)]) { $0.seconds = 3 }
        let random = try render([PluginSetup(Example.metro)], block: 999) {
            $0.seconds = 3
            $0.randomBlocks = 7
        }
        #expect(zip(clicks(steady), clicks(random)).allSatisfy { abs($0 - $1) < 12 })
        #expect(clicks(random).count == 6)
    }

    // MARK: MIDI

    @Test func midiKeepsItsTime() throws {
        let notes = (0..<20).map { TimedMIDI(time: $0 * 999 + 17, bytes: [0x90, UInt8(40 + $0), 100]) }
        let result = try render([PluginSetup(Example.fifths)], block: 128) {
            $0.inputMIDI = notes
            $0.seconds = 1
        }
        #expect(result.midi.count == 40)
        #expect(result.report.notes == 40)
        for (i, note) in notes.enumerated() {
            #expect(result.midi[2 * i] == note)
            #expect(result.midi[2 * i + 1] == TimedMIDI(time: note.time, bytes: [0x90, UInt8(47 + i), 100]))
        }
    }

    @Test func midiGoesFromPluginToPlugin() throws {
        let result = try render([PluginSetup(Example.fifths), PluginSetup(Example.fifths)], block: 100) {
            $0.inputMIDI = [TimedMIDI(time: 250, bytes: [0x90, 60, 99])]
            $0.seconds = 0.1
        }
        #expect(result.midi.map(\.bytes) == [[0x90, 60, 99], [0x90, 67, 99], [0x90, 67, 99], [0x90, 74, 99]])
        #expect(result.midi.allSatisfy { $0.time == 250 })
    }

    @Test func gateOpensOnTheSample() throws {
        // The example lets an event act from the start of the block it stands in: only blocks of one frame show where that was.
        let result = try render([PluginSetup(Example.midigate)], block: 1) {
            $0.input = SoundFile(channels: [[Float](repeating: 0.25, count: 4000)], sampleRate: 48000)
            $0.inputMIDI = [
                TimedMIDI(time: 700, bytes: [0x90, 60, 100]), TimedMIDI(time: 2900, bytes: [0x80, 60, 0]),
            ]
        }
        let samples = result.sound.channels[0]
        #expect(samples.firstIndex { $0 != 0 } == 700)
        #expect(samples.lastIndex { $0 != 0 } == 2899)
        #expect(samples.count { $0 == 0.25 } == 2200)
    }
}
