/// A one-dimensional convolution (PyTorch's `Conv1d`), computed directly: rows are [position, channel], so the taps
/// that an output needs lie in one piece, and the whole layer is one matrix product over overlapping rows.
/// `SpectralConv1D` is the form for long kernels.
public final class Conv1D {
    public let inputChannels: Int
    public let outputChannels: Int
    public let taps: Int
    public let stride: Int
    /// Floats between positions of the output: `outputChannels` padded to 16. The padding is written (with zeros).
    public var outputStride: Int { padded(outputChannels) }
    private let product: Dense

    /// - Parameter prefix: the tensors are `prefix.weight` [out, in, taps] and, unless `hasBias` is false,
    ///   `prefix.bias` [out]
    public init(
        _ prefix: String, inputChannels: Int, outputChannels: Int, taps: Int, stride: Int = 1, hasBias: Bool = true,
        from file: Safetensors, kernels: Kernels = Kernels()
    ) throws(ModelError) {
        let weight = try file.tensor(named: prefix + ".weight", shape: tensorShape(outputChannels, inputChannels, taps))
        let bias: Tensor? = hasBias ? try file.tensor(named: prefix + ".bias", shape: tensorShape(outputChannels)) : nil
        // Input i of the product is tap i / channels of channel i mod channels.
        product = try Dense(rows: outputChannels, inputs: taps * inputChannels, kernels: kernels, bias: bias) { output, i in
            weight.values[(output * inputChannels + i % inputChannels) * taps + i / inputChannels]
        }
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.taps = taps
        self.stride = stride
    }

    /// - Parameters:
    ///   - input: (positions − 1)·stride + taps positions of `inputChannels` values. Padding is the caller's: for a
    ///     stream it is the past, and otherwise rows of zeros before and after.
    ///   - output: `positions` rows, `outputStride` floats apart
    public func forward(_ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, positions: Int) {
        product.forward(input, inputStride: stride * inputChannels, output, rows: positions)
    }
}
