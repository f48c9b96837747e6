/// How a take is made.
public struct SamplerSettings: Sendable {
    /// Steps from noise to latents: 1 … 32.
    public var steps = 4
    /// How closely the take follows what is known (1: as the network learnt it; more: more). 0 … 16. Other than 1 it costs a second
    /// evaluation a step, but for distilled networks, which take guidance from 1 to 4 as they do large steps (an eighth of the way and
    /// more).
    public var guidance: Float = 2.5
    /// How far guidance's spread of the latents is drawn back to what it is without, 0 … 1. 0.85 keeps the spread at guidance 8
    /// within a tenth of that at 1.
    public var rescale: Float = 0.85
    /// Where no chords are known, those that the network hears in the mix are given to it.
    public var hearsChords = true
    /// Of the noise.
    public var seed: UInt64 = 1
    /// The sound to play with; nil: what the network finds fit.
    public var style: BassStyle?
    /// How far the take's sound is drawn to it, 0 … 1.
    public var styleStrength: Float = 1
    /// For variations: how far to go from the line that the take starts from, 0 (nothing changes) … 1 (it does not count).
    public var variation: Float = 1

    public init() {}

    /// Within their ranges, and numbers.
    var clamped: SamplerSettings {
        var settings = self
        settings.steps = min(max(steps, 1), 32)
        settings.guidance = Self.clamp(guidance, 0, 16, 1)
        settings.rescale = Self.clamp(rescale, 0, 1, 0.85)
        settings.styleStrength = Self.clamp(styleStrength, 0, 1, 0)
        settings.variation = Self.clamp(variation, 0, 1, 1)
        return settings
    }

    private static func clamp(_ value: Float, _ low: Float, _ high: Float, _ fallback: Float) -> Float {
        value == value ? min(max(value, low), high) : fallback
    }
}
