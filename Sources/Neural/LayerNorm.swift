/// Layer normalisation over the channels of each row.
public final class LayerNorm {
    public let channels: Int
    private let scale: FloatBuffer
    private let shift: FloatBuffer
    private let epsilon: Float
    private let kernels: Kernels

    /// - Parameter prefix: the tensors are `prefix.weight` and `prefix.bias`, both [channels]
    public init(
        _ prefix: String, channels: Int, epsilon: Float = 1e-5, from file: Safetensors, kernels: Kernels = Kernels()
    ) throws(ModelError) {
        let weight = try file.tensor(named: prefix + ".weight", shape: tensorShape(channels))
        let bias = try file.tensor(named: prefix + ".bias", shape: tensorShape(channels))
        scale = try FloatBuffer(count: padded(channels))
        shift = try FloatBuffer(count: padded(channels))
        for c in 0..<channels {
            scale.base[c] = weight.values[c]
            shift.base[c] = bias.values[c]
        }
        self.channels = channels
        self.epsilon = epsilon
        self.kernels = kernels
    }

    /// - Parameters:
    ///   - input, output: [rows, channels], rows `stride` floats apart (`channels` if not given); may be the same
    public func forward(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows: Int, stride: Int? = nil
    ) {
        kernels.normaliseRows(
            rows: rows, channels: channels, stride: stride, input: input, epsilon: epsilon, scale: scale.base,
            shift: shift.base, output: output)
    }

    /// The normalisation with the caller's scale and shift in place of a layer's own (adaptive layer normalisation).
    ///
    /// - Parameters: scale, shift: `channels` numbers each; the rest as in `forward`
    public static func forward(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows: Int, channels: Int, stride: Int? = nil,
        epsilon: Float = 1e-5, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, kernels: Kernels
    ) {
        kernels.normaliseRows(
            rows: rows, channels: channels, stride: stride, input: input, epsilon: epsilon, scale: scale, shift: shift,
            output: output)
    }
}
