/// A sound to ground a take in: the 8 timbre channels, standardised.
public struct BassStyle: BitwiseCopyable, Sendable {
    public var timbre = SIMD8<Float>.zero

    public init() {}
    public init(timbre: SIMD8<Float>) { self.timbre = timbre }
}
