import CRealtime
import Neural

/// The polyphonic network's front end: from the newest 4,096 samples to 17 channels on 216 pitch bins, three a semitone
/// (models/continuo-pitch-poly.md, 1 and 2).
final class PolyphonicFeatures {
    private let weights: PolyphonicWeights
    private let fourier: ComplexFourier
    /// e^(−2πik/4096), real and imaginary part, k = 0 … 2048.
    private let turns: FloatBuffer
    private let longPower: FloatBuffer
    private let middlePower: FloatBuffer
    private let shortPower: FloatBuffer
    private let bands: FloatBuffer
    /// [bin, channel]: a bin of zeros, the 216, a bin of zeros.
    let stacked: FloatBuffer
    /// Mean dB/20 of the long, the middle and the short window's spectrum.
    private(set) var levels: (Float, Float, Float) = (0, 0, 0)

    private var n: Int { PolyphonicWeights.frameLength }
    private var spectrumBins: Int { PolyphonicWeights.spectrumBins }
    private var bins: Int { PolyphonicWeights.pitchBins }
    private var channels: Int { PolyphonicWeights.channels }

    init(_ weights: PolyphonicWeights) throws(ModelError) {
        let n = PolyphonicWeights.frameLength
        self.weights = weights
        fourier = try ComplexFourier(length: n / 2, kernels: weights.kernels)
        turns = try FloatBuffer(count: n + 2)
        for k in 0...(n / 2) {
            let angle = -2 * Double.pi * Double(k) / Double(n)
            turns.base[2 * k] = Float(cr_cos_f64(angle))
            turns.base[2 * k + 1] = Float(cr_sin_f64(angle))
        }
        longPower = try FloatBuffer(count: n / 2 + 1 + FilterBank.margin)
        middlePower = try FloatBuffer(count: n / 4 + 1 + FilterBank.margin)
        shortPower = try FloatBuffer(count: n / 4 + 1 + FilterBank.margin)
        bands = try FloatBuffer(count: padded(PolyphonicWeights.spectrumBins))
        stacked = try FloatBuffer(count: (PolyphonicWeights.pitchBins + 2) * PolyphonicWeights.channels + 16)
    }

    /// - Parameter samples: 4,096, the newest last
    func compute(_ samples: UnsafePointer<Float>) {
        transformLong(samples)
        transformShort(samples)
        levels.0 = weights.banks[0].apply(longPower.base, bands.base)
        put(0, -57)
        put(1, -36)
        put(2, 0)
        put(3, 36)
        put(4, 57)
        put(5, 72)
        put(6, 84)
        put(7, 93)
        put(8, 101)
        levels.1 = weights.banks[1].apply(middlePower.base, bands.base)
        put(9, -36)
        put(10, 0)
        put(11, 36)
        put(12, 57)
        put(13, 72)
        levels.2 = weights.banks[1].apply(shortPower.base, bands.base)
        put(14, 0)
        put(15, 36)
        put(16, 57)
    }

    /// The long window's powers: the even samples are a transform's real part, the odd ones its imaginary part.
    private func transformLong(_ samples: UnsafePointer<Float>) {
        let window = weights.windows[0], count = window.count, from = samples + (n - count)
        let values = window.values.baseAddress!, half = n / 2
        for i in 0..<(count / 2) {
            fourier.real.base[i] = from[2 * i] * values[2 * i]
            fourier.imaginary.base[i] = from[2 * i + 1] * values[2 * i + 1]
        }
        fourier.transform(count: count / 2)
        let (real, imaginary) = fourier.spectrum
        for k in 0...half {
            let (a, b) = (k == half ? 0 : k, k == 0 ? 0 : half - k)
            let (zr, zi, mr, mi) = (real[a], imaginary[a], real[b], imaginary[b])
            // The even samples' spectrum, and the odd samples', which is turned by k/4096.
            let (er, ei, or, oi) = (zr + mr, zi - mi, zi + mi, mr - zr)
            let (c, s) = (turns.base[2 * k], turns.base[2 * k + 1])
            let (xr, xi) = (er + or * c - oi * s, ei + or * s + oi * c)
            longPower.base[k] = 0.25 * (xr * xr + xi * xi)
        }
    }

    /// The other two windows' powers with one transform: one is its real part, the other its imaginary part. Where the windows lie does
    /// not matter to the powers, so both begin at the start.
    private func transformShort(_ samples: UnsafePointer<Float>) {
        let count = max(weights.windows[1].count, weights.windows[2].count)
        apply(weights.windows[1], samples, fourier.real.base, count)
        apply(weights.windows[2], samples, fourier.imaginary.base, count)
        fourier.transform(count: count)
        fourier.powers(middlePower.base, shortPower.base)
    }

    private func apply(_ window: Tensor, _ samples: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ length: Int) {
        let count = window.count
        weights.kernels.multiplyElements(count: count, samples + (n - count), window.values.baseAddress!, output: output)
        if length > count { cr_zero(output + count, (length - count) * MemoryLayout<Float>.stride) }
    }

    /// Channel `channel` at bin b is `bands[b + shift]`, or 0 where there is none.
    private func put(_ channel: Int, _ shift: Int) {
        let output = stacked.base + channels + channel, values = bands.base
        let from = max(0, -shift), to = min(bins, spectrumBins - shift)
        for b in 0..<from { output[channels * b] = 0 }
        for b in from..<to { output[channels * b] = values[b + shift] }
        for b in to..<max(to, bins) { output[channels * b] = 0 }
    }
}
