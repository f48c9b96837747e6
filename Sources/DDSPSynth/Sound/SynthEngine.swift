import CRealtime
import Neural
import Realtime

/// The synthesizer's inference side: for each control frame, what every voice sounds like. Its input and its results lie in slots
/// (`FrameSlots`), whose numbers are the stream's settings and results; it hears no audio.
///
/// All active voices go through the decoder as one batch. A voice's recurrent state begins at rest with each new sound
/// (`VoiceControl.generation`).
public final class SynthEngine: StreamingEngine {
    public typealias Settings = Int
    public typealias Result = Int

    public let slots: FrameSlots
    public let timeline: Timeline
    /// `nil`: none could be loaded, and all is silence.
    public let model: SynthModel?
    private let decoder: SynthDecoder?
    private let design: SoundDesign?

    private static var voices: Int { VoiceControl.maximumCount }
    private let stateSize: Int
    /// [voices, stateSize]; and what the decoder gets, [active voices, …].
    private let states: FloatBuffer
    private let batchStates: FloatBuffer
    private let features: FloatBuffer
    private let outputs: FloatBuffer
    private let embedding: FloatBuffer
    /// The sound that a voice's state belongs to, if `isRunning`.
    private let generations: UnsafeMutablePointer<UInt32>
    private let isRunning: UnsafeMutablePointer<Bool>
    private let batch: UnsafeMutablePointer<Int>

    /// - Parameters:
    ///   - model: may be shared by any number of engines
    ///   - slots: of the stream that the engine is for; engines that follow each other in one stream share them
    /// - Throws: `ModelError.outOfMemory`
    public init(model: SynthModel?, slots: FrameSlots, timeline: Timeline) throws(ModelError) {
        self.model = model
        self.slots = slots
        self.timeline = timeline
        if let model {
            decoder = try SynthDecoder(model: model, maximumBatch: Self.voices)
            design = try SoundDesign(model: model)
            stateSize = model.stateSize
            outputs = try FloatBuffer(count: Self.voices * model.network.head.outputStride)
        } else {
            decoder = nil
            design = nil
            stateSize = 0
            outputs = try FloatBuffer(count: 0)
        }
        states = try FloatBuffer(count: Self.voices * stateSize)
        batchStates = try FloatBuffer(count: Self.voices * stateSize)
        features = try FloatBuffer(count: Self.voices * SynthDecoder.featureCount)
        embedding = try FloatBuffer(count: SynthModel.embeddingSize)
        generations = allocateZeroed(UInt32.self, Self.voices)
        isRunning = allocateZeroed(Bool.self, Self.voices)
        batch = allocateZeroed(Int.self, Self.voices)
    }

    deinit {
        cr_free(generations)
        cr_free(isRunning)
        cr_free(batch)
    }

    // MARK: StreamingEngine

    public static var takesInput: Bool { false }

    public func feed(_ input: UnsafePointer<Float>, count: Int) {}

    /// Computes the frame in slot `settings` (`FrameSlots.none`: nothing to compute) and gives the slot back.
    public func infer(frame: Int, settings slot: Int) -> Int {
        defer { slots.finish(frame: frame) }
        guard slot >= 0, slot < slots.capacity else { return FrameSlots.none }
        // States that fade away would otherwise go through denormal numbers, at a hundred times the cost.
        let denormals = cr_flush_denormals()
        defer { cr_restore_denormals(denormals) }
        let controls = slots.controls(slot)
        guard let model, let decoder, let design else {
            silence(slot, controls)
            return slot
        }
        let rows = gather(controls, slots.settings(slot).pointee, model)
        guard rows > 0 else { return slot }
        decoder.step(features: features.base, states: batchStates.base, outputs: outputs.base, rows: rows)
        design.prepare(slots.settings(slot).pointee)
        let time = timeline.frameTime(max(0, frame))
        for row in 0..<rows {
            let voice = batch[row]
            (states.base + voice * stateSize).update(from: batchStates.base + row * stateSize, count: stateSize)
            let control = controls[voice]
            design.shape(
                outputs.base + row * decoder.outputStride,
                SoundDesign.Voice(
                    pitch: control.pitch, loudness: control.loudness, timbre: control.timbre,
                    age: Float(time &- control.start) / Float(timeline.sampleRate)),
                amplitudes: slots.amplitudes(slot, voice: voice), noise: slots.noise(slot, voice: voice))
            // The fader comes last: it changes nothing else.
            if control.gain != 0 { amplify(slot, voice, clamp(control.gain, VoiceControl.silence, 5, 0)) }
        }
        return slot
    }

    /// Makes a voice of the frame louder by `decibels`.
    private func amplify(_ slot: Int, _ voice: Int, _ decibels: Float) {
        let factor = cr_pow(10, decibels / 20)
        let amplitudes = slots.amplitudes(slot, voice: voice), noise = slots.noise(slot, voice: voice)
        for harmonic in 0..<FrameSlots.harmonics { amplitudes[harmonic] *= factor }
        for node in 0..<FrameSlots.noiseNodes { noise[node] *= factor }
    }

    /// Forgets all voices and frames: `FrameSlots.reset` is part of it.
    public func reset() {
        for voice in 0..<Self.voices { isRunning[voice] = false }
        slots.reset()
    }

    /// Sounding voices go on with their states where these fit this model, and from rest where not.
    public func takeOver(from previous: SynthEngine) {
        guard previous.stateSize == stateSize else { return }
        states.base.update(from: previous.states.base, count: Self.voices * stateSize)
        generations.update(from: previous.generations, count: Self.voices)
        isRunning.update(from: previous.isRunning, count: Self.voices)
    }

    // MARK: Batches

    /// The active voices' features and states, one row each, and their numbers in `batch`; how many they are.
    private func gather(_ controls: UnsafePointer<VoiceControl>, _ settings: SoundSettings, _ model: SynthModel) -> Int {
        model.mix(settings.instrumentA, settings.instrumentB, morph: settings.morph, into: embedding.base)
        var rows = 0
        for voice in 0..<Self.voices {
            guard controls[voice].isActive else {
                isRunning[voice] = false
                continue
            }
            let state = states.base + voice * stateSize
            if !isRunning[voice] || generations[voice] != controls[voice].generation {
                isRunning[voice] = true
                generations[voice] = controls[voice].generation
                state.update(repeating: 0, count: stateSize)
            }
            (batchStates.base + rows * stateSize).update(from: state, count: stateSize)
            let row = features.base + rows * SynthDecoder.featureCount
            (row[0], row[1]) = SynthDecoder.features(
                pitch: SoundDesign.clamped(pitch: controls[voice].pitch),
                loudness: clamp(controls[voice].loudness, -200, 200, VoiceControl.silence))
            (row + 2).update(from: embedding.base, count: SynthModel.embeddingSize)
            batch[rows] = voice
            rows += 1
        }
        return rows
    }

    private func silence(_ slot: Int, _ controls: UnsafePointer<VoiceControl>) {
        for voice in 0..<Self.voices where controls[voice].isActive {
            slots.amplitudes(slot, voice: voice).update(repeating: 0, count: FrameSlots.harmonics)
            slots.noise(slot, voice: voice).update(repeating: 0, count: FrameSlots.noiseNodes)
        }
    }
}
