import CRealtime

/// The discrete Fourier transform of one complex sequence, X[k] = Σ x[n] e^(−2πikn/N), for N = 2·4^m (Stockham's self-sorting
/// form: no permutation, and from the second pass on all is contiguous).
///
/// Two real sequences go through one transform as its real and imaginary part: see `powers`. `FourierPlan` of Neural is the form for many
/// channels at once.
public final class ComplexFourier {
    public let length: Int
    /// For each pass, for each of its p: e^(−2πip/n), its square, its cube; real and imaginary part.
    private let twiddles: UnsafeMutablePointer<Float>
    private let work: UnsafeMutablePointer<Float>

    /// - Parameter length: 2·4^m: 8, 32, 128, 512, 2048, 8192
    public init(length: Int) {
        var rest = length, count = 0
        while rest > 2 {
            precondition(rest % 4 == 0, "a transform of this length is not supported")
            count += rest / 4 * 6
            rest /= 4
        }
        precondition(rest == 2, "a transform of this length is not supported")
        self.length = length
        twiddles = .allocate(capacity: max(1, count))
        work = .allocate(capacity: 2 * length)
        work.initialize(repeating: 0, count: 2 * length)
        var place = twiddles
        rest = length
        while rest > 2 {
            for p in 0..<(rest / 4) {
                for power in 1...3 {
                    let angle = -2 * Double.pi * Double(p * power) / Double(rest)
                    place[0] = Float(cr_cos_f64(angle))
                    place[1] = Float(cr_sin_f64(angle))
                    place += 2
                }
            }
            rest /= 4
        }
    }

    deinit {
        twiddles.deallocate()
        work.deallocate()
    }

    /// Transforms in place: `length` real parts at `re`, as many imaginary parts at `im`.
    public func forward(_ re: UnsafeMutablePointer<Float>, _ im: UnsafeMutablePointer<Float>) {
        var (xr, xi, yr, yi) = (re, im, work, work + length)
        var n = length, stride = 1
        var w = UnsafePointer<Float>(twiddles)
        while n > 2 {
            let m = n / 4
            if stride == 1 {
                first(m, w, xr, xi, yr, yi)
            } else {
                for p in 0..<m { column(m, p, stride, w + 6 * p, xr, xi, yr, yi) }
            }
            w += 6 * m
            (xr, xi, yr, yi) = (yr, yi, xr, xi)
            n /= 4
            stride *= 4
        }
        // The last pass, of two: back to where the input was if it is not there.
        for q in 0..<stride {
            let (ar, ai, br, bi) = (xr[q], xi[q], xr[q + stride], xi[q + stride])
            yr[q] = ar + br
            yi[q] = ai + bi
            yr[q + stride] = ar - br
            yi[q + stride] = ai - bi
        }
        if yr != re {
            re.update(from: yr, count: length)
            im.update(from: yi, count: length)
        }
    }

    private func first(
        _ m: Int, _ twiddle: UnsafePointer<Float>, _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>,
        _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>
    ) {
        for p in 0..<m {
            let w = twiddle + 6 * p
            let (ar, ai, br, bi) = (xr[p], xi[p], xr[p + m], xi[p + m])
            let (cr, ci, dr, di) = (xr[p + 2 * m], xi[p + 2 * m], xr[p + 3 * m], xi[p + 3 * m])
            let (sr, si, tr, ti) = (ar + cr, ai + ci, ar - cr, ai - ci)
            let (ur, ui, vr, vi) = (br + dr, bi + di, br - dr, bi - di)
            let (e1r, e1i) = (tr + vi, ti - vr)
            let (e2r, e2i) = (sr - ur, si - ui)
            let (e3r, e3i) = (tr - vi, ti + vr)
            yr[4 * p] = sr + ur
            yi[4 * p] = si + ui
            yr[4 * p + 1] = e1r * w[0] - e1i * w[1]
            yi[4 * p + 1] = e1r * w[1] + e1i * w[0]
            yr[4 * p + 2] = e2r * w[2] - e2i * w[3]
            yi[4 * p + 2] = e2r * w[3] + e2i * w[2]
            yr[4 * p + 3] = e3r * w[4] - e3i * w[5]
            yi[4 * p + 3] = e3r * w[5] + e3i * w[4]
        }
    }

    private func column(
        _ m: Int, _ p: Int, _ stride: Int, _ w: UnsafePointer<Float>, _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>,
        _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>
    ) {
        typealias V = SIMD4<Float>
        func load(_ base: UnsafePointer<Float>, _ place: Int) -> V {
            UnsafeRawPointer(base + place).loadUnaligned(as: V.self)
        }
        func store(_ base: UnsafeMutablePointer<Float>, _ place: Int, _ value: V) {
            UnsafeMutableRawPointer(base + place).storeBytes(of: value, as: V.self)
        }
        var q = 0
        while q < stride {
            let (a, b, c, d) = (q + stride * p, q + stride * (p + m), q + stride * (p + 2 * m), q + stride * (p + 3 * m))
            let (ar, ai, br, bi) = (load(xr, a), load(xi, a), load(xr, b), load(xi, b))
            let (cr, ci, dr, di) = (load(xr, c), load(xi, c), load(xr, d), load(xi, d))
            let (sr, si, tr, ti) = (ar + cr, ai + ci, ar - cr, ai - ci)
            let (ur, ui, vr, vi) = (br + dr, bi + di, br - dr, bi - di)
            let (e1r, e1i) = (tr + vi, ti - vr)
            let (e2r, e2i) = (sr - ur, si - ui)
            let (e3r, e3i) = (tr - vi, ti + vr)
            let y = q + stride * 4 * p
            store(yr, y, sr + ur)
            store(yi, y, si + ui)
            store(yr, y + stride, e1r * w[0] - e1i * w[1])
            store(yi, y + stride, e1r * w[1] + e1i * w[0])
            store(yr, y + 2 * stride, e2r * w[2] - e2i * w[3])
            store(yi, y + 2 * stride, e2r * w[3] + e2i * w[2])
            store(yr, y + 3 * stride, e3r * w[4] - e3i * w[5])
            store(yi, y + 3 * stride, e3r * w[5] + e3i * w[4])
            q += 4
        }
    }

    /// |A[k]|² and |B[k]|², k = 0 … length/2, of two real sequences that were transformed together as real and imaginary part.
    public func powers(
        _ re: UnsafePointer<Float>, _ im: UnsafePointer<Float>, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>
    ) {
        for k in 0...(length / 2) {
            let other = k == 0 ? 0 : length - k
            let (zr, zi, mr, mi) = (re[k], im[k], re[other], im[other])
            let (ar, ai, br, bi) = (zr + mr, zi - mi, zi + mi, mr - zr)
            a[k] = 0.25 * (ar * ar + ai * ai)
            b[k] = 0.25 * (br * br + bi * bi)
        }
    }
}
