import Neural

/// Dense to a width, blocks, layer normalisation: the trunk of encoder, line head and mix encoder.
final class ConvNeXtStack {
    let inputs: Int
    let width: Int
    /// Floats between rows of the output: the width padded to 16.
    var stride: Int { enter.outputStride }
    /// Rows to each side that a row's result depends on.
    var reach: Int { ConvNeXtBlock.reach * blocks.count }
    private let enter: Dense
    private let blocks: [ConvNeXtBlock]
    private let norm: LayerNorm

    /// - Parameter prefix: `prefix.enter` [width, inputs], `prefix.blocks.0` …, `prefix.norm`
    init(_ prefix: String, inputs: Int, from file: Safetensors, kernels: Kernels) throws(ModelError) {
        let width = try ModelChecks.rows(file, prefix + ".enter.weight", limits: 8...1024)
        enter = try Dense(prefix + ".enter", inputs: inputs, outputs: width, from: file, kernels: kernels)
        let count = try ModelChecks.blocks(file, prefix + ".blocks.", ".depth.weight", most: 16)
        var blocks: [ConvNeXtBlock] = []
        for i in 0..<count {
            blocks.append(try ConvNeXtBlock(prefix + ".blocks.\(i)", channels: width, from: file, kernels: kernels))
        }
        norm = try LayerNorm(prefix + ".norm", channels: width, from: file, kernels: kernels)
        self.blocks = blocks
        self.inputs = inputs
        self.width = width
    }

    func workspaceCount(rows: Int) -> Int { blocks.first?.workspaceCount(rows: rows) ?? 0 }

    /// - Parameters:
    ///   - input: `rows` rows, `inputStride` floats apart
    ///   - output: `rows` rows, `stride` floats apart
    ///   - workspace: `workspaceCount(rows:)` floats
    func forward(
        _ input: UnsafePointer<Float>, inputStride: Int, _ output: UnsafeMutablePointer<Float>, rows: Int,
        workspace: UnsafeMutablePointer<Float>, control: TakeControl?
    ) throws(TakeError) {
        enter.forward(input, inputStride: inputStride, output, rows: rows)
        for block in blocks {
            try check(control)
            block.forward(output, rows: rows, workspace: workspace)
        }
        norm.forward(output, output, rows: rows, stride: stride)
    }
}

@inline(__always)
func check(_ control: TakeControl?) throws(TakeError) {
    if let control, control.isCancelled { throw .cancelled }
}

/// Memory for a take; the error is a take's.
func floats(_ count: Int) throws(TakeError) -> FloatBuffer {
    do throws(ModelError) {
        return try FloatBuffer(count: count)
    } catch {
        throw .model(error)
    }
}
