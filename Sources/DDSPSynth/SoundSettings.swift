/// The Sound controls as they reach the inference thread with each frame (units and ranges: CDDSPSynth.h).
public struct SoundSettings: BitwiseCopyable, Sendable {
    public var instrumentA: Int = 0
    public var instrumentB: Int = 0
    public var morph: Float = 0
    public var tilt: Float = 0
    public var oddEven: Float = 0
    public var stretch: Float = 0
    public var formant: Float = 0
    public var noise: Float = 0
    public var noiseColour: Float = 0
    public var attackNoise: Float = 0
    public var brightness: Float = 0

    public init() {}
}
