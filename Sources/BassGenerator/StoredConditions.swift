import Neural

/// Conditions that lie in memory.
public final class StoredConditions: TakeConditions {
    /// [frames, 416], or nil: not known.
    public var mix: FloatBuffer?
    /// Frames of the mix that are known; all if nil.
    public var mixKnown: Range<Int>?
    public var beats: BeatGrid?
    public var chords: ChordChart?

    public override func read(first: Int, count: Int, into rows: ConditionRows) throws(TakeError) {
        precondition(mix == nil || mix!.count >= frames * BassFormat.features)
        for row in 0..<count {
            let frame = first + row
            let time = (Double(frame) + 0.5) * BassFormat.frameSeconds
            if let mix, mixKnown?.contains(frame) ?? true {
                (rows.mix + row * BassFormat.features).update(
                    from: mix.base + frame * BassFormat.features, count: BassFormat.features)
                rows.mixKnown[row] = 1
            }
            beats?.features(at: time, into: rows.beat + row * BassFormat.beatFeatures)
            chords?.features(at: time, into: rows.chords + row * BassFormat.chordFeatures)
        }
    }
}
