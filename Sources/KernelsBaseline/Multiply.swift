// Matrix products. Packed weights come in blocks of 16 output channels: [block][input][16].
//
// Every output element is one chain of multiply-adds over the inputs in ascending order, whatever tile computes it.
// So a row's result has the same bits in a batch of one and in a batch of a hundred: streaming equals offline.

/// `output[row][0 ..< 16·blocks] = bias + input[row] · weights`.
///
/// - input: `rows` rows of `inputs` floats, `inputStride` apart (rows may overlap: that is how a convolution is
///   computed)
/// - weights: packed `[blocks][inputs][16]`; bias: `16·blocks` floats
/// - output: rows `outputStride` apart, at least `16·blocks`
@export(interface) @inline(never) @_noAllocation @_noLocks
public func multiply(
    _ rows: Int, _ inputs: Int, _ blocks: Int, _ input: UnsafePointer<Float>, _ inputStride: Int,
    _ weights: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>,
    _ outputStride: Int
) {
    let blockSize = inputs &* 16
    var row = 0
    #if KERNELS_AVX512
        while row &+ 8 <= rows {
            var block = 0
            while block &+ 2 <= blocks {
                tile8x2(
                    inputs, input + row &* inputStride, inputStride, weights + block &* blockSize, blockSize,
                    bias + block &* 16, output + (row &* outputStride &+ block &* 16), outputStride)
                block &+= 2
            }
            if block < blocks {
                tile8x1(
                    inputs, input + row &* inputStride, inputStride, weights + block &* blockSize, bias + block &* 16,
                    output + (row &* outputStride &+ block &* 16), outputStride)
            }
            row &+= 8
        }
        while row &+ 4 <= rows {
            var block = 0
            while block &+ 2 <= blocks {
                tile4x2(
                    inputs, input + row &* inputStride, inputStride, weights + block &* blockSize, blockSize,
                    bias + block &* 16, output + (row &* outputStride &+ block &* 16), outputStride)
                block &+= 2
            }
            if block < blocks {
                tile4x1(
                    inputs, input + row &* inputStride, inputStride, weights + block &* blockSize, bias + block &* 16,
                    output + (row &* outputStride &+ block &* 16), outputStride)
            }
            row &+= 4
        }
    #endif
    #if KERNELS_FMA || arch(arm64)
        while row &+ 4 <= rows {
            for block in 0..<blocks {
                tile4x1(
                    inputs, input + row &* inputStride, inputStride, weights + block &* blockSize,
                    bias + block &* 16, output + (row &* outputStride &+ block &* 16), outputStride)
            }
            row &+= 4
        }
    #endif
    while row < rows {
        var block = 0
        #if KERNELS_AVX512
            while block &+ 8 <= blocks {
                tile1x8(
                    inputs, input + row &* inputStride, weights + block &* blockSize, blockSize, bias + block &* 16,
                    output + (row &* outputStride &+ block &* 16))
                block &+= 8
            }
        #endif
        #if KERNELS_FMA || arch(arm64)
            while block &+ 4 <= blocks {
                tile1x4(
                    inputs, input + row &* inputStride, weights + block &* blockSize, blockSize, bias + block &* 16,
                    output + (row &* outputStride &+ block &* 16))
                block &+= 4
            }
        #endif
        while block < blocks {
            tile1x1(
                inputs, input + row &* inputStride, weights + block &* blockSize, bias + block &* 16,
                output + (row &* outputStride &+ block &* 16))
            block &+= 1
        }
        row &+= 1
    }
}

#if KERNELS_AVX512
    @inline(__always)
    func tile8x2(
        _ inputs: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ w: UnsafePointer<Float>, _ blockSize: Int,
        _ bias: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        let b0 = load(bias), b1 = load(bias + 16)
        var p0 = b0, p1 = b0, p2 = b0, p3 = b0, p4 = b0, p5 = b0, p6 = b0, p7 = b0
        var q0 = b1, q1 = b1, q2 = b1, q3 = b1, q4 = b1, q5 = b1, q6 = b1, q7 = b1
        let a4 = a + 4 &* lda
        var i = 0
        while i < inputs {
            let w0 = load(w + i &* 16), w1 = load(w + (blockSize &+ i &* 16))
            var x = splat(a[i])
            p0 = fma(p0, x, w0); q0 = fma(q0, x, w1)
            x = splat(a[lda &+ i])
            p1 = fma(p1, x, w0); q1 = fma(q1, x, w1)
            x = splat(a[2 &* lda &+ i])
            p2 = fma(p2, x, w0); q2 = fma(q2, x, w1)
            x = splat(a[3 &* lda &+ i])
            p3 = fma(p3, x, w0); q3 = fma(q3, x, w1)
            x = splat(a4[i])
            p4 = fma(p4, x, w0); q4 = fma(q4, x, w1)
            x = splat(a4[lda &+ i])
            p5 = fma(p5, x, w0); q5 = fma(q5, x, w1)
            x = splat(a4[2 &* lda &+ i])
            p6 = fma(p6, x, w0); q6 = fma(q6, x, w1)
            x = splat(a4[3 &* lda &+ i])
            p7 = fma(p7, x, w0); q7 = fma(q7, x, w1)
            i &+= 1
        }
        store(p0, c); store(q0, c + 16)
        store(p1, c + ldc); store(q1, c + (ldc &+ 16))
        store(p2, c + 2 &* ldc); store(q2, c + (2 &* ldc &+ 16))
        store(p3, c + 3 &* ldc); store(q3, c + (3 &* ldc &+ 16))
        store(p4, c + 4 &* ldc); store(q4, c + (4 &* ldc &+ 16))
        store(p5, c + 5 &* ldc); store(q5, c + (5 &* ldc &+ 16))
        store(p6, c + 6 &* ldc); store(q6, c + (6 &* ldc &+ 16))
        store(p7, c + 7 &* ldc); store(q7, c + (7 &* ldc &+ 16))
    }

    @inline(__always)
    func tile8x1(
        _ inputs: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ w: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        let b = load(bias)
        var p0 = b, p1 = b, p2 = b, p3 = b, p4 = b, p5 = b, p6 = b, p7 = b
        let a4 = a + 4 &* lda
        var i = 0
        while i < inputs {
            let v = load(w + i &* 16)
            p0 = fma(p0, splat(a[i]), v)
            p1 = fma(p1, splat(a[lda &+ i]), v)
            p2 = fma(p2, splat(a[2 &* lda &+ i]), v)
            p3 = fma(p3, splat(a[3 &* lda &+ i]), v)
            p4 = fma(p4, splat(a4[i]), v)
            p5 = fma(p5, splat(a4[lda &+ i]), v)
            p6 = fma(p6, splat(a4[2 &* lda &+ i]), v)
            p7 = fma(p7, splat(a4[3 &* lda &+ i]), v)
            i &+= 1
        }
        store(p0, c)
        store(p1, c + ldc)
        store(p2, c + 2 &* ldc)
        store(p3, c + 3 &* ldc)
        store(p4, c + 4 &* ldc)
        store(p5, c + 5 &* ldc)
        store(p6, c + 6 &* ldc)
        store(p7, c + 7 &* ldc)
    }

    @inline(__always)
    func tile4x2(
        _ inputs: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ w: UnsafePointer<Float>, _ blockSize: Int,
        _ bias: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        let b0 = load(bias), b1 = load(bias + 16)
        var p0 = b0, p1 = b0, p2 = b0, p3 = b0
        var q0 = b1, q1 = b1, q2 = b1, q3 = b1
        var i = 0
        while i < inputs {
            let w0 = load(w + i &* 16), w1 = load(w + (blockSize &+ i &* 16))
            var x = splat(a[i])
            p0 = fma(p0, x, w0); q0 = fma(q0, x, w1)
            x = splat(a[lda &+ i])
            p1 = fma(p1, x, w0); q1 = fma(q1, x, w1)
            x = splat(a[2 &* lda &+ i])
            p2 = fma(p2, x, w0); q2 = fma(q2, x, w1)
            x = splat(a[3 &* lda &+ i])
            p3 = fma(p3, x, w0); q3 = fma(q3, x, w1)
            i &+= 1
        }
        store(p0, c); store(q0, c + 16)
        store(p1, c + ldc); store(q1, c + (ldc &+ 16))
        store(p2, c + 2 &* ldc); store(q2, c + (2 &* ldc &+ 16))
        store(p3, c + 3 &* ldc); store(q3, c + (3 &* ldc &+ 16))
    }
#endif

@inline(__always)
func tile4x1(
    _ inputs: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ w: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
    let b = load(bias)
    var p0 = b, p1 = b, p2 = b, p3 = b
    var i = 0
    while i < inputs {
        let v = load(w + i &* 16)
        p0 = fma(p0, splat(a[i]), v)
        p1 = fma(p1, splat(a[lda &+ i]), v)
        p2 = fma(p2, splat(a[2 &* lda &+ i]), v)
        p3 = fma(p3, splat(a[3 &* lda &+ i]), v)
        i &+= 1
    }
    store(p0, c)
    store(p1, c + ldc)
    store(p2, c + 2 &* ldc)
    store(p3, c + 3 &* ldc)
}

#if KERNELS_AVX512
    /// Eight independent chains: as many as two multiply-adds of four cycles need to be in flight.
    @inline(__always)
    func tile1x8(
        _ inputs: Int, _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ blockSize: Int, _ bias: UnsafePointer<Float>,
        _ c: UnsafeMutablePointer<Float>
    ) {
        var p0 = load(bias), p1 = load(bias + 16), p2 = load(bias + 32), p3 = load(bias + 48)
        var p4 = load(bias + 64), p5 = load(bias + 80), p6 = load(bias + 96), p7 = load(bias + 112)
        let v = w + 4 &* blockSize
        var i = 0
        while i < inputs {
            let x = splat(a[i])
            let u = w + i &* 16, t = v + i &* 16
            p0 = fma(p0, x, load(u))
            p1 = fma(p1, x, load(u + blockSize))
            p2 = fma(p2, x, load(u + 2 &* blockSize))
            p3 = fma(p3, x, load(u + 3 &* blockSize))
            p4 = fma(p4, x, load(t))
            p5 = fma(p5, x, load(t + blockSize))
            p6 = fma(p6, x, load(t + 2 &* blockSize))
            p7 = fma(p7, x, load(t + 3 &* blockSize))
            i &+= 1
        }
        store(p0, c)
        store(p1, c + 16)
        store(p2, c + 32)
        store(p3, c + 48)
        store(p4, c + 64)
        store(p5, c + 80)
        store(p6, c + 96)
        store(p7, c + 112)
    }
#endif

@inline(__always)
func tile1x4(
    _ inputs: Int, _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ blockSize: Int, _ bias: UnsafePointer<Float>,
    _ c: UnsafeMutablePointer<Float>
) {
    var p0 = load(bias), p1 = load(bias + 16), p2 = load(bias + 32), p3 = load(bias + 48)
    let w1 = w + blockSize, w2 = w + 2 &* blockSize, w3 = w + 3 &* blockSize
    var i = 0
    while i < inputs {
        let x = splat(a[i])
        p0 = fma(p0, x, load(w + i &* 16))
        p1 = fma(p1, x, load(w1 + i &* 16))
        p2 = fma(p2, x, load(w2 + i &* 16))
        p3 = fma(p3, x, load(w3 + i &* 16))
        i &+= 1
    }
    store(p0, c)
    store(p1, c + 16)
    store(p2, c + 32)
    store(p3, c + 48)
}

@inline(__always)
func tile1x1(
    _ inputs: Int, _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ c: UnsafeMutablePointer<Float>
) {
    var p = load(bias)
    var i = 0
    while i < inputs {
        p = fma(p, splat(a[i]), load(w + i &* 16))
        i &+= 1
    }
    store(p, c)
}
