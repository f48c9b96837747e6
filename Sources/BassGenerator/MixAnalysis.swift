import CRealtime
import Neural

/// What the mix encoder's auxiliary head says of a song, frame by frame: chords, and where beat and bar are. It was trained to
/// listen for these; they tell what a take goes by, and where no transport does.
public final class MixAnalysis {
    public let frames: Int
    /// [frames, 29]: logits of the chord's root (12 and none) and of 12 tones, sine and cosine of the phases of beat and bar.
    package let values: FloatBuffer

    /// - Parameter conditions: of which the mix alone is looked at, in ascending order
    public init(
        _ conditions: TakeConditions, model: BassGeneratorModel, control: TakeControl? = nil
    ) throws(TakeError) {
        let denormals = cr_flush_denormals()
        defer { cr_restore_denormals(denormals) }
        frames = conditions.frames
        let size = BassGeneratorModel.auxiliaryCount
        values = try floats(frames * size)
        // Pieces with as many frames around them as their results depend on.
        let piece = 256, reach = model.mixEncoder.reach
        let most = piece + 2 * reach
        let transformer = try DiffusionTransformer(model: model, maximumFrames: most)
        let heard = try floats(most * size)
        let mix = try floats(most * BassFormat.features), known = try floats(most)
        let beat = try floats(most * BassFormat.beatFeatures), chords = try floats(most * BassFormat.chordFeatures)
        let rows = ConditionRows(mix: mix.base, mixKnown: known.base, beat: beat.base, chords: chords.base)
        var done = 0
        while done < frames {
            let count = min(piece, frames - done)
            let before = min(reach, done), after = min(reach, frames - done - count)
            for buffer in [mix, known, beat, chords] { cr_zero(buffer.base, buffer.count * MemoryLayout<Float>.stride) }
            try conditions.read(first: done - before, count: before + count + after, into: rows)
            try transformer.hear(mix.base, frames: before + count + after, auxiliary: heard.base, control: control)
            (values.base + done * size).update(from: heard.base + before * size, count: count * size)
            done += count
        }
    }

    /// What a head said, [frames, 29].
    package init(values: FloatBuffer, frames: Int) {
        self.values = values
        self.frames = frames
    }

    /// The most likely root at a frame, 0 (C) … 11 (B), or nil where no chord is heard.
    public func root(at frame: Int) -> Int? {
        let row = values.base + frame * BassGeneratorModel.auxiliaryCount
        var best = 0
        for i in 1...12 where row[i] > row[best] { best = i }
        return best == 12 ? nil : best
    }

    /// The probability of each pitch class in the chord at a frame.
    public func tones(at frame: Int) -> [Float] {
        let row = values.base + (frame * BassGeneratorModel.auxiliaryCount + 13)
        var tones: [Float] = []
        for i in 0..<12 { tones.append(1 / (1 + cr_exp(-row[i]))) }
        return tones
    }

    /// Phases (0 ..< 1, 0 at its begin) of beat and bar at a frame, and how sure they are, 0 … 1 and more.
    public func phases(at frame: Int) -> (beat: Float, beatStrength: Float, bar: Float, barStrength: Float) {
        let row = values.base + (frame * BassGeneratorModel.auxiliaryCount + 25)
        let (beat, beatStrength) = Self.polar(row[0], row[1])
        let (bar, barStrength) = Self.polar(row[2], row[3])
        return (beat, beatStrength, bar, barStrength)
    }

    private static func polar(_ sine: Float, _ cosine: Float) -> (Float, Float) {
        let turns = cr_atan2(sine, cosine) * (0.5 / Float.pi)
        let phase = turns < 0 ? turns + 1 : turns
        return (phase < 1 ? phase : 0, cr_sqrt(sine * sine + cosine * cosine))
    }
}
