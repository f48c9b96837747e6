/// Control frames on the host's time axis: 250 a second, frame k at host sample ⌈k · rate / 250⌉.
public struct Timeline: BitwiseCopyable, Sendable {
    /// Control frames a second, the model's (training/synth).
    public static var frameRate: Int { 250 }
    public let sampleRate: Int

    public init(sampleRate: Int) { self.sampleRate = sampleRate }

    /// Host sample of frame `k` (k ≥ 0).
    @inlinable public func frameTime(_ k: Int) -> Int { (k * sampleRate + Timeline.frameRate - 1) / Timeline.frameRate }
}
