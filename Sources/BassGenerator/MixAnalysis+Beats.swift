import CRealtime
import Neural

extension MixAnalysis {
    private static var slowest: Double { 40 }
    private static var fastest: Double { 240 }
    /// Beats a minute between tempos that are tried, and frames (20 s) within which a tempo is taken as steady.
    private static var tempoStep: Double { 0.25 }
    private static var steadyFrames: Int { 416 }
    /// Frames (4 s) to each side over which the beat's phase is averaged.
    private static var phaseReach: Int { 83 }
    /// A grid that the answers agree with less is no grid.
    private static var leastConfidence: Double { 0.2 }

    /// Beats and bars of the whole song, from what was heard of their phases; nil if there is no steady beat.
    ///
    /// A tempo is sought whose phase runs with that of the beat for 20 s at a time; around it the beat may drift and breathe, some
    /// 6 beats a minute to either side. Half and twice of it are tried too, and 2, 3 and 4 beats to the bars that are found in the same
    /// way: the one that beats and bars agree with best is taken, of equals the one nearer to 110 beats a minute.
    public func beats(control: TakeControl? = nil) throws(TakeError) -> TrackedBeats? {
        guard frames >= 4, let beat = try mostLikelyTempo(25, Self.slowest, Self.fastest, control) else { return nil }
        var candidates = [beat, 0.5 * beat, 2 * beat]
        if let bar = try mostLikelyTempo(27, Self.slowest / 4, Self.fastest / 2, control) {
            candidates += [4 * bar, 3 * bar, 2 * bar]
        }
        var best: (score: Double, track: Track)?
        for (i, candidate) in candidates.enumerated() where Self.slowest...Self.fastest ~= candidate {
            var isKnown = false
            for other in candidates[..<i] where abs(candidate / other - 1) < 0.01 { isKnown = true }
            if isKnown { continue }
            let track = try follow(candidate, control)
            let score = track.beatConfidence + track.barConfidence - Self.rarity(track.beatsPerBar) + Self.prior(candidate)
            if best == nil || score > best!.score { best = (score, track) }
        }
        guard let track = best?.track, track.beatConfidence >= Self.leastConfidence else { return nil }
        return grid(of: track)
    }

    /// 0 at 110 beats a minute, less by 0.1 an octave away.
    private static func prior(_ tempo: Double) -> Double {
        let octaves = cr_log_f64(tempo / 110) / 0.693_147_180_559_945_3
        return -0.1 * octaves * octaves
    }

    /// By how much better a bar of this many beats has to agree than one of four.
    private static func rarity(_ beatsPerBar: Int) -> Double { beatsPerBar == 4 ? 0 : beatsPerBar == 3 ? 0.03 : 0.25 }

    /// Sine and cosine of beat (`offset` 25) or bar (27) at a frame.
    private func vector(_ frame: Int, _ offset: Int) -> (sine: Double, cosine: Double) {
        let row = values.base + (frame * BassGeneratorModel.auxiliaryCount + offset)
        return (Double(row[0]), Double(row[1]))
    }

    /// The tempo that the phase of beats or bars runs with best, in pieces of 20 s whose phases need not agree.
    private func mostLikelyTempo(
        _ offset: Int, _ slowest: Double, _ fastest: Double, _ control: TakeControl?
    ) throws(TakeError) -> Double? {
        let count = Int((fastest - slowest) / Self.tempoStep) + 1
        var scores = [Double](repeating: 0, count: count)
        let length = min(frames, Self.steadyFrames)
        var first = 0
        while first + length <= frames {
            try check(control)
            for i in 0..<count {
                let step = 2 * Double.pi * (slowest + Double(i) * Self.tempoStep) / 60 * BassFormat.frameSeconds
                // A phasor that is turned on by a frame's angle.
                let turn = (cos: cr_cos_f64(step), sin: cr_sin_f64(step))
                var c = 1.0, s = 0.0, re = 0.0, im = 0.0
                for frame in first..<first + length {
                    let (sine, cosine) = vector(frame, offset)
                    re += cosine * c + sine * s
                    im += sine * c - cosine * s
                    (c, s) = (c * turn.cos - s * turn.sin, s * turn.cos + c * turn.sin)
                }
                scores[i] += cr_sqrt_f64(re * re + im * im)
            }
            first += max(1, length / 2)
        }
        var best = 0
        for i in 1..<count where scores[i] > scores[best] { best = i }
        return scores[best] > 0 ? slowest + Double(best) * Self.tempoStep : nil
    }

    private struct Track {
        /// Beats since a beat at or before the song's begin, at each frame's centre.
        var beats: [Double]
        var beatConfidence: Double
        var beatsPerBar: Int
        /// The number in its bar of beat 0.
        var first: Int
        var barConfidence: Double
    }

    /// The beat's phase around a tempo, and the bars that agree best with it.
    private func follow(_ tempo: Double, _ control: TakeControl?) throws(TakeError) -> Track {
        let perFrame = tempo / 60 * BassFormat.frameSeconds
        var beats: [Double] = []
        beats.reserveCapacity(frames)
        for frame in 0..<frames { beats.append(Double(frame) * perFrame) }
        // What the phase does beside running as is thought so far, averaged over some seconds and without its leaps of a turn, is
        // added; and so again, which follows drifts better than one average does.
        var residue = [(re: Double, im: Double)](repeating: (0, 0), count: frames)
        for _ in 0..<3 {
            for frame in 0..<frames {
                let (sine, cosine) = vector(frame, 25)
                let angle = 2 * Double.pi * beats[frame].truncatingRemainder(dividingBy: 1)
                let c = cr_cos_f64(angle), s = cr_sin_f64(angle)
                residue[frame] = (cosine * c + sine * s, sine * c - cosine * s)
            }
            var last = 0.0
            for frame in 0..<frames {
                if frame % 4096 == 0 { try check(control) }
                var re = 0.0, im = 0.0
                for other in max(0, frame - Self.phaseReach)...min(frames - 1, frame + Self.phaseReach) {
                    let weight = 1 - Double(abs(other - frame)) / Double(Self.phaseReach + 1)
                    re += weight * residue[other].re
                    im += weight * residue[other].im
                }
                var turns = Double(cr_atan2(Float(im), Float(re))) / (2 * Double.pi)
                turns += cr_floor_f64(last - turns + 0.5)
                last = turns
                beats[frame] += turns
            }
        }
        // Time may not run backwards, however unsure the phase is.
        for frame in 1..<frames { beats[frame] = max(beats[frame], beats[frame - 1] + 0.25 * perFrame) }
        let whole = cr_floor_f64(beats[0] - 0.5 * perFrame)
        for frame in 0..<frames { beats[frame] -= whole }

        var agreement = 0.0
        for frame in 0..<frames {
            let (sine, cosine) = vector(frame, 25)
            let angle = 2 * Double.pi * beats[frame]
            agreement += cosine * cr_cos_f64(angle) + sine * cr_sin_f64(angle)
        }
        var track = Track(
            beats: beats, beatConfidence: max(0, agreement / Double(frames)), beatsPerBar: 4, first: 0, barConfidence: -1)
        for count in 2...7 {
            for first in 0..<count {
                try check(control)
                var sum = 0.0
                for frame in 0..<frames {
                    let (sine, cosine) = vector(frame, 27)
                    let angle = 2 * Double.pi * (beats[frame] + Double(first)) / Double(count)
                    sum += cosine * cr_cos_f64(angle) + sine * cr_sin_f64(angle)
                }
                let confidence = sum / Double(frames)
                if confidence - Self.rarity(count) > track.barConfidence - Self.rarity(track.beatsPerBar) {
                    (track.barConfidence, track.beatsPerBar, track.first) = (confidence, count, first)
                }
            }
        }
        track.barConfidence = max(0, track.barConfidence)
        return track
    }

    /// The times at which the track passes whole beats, from the beat at or before the song's begin to one after its end.
    private func grid(of track: Track) -> TrackedBeats {
        var times: [Double] = []
        var number = 0
        func time(_ frame: Double) -> Double { (frame + 0.5) * BassFormat.frameSeconds }
        func slope(_ frame: Int) -> Double { max(1e-6, track.beats[frame] - track.beats[frame - 1]) }
        var frame = 0
        while true {
            let beat = Double(number)
            while frame < frames, track.beats[frame] < beat { frame += 1 }
            if frame == 0 {
                times.append(time(-(track.beats[0] - beat) / slope(1)))
            } else if frame < frames {
                times.append(time(Double(frame - 1) + (beat - track.beats[frame - 1]) / slope(frame)))
            } else {
                times.append(time(Double(frames - 1) + (beat - track.beats[frames - 1]) / slope(frames - 1)))
                if times.count > 2 { break }
            }
            number += 1
        }
        var bars: [Int] = []
        for beat in 0..<times.count - 1 { bars.append((beat + track.first) / track.beatsPerBar) }
        var lengths: [Double] = []
        for i in 1..<times.count { lengths.append(times[i] - times[i - 1]) }
        lengths.sort()
        return TrackedBeats(
            grid: BeatGrid(beats: times, bars: bars, beatsPerBar: track.beatsPerBar), beatsPerBar: track.beatsPerBar,
            tempo: 60 / lengths[lengths.count / 2], beatConfidence: min(1, track.beatConfidence),
            barConfidence: min(1, track.barConfidence))
    }
}
