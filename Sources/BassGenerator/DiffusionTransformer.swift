import CRealtime
import Neural

/// The generator's network at work, on windows of up to `maximumFrames` latent frames. One thread at a time.
package final class DiffusionTransformer {
    package let model: BassGeneratorModel
    package let maximumFrames: Int

    private let positions: RotaryPositions
    /// [frames, mix width padded to 16]: what was heard last.
    package let heard: FloatBuffer
    private let joined: FloatBuffer
    private let x: FloatBuffer
    private let h: FloatBuffer
    private let wide: FloatBuffer
    private let output: FloatBuffer
    private let workspace: FloatBuffer

    package init(model: BassGeneratorModel, maximumFrames: Int) throws(TakeError) {
        self.model = model
        self.maximumFrames = maximumFrames
        let rows = maximumFrames, width = model.width
        do throws(ModelError) {
            positions = try RotaryPositions(size: model.head, count: rows)
        } catch {
            throw .model(error)
        }
        heard = try floats(rows * model.mixEncoder.stride)
        joined = try floats(rows * model.enterConditions.inputs)
        x = try floats(rows * width)
        h = try floats(rows * width)
        wide = try floats(rows * 3 * width)
        output = try floats(rows * model.leave.outputStride)
        var most = model.mixEncoder.workspaceCount(rows: rows)
        for block in model.blocks { most = max(most, block.attention.workspaceCount(rows: rows)) }
        workspace = try floats(most)
    }

    /// What is heard of a mix.
    ///
    /// - Parameters: features: [frames, 416]; auxiliary: [frames, 29], may be nil
    package func hear(
        _ features: UnsafePointer<Float>, frames: Int, auxiliary: UnsafeMutablePointer<Float>? = nil, control: TakeControl?
    ) throws(TakeError) {
        try model.mixEncoder.forward(
            features, inputStride: BassFormat.features, heard.base, rows: frames, workspace: workspace.base, control: control)
        guard let auxiliary else { return }
        // 29 numbers come in rows of 32, for which `wide` has room.
        let head = model.auxiliary, count = BassGeneratorModel.auxiliaryCount
        for row in 0..<frames {
            head.forward(heard.base + row * model.mixEncoder.stride, inputStride: model.mixEncoder.stride, wide.base, rows: 1)
            (auxiliary + row * count).update(from: wide.base, count: count)
        }
    }

    /// What does not change from step to step, of what was heard last (`hear`; nil: nothing is known of the mix, or of anything but
    /// what is kept) and of the conditions.
    ///
    /// - Parameter output: [frames, width]
    package func listen(
        _ conditions: ConditionRows?, kept: KeptLine?, first: Int, frames: Int, _ output: UnsafeMutablePointer<Float>
    ) {
        let heardWidth = model.mixEncoder.width, size = model.enterConditions.inputs
        cr_zero(joined.base, frames * size * MemoryLayout<Float>.stride)
        for row in 0..<frames {
            var to = joined.base + row * size
            if let conditions {
                let known = conditions.mixKnown[row]
                if known != 0 {
                    let from = heard.base + row * model.mixEncoder.stride
                    for c in 0..<heardWidth { to[c] = known * from[c] }
                }
                to[heardWidth] = known
                (to + (heardWidth + 1)).update(
                    from: conditions.beat + row * BassFormat.beatFeatures, count: BassFormat.beatFeatures)
                (to + (heardWidth + 1 + BassFormat.beatFeatures)).update(
                    from: conditions.chords + row * BassFormat.chordFeatures, count: BassFormat.chordFeatures)
            }
            to += heardWidth + 1 + BassFormat.beatFeatures + BassFormat.chordFeatures
            if let kept, kept.mask[first + row] {
                to.update(from: kept.latents.values.base + (first + row) * BassFormat.latents, count: BassFormat.latents)
                to[BassFormat.latents] = 1
            }
        }
        model.enterConditions.forward(joined.base, inputStride: size, output, rows: frames)
    }

    /// Velocities at z.
    ///
    /// - Parameters:
    ///   - z: [frames, 24]
    ///   - listened: [frames, width], or with `isOneRow` one row for all
    ///   - velocity: [frames, 24]
    package func evaluate(
        _ z: UnsafePointer<Float>, frames: Int, step: StepModulation, listened: UnsafePointer<Float>, isOneRow: Bool = false,
        velocity: UnsafeMutablePointer<Float>, control: TakeControl?
    ) throws(TakeError) {
        let width = model.width, kernels = model.kernels
        model.enterLatents.forward(z, inputStride: BassFormat.latents, x.base, rows: frames)
        for row in 0..<frames {
            let to = x.base + row * width, from = listened + (isOneRow ? 0 : row * width)
            for c in 0..<width { to[c] += from[c] }
        }
        var m = UnsafePointer(step.values.base)
        for block in model.blocks {
            try check(control)
            LayerNorm.forward(x.base, h.base, rows: frames, channels: width, scale: m, shift: m + width, kernels: kernels)
            block.attention.forward(h.base, h.base, rows: frames, positions: positions, workspace: workspace.base)
            kernels.addScaled(
                rows: frames, blocks: width / 16, stride: width, input: h.base, scale: m + 2 * width, output: x.base)
            LayerNorm.forward(
                x.base, h.base, rows: frames, channels: width, scale: m + 3 * width, shift: m + 4 * width, kernels: kernels)
            block.up.forward(h.base, inputStride: width, wide.base, rows: frames)
            Activation.gelu.forward(wide.base, wide.base, count: frames * 3 * width, kernels: kernels)
            block.down.forward(wide.base, inputStride: 3 * width, h.base, rows: frames)
            kernels.addScaled(
                rows: frames, blocks: width / 16, stride: width, input: h.base, scale: m + 5 * width, output: x.base)
            m += 6 * width
        }
        LayerNorm.forward(x.base, h.base, rows: frames, channels: width, scale: m, shift: m + width, kernels: kernels)
        model.leave.forward(h.base, inputStride: width, output.base, rows: frames)
        for row in 0..<frames {
            (velocity + row * BassFormat.latents).update(
                from: output.base + row * model.leave.outputStride, count: BassFormat.latents)
        }
    }
}
