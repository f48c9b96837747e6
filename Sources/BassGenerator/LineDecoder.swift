import CRealtime
import Neural

/// From the line head's answers to pitch, loudness and notes: plain code, step by step as they come, and at the end the notes.
///
/// A note begins at an onset, or where sound or another pitch sets in and lasts; its key is the pitch most steps in it have.
package final class LineDecoder {
    /// Of the onset's probability.
    private static var onsetLevel: Float { 0.35 }
    /// No two onsets are closer, in steps.
    private static var onsetsApart: Int { 5 }
    /// Of the probability of "none": sound begins below the first and ends above the second.
    private static var sounds: Float { 0.5 }
    private static var stops: Float { 0.7 }
    /// Steps that another pitch must hold to be a note without an onset of its own.
    private static var change: Int { 6 }
    /// Onsets come up to two steps before the pitch does.
    private static var settling: Int { 4 }

    private var best: [UInt8] = []
    private var cents: [Float] = []
    private var sounding: [Bool] = []
    private var level: [Float] = []
    private var loudness: [Float] = []
    private var isOn = false

    package init(steps: Int) {
        best.reserveCapacity(steps)
        cents.reserveCapacity(steps)
        sounding.reserveCapacity(steps)
        level.reserveCapacity(steps)
        loudness.reserveCapacity(steps)
    }

    /// The next step.
    ///
    /// - Parameters:
    ///   - logits: of 45 notes and of none
    ///   - cents: semitones, −1 … 1; onset: a logit; loudness: dB
    package func add(_ logits: UnsafePointer<Float>, cents: Float, onset: Float, loudness: Float) {
        let notes = BassFormat.notes
        var highest = 0
        for i in 1..<notes where logits[i] > logits[highest] { highest = i }
        let top = max(logits[highest], logits[notes])
        var sum: Float = 0
        for i in 0...notes { sum += cr_exp(logits[i] - top) }
        let none = cr_exp(logits[notes] - top) / sum
        isOn = none < (isOn ? Self.stops : Self.sounds)
        best.append(UInt8(truncatingIfNeeded: highest))
        sounding.append(isOn)
        self.cents.append(cents)
        level.append(1 / (1 + cr_exp(-onset)))
        self.loudness.append(loudness)
    }

    package func finish() -> BassLine {
        let count = best.count
        // A single step of another pitch between equal ones is a slip.
        if count > 2 {
            for i in 1..<count - 1 where best[i] != best[i - 1] && best[i - 1] == best[i + 1] { best[i] = best[i - 1] }
        }
        var pitch: [Float] = []
        pitch.reserveCapacity(count)
        for i in 0..<count { pitch.append(sounding[i] ? Float(BassFormat.lowestNote + Int(best[i])) + cents[i] : 0) }
        return BassLine(pitch: pitch, loudness: loudness, notes: notes())
    }

    /// Whether each step is an onset: a peak of its level among the two steps to either side.
    private func peaks() -> [Bool] {
        var isPeak = [Bool](repeating: false, count: level.count)
        var last = -Self.onsetsApart
        for i in 0..<level.count where level[i] >= Self.onsetLevel && i - last >= Self.onsetsApart {
            var isHighest = true
            for j in max(0, i - 2)..<min(level.count, i + 3) where level[j] > level[i] { isHighest = false }
            guard isHighest else { continue }
            isPeak[i] = true
            last = i
        }
        return isPeak
    }

    /// Segments between onsets, ends of sound and lasting changes of pitch.
    private func notes() -> [BassNote] {
        let starts = peaks()
        let count = best.count
        var found: [BassNote] = []
        var histogram = [Int](repeating: 0, count: 256)
        var at = 0
        while true {
            // The next start: an onset, or sound without one.
            while at < count, !starts[at], !sounding[at] { at += 1 }
            guard at < count else { return found }
            let begin = at
            at += 1
            for i in 0..<histogram.count { histogram[i] = 0 }
            while at < count, !starts[at], sounding[at] || at - begin < Self.settling {
                if at - begin > 2 { histogram[Int(best[at - 1])] += 1 }
                if at - begin >= Self.settling, Int(best[at]) != mode(histogram), lasts(at) { break }
                at += 1
            }
            for i in 0..<histogram.count { histogram[i] = 0 }
            var inside = 0
            var last = begin
            for i in begin..<at where sounding[i] {
                inside += 1
                last = i
                histogram[Int(best[i])] += 1
            }
            guard inside >= 3 else { continue }
            var loudest = loudness[begin]
            for i in begin...last { loudest = max(loudest, loudness[i]) }
            found.append(
                BassNote(
                    onset: (Double(begin) + Double(starts[begin] ? fraction(begin) : 0) + 0.5) * BassFormat.stepSeconds,
                    end: Double(last + 1) * BassFormat.stepSeconds, key: BassFormat.lowestNote + mode(histogram),
                    loudness: loudest))
        }
    }

    /// The pitch at `at` holds, and sounds, for as long as a note must.
    private func lasts(_ at: Int) -> Bool {
        guard at + Self.change <= best.count else { return false }
        for i in at..<at + Self.change where best[i] != best[at] || !sounding[i] { return false }
        return true
    }

    /// The most frequent value, the lowest of several.
    private func mode(_ histogram: [Int]) -> Int {
        var mode = 0
        for i in 1..<BassFormat.notes where histogram[i] > histogram[mode] { mode = i }
        return mode
    }

    /// Where between the steps an onset's peak lies, −0.5 … 0.5.
    private func fraction(_ at: Int) -> Float {
        guard at > 0, at < level.count - 1 else { return 0 }
        let a = level[at - 1], b = level[at], c = level[at + 1]
        return min(max(0.5 * (a - c) / (a - 2 * b + c - 1e-9), -0.5), 0.5)
    }
}
