/// A tensor of a file, as 32-bit floats in row-major order. Keeps its file mapped.
public struct Tensor {
    public let shape: [Int]
    public let values: UnsafeBufferPointer<Float>
    let owner: Safetensors

    /// The number of values: the product of `shape`.
    public var count: Int { values.count }
}
