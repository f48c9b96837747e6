import CRealtime
import Neural

/// Floats in a row, added at the end and taken from the front; grows as needed.
final class FloatQueue {
    private var buffer: FloatBuffer?
    private var first = 0
    private(set) var count = 0

    /// The first float. Valid until the next `append`.
    var base: UnsafeMutablePointer<Float> { buffer!.base + first }

    /// Makes room for `added` floats and returns where they are to be written.
    func append(_ added: Int) throws(ModelError) -> UnsafeMutablePointer<Float> {
        if let buffer, first + count + added <= buffer.count {
            defer { count += added }
            return buffer.base + (first + count)
        }
        if let buffer, count + added <= buffer.count / 2 {
            cr_move(buffer.base, buffer.base + first, count * MemoryLayout<Float>.stride)
        } else {
            let larger = try FloatBuffer(count: 2 * (count + added) + 4096)
            if let buffer { larger.base.update(from: buffer.base + first, count: count) }
            buffer = larger
        }
        first = 0
        defer { count += added }
        return buffer!.base + count
    }

    func removeFirst(_ removed: Int) {
        let removed = min(removed, count)
        first += removed
        count -= removed
    }

    func removeAll() {
        first = 0
        count = 0
    }
}
