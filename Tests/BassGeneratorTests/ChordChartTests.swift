import BassGenerator
import Testing

@Suite struct ChordChartTests {
    private func chord(_ name: String) -> ChordChart.Chord? { ChordSymbol.chord(Array(name.utf8)) }

    private func chord(_ root: Int, _ tones: Int...) -> ChordChart.Chord {
        ChordChart.Chord(root: root, tones: tones.reduce(0) { $0 | 1 << UInt16((root + $1) % 12) })
    }

    @Test func symbols() {
        #expect(chord("C") == chord(0, 0, 4, 7))
        #expect(chord("F#m7") == chord(6, 0, 3, 7, 10))
        #expect(chord("Bbmaj7") == chord(10, 0, 4, 7, 11))
        #expect(chord("B♭Δ") == chord("Bbmaj7") && chord("F♯-7") == chord("F#m7"))
        #expect(chord("Gsus4") == chord(7, 0, 5, 7))
        #expect(chord("Dm7b5") == chord(2, 0, 3, 6, 10) && chord("Dø") == chord("Dm7b5"))
        #expect(chord("Ab7#9") == chord(8, 0, 4, 7, 10, 3))
        #expect(chord("E°7") == chord(4, 0, 3, 6, 9))
        #expect(chord("Cbb") == chord(10, 0, 4, 7) && chord("B##") == chord(1, 0, 4, 7))
        #expect(chord("C6/9") == chord(0, 0, 4, 7, 9, 2))
        #expect(chord("C/Bb") == chord(0, 0, 4, 7, 10) && chord("C6/9/A") == chord(0, 0, 4, 7, 9, 2))
        #expect(chord("Am/F#") == ChordChart.Chord(root: 9, tones: 1 << 9 | 1 << 0 | 1 << 4 | 1 << 6))
        for name in ["", "H", "c", "Cfoo", "C/", "C/H", "C7/Bx", "/", "Cm7b5b5", "#", String(repeating: "C#", count: 50)] {
            #expect(chord(name) == nil, "\(name)")
        }
    }

    private let grid = BeatGrid(tempo: 60, beatsPerBar: 4, downbeat: 0, seconds: 40)

    /// Roots at the seconds' middles; −1: not known.
    private func roots(_ text: String, from: Double = 0, isRepeated: Bool = false) throws -> [Int] {
        let chart = try ChordChart.parse(text, grid: grid, from: from, isRepeated: isRepeated)
        return (0..<24).map { chart.chords[grid.beat(at: Double($0) + 0.5)]?.root ?? -1 }
    }

    @Test func bars() throws {
        let wanted = [0, 0, 9, 9, 5, 7, 7, 7, 5, 7, 7, 7, -1, -1, -1, -1, 2, 2, 2, 2]
        let text = "# verse\n| C Am | F G7 / / ; tail\n% | N | Dm\n"
        #expect(try roots(text) == wanted + [-1, -1, -1, -1])
        #expect(try roots(text, isRepeated: true) == wanted + [0, 0, 9, 9])
        #expect(try roots("C|D", from: 4) == [-1, -1, -1, -1, 0, 0, 0, 0, 2, 2, 2, 2] + [Int](repeating: -1, count: 12))
        #expect(try roots("C|D", from: 5)[..<12] == [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0])
        // Three chords on four beats; nothing at all.
        #expect(try roots("C D E|%")[..<8] == [0, 0, 2, 4, 0, 0, 2, 4])
        #expect(try roots(" \n||\r\n; C\n").allSatisfy { $0 == -1 })
        #expect(try roots("F#|/|Bb NC")[..<12] == [6, 6, 6, 6, 6, 6, 6, 6, 10, 10, -1, -1])
    }

    @Test func errors() {
        func message(_ text: String) -> String {
            do throws(ChordChartError) {
                _ = try ChordChart.parse(text, grid: grid)
                return ""
            } catch {
                return error.message
            }
        }
        #expect(message("C | D\nE | Q7") == "line 2, bar 4: no chord is called Q7")
        #expect(message("%") == "line 1, bar 1: there is no bar before to repeat")
        #expect(message("C | D %") == "line 1, bar 2: there is no bar before to repeat")
        #expect(message("C | % D") == "line 1, bar 2: a repeated bar holds nothing else")
        #expect(message(String(repeating: "C ", count: 65)).hasSuffix("over 64 chords"))
    }
}
