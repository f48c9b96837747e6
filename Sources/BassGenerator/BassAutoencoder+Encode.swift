import CRealtime
import Neural

extension BassAutoencoder {
    /// Frames to each side that a timbre channel is the mean of.
    private static var timbreReach: Int { 24 }
    private static var piece: Int { 256 }

    /// Latents of a bass that is heard alone.
    ///
    /// - Parameter features: [frames, 416] (`BassFrontEnd`)
    public func encode(
        _ features: UnsafePointer<Float>, frames: Int, control: TakeControl? = nil
    ) throws(TakeError) -> BassLatents {
        let denormals = cr_flush_denormals()
        defer { cr_restore_denormals(denormals) }
        let latents = BassFormat.latents
        let raw = try floats(frames * latents)
        let weights = try floats(frames)
        let rows = Self.piece + 2 * encoder.reach
        let trunk = try floats(rows * encoder.stride)
        let workspace = try floats(encoder.workspaceCount(rows: rows))
        let heads = try floats(Self.piece * line.outputStride)
        var done = 0
        while done < frames {
            let count = min(Self.piece, frames - done)
            let before = min(encoder.reach, done), after = min(encoder.reach, frames - done - count)
            try encoder.forward(
                features + (done - before) * BassFormat.features, inputStride: BassFormat.features, trunk.base,
                rows: before + count + after, workspace: workspace.base, control: control)
            let h = trunk.base + before * encoder.stride
            line.forward(h, inputStride: encoder.stride, heads.base, rows: count)
            for row in 0..<count {
                (raw.base + (done + row) * latents).update(
                    from: heads.base + row * line.outputStride, count: BassFormat.line)
            }
            timbre.forward(h, inputStride: encoder.stride, heads.base, rows: count)
            for row in 0..<count {
                (raw.base + ((done + row) * latents + BassFormat.line)).update(
                    from: heads.base + row * timbre.outputStride, count: BassFormat.timbre)
            }
            weight.forward(h, inputStride: encoder.stride, heads.base, rows: count)
            for row in 0..<count {
                let x = heads.base[row * weight.outputStride]
                // Softplus; beyond 20 it is x to the last bit.
                weights.base[done + row] = (x > 20 ? x : cr_log(1 + cr_exp(x))) + 1e-4
            }
            done += count
        }
        let result = try BassLatents(frames: frames)
        for frame in 0..<frames {
            let from = raw.base + frame * latents, to = result.values.base + frame * latents
            for c in 0..<BassFormat.line { to[c] = (from[c] - mean.base[c]) / deviation.base[c] }
            let first = max(0, frame - Self.timbreReach), last = min(frames - 1, frame + Self.timbreReach)
            var total = 0.0
            for other in first...last { total += Double(weights.base[other]) }
            for c in BassFormat.line..<latents {
                var sum = 0.0
                for other in first...last { sum += Double(weights.base[other] * raw.base[other * latents + c]) }
                to[c] = (Float(sum) / Float(total) - mean.base[c]) / deviation.base[c]
            }
        }
        return result
    }
}
