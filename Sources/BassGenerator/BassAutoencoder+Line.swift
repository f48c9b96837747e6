import CRealtime
import Neural

extension BassAutoencoder {
    private static var piece: Int { 128 }

    /// The line that latents stand for.
    public func line(_ latents: BassLatents, control: TakeControl? = nil) throws(TakeError) -> BassLine {
        let decoder = LineDecoder(steps: latents.frames * BassFormat.steps)
        try lineHead(latents, control: control) { row in
            let notes = BassFormat.notes
            decoder.add(
                row, cents: cr_tanh(row[notes + 1]), onset: row[notes + 2], loudness: 25 * row[notes + 3] - 50)
        }
        return decoder.finish()
    }

    /// Calls `body` with the head's 49 numbers for each step in order: logits of 45 notes and none, and then, before their scaling,
    /// cents, onset and loudness.
    package func lineHead(
        _ latents: BassLatents, control: TakeControl?, _ body: (UnsafePointer<Float>) -> Void
    ) throws(TakeError) {
        let denormals = cr_flush_denormals()
        defer { cr_restore_denormals(denormals) }
        let frames = latents.frames
        // Pieces with as many frames around them as their results depend on.
        let steps = BassFormat.steps
        let fineReach = ConvNeXtBlock.reach * fine.count
        let reach = lineTrunk.reach + (fineReach + steps - 1) / steps
        let rows = Self.piece + 2 * reach
        let trunk = try floats(rows * lineTrunk.stride)
        let steppedRows = try floats(rows * steps * fineWidth)
        let head = try floats(Self.piece * steps * lineHead.outputStride)
        let fineWorkspace = fine.first?.workspaceCount(rows: rows * steps) ?? 0
        let workspace = try floats(max(lineTrunk.workspaceCount(rows: rows), fineWorkspace))
        var done = 0
        while done < frames {
            let count = min(Self.piece, frames - done)
            let before = min(reach, done), after = min(reach, frames - done - count)
            let all = before + count + after
            try lineTrunk.forward(
                latents.values.base + (done - before) * BassFormat.latents, inputStride: BassFormat.latents, trunk.base, rows: all,
                workspace: workspace.base, control: control)
            // A frame's row becomes its six steps'.
            spread.forward(trunk.base, inputStride: lineTrunk.stride, steppedRows.base, rows: all)
            for block in fine {
                try check(control)
                block.forward(steppedRows.base, rows: all * steps, workspace: workspace.base)
            }
            let from = steppedRows.base + before * steps * fineWidth
            fineNorm.forward(from, from, rows: count * steps, stride: fineWidth)
            lineHead.forward(from, inputStride: fineWidth, head.base, rows: count * steps)
            for step in 0..<count * steps { body(head.base + step * lineHead.outputStride) }
            done += count
        }
    }
}
