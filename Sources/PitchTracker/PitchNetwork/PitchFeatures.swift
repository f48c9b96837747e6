import CRealtime
import Neural
import Signal

/// The network's front end: from the newest 2,048 samples to 13 channels on 228 pitch bins, 36 an octave (models/continuo-pitch.md,
/// 1 to 3).
final class PitchFeatures {
    private let weights: PitchNetworkWeights
    private let fourier: ComplexFourier
    private let real: FloatBuffer
    private let imaginary: FloatBuffer
    private let longPower: FloatBuffer
    private let shortPower: FloatBuffer
    private let longLevels: FloatBuffer
    private let shortLevels: FloatBuffer
    private let centred: FloatBuffer
    private let toeplitz: FloatBuffer
    private let products: FloatBuffer
    private let zeros: FloatBuffer
    private let shifted: FloatBuffer
    private let correlation: FloatBuffer
    private let onBins: FloatBuffer
    /// [bin, channel]: a bin of zeros, the 228, a bin of zeros.
    let stacked: FloatBuffer
    /// dB/20 of the whole frame and of its newest part.
    private(set) var levels: (Float, Float) = (0, 0)

    private var n: Int { PitchNetworkWeights.frameLength }
    private var spectrumBins: Int { PitchNetworkWeights.spectrumBins }
    private var bins: Int { PitchNetworkWeights.pitchBins }
    private var channels: Int { PitchNetworkWeights.channels }

    init(_ weights: PitchNetworkWeights) throws(ModelError) {
        let n = PitchNetworkWeights.frameLength
        self.weights = weights
        fourier = ComplexFourier(length: n)
        real = try FloatBuffer(count: n)
        imaginary = try FloatBuffer(count: n)
        longPower = try FloatBuffer(count: n / 2 + 1)
        shortPower = try FloatBuffer(count: n / 2 + 1)
        longLevels = try FloatBuffer(count: PitchNetworkWeights.spectrumBins)
        shortLevels = try FloatBuffer(count: PitchNetworkWeights.spectrumBins)
        centred = try FloatBuffer(count: n + 32)
        toeplitz = try FloatBuffer(count: 16 * (weights.stretch + 15))
        products = try FloatBuffer(count: padded(weights.lags + 15) + 16)
        zeros = try FloatBuffer(count: 16)
        shifted = try FloatBuffer(count: weights.stretch + 32)
        correlation = try FloatBuffer(count: weights.lags)
        onBins = try FloatBuffer(count: PitchNetworkWeights.pitchBins)
        stacked = try FloatBuffer(count: (PitchNetworkWeights.pitchBins + 2) * PitchNetworkWeights.channels + 16)
    }

    /// - Parameter samples: 2,048, the newest last
    func compute(_ samples: UnsafePointer<Float>) {
        transform(samples)
        filter(longPower.base, longLevels.base)
        filter(shortPower.base, shortLevels.base)
        correlate(samples)
        stack()
        levels = (
            level(samples, n), level(samples + (n - weights.shortWindow.count), weights.shortWindow.count)
        )
    }

    private func level(_ samples: UnsafePointer<Float>, _ count: Int) -> Float {
        var sum = 0.0
        for i in 0..<count { sum += Double(samples[i]) * Double(samples[i]) }
        return 0.5 * cr_log10(Float(sum / Double(count)) + 1e-10)
    }

    /// Both windowed spectra with one transform: one is its real part, the other its imaginary one. Where in the frame the windows lie
    /// does not matter to the powers, so both begin at its start.
    private func transform(_ samples: UnsafePointer<Float>) {
        let long = weights.longWindow, short = weights.shortWindow
        window(long, samples, real.base)
        window(short, samples, imaginary.base)
        fourier.forward(real.base, imaginary.base)
        fourier.powers(real.base, imaginary.base, longPower.base, shortPower.base)
    }

    private func window(_ window: Tensor, _ samples: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        let count = window.count, from = samples + (n - count), values = window.values.baseAddress!
        for i in 0..<count { output[i] = from[i] * values[i] }
        for i in count..<n { output[i] = 0 }
    }

    /// The bank's bands in dB, minus their mean, over 20.
    private func filter(_ power: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        var weight = weights.bankWeights.values.baseAddress!
        var total: Float = 0
        weights.bankFirst.withUnsafeBufferPointer { first in
            weights.bankCount.withUnsafeBufferPointer { count in
                for b in 0..<spectrumBins {
                    let lines = power + first[b]
                    var sum: Float = 0
                    for i in 0..<count[b] { sum += lines[i] * weight[i] }
                    weight += count[b]
                    output[b] = 0.5 * cr_log10(sum + 1e-10)
                    total += output[b]
                }
            }
        }
        let mean = total / Float(spectrumBins)
        for b in 0..<spectrumBins { output[b] -= mean }
    }

    /// Normalised cross-correlation of the newest stretch with what lies `lag` samples earlier, for all lags at once: a matrix product of
    /// the past (rows 16 samples apart) with the stretch, shifted by 0 … 15.
    private func correlate(_ samples: UnsafePointer<Float>) {
        let m = weights.stretch, lags = weights.lags, x = centred.base
        var sum = 0.0
        for i in 0..<n { sum += Double(samples[i]) }
        let mean = Float(sum / Double(n))
        for i in 0..<n { x[i] = samples[i] - mean }
        // Past the newest sample there are zeros, in x and in the shifted stretches.
        for i in n..<(n + 32) { x[i] = 0 }
        let recent = x + (n - m), inputs = m + 15
        // Column c holds the stretch after 15 − c zeros: row j of the 16 is what lies from j on behind fifteen zeros.
        shifted.base.update(from: zeros.base, count: 15)
        (shifted.base + 15).update(from: recent, count: m)
        (shifted.base + 15 + m).update(from: zeros.base, count: 16)
        for j in 0..<inputs { (toeplitz.base + 16 * j).update(from: shifted.base + j, count: 16) }
        let rows = (lags + 15) / 16
        // Row r, column c: lag 16·(rows − 1 − r) + c. Its input begins 15 samples before that of lag 16·(…).
        weights.kernels.multiply(
            rows: rows, inputs: inputs, blocks: 1, input: recent - 16 * (rows - 1) - 15, inputStride: 16, weights: toeplitz.base,
            bias: zeros.base, output: products.base, outputStride: 16)
        // Energies of the stretches, each from the one before.
        var energy = 0.0
        for i in 0..<m { energy += Double(recent[i]) * Double(recent[i]) }
        let own = energy, least = 1e-6 * Double(m) / 400
        for lag in 0..<lags {
            if lag > 0 {
                let (new, old) = (Double(recent[-lag]), Double(recent[m - lag]))
                energy += new * new - old * old
            }
            let value = products.base[16 * (rows - 1 - lag / 16) + lag % 16]
            correlation.base[lag] = value / Float(cr_sqrt_f64(max(0, energy) * own + least))
        }
        let lagWeights = weights.lagWeights.values.baseAddress!
        weights.lagFirst.withUnsafeBufferPointer { first in
            for b in 0..<bins {
                let r = correlation.base + first[b], w = lagWeights + 4 * b
                onBins.base[b] = r[0] * w[0] + r[1] * w[1] + r[2] * w[2] + r[3] * w[3]
            }
        }
    }

    private func stack() {
        put(0, longLevels.base, spectrumBins, -36)
        put(1, longLevels.base, spectrumBins, 0)
        put(2, longLevels.base, spectrumBins, 36)
        put(3, longLevels.base, spectrumBins, 57)
        put(4, longLevels.base, spectrumBins, 72)
        put(5, longLevels.base, spectrumBins, 84)
        put(6, longLevels.base, spectrumBins, 93)
        put(7, longLevels.base, spectrumBins, 101)
        put(8, shortLevels.base, spectrumBins, 0)
        put(9, shortLevels.base, spectrumBins, 36)
        put(10, shortLevels.base, spectrumBins, 57)
        put(11, onBins.base, bins, 0)
        put(12, onBins.base, bins, 36)
    }

    /// Channel `channel` at bin b is `values[b + shift]`, or 0 where there is none.
    private func put(_ channel: Int, _ values: UnsafePointer<Float>, _ count: Int, _ shift: Int) {
        let output = stacked.base + channels + channel
        let from = max(0, -shift), to = min(bins, count - shift)
        for b in 0..<from { output[channels * b] = 0 }
        for b in from..<to { output[channels * b] = values[b + shift] }
        for b in to..<max(to, bins) { output[channels * b] = 0 }
    }
}
