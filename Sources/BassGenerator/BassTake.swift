import DDSPSynth
import Neural

/// What a generation gives: latents, and the line they stand for.
public final class BassTake {
    public let latents: BassLatents
    public let line: BassLine
    private let model: BassAutoencoder

    /// - Parameters:
    ///   - latents: of at least one frame
    ///   - model: whose latents they are
    public init(latents: BassLatents, model: BassAutoencoder, control: TakeControl? = nil) throws(TakeError) {
        self.latents = latents
        self.model = model
        line = try model.line(latents, control: control)
    }

    public var seconds: Double { latents.seconds }

    /// A renderer of its sound from its begin.
    ///
    /// - Parameters:
    ///   - sampleRate: 8000 … 768,000 Hz
    ///   - sound: see `BassRenderer`
    public func renderer(sampleRate: Int, sound: SoundSettings = SoundSettings()) throws(TakeError) -> BassRenderer {
        try BassRenderer(model: model, latents: latents, line: line, sampleRate: sampleRate, sound: sound)
    }
}
