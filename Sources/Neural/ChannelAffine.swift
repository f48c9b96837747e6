import CRealtime

/// `x·scale + shift`, a pair per channel: what a batch normalisation is once training is over.
public final class ChannelAffine {
    public let channels: Int
    package let scale: FloatBuffer
    package let shift: FloatBuffer
    private let kernels: Kernels

    /// Folds a batch normalisation, in double precision: scale = weight/√(running_var + epsilon),
    /// shift = bias − running_mean·scale.
    ///
    /// - Parameter prefix: the tensors are `prefix.weight`, `.bias`, `.running_mean`, `.running_var`, each [channels]
    public init(
        batchNorm prefix: String, channels: Int, epsilon: Double, from file: Safetensors, kernels: Kernels = Kernels()
    ) throws(ModelError) {
        let weight = try file.tensor(named: prefix + ".weight", shape: tensorShape(channels))
        let bias = try file.tensor(named: prefix + ".bias", shape: tensorShape(channels))
        let mean = try file.tensor(named: prefix + ".running_mean", shape: tensorShape(channels))
        let variance = try file.tensor(named: prefix + ".running_var", shape: tensorShape(channels))
        scale = try FloatBuffer(count: padded(channels))
        shift = try FloatBuffer(count: padded(channels))
        for c in 0..<channels {
            let factor = Double(weight.values[c]) / cr_sqrt_f64(Double(variance.values[c]) + epsilon)
            scale.base[c] = Float(factor)
            shift.base[c] = Float(Double(bias.values[c]) - Double(mean.values[c]) * factor)
        }
        self.channels = channels
        self.kernels = kernels
    }

    /// - Parameters: input, output: [rows, channels]; may be the same
    public func forward(_ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows: Int) {
        kernels.affine(rows: rows, channels: channels, input: input, scale: scale.base, shift: shift.base, output: output)
    }
}
