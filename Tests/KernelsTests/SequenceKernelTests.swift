import Foundation
import Neural
import Testing

/// The kernels of layers over sequences, in the same way: plain sums in double precision, and nothing written but what should be.
@Suite struct SequenceKernelTests {
    static let levels = KernelTests.levels

    @Test(arguments: levels) func convolveDepthwise(level: Int) {
        let kernels = Kernels(atMost: level)
        var random = KernelTests.Generator(state: 31)
        for (rows, blocks, taps) in [(1, 1, 7), (2, 2, 3), (5, 1, 7), (40, 3, 7), (3, 2, 1)] {
            let stride = 16 * blocks + 16
            let x = random.values(rows * stride), w = random.values(taps * stride), bias = random.values(stride)
            var y = [Float](repeating: 99, count: rows * stride)
            kernels.convolveDepthwise(
                rows: rows, blocks: blocks, taps: taps, stride: stride, input: x, weights: w, bias: bias, output: &y)
            for row in 0..<rows {
                for c in 0..<stride {
                    var sum = Double(bias[c])
                    for k in 0..<taps where (0..<rows).contains(row + k - taps / 2) {
                        sum += Double(x[(row + k - taps / 2) * stride + c]) * Double(w[k * stride + c])
                    }
                    #expect(c < 16 * blocks ? abs(Double(y[row * stride + c]) - sum) < 1e-6 : y[row * stride + c] == 99)
                }
            }
        }
    }

    @Test(arguments: levels) func addScaled(level: Int) {
        var random = KernelTests.Generator(state: 32)
        let stride = 48
        let x = random.values(5 * stride), scale = random.values(32), before = random.values(5 * stride)
        var y = before
        Kernels(atMost: level).addScaled(rows: 5, blocks: 2, stride: stride, input: x, scale: scale, output: &y)
        for i in y.indices {
            let c = i % stride
            #expect(c < 32 ? abs(y[i] - (before[i] + x[i] * scale[c])) < 1e-6 : y[i] == before[i])
        }
    }

    @Test(arguments: levels) func softmaxRows(level: Int) {
        var random = KernelTests.Generator(state: 33)
        for count in [1, 2, 15, 16, 17, 33, 64, 250] {
            let stride = (count + 15) / 16 * 16 + 16
            // Of any size: only differences count.
            let offset: Float = count % 2 == 0 ? 1e4 : -1e4
            let x = random.values(3 * stride).map { 20 * $0 + offset }
            var y = x
            Kernels(atMost: level).softmaxRows(rows: 3, count: count, stride: stride, values: &y)
            for row in 0..<3 {
                let values = x[row * stride..<row * stride + count].map(Double.init)
                let top = values.max()!
                let sum = values.reduce(0) { $0 + exp($1 - top) }
                for c in 0..<stride {
                    let found = y[row * stride + c]
                    if c < count {
                        #expect(abs(Double(found) - exp(values[c] - top) / sum) < 1e-6)
                    } else {
                        #expect(found == (c < stride - 16 ? 0 : x[row * stride + c]))
                    }
                }
            }
        }
    }

    @Test(arguments: levels) func rotatePairs(level: Int) {
        var random = KernelTests.Generator(state: 34)
        for (heads, half) in [(1, 16), (3, 8), (2, 24), (2, 32)] {
            let width = 2 * heads * half, inputStride = width + 5, outputStride = width + 3
            let x = random.values(4 * inputStride), angles = random.values(4 * half)
            let c = angles.map { Float(cos(Double($0))) }, s = angles.map { Float(sin(Double($0))) }
            var y = [Float](repeating: 99, count: 4 * outputStride)
            Kernels(atMost: level).rotatePairs(
                rows: 4, heads: heads, half: half, input: x, inputStride: inputStride, cosines: c, sines: s, scale: 0.5,
                output: &y, outputStride: outputStride)
            for row in 0..<4 {
                for head in 0..<heads {
                    for i in 0..<half {
                        let at = 2 * half * head + i
                        let re = x[row * inputStride + at], im = x[row * inputStride + at + half]
                        let a = c[row * half + i], b = s[row * half + i]
                        #expect(abs(y[row * outputStride + at] - 0.5 * (re * a - im * b)) < 1e-6)
                        #expect(abs(y[row * outputStride + at + half] - 0.5 * (im * a + re * b)) < 1e-6)
                    }
                }
                #expect(y[row * outputStride + width..<(row + 1) * outputStride].allSatisfy { $0 == 99 })
            }
        }
    }

    @Test(arguments: levels) func packs(level: Int) {
        let kernels = Kernels(atMost: level)
        var random = KernelTests.Generator(state: 35)
        for (rows, columns) in [(1, 16), (16, 32), (17, 16), (45, 48)] {
            let stride = columns + 7
            let x = random.values(rows * stride)
            let blocks = (rows + 15) / 16
            var y = [Float](repeating: 99, count: blocks * columns * 16 + 1)
            kernels.packTransposed(rows: rows, columns: columns, input: x, stride: stride, output: &y)
            for i in 0..<blocks * columns * 16 {
                let row = i / (16 * columns) * 16 + i % 16, column = i / 16 % columns
                #expect(y[i] == (row < rows ? x[row * stride + column] : 0))
            }
            #expect(y.last == 99)
            y = [Float](repeating: 99, count: columns * rows + 1)
            kernels.packRows(rows: rows, blocks: columns / 16, input: x, stride: stride, output: &y)
            for i in 0..<columns * rows {
                #expect(y[i] == x[i / 16 % rows * stride + i / (16 * rows) * 16 + i % 16])
            }
            #expect(y.last == 99)
        }
    }
}
