/// A convolution over time of each channel by itself (PyTorch's `Conv1d` with as many groups as channels), of an odd number of taps,
/// with zeros beyond both ends: as many rows come out as go in.
public final class DepthwiseConv1D {
    public let channels: Int
    public let taps: Int
    /// Floats between rows: `channels` padded to 16.
    public var stride: Int { padded(channels) }
    private let weights: FloatBuffer
    private let bias: FloatBuffer
    private let kernels: Kernels

    /// - Parameter prefix: the tensors are `prefix.weight` [channels, 1, taps] and `prefix.bias` [channels]
    public init(
        _ prefix: String, channels: Int, taps: Int, from file: Safetensors, kernels: Kernels = Kernels()
    ) throws(ModelError) {
        precondition(taps % 2 == 1)
        let weight = try file.tensor(named: prefix + ".weight", shape: [channels, 1, taps])
        let shift = try file.tensor(named: prefix + ".bias", shape: [channels])
        let stride = padded(channels)
        weights = try FloatBuffer(count: taps * stride)
        bias = try FloatBuffer(count: stride)
        for c in 0..<channels {
            for k in 0..<taps { weights.base[k * stride + c] = weight.values[c * taps + k] }
            bias.base[c] = shift.values[c]
        }
        self.channels = channels
        self.taps = taps
        self.kernels = kernels
    }

    /// - Parameters: input, output: `rows` rows, `stride` floats apart, zeros after the last channel; not the same
    public func forward(_ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows: Int) {
        kernels.convolveDepthwise(
            rows: rows, blocks: stride / 16, taps: taps, stride: stride, input: input, weights: weights.base, bias: bias.base,
            output: output)
    }
}
