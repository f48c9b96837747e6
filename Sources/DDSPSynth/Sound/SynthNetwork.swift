import Neural

/// The weights of a decoder of sounds (`SynthDecoder`): two dense blocks, a gated recurrent unit, a dense block and a head. Never
/// changes, so any number of decoders on any threads share it.
public final class SynthNetwork: @unchecked Sendable {  // immutable after init
    /// Numbers of what tells one sound from another.
    public static var embeddingSize: Int { 16 }
    /// Numbers that the decoder gives for a frame: log10 amplitudes of 128 harmonics, then log10 densities of 65 noise nodes.
    public static var outputs: Int { FrameSlots.harmonics + FrameSlots.noiseNodes }

    /// Width of the dense layers.
    public let width: Int
    /// Numbers in a voice's recurrent state.
    public let stateSize: Int

    let first: Dense, firstNorm: LayerNorm
    let middle: Dense, middleNorm: LayerNorm
    let recurrent: GRUCell
    let last: Dense, lastNorm: LayerNorm
    let head: Dense
    /// 65 numbers: the K-weighted power (Hz) of noise whose density is 1 at one node and falls linearly in mel to its neighbours.
    let noiseLoudness: FloatBuffer
    package let kernels: Kernels

    /// Checks names, types and shapes, that sizes are within reason, and every value finite and within bounds that keep the
    /// decoder's arithmetic finite whatever it is given.
    ///
    /// - Parameter prefix: what all names begin with
    /// - Throws: `ModelError.unsuitable`, which names the tensor, or `.outOfMemory`
    public init(from file: Safetensors, prefix: String = "", kernels: Kernels = Kernels()) throws(ModelError) {
        guard let input = file.shape(of: prefix + "in.weight"), input.count == 2,
            let hidden = file.shape(of: prefix + "gru.weight_hh"), hidden.count == 2
        else {
            throw .unsuitable(
                path: file.path, reason: "tensor " + prefix + "in.weight or " + prefix + "gru.weight_hh is missing or no matrix")
        }
        let width = input[0], stateSize = hidden[1]
        guard 8...1024 ~= width, 8...1024 ~= stateSize else {
            throw .unsuitable(path: file.path, reason: "its layers' widths \(width) and \(stateSize) are not within 8 to 1024")
        }
        try Self.checkWeights(file, prefix, width: width, stateSize: stateSize)
        self.width = width
        self.stateSize = stateSize
        self.kernels = kernels
        first = try Dense(prefix + "in", inputs: Self.embeddingSize + 2, outputs: width, from: file, kernels: kernels)
        firstNorm = try LayerNorm(prefix + "in_norm", channels: width, from: file, kernels: kernels)
        middle = try Dense(prefix + "mid", inputs: width, outputs: width, from: file, kernels: kernels)
        middleNorm = try LayerNorm(prefix + "mid_norm", channels: width, from: file, kernels: kernels)
        recurrent = try GRUCell(prefix + "gru", inputs: width, units: stateSize, from: file, kernels: kernels)
        last = try Dense(prefix + "post", inputs: stateSize + width, outputs: width, from: file, kernels: kernels)
        lastNorm = try LayerNorm(prefix + "post_norm", channels: width, from: file, kernels: kernels)
        head = try Dense(prefix + "head", inputs: width, outputs: Self.outputs, from: file, kernels: kernels)
        noiseLoudness = try Self.copy(file, prefix + "noise_loudness", [FrameSlots.noiseNodes], 1e-6...1e6)
    }

    /// Shapes, and values: with none beyond 10⁴, and layers normalised in between, no sum in the decoder overflows.
    private static func checkWeights(
        _ file: Safetensors, _ prefix: String, width: Int, stateSize: Int
    ) throws(ModelError) {
        let limits: ClosedRange<Float> = -1e4...1e4
        func check(_ name: String, _ shape: [Int]) throws(ModelError) {
            _ = try values(file, prefix + name, shape, limits)
        }
        try check("in.weight", [width, embeddingSize + 2])
        try check("mid.weight", [width, width])
        try check("post.weight", [width, stateSize + width])
        try check("head.weight", [outputs, width])
        try check("gru.weight_ih", [3 * stateSize, width])
        try check("gru.weight_hh", [3 * stateSize, stateSize])
        try check("gru.bias_ih", [3 * stateSize])
        try check("gru.bias_hh", [3 * stateSize])
        // One by one, without an array of names: see `tensorShape`.
        func checkLayer(_ layer: String) throws(ModelError) {
            try check(layer + ".bias", [width])
            try check(layer + "_norm.weight", [width])
            try check(layer + "_norm.bias", [width])
        }
        try checkLayer("in")
        try checkLayer("mid")
        try checkLayer("post")
        try check("head.bias", tensorShape(outputs))
    }

    /// A tensor whose values all lie within `limits`.
    static func values(
        _ file: Safetensors, _ name: String, _ shape: [Int], _ limits: ClosedRange<Float>
    ) throws(ModelError) -> Tensor {
        let tensor = try file.tensor(named: name, shape: shape)
        for value in tensor.values where !(value >= limits.lowerBound && value <= limits.upperBound) {
            throw .unsuitable(
                path: file.path,
                reason: "tensor " + name + " holds a value that is "
                    + (value.isFinite ? "out of bounds" : "not finite"))
        }
        return tensor
    }

    static func copy(
        _ file: Safetensors, _ name: String, _ shape: [Int], _ limits: ClosedRange<Float>
    ) throws(ModelError) -> FloatBuffer {
        let tensor = try values(file, name, shape, limits)
        let buffer = try FloatBuffer(count: tensor.count)
        for i in 0..<tensor.count { buffer.base[i] = tensor.values[i] }
        return buffer
    }
}
