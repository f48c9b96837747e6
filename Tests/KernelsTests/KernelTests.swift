import CRealtime
import Neural
import Testing

/// Every instruction set's kernels against plain sums in double precision, at shapes that no tile divides, with
/// strides wider than the rows, and sentinels around what may be written.
@Suite struct KernelTests {
    static let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }

    struct Generator {
        var state: UInt64
        mutating func next() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(bitPattern: state) >> 40) / 8_388_608
        }
        mutating func values(_ count: Int) -> [Float] { (0..<count).map { _ in next() } }
    }

    @Test func theEnvironmentLowersTheLevel() {
        #expect(Kernels().level == Int(cr_vector_level()))
        #expect(Kernels(atMost: 0).level == 0)
        for level in Self.levels { #expect(Kernels(atMost: level).level == level) }
    }

    @Test(arguments: levels) func multiply(level: Int) {
        let kernels = Kernels(atMost: level)
        var random = Generator(state: 1)
        for rows in [1, 2, 3, 4, 7, 8, 11, 17] {
            for blocks in [1, 2, 3, 5] {
                for inputs in [0, 1, 5, 64, 301] {
                    let inputStride = inputs + 3, outputStride = blocks * 16 + 5
                    let x = random.values(rows * inputStride + 1), w = random.values(blocks * inputs * 16 + 1)
                    let bias = random.values(blocks * 16)
                    var y = [Float](repeating: 99, count: rows * outputStride)
                    kernels.multiply(
                        rows: rows, inputs: inputs, blocks: blocks, input: x, inputStride: inputStride, weights: w,
                        bias: bias, output: &y, outputStride: outputStride)
                    var worst = 0.0
                    for row in 0..<rows {
                        for column in 0..<blocks * 16 {
                            var sum = Double(bias[column])
                            for i in 0..<inputs {
                                let weight = w[column / 16 * inputs * 16 + 16 * i + column % 16]
                                sum += Double(x[row * inputStride + i]) * Double(weight)
                            }
                            worst = max(worst, abs(sum - Double(y[row * outputStride + column])))
                        }
                        for column in blocks * 16..<outputStride where y[row * outputStride + column] != 99 { worst = 99 }
                    }
                    #expect(worst < 3e-5, "\(rows) rows, \(blocks) blocks, \(inputs) inputs")
                }
            }
        }
    }

    @Test(arguments: levels) func multiplySpectra(level: Int) {
        let kernels = Kernels(atMost: level)
        var random = Generator(state: 2)
        for rows in [1, 2, 3, 4, 5, 9] {
            for blocks in [1, 2, 3, 4, 5] {
                for inputs in [1, 4, 33] {
                    let bins = 7
                    let inputRow = 2 * inputs + 1, inputBin = rows * inputRow + 2
                    let outputRow = 32 * blocks + 3, outputBin = rows * outputRow + 1
                    let x = random.values(bins * inputBin), w = random.values(bins * blocks * inputs * 32)
                    var y = [Float](repeating: 99, count: bins * outputBin)
                    y.withUnsafeMutableBufferPointer { y in
                        x.withUnsafeBufferPointer { x in
                            kernels.multiplySpectra(
                                bins: bins, rows: rows, inputs: inputs, blocks: blocks,
                                input: .init(
                                    x.baseAddress!, binStride: inputBin, rowStride: inputRow, imaginary: inputs),
                                weights: w, weightBinStride: blocks * inputs * 32, weightBlockStride: inputs * 32,
                                output: .init(
                                    y.baseAddress!, binStride: outputBin, rowStride: outputRow, imaginary: 16 * blocks))
                        }
                    }
                    var worst = 0.0
                    for bin in 0..<bins {
                        for row in 0..<rows {
                            for column in 0..<16 * blocks {
                                var re = 0.0, im = 0.0
                                for i in 0..<inputs {
                                    let a = Double(x[bin * inputBin + row * inputRow + i])
                                    let b = Double(x[bin * inputBin + row * inputRow + inputs + i])
                                    let at = ((bin * blocks + column / 16) * inputs + i) * 32 + column % 16
                                    let c = Double(w[at]), d = Double(w[at + 16])
                                    re += a * c - b * d
                                    im += a * d + b * c
                                }
                                let at = bin * outputBin + row * outputRow + column
                                worst = max(worst, abs(re - Double(y[at])), abs(im - Double(y[at + 16 * blocks])))
                            }
                            for rest in 32 * blocks..<outputRow where y[bin * outputBin + row * outputRow + rest] != 99 {
                                worst = 99
                            }
                        }
                    }
                    #expect(worst < 1e-5, "\(rows) rows, \(blocks) blocks, \(inputs) inputs")
                }
            }
        }
    }

    @Test(arguments: levels) func transformTaps(level: Int) {
        var random = Generator(state: 3)
        let count = 7, bins = 5
        let taps = random.values(16 * count).map(Double.init), matrix = random.values(2 * bins * count).map(Double.init)
        var output = [Float](repeating: 99, count: bins * 40)
        Kernels(atMost: level).transformTaps(
            taps, count: count, matrix: matrix, bins: bins, output: &output, binStride: 40)
        for bin in 0..<bins {
            for lane in 0..<40 {
                var sum = 99.0
                if lane < 32 {
                    sum = 0
                    for k in 0..<count { sum += taps[16 * k + lane % 16] * matrix[2 * (bin * count + k) + lane / 16] }
                }
                #expect(abs(Double(output[40 * bin + lane]) - sum) <= 1e-7 * max(1, abs(sum)))
            }
        }
    }

    /// The levels agree with each other to rounding on the rest, whose exactness NeuralTests sees to.
    @Test(arguments: levels) func pointwise(level: Int) {
        let kernels = Kernels(atMost: level), plain = Kernels(atMost: 0)
        var random = Generator(state: 4)
        let values = random.values(16 * 21 + 5)
        let scale = random.values(19), shift = random.values(19)
        func both(_ count: Int, _ body: (Kernels, UnsafeMutablePointer<Float>) -> Void) -> Float {
            var a = [Float](repeating: 99, count: count + 1), b = a
            body(kernels, &a)
            body(plain, &b)
            #expect(a[count] == 99 && b[count] == 99)
            return zip(a, b).map { abs($0 - $1) }.max()!
        }
        #expect(
            both(17 * 19) {
                $0.affine(rows: 17, channels: 19, input: values, scale: scale, shift: shift, output: $1)
            } < 1e-6)
        #expect(
            both(8 * 19) { $0.maximumOfRows(rows: 8, channels: 19, size: 3, stride: 2, input: values, output: $1) } == 0)
        #expect(
            both(17 * 19) {
                $0.normaliseRows(
                    rows: 17, channels: 19, input: values, epsilon: 1e-5, scale: scale, shift: shift, output: $1)
            } < 1e-5)
        #expect(both(341) { $0.standardise(count: 341, input: values, least: 1e-10, output: $1) } < 1e-5)
        for activation in [Activation.relu, .sigmoid, .tanh, .exp] {
            #expect(both(341) { $0.apply(activation, count: 341, input: values, output: $1) } < 1e-6)
        }
    }
}
