import Neural

/// A bass as the networks know it: 24 numbers a frame of 48 ms, 16 of the line and 8 of the timbre, standardised.
public final class BassLatents {
    /// At least 0.
    public let frames: Int
    /// [frames, 24]
    public let values: FloatBuffer

    /// Zeros.
    public init(frames: Int) throws(TakeError) {
        self.frames = frames
        values = try floats(frames * BassFormat.latents)
    }

    /// Copies [frames, 24].
    public convenience init(_ values: UnsafePointer<Float>, frames: Int) throws(TakeError) {
        try self.init(frames: frames)
        self.values.base.update(from: values, count: frames * BassFormat.latents)
    }

    public var seconds: Double { Double(frames) * BassFormat.frameSeconds }

    /// What tells the bass's sound from others: the mean of its timbre over time.
    public var style: BassStyle {
        var style = BassStyle()
        for c in 0..<BassFormat.timbre {
            var sum = 0.0
            for frame in 0..<frames { sum += Double(values.base[frame * BassFormat.latents + BassFormat.line + c]) }
            style.timbre[c] = Float(sum / Double(max(1, frames)))
        }
        return style
    }
}
