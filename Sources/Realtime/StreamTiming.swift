/// Where the frames of a stream lie on the host's time axis. All in whole host samples and exact integer arithmetic, so that a
/// stream runs for days without drifting from its model's clock.
///
/// Frame k needs the input up to (not including) host sample
///
///     frameEnd(k) = ⌈(k · hopNumerator + lookahead · hopDenominator) / hopDenominator⌉
///
/// and, wherever the host's blocks fall, its result takes effect at host sample `frameEnd(k) + deadline`.
public struct StreamTiming: Sendable, Equatable {
    /// Host samples between frames, as a fraction: 441/4 is a 2.5 ms hop at 44.1 kHz.
    public var hopNumerator: Int
    public var hopDenominator: Int
    /// Host samples after its nominal time (k · hop) that frame k has to hear: half a window, filter delays.
    public var lookahead: Int
    /// Time the inference thread needs for one frame, with reserve, in host samples.
    public var inferenceBudget: Int

    public init(hopNumerator: Int, hopDenominator: Int = 1, lookahead: Int = 0, inferenceBudget: Int) {
        precondition(hopNumerator > 0 && hopDenominator > 0 && lookahead >= 0 && inferenceBudget >= 0)
        self.hopNumerator = hopNumerator
        self.hopDenominator = hopDenominator
        self.lookahead = lookahead
        self.inferenceBudget = inferenceBudget
    }

    /// First host sample after the input of frame `k`.
    @inlinable public func frameEnd(_ k: Int) -> Int {
        let scaled = k * hopNumerator + lookahead * hopDenominator
        // Ceiling division, for negative k too.
        return scaled >= 0 ? (scaled + hopDenominator - 1) / hopDenominator : -(-scaled / hopDenominator)
    }

    /// The first frame whose input ends after host sample 0. Negative when there is a look-ahead longer than a hop: those frames
    /// only carry input to the model.
    public var firstFrame: Int {
        var k = -(lookahead * hopDenominator) / hopNumerator
        while frameEnd(k) > 0 { k -= 1 }
        while frameEnd(k) <= 0 { k += 1 }
        return k
    }

    /// Most host samples in one frame.
    public var longestFrame: Int { (hopNumerator + hopDenominator - 1) / hopDenominator + 1 }

    /// Host samples from a frame's end to its result's effect, with host blocks of up to `block` samples.
    ///
    /// A frame that ends in one block is handed over in that block's callback, and its result can be fetched at the earliest by a
    /// later callback. Whole blocks, enough to hold the budget and at least one, guarantee the inference thread its budget
    /// wherever in a block the frame ends.
    @inlinable public func deadline(block: Int) -> Int {
        let block = max(1, block)
        return max(1, (inferenceBudget + block - 1) / block) * block
    }
}
