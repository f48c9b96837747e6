import Foundation

/// Power spectra of real frames of one length: an iterative radix-2 transform of half the length on packed pairs
/// (Press et al., "Numerical Recipes", section 12.3). For pictures; the engines have faster ones.
final class RealSpectrum {
    /// Points of the transform, a power of two.
    let size: Int
    private let half: Int
    private let window: [Float]
    /// cos, sin of 2πk/size for k in 0 ..< half.
    private let cosines: [Float]
    private let sines: [Float]
    private let reversed: [Int]
    private var real: [Float]
    private var imaginary: [Float]

    /// - Parameters:
    ///   - length: samples in a frame; they get a Hann window, scaled so that a sine of amplitude 1 has power 1.
    ///   - size: 4 or more, a power of two, at least `length`; the rest is zeros.
    init(length: Int, size: Int) {
        precondition(size >= 4 && size & (size - 1) == 0 && length <= size && length > 0)
        self.size = size
        half = size / 2
        let hann = (0..<length).map { 0.5 - 0.5 * cos(2 * .pi * (Double($0) + 0.5) / Double(length)) }
        let scale = 2 / hann.reduce(0, +)
        window = hann.map { Float($0 * scale) }
        cosines = (0..<(size / 2)).map { Float(cos(2 * .pi * Double($0) / Double(size))) }
        sines = (0..<(size / 2)).map { Float(sin(2 * .pi * Double($0) / Double(size))) }
        let bits = half.trailingZeroBitCount
        reversed = (0..<half).map { index in (0..<bits).reduce(0) { $0 | ((index >> $1) & 1) << (bits - 1 - $1) } }
        real = [Float](repeating: 0, count: half)
        imaginary = real
    }

    /// Number of power values: bins 0 to size/2 − 1 of `rate / size` Hz each.
    var binCount: Int { half }

    /// - Parameters:
    ///   - frame: as many samples as the window has.
    ///   - power: receives `binCount` values.
    func power(_ frame: UnsafePointer<Float>, into power: UnsafeMutablePointer<Float>) {
        real.withUnsafeMutableBufferPointer { re in
            imaginary.withUnsafeMutableBufferPointer { im in
                for i in 0..<half {
                    let a = 2 * i, b = 2 * i + 1
                    re[reversed[i]] = a < window.count ? frame[a] * window[a] : 0
                    im[reversed[i]] = b < window.count ? frame[b] * window[b] : 0
                }
                cosines.withUnsafeBufferPointer { c in
                    sines.withUnsafeBufferPointer { s in transform(re, im, c, s, power) }
                }
            }
        }
    }

    private func transform(
        _ re: UnsafeMutableBufferPointer<Float>, _ im: UnsafeMutableBufferPointer<Float>,
        _ c: UnsafeBufferPointer<Float>, _ s: UnsafeBufferPointer<Float>, _ power: UnsafeMutablePointer<Float>
    ) {
        var span = 1
        while span < half {
            let step = size / (2 * span)  // of the table, whose circle has `size` points
            var start = 0
            while start < half {
                for k in 0..<span {
                    let wr = c[k * step], wi = -s[k * step]
                    let i = start + k, j = i + span
                    let xr = re[j] * wr - im[j] * wi, xi = re[j] * wi + im[j] * wr
                    re[j] = re[i] - xr
                    im[j] = im[i] - xi
                    re[i] += xr
                    im[i] += xi
                }
                start += 2 * span
            }
            span *= 2
        }
        // Even and odd samples were the real and imaginary parts: take their two spectra apart again.
        power[0] = (re[0] + im[0]) * (re[0] + im[0])
        for k in 1..<half {
            let m = half - k
            let er = 0.5 * (re[k] + re[m]), ei = 0.5 * (im[k] - im[m])
            let or = 0.5 * (im[k] + im[m]), oi = -0.5 * (re[k] - re[m])
            let xr = er + or * c[k] + oi * s[k], xi = ei + oi * c[k] - or * s[k]
            power[k] = xr * xr + xi * xi
        }
    }
}
