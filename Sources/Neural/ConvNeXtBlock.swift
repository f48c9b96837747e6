/// A block over sequences: depthwise convolution of 7 taps, layer normalisation, dense to thrice the width, GELU, dense back; added
/// to what came in. After Liu et al., "A ConvNet for the 2020s" (2022), in one dimension and without their layer scale.
public final class ConvNeXtBlock {
    public let channels: Int
    /// Rows to each side that a row's result depends on.
    public static var reach: Int { 3 }
    /// Floats between rows: `channels` padded to 16.
    public var stride: Int { padded(channels) }
    private let depth: DepthwiseConv1D
    private let norm: LayerNorm
    private let up: Dense
    private let down: Dense
    private let ones: FloatBuffer
    private let kernels: Kernels

    /// - Parameter prefix: the layers are `prefix.depth`, `.norm`, `.up` [3·channels, channels] and `.down` [channels, 3·channels]
    public init(_ prefix: String, channels: Int, from file: Safetensors, kernels: Kernels = Kernels()) throws(ModelError) {
        depth = try DepthwiseConv1D(
            prefix + ".depth", channels: channels, taps: 2 * Self.reach + 1, from: file, kernels: kernels)
        norm = try LayerNorm(prefix + ".norm", channels: channels, from: file, kernels: kernels)
        up = try Dense(prefix + ".up", inputs: channels, outputs: 3 * channels, from: file, kernels: kernels)
        down = try Dense(prefix + ".down", inputs: 3 * channels, outputs: channels, from: file, kernels: kernels)
        ones = try FloatBuffer(count: padded(channels))
        for c in 0..<channels { ones.base[c] = 1 }
        self.channels = channels
        self.kernels = kernels
    }

    /// Floats that `forward` needs as a workspace.
    public func workspaceCount(rows: Int) -> Int { rows * (stride + up.outputStride) }

    /// - Parameters:
    ///   - values: `rows` rows, `stride` floats apart, zeros after the last channel; replaced by the result
    ///   - workspace: `workspaceCount(rows:)` floats
    public func forward(_ values: UnsafeMutablePointer<Float>, rows: Int, workspace: UnsafeMutablePointer<Float>) {
        let narrow = workspace, wide = workspace + rows * stride
        depth.forward(values, narrow, rows: rows)
        norm.forward(narrow, narrow, rows: rows, stride: stride)
        up.forward(narrow, inputStride: stride, wide, rows: rows)
        Activation.gelu.forward(wide, wide, count: rows * up.outputStride, kernels: kernels)
        down.forward(wide, inputStride: up.outputStride, narrow, rows: rows)
        kernels.addScaled(
            rows: rows, blocks: stride / 16, stride: stride, input: narrow, scale: ones.base, output: values)
    }
}
