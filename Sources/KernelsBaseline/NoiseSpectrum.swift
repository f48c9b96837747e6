/// Spectrum of one frame of noise, for `transformBins`: at each bin a given magnitude at a random phase.
///
/// Bin b's magnitude is `scale·((1 − w)·nodes[i] + w·nodes[i + 1])` with i = `node[b]` and w = `weight[b]`; a `weight`
/// below 0 makes it 0. Phases are a hash of `seed + b`: the same at every instruction set.
///
/// - count: bins, from bin 0 on; node, weight: padded to whole vectors
/// - spectrum: real parts `binStride` floats apart, imaginary parts `imaginary` on
@export(interface) @inline(never) @_noAllocation @_noLocks
public func noiseSpectrum(
    _ count: Int, _ node: UnsafePointer<Int32>, _ weight: UnsafePointer<Float>, _ nodes: UnsafePointer<Float>,
    _ scale: Float, _ seed: UInt32, _ spectrum: UnsafeMutablePointer<Float>, _ binStride: Int, _ imaginary: Int
) {
    let numbers = SIMD16<UInt32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    var b = 0
    while b < count {
        var low = V.zero, high = V.zero
        for lane in 0..<16 {
            let i = Int(node[b &+ lane])
            low[lane] = nodes[i]
            high[lane] = nodes[i &+ 1]
        }
        let w = load(weight + b)
        var magnitude = fma(low, high - low, w) * splat(scale)
        magnitude = magnitude.replacing(with: V.zero, where: w .< 0)
        let (c, s) = phasor(scrambled(numbers &+ SIMD16<UInt32>(repeating: seed &+ UInt32(truncatingIfNeeded: b))))
        let re = c * magnitude, im = s * magnitude
        let last = min(16, count &- b)
        var lane = 0
        while lane < last {
            let at = spectrum + (b &+ lane) &* binStride
            at[0] = re[lane]
            at[imaginary] = im[lane]
            lane &+= 1
        }
        b &+= 16
    }
}

/// A hash whose every bit depends on every bit of `x` (the multipliers are those that C. Wellons found by search,
/// "lowbias32").
@inline(__always)
func scrambled(_ x: SIMD16<UInt32>) -> SIMD16<UInt32> {
    var h = x ^ (x &>> 16)
    h = h &* SIMD16<UInt32>(repeating: 0x7FEB_352D)
    h = h ^ (h &>> 15)
    h = h &* SIMD16<UInt32>(repeating: 0x846C_A68B)
    return h ^ (h &>> 16)
}
