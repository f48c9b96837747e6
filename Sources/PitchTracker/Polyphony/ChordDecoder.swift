import CRealtime

/// From the polyphonic network's heads to notes, frame by frame (training/pitch/poly/decoding.py is the same).
///
/// A note begins where the onset's probability has a peak in time, known one frame later; it ends where the note's probability has
/// stayed low. A note that swells without an onset begins where its probability has been high for a while.
struct ChordDecoder {
    struct Settings: BitwiseCopyable, Equatable {
        /// Least probability of an onset.
        var onset: Float = 0.4
        /// Gate: a quieter note is none, dB.
        var gate: Float = -90
        /// Keys of the lowest and the highest note, 0 … 127.
        var lowest = 0
        var highest = 127
    }

    /// Least probability of the note beside an onset.
    private static var leastNote: Float { 0.4 }
    /// A note goes on while it is that probable; so many frames under it end it.
    private static var hold: Float { 0.45 }
    static var release: Int { 4 }
    /// Without an onset a note begins if it is that probable for so many frames.
    private static var swell: Float { 0.75 }
    private static var swelling: Int { 8 }
    /// Frames between two onsets of a key.
    private static var apart: Int { 5 }
    private static var never: Int { Int.min / 2 }

    private let count: Int
    private var frame = 0
    private var before: [Float]
    private var last: [Float]
    private var lastNote: [Float]
    private var low: [Int]
    private var high: [Int]
    private var onsetFrame: [Int]
    /// What sounds, and what began in the last frame.
    private(set) var chord = Chord()

    init() {
        count = PolyphonicWeights.positions
        before = [Float](repeating: 0, count: count)
        last = before
        lastNote = before
        low = [Int](repeating: 0, count: count)
        high = low
        onsetFrame = [Int](repeating: Self.never, count: count)
    }

    mutating func forgetStrikes() { chord.forgetStrikes() }

    /// - Parameters:
    ///   - onsets, notes, levels: of each position, as `PolyphonicNetwork` has them
    ///   - stride: base frames a frame
    mutating func advance(
        onsets: UnsafePointer<Float>, notes: UnsafePointer<Float>, levels: UnsafePointer<Float>, stride: Int, settings: Settings
    ) {
        chord.move(on: stride)
        for p in 0..<count {
            let key = PolyphonicWeights.lowestKey + p
            let (earlier, peak, now) = (before[p], last[p], onsets[p])
            let sounds = chord.sounds(key)
            let isOnset =
                peak >= settings.onset && peak > earlier && peak >= now && max(lastNote[p], notes[p]) >= Self.leastNote
                && frame - 1 - onsetFrame[p] >= Self.apart
            let isWanted = key >= settings.lowest && key <= settings.highest && levels[p] >= settings.gate
            if isOnset, isWanted {
                // Between the frames, by the parabola through the three.
                let between = 0.5 * (earlier - now) / min(earlier - 2 * peak + now, -1e-6)
                let place = Float(stride) * (-1 + min(0.5, max(-0.5, between)))
                begin(key, p, levels[p], offset: Int(cr_floor(place + 0.5)), at: frame - 1)
            } else if sounds {
                low[p] = notes[p] < Self.hold ? low[p] + 1 : 0
                if low[p] >= Self.release {
                    chord.set(key, sounds: false)
                    high[p] = 0
                }
            } else {
                high[p] = notes[p] >= Self.swell ? high[p] + 1 : 0
                if high[p] >= Self.swelling, isWanted {
                    begin(key, p, levels[p], offset: -stride * (Self.swelling - 1), at: frame - Self.swelling + 1)
                }
            }
            before[p] = peak
            last[p] = now
            lastNote[p] = notes[p]
        }
        frame += 1
    }

    private mutating func begin(_ key: Int, _ p: Int, _ level: Float, offset: Int, at onset: Int) {
        // The first frame may look back to before the beginning.
        let offset = max(-128, offset)
        chord.set(key, sounds: true)
        chord.append(Chord.Strike(key: UInt8(key), velocity: Self.velocity(level), offset: Int8(offset)))
        onsetFrame[p] = onset
        low[p] = 0
        high[p] = 0
    }

    /// −48 dB and less gives 1, 0 dB 127, as with one note at a time.
    static func velocity(_ level: Float) -> UInt8 { UInt8(max(1, min(127, cr_floor(127 + level * (126.0 / 48) + 0.5)))) }
}

/// The decoder by itself, for comparison with a reference.
package final class ChordSteps {
    private var decoder = ChordDecoder()

    package init() {}

    /// - Parameters: 72 values each, as `PolyphonicNetwork` has them
    package func step(
        onsets: UnsafePointer<Float>, notes: UnsafePointer<Float>, levels: UnsafePointer<Float>
    ) -> Chord {
        decoder.forgetStrikes()
        decoder.advance(onsets: onsets, notes: notes, levels: levels, stride: 4, settings: .init())
        return decoder.chord
    }
}
