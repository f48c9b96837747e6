import Neural

/// Latents that a take keeps: the bass played so far (continuation), or all but the bars to be made anew (inpainting).
public final class KeptLine {
    public let frames: Int
    /// [frames, 24]
    public let latents: FloatBuffer
    /// Which frames are kept.
    public private(set) var mask: [Bool]

    /// Nothing kept.
    public init(frames: Int) throws(TakeError) {
        self.frames = frames
        latents = try floats(frames * BassFormat.latents)
        mask = [Bool](repeating: false, count: frames)
    }

    /// Keeps `range`.
    ///
    /// - Parameter source: latents of the whole take [frames, 24], of which those of the range are copied
    public func keep(_ range: Range<Int>, of source: UnsafePointer<Float>) {
        for frame in range.clamped(to: 0..<frames) {
            mask[frame] = true
            (latents.base + frame * BassFormat.latents).update(
                from: source + frame * BassFormat.latents, count: BassFormat.latents)
        }
    }

    /// Gives `range` up: it is to be made anew.
    public func release(_ range: Range<Int>) {
        for frame in range.clamped(to: 0..<frames) { mask[frame] = false }
    }
}
