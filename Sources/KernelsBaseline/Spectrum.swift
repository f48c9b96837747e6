// From sound to what a network hears of it: windows, bands of a power spectrum in logarithms, correlations.

/// `output = a·b`; `count` is a multiple of 16.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func multiplyElements(
    _ count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    var i = 0
    while i < count {
        store(load(a + i) * load(b + i), output + i)
        i &+= 16
    }
}

/// `output += input`; `count` is a multiple of 16.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func add(_ count: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    var i = 0
    while i < count {
        store(load(output + i) + load(input + i), output + i)
        i &+= 16
    }
}

/// `output = input + value`; `count` is a multiple of 16.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func offset(_ count: Int, _ input: UnsafePointer<Float>, _ value: Float, _ output: UnsafeMutablePointer<Float>) {
    let v = splat(value)
    var i = 0
    while i < count {
        store(load(input + i) + v, output + i)
        i &+= 16
    }
}

/// Sums of a few neighbouring lines each: `output[b] = Σ weights·lines[first[b] + i]`.
///
/// - counts: 4, 8 or a multiple of 16; as many weights for each band, one band after another. Lines are read that far.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func sumBands(
    _ bands: Int, _ first: UnsafePointer<Int32>, _ counts: UnsafePointer<Int32>, _ weights: UnsafePointer<Float>,
    _ lines: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    var w = weights
    for b in 0..<bands {
        let x = lines + Int(first[b]), count = Int(counts[b])
        if count == 4 {
            let product =
                UnsafeRawPointer(x).loadUnaligned(as: SIMD4<Float>.self) * UnsafeRawPointer(w).loadUnaligned(as: SIMD4<Float>.self)
            let pair = product.lowHalf + product.highHalf
            output[b] = pair[0] + pair[1]
        } else if count == 8 {
            let product =
                UnsafeRawPointer(x).loadUnaligned(as: SIMD8<Float>.self) * UnsafeRawPointer(w).loadUnaligned(as: SIMD8<Float>.self)
            let four = product.lowHalf + product.highHalf
            let pair = four.lowHalf + four.highHalf
            output[b] = pair[0] + pair[1]
        } else {
            var total = V.zero
            var i = 0
            while i < count {
                total = fma(total, load(x + i), load(w + i))
                i &+= 16
            }
            output[b] = sum(total)
        }
        w += count
    }
}

/// `values = 10·log10(values + 1e-10)/20` in place, and their sum into `total`. Values are at least 0 and finite; absolute error under
/// 1e-6. Memory up to a multiple of 16 is written.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func levels(_ count: Int, _ values: UnsafeMutablePointer<Float>, _ total: UnsafeMutablePointer<Float>) {
    let numbers = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    var sums = V.zero
    var i = 0
    while i < count {
        let level = halfLogarithm(load(values + i) + splat(1e-10))
        store(level, values + i)
        let isInside = numbers .< SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: count &- i))
        sums += V.zero.replacing(with: level, where: isInside)
        i &+= 16
    }
    total[0] = sum(sums)
}

/// ½·log10 x of positive normal numbers.
@inline(__always)
func halfLogarithm(_ x: V) -> V {
    // x = m·2^e with m from √½ to √2.
    let bits = unsafeBitCast(x, to: SIMD16<Int32>.self) &- SIMD16<Int32>(repeating: 0x3F35_04F3)
    // The exponent as a number: added to the bits of 1.5·2^23, it is what that number has over it.
    let e = unsafeBitCast((bits &>> 23) &+ SIMD16<Int32>(repeating: 0x4B40_0000), to: V.self) - splat(12_582_912)
    let m = unsafeBitCast((bits & SIMD16<Int32>(repeating: 0x007F_FFFF)) &+ SIMD16<Int32>(repeating: 0x3F35_04F3), to: V.self)
    // ln m = 2 artanh s, s = (m − 1)/(m + 1), |s| ≤ 0.172: its series up to s⁹ has an error of 7e-10.
    let s = (m - splat(1)) / (m + splat(1))
    let z = s * s
    var p = splat(2.0 / 9)
    p = fma(splat(2.0 / 7), p, z)
    p = fma(splat(2.0 / 5), p, z)
    p = fma(splat(2.0 / 3), p, z)
    p = fma(splat(2), p, z)
    return fma(e * splat(0.150_514_997_831_990_6), p * s, splat(0.217_147_240_951_625_9))
}

/// Products of a sequence with another one's past: `output[16 r + c] = Σ_i input[i − 16 r]·sequence[i + c]`, i = 0 … count − 1, for
/// `rows` rows and c = 0 … 15.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func correlate(
    _ rows: Int, _ count: Int, _ input: UnsafePointer<Float>, _ sequence: UnsafePointer<Float>,
    _ output: UnsafeMutablePointer<Float>
) {
    var row = 0
    #if KERNELS_AVX512
        while row &+ 12 <= rows {
            let a = input - 16 &* row, b = a - 96
            var p0 = V.zero, p1 = V.zero, p2 = V.zero, p3 = V.zero, p4 = V.zero, p5 = V.zero
            var q0 = V.zero, q1 = V.zero, q2 = V.zero, q3 = V.zero, q4 = V.zero, q5 = V.zero
            var i = 0
            while i < count {
                let x = load(sequence + i)
                p0 = fma(p0, splat(a[i]), x)
                p1 = fma(p1, splat(a[i &- 16]), x)
                p2 = fma(p2, splat(a[i &- 32]), x)
                p3 = fma(p3, splat(a[i &- 48]), x)
                p4 = fma(p4, splat(a[i &- 64]), x)
                p5 = fma(p5, splat(a[i &- 80]), x)
                q0 = fma(q0, splat(b[i]), x)
                q1 = fma(q1, splat(b[i &- 16]), x)
                q2 = fma(q2, splat(b[i &- 32]), x)
                q3 = fma(q3, splat(b[i &- 48]), x)
                q4 = fma(q4, splat(b[i &- 64]), x)
                q5 = fma(q5, splat(b[i &- 80]), x)
                i &+= 1
            }
            let y = output + 16 &* row
            store(p0, y)
            store(p1, y + 16)
            store(p2, y + 32)
            store(p3, y + 48)
            store(p4, y + 64)
            store(p5, y + 80)
            store(q0, y + 96)
            store(q1, y + 112)
            store(q2, y + 128)
            store(q3, y + 144)
            store(q4, y + 160)
            store(q5, y + 176)
            row &+= 12
        }
    #endif
    while row &+ 4 <= rows {
        let a = input - 16 &* row
        var p0 = V.zero, p1 = V.zero, p2 = V.zero, p3 = V.zero
        var i = 0
        while i < count {
            let x = load(sequence + i)
            p0 = fma(p0, splat(a[i]), x)
            p1 = fma(p1, splat(a[i &- 16]), x)
            p2 = fma(p2, splat(a[i &- 32]), x)
            p3 = fma(p3, splat(a[i &- 48]), x)
            i &+= 1
        }
        let y = output + 16 &* row
        store(p0, y)
        store(p1, y + 16)
        store(p2, y + 32)
        store(p3, y + 48)
        row &+= 4
    }
    while row < rows {
        let a = input - 16 &* row
        // Two chains, so that a multiply-add need not wait for the one before.
        var even = V.zero, odd = V.zero
        var i = 0
        while i &+ 2 <= count {
            even = fma(even, splat(a[i]), load(sequence + i))
            odd = fma(odd, splat(a[i &+ 1]), load(sequence + (i &+ 1)))
            i &+= 2
        }
        if i < count { even = fma(even, splat(a[i]), load(sequence + i)) }
        store(even + odd, output + 16 &* row)
        row &+= 1
    }
}

/// `output[i] = Σ squares of x[i … i + 15]` for i = 0 … count − 1; reads 16 beyond `count`, rounded up to whole vectors.
///
/// - work: `count` + 32 floats, rounded up
@export(interface) @inline(never) @_noAllocation @_noLocks
public func slidingEnergies(
    _ count: Int, _ x: UnsafePointer<Float>, _ work: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    var i = 0
    while i < count &+ 14 {
        let a = load(x + i), b = load(x + (i &+ 1))
        store(fma(a * a, b, b), work + i)
        i &+= 16
    }
    i = 0
    while i < count &+ 12 {
        store(load(work + i) + load(work + (i &+ 2)), output + i)
        i &+= 16
    }
    i = 0
    while i < count &+ 8 {
        store(load(output + i) + load(output + (i &+ 4)), work + i)
        i &+= 16
    }
    i = 0
    while i < count {
        store(load(work + i) + load(work + (i &+ 8)), output + i)
        i &+= 16
    }
}

/// Divides products of a stretch of 16·`pieces` samples with those `lag` before it by √(E(0)·E(lag) + least), E a stretch's energy.
///
/// - energies: of sixteen samples each (`slidingEnergies`), those of the stretch's first sixteen at 0, those of what lies before it at
///   negative places, down to −16·`rows` − 15
/// - products: `products[lag]`, 16·`rows` of them, in place
@export(interface) @inline(never) @_noAllocation @_noLocks
public func normaliseCorrelation(
    _ rows: Int, _ pieces: Int, _ energies: UnsafePointer<Float>, _ least: Double, _ products: UnsafeMutablePointer<Float>
) {
    typealias D = SIMD8<Double>
    // Lane c is lag 15 − c of the sixteen. In double precision what came in goes out again without a trace.
    var low = D.zero, high = D.zero
    for piece in 0..<pieces {
        let e = load(energies + (16 &* piece &- 15))
        low += doubled(e.lowHalf)
        high += doubled(e.highHalf)
    }
    let own = D(repeating: high[7]), floor = D(repeating: least)
    for row in 0..<rows {
        let a = low.replacing(with: D.zero, where: low .< 0) * own + floor
        let b = high.replacing(with: D.zero, where: high .< 0) * own + floor
        var sums = V.zero
        for lane in 0..<8 {
            sums[lane] = Float(a[lane])
            sums[lane &+ 8] = Float(b[lane])
        }
        let roots = inverseRoot(sums)
        let y = products + 16 &* row
        store(load(y) * reversed(roots), y)
        let new = load(energies + (-16 &* row &- 31)), old = load(energies + (16 &* (pieces &- 1 &- row) &- 15))
        low += doubled(new.lowHalf) - doubled(old.lowHalf)
        high += doubled(new.highHalf) - doubled(old.highHalf)
    }
}

/// In double precision. (The standard library's conversion of vectors would leave a copy of itself outside the kernels: see Vector.swift.)
@inline(__always)
func doubled(_ x: SIMD8<Float>) -> SIMD8<Double> {
    var result = SIMD8<Double>.zero
    for lane in 0..<8 { result[lane] = Double(x[lane]) }
    return result
}

/// 1/√x of positive normal numbers, relative error under 3e-7: a guess by the exponent, then Newton's steps.
@inline(__always)
func inverseRoot(_ x: V) -> V {
    let bits = unsafeBitCast(x, to: SIMD16<Int32>.self)
    var y = unsafeBitCast(SIMD16<Int32>(repeating: 0x5F37_59DF) &- (bits &>> 1), to: V.self)
    let half = x * splat(-0.5)
    y = y * fma(splat(1.5), half * y, y)
    y = y * fma(splat(1.5), half * y, y)
    y = y * fma(splat(1.5), half * y, y)
    return y
}

/// A sequence through a filter at moments that are a constant ratio apart: `output[n] = Σ_k table[phase][k]·input[place + k]`, then
/// `phase += down`, and for each `up` in it `place` goes on by one.
///
/// - taps: a multiple of 16; table: `up` rows of them
@export(interface) @inline(never) @_noAllocation @_noLocks
public func filterPhases(
    _ count: Int, _ taps: Int, _ input: UnsafePointer<Float>, _ table: UnsafePointer<Float>, _ phase: Int, _ up: Int, _ down: Int,
    _ output: UnsafeMutablePointer<Float>
) {
    let whole = down / up, rest = down &- whole &* up
    var x = input, phase = phase
    for n in 0..<count {
        let w = table + phase &* taps
        var a = load(x) * load(w), b = V.zero
        var k = 16
        while k &+ 16 < taps {
            a = fma(a, load(x + k), load(w + k))
            b = fma(b, load(x + (k &+ 16)), load(w + (k &+ 16)))
            k &+= 32
        }
        if k < taps { a = fma(a, load(x + k), load(w + k)) }
        output[n] = sum(a + b)
        phase &+= rest
        x += whole
        if phase >= up {
            phase &-= up
            x += 1
        }
    }
}
