/// A dense layer, `x·Wᵀ + b`.
public final class Dense {
    public let inputs: Int
    public let outputs: Int
    /// Floats between rows of the output: `outputs` padded to 16. The padding is written (with zeros).
    public var outputStride: Int { padded(outputs) }
    private let weights: FloatBuffer
    private let bias: FloatBuffer
    private let kernels: Kernels

    /// - Parameter prefix: the tensors are `prefix.weight` [outputs, inputs] and, unless `hasBias` is false,
    ///   `prefix.bias` [outputs]
    public convenience init(
        _ prefix: String, inputs: Int, outputs: Int, hasBias: Bool = true, from file: Safetensors,
        kernels: Kernels = Kernels()
    ) throws(ModelError) {
        let weight = try file.tensor(named: prefix + ".weight", shape: tensorShape(outputs, inputs))
        let bias: Tensor? = hasBias ? try file.tensor(named: prefix + ".bias", shape: tensorShape(outputs)) : nil
        try self.init(
            rows: outputs, inputs: inputs, kernels: kernels, bias: bias, value: { weight.values[$0 * inputs + $1] })
    }

    /// Packs a matrix given as a function of output and input.
    package init(
        rows outputs: Int, inputs: Int, kernels: Kernels, bias biasTensor: Tensor?, value: (Int, Int) -> Float
    ) throws(ModelError) {
        weights = try FloatBuffer(count: padded(outputs) * inputs)
        bias = try FloatBuffer(count: padded(outputs))
        for output in 0..<outputs {
            let block = weights.base + output / 16 * 16 * inputs + output % 16
            for input in 0..<inputs { block[16 * input] = value(output, input) }
            if let biasTensor { bias.base[output] = biasTensor.values[output] }
        }
        self.inputs = inputs
        self.outputs = outputs
        self.kernels = kernels
    }

    package func setBias(_ value: (Int) -> Float) {
        for output in 0..<outputs { bias.base[output] = value(output) }
    }

    /// - Parameters:
    ///   - input: `rows` rows of `inputs` values, `inputStride` floats apart
    ///   - output: `rows` rows, `outputStride` floats apart
    public func forward(
        _ input: UnsafePointer<Float>, inputStride: Int, _ output: UnsafeMutablePointer<Float>, rows: Int
    ) {
        kernels.multiply(
            rows: rows, inputs: inputs, blocks: outputStride / 16, input: input, inputStride: inputStride,
            weights: weights.base, bias: bias.base, output: output, outputStride: outputStride)
    }
}
