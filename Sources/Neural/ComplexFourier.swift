import CRealtime

/// The discrete Fourier transform of one complex sequence, X[k] = Σ x[n] e^(−2πikn/N), for N = 2·4^m from 512 on
/// (KernelsBaseline/ComplexFourier.swift).
///
/// Two real sequences go through one transform as its real and imaginary part: see `powers`. `FourierPlan` is the form for many channels
/// at once.
package final class ComplexFourier {
    package let length: Int
    /// The input; `transform` overwrites it.
    package let real: FloatBuffer
    package let imaginary: FloatBuffer
    private let otherReal: FloatBuffer
    private let otherImaginary: FloatBuffer
    private let twiddles: FloatBuffer
    private let kernels: Kernels
    private let endsWhereItBegan: Bool

    /// - Parameter length: 512, 2048, 8192 …
    package init(length: Int, kernels: Kernels = Kernels()) throws(ModelError) {
        var rest = length, count = 0, passes = 0
        while rest > 2 {
            precondition(length >= 512 && rest % 4 == 0, "a transform of this length is not supported")
            if rest > 8 { count += rest / 4 * 6 }
            rest /= 4
            passes += 1
        }
        precondition(rest == 2, "a transform of this length is not supported")
        self.length = length
        self.kernels = kernels
        endsWhereItBegan = passes % 2 == 0
        real = try FloatBuffer(count: length)
        imaginary = try FloatBuffer(count: length)
        otherReal = try FloatBuffer(count: length)
        otherImaginary = try FloatBuffer(count: length)
        twiddles = try FloatBuffer(count: count)
        var place = twiddles.base
        rest = length
        while rest > 8 {
            let quarter = rest / 4
            for power in 1...3 {
                for p in 0..<quarter {
                    let angle = -unitAngle(p * power, rest)
                    place[p] = Float(cr_cos_f64(angle))
                    place[quarter + p] = Float(cr_sin_f64(angle))
                }
                place += 2 * quarter
            }
            rest = quarter
        }
    }

    /// `real` and `imaginary` hold `count` numbers each; the rest is taken for zeros.
    package func transform(count: Int) {
        let silent = (length - count) * MemoryLayout<Float>.stride
        if silent > 0 {
            cr_zero(real.base + count, silent)
            cr_zero(imaginary.base + count, silent)
        }
        kernels.transformComplex(
            length: length, twiddles: twiddles.base, real.base, imaginary.base, otherReal.base, otherImaginary.base)
    }

    /// What `transform` gave.
    package var spectrum: (real: UnsafePointer<Float>, imaginary: UnsafePointer<Float>) {
        endsWhereItBegan
            ? (UnsafePointer(real.base), UnsafePointer(imaginary.base))
            : (UnsafePointer(otherReal.base), UnsafePointer(otherImaginary.base))
    }

    /// |A[k]|² and |B[k]|², k = 0 … length/2, of two real sequences that were transformed together as real and imaginary part.
    package func powers(_ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>) {
        let (re, im) = spectrum
        kernels.powersOfPair(length: length, re: re, im: im, a, b)
    }
}
