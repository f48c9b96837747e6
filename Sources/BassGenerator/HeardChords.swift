/// The chords that the mix encoder hears, as a condition where none are known (training/bass/generator.py, `hear_chords`). The network
/// was trained to play to them: without, it has to guess at each step what it has heard already.
package enum HeardChords {
    /// Frames to each side that the answer is the mean of.
    private static var reach: Int { 4 }

    /// Writes chords (root 12, tones 12, known) into rows that have none, where the mix is known and a chord is likelier than none.
    ///
    /// - Parameter auxiliary: [frames, 29], the mix encoder's answer: logits of the root (12 and none) and of 12 tones come first
    package static func fill(
        _ chords: UnsafeMutablePointer<Float>, mixKnown: UnsafePointer<Float>, auxiliary: UnsafePointer<Float>, frames: Int
    ) {
        let size = BassGeneratorModel.auxiliaryCount
        for frame in 0..<frames {
            let row = chords + frame * BassFormat.chordFeatures
            guard row[24] <= 0, mixKnown[frame] > 0 else { continue }
            var mean = SIMD32<Float>.zero
            for other in max(0, frame - reach)...min(frames - 1, frame + reach) {
                for i in 0..<25 { mean[i] += auxiliary[other * size + i] }
            }
            var best = 0
            for i in 1..<13 where mean[i] > mean[best] { best = i }
            guard best < 12 else { continue }
            let known = mixKnown[frame]
            for i in 0..<12 {
                row[i] = i == best ? known : 0
                row[12 + i] = mean[13 + i] > 0 ? known : 0
            }
            row[24] = known
        }
    }
}
