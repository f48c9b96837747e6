import CHost

/// Memory for the process thread, freed all at once with its owner.
final class ProcessMemory {
    private var pieces: [UnsafeMutableRawPointer] = []

    deinit { for piece in pieces { cr_free(piece) } }

    /// Zeroed, on a cache line of its own.
    func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard let memory = cr_allocate(max(bytes, 64)) else { fatalError("out of memory") }
        pieces.append(memory)
        return memory
    }

    func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        allocate(count * 4).bindMemory(to: Float.self, capacity: count)
    }

    /// - Parameter bytes: of the sequence in all.
    func sequence(_ bytes: Int) -> UnsafeMutablePointer<LV2_Atom_Sequence> {
        allocate(bytes).bindMemory(to: LV2_Atom_Sequence.self, capacity: 1)
    }

    func copy<T>(_ elements: [T]) -> UnsafeMutablePointer<T> {
        let copy = allocate(elements.count * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: elements.count)
        copy.initialize(from: elements, count: elements.count)
        return copy
    }
}
