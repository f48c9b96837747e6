import Neural

/// Latents that a take keeps: the bass played so far (continuation), or all but the bars to be made anew (inpainting).
public final class KeptLine {
    /// Of the whole take; those that are not kept do not matter.
    public let latents: BassLatents
    /// Which frames are kept.
    public private(set) var mask: [Bool]

    /// Nothing kept.
    ///
    /// - Parameter frames: of the take
    public init(frames: Int) throws(TakeError) {
        latents = try BassLatents(frames: frames)
        mask = [Bool](repeating: false, count: frames)
    }

    /// Keeps `range` of the take.
    ///
    /// - Parameters:
    ///   - source: of which the frames are copied
    ///   - offset: the frame of `source` at the take's begin
    public func keep(_ range: Range<Int>, of source: BassLatents, offset: Int = 0) {
        let size = BassFormat.latents
        for frame in range.clamped(to: 0..<mask.count) where (0..<source.frames).contains(frame + offset) {
            mask[frame] = true
            (latents.values.base + frame * size).update(from: source.values.base + (frame + offset) * size, count: size)
        }
    }

    /// Gives `range` up: it is to be made anew.
    public func release(_ range: Range<Int>) {
        for frame in range.clamped(to: 0..<mask.count) { mask[frame] = false }
    }
}
