// Functions of single values, and what a frame needs before and after the products. Counts need not be multiples of 16:
// the last lanes go through a vector of their own, so a value's result does not depend on where in the array it stands.

/// e^x to 2 units in the last place; saturates below −87.3 (to 1.2e-38) and above 88.3 (to 2.2e38). NaN stays NaN.
@inline(__always)
func exponential(_ input: V) -> V {
    let clipped = maximum(splat(-87.3), input.replacing(with: splat(88.3), where: input .> 88.3))
    // Adding 1.5·2^23 rounds to a whole number and leaves it in the low bits.
    let magic = splat(12_582_912)
    let shifted = clipped * splat(1.442_695_04) + magic
    let whole = shifted - magic
    let exponent = (unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- SIMD16<Int32>(repeating: 0x4B40_0000)) &<< 23
    // ln 2 in two parts, the first with few enough bits that its product is exact.
    let r = fnma(fnma(clipped, whole, splat(0.693_359_375)), whole, splat(-2.121_944_4e-4))
    // Minimax fit of (e^r − 1 − r)/r² on ± ln(2)/2, of relative error 1.1e-8 in e^r.
    var p = splat(0.001_393_365_208_059_545_3)
    p = fma(splat(0.008_363_181_725_144_386), p, r)
    p = fma(splat(0.041_666_466_742_753_98), p, r)
    p = fma(splat(0.166_665_762_662_887_57), p, r)
    p = fma(splat(0.5), p, r)
    p = fma(r, p, r * r) + splat(1)
    let scaled = unsafeBitCast(unsafeBitCast(p, to: SIMD16<Int32>.self) &+ exponent, to: V.self)
    return scaled.replacing(with: input, where: input .!= input)
}

@inline(__always)
func logistic(_ x: V) -> V { splat(1) / (splat(1) + exponential(-x)) }

@inline(__always)
func hyperbolicTangent(_ x: V) -> V {
    let magnitude = maximum(x, -x)
    // Below 0.625 an odd polynomial (fitted there, relative error 1e-9 before rounding); above it (1 − e)/(1 + e), e
    // = e^(−2|x|).
    let y = x * x
    var p = splat(0.002_295_841_230_079_531_7)
    p = fma(splat(-0.008_346_980_437_636_375), p, y)
    p = fma(splat(0.021_769_961_342_215_538), p, y)
    p = fma(splat(-0.053_959_406_912_326_81), p, y)
    p = fma(splat(0.133_333_042_263_984_68), p, y)
    p = fma(splat(-0.333_333_343_267_440_8), p, y)
    let small = fma(x, p, y * x)
    let e = exponential(splat(-2) * magnitude)
    let large = (splat(1) - e) / (splat(1) + e)
    let signed = large.replacing(with: -large, where: x .< 0)
    return signed.replacing(with: small, where: magnitude .< 0.625).replacing(with: x, where: x .!= x)
}

/// Applies `body` to `count` floats, sixteen at a time.
@inline(__always)
func map(
    _ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ body: (V) -> V
) {
    var i = 0
    while i &+ 16 <= count {
        store(body(load(input + i)), output + i)
        i &+= 16
    }
    if i < count {
        var v = V.zero
        for lane in 0..<(count &- i) { v[lane] = input[i &+ lane] }
        v = body(v)
        for lane in 0..<(count &- i) { output[i &+ lane] = v[lane] }
    }
}

/// 1/(1 + e^(−x)), within 2e-7 (absolute) of the exact value. In place is allowed, here and below.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func sigmoid(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    map(count, input, output) { logistic($0) }
}

/// tanh x, within 3e-7 (relative) of the exact value.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func tanh(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    map(count, input, output) { hyperbolicTangent($0) }
}

/// e^x, within 3e-7 (relative) of the exact value between −87 and 88; saturating outside.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func exp(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    map(count, input, output) { exponential($0) }
}

/// max(x, 0)
@export(interface) @inline(never) @_noAllocation @_noLocks
public func relu(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    map(count, input, output) { maximum($0, V.zero) }
}

/// max(x, slope·x), for a slope from 0 to 1
@export(interface) @inline(never) @_noAllocation @_noLocks
public func leakyRelu(
    _ count: Int, _ slope: Float, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    let s = splat(slope)
    map(count, input, output) { maximum($0, $0 * s) }
}

/// x·Φ(x) in its tanh form, ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which is x·σ(2·…); within 3e-7·max(|x|, 1) of it.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func gelu(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    map(count, input, output) { x in
        let inner = fma(splat(1.595_769_121_605_731), splat(0.071_354_816_272_601_2), x * x)
        return x * logistic(inner * x)
    }
}

/// x·σ(x)
@export(interface) @inline(never) @_noAllocation @_noLocks
public func silu(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    map(count, input, output) { $0 * logistic($0) }
}

/// `output[row][c] = input[row][c]·scale[c] + shift[c]`
@export(interface) @inline(never) @_noAllocation @_noLocks
public func affine(
    _ rows: Int, _ channels: Int, _ input: UnsafePointer<Float>, _ scale: UnsafePointer<Float>,
    _ shift: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let x = input + row &* channels
        let y = output + row &* channels
        var c = 0
        while c &+ 16 <= channels {
            store(fma(load(shift + c), load(x + c), load(scale + c)), y + c)
            c &+= 16
        }
        while c < channels {
            y[c] = fma(splat(shift[c]), splat(x[c]), splat(scale[c]))[0]
            c &+= 1
        }
    }
}

/// `output[row][c]` = the largest of `input[row·stride ..< row·stride + size][c]`
@export(interface) @inline(never) @_noAllocation @_noLocks
public func maximumOfRows(
    _ rows: Int, _ channels: Int, _ size: Int, _ stride: Int, _ input: UnsafePointer<Float>,
    _ output: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let x = input + row &* stride &* channels
        let y = output + row &* channels
        var c = 0
        while c &+ 16 <= channels {
            var best = load(x + c)
            for k in 1..<max(size, 1) { best = maximum(best, load(x + (k &* channels &+ c))) }
            store(best, y + c)
            c &+= 16
        }
        while c < channels {
            var best = x[c]
            for k in 1..<max(size, 1) where x[k &* channels &+ c] > best { best = x[k &* channels &+ c] }
            y[c] = best
            c &+= 1
        }
    }
}

/// Mean and sum of squared deviations of `count` floats, in double precision, two passes; into `result[0]` and
/// `result[1]`. (What takes a square root of them stands in Neural: `squareRoot` does not pass the real-time proof.)
@export(interface) @inline(never) @_noAllocation @_noLocks
public func moments(_ count: Int, _ x: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Double>) {
    let p = UnsafeRawPointer(x)
    let whole = count &- count % 8
    var s = SIMD8<Double>.zero
    var i = 0
    while i < whole {
        s += SIMD8<Double>(p.loadUnaligned(fromByteOffset: 4 &* i, as: SIMD8<Float>.self))
        i &+= 8
    }
    var total = s.sum()
    while i < count {
        total += Double(x[i])
        i &+= 1
    }
    let mean = total / Double(count)
    let m = SIMD8<Double>(repeating: mean)
    var q = SIMD8<Double>.zero
    i = 0
    while i < whole {
        let d = SIMD8<Double>(p.loadUnaligned(fromByteOffset: 4 &* i, as: SIMD8<Float>.self)) - m
        q += d * d
        i &+= 8
    }
    var squares = q.sum()
    while i < count {
        let d = Double(x[i]) - mean
        squares += d * d
        i &+= 1
    }
    result[0] = mean
    result[1] = squares
}

/// `output = (input − mean) / deviation`
@export(interface) @inline(never) @_noAllocation @_noLocks
public func standardise(
    _ count: Int, _ input: UnsafePointer<Float>, _ mean: Float, _ deviation: Float, _ output: UnsafeMutablePointer<Float>
) {
    let m = splat(mean), d = splat(deviation)
    map(count, input, output) { ($0 - m) / d }
}

/// `output[c] = (input[c] − mean)·factor·scale[c] + shift[c]`
@export(interface) @inline(never) @_noAllocation @_noLocks
public func normalise(
    _ channels: Int, _ input: UnsafePointer<Float>, _ mean: Float, _ factor: Float, _ scale: UnsafePointer<Float>,
    _ shift: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    let m = splat(mean), f = splat(factor)
    var c = 0
    while c &+ 16 <= channels {
        store(fma(load(shift + c), (load(input + c) - m) * f, load(scale + c)), output + c)
        c &+= 16
    }
    while c < channels {
        output[c] = fma(splat(shift[c]), splat((input[c] - mean) * factor), splat(scale[c]))[0]
        c &+= 1
    }
}

/// The state update of a gated recurrent unit, PyTorch's equations: r = σ(ir + hr), z = σ(iz + hz), n = tanh(in +
/// r·hn), h ← (1 − z)·n + z·h.
///
/// - input, hidden: three gates [r, z, n] of `stride` floats each, biases included; state: `units` floats, updated in
///   place
@export(interface) @inline(never) @_noAllocation @_noLocks
public func updateGatedState(
    _ units: Int, _ stride: Int, _ input: UnsafePointer<Float>, _ hidden: UnsafePointer<Float>,
    _ state: UnsafeMutablePointer<Float>
) {
    var i = 0
    while i < units {
        // The gates are padded to whole vectors; the state is not.
        let r = logistic(load(input + i) + load(hidden + i))
        let z = logistic(load(input + (stride &+ i)) + load(hidden + (stride &+ i)))
        let n = hyperbolicTangent(fma(load(input + (2 &* stride &+ i)), r, load(hidden + (2 &* stride &+ i))))
        if i &+ 16 <= units {
            let h = load(state + i)
            store(fma(n, z, h - n), state + i)
        } else {
            for lane in 0..<(units &- i) {
                let h = state[i &+ lane]
                state[i &+ lane] = fma(n, z, splat(h) - n)[lane]
            }
        }
        i &+= 16
    }
}
