/// A tensor of a file, as 32-bit floats in row-major order. Keeps its file mapped.
public struct Tensor {
    public let shape: [Int]
    public let values: UnsafeBufferPointer<Float>
    let owner: Safetensors

    /// The number of values: the product of `shape`.
    public var count: Int { values.count }
}

/// A shape, made at run time. An array literal would do, were it not that Embedded Swift numbers a function's constant arrays anew in
/// every object file that has a copy of the function, not always in the same order, and the linker then keeps either one
/// (Tests/hosts/bundle.sh looks for such).
@inline(never)
package func tensorShape(_ a: Int, _ b: Int = 0, _ c: Int = 0) -> [Int] {
    var shape: [Int] = []
    shape.append(a)
    if b > 0 { shape.append(b) }
    if c > 0 { shape.append(c) }
    return shape
}
