import DDSPSynth
import Neural
import Testing

@Suite struct SynthEngineTests {
    let model: SynthModel
    let timeline = Timeline(sampleRate: 48_000)

    init() throws { model = try SynthModel(path: vectors("tiny.safetensors")) }

    struct Sound: Equatable {
        var amplitudes: [Float]
        var noise: [Float]
    }

    func engine(_ model: SynthModel? = nil, _ slots: FrameSlots = FrameSlots(capacity: 2)) throws -> SynthEngine {
        try SynthEngine(model: model ?? self.model, slots: slots, timeline: timeline)
    }

    /// One frame of some voices, all others silent.
    @discardableResult
    func infer(
        _ engine: SynthEngine, _ frame: Int, _ voices: [Int: VoiceControl], _ settings: SoundSettings = SoundSettings()
    ) -> [Int: Sound] {
        let slots = engine.slots
        let slot = slots.acquire(frame: frame, freewheeling: false)
        for voice in 0..<32 { slots.controls(slot)[voice] = voices[voice] ?? VoiceControl() }
        slots.settings(slot).pointee = settings
        #expect(engine.infer(frame: frame, settings: slot) == slot)
        #expect(slots.take(frame: frame, result: slot) == slot)
        defer { slots.release(slot) }
        var sounds: [Int: Sound] = [:]
        for voice in voices.keys where voices[voice]!.isActive {
            sounds[voice] = Sound(
                amplitudes: (0..<128).map { slots.amplitudes(slot, voice: voice)[$0] },
                noise: (0..<65).map { slots.noise(slot, voice: voice)[$0] })
        }
        return sounds
    }

    func voice(_ pitch: Float, _ generation: UInt32 = 1, loudness: Float = -25) -> VoiceControl {
        VoiceControl(isActive: true, generation: generation, start: 0, pitch: pitch, loudness: loudness)
    }

    /// The engine is decoder and sound design, frame after frame.
    @Test func isDecoderAndSoundDesign() throws {
        let engine = try engine()
        let decoder = try SynthDecoder(model: model, maximumBatch: 1), design = try SoundDesign(model: model)
        var settings = SoundSettings()
        (settings.instrumentA, settings.instrumentB, settings.morph) = (1, 3, 0.25)
        (settings.tilt, settings.attackNoise) = (-3, 12)
        design.prepare(settings)
        var state = [Float](repeating: 0, count: 32), outputs = [Float](repeating: 0, count: decoder.outputStride)
        for frame in 0..<30 {
            var control = voice(60 + 0.1 * Float(frame), loudness: -40 + Float(frame))
            control.timbre = 0.3
            let sound = try #require(infer(engine, frame, [4: control, 9: voice(40)], settings)[4])
            let (pitch, loudness) = SynthDecoder.features(pitch: control.pitch, loudness: control.loudness)
            var features = [pitch, loudness] + [Float](repeating: 0, count: 16)
            features.withUnsafeMutableBufferPointer { model.mix(1, 3, morph: 0.25, into: $0.baseAddress! + 2) }
            decoder.step(features: features, states: &state, outputs: &outputs, rows: 1)
            var want = Sound(amplitudes: .init(repeating: 0, count: 128), noise: .init(repeating: 0, count: 65))
            design.shape(
                outputs,
                .init(pitch: control.pitch, loudness: control.loudness, timbre: 0.3, age: Float(frame * 192) / 48_000),
                amplitudes: &want.amplitudes, noise: &want.noise)
            #expect(sound == want)
        }
    }

    /// Channel volume: the whole sound, and nothing but its level.
    @Test func gainIsAFader() throws {
        let plain = try #require(infer(try engine(), 0, [0: voice(60)])[0])
        var control = voice(60)
        for (gain, factor) in [(-20, 0.1), (-90, 3.1623e-5), (4, 1.584_89), (-500, 3.1623e-5), (Float.nan, 1)] as [(Float, Float)] {
            control.gain = gain
            let sound = try #require(infer(try engine(), 0, [0: control])[0])
            for (a, b) in zip(sound.amplitudes + sound.noise, plain.amplitudes + plain.noise) {
                #expect(abs(a - factor * b) <= 1e-4 * factor * b)
            }
        }
    }

    @Test func aNewSoundBeginsAtRest() throws {
        let engine = try engine(), fresh = try self.engine()
        let first = infer(fresh, 0, [0: voice(60)])[0]
        for frame in 0..<20 { infer(engine, frame, [3: voice(60)]) }
        #expect(infer(engine, 20, [3: voice(60)])[3] != first)
        #expect(infer(engine, 21, [3: voice(60, 2)])[3] == first, "another generation")
        infer(engine, 22, [3: voice(60, 2)])
        infer(engine, 23, [:])
        #expect(infer(engine, 24, [3: voice(60, 2)])[3] == first, "after silence")
        for frame in 25..<30 { infer(engine, frame, [3: voice(60, 2)]) }
        engine.reset()
        #expect(infer(engine, 0, [3: voice(60, 2)])[3] == first, "after reset")
    }

    @Test func voicesDoNotHearEachOther() throws {
        let alone = try engine(), together = try engine()
        for frame in 0..<20 {
            let control = voice(55)
            var all: [Int: VoiceControl] = [7: control]
            for other in 0..<32 where other != 7 && (other + frame) % 3 > 0 { all[other] = voice(Float(30 + other), UInt32(frame / 5)) }
            #expect(infer(together, frame, all)[7] == infer(alone, frame, [31: control])[31])
        }
    }

    @Test func anotherEngineTakesOver() throws {
        let slots = FrameSlots(capacity: 2)
        let first = try engine(model, slots), second = try engine(model, slots), reference = try engine()
        for frame in 0..<10 {
            infer(first, frame, [2: voice(60)])
            infer(reference, frame, [2: voice(60)])
        }
        second.takeOver(from: first)
        #expect(infer(second, 10, [2: voice(60)]) == infer(reference, 10, [2: voice(60)]))
        // From an engine without a model there is nothing to take.
        let empty = try SynthEngine(model: nil, slots: slots, timeline: timeline), third = try engine(model, slots)
        third.takeOver(from: empty)
        empty.takeOver(from: third)
        let rest = try infer(engine(), 0, [2: voice(60)])[2]
        #expect(infer(third, 11, [2: voice(60)])[2] == rest)
    }

    @Test func withoutAModelAllIsSilence() throws {
        let engine = try SynthEngine(model: nil, slots: FrameSlots(capacity: 2), timeline: timeline)
        let sound = try #require(infer(engine, 1, [5: voice(69)])[5])
        #expect((sound.amplitudes + sound.noise).allSatisfy { $0 == 0 })
        #expect(engine.infer(frame: 2, settings: FrameSlots.none) == FrameSlots.none)
        #expect(engine.infer(frame: 3, settings: 99) == FrameSlots.none)
    }

    /// No number in the controls stays in a voice's state, nor reaches the sound.
    @Test func hostileControlsPass() throws {
        let engine = try engine()
        let odd: [Float] = [.nan, .infinity, -.infinity, 1e38, -1e38, .leastNonzeroMagnitude]
        for frame in 0..<60 {
            let value = odd[frame % odd.count]
            var settings = SoundSettings()
            (settings.instrumentA, settings.instrumentB) = (frame % 2 == 0 ? .max : .min, -1)
            (settings.morph, settings.tilt, settings.stretch, settings.noise) = (value, value, value, value)
            var control = VoiceControl(isActive: true, generation: 1, start: frame % 3 == 0 ? .max : .min, pitch: value)
            (control.loudness, control.timbre) = (odd[frame / 6 % odd.count], value)
            let sound = try #require(infer(engine, frame, [0: control], settings)[0])
            #expect((sound.amplitudes + sound.noise).allSatisfy { $0.isFinite })
        }
        let sound = try #require(infer(engine, 60, [0: voice(60)])[0])
        #expect(sound.amplitudes.max()! > 0.001)
    }
}
