import CHost

/// Memory for the process thread, freed all at once with its owner. How much it is depends on what plugins and patches ask for, so there may
/// be none: that is an error like another.
final class ProcessMemory {
    /// Who it is for, in errors.
    private let owner: String
    private var pieces: [UnsafeMutableRawPointer] = []

    init(_ owner: String) { self.owner = owner }

    deinit { for piece in pieces { cr_free(piece) } }

    /// Zeroed, on a cache line of its own.
    ///
    /// - Throws: `HostError.outOfMemory`
    func allocate(_ bytes: Int) throws -> UnsafeMutableRawPointer {
        guard bytes >= 0, let memory = cr_allocate(max(bytes, 64)) else { throw HostError.outOfMemory(owner: owner, bytes: bytes) }
        pieces.append(memory)
        return memory
    }

    func floats(_ count: Int) throws -> UnsafeMutablePointer<Float> {
        try allocate(count * 4).bindMemory(to: Float.self, capacity: count)
    }

    /// - Parameter bytes: of the sequence in all.
    func sequence(_ bytes: Int) throws -> UnsafeMutablePointer<LV2_Atom_Sequence> {
        try allocate(bytes).bindMemory(to: LV2_Atom_Sequence.self, capacity: 1)
    }

    func copy<T>(_ elements: [T]) throws -> UnsafeMutablePointer<T> {
        let copy = try allocate(elements.count * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: elements.count)
        copy.initialize(from: elements, count: elements.count)
        return copy
    }
}
