import DDSPSynth
import Neural

/// What a generation gives: latents, and the line they stand for.
public final class BassTake {
    public let frames: Int
    /// [frames, 24]
    public let latents: FloatBuffer
    public let line: BassLine
    private let model: BassAutoencoder

    /// A take of latents [frames, 24].
    ///
    /// - Parameter model: whose latents they are
    public init(
        latents: FloatBuffer, frames: Int, model: BassAutoencoder, control: TakeControl? = nil
    ) throws(TakeError) {
        self.latents = latents
        self.frames = frames
        self.model = model
        line = try model.line(latents.base, frames: frames, control: control)
    }

    public var seconds: Double { Double(frames) * BassFormat.frameSeconds }

    /// A renderer of its sound from its begin.
    ///
    /// - Parameters:
    ///   - sampleRate: 8000 … 768,000 Hz
    ///   - sound: see `BassRenderer`
    public func renderer(sampleRate: Int, sound: SoundSettings = SoundSettings()) throws(TakeError) -> BassRenderer {
        try BassRenderer(
            model: model, latents: latents.base, frames: frames, line: line, sampleRate: sampleRate, sound: sound)
    }
}
