import CRealtime
import Neural

/// The network's front end: from the newest 2,048 samples to 13 channels on 228 pitch bins, 36 an octave (models/continuo-pitch.md,
/// 1 to 3).
final class PitchFeatures {
    private let weights: PitchNetworkWeights
    private let fourier: ComplexFourier
    private let longPower: FloatBuffer
    private let shortPower: FloatBuffer
    private let longLevels: FloatBuffer
    private let shortLevels: FloatBuffer
    private let centred: FloatBuffer
    private let shifted: FloatBuffer
    private let energies: FloatBuffer
    private let work: FloatBuffer
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
        fourier = try ComplexFourier(length: n, kernels: weights.kernels)
        longPower = try FloatBuffer(count: n / 2 + 1 + FilterBank.margin)
        shortPower = try FloatBuffer(count: n / 2 + 1 + FilterBank.margin)
        longLevels = try FloatBuffer(count: padded(PitchNetworkWeights.spectrumBins))
        shortLevels = try FloatBuffer(count: padded(PitchNetworkWeights.spectrumBins))
        centred = try FloatBuffer(count: n + 64)
        shifted = try FloatBuffer(count: weights.stretch + 32)
        energies = try FloatBuffer(count: n + 64)
        work = try FloatBuffer(count: n + 64)
        correlation = try FloatBuffer(count: padded(weights.lags))
        onBins = try FloatBuffer(count: PitchNetworkWeights.pitchBins)
        stacked = try FloatBuffer(count: (PitchNetworkWeights.pitchBins + 2) * PitchNetworkWeights.channels + 16)
    }

    /// - Parameter samples: 2,048, the newest last
    func compute(_ samples: UnsafePointer<Float>) {
        let kernels = weights.kernels, newest = weights.shortWindow.count
        transform(samples)
        _ = weights.bank.apply(longPower.base, longLevels.base)
        _ = weights.bank.apply(shortPower.base, shortLevels.base)
        let whole = kernels.powers(count: n, input: samples)
        correlate(samples, mean: Float(whole.mean))
        stack()
        levels = (level(whole.square), level(kernels.powers(count: newest, input: samples + (n - newest)).square))
    }

    private func level(_ power: Double) -> Float { 0.5 * cr_log10(Float(power) + 1e-10) }

    /// Both windowed spectra with one transform: one is its real part, the other its imaginary one. Where in the frame the windows lie
    /// does not matter to the powers, so both begin at its start.
    private func transform(_ samples: UnsafePointer<Float>) {
        let long = weights.longWindow, short = weights.shortWindow, count = max(long.count, short.count)
        window(long, samples, fourier.real.base, count)
        window(short, samples, fourier.imaginary.base, count)
        fourier.transform(count: count)
        fourier.powers(longPower.base, shortPower.base)
    }

    private func window(_ window: Tensor, _ samples: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ length: Int) {
        let count = window.count
        weights.kernels.multiplyElements(count: count, samples + (n - count), window.values.baseAddress!, output: output)
        if length > count { cr_zero(output + count, (length - count) * MemoryLayout<Float>.stride) }
    }

    /// Normalised cross-correlation of the newest stretch with what lies `lag` samples earlier, for all lags at once.
    private func correlate(_ samples: UnsafePointer<Float>, mean: Float) {
        let kernels = weights.kernels, m = weights.stretch, x = centred.base
        kernels.offset(count: n, input: samples, by: -mean, output: x)
        let recent = x + (n - m)
        // Fifteen zeros before the stretch, and zeros after it: shifted by 15 − c, it is what lag 16 r + c multiplies.
        (shifted.base + 15).update(from: recent, count: m)
        let rows = padded(weights.lags) / 16
        kernels.correlate(rows: rows, count: m + 15, input: recent - 15, sequence: shifted.base, output: correlation.base)
        let first = n - m - 16 * rows - 15
        kernels.slidingEnergies(count: m + 16 * rows, input: x + first, work: work.base, output: energies.base)
        kernels.normaliseCorrelation(
            rows: rows, pieces: m / 16, energies: energies.base + (16 * rows + 15), least: 1e-6 * Double(m) / 400,
            products: correlation.base)
        let lagWeights = weights.lagWeights.values.baseAddress!
        weights.lagFirst.withUnsafeBufferPointer { first in
            for b in 0..<bins {
                let r = UnsafeRawPointer(correlation.base + first[b]).loadUnaligned(as: SIMD4<Float>.self)
                let product = r * UnsafeRawPointer(lagWeights + 4 * b).loadUnaligned(as: SIMD4<Float>.self)
                let pair = product.lowHalf + product.highHalf
                onBins.base[b] = pair.x + pair.y
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
