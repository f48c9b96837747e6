import Foundation
import Media
import Testing

@Suite struct PlotTests {
    private func spectrogram(_ samples: [Float], rate: Double, columns: Int = 1600, known: Bool = true) -> Spectrogram {
        let result = Spectrogram(
            sampleRate: rate, expectedDuration: known ? Double(samples.count) / rate : nil, maxColumns: columns)
        samples.withUnsafeBufferPointer(result.push)
        result.finish()
        return result
    }

    /// A sine's row is the strongest at every rate and in all three windows, and its level is the sine's.
    @Test(arguments: [16000.0, 22050, 44100, 48000, 96000, 192_000], [60.0, 220, 700, 3000, 7500])
    func sineLiesInItsRow(rate: Double, frequency: Double) {
        let made = spectrogram(sine(frequency, seconds: 0.6, rate: rate, amplitude: 1), rate: rate)
        let column = made.columnCount / 2
        let levels = made.levels[(column * Spectrogram.rowCount)..<((column + 1) * Spectrogram.rowCount)]
        let strongest = levels.indices.max { levels[$0] < levels[$1] }! - levels.startIndex
        #expect(abs(Double(strongest) - Spectrogram.row(frequency: frequency)) < 5)
        #expect(abs(levels.max()!) < 1.6)
    }

    /// A click lies in the column of its moment.
    @Test func timesAreRight() {
        for at in [0.1, 0.5, 0.9] {
            var samples = [Float](repeating: 0, count: 48000)
            samples[Int(at * 48000)] = 1
            let made = spectrogram(samples, rate: 48000)
            let row = Int(Spectrogram.row(frequency: 4000))
            let column = (0..<made.columnCount).max {
                made.levels[$0 * Spectrogram.rowCount + row] < made.levels[$1 * Spectrogram.rowCount + row]
            }!
            #expect(abs(Double(column) * made.secondsPerColumn - at) < 0.006)
        }
    }

    /// Memory stays bounded, whether the length is known or not, and the columns still span the whole.
    @Test(arguments: [true, false])
    func longRecordings(known: Bool) {
        let made = spectrogram(sine(200, seconds: 60, rate: 16000), rate: 16000, columns: 64, known: known)
        #expect(made.columnCount <= 128)
        #expect(abs(Double(made.columnCount) * made.secondsPerColumn - 60) <= 2 * made.secondsPerColumn)
    }

    @Test func envelope() {
        var envelope = WaveformEnvelope(sampleRate: 1000, maxSlices: 16)
        var samples = [Float](repeating: 0.1, count: 10_000)
        samples[5000] = 1
        samples[9999] = -1
        samples.withUnsafeBufferPointer { envelope.push($0) }
        #expect(envelope.maxima.count <= 32 && envelope.duration == 10)
        let slice = envelope.maxima.firstIndex(of: 1)!
        #expect(Double(slice) * envelope.secondsPerSlice <= 5 && Double(slice + 1) * envelope.secondsPerSlice > 5)
        #expect(envelope.minima.last == -1)
    }

    /// Equal steps of value are nearly equal steps of lightness, so nothing is emphasised that is not there.
    @Test func colourMapIsEven() {
        func lightness(_ value: Double) -> Double {
            let c = ColourMap.colour(value)
            func linear(_ x: Double) -> Double { x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4) }
            let y = 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue)
            return 116 * cbrt(y) - 16  // CIE L*, for the upper part where the formula holds
        }
        let steps = (8..<32).map { lightness(Double($0 + 1) / 32) - lightness(Double($0) / 32) }
        #expect(steps.allSatisfy { $0 > 0.8 && $0 < 5 })
    }

    /// Recordings without anything in them, without time, with values that are no numbers: a picture all the same.
    @Test func emptyAndOddInput() throws {
        let folder = ScratchFolder()
        let path = folder.path + "/plot.png"
        let odd = [
            PitchPoint(time: 0, frequency: .nan, confidence: .nan, level: .nan),
            PitchPoint(time: 0.01, frequency: 0, confidence: 1, level: -.infinity),
            PitchPoint(time: 0.02, frequency: 1e30, confidence: 2, level: 300),
        ]
        for (duration, points) in [(0.0, []), (0.03, odd), (1e6, odd)] as [(Double, [PitchPoint])] {
            var plot = Plot(title: "empty", duration: duration)
            plot.panels = [
                .spectrogram(spectrogram([], rate: 48000), trace: points), .notes([], trace: points),
                .confidence(points, threshold: 0.5), .level(points), .waveform(WaveformEnvelope(sampleRate: 48000)),
            ]
            try plot.write(to: path)
            #expect(bytes(of: path).starts(with: [0x89, 0x50, 0x4e, 0x47]))
        }
        #expect(throws: MediaError.self) { try Plot(title: "", duration: 1).write(to: folder.path + "/no/plot.png") }
    }
}
