/// Beats and bars that were heard in a mix.
public struct TrackedBeats: Sendable {
    public let grid: BeatGrid
    public let beatsPerBar: Int
    /// Beats a minute, the median.
    public let tempo: Double
    /// How far the head's answers agree with the grid, 0 … 1: of beats, and of bars.
    public let beatConfidence: Double
    public let barConfidence: Double
}
