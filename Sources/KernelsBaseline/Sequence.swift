// What layers over sequences need besides the products. Rows are moments; their channels fill whole vectors (`stride`
// floats from row to row, a multiple of 16, zeros after the last channel), so no lane needs care.

/// A convolution over time, each channel by itself: `output[r] = bias + Σ_k weights[k]·input[r + k − taps/2]`, with
/// zeros before the first row and after the last.
///
/// - blocks: vectors of channels; weights: `taps` rows, bias: one row; taps is odd
/// - output: not the input
@export(interface) @inline(never) @_noAllocation @_noLocks
public func convolveDepthwise(
    _ rows: Int, _ blocks: Int, _ taps: Int, _ stride: Int, _ input: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
    _ bias: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    let half = taps / 2
    for block in 0..<blocks {
        let x = input + 16 &* block, w = weights + 16 &* block, y = output + 16 &* block
        let b = load(bias + 16 &* block)
        for row in 0..<rows {
            let first = max(0, half &- row), last = min(taps, rows &+ half &- row)
            var sum = b
            var k = first
            while k < last {
                sum = fma(sum, load(x + (row &+ k &- half) &* stride), load(w + k &* stride))
                k &+= 1
            }
            store(sum, y + row &* stride)
        }
    }
}

/// A convolution over three moments and `taps` rows around each row, each channel by itself: `output[r] = bias +
/// Σ_j Σ_k weights[j][k]·moments[j][r + k − taps/2]`.
///
/// - taps: 5 or 7; the moments' rows are as wide as the output's (16·`blocks`), and there are taps/2 of zeros before the first
///   and after the last
@export(interface) @inline(never) @_noAllocation @_noLocks
public func convolveMoments(
    _ rows: Int, _ blocks: Int, _ taps: Int, _ oldest: UnsafePointer<Float>, _ middle: UnsafePointer<Float>,
    _ newest: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ output: UnsafeMutablePointer<Float>
) {
    let stride = 16 &* blocks, back = taps / 2 &* stride
    for block in 0..<blocks {
        let c = 16 &* block
        let x = (oldest + (c &- back), middle + (c &- back), newest + (c &- back))
        if taps == 7 {
            convolve7(rows, stride, x.0, x.1, x.2, weights + c, load(bias + c), output + c)
        } else {
            convolve5(rows, stride, x.0, x.1, x.2, weights + c, load(bias + c), output + c)
        }
    }
}

/// One vector of channels; all weights stay in registers where there are 32.
@inline(__always)
func convolve7(
    _ rows: Int, _ s: Int, _ x0: UnsafePointer<Float>, _ x1: UnsafePointer<Float>, _ x2: UnsafePointer<Float>,
    _ w: UnsafePointer<Float>, _ bias: V, _ y: UnsafeMutablePointer<Float>
) {
    let a0 = load(w), a1 = load(w + s), a2 = load(w + 2 &* s), a3 = load(w + 3 &* s), a4 = load(w + 4 &* s)
    let a5 = load(w + 5 &* s), a6 = load(w + 6 &* s)
    let v = w + 7 &* s
    let b0 = load(v), b1 = load(v + s), b2 = load(v + 2 &* s), b3 = load(v + 3 &* s), b4 = load(v + 4 &* s)
    let b5 = load(v + 5 &* s), b6 = load(v + 6 &* s)
    let u = w + 14 &* s
    let c0 = load(u), c1 = load(u + s), c2 = load(u + 2 &* s), c3 = load(u + 3 &* s), c4 = load(u + 4 &* s)
    let c5 = load(u + 5 &* s), c6 = load(u + 6 &* s)
    var row = 0
    while row < rows {
        let p = x0 + row &* s, q = x1 + row &* s, r = x2 + row &* s
        // Three chains, so that a multiply-add need not wait for the one before.
        var e = fma(bias, load(p), a0), f = load(q) * b0, g = load(r) * c0
        e = fma(e, load(p + s), a1)
        f = fma(f, load(q + s), b1)
        g = fma(g, load(r + s), c1)
        e = fma(e, load(p + 2 &* s), a2)
        f = fma(f, load(q + 2 &* s), b2)
        g = fma(g, load(r + 2 &* s), c2)
        e = fma(e, load(p + 3 &* s), a3)
        f = fma(f, load(q + 3 &* s), b3)
        g = fma(g, load(r + 3 &* s), c3)
        e = fma(e, load(p + 4 &* s), a4)
        f = fma(f, load(q + 4 &* s), b4)
        g = fma(g, load(r + 4 &* s), c4)
        e = fma(e, load(p + 5 &* s), a5)
        f = fma(f, load(q + 5 &* s), b5)
        g = fma(g, load(r + 5 &* s), c5)
        e = fma(e, load(p + 6 &* s), a6)
        f = fma(f, load(q + 6 &* s), b6)
        g = fma(g, load(r + 6 &* s), c6)
        store(e + (f + g), y + row &* s)
        row &+= 1
    }
}

@inline(__always)
func convolve5(
    _ rows: Int, _ s: Int, _ x0: UnsafePointer<Float>, _ x1: UnsafePointer<Float>, _ x2: UnsafePointer<Float>,
    _ w: UnsafePointer<Float>, _ bias: V, _ y: UnsafeMutablePointer<Float>
) {
    let a0 = load(w), a1 = load(w + s), a2 = load(w + 2 &* s), a3 = load(w + 3 &* s), a4 = load(w + 4 &* s)
    let v = w + 5 &* s
    let b0 = load(v), b1 = load(v + s), b2 = load(v + 2 &* s), b3 = load(v + 3 &* s), b4 = load(v + 4 &* s)
    let u = w + 10 &* s
    let c0 = load(u), c1 = load(u + s), c2 = load(u + 2 &* s), c3 = load(u + 3 &* s), c4 = load(u + 4 &* s)
    var row = 0
    while row < rows {
        let p = x0 + row &* s, q = x1 + row &* s, r = x2 + row &* s
        var e = fma(bias, load(p), a0), f = load(q) * b0, g = load(r) * c0
        e = fma(e, load(p + s), a1)
        f = fma(f, load(q + s), b1)
        g = fma(g, load(r + s), c1)
        e = fma(e, load(p + 2 &* s), a2)
        f = fma(f, load(q + 2 &* s), b2)
        g = fma(g, load(r + 2 &* s), c2)
        e = fma(e, load(p + 3 &* s), a3)
        f = fma(f, load(q + 3 &* s), b3)
        g = fma(g, load(r + 3 &* s), c3)
        e = fma(e, load(p + 4 &* s), a4)
        f = fma(f, load(q + 4 &* s), b4)
        g = fma(g, load(r + 4 &* s), c4)
        store(e + (f + g), y + row &* s)
        row &+= 1
    }
}

/// The greatest and the sum of each of sixteen channels over `rows` rows, `stride` apart; at least one row.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func summariseRows(
    _ rows: Int, _ stride: Int, _ input: UnsafePointer<Float>, _ greatest: UnsafeMutablePointer<Float>,
    _ total: UnsafeMutablePointer<Float>
) {
    var most = load(input), all = most
    for row in 1..<rows {
        let x = load(input + row &* stride)
        most = maximum(most, x)
        all += x
    }
    store(most, greatest)
    store(all, total)
}

/// `output[r][c] += input[r][c]·scale[c]`
@export(interface) @inline(never) @_noAllocation @_noLocks
public func addScaled(
    _ rows: Int, _ blocks: Int, _ stride: Int, _ input: UnsafePointer<Float>, _ scale: UnsafePointer<Float>,
    _ output: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let x = input + row &* stride, y = output + row &* stride
        var c = 0
        while c < 16 &* blocks {
            store(fma(load(y + c), load(x + c), load(scale + c)), y + c)
            c &+= 16
        }
    }
}

/// The first `count` values v of each row become e^v / Σ e^v, the rest up to the next whole vector 0. count is at least 1.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func softmaxRows(_ rows: Int, _ count: Int, _ stride: Int, _ values: UnsafeMutablePointer<Float>) {
    let numbers = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    let whole = count &- count % 16
    let isInside = numbers .< SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: count &- whole))
    for row in 0..<rows {
        let x = values + row &* stride
        var greatest = splat(-3.0e38)
        var i = 0
        while i < whole {
            greatest = maximum(greatest, load(x + i))
            i &+= 16
        }
        if whole < count { greatest = maximum(greatest, splat(-3.0e38).replacing(with: load(x + whole), where: isInside)) }
        let a = maximum8(greatest.lowHalf, greatest.highHalf)
        let b = a.lowHalf.replacing(with: a.highHalf, where: a.lowHalf .< a.highHalf)
        let c = b.lowHalf.replacing(with: b.highHalf, where: b.lowHalf .< b.highHalf)
        let shift = splat(c[0] < c[1] ? c[1] : c[0])
        var total = V.zero
        i = 0
        while i < whole {
            let e = exponential(load(x + i) - shift)
            total += e
            store(e, x + i)
            i &+= 16
        }
        if whole < count {
            let e = V.zero.replacing(with: exponential(load(x + whole) - shift), where: isInside)
            total += e
            store(e, x + whole)
        }
        let scale = splat(1 / sum(total))
        i = 0
        while i < count {
            store(load(x + i) * scale, x + i)
            i &+= 16
        }
    }
}

@inline(__always)
func maximum8(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> SIMD8<Float> { a.replacing(with: b, where: a .< b) }

/// Turns pairs of numbers by angles: of each of the `heads` parts of a row the first `half` numbers are real parts, the next
/// `half` imaginary ones. `output = input·e^(i·angle)·scale`.
///
/// - cosines, sines: a row's `half` numbers, `half` floats from row to row
/// - output: may be the input
@export(interface) @inline(never) @_noAllocation @_noLocks
public func rotatePairs(
    _ rows: Int, _ heads: Int, _ half: Int, _ input: UnsafePointer<Float>, _ inputStride: Int,
    _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ scale: Float,
    _ output: UnsafeMutablePointer<Float>, _ outputStride: Int
) {
    let factor = splat(scale)
    for row in 0..<rows {
        let c = cosines + row &* half, s = sines + row &* half
        for head in 0..<heads {
            let x = input + (row &* inputStride &+ 2 &* half &* head)
            let y = output + (row &* outputStride &+ 2 &* half &* head)
            var i = 0
            while i &+ 16 <= half {
                let re = load(x + i), im = load(x + (half &+ i)), a = load(c + i), b = load(s + i)
                store(fnma(re * a, im, b) * factor, y + i)
                store(fma(im * a, re, b) * factor, y + (half &+ i))
                i &+= 16
            }
            while i < half {
                let re = x[i], im = x[half &+ i]
                y[i] = (re * c[i] - im * s[i]) * scale
                y[half &+ i] = (im * c[i] + re * s[i]) * scale
                i &+= 1
            }
        }
    }
}

/// Packs a transposed matrix as `multiply` wants its weights: `rows` rows of `columns` numbers become [⌈rows / 16⌉][columns][16],
/// zeros beyond the last row.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func packTransposed(
    _ rows: Int, _ columns: Int, _ input: UnsafePointer<Float>, _ stride: Int, _ output: UnsafeMutablePointer<Float>
) {
    var row = 0
    while row < rows {
        let x = input + row &* stride, y = output + row &* columns
        let count = min(16, rows &- row)
        if count < 16 {
            for i in 0..<columns { store(V.zero, y + 16 &* i) }
        }
        for lane in 0..<count {
            let source = x + lane &* stride
            for i in 0..<columns { y[16 &* i &+ lane] = source[i] }
        }
        row &+= 16
    }
}

/// Packs a matrix as `multiply` wants its weights: `rows` rows of `16·blocks` numbers become [blocks][rows][16].
@export(interface) @inline(never) @_noAllocation @_noLocks
public func packRows(
    _ rows: Int, _ blocks: Int, _ input: UnsafePointer<Float>, _ stride: Int, _ output: UnsafeMutablePointer<Float>
) {
    for block in 0..<blocks {
        for row in 0..<rows { store(load(input + (row &* stride &+ 16 &* block)), output + 16 &* (block &* rows &+ row)) }
    }
}
