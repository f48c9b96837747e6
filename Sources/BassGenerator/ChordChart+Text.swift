/// Why a chart's text is none.
public struct ChordChartError: Error {
    /// Counted from 1.
    public let line: Int
    public let bar: Int
    /// What is not understood.
    public let text: String

    /// One line for the user, to which the file's name is to be put in front.
    public var message: String { "line \(line), bar \(bar): \(text)" }
}

extension ChordChart {
    /// A chart written as text, bar by bar over a grid.
    ///
    ///     # verse, twice
    ///     | C Am | F G7 | % | N |
    ///
    /// Bars are parted by `|` (or by line ends); chords in a bar by spaces, and share its beats evenly. `%` or `/` in a bar's place is
    /// the bar before, `/` in a chord's place the chord before, `N` (or `NC`) no chord that is known. What follows `;`, or `#` at a
    /// line's begin or after a space, is a comment. The chart begins with the grid's first bar whose begin is at or after `from`; its
    /// last bar is followed by its first again, if it is to be repeated, or by nothing known.
    ///
    /// - Parameters:
    ///   - text: UTF-8
    ///   - from: seconds
    public static func parse(
        _ text: String, grid: BeatGrid, from: Double = 0, isRepeated: Bool = true
    ) throws(ChordChartError) -> ChordChart {
        let bars = try bars(of: text)
        var chords = [Chord?](repeating: nil, count: grid.bars.count)
        var beat = 0
        while beat < grid.bars.count, grid.beats[beat] < from - 0.001 || (beat > 0 && grid.bars[beat] == grid.bars[beat - 1]) {
            beat += 1
        }
        var number = 0
        while beat < grid.bars.count, !bars.isEmpty, isRepeated || number < bars.count {
            var end = beat
            while end < grid.bars.count, grid.bars[end] == grid.bars[beat] { end += 1 }
            let bar = bars[number % bars.count]
            for i in beat..<end where !bar.isEmpty { chords[i] = bar[(i - beat) * bar.count / (end - beat)] }
            number += 1
            beat = end
        }
        return ChordChart(grid: grid, chords: chords)
    }

    /// The chords of each bar.
    private static func bars(of text: String) throws(ChordChartError) -> [[Chord?]] {
        var bars: [[Chord?]] = []
        var current: [Chord?] = []
        var word: [UInt8] = []
        var hasWords = false, isRepeat = false, isComment = false
        var line = 1
        var previous = UInt8(ascii: "\n")
        func fail(_ text: String) -> ChordChartError { ChordChartError(line: line, bar: bars.count + 1, text: text) }
        func endWord() throws(ChordChartError) {
            guard !word.isEmpty else { return }
            let isSlash = word.count == 1 && word[0] == UInt8(ascii: "/")
            if word.count == 1, word[0] == UInt8(ascii: "%") || (isSlash && !hasWords) {
                guard !hasWords, let last = bars.last else { throw fail("there is no bar before to repeat") }
                current = last
                isRepeat = true
            } else if isRepeat {
                throw fail("a repeated bar holds nothing else")
            } else if isSlash {
                current.append(current[current.count - 1])
            } else if word[0] == UInt8(ascii: "N"), word.count == 1 || word[1] == UInt8(ascii: "C") || word[1] == UInt8(ascii: ".") {
                current.append(nil)
            } else if let chord = ChordSymbol.chord(word) {
                current.append(chord)
            } else {
                throw fail("no chord is called " + String(decoding: word, as: UTF8.self))
            }
            guard current.count <= 64 else { throw fail("over 64 chords") }
            hasWords = true
            word = []
        }
        func endBar() throws(ChordChartError) {
            try endWord()
            if hasWords { bars.append(current) }
            guard bars.count <= 100_000 else { throw fail("over 100,000 bars") }
            current = []
            hasWords = false
            isRepeat = false
        }
        for byte in text.utf8 {
            let startsWord = previous == UInt8(ascii: "\n") || previous == UInt8(ascii: " ") || previous == UInt8(ascii: "\t")
            previous = byte
            switch byte {
            case UInt8(ascii: "\n"):
                try endBar()
                isComment = false
                line += 1
            case _ where isComment: break
            case UInt8(ascii: ";"): isComment = true
            case UInt8(ascii: "#") where startsWord: isComment = true
            case UInt8(ascii: "|"): try endBar()
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): try endWord()
            default: word.append(byte)
            }
        }
        try endBar()
        return bars
    }
}
