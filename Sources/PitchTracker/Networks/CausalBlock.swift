import Neural

/// The weights of a residual block of Continuo's own pitch networks: a depthwise convolution over three frames (now, one and two
/// dilations ago) and a few positions, then two pointwise ones.
final class CausalBlock {
    let taps: Int
    let dilation: Int
    /// [frame (oldest first), position, channel]
    let depthwise: FloatBuffer
    let bias: FloatBuffer
    let widen: Dense
    let narrow: Dense
    private let kernels: Kernels

    /// Most channels between the two pointwise layers.
    static var widest: Int { 128 }

    /// Tensors `name.depthwise.weight` [width, 3, taps], `name.depthwise.bias` [width], `name.widen` and `name.narrow` (weight and bias).
    init(
        _ name: String, width: Int, taps: Int, dilation: Int, from file: Safetensors, kernels: Kernels
    ) throws(ModelError) {
        self.taps = taps
        self.dilation = dilation
        self.kernels = kernels
        let weight = try file.tensor(named: name + ".depthwise.weight", shape: tensorShape(width, 3, taps))
        depthwise = try Self.transposed(weight, taps: 3 * taps, copies: 1)
        bias = try FloatBuffer(count: width)
        let values = try file.tensor(named: name + ".depthwise.bias", shape: tensorShape(width)).values
        for channel in 0..<width { bias.base[channel] = values[channel] }
        guard let shape = file.shape(of: name + ".widen.weight"), shape.count == 2, (1...Self.widest).contains(shape[0]) else {
            throw .unsuitable(
                path: file.path, reason: "tensor " + name + ".widen.weight is missing, or not of 1 to \(Self.widest) rows")
        }
        widen = try Dense(name + ".widen", inputs: width, outputs: shape[0], from: file, kernels: kernels)
        narrow = try Dense(name + ".narrow", inputs: shape[0], outputs: width, from: file, kernels: kernels)
    }

    /// [width, taps] → [taps, copies, width]
    static func transposed(_ weight: Tensor, taps: Int, copies: Int) throws(ModelError) -> FloatBuffer {
        let width = weight.count / taps
        let buffer = try FloatBuffer(count: taps * copies * width)
        for tap in 0..<taps {
            for i in 0..<(copies * width) { buffer.base[tap * copies * width + i] = weight.values[i % width * taps + tap] }
        }
        return buffer
    }

    /// The depthwise part: `output` [positions, width].
    func convolve(_ past: FrameHistory, _ output: UnsafeMutablePointer<Float>) {
        kernels.convolveMoments(
            rows: past.positions, blocks: past.width / 16, taps: taps, oldest: past.oldest, middle: past.middle,
            newest: past.newest, weights: depthwise.base, bias: bias.base, output: output)
    }

    /// What the pointwise layers make of it, added to `h` [positions, width].
    ///
    /// - Parameters: wide, narrowed: room for positions · `widest`, and for positions · width
    func add(
        _ spread: UnsafePointer<Float>, to h: UnsafeMutablePointer<Float>, positions: Int, wide: UnsafeMutablePointer<Float>,
        narrowed: UnsafeMutablePointer<Float>
    ) {
        widen.forward(spread, inputStride: widen.inputs, wide, rows: positions)
        Activation.relu.forward(wide, wide, count: positions * widen.outputStride, kernels: kernels)
        narrow.forward(wide, inputStride: widen.outputStride, narrowed, rows: positions)
        kernels.add(count: positions * narrow.outputs, input: narrowed, output: h)
    }
}
