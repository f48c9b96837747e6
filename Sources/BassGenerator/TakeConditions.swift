/// Rows of what a take is made for, to be filled in; zeros mean that nothing is known.
public struct ConditionRows {
    /// [count, 416]: features of the mix (`BassFrontEnd`).
    public let mix: UnsafeMutablePointer<Float>
    /// [count]: 1 where the mix is known.
    public let mixKnown: UnsafeMutablePointer<Float>
    /// [count, 7]: see `BeatGrid`.
    public let beat: UnsafeMutablePointer<Float>
    /// [count, 25]: see `ChordChart`.
    public let chords: UnsafeMutablePointer<Float>

    package init(
        mix: UnsafeMutablePointer<Float>, mixKnown: UnsafeMutablePointer<Float>, beat: UnsafeMutablePointer<Float>,
        chords: UnsafeMutablePointer<Float>
    ) {
        self.mix = mix
        self.mixKnown = mixKnown
        self.beat = beat
        self.chords = chords
    }
}

/// What a take is made for. The sampler asks for it window by window, in ascending order, each frame at most a few times: so it need
/// not lie in memory as a whole.
///
/// As it is, nothing is known; override `read`.
open class TakeConditions {
    /// Latent frames of the take, at least 1.
    public let frames: Int
    /// What of the line is to stay as it is: for continuation and inpainting.
    public var kept: KeptLine?

    public init(frames: Int) {
        precondition(frames > 0)
        self.frames = frames
    }

    /// Fills in what is known of frames `first ..< first + count`; the rows are zeros before. Each call's `first` is at least that of
    /// the call before it.
    open func read(first: Int, count: Int, into rows: ConditionRows) throws(TakeError) {}
}
