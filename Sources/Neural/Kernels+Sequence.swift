import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// The kernels of layers over sequences (KernelsBaseline/Sequence.swift).
extension Kernels {
    @inline(never)
    package func convolveDepthwise(
        rows: Int, blocks: Int, taps: Int, stride: Int, input: UnsafePointer<Float>, weights: UnsafePointer<Float>,
        bias: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.convolveDepthwise(rows, blocks, taps, stride, input, weights, bias, output)
        case 2: KernelsAVX2.convolveDepthwise(rows, blocks, taps, stride, input, weights, bias, output)
        default: KernelsBaseline.convolveDepthwise(rows, blocks, taps, stride, input, weights, bias, output)
        }
    }

    @inline(never)
    package func convolveMoments(
        rows: Int, blocks: Int, taps: Int, oldest: UnsafePointer<Float>, middle: UnsafePointer<Float>,
        newest: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.convolveMoments(rows, blocks, taps, oldest, middle, newest, weights, bias, output)
        case 2: KernelsAVX2.convolveMoments(rows, blocks, taps, oldest, middle, newest, weights, bias, output)
        default: KernelsBaseline.convolveMoments(rows, blocks, taps, oldest, middle, newest, weights, bias, output)
        }
    }

    @inline(never)
    package func summariseRows(
        rows: Int, stride: Int, input: UnsafePointer<Float>, greatest: UnsafeMutablePointer<Float>,
        total: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.summariseRows(rows, stride, input, greatest, total)
        case 2: KernelsAVX2.summariseRows(rows, stride, input, greatest, total)
        default: KernelsBaseline.summariseRows(rows, stride, input, greatest, total)
        }
    }

    @inline(never)
    package func addScaled(
        rows: Int, blocks: Int, stride: Int, input: UnsafePointer<Float>, scale: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.addScaled(rows, blocks, stride, input, scale, output)
        case 2: KernelsAVX2.addScaled(rows, blocks, stride, input, scale, output)
        default: KernelsBaseline.addScaled(rows, blocks, stride, input, scale, output)
        }
    }

    @inline(never)
    package func softmaxRows(rows: Int, count: Int, stride: Int, values: UnsafeMutablePointer<Float>) {
        switch level {
        case 3: KernelsAVX512.softmaxRows(rows, count, stride, values)
        case 2: KernelsAVX2.softmaxRows(rows, count, stride, values)
        default: KernelsBaseline.softmaxRows(rows, count, stride, values)
        }
    }

    @inline(never)
    package func rotatePairs(
        rows: Int, heads: Int, half: Int, input: UnsafePointer<Float>, inputStride: Int, cosines: UnsafePointer<Float>,
        sines: UnsafePointer<Float>, scale: Float, output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        switch level {
        case 3:
            KernelsAVX512.rotatePairs(rows, heads, half, input, inputStride, cosines, sines, scale, output, outputStride)
        case 2:
            KernelsAVX2.rotatePairs(rows, heads, half, input, inputStride, cosines, sines, scale, output, outputStride)
        default:
            KernelsBaseline.rotatePairs(rows, heads, half, input, inputStride, cosines, sines, scale, output, outputStride)
        }
    }

    @inline(never)
    package func packTransposed(
        rows: Int, columns: Int, input: UnsafePointer<Float>, stride: Int, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.packTransposed(rows, columns, input, stride, output)
        case 2: KernelsAVX2.packTransposed(rows, columns, input, stride, output)
        default: KernelsBaseline.packTransposed(rows, columns, input, stride, output)
        }
    }

    @inline(never)
    package func packRows(
        rows: Int, blocks: Int, input: UnsafePointer<Float>, stride: Int, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.packRows(rows, blocks, input, stride, output)
        case 2: KernelsAVX2.packRows(rows, blocks, input, stride, output)
        default: KernelsBaseline.packRows(rows, blocks, input, stride, output)
        }
    }
}
