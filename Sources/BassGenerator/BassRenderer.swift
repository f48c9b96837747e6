import CRealtime
import DDSPSynth
import Neural

/// Turns a take into sound, at any rate: the Synth's decoder makes spectra of pitch, loudness and the latents' embedding, 250 a second,
/// and its bank of sinusoids and noise sounds them, from control frame to control frame.
///
/// A stream from the take's begin to its end; then silence. One thread at a time.
public final class BassRenderer {
    public let sampleRate: Int
    /// Samples of the whole take.
    public let length: Int
    /// Samples rendered so far.
    public private(set) var position = 0

    private let model: BassAutoencoder
    private let line: BassLine
    private let frames: Int
    private let embedding: FloatBuffer
    private let decoder: SynthDecoder
    private let design: SoundDesign
    private let bank: VoiceBank
    private let timeline: Timeline
    private let state: FloatBuffer
    private let features: FloatBuffer
    private let outputs: FloatBuffer
    private let amplitudes: FloatBuffer
    private let noise: FloatBuffer
    /// The control frame that comes next, and those that lie ready decoded.
    private var next = 0
    private var decodedFirst = 0
    private var decodedCount = 0

    /// Control frames decoded together.
    private static var together: Int { 48 }

    /// - Parameters:
    ///   - latents: of at least one frame; looked at in `init` alone
    ///   - line: of these latents
    ///   - sampleRate: 8000 … 768,000 Hz
    ///   - sound: the Synth's sound controls, of which tilt, brightness, odd/even, formant and those of the noise apply
    public init(
        model: BassAutoencoder, latents: BassLatents, line: BassLine, sampleRate: Int,
        sound: SoundSettings = SoundSettings()
    ) throws(TakeError) {
        let frames = latents.frames
        precondition(frames > 0)
        embedding = try model.embedding(latents)
        let decoder: SynthDecoder, design: SoundDesign
        do throws(ModelError) {
            decoder = try SynthDecoder(network: model.sound, maximumBatch: Self.together)
            design = try SoundDesign(network: model.sound)
        } catch {
            throw .model(error)
        }
        guard let bank = VoiceBank(sampleRate: Double(sampleRate), maximumVoices: 1, kernels: model.kernels) else {
            throw .model(.outOfMemory(bytes: 0))
        }
        var sound = sound
        sound.stretch = 0  // a take has no such thing, and the bank is not told
        design.prepare(sound)
        self.decoder = decoder
        self.design = design
        self.bank = bank
        self.model = model
        self.line = line
        self.frames = frames
        self.sampleRate = sampleRate
        timeline = Timeline(sampleRate: sampleRate)
        length = timeline.frameTime(frames * BassFormat.controlFrames)
        state = try floats(model.sound.stateSize)
        features = try floats(Self.together * SynthDecoder.featureCount)
        outputs = try floats(Self.together * decoder.outputStride)
        amplitudes = try floats(FrameSlots.harmonics)
        noise = try floats(FrameSlots.noiseNodes)
    }

    /// Writes the next `count` samples; beyond the take's end they are 0. The bits do not depend on how time is divided.
    ///
    /// - Parameter right: may be `left`'s twin; both channels have the same sound
    public func render(
        left: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>, count: Int, control: TakeControl? = nil
    ) throws(TakeError) {
        let denormals = cr_flush_denormals()
        defer { cr_restore_denormals(denormals) }
        var done = 0
        while done < count {
            // Every control frame before this moment has been given to the bank, with the ramp that leads to it.
            if next <= last, timeline.frameTime(next == 0 ? 0 : next - 1) <= position {
                try check(control)
                give()
                continue
            }
            if next == last + 1, position >= timeline.frameTime(last) {
                bank.release(voice: 0, ramp: length - timeline.frameTime(last))
                next += 1
            }
            let until = next > last ? (next == last + 1 ? timeline.frameTime(last) : Int.max) : timeline.frameTime(next - 1)
            let part = min(count - done, until - position)
            bank.render(left: left + done, right: right + done, count: part)
            position += part
            done += part
        }
    }

    /// The number of the last control frame.
    private var last: Int { frames * BassFormat.controlFrames - 1 }

    /// Gives the bank control frame `next`, which is reached at its own time: the first at once, others from the one before.
    private func give() {
        if next >= decodedFirst + decodedCount { decode(from: next) }
        let (pitch, loudness) = line.control(at: next)
        design.shape(
            outputs.base + (next - decodedFirst) * decoder.outputStride,
            SoundDesign.Voice(pitch: pitch, loudness: loudness), amplitudes: amplitudes.base, noise: noise.base)
        let start = timeline.frameTime(max(0, next - 1))
        bank.take(
            voice: 0, generation: 1, onset: 0,
            frame: VoiceBank.Frame(pitch: pitch, amplitudes: amplitudes.base, noise: noise.base),
            ramp: max(1, timeline.frameTime(next) - start))
        next += 1
    }

    /// The decoder's answers for control frames `first` and some after it.
    private func decode(from first: Int) {
        let count = min(Self.together, last + 1 - first)
        for i in 0..<count {
            let row = features.base + i * SynthDecoder.featureCount
            let (pitch, loudness) = line.control(at: first + i)
            (row[0], row[1]) = SynthDecoder.features(pitch: pitch, loudness: loudness)
            Self.embed(embedding.base, frames: frames, controlFrame: first + i, into: row + 2)
        }
        decoder.run(features: features.base, state: state.base, outputs: outputs.base, frames: count)
        decodedFirst = first
        decodedCount = count
    }

    /// Rows of latent frames (centres at 48·k + 24 ms) in straight lines between them, at a control frame.
    package static func embed(
        _ rows: UnsafePointer<Float>, frames: Int, controlFrame: Int, into output: UnsafeMutablePointer<Float>
    ) {
        let size = SynthNetwork.embeddingSize
        let place = Float(controlFrame) / Float(BassFormat.controlFrames) - 0.5
        let clamped = min(max(place, 0), Float(frames - 1))
        let low = min(Int(clamped), max(frames - 2, 0)), high = min(low + 1, frames - 1)
        let part = clamped - Float(low)
        for c in 0..<size { output[c] = rows[low * size + c] * (1 - part) + rows[high * size + c] * part }
    }
}
