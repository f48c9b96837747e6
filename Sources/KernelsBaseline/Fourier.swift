// Real Fourier transforms along a sequence of rows, sixteen channels at a time: the lanes are channels, so every step
// is a plain vector operation and nothing is ever shuffled.
//
// A real transform of length 2·half is a complex one of length `half` on pairs of rows (even row: real part, odd row:
// imaginary part), and a last step that separates the two. The complex transform is decimated in frequency and leaves
// its result in digit-reversed order; `order[k]` says where frequency k lies. The inverse runs the same steps
// backwards, on swapped real and imaginary parts, from that order to the natural one. The tables come from Neural's
// `FourierPlan`.

/// Transforms `count` rows (even; the rest of the 2·half rows are zero) of 16 channels.
///
/// - work: 32·half floats
/// - spectrum: bins 0 … half at `binStride` floats apart, imaginary parts `imaginary` on; each value is TWICE the
///   transform
@export(interface) @inline(never) @_noAllocation @_noLocks
public func transformRows(
    _ rows: UnsafePointer<Float>, _ rowStride: Int, _ count: Int,
    _ half: Int, _ stages: Int, _ radices: UnsafePointer<Int32>, _ twiddles: UnsafePointer<Float>,
    _ order: UnsafePointer<Int32>, _ separation: UnsafePointer<Float>, _ work: UnsafeMutablePointer<Float>,
    _ spectrum: UnsafeMutablePointer<Float>, _ binStride: Int, _ imaginary: Int
) {
    var n = 0
    while n < count / 2 {
        store(load(rows + 2 &* n &* rowStride), work + 32 &* n)
        store(load(rows + (2 &* n &+ 1) &* rowStride), work + (32 &* n &+ 16))
        n &+= 1
    }
    while n < half {
        store(V.zero, work + 32 &* n)
        store(V.zero, work + (32 &* n &+ 16))
        n &+= 1
    }
    var length = half
    var w = twiddles
    for stage in 0..<stages {
        let radix = Int(radices[stage])
        pass(false, radix, work, work + 16, half, length, w)
        length /= radix
        w += 2 &* (radix &- 1) &* length
    }
    for k in 0...(half / 2) {
        let a = work + 32 &* Int(order[k])
        let b = work + 32 &* Int(order[k == 0 ? 0 : half &- k])
        let ar = load(a), ai = load(a + 16), br = load(b), bi = load(b + 16)
        let er = ar + br, ei = ai - bi
        let dr = ar - br, di = ai + bi  // d = Z[k] − conj Z[half − k]; t = w·(−i·d)
        let c = splat(separation[2 &* k]), s = splat(separation[2 &* k &+ 1])
        let tr = fma(di * c, dr, s)
        let ti = fnma(di * s, dr, c)
        let low = spectrum + k &* binStride
        let high = spectrum + (half &- k) &* binStride
        store(er + tr, low)
        store(ei + ti, low + imaginary)
        store(er - tr, high)
        store(ti - ei, high + imaginary)
    }
}

/// From bins 0 … half back to rows: a transform, times 2·half·2, of what `transformRows` took apart (the plan's scale
/// undoes both). Then, per channel, `max(x + bias, floor)·scale + shift`, where `floor` is 0 (ReLU) or −∞; and if
/// `pool`, the larger of each two rows.
///
/// - spectrum: overwritten nowhere; work: 32·half floats
/// - rows: `count` rows (even), or count/2 when pooled, `rowStride` apart
@export(interface) @inline(never) @_noAllocation @_noLocks
public func transformBins(
    _ spectrum: UnsafePointer<Float>, _ binStride: Int, _ imaginary: Int,
    _ half: Int, _ stages: Int, _ radices: UnsafePointer<Int32>, _ twiddles: UnsafePointer<Float>, _ twiddleCount: Int,
    _ order: UnsafePointer<Int32>, _ separation: UnsafePointer<Float>, _ work: UnsafeMutablePointer<Float>,
    _ bias: UnsafePointer<Float>, _ floor: Float, _ scale: UnsafePointer<Float>, _ shift: UnsafePointer<Float>,
    _ pool: Bool, _ rows: UnsafeMutablePointer<Float>, _ rowStride: Int, _ count: Int
) {
    for k in 0...(half / 2) {
        let low = spectrum + k &* binStride
        let high = spectrum + (half &- k) &* binStride
        let ar = load(low), ai = load(low + imaginary), br = load(high), bi = load(high + imaginary)
        let er = ar + br, ei = ai - bi
        let dr = ar - br, di = ai + bi  // d = 2·w·O; u = i·conj(w)·d
        let c = splat(separation[2 &* k]), s = splat(separation[2 &* k &+ 1])
        // conj(w)·d = (c·dr + s·di) + i·(c·di − s·dr)
        let ui = fma(dr * c, di, s)
        let ur = fnma(dr * s, di, c)
        let a = work + 32 &* Int(order[k])
        let b = work + 32 &* Int(order[k == 0 ? 0 : half &- k])
        store(er - ur, b)
        store(ui - ei, b + 16)
        store(er + ur, a)
        store(ei + ui, a + 16)
    }
    var length = 1
    var w = twiddles + twiddleCount
    var stage = stages &- 1
    while stage >= 0 {
        let radix = Int(radices[stage])
        w -= 2 &* (radix &- 1) &* length
        length &*= radix
        pass(true, radix, work + 16, work, half, length, w)
        stage &-= 1
    }
    let b = load(bias), f = splat(floor), m = load(scale), t = load(shift)
    var n = 0
    while n < count / 2 {
        let even = fma(t, maximum(load(work + 32 &* n) + b, f), m)
        let odd = fma(t, maximum(load(work + (32 &* n &+ 16)) + b, f), m)
        if pool {
            store(maximum(even, odd), rows + n &* rowStride)
        } else {
            store(even, rows + 2 &* n &* rowStride)
            store(odd, rows + (2 &* n &+ 1) &* rowStride)
        }
        n &+= 1
    }
}

/// One pass over blocks of `length` complex vectors: butterflies of `radix`, twiddled after (forward) or before
/// (backward). `re` and `im` lie 16 floats apart in steps of 32; swapping them turns the direction round.
@inline(__always)
func pass(
    _ backward: Bool, _ radix: Int, _ re: UnsafeMutablePointer<Float>, _ im: UnsafeMutablePointer<Float>, _ half: Int,
    _ length: Int, _ w: UnsafePointer<Float>
) {
    switch radix {
    case 4: pass4(backward, re, im, half, length, w)
    case 2: pass2(backward, re, im, half, length, w)
    case 3: pass3(backward, re, im, half, length, w)
    default: pass5(backward, re, im, half, length, w)
    }
}

@inline(__always)
func rotate(_ re: inout V, _ im: inout V, _ w: UnsafePointer<Float>) {
    let c = splat(w[0]), s = splat(w[1])
    let r = fnma(re * c, im, s)
    im = fma(im * c, re, s)
    re = r
}

@inline(__always)
func pass2(
    _ backward: Bool, _ re: UnsafeMutablePointer<Float>, _ im: UnsafeMutablePointer<Float>, _ half: Int, _ length: Int,
    _ w: UnsafePointer<Float>
) {
    let m = length / 2, step = 32 &* m
    var j = 0
    while j < m {
        var p = j
        while p < half {
            let a = 32 &* p, b = a &+ step
            let xr = load(re + a), xi = load(im + a)
            var yr = load(re + b), yi = load(im + b)
            if backward { rotate(&yr, &yi, w + 2 &* j) }
            store(xr + yr, re + a)
            store(xi + yi, im + a)
            var dr = xr - yr, di = xi - yi
            if !backward { rotate(&dr, &di, w + 2 &* j) }
            store(dr, re + b)
            store(di, im + b)
            p &+= length
        }
        j &+= 1
    }
}

@inline(__always)
func pass3(
    _ backward: Bool, _ re: UnsafeMutablePointer<Float>, _ im: UnsafeMutablePointer<Float>, _ half: Int, _ length: Int,
    _ w: UnsafePointer<Float>
) {
    let m = length / 3, step = 32 &* m
    let halfRoot3 = splat(0.866_025_403_784_438_6), oneHalf = splat(0.5)
    var j = 0
    while j < m {
        var p = j
        while p < half {
            let a = 32 &* p, b = a &+ step, c = b &+ step
            let xr = load(re + a), xi = load(im + a)
            var yr = load(re + b), yi = load(im + b), zr = load(re + c), zi = load(im + c)
            if backward {
                rotate(&yr, &yi, w + 4 &* j)
                rotate(&zr, &zi, w + (4 &* j &+ 2))
            }
            let sr = yr + zr, si = yi + zi
            let dr = (yr - zr) * halfRoot3, di = (yi - zi) * halfRoot3
            let ur = fnma(xr, sr, oneHalf), ui = fnma(xi, si, oneHalf)
            store(xr + sr, re + a)
            store(xi + si, im + a)
            var br = ur + di, bi = ui - dr, cr = ur - di, ci = ui + dr
            if !backward {
                rotate(&br, &bi, w + 4 &* j)
                rotate(&cr, &ci, w + (4 &* j &+ 2))
            }
            store(br, re + b)
            store(bi, im + b)
            store(cr, re + c)
            store(ci, im + c)
            p &+= length
        }
        j &+= 1
    }
}

@inline(__always)
func pass4(
    _ backward: Bool, _ re: UnsafeMutablePointer<Float>, _ im: UnsafeMutablePointer<Float>, _ half: Int, _ length: Int,
    _ w: UnsafePointer<Float>
) {
    let m = length / 4, step = 32 &* m
    var j = 0
    while j < m {
        var p = j
        let v = w + 6 &* j
        while p < half {
            let a = 32 &* p, b = a &+ step, c = b &+ step, d = c &+ step
            let xr = load(re + a), xi = load(im + a)
            var yr = load(re + b), yi = load(im + b), zr = load(re + c), zi = load(im + c)
            var ur = load(re + d), ui = load(im + d)
            if backward {
                rotate(&yr, &yi, v)
                rotate(&zr, &zi, v + 2)
                rotate(&ur, &ui, v + 4)
            }
            let s0r = xr + zr, s0i = xi + zi, d0r = xr - zr, d0i = xi - zi
            let s1r = yr + ur, s1i = yi + ui, d1r = yr - ur, d1i = yi - ui
            store(s0r + s1r, re + a)
            store(s0i + s1i, im + a)
            var br = d0r + d1i, bi = d0i - d1r
            var cr = s0r - s1r, ci = s0i - s1i
            var dr = d0r - d1i, di = d0i + d1r
            if !backward {
                rotate(&br, &bi, v)
                rotate(&cr, &ci, v + 2)
                rotate(&dr, &di, v + 4)
            }
            store(br, re + b)
            store(bi, im + b)
            store(cr, re + c)
            store(ci, im + c)
            store(dr, re + d)
            store(di, im + d)
            p &+= length
        }
        j &+= 1
    }
}

@inline(__always)
func pass5(
    _ backward: Bool, _ re: UnsafeMutablePointer<Float>, _ im: UnsafeMutablePointer<Float>, _ half: Int, _ length: Int,
    _ w: UnsafePointer<Float>
) {
    let m = length / 5, step = 32 &* m
    let c1 = splat(0.309_016_994_374_947_4), c2 = splat(-0.809_016_994_374_947_4)
    let s1 = splat(0.951_056_516_295_153_6), s2 = splat(0.587_785_252_292_473_1)
    var j = 0
    while j < m {
        var p = j
        let v = w + 8 &* j
        while p < half {
            let a = 32 &* p, b = a &+ step, c = b &+ step, d = c &+ step, e = d &+ step
            let xr = load(re + a), xi = load(im + a)
            var br = load(re + b), bi = load(im + b), cr = load(re + c), ci = load(im + c)
            var dr = load(re + d), di = load(im + d), er = load(re + e), ei = load(im + e)
            if backward {
                rotate(&br, &bi, v)
                rotate(&cr, &ci, v + 2)
                rotate(&dr, &di, v + 4)
                rotate(&er, &ei, v + 6)
            }
            let p1r = br + er, p1i = bi + ei, m1r = br - er, m1i = bi - ei
            let p2r = cr + dr, p2i = ci + di, m2r = cr - dr, m2i = ci - di
            store(xr + p1r + p2r, re + a)
            store(xi + p1i + p2i, im + a)
            let t1r = fma(fma(xr, p1r, c1), p2r, c2), t1i = fma(fma(xi, p1i, c1), p2i, c2)
            let t2r = fma(fma(xr, p1r, c2), p2r, c1), t2i = fma(fma(xi, p1i, c2), p2i, c1)
            let q1r = fma(m1r * s1, m2r, s2), q1i = fma(m1i * s1, m2i, s2)
            let q2r = fnma(m1r * s2, m2r, s1), q2i = fnma(m1i * s2, m2i, s1)
            br = t1r + q1i
            bi = t1i - q1r
            er = t1r - q1i
            ei = t1i + q1r
            cr = t2r + q2i
            ci = t2i - q2r
            dr = t2r - q2i
            di = t2i + q2r
            if !backward {
                rotate(&br, &bi, v)
                rotate(&cr, &ci, v + 2)
                rotate(&dr, &di, v + 4)
                rotate(&er, &ei, v + 6)
            }
            store(br, re + b)
            store(bi, im + b)
            store(cr, re + c)
            store(ci, im + c)
            store(dr, re + d)
            store(di, im + d)
            store(er, re + e)
            store(ei, im + e)
            p &+= length
        }
        j &+= 1
    }
}

/// The spectrum of taps, for packing: `output[bin][re 16, im 16] = Σ taps[tap][16] · matrix[bin][tap]`, in double
/// precision, rounded once.
///
/// - taps: `[count][16]`; matrix: `[bins][count][cosine, sine]`; output bins `binStride` floats apart
@export(interface) @inline(never) @_noAllocation @_noLocks
public func transformTaps(
    _ taps: UnsafePointer<Double>, _ count: Int, _ matrix: UnsafePointer<Double>, _ bins: Int,
    _ output: UnsafeMutablePointer<Float>, _ binStride: Int
) {
    let t = UnsafeRawPointer(taps)
    for bin in 0..<bins {
        let m = matrix + 2 &* bin &* count
        var r0 = SIMD8<Double>.zero, r1 = SIMD8<Double>.zero, i0 = SIMD8<Double>.zero, i1 = SIMD8<Double>.zero
        var k = 0
        while k < count {
            let x0 = t.loadUnaligned(fromByteOffset: k &* 128, as: SIMD8<Double>.self)
            let x1 = t.loadUnaligned(fromByteOffset: k &* 128 &+ 64, as: SIMD8<Double>.self)
            let c = SIMD8<Double>(repeating: m[2 &* k]), s = SIMD8<Double>(repeating: m[2 &* k &+ 1])
            r0 += x0 * c
            r1 += x1 * c
            i0 += x0 * s
            i1 += x1 * s
            k &+= 1
        }
        let o = output + bin &* binStride
        for lane in 0..<8 {
            o[lane] = Float(r0[lane])
            o[lane &+ 8] = Float(r1[lane])
            o[lane &+ 16] = Float(i0[lane])
            o[lane &+ 24] = Float(i1[lane])
        }
    }
}
