import Neural

/// The synthesizer's network: from pitch, loudness and an instrument's embedding to the frame's relative spectrum, for many voices at
/// once. Two dense blocks, a gated recurrent unit, a dense block and a head; each block is layer normalisation and a leaky ReLU
/// (of slope 0.2). After Engel et al., "DDSP: Differentiable Digital Signal Processing" (2020); weights from training/synth.
///
/// A voice's result has the same bits in whatever batch it is computed. One thread; no two threads may use one decoder at a time.
public final class SynthDecoder {
    public let network: SynthNetwork
    /// Voices computed together.
    public let maximumBatch: Int
    /// Numbers of a voice's features: see `features`.
    public static var featureCount: Int { SynthNetwork.embeddingSize + 2 }
    /// Floats from one voice's outputs to the next one's, of which the first 193 (`SynthNetwork.outputs`) count.
    public var outputStride: Int { network.head.outputStride }

    private let u: FloatBuffer
    private let v: FloatBuffer
    private let w: FloatBuffer
    private let joined: FloatBuffer
    private let workspace: FloatBuffer
    private static var slope: Float { 0.2 }

    /// - Throws: `ModelError.outOfMemory`
    public convenience init(model: SynthModel, maximumBatch: Int = VoiceControl.maximumCount) throws(ModelError) {
        try self.init(network: model.network, maximumBatch: maximumBatch)
    }

    /// - Throws: `ModelError.outOfMemory`
    public init(network: SynthNetwork, maximumBatch: Int) throws(ModelError) {
        let batch = max(1, maximumBatch)
        self.network = network
        self.maximumBatch = batch
        let stride = padded(network.width)
        u = try FloatBuffer(count: batch * stride)
        v = try FloatBuffer(count: batch * stride)
        w = try FloatBuffer(count: batch * stride)
        joined = try FloatBuffer(count: batch * (network.stateSize + network.width))
        workspace = try FloatBuffer(
            count: max(network.recurrent.workspaceCount(rows: batch), network.recurrent.workspaceCount(sequence: batch)))
    }

    /// What the network hears of pitch and loudness; the embedding's 16 numbers follow in a voice's features.
    ///
    /// - Parameters: pitch: MIDI note number with fraction; loudness: dB, of which −100 … 10 is heard
    public static func features(pitch: Float, loudness: Float) -> (pitch: Float, loudness: Float) {
        ((pitch - 60) / 24, min(max((loudness + 50) / 25, -2), 2.4))
    }

    /// One frame of `rows` voices. No allocation, no locks.
    ///
    /// - Parameters:
    ///   - features: `rows` × 18 finite numbers
    ///   - states: `rows` × `network.stateSize`, replaced by the next states; a voice begins with zeros
    ///   - outputs: `rows` rows, `outputStride` floats apart: log10 of the relative amplitudes of 128 harmonics and of the relative
    ///     densities (per √Hz) at 65 noise nodes, not yet clamped
    ///   - rows: 1 … `maximumBatch`
    public func step(
        features: UnsafePointer<Float>, states: UnsafeMutablePointer<Float>, outputs: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let stride = padded(network.width), width = network.width, size = network.stateSize
        block(network.first, network.firstNorm, features, Self.featureCount, u.base, rows)
        block(network.middle, network.middleNorm, u.base, stride, v.base, rows)
        network.recurrent.forward(
            v.base, inputStride: stride, state: states, stateStride: size, rows: rows, workspace: workspace.base)
        for row in 0..<rows {
            let to = joined.base + row * (size + width)
            to.update(from: states + row * size, count: size)
            (to + size).update(from: v.base + row * stride, count: width)
        }
        block(network.last, network.lastNorm, joined.base, size + width, w.base, rows)
        network.head.forward(w.base, inputStride: stride, outputs, rows: rows)
    }

    /// `frames` successive frames of one voice, with the bits of that many steps: what a voice's past does not touch is computed
    /// together.
    ///
    /// - Parameters:
    ///   - features: `frames` × 18 finite numbers
    ///   - state: `network.stateSize` numbers, replaced by the state after the last frame; a voice begins with zeros
    ///   - outputs: `frames` rows as in `step`
    ///   - frames: 1 … `maximumBatch`
    public func run(
        features: UnsafePointer<Float>, state: UnsafeMutablePointer<Float>, outputs: UnsafeMutablePointer<Float>, frames: Int
    ) {
        let stride = padded(network.width), width = network.width, size = network.stateSize
        block(network.first, network.firstNorm, features, Self.featureCount, u.base, frames)
        block(network.middle, network.middleNorm, u.base, stride, v.base, frames)
        network.recurrent.forward(
            sequence: v.base, inputStride: stride, state: state, output: joined.base, outputStride: size + width, rows: frames,
            workspace: workspace.base)
        for row in 0..<frames {
            (joined.base + (row * (size + width) + size)).update(from: v.base + row * stride, count: width)
        }
        block(network.last, network.lastNorm, joined.base, size + width, w.base, frames)
        network.head.forward(w.base, inputStride: stride, outputs, rows: frames)
    }

    private func block(
        _ layer: Dense, _ norm: LayerNorm, _ input: UnsafePointer<Float>, _ inputStride: Int,
        _ output: UnsafeMutablePointer<Float>, _ rows: Int
    ) {
        let stride = layer.outputStride
        layer.forward(input, inputStride: inputStride, output, rows: rows)
        norm.forward(output, output, rows: rows, stride: stride)
        // The padding too: it is never read, and zero stays zero.
        Activation.leakyRelu(slope: Self.slope).forward(output, output, count: rows * stride, kernels: network.kernels)
    }
}
