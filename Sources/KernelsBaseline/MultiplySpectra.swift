// The middle of a convolution in the frequency domain: at every bin a complex matrix product over the channels.
//
// As in Multiply.swift, each output is one chain over the inputs in ascending order (real part: + wr·xr, then − wi·xi;
// imaginary part: + wr·xi, then + wi·xr), so the bits do not depend on the batch.

/// `output[bin][row][…] = Σ input[bin][row][i] · weights[bin][block][i]`, complex.
///
/// - input: at `bin·inputBinStride + row·inputRowStride`: `inputs` real parts, and their imaginary parts
///   `inputImaginary` on
/// - weights: at `bin·weightBinStride + block·weightBlockStride`: `[inputs][re 16, im 16]`
/// - output: at `bin·outputBinStride + row·outputRowStride + 16·block`, imaginary parts `outputImaginary` on
@export(interface) @inline(never) @_noAllocation @_noLocks
public func multiplySpectra(
    _ bins: Int, _ rows: Int, _ inputs: Int, _ blocks: Int,
    _ input: UnsafePointer<Float>, _ inputBinStride: Int, _ inputRowStride: Int, _ inputImaginary: Int,
    _ weights: UnsafePointer<Float>, _ weightBinStride: Int, _ weightBlockStride: Int,
    _ output: UnsafeMutablePointer<Float>, _ outputBinStride: Int, _ outputRowStride: Int, _ outputImaginary: Int
) {
    var doneRows = 0
    #if KERNELS_FMA || arch(arm64)
        #if KERNELS_AVX512
            let tileRows = 4
        #else
            let tileRows = 2
        #endif
        doneRows = rows &- rows % tileRows
        if doneRows > 0 {
            for bin in 0..<bins {
                let x = input + bin &* inputBinStride
                let y = output + bin &* outputBinStride
                var block = 0
                while block < blocks {
                    let w = weights + (bin &* weightBinStride &+ block &* weightBlockStride)
                    var row = 0
                    #if KERNELS_AVX512
                        let two = block &+ 2 <= blocks
                        while row < doneRows {
                            let xr = x + row &* inputRowStride
                            let yr = y + (row &* outputRowStride &+ 16 &* block)
                            if two {
                                complexTile4x2(
                                    inputs, xr, inputRowStride, inputImaginary, w, weightBlockStride, yr, outputRowStride,
                                    outputImaginary)
                            } else {
                                complexTile4x1(
                                    inputs, xr, inputRowStride, inputImaginary, w, yr, outputRowStride, outputImaginary)
                            }
                            row &+= 4
                        }
                        block &+= two ? 2 : 1
                    #else
                        while row < doneRows {
                            complexTile2x1(
                                inputs, x + row &* inputRowStride, inputRowStride, inputImaginary, w,
                                y + (row &* outputRowStride &+ 16 &* block), outputRowStride, outputImaginary)
                            row &+= 2
                        }
                        block &+= 1
                    #endif
                }
            }
        }
    #endif
    // What is left (all of it in live use, where there is one row) is bound by reading the weights: in the order in
    // which they lie, each once for the few rows.
    if doneRows == rows { return }
    #if KERNELS_AVX512
        let tileBlocks = 4, tileBins = 4
    #elseif KERNELS_FMA || arch(arm64)
        let tileBlocks = 2, tileBins = 2
    #else
        let tileBlocks = 1, tileBins = 1
    #endif
    let tiledBlocks = blocks &- blocks % tileBlocks
    for bin in 0..<bins {
        for row in doneRows..<rows {
            let x = input + (bin &* inputBinStride &+ row &* inputRowStride)
            let y = output + (bin &* outputBinStride &+ row &* outputRowStride)
            var block = 0
            while block < tiledBlocks {
                let w = weights + (bin &* weightBinStride &+ block &* weightBlockStride)
                #if KERNELS_AVX512
                    complexTile1x4(inputs, x, inputImaginary, w, weightBlockStride, y + 16 &* block, outputImaginary)
                #elseif KERNELS_FMA || arch(arm64)
                    complexTile1x2(
                        inputs, x, 0, inputImaginary, w, weightBlockStride, y + 16 &* block, 16, outputImaginary)
                #else
                    complexTile1x1(inputs, x, inputImaginary, w, y + 16 &* block, outputImaginary)
                #endif
                block &+= tileBlocks
            }
        }
    }
    // Blocks that make no tile: several bins at a time instead, so that there are enough independent chains.
    if tiledBlocks == blocks { return }
    for row in doneRows..<rows {
        for block in tiledBlocks..<blocks {
            let x = input + row &* inputRowStride
            let y = output + (row &* outputRowStride &+ 16 &* block)
            let w = weights + block &* weightBlockStride
            var bin = 0
            while bin &+ tileBins <= bins {
                let xb = x + bin &* inputBinStride, yb = y + bin &* outputBinStride, wb = w + bin &* weightBinStride
                #if KERNELS_AVX512
                    complexTileBins4(
                        inputs, xb, inputBinStride, inputImaginary, wb, weightBinStride, yb, outputBinStride,
                        outputImaginary)
                #elseif KERNELS_FMA || arch(arm64)
                    complexTile1x2(
                        inputs, xb, inputBinStride, inputImaginary, wb, weightBinStride, yb, outputBinStride,
                        outputImaginary)
                #else
                    complexTile1x1(inputs, xb, inputImaginary, wb, yb, outputImaginary)
                #endif
                bin &+= tileBins
            }
            while bin < bins {
                complexTile1x1(
                    inputs, x + bin &* inputBinStride, inputImaginary, w + bin &* weightBinStride,
                    y + bin &* outputBinStride, outputImaginary)
                bin &+= 1
            }
        }
    }
}

#if KERNELS_AVX512
    @inline(__always)
    func complexTile4x2(
        _ inputs: Int, _ x: UnsafePointer<Float>, _ ldx: Int, _ imaginary: Int,
        _ w: UnsafePointer<Float>, _ blockStride: Int, _ y: UnsafeMutablePointer<Float>, _ ldy: Int, _ yImaginary: Int
    ) {
        var r0 = V.zero, r1 = V.zero, r2 = V.zero, r3 = V.zero, i0 = V.zero, i1 = V.zero, i2 = V.zero, i3 = V.zero
        var s0 = V.zero, s1 = V.zero, s2 = V.zero, s3 = V.zero, j0 = V.zero, j1 = V.zero, j2 = V.zero, j3 = V.zero
        let xi = x + imaginary
        let v = w + blockStride
        var k = 0
        while k < inputs {
            let wr = load(w + k &* 32), wi = load(w + (k &* 32 &+ 16))
            let vr = load(v + k &* 32), vi = load(v + (k &* 32 &+ 16))
            var a = splat(x[k]), b = splat(xi[k])
            r0 = fma(r0, a, wr); i0 = fma(i0, b, wr); s0 = fma(s0, a, vr); j0 = fma(j0, b, vr)
            r0 = fnma(r0, b, wi); i0 = fma(i0, a, wi); s0 = fnma(s0, b, vi); j0 = fma(j0, a, vi)
            a = splat(x[ldx &+ k]); b = splat(xi[ldx &+ k])
            r1 = fma(r1, a, wr); i1 = fma(i1, b, wr); s1 = fma(s1, a, vr); j1 = fma(j1, b, vr)
            r1 = fnma(r1, b, wi); i1 = fma(i1, a, wi); s1 = fnma(s1, b, vi); j1 = fma(j1, a, vi)
            a = splat(x[2 &* ldx &+ k]); b = splat(xi[2 &* ldx &+ k])
            r2 = fma(r2, a, wr); i2 = fma(i2, b, wr); s2 = fma(s2, a, vr); j2 = fma(j2, b, vr)
            r2 = fnma(r2, b, wi); i2 = fma(i2, a, wi); s2 = fnma(s2, b, vi); j2 = fma(j2, a, vi)
            a = splat(x[3 &* ldx &+ k]); b = splat(xi[3 &* ldx &+ k])
            r3 = fma(r3, a, wr); i3 = fma(i3, b, wr); s3 = fma(s3, a, vr); j3 = fma(j3, b, vr)
            r3 = fnma(r3, b, wi); i3 = fma(i3, a, wi); s3 = fnma(s3, b, vi); j3 = fma(j3, a, vi)
            k &+= 1
        }
        let yi = y + yImaginary
        store(r0, y); store(s0, y + 16); store(i0, yi); store(j0, yi + 16)
        store(r1, y + ldy); store(s1, y + (ldy &+ 16)); store(i1, yi + ldy); store(j1, yi + (ldy &+ 16))
        store(r2, y + 2 &* ldy); store(s2, y + (2 &* ldy &+ 16))
        store(i2, yi + 2 &* ldy); store(j2, yi + (2 &* ldy &+ 16))
        store(r3, y + 3 &* ldy); store(s3, y + (3 &* ldy &+ 16))
        store(i3, yi + 3 &* ldy); store(j3, yi + (3 &* ldy &+ 16))
    }

    @inline(__always)
    func complexTile4x1(
        _ inputs: Int, _ x: UnsafePointer<Float>, _ ldx: Int, _ imaginary: Int,
        _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ ldy: Int, _ yImaginary: Int
    ) {
        var r0 = V.zero, r1 = V.zero, r2 = V.zero, r3 = V.zero, i0 = V.zero, i1 = V.zero, i2 = V.zero, i3 = V.zero
        let xi = x + imaginary
        var k = 0
        while k < inputs {
            let wr = load(w + k &* 32), wi = load(w + (k &* 32 &+ 16))
            let a0 = splat(x[k]), b0 = splat(xi[k])
            let a1 = splat(x[ldx &+ k]), b1 = splat(xi[ldx &+ k])
            let a2 = splat(x[2 &* ldx &+ k]), b2 = splat(xi[2 &* ldx &+ k])
            let a3 = splat(x[3 &* ldx &+ k]), b3 = splat(xi[3 &* ldx &+ k])
            r0 = fma(r0, a0, wr); i0 = fma(i0, b0, wr); r1 = fma(r1, a1, wr); i1 = fma(i1, b1, wr)
            r2 = fma(r2, a2, wr); i2 = fma(i2, b2, wr); r3 = fma(r3, a3, wr); i3 = fma(i3, b3, wr)
            r0 = fnma(r0, b0, wi); i0 = fma(i0, a0, wi); r1 = fnma(r1, b1, wi); i1 = fma(i1, a1, wi)
            r2 = fnma(r2, b2, wi); i2 = fma(i2, a2, wi); r3 = fnma(r3, b3, wi); i3 = fma(i3, a3, wi)
            k &+= 1
        }
        let yi = y + yImaginary
        store(r0, y); store(i0, yi)
        store(r1, y + ldy); store(i1, yi + ldy)
        store(r2, y + 2 &* ldy); store(i2, yi + 2 &* ldy)
        store(r3, y + 3 &* ldy); store(i3, yi + 3 &* ldy)
    }
#endif

@inline(__always)
func complexTile2x1(
    _ inputs: Int, _ x: UnsafePointer<Float>, _ ldx: Int, _ imaginary: Int,
    _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ ldy: Int, _ yImaginary: Int
) {
    var r0 = V.zero, r1 = V.zero, i0 = V.zero, i1 = V.zero
    let xi = x + imaginary
    var k = 0
    while k < inputs {
        let wr = load(w + k &* 32), wi = load(w + (k &* 32 &+ 16))
        let a0 = splat(x[k]), b0 = splat(xi[k])
        r0 = fma(r0, a0, wr); i0 = fma(i0, b0, wr)
        r0 = fnma(r0, b0, wi); i0 = fma(i0, a0, wi)
        let a1 = splat(x[ldx &+ k]), b1 = splat(xi[ldx &+ k])
        r1 = fma(r1, a1, wr); i1 = fma(i1, b1, wr)
        r1 = fnma(r1, b1, wi); i1 = fma(i1, a1, wi)
        k &+= 1
    }
    let yi = y + yImaginary
    store(r0, y); store(i0, yi)
    store(r1, y + ldy); store(i1, yi + ldy)
}

#if KERNELS_AVX512
    @inline(__always)
    func complexTile1x4(
        _ inputs: Int, _ x: UnsafePointer<Float>, _ imaginary: Int, _ w: UnsafePointer<Float>, _ blockStride: Int,
        _ y: UnsafeMutablePointer<Float>, _ yImaginary: Int
    ) {
        var r0 = V.zero, r1 = V.zero, r2 = V.zero, r3 = V.zero, i0 = V.zero, i1 = V.zero, i2 = V.zero, i3 = V.zero
        let xi = x + imaginary
        let w1 = w + blockStride, w2 = w + 2 &* blockStride, w3 = w + 3 &* blockStride
        var k = 0
        while k < inputs {
            let a = splat(x[k]), b = splat(xi[k])
            let p = k &* 32
            var u = load(w + p)
            r0 = fma(r0, a, u); i0 = fma(i0, b, u)
            u = load(w1 + p)
            r1 = fma(r1, a, u); i1 = fma(i1, b, u)
            u = load(w2 + p)
            r2 = fma(r2, a, u); i2 = fma(i2, b, u)
            u = load(w3 + p)
            r3 = fma(r3, a, u); i3 = fma(i3, b, u)
            u = load(w + (p &+ 16))
            r0 = fnma(r0, b, u); i0 = fma(i0, a, u)
            u = load(w1 + (p &+ 16))
            r1 = fnma(r1, b, u); i1 = fma(i1, a, u)
            u = load(w2 + (p &+ 16))
            r2 = fnma(r2, b, u); i2 = fma(i2, a, u)
            u = load(w3 + (p &+ 16))
            r3 = fnma(r3, b, u); i3 = fma(i3, a, u)
            k &+= 1
        }
        let yi = y + yImaginary
        store(r0, y); store(i0, yi)
        store(r1, y + 16); store(i1, yi + 16)
        store(r2, y + 32); store(i2, yi + 32)
        store(r3, y + 48); store(i3, yi + 48)
    }

    /// One row and block at four successive bins.
    @inline(__always)
    func complexTileBins4(
        _ inputs: Int, _ x: UnsafePointer<Float>, _ xBin: Int, _ imaginary: Int, _ w: UnsafePointer<Float>, _ wBin: Int,
        _ y: UnsafeMutablePointer<Float>, _ yBin: Int, _ yImaginary: Int
    ) {
        var r0 = V.zero, r1 = V.zero, r2 = V.zero, r3 = V.zero, i0 = V.zero, i1 = V.zero, i2 = V.zero, i3 = V.zero
        let x1 = x + xBin, x2 = x + 2 &* xBin, x3 = x + 3 &* xBin
        let z0 = x + imaginary, z1 = x1 + imaginary, z2 = x2 + imaginary, z3 = x3 + imaginary
        let w1 = w + wBin, w2 = w + 2 &* wBin, w3 = w + 3 &* wBin
        var k = 0
        while k < inputs {
            let p = k &* 32
            let u0 = load(w + p), u1 = load(w1 + p), u2 = load(w2 + p), u3 = load(w3 + p)
            let a0 = splat(x[k]), a1 = splat(x1[k]), a2 = splat(x2[k]), a3 = splat(x3[k])
            let b0 = splat(z0[k]), b1 = splat(z1[k]), b2 = splat(z2[k]), b3 = splat(z3[k])
            r0 = fma(r0, a0, u0); i0 = fma(i0, b0, u0); r1 = fma(r1, a1, u1); i1 = fma(i1, b1, u1)
            r2 = fma(r2, a2, u2); i2 = fma(i2, b2, u2); r3 = fma(r3, a3, u3); i3 = fma(i3, b3, u3)
            let v0 = load(w + (p &+ 16)), v1 = load(w1 + (p &+ 16)), v2 = load(w2 + (p &+ 16)), v3 = load(w3 + (p &+ 16))
            r0 = fnma(r0, b0, v0); i0 = fma(i0, a0, v0); r1 = fnma(r1, b1, v1); i1 = fma(i1, a1, v1)
            r2 = fnma(r2, b2, v2); i2 = fma(i2, a2, v2); r3 = fnma(r3, b3, v3); i3 = fma(i3, a3, v3)
            k &+= 1
        }
        store(r0, y); store(i0, y + yImaginary)
        store(r1, y + yBin); store(i1, y + (yBin &+ yImaginary))
        store(r2, y + 2 &* yBin); store(i2, y + (2 &* yBin &+ yImaginary))
        store(r3, y + 3 &* yBin); store(i3, y + (3 &* yBin &+ yImaginary))
    }
#endif

/// Two outputs of one row: two blocks (`xStep` 0, of the same input), or one block at two successive bins.
@inline(__always)
func complexTile1x2(
    _ inputs: Int, _ x: UnsafePointer<Float>, _ xStep: Int, _ imaginary: Int, _ w: UnsafePointer<Float>, _ wStep: Int,
    _ y: UnsafeMutablePointer<Float>, _ yStep: Int, _ yImaginary: Int
) {
    var r0 = V.zero, r1 = V.zero, i0 = V.zero, i1 = V.zero
    let x1 = x + xStep, z0 = x + imaginary, z1 = x + (xStep &+ imaginary), w1 = w + wStep
    var k = 0
    while k < inputs {
        let p = k &* 32
        let a0 = splat(x[k]), b0 = splat(z0[k]), u0 = load(w + p), v0 = load(w + (p &+ 16))
        r0 = fma(r0, a0, u0); i0 = fma(i0, b0, u0)
        r0 = fnma(r0, b0, v0); i0 = fma(i0, a0, v0)
        let a1 = splat(x1[k]), b1 = splat(z1[k]), u1 = load(w1 + p), v1 = load(w1 + (p &+ 16))
        r1 = fma(r1, a1, u1); i1 = fma(i1, b1, u1)
        r1 = fnma(r1, b1, v1); i1 = fma(i1, a1, v1)
        k &+= 1
    }
    store(r0, y); store(i0, y + yImaginary)
    store(r1, y + yStep); store(i1, y + (yStep &+ yImaginary))
}

@inline(__always)
func complexTile1x1(
    _ inputs: Int, _ x: UnsafePointer<Float>, _ imaginary: Int, _ w: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ yImaginary: Int
) {
    var r = V.zero, i = V.zero
    let xi = x + imaginary
    var k = 0
    while k < inputs {
        let a = splat(x[k]), b = splat(xi[k])
        let wr = load(w + k &* 32), wi = load(w + (k &* 32 &+ 16))
        r = fma(r, a, wr); i = fma(i, b, wr)
        r = fnma(r, b, wi); i = fma(i, a, wi)
        k &+= 1
    }
    store(r, y)
    store(i, y + yImaginary)
}
