import CRealtime
import Neural

/// What a step's time, size and guidance make of the transformer: scales, shifts and gates of all its blocks. Computed once a step,
/// for all windows.
package final class StepModulation {
    /// Per block: scale (with its 1), shift and gate of the attention, the same of the feed-forward, `width` numbers each; at the end
    /// scale and shift of the last normalisation.
    package let values: FloatBuffer
    /// The step's embedding, `width` numbers.
    package let embedding: FloatBuffer

    /// - Parameters:
    ///   - time: 0 … 1
    ///   - size: of the step, 0 … 1; 0 for a network that is not distilled
    ///   - guidance: that the answer is to contain; 1 for a network that is not distilled
    package init(_ model: BassGeneratorModel, time: Double, size: Double, guidance: Double) throws(TakeError) {
        let width = model.width
        let features = try floats(BassGeneratorModel.stepFeatures)
        for (part, x) in [time, size, guidance / 4].enumerated() {
            for i in 0..<16 {
                let angle = x * cr_exp_f64(Double(i) * (0.693_147_180_559_945_3 / 3))
                features.base[32 * part + i] = Float(cr_sin_f64(angle))
                features.base[32 * part + 16 + i] = Float(cr_cos_f64(angle))
            }
        }
        let hidden = try floats(model.stepUp.outputStride)
        embedding = try floats(model.stepDown.outputStride)
        values = try floats((6 * model.blocks.count + 2) * width)
        model.stepUp.forward(features.base, inputStride: features.count, hidden.base, rows: 1)
        Activation.silu.forward(hidden.base, hidden.base, count: width, kernels: model.kernels)
        model.stepDown.forward(hidden.base, inputStride: width, embedding.base, rows: 1)
        Activation.silu.forward(embedding.base, embedding.base, count: width, kernels: model.kernels)
        var next = values.base
        for block in model.blocks {
            block.modulate.forward(embedding.base, inputStride: width, next, rows: 1)
            for c in 0..<width {
                next[c] += 1
                next[3 * width + c] += 1
            }
            next += 6 * width
        }
        model.lastModulate.forward(embedding.base, inputStride: width, next, rows: 1)
        for c in 0..<width { next[c] += 1 }
    }
}
