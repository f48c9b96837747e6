/// The chords that the mix encoder hears, as a condition where none are known (training/bass/generator.py, `heard_chords`). The network
/// was trained to play to them: without, it has to guess at each step what it has heard already.
///
/// Chords change with beats, most of all with bars: the likeliest succession of roots (or none), by Viterbi's algorithm (IEEE
/// Transactions on Information Theory 13, 1967). Frame by frame, a seventh of the roots at downbeats were others than with it.
package enum HeardChords {
    /// What a frame's logits weigh against the costs of changing the chord.
    private static var evidence: Float { 0.2 }
    /// What a change costs with a beat, with a bar, and where beats are not known. Inside a beat there is none.
    private static var newBeat: Float { 2 }
    private static var newBar: Float { 1 }
    private static var anywhere: Float { 1 }
    /// The twelve roots, and none.
    private static var roots: Int { 13 }

    /// Writes chords (root 12, tones 12, known) into rows that have none, where the mix is known and a chord is likelier than none.
    ///
    /// - Parameter beat: [frames, 7], the beat's features (`BassFormat.beatFeatures`)
    /// - Parameter auxiliary: [frames, 29], the mix encoder's answer: logits of the root (12 and none) and of 12 tones come first. The
    ///   roots' are overwritten.
    package static func fill(
        _ chords: UnsafeMutablePointer<Float>, mixKnown: UnsafePointer<Float>, beat: UnsafePointer<Float>,
        auxiliary: UnsafeMutablePointer<Float>, frames: Int
    ) {
        guard frames > 0 else { return }
        let size = BassGeneratorModel.auxiliaryCount
        findRoots(auxiliary, beat: beat, frames: frames)
        var first = 0
        while first < frames {
            // As long as the root and the bar stay.
            let root = auxiliary[first * size]
            var end = first + 1
            while end < frames, auxiliary[end * size] == root, !beginsBar(beat, end) { end += 1 }
            if Int(root) < 12 { write(Int(root), first..<end, chords, mixKnown: mixKnown, auxiliary: auxiliary) }
            first = end
        }
    }

    /// Leaves the likeliest root of each frame in the first number of its row.
    private static func findRoots(_ auxiliary: UnsafeMutablePointer<Float>, beat: UnsafePointer<Float>, frames: Int) {
        let size = BassGeneratorModel.auxiliaryCount
        var best = SIMD16<Float>(repeating: -.infinity)
        for i in 0..<roots { best[i] = evidence * auxiliary[i] }
        for frame in 1..<max(1, frames) {
            let row = auxiliary + frame * size
            let likeliest = index(best)
            let changed = best[likeliest] - cost(beat, frame)
            // The row's logits are taken in, and the way back is left in their place.
            for i in 0..<roots {
                let stays = best[i] >= changed
                best[i] = (stays ? best[i] : changed) + evidence * row[i]
                row[i] = Float(stays ? i : likeliest)
            }
        }
        var root = index(best)
        for frame in stride(from: frames - 1, through: 0, by: -1) {
            let row = auxiliary + frame * size
            let before = frame > 0 ? Int(row[root]) : 0
            row[0] = Float(root)
            root = before
        }
    }

    private static func index(_ best: SIMD16<Float>) -> Int {
        var found = 0
        for i in 1..<roots where best[i] > best[found] { found = i }
        return found
    }

    private static func write(
        _ root: Int, _ run: Range<Int>, _ chords: UnsafeMutablePointer<Float>, mixKnown: UnsafePointer<Float>,
        auxiliary: UnsafePointer<Float>
    ) {
        var tones = SIMD16<Float>.zero
        for frame in run {
            for i in 0..<12 { tones[i] += auxiliary[frame * BassGeneratorModel.auxiliaryCount + 13 + i] }
        }
        for frame in run {
            let row = chords + frame * BassFormat.chordFeatures, known = mixKnown[frame]
            guard row[24] <= 0, known > 0 else { continue }
            for i in 0..<12 {
                row[i] = i == root ? known : 0
                row[12 + i] = tones[i] > 0 ? known : 0
            }
            row[24] = known
        }
    }

    /// What a change of chord from the frame before costs.
    private static func cost(_ beat: UnsafePointer<Float>, _ frame: Int) -> Float {
        if isKnown(beat, frame) != isKnown(beat, frame - 1) { return anywhere }
        guard isKnown(beat, frame) else { return anywhere }
        if beginsBar(beat, frame) { return newBar }
        return passesZero(beat, frame, 0) ? newBeat : .infinity
    }

    private static func isKnown(_ beat: UnsafePointer<Float>, _ frame: Int) -> Bool {
        beat[frame * BassFormat.beatFeatures + 6] > 0
    }

    private static func beginsBar(_ beat: UnsafePointer<Float>, _ frame: Int) -> Bool {
        isKnown(beat, frame) && passesZero(beat, frame, 2)
    }

    /// Whether the phase whose sine is at `index` of a row passes 0 before the frame.
    private static func passesZero(_ beat: UnsafePointer<Float>, _ frame: Int, _ index: Int) -> Bool {
        let at = frame * BassFormat.beatFeatures + index
        return beat[at - BassFormat.beatFeatures] < 0 && beat[at] >= 0
    }
}
