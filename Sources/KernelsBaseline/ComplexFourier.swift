// The discrete Fourier transform of one complex sequence of N = 2·4^m ≥ 512 numbers, real and imaginary parts apart: Stockham's
// self-sorting form, radix 4 and a last pass of 8. Sixteen lanes are sixteen neighbours of the input in the first two passes, whose
// results are turned in squares of 16 × 16; from then on neighbours of the output.

/// In: `xr`, `xi`; out: there if m is even, else in `yr`, `yi` (the other pair is overwritten).
///
/// - twiddles: for each pass of n = N, N/4 … 32, for j = 1, 2, 3: n/4 real parts of e^(−2πijp/n), then the imaginary parts
@export(interface) @inline(never) @_noAllocation @_noLocks
public func transformComplex(
    _ length: Int, _ twiddles: UnsafePointer<Float>, _ xr: UnsafeMutablePointer<Float>, _ xi: UnsafeMutablePointer<Float>,
    _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>
) {
    // First pass: the four results of each p stay apart, [j][p].
    var m = length / 4
    var w = twiddles
    var p = 0
    while p < m {
        let out = butterfly4(
            Complex(xr + p, xi + p), Complex(xr + (m &+ p), xi + (m &+ p)), Complex(xr + (2 &* m &+ p), xi + (2 &* m &+ p)),
            Complex(xr + (3 &* m &+ p), xi + (3 &* m &+ p)))
        out.0.store(yr + p, yi + p)
        out.1.times(w + p, w + (m &+ p)).store(yr + (m &+ p), yi + (m &+ p))
        out.2.times(w + (2 &* m &+ p), w + (3 &* m &+ p)).store(yr + (2 &* m &+ p), yi + (2 &* m &+ p))
        out.3.times(w + (4 &* m &+ p), w + (5 &* m &+ p)).store(yr + (3 &* m &+ p), yi + (3 &* m &+ p))
        p &+= 16
    }
    w += 6 &* m
    // Second pass, of each of the four: lane p, result [4j + q], turned.
    let quarter = m
    m /= 4
    p = 0
    while p < m {
        for q in 0..<4 {
            let r = yr + (q &* quarter &+ p), i = yi + (q &* quarter &+ p)
            let out = butterfly4(
                Complex(r, i), Complex(r + m, i + m), Complex(r + 2 &* m, i + 2 &* m), Complex(r + 3 &* m, i + 3 &* m))
            let a = xr + (16 &* p &+ 16 &* q), b = xi + (16 &* p &+ 16 &* q)
            out.0.store(a, b)
            out.1.times(w + p, w + (m &+ p)).store(a + 64, b + 64)
            out.2.times(w + (2 &* m &+ p), w + (3 &* m &+ p)).store(a + 128, b + 128)
            out.3.times(w + (4 &* m &+ p), w + (5 &* m &+ p)).store(a + 192, b + 192)
        }
        turn(xr + 16 &* p)
        turn(xi + 16 &* p)
        p &+= 16
    }
    w += 6 &* m
    // The others: lane q.
    var (ar, ai, br, bi) = (xr, xi, yr, yi)
    var stride = 16
    while m > 8 {
        m /= 4
        p = 0
        while p < m {
            let w1r = splat(w[p]), w1i = splat(w[m &+ p]), w2r = splat(w[2 &* m &+ p]), w2i = splat(w[3 &* m &+ p])
            let w3r = splat(w[4 &* m &+ p]), w3i = splat(w[5 &* m &+ p])
            let step = stride &* m
            var q = 0
            while q < stride {
                let r = ar + (stride &* p &+ q), i = ai + (stride &* p &+ q)
                let out = butterfly4(
                    Complex(r, i), Complex(r + step, i + step), Complex(r + 2 &* step, i + 2 &* step),
                    Complex(r + 3 &* step, i + 3 &* step))
                let c = br + (4 &* stride &* p &+ q), d = bi + (4 &* stride &* p &+ q)
                out.0.store(c, d)
                out.1.times(w1r, w1i).store(c + stride, d + stride)
                out.2.times(w2r, w2i).store(c + 2 &* stride, d + 2 &* stride)
                out.3.times(w3r, w3i).store(c + 3 &* stride, d + 3 &* stride)
                q &+= 16
            }
            p &+= 1
        }
        w += 6 &* m
        (ar, ai, br, bi) = (br, bi, ar, ai)
        stride &*= 4
    }
    let half = splat(0.707_106_781_186_547_5)
    var q = 0
    while q < stride {
        let r = ar + q, i = ai + q
        let even = butterfly4(
            Complex(r, i), Complex(r + 2 &* stride, i + 2 &* stride), Complex(r + 4 &* stride, i + 4 &* stride),
            Complex(r + 6 &* stride, i + 6 &* stride))
        let odd = butterfly4(
            Complex(r + stride, i + stride), Complex(r + 3 &* stride, i + 3 &* stride),
            Complex(r + 5 &* stride, i + 5 &* stride), Complex(r + 7 &* stride, i + 7 &* stride))
        // Times e^(−πi/4), −i, e^(−3πi/4).
        let o1 = Complex(re: (odd.1.re + odd.1.im) * half, im: (odd.1.im - odd.1.re) * half)
        let o2 = Complex(re: odd.2.im, im: -odd.2.re)
        let o3 = Complex(re: (odd.3.im - odd.3.re) * half, im: -(odd.3.re + odd.3.im) * half)
        let c = br + q, d = bi + q
        (even.0 + odd.0).store(c, d)
        (even.1 + o1).store(c + stride, d + stride)
        (even.2 + o2).store(c + 2 &* stride, d + 2 &* stride)
        (even.3 + o3).store(c + 3 &* stride, d + 3 &* stride)
        (even.0 - odd.0).store(c + 4 &* stride, d + 4 &* stride)
        (even.1 - o1).store(c + 5 &* stride, d + 5 &* stride)
        (even.2 - o2).store(c + 6 &* stride, d + 6 &* stride)
        (even.3 - o3).store(c + 7 &* stride, d + 7 &* stride)
        q &+= 16
    }
}

/// |A[k]|² and |B[k]|², k = 0 … length/2, of two real sequences that were transformed together as real and imaginary part.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func powersOfPair(
    _ length: Int, _ re: UnsafePointer<Float>, _ im: UnsafePointer<Float>, _ a: UnsafeMutablePointer<Float>,
    _ b: UnsafeMutablePointer<Float>
) {
    a[0] = re[0] * re[0]
    b[0] = im[0] * im[0]
    let quarter = splat(0.25)
    var k = 1
    // Up to length/2 inclusive: that many is a multiple of 16.
    while k <= length / 2 {
        let other = length &- k &- 15
        let zr = load(re + k), zi = load(im + k), mr = reversed(load(re + other)), mi = reversed(load(im + other))
        let ar = zr + mr, ai = zi - mi, br = zi + mi, bi = mr - zr
        store(quarter * fma(ar * ar, ai, ai), a + k)
        store(quarter * fma(br * br, bi, bi), b + k)
        k &+= 16
    }
}

@inline(__always)
private func put(_ v: V, _ p: UnsafeMutablePointer<Float>) { store(v, p) }

/// Sixteen complex numbers.
struct Complex {
    var re: V
    var im: V

    @inline(__always)
    init(re: V, im: V) {
        self.re = re
        self.im = im
    }

    @inline(__always)
    init(_ r: UnsafeMutablePointer<Float>, _ i: UnsafeMutablePointer<Float>) {
        re = load(r)
        im = load(i)
    }

    @inline(__always)
    func store(_ r: UnsafeMutablePointer<Float>, _ i: UnsafeMutablePointer<Float>) {
        put(re, r)
        put(im, i)
    }

    @inline(__always)
    func times(_ c: V, _ s: V) -> Complex { Complex(re: fnma(re * c, im, s), im: fma(im * c, re, s)) }

    @inline(__always)
    func times(_ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>) -> Complex { times(load(c), load(s)) }

    @inline(__always)
    static func + (a: Complex, b: Complex) -> Complex { Complex(re: a.re + b.re, im: a.im + b.im) }

    @inline(__always)
    static func - (a: Complex, b: Complex) -> Complex { Complex(re: a.re - b.re, im: a.im - b.im) }
}

/// The transform of four.
@inline(__always)
func butterfly4(_ a: Complex, _ b: Complex, _ c: Complex, _ d: Complex) -> (Complex, Complex, Complex, Complex) {
    let s = a + c, t = a - c, u = b + d, v = b - d
    return (
        s + u, Complex(re: t.re + v.im, im: t.im - v.re), s - u, Complex(re: t.re - v.im, im: t.im + v.re)
    )
}

@inline(__always)
func reversed(_ v: V) -> V {
    var result = V.zero
    for lane in 0..<16 { result[lane] = v[15 &- lane] }
    return result
}

/// Transposes a square of 16 × 16 in place: blocks of 8, 4, 2 and 1 off the diagonal change places.
@inline(__always)
func turn(_ x: UnsafeMutablePointer<Float>) {
    var i = 0
    while i < 4 {
        let a = x + 16 &* i
        var r0 = load(a), r1 = load(a + 64), r2 = load(a + 128), r3 = load(a + 192)
        exchange8(&r0, &r2)
        exchange8(&r1, &r3)
        exchange4(&r0, &r1)
        exchange4(&r2, &r3)
        store(r0, a)
        store(r1, a + 64)
        store(r2, a + 128)
        store(r3, a + 192)
        i &+= 1
    }
    i = 0
    while i < 4 {
        let a = x + 64 &* i
        var r0 = load(a), r1 = load(a + 16), r2 = load(a + 32), r3 = load(a + 48)
        exchange2(&r0, &r2)
        exchange2(&r1, &r3)
        exchange1(&r0, &r1)
        exchange1(&r2, &r3)
        store(r0, a)
        store(r1, a + 16)
        store(r2, a + 32)
        store(r3, a + 48)
        i &+= 1
    }
}

// The lanes of `a` in every second run of 8, 4, 2 or 1 change places with those of `b` in the runs before.

@inline(__always)
func exchange8(_ a: inout V, _ b: inout V) {
    let (p, q) = (a, b)
    a = V(lowHalf: p.lowHalf, highHalf: q.lowHalf)
    b = V(lowHalf: p.highHalf, highHalf: q.highHalf)
}

@inline(__always)
func exchange4(_ a: inout V, _ b: inout V) {
    let (p0, p1, q0, q1) = (a.lowHalf, a.highHalf, b.lowHalf, b.highHalf)
    typealias Half = SIMD8<Float>
    a = V(
        lowHalf: Half(lowHalf: p0.lowHalf, highHalf: q0.lowHalf), highHalf: Half(lowHalf: p1.lowHalf, highHalf: q1.lowHalf))
    b = V(
        lowHalf: Half(lowHalf: p0.highHalf, highHalf: q0.highHalf),
        highHalf: Half(lowHalf: p1.highHalf, highHalf: q1.highHalf))
}

@inline(__always)
func exchange2(_ a: inout V, _ b: inout V) {
    typealias Pairs = SIMD8<Double>
    var p = unsafeBitCast(a, to: Pairs.self), q = unsafeBitCast(b, to: Pairs.self)
    let odd = p.oddHalf
    p.oddHalf = q.evenHalf
    q.evenHalf = odd
    a = unsafeBitCast(p, to: V.self)
    b = unsafeBitCast(q, to: V.self)
}

@inline(__always)
func exchange1(_ a: inout V, _ b: inout V) {
    let odd = a.oddHalf
    a.oddHalf = b.evenHalf
    b.evenHalf = odd
}
