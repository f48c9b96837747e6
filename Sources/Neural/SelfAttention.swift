import CRealtime

/// Self attention of several heads with rotary positions, over one whole sequence: softmax(QKᵀ/√size)·V, each head's queries and
/// keys turned by their positions.
public final class SelfAttention {
    public let width: Int
    public let heads: Int
    /// Numbers of a head: a multiple of 16.
    public var size: Int { width / heads }
    /// Floats between rows: the width.
    public var stride: Int { width }
    private let projection: Dense
    private let out: Dense
    private let zeros: FloatBuffer
    private let kernels: Kernels

    /// - Parameters:
    ///   - prefix: the layers are `prefix.qkv` [3·width, width], queries, keys and values one after the other and in each the heads,
    ///     and `prefix.out` [width, width]
    ///   - head: numbers of a head, a multiple of 16 that divides the width
    public init(
        _ prefix: String, width: Int, head: Int, from file: Safetensors, kernels: Kernels = Kernels()
    ) throws(ModelError) {
        precondition(head % 16 == 0 && width % head == 0)
        projection = try Dense(prefix + ".qkv", inputs: width, outputs: 3 * width, from: file, kernels: kernels)
        out = try Dense(prefix + ".out", inputs: width, outputs: width, from: file, kernels: kernels)
        zeros = try FloatBuffer(count: max(head, 1))
        self.width = width
        heads = width / head
        self.kernels = kernels
    }

    /// Rows of scores that are in work at once: they stay in the processor's cache.
    private static var rowsAtOnce: Int { 64 }

    /// Floats that `forward` needs as a workspace.
    public func workspaceCount(rows: Int) -> Int {
        4 * rows * width + 2 * padded(rows) * size + padded(rows) + Self.rowsAtOnce * padded(rows)
    }

    /// - Parameters:
    ///   - input, output: `rows` rows, `stride` floats apart; may be the same
    ///   - positions: of heads of this size, at least `rows`
    ///   - workspace: `workspaceCount(rows:)` floats
    public func forward(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows: Int, positions: RotaryPositions,
        workspace: UnsafeMutablePointer<Float>
    ) {
        precondition(positions.size == size && positions.count >= rows)
        let size = self.size, columns = padded(rows)
        let projected = workspace
        let joined = projected + 3 * rows * width
        let keys = joined + rows * width
        let values = keys + columns * size
        let noBias = values + columns * size
        let scores = noBias + columns
        cr_zero(noBias, columns * MemoryLayout<Float>.stride)
        projection.forward(input, inputStride: width, projected, rows: rows)
        // The queries also take the division by √size.
        for (part, scale) in [(0, 1 / cr_sqrt(Float(size))), (1, 1)] {
            kernels.rotatePairs(
                rows: rows, heads: heads, half: size / 2, input: projected + part * width, inputStride: 3 * width,
                cosines: positions.cosines.base, sines: positions.sines.base, scale: scale, output: projected + part * width,
                outputStride: 3 * width)
        }
        for head in 0..<heads {
            let query = projected + head * size
            kernels.packTransposed(rows: rows, columns: size, input: query + width, stride: 3 * width, output: keys)
            kernels.packRows(rows: rows, blocks: size / 16, input: query + 2 * width, stride: 3 * width, output: values)
            var row = 0
            while row < rows {
                let count = min(Self.rowsAtOnce, rows - row)
                kernels.multiply(
                    rows: count, inputs: size, blocks: columns / 16, input: query + row * 3 * width, inputStride: 3 * width,
                    weights: keys, bias: noBias, output: scores, outputStride: columns)
                kernels.softmaxRows(rows: count, count: rows, stride: columns, values: scores)
                kernels.multiply(
                    rows: count, inputs: rows, blocks: size / 16, input: scores, inputStride: columns, weights: values,
                    bias: zeros.base, output: joined + (row * width + head * size), outputStride: width)
                row += count
            }
        }
        out.forward(joined, inputStride: width, output, rows: rows)
    }
}
