// A bank of sinusoids over a few samples. The lanes are partials: each is a phasor that is turned once a sample, so a
// sample costs some eight vector operations for sixteen partials. Every call starts from phases in fixed point, so no
// rounding survives it: a bank that is called for hours stays in tune with itself.

/// The sum of `count` partials (rounded up to a multiple of 16) over `samples` samples (1 … 32).
///
/// Partial k = 1, 2 … starts at phase `k·phase + offsets[k − 1]` (in 2⁻³² turns, modulo one turn). Its frequency goes in
/// a straight line from `(k + stretch)·frequency` at the first sample to the same with the end's values at the sample
/// after the last; its amplitude likewise. Amplitudes and stretch are those of a longer ramp, of which the call covers
/// the part from `x0` to `x1` (0 … 1). From 0.45 turns a sample (0.9 of Nyquist) to 0.5 a partial fades out.
///
/// - offsets, amplitudes, stretches: padded to whole vectors; `stretchStart` nil: none, and `stretchEnd` is not looked at
/// - frequency0, frequency1: turns a sample, 0 … 0.5, at `x0` and `x1`
/// - work: 512 floats
/// - output: `samples` floats
@export(interface) @inline(never) @_noAllocation @_noLocks
public func renderPartials(
    _ count: Int, _ samples: Int, _ phase: UInt32, _ offsets: UnsafePointer<UInt32>, _ frequency0: Float,
    _ frequency1: Float, _ stretchStart: UnsafePointer<Float>?, _ stretchEnd: UnsafePointer<Float>,
    _ amplitudeStart: UnsafePointer<Float>, _ amplitudeEnd: UnsafePointer<Float>, _ x0: Float, _ x1: Float,
    _ work: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>
) {
    var n = 0
    while n < samples {
        store(V.zero, work + 16 &* n)
        n &+= 1
    }
    let perSample = 1 / Float(samples)
    var k = 0
    #if KERNELS_AVX512 || arch(arm64)
        while k &+ 16 < count {
            var a = rotors(
                k, phase, offsets, frequency0, frequency1, stretchStart, stretchEnd, amplitudeStart, amplitudeEnd, x0, x1,
                perSample)
            var b = rotors(
                k &+ 16, phase, offsets, frequency0, frequency1, stretchStart, stretchEnd, amplitudeStart, amplitudeEnd, x0,
                x1, perSample)
            n = 0
            while n < samples {
                store(b.next(a.next(load(work + 16 &* n))), work + 16 &* n)
                n &+= 1
            }
            k &+= 32
        }
    #endif
    while k < count {
        var a = rotors(
            k, phase, offsets, frequency0, frequency1, stretchStart, stretchEnd, amplitudeStart, amplitudeEnd, x0, x1,
            perSample)
        n = 0
        while n < samples {
            store(a.next(load(work + 16 &* n)), work + 16 &* n)
            n &+= 1
        }
        k &+= 16
    }
    n = 0
    while n < samples {
        output[n] = sum(load(work + 16 &* n))
        n &+= 1
    }
}

/// Advances the phases that partials have beside their multiples of the fundamental's, over what `renderPartials`
/// rendered: by the mean of stretch·frequency at its two ends, times `samples`.
@export(interface) @inline(never) @_noAllocation @_noLocks
public func advanceStretch(
    _ count: Int, _ samples: Int, _ frequency0: Float, _ frequency1: Float, _ stretchStart: UnsafePointer<Float>,
    _ stretchEnd: UnsafePointer<Float>, _ x0: Float, _ x1: Float, _ offsets: UnsafeMutablePointer<UInt32>
) {
    let half0 = splat(0.5 * Float(samples) * frequency0), half1 = splat(0.5 * Float(samples) * frequency1)
    let magic = splat(12_582_912)
    var k = 0
    while k < count {
        let s0 = load(stretchStart + k), s1 = load(stretchEnd + k)
        var turns = fma(s0, s1 - s0, splat(x0)) * half0
        turns = fma(turns, fma(s0, s1 - s0, splat(x1)), half1)
        turns = minimum(turns, splat(4_000_000))
        turns = turns - ((turns + magic) - magic)
        // Adding 1.5·2^23 leaves the whole number in the low bits: here 2⁻²² of a turn.
        let fixed = unsafeBitCast(fma(magic, turns, splat(4_194_304)), to: SIMD16<UInt32>.self) &<< 10
        let at = UnsafeMutableRawPointer(offsets + k)
        at.storeBytes(of: at.loadUnaligned(as: SIMD16<UInt32>.self) &+ fixed, as: SIMD16<UInt32>.self)
        k &+= 16
    }
}

/// Sixteen partials on their way: a phasor, what it is turned by each sample, and how both change.
struct Rotors {
    var re: V, im: V
    var turnRe: V, turnIm: V
    let turnReStep: V, turnImStep: V
    var amplitude: V
    let amplitudeStep: V

    /// `sum` plus the partials' values; goes on by a sample.
    @inline(__always)
    mutating func next(_ sum: V) -> V {
        let result = fma(sum, amplitude, im)
        let turned = fnma(re * turnRe, im, turnIm)
        im = fma(im * turnRe, re, turnIm)
        re = turned
        // The chord between the first and the last turn. Its sag is of second order: at 10,000 octaves a second less
        // than a thousandth of the amplitude.
        turnRe = turnRe + turnReStep
        turnIm = turnIm + turnImStep
        amplitude = amplitude + amplitudeStep
        return result
    }
}

/// Sixteen partials from number `k + 1` on, at their start (the arguments: `renderPartials`).
@inline(__always)
func rotors(
    _ k: Int, _ phase: UInt32, _ offsets: UnsafePointer<UInt32>, _ frequency0: Float, _ frequency1: Float,
    _ stretchStart: UnsafePointer<Float>?, _ stretchEnd: UnsafePointer<Float>, _ amplitudeStart: UnsafePointer<Float>,
    _ amplitudeEnd: UnsafePointer<Float>, _ x0: Float, _ x1: Float, _ perSample: Float
) -> Rotors {
    let number = V(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16) + splat(Float(k))
    var multiple0 = number, multiple1 = number
    if let stretchStart {
        let s0 = load(stretchStart + k), s1 = load(stretchEnd + k)
        multiple0 = multiple0 + fma(s0, s1 - s0, splat(x0))
        multiple1 = multiple1 + fma(s0, s1 - s0, splat(x1))
    }
    let f0 = multiple0 * splat(frequency0), f1 = multiple1 * splat(frequency1)
    let start = load(amplitudeStart + k), change = load(amplitudeEnd + k) - start
    let a0 = fma(start, change, splat(x0)) * nyquistFade(f0)
    let a1 = fma(start, change, splat(x1)) * nyquistFade(f1)
    // From one sample to the next a partial turns by the mean of its frequencies there.
    let half = (f1 - f0) * splat(0.5 * perSample)
    let (r0, i0) = rotation(f0 + half)
    let (r1, i1) = rotation(f1 + half)
    let numbers = SIMD16<UInt32>(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
    let harmonicPhase =
        numbers &* SIMD16<UInt32>(repeating: phase) &+ SIMD16<UInt32>(repeating: phase &* UInt32(truncatingIfNeeded: k))
    let (re, im) = phasor(
        harmonicPhase &+ UnsafeRawPointer(offsets + k).loadUnaligned(as: SIMD16<UInt32>.self))
    return Rotors(
        re: re, im: im, turnRe: r0, turnIm: i0, turnReStep: (r1 - r0) * splat(perSample),
        turnImStep: (i1 - i0) * splat(perSample), amplitude: a0, amplitudeStep: (a1 - a0) * splat(perSample))
}

@inline(__always)
func minimum(_ a: V, _ b: V) -> V { a.replacing(with: b, where: a .> b) }

/// 1 up to 0.45 turns a sample, 0 from 0.5 on.
@inline(__always)
func nyquistFade(_ frequency: V) -> V {
    minimum(maximum((splat(0.5) - frequency) * splat(20), V.zero), splat(1))
}

/// Cosine and sine of 2π·x for |x| ≤ 1/4, within 1e-9 before rounding (fitted at Chebyshev nodes).
@inline(__always)
func quarterTurns(_ x: V) -> (V, V) {
    let y = x * x
    var c = splat(7.536_658_818_008_72)
    c = fma(splat(-26.394_959_634_913_89), c, y)
    c = fma(splat(60.243_312_579_237_29), c, y)
    c = fma(splat(-85.456_788_202_849_08), c, y)
    c = fma(splat(64.939_393_720_975_03), c, y)
    c = fma(splat(-19.739_208_801_001_347), c, y)
    c = fma(splat(1), c, y)
    var s = splat(-14.394_135_373_914_603)
    s = fma(splat(42.009_805_732_795_87), s, y)
    s = fma(splat(-76.704_281_322_143_84), s, y)
    s = fma(splat(81.605_226_206_328_42), s, y)
    s = fma(splat(-41.341_702_116_996_515), s, y)
    s = fma(splat(6.283_185_307_072_583), s, y)
    return (c, s * x)
}

/// Whole numbers of at most 22 bits and a sign as floats. (The standard library's conversion does not inline: it would leave a
/// weak copy compiled for this processor, see Vector.swift.)
@inline(__always)
func whole(_ x: SIMD16<Int32>) -> V {
    unsafeBitCast(x &+ SIMD16<Int32>(repeating: 0x4B40_0000), to: V.self) - splat(12_582_912)
}

/// Cosine and sine of a phase in 2⁻³² turns.
@inline(__always)
func phasor(_ phase: SIMD16<UInt32>) -> (V, V) {
    // The nearest half turn is taken off; if odd, it changes both signs.
    let half = (phase &+ SIMD16<UInt32>(repeating: 0x4000_0000)) & SIMD16<UInt32>(repeating: 0x8000_0000)
    let rest = unsafeBitCast(phase &- half, to: SIMD16<Int32>.self)
    let high = whole(rest &>> 16), low = whole(rest & SIMD16<Int32>(repeating: 0xFFFF))
    let (c, s) = quarterTurns(fma(high * splat(0x1p-16), low, splat(0x1p-32)))
    return (
        unsafeBitCast(unsafeBitCast(c, to: SIMD16<UInt32>.self) ^ half, to: V.self),
        unsafeBitCast(unsafeBitCast(s, to: SIMD16<UInt32>.self) ^ half, to: V.self)
    )
}

/// Cosine and sine of 2π·x; x is clipped to 0 … 1/2.
@inline(__always)
func rotation(_ x: V) -> (V, V) {
    let clipped = minimum(maximum(x, V.zero), splat(0.5))
    let upper = clipped .> 0.25
    let (c, s) = quarterTurns(clipped.replacing(with: clipped - splat(0.5), where: upper))
    return (c.replacing(with: -c, where: upper), s.replacing(with: -s, where: upper))
}
