import Foundation

/// A log-frequency spectrogram that grows while a recording is read, in bounded memory whatever its length.
///
/// Three windows share the range, since the ear and the scale want fine pitch below and fine time above: 128 ms up to
/// 250 Hz, 64 ms to 1 kHz, 32 ms above, cross-faded over half an octave. Where a recording is longer than the picture
/// is wide, a column holds the greatest value of its time, so short sounds stay visible.
public final class Spectrogram {
    /// Hz of the lowest and the highest row's centre.
    public static let lowest = 40.0, highest = 8000.0
    /// Rows, bottom to top, evenly spaced in log frequency: 48 an octave.
    public static let rowCount = 368

    /// Decibels, 0 for a sine of amplitude 1: `rowCount` values a column, the lowest row first.
    public private(set) var levels: [Float] = []
    /// Seconds that a column stands for; column i begins at i × this.
    public private(set) var secondsPerColumn: Double
    /// Columns so far.
    public var columnCount: Int { levels.count / Self.rowCount }
    /// Seconds of sound so far.
    public private(set) var duration = 0.0
    /// The quietest level that is told apart from silence.
    public static let floor: Float = -120

    /// The frequency at a row's centre, Hz; rows may be fractions.
    public static func frequency(row: Double) -> Double {
        lowest * pow(highest / lowest, row / Double(rowCount - 1))
    }

    /// The row of a frequency, as a fraction.
    public static func row(frequency: Double) -> Double {
        log(frequency / lowest) / log(highest / lowest) * Double(rowCount - 1)
    }

    private let sampleRate: Double
    private let maxColumns: Int

    // The signal at the lower rate that 8 kHz needs.
    private let factor: Int
    private let filter: [Float]
    private var history: [Float]
    private var phase = 0

    private let rate: Double
    private let spectra: [RealSpectrum]
    private let lengths: [Int]
    private var powers: [[Float]]
    private let rows: [Row]
    /// The last samples, silence before the first. Twice as long as a frame: when it is full, the newest half moves to
    /// the front, so that a frame always lies in one piece.
    private var buffer: [Float]
    private var filled: Int
    private var untilNextFrame: Double
    private let hop: Double
    private var framesDone = 0
    private let framesPerSecond: Double

    private struct Row {
        /// Two spectra, and the second one's share.
        var first: Int, second: Int, share: Float
        var firstBins: Bins, secondBins: Bins
        var isBeyondNyquist: Bool
    }

    /// What a row takes from a spectrum: the greatest of whole bins, or, where a row is narrower than a bin, a point
    /// between two.
    private struct Bins {
        var low: Int, high: Int
        var fraction: Float?
    }

    /// - Parameters:
    ///   - sampleRate: of the samples that `push` gets, Hz.
    ///   - expectedDuration: seconds, where known; longer recordings are looked at less often, at least 10 × a second.
    ///   - maxColumns: twice this many columns are kept at most.
    public init(sampleRate: Double, expectedDuration: Double? = nil, maxColumns: Int = 1600) {
        self.sampleRate = sampleRate
        self.maxColumns = max(16, maxColumns)
        factor = max(1, Int(sampleRate / 19_200))
        rate = sampleRate / Double(factor)
        // A windowed sinc around the new Nyquist frequency: flat to 8 kHz, down before what would fold back below it.
        let taps = factor == 1 ? 1 : 24 * factor + 1
        let cutoff = 0.5 / Double(factor)
        var kernel = (0..<taps).map { i -> Double in
            guard taps > 1 else { return 1 }
            let x = Double(i) - Double(taps - 1) / 2
            let sinc = x == 0 ? 2 * cutoff : sin(2 * .pi * cutoff * x) / (.pi * x)
            return sinc * (0.54 + 0.46 * cos(2 * .pi * x / Double(taps)))
        }
        let sum = kernel.reduce(0, +)
        kernel = kernel.map { $0 / sum }
        filter = kernel.map(Float.init)
        history = [Float](repeating: 0, count: taps)

        let rate = rate
        lengths = [0.128, 0.064, 0.032].map { max(4, Int($0 * rate)) }
        spectra = lengths.map { length in
            var size = 4
            while size < length { size *= 2 }
            return RealSpectrum(length: length, size: size * 2)
        }
        powers = spectra.map { [Float](repeating: 0, count: $0.binCount) }
        let sizes = spectra.map(\.size)
        rows = (0..<Self.rowCount).map { row in
            let frequency = Self.frequency(row: Double(row))
            let low = Self.frequency(row: Double(row) - 0.5), high = Self.frequency(row: Double(row) + 0.5)
            func bins(_ spectrum: Int) -> Bins {
                let width = rate / Double(sizes[spectrum])
                let last = sizes[spectrum] / 2 - 1
                let a = Int((low / width).rounded(.up)), b = Int(high / width)
                if b > a { return Bins(low: min(a, last), high: min(b, last), fraction: nil) }
                let position = min(frequency / width, Double(last - 1))
                return Bins(low: Int(position), high: Int(position) + 1, fraction: Float(position.truncatingRemainder(dividingBy: 1)))
            }
            func fade(_ centre: Double) -> Double { min(max(log2(frequency / centre) * 2 + 0.5, 0), 1) }
            let upper = frequency > 500
            let share = fade(upper ? 1000 : 250)
            let first = upper ? 1 : 0
            return Row(
                first: first, second: first + 1, share: Float(share), firstBins: bins(first),
                secondBins: bins(first + 1), isBeyondNyquist: frequency >= rate / 2)
        }

        // At most four looks a column, 2.5 to 100 ms apart.
        let seconds = expectedDuration.map { min(max($0 / Double(max(16, maxColumns)) / 3, 0.0025), 0.1) } ?? 0.01
        hop = max(1, seconds * rate)
        framesPerSecond = rate / hop
        secondsPerColumn = hop / rate
        buffer = [Float](repeating: 0, count: 2 * lengths[0])
        filled = lengths[0]
        untilNextFrame = Double(lengths[0]) / 2  // the first frame is centred on the first sample
    }

    /// Takes the next mono samples.
    public func push(_ samples: UnsafeBufferPointer<Float>) {
        duration += Double(samples.count) / sampleRate
        for sample in samples { accept(sample) }
    }

    /// Completes the last columns. Nothing may be pushed afterwards.
    public func finish() {
        for _ in 0..<(lengths[0] / 2 * factor) { accept(0) }
        let columns = Int((duration / secondsPerColumn).rounded(.up))
        if columns > 0, columnCount > columns { levels.removeLast((columnCount - columns) * Self.rowCount) }
    }

    private func accept(_ sample: Float) {
        if factor == 1 { return store(sample) }
        history[phase % history.count] = sample
        phase += 1
        guard phase % factor == 0 else { return }
        var sum: Float = 0
        let newest = phase % history.count  // the oldest sample lies where the next goes
        history.withUnsafeBufferPointer { history in
            filter.withUnsafeBufferPointer { filter in
                let first = history.count - newest
                for i in 0..<first { sum += filter[i] * history[newest + i] }
                for i in 0..<newest { sum += filter[first + i] * history[i] }
            }
        }
        store(sum)
    }

    private func store(_ sample: Float) {
        if filled == buffer.count {
            let keep = lengths[0]
            for i in 0..<keep { buffer[i] = buffer[filled - keep + i] }
            filled = keep
        }
        buffer[filled] = sample
        filled += 1
        untilNextFrame -= 1
        while untilNextFrame <= 0 {
            untilNextFrame += hop
            analyse()
        }
    }

    private func analyse() {
        let centre = filled - lengths[0] / 2
        buffer.withUnsafeBufferPointer { buffer in
            for (index, spectrum) in spectra.enumerated() {
                let start = buffer.baseAddress! + max(0, centre - lengths[index] / 2)
                powers[index].withUnsafeMutableBufferPointer { spectrum.power(start, into: $0.baseAddress!) }
            }
        }
        let column = Int(Double(framesDone) / framesPerSecond / secondsPerColumn + 1e-6)
        framesDone += 1
        while columnCount <= column {
            levels.append(contentsOf: repeatElement(Self.floor, count: Self.rowCount))
        }
        for (index, row) in rows.enumerated() where !row.isBeyondNyquist {
            let a = value(row.firstBins, powers[row.first]), b = value(row.secondBins, powers[row.second])
            let level = 10 * log10f(max(a + (b - a) * row.share, 1e-12))
            levels[column * Self.rowCount + index] = max(levels[column * Self.rowCount + index], level)
        }
        if columnCount >= 2 * maxColumns { halve() }
    }

    private func value(_ bins: Bins, _ power: [Float]) -> Float {
        if let fraction = bins.fraction {
            // Between bins, the logarithm is nearly a parabola and its root nearly straight.
            let a = power[bins.low].squareRoot(), b = power[bins.high].squareRoot()
            let x = a + (b - a) * fraction
            return x * x
        }
        var most: Float = 0
        for bin in bins.low...bins.high { most = max(most, power[bin]) }
        return most
    }

    /// Joins columns in pairs.
    private func halve() {
        let rows = Self.rowCount
        let columns = columnCount
        for column in 0..<((columns + 1) / 2) {
            for row in 0..<rows {
                let a = levels[2 * column * rows + row]
                let b = 2 * column + 1 < columns ? levels[(2 * column + 1) * rows + row] : a
                levels[column * rows + row] = max(a, b)
            }
        }
        levels.removeLast((columns - (columns + 1) / 2) * rows)
        secondsPerColumn *= 2
    }
}
