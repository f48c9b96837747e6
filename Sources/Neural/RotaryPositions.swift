import CRealtime

/// The angles of rotary positions: position p turns pair i of a head's `size`/2 by p·10000^(−2i/size). The first half of a head's
/// numbers are the pairs' real parts, the second the imaginary ones. After Su et al., "RoFormer" (2021): products of turned queries
/// and keys depend on how far apart they are alone, so a network works at any length.
public final class RotaryPositions {
    /// Numbers of a head.
    public let size: Int
    /// Positions 0 ..< count.
    public let count: Int
    let cosines: FloatBuffer
    let sines: FloatBuffer

    /// - Throws: `ModelError.outOfMemory`
    public init(size: Int, count: Int) throws(ModelError) {
        precondition(size % 2 == 0)
        self.size = size
        self.count = count
        let half = size / 2
        cosines = try FloatBuffer(count: count * half)
        sines = try FloatBuffer(count: count * half)
        for i in 0..<half {
            let frequency = cr_exp_f64(-cr_log_f64(10_000) * Double(2 * i) / Double(size))
            for position in 0..<count {
                let angle = Double(position) * frequency
                cosines.base[position * half + i] = Float(cr_cos_f64(angle))
                sines.base[position * half + i] = Float(cr_sin_f64(angle))
            }
        }
    }
}
