import Neural

/// Golden vectors of PyTorch's (training/golden), from Tests/vectors.
struct Vectors {
    let file: Safetensors

    init(_ name: String) throws {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        file = try Safetensors(path: tests + "/vectors/" + name)
    }

    func shape(_ name: String) throws -> [Int] {
        guard let shape = file.shape(of: name) else { throw Missing(name: name) }
        return shape
    }

    func tensor(_ name: String) throws -> Tensor { try file.tensor(named: name, shape: shape(name)) }

    /// With 16 floats more, which layers may read (as NaN, so that using them would show).
    func array(_ name: String) throws -> [Float] {
        try Array(tensor(name).values) + [Float](repeating: .nan, count: 16)
    }

    struct Missing: Error { var name: String }
}

/// The largest |a − b|, and of |b|. Infinite if any value is no number.
func difference(_ a: [Float], _ b: UnsafeBufferPointer<Float>) -> (worst: Float, scale: Float) {
    guard a.count == b.count else { return (.infinity, 0) }
    var worst: Float = 0, scale: Float = 0
    for (x, y) in zip(a, b) {
        if x == y { continue }
        worst = (x - y).isNaN ? .infinity : max(worst, abs(x - y))
        scale = max(scale, abs(y))
    }
    return (worst, scale)
}

/// Rows of `width` values out of rows `stride` apart.
func unpad(_ rows: [Float], _ count: Int, stride: Int, width: Int) -> [Float] {
    (0..<count).flatMap { rows[$0 * stride..<$0 * stride + width] }
}

/// Every instruction set that this processor has.
let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }
