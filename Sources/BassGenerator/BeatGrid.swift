import CRealtime

/// Where beats and bars lie. A beat is the felt one: a dotted quarter in 6/8, 9/8 and 12/8.
public struct BeatGrid: Sendable {
    /// Seconds of each beat from the take's begin, ascending, and of the last one's end: one more than `bars`.
    public let beats: [Double]
    /// The bar of each beat, ascending.
    public let bars: [Int]
    /// Per beat: its number in its bar, and the bar's beats.
    private let places: [(number: Int, count: Int)]

    /// - Parameters:
    ///   - beats: seconds, ascending; one more than there are beats, at least two
    ///   - bars: the bar of each beat, ascending
    ///   - beatsPerBar: where it is known: the first bar's beats are its last ones then
    public init(beats: [Double], bars: [Int], beatsPerBar: Int? = nil) {
        precondition(beats.count == bars.count + 1 && !bars.isEmpty)
        self.beats = beats
        self.bars = bars
        var lengths: [Int] = []
        var places: [(number: Int, count: Int)] = []
        var start = 0
        while start < bars.count {
            var end = start
            while end < bars.count, bars[end] == bars[start] { end += 1 }
            lengths.append(end - start)
            // A bar that is cut short counts as long as the first.
            let count = max(end - start, beatsPerBar ?? lengths[0])
            let before = start == 0 && beatsPerBar != nil ? count - (end - start) : 0
            for beat in start..<end { places.append((beat - start + before, count)) }
            start = end
        }
        self.places = places
    }

    /// A steady tempo, from before the take's begin to after its end.
    ///
    /// - Parameters:
    ///   - tempo: beats a minute, 10 … 1000
    ///   - beatsPerBar: 1 … 64
    ///   - downbeat: seconds of any bar's begin
    ///   - seconds: the take's length
    public init(tempo: Double, beatsPerBar: Int, downbeat: Double, seconds: Double) {
        let tempo = min(max(tempo, 10), 1000), beatsPerBar = min(max(beatsPerBar, 1), 64)
        let beat = 60 / tempo, bar = beat * Double(beatsPerBar)
        let before = Int(cr_ceil_f64(max(downbeat, 0) / bar)) + 1
        let first = downbeat - Double(before) * bar
        let bars = Int(cr_ceil_f64((seconds - first) / bar)) + 1
        var beats: [Double] = [], numbers: [Int] = []
        for number in 0..<bars * beatsPerBar {
            beats.append(first + Double(number) * beat)
            numbers.append(number / beatsPerBar)
        }
        beats.append(first + Double(bars * beatsPerBar) * beat)
        self.init(beats: beats, bars: numbers)
    }

    /// The beat that `time` lies in; before the first it is the first, after the last the last.
    package func beat(at time: Double) -> Int {
        // The first that begins later, less one.
        var low = 0
        var high = beats.count
        while low < high {
            let middle = (low + high) / 2
            if beats[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return min(max(low - 1, 0), bars.count - 1)
    }

    /// 7 numbers: sine and cosine of the phases of beat, bar and half beat, and 1.
    public func features(at time: Double, into output: UnsafeMutablePointer<Float>) {
        let at = beat(at: time)
        let beat = (time - beats[at]) / max(beats[at + 1] - beats[at], 1e-6)
        let bar = (Double(places[at].number) + beat) / Double(places[at].count)
        for (i, phase) in [beat, bar, 2 * beat].enumerated() {
            output[2 * i] = Float(cr_sin_f64(2 * Double.pi * phase))
            output[2 * i + 1] = Float(cr_cos_f64(2 * Double.pi * phase))
        }
        output[6] = 1
    }
}
