/// The chords of a song, one for each of a grid's beats.
public struct ChordChart: Sendable {
    /// A chord: its root and its tones.
    public struct Chord: Sendable, Equatable {
        /// 0 (C) … 11 (B).
        public var root: Int
        /// Bit i: pitch class i sounds.
        public var tones: UInt16

        public init(root: Int, tones: UInt16) {
            self.root = root
            self.tones = tones
        }
    }
    public let grid: BeatGrid
    /// nil: not known.
    public let chords: [Chord?]

    /// - Parameter chords: as many as the grid has beats
    public init(grid: BeatGrid, chords: [Chord?]) {
        precondition(chords.count == grid.bars.count)
        self.grid = grid
        self.chords = chords
    }

    /// 25 numbers: 1 for the root among 12, for each tone among 12, and 1; zeros where no chord is known.
    public func features(at time: Double, into output: UnsafeMutablePointer<Float>) {
        guard let chord = chords[grid.beat(at: time)] else { return }
        for i in 0..<12 {
            output[i] = ((chord.root % 12) + 12) % 12 == i ? 1 : 0
            output[12 + i] = chord.tones >> UInt16(i) & 1 == 1 ? 1 : 0
        }
        output[24] = 1
    }
}
