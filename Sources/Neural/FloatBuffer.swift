import CRealtime

/// Memory for `count` floats, zeroed, aligned to 64 bytes, freed with its owner.
public final class FloatBuffer {
    public let base: UnsafeMutablePointer<Float>
    public let count: Int

    public init(count: Int) throws(ModelError) {
        let (bytes, overflow) = max(count, 16).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        guard count >= 0, !overflow, let memory = cr_allocate(bytes) else {
            throw .outOfMemory(bytes: overflow ? Int.max : bytes)
        }
        base = memory.bindMemory(to: Float.self, capacity: max(count, 16))
        self.count = count
    }

    deinit { cr_free(base) }
}

/// The least multiple of 16 that is not below `count`: rows of channels are padded to whole vectors.
@inlinable
public func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }
