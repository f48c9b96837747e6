import Neural
import Testing

/// Each layer against PyTorch in double precision, at every instruction set.
@Suite struct LayerTests {
    let vectors: Vectors

    init() throws { vectors = try Vectors("neural/layers.safetensors") }

    @Test(arguments: levels, ["dense", "denseWide"]) func dense(level: Int, name: String) throws {
        let weight = try vectors.shape(name + ".weight"), expected = try vectors.tensor(name + ".output")
        let layer = try Dense(
            name, inputs: weight[1], outputs: weight[0], from: vectors.file, kernels: Kernels(atMost: level))
        let count = expected.shape[0]
        let input = try vectors.array(name + ".input")
        var output = [Float](repeating: .nan, count: count * layer.outputStride)
        layer.forward(input, inputStride: weight[1], &output, rows: count)
        let (worst, scale) = difference(
            unpad(output, count, stride: layer.outputStride, width: weight[0]), expected.values)
        #expect(worst <= 1e-6 * scale)
        // Rows one by one have the same bits as together.
        var alone = [Float](repeating: .nan, count: layer.outputStride)
        for row in 0..<count {
            input.withUnsafeBufferPointer {
                layer.forward($0.baseAddress! + row * weight[1], inputStride: weight[1], &alone, rows: 1)
            }
            #expect(alone == Array(output[row * layer.outputStride..<(row + 1) * layer.outputStride]))
        }
    }

    @Test(arguments: levels, [("conv", 1, 2), ("convStrided", 2, 0)])
    func conv1D(level: Int, example: (name: String, stride: Int, padding: Int)) throws {
        let weight = try vectors.shape(example.name + ".weight"), expected = try vectors.tensor(example.name + ".output")
        let layer = try Conv1D(
            example.name, inputChannels: weight[1], outputChannels: weight[0], taps: weight[2], stride: example.stride,
            from: vectors.file, kernels: Kernels(atMost: level))
        let zeros = [Float](repeating: 0, count: example.padding * weight[1])
        let input = try zeros + vectors.tensor(example.name + ".input").values + zeros
        let positions = expected.shape[0]
        var output = [Float](repeating: .nan, count: positions * layer.outputStride)
        layer.forward(input, &output, positions: positions)
        let (worst, scale) = difference(
            unpad(output, positions, stride: layer.outputStride, width: weight[0]), expected.values)
        #expect(worst <= 1e-6 * scale)
    }

    struct Convolution: Sendable, CustomTestStringConvertible {
        var name: String
        var stride = 1
        var padding: (Int, Int)
        var testDescription: String { name }
    }

    static let convolutions = [
        Convolution(name: "spectral", padding: (31, 32)),
        Convolution(name: "spectralShort", padding: (31, 32)),
        Convolution(name: "spectralStrided", stride: 4, padding: (254, 254)),
        Convolution(name: "spectralValid", padding: (0, 0)),
        Convolution(name: "spectralCausal", stride: 2, padding: (30, 0)),
    ]

    @Test(arguments: levels, convolutions) func spectralConv1D(level: Int, example: Convolution) throws {
        let expected = try vectors.tensor(example.name + ".output")
        let layer = try SpectralConv1D(
            weight: vectors.tensor(example.name + ".weight"), bias: vectors.tensor(example.name + ".bias"),
            stride: example.stride, padding: example.padding, inputLength: vectors.shape(example.name + ".input")[0],
            kernels: Kernels(atMost: level))
        try compare(layer, example.name, expected, tolerance: 2e-6)
    }

    /// Convolution, ReLU, batch normalisation and pooling in one.
    @Test(arguments: levels) func spectralEpilogue(level: Int) throws {
        let kernels = Kernels(atMost: level)
        let layer = try SpectralConv1D(
            weight: vectors.tensor("block.weight"), bias: vectors.tensor("block.bias"), padding: (31, 32), inputLength: 64,
            epilogue: .init(
                relu: true,
                affine: ChannelAffine(
                    batchNorm: "block_BN", channels: 48, epsilon: 1e-3, from: vectors.file, kernels: kernels),
                pool: true),
            kernels: kernels)
        try compare(layer, "block", vectors.tensor("block.output"), tolerance: 2e-6)
    }

    /// The golden output, and the same bits wherever in a batch a sequence stands, whatever surrounds it.
    private func compare(_ layer: SpectralConv1D, _ name: String, _ expected: Tensor, tolerance: Float) throws {
        let width = (layer.outputChannels + 15) / 16 * 16
        let outputStride = layer.outputLength * width
        #expect(expected.shape == [layer.outputLength, layer.outputChannels])
        let golden = try Array(vectors.tensor(name + ".input").values)
        var first: [Float] = []
        for batch in 1...11 {
            var random = SystemRandomNumberGenerator()
            let place = batch / 2
            let input = (0..<batch).flatMap { sequence in
                sequence == place ? golden : golden.indices.map { _ in Float.random(in: -9...9, using: &random) }
            } + [Float](repeating: .nan, count: 16)
            var output = [Float](repeating: .nan, count: batch * outputStride)
            var workspace = [Float](repeating: .nan, count: layer.workspaceCount(batch: batch))
            layer.forward(
                input, inputStride: golden.count, &output, outputStride: outputStride, batch: batch, workspace: &workspace)
            let one = Array(output[place * outputStride..<(place + 1) * outputStride])
            if batch == 1 {
                first = one
                let (worst, scale) = difference(
                    unpad(one, layer.outputLength, stride: width, width: layer.outputChannels), expected.values)
                #expect(worst <= tolerance * scale)
            }
            #expect(one == first)
        }
    }

    @Test(arguments: levels) func batchNorm(level: Int) throws {
        let expected = try vectors.tensor("batchNorm.output")
        let layer = try ChannelAffine(
            batchNorm: "batchNorm", channels: 21, epsilon: 1e-3, from: vectors.file, kernels: Kernels(atMost: level))
        var values = try vectors.array("batchNorm.input")
        values.withUnsafeMutableBufferPointer { layer.forward($0.baseAddress!, $0.baseAddress!, rows: 7) }
        let (worst, scale) = difference(Array(values.dropLast(16)), expected.values)
        #expect(worst <= 1e-6 * scale)
    }

    @Test(arguments: levels) func layerNorm(level: Int) throws {
        let expected = try vectors.tensor("layerNorm.output")
        let layer = try LayerNorm("layerNorm", channels: 45, from: vectors.file, kernels: Kernels(atMost: level))
        let input = try vectors.array("layerNorm.input")
        var output = [Float](repeating: .nan, count: expected.count)
        layer.forward(input, &output, rows: 6)
        let (worst, scale) = difference(output, expected.values)
        #expect(worst <= 1e-6 * scale)
    }

    @Test(arguments: levels, [(2, 2), (3, 2)]) func maxPool(level: Int, form: (size: Int, stride: Int)) throws {
        let expected = try vectors.tensor("maxPool\(form.size)\(form.stride).output")
        let layer = MaxPool1D(size: form.size, stride: form.stride, kernels: Kernels(atMost: level))
        #expect(layer.outputLength(19) == expected.shape[0])
        let input = try vectors.array("maxPool.input")
        var output = [Float](repeating: .nan, count: expected.count)
        layer.forward(input, count: 19, channels: 23, &output)
        #expect(difference(output, expected.values).worst == 0)
    }

    @Test(arguments: levels) func gru(level: Int) throws {
        let expected = try vectors.tensor("gru.output")
        let cell = try GRUCell(
            "gru", suffix: "_l0", inputs: 10, units: 27, from: vectors.file, kernels: Kernels(atMost: level))
        let input = try vectors.array("gru.input")
        var state = try Array(vectors.tensor("gru.state").values)
        var workspace = [Float](repeating: .nan, count: cell.workspaceCount)
        var outputs: [Float] = []
        for step in 0..<12 {
            input.withUnsafeBufferPointer {
                cell.forward($0.baseAddress! + 10 * step, state: &state, workspace: &workspace)
            }
            outputs += state
        }
        let (worst, _) = difference(outputs, expected.values)
        #expect(worst <= 1e-6)
    }

    /// Within the errors that Activation states; at every count, so that the last lanes are seen too.
    @Test(arguments: levels) func activations(level: Int) throws {
        let kernels = Kernels(atMost: level)
        let input = try Array(vectors.tensor("activation.input").values)
        func forward(_ activation: Activation) -> [Float] {
            var output = input
            activation.forward(input, &output, count: input.count, kernels: kernels)
            return output
        }
        func worst(_ got: [Float], _ name: String, relative: Bool) throws -> Float {
            var worst: Float = 0
            for ((x, got), want) in try zip(zip(input, got), vectors.tensor("activation." + name).values)
            where name != "exp" || (x >= -87 && x <= 88) {
                if got == want { continue }
                let error = abs(got - want) / (relative ? abs(want) : 1)
                worst = error.isNaN ? .infinity : max(worst, error)
            }
            return worst
        }
        #expect(try worst(forward(.sigmoid), "sigmoid", relative: false) <= 2e-7)
        #expect(try worst(forward(.tanh), "tanh", relative: true) <= 3e-7)
        #expect(try worst(forward(.exp), "exp", relative: true) <= 3e-7)
        #expect(try worst(forward(.relu), "relu", relative: true) == 0)
        for activation in [Activation.sigmoid, .tanh, .exp] {
            let whole = forward(activation)
            for count in 0...40 {
                var part = [Float](repeating: -7, count: count + 1)
                activation.forward(input, &part, count: count, kernels: kernels)
                #expect(Array(part[..<count]) == Array(whole[..<count]) && part[count] == -7)
            }
            var nan: [Float] = [.nan]
            nan.withUnsafeMutableBufferPointer {
                activation.forward($0.baseAddress!, $0.baseAddress!, count: 1, kernels: kernels)
            }
            #expect(nan[0].isNaN)
            var ends: [Float] = [-.infinity, .infinity]
            ends.withUnsafeMutableBufferPointer {
                activation.forward($0.baseAddress!, $0.baseAddress!, count: 2, kernels: kernels)
            }
            #expect(activation == .exp ? ends[0] <= 2e-38 && ends[1] >= 1e38 : ends[0] <= 1e-37 && ends[1] == 1)
        }
    }

    /// Unit deviation is the unbiased one; a constant gives zeros, however large it is.
    @Test(arguments: levels) func standardise(level: Int) {
        let kernels = Kernels(atMost: level)
        let values = (0..<1003).map { Float(($0 * 7919) % 1003) * 0.01 - 300 }
        var output = values
        kernels.standardise(count: values.count, input: values, least: 1e-10, output: &output)
        let mean = values.reduce(0.0) { $0 + Double($1) } / 1003
        let deviation = (values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 1002).squareRoot()
        for (x, y) in zip(values, output) { #expect(abs(Double(y) - (Double(x) - mean) / deviation) < 2e-5) }
        kernels.standardise(
            count: 1003, input: [Float](repeating: 12345.678, count: 1003), least: 1e-10, output: &output)
        #expect(output.allSatisfy { $0 == 0 })
    }
}
