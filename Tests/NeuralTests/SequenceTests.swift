import Neural
import Testing

/// The layers over sequences against PyTorch in double precision, at every instruction set.
@Suite struct SequenceTests {
    let vectors: Vectors

    init() throws { vectors = try Vectors("neural/sequence.safetensors") }

    /// Rows of a golden input, padded with zeros to whole vectors.
    private func padded(_ name: String) throws -> (values: [Float], rows: Int, stride: Int) {
        let tensor = try vectors.tensor(name)
        let rows = tensor.shape[0], width = tensor.shape[1], stride = (width + 15) / 16 * 16
        var values = [Float](repeating: 0, count: rows * stride)
        for row in 0..<rows {
            for c in 0..<width { values[row * stride + c] = tensor.values[row * width + c] }
        }
        return (values, rows, stride)
    }

    /// Golden output against padded rows, whose padding is still 0.
    private func check(_ rows: [Float], _ stride: Int, _ name: String, tolerance: Float) throws {
        let expected = try vectors.tensor(name)
        let count = expected.shape[0], width = expected.shape[1]
        let (worst, scale) = difference(unpad(rows, count, stride: stride, width: width), expected.values)
        #expect(worst <= tolerance * scale, "\(name): \(worst / scale)")
        for row in 0..<count { #expect(rows[row * stride + width..<(row + 1) * stride].allSatisfy { $0 == 0 }) }
    }

    @Test(arguments: levels, ["depthwise", "depthwiseShort"]) func depthwise(level: Int, name: String) throws {
        let shape = try vectors.shape(name + ".weight")
        let layer = try DepthwiseConv1D(
            name, channels: shape[0], taps: shape[2], from: vectors.file, kernels: Kernels(atMost: level))
        let (input, rows, stride) = try padded(name + ".input")
        var output = [Float](repeating: .nan, count: input.count)
        layer.forward(input, &output, rows: rows)
        try check(output, stride, name + ".output", tolerance: 1e-6)
    }

    @Test(arguments: levels, ["convNeXt", "convNeXtWide"]) func convNeXt(level: Int, name: String) throws {
        let shape = try vectors.shape(name + ".depth.weight")
        let block = try ConvNeXtBlock(name, channels: shape[0], from: vectors.file, kernels: Kernels(atMost: level))
        var (values, rows, stride) = try padded(name + ".input")
        var workspace = [Float](repeating: .nan, count: block.workspaceCount(rows: rows))
        block.forward(&values, rows: rows, workspace: &workspace)
        try check(values, stride, name + ".output", tolerance: 1e-6)
    }

    /// A piece of a sequence gives the same bits as the whole, but for `reach` rows at its ends.
    @Test(arguments: levels) func convNeXtInPieces(level: Int) throws {
        let block = try ConvNeXtBlock("convNeXt", channels: 40, from: vectors.file, kernels: Kernels(atMost: level))
        var (values, rows, stride) = try padded("convNeXt.input")
        var piece = Array(values[5 * stride..<18 * stride])
        var workspace = [Float](repeating: 0, count: block.workspaceCount(rows: rows))
        block.forward(&values, rows: rows, workspace: &workspace)
        block.forward(&piece, rows: 13, workspace: &workspace)
        let reach = ConvNeXtBlock.reach
        #expect(piece[reach * stride..<(13 - reach) * stride] == values[(5 + reach) * stride..<(18 - reach) * stride])
        #expect(piece[..<(reach * stride)] != values[5 * stride..<(5 + reach) * stride])
    }

    @Test(arguments: levels, [("attention", 32, 1), ("attention", 32, 13), ("attention", 32, 150), ("attentionSmall", 16, 33)])
    func attention(level: Int, example: (name: String, head: Int, rows: Int)) throws {
        let width = try vectors.shape(example.name + ".out.weight")[0]
        let layer = try SelfAttention(
            example.name, width: width, head: example.head, from: vectors.file, kernels: Kernels(atMost: level))
        let positions = try RotaryPositions(size: example.head, count: 150)
        let input = try vectors.array("\(example.name)\(example.rows).input")
        var output = [Float](repeating: .nan, count: example.rows * width)
        var workspace = [Float](repeating: .nan, count: layer.workspaceCount(rows: example.rows))
        layer.forward(input, &output, rows: example.rows, positions: positions, workspace: &workspace)
        try check(output, width, "\(example.name)\(example.rows).output", tolerance: 2e-6)
    }

    @Test(arguments: levels) func adaptiveNormalisation(level: Int) throws {
        let (input, rows, stride) = try padded("adaptive.input")
        var output = [Float](repeating: 0, count: input.count)
        try LayerNorm.forward(
            input, &output, rows: rows, channels: 45, stride: stride, scale: vectors.array("adaptive.scale"),
            shift: vectors.array("adaptive.shift"), kernels: Kernels(atMost: level))
        try check(output, stride, "adaptive.output", tolerance: 1e-6)
    }

    @Test(arguments: levels, [(Activation.gelu, "gelu"), (.silu, "silu")])
    func activations(level: Int, example: (function: Activation, name: String)) throws {
        let input = try Array(vectors.tensor("activation.input").values)
        let expected = try vectors.tensor("activation." + example.name).values
        var output = [Float](repeating: .nan, count: input.count)
        example.function.forward(input, &output, count: input.count, kernels: Kernels(atMost: level))
        for (x, (y, wanted)) in zip(input, zip(output, expected)) {
            #expect(abs(y - wanted) <= 4e-7 * abs(x), "\(example.name)(\(x)): \(y), not \(wanted)")
        }
    }
}
