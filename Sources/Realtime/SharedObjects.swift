import CRealtime

/// What several instances in one process use together, such as the weights of one model file: loaded once, let go with the last
/// user. Keyed by the file's identity, so a file that was replaced is another one.
///
/// Held in a static variable; its memory is freed with its last object, since a plugin may be unloaded.
public struct SharedObjects<Object: AnyObject> {
    private struct Entry {
        let key: cr_file_identity
        let object: Unmanaged<Object>
        var users: Int
    }
    private var entries: UnsafeMutablePointer<[Entry]>?

    public init() { entries = nil }

    /// The object made from this file, if somebody has it. It counts as one more user.
    public mutating func find(_ key: cr_file_identity) -> Object? {
        cr_process_lock()
        defer { cr_process_unlock() }
        return known(key)
    }

    /// Adds `object` with one user; if another was added under this key meanwhile, that one is answered.
    public mutating func add(_ object: Object, _ key: cr_file_identity) -> Object {
        cr_process_lock()
        defer { cr_process_unlock() }
        if let known = known(key) { return known }
        if entries == nil {
            entries = UnsafeMutablePointer<[Entry]>.allocate(capacity: 1)
            entries!.initialize(to: [])
        }
        entries!.pointee.append(Entry(key: key, object: Unmanaged.passRetained(object), users: 1))
        return object
    }

    /// One user less. Once for each `find` or `add` that answered `object`.
    public mutating func release(_ object: Object) {
        cr_process_lock()
        defer { cr_process_unlock() }
        guard let entries else { return }
        let target = Unmanaged.passUnretained(object).toOpaque()
        for index in 0..<entries.pointee.count where entries.pointee[index].object.toOpaque() == target {
            entries.pointee[index].users -= 1
            if entries.pointee[index].users == 0 {
                entries.pointee[index].object.release()
                entries.pointee.remove(at: index)
                if entries.pointee.isEmpty {
                    entries.deinitialize(count: 1)
                    entries.deallocate()
                    self.entries = nil
                }
            }
            return
        }
    }

    private func known(_ key: cr_file_identity) -> Object? {
        guard let entries else { return nil }
        for index in 0..<entries.pointee.count {
            let other = entries.pointee[index].key
            guard other.device == key.device, other.inode == key.inode, other.size == key.size, other.modified == key.modified
            else { continue }
            entries.pointee[index].users += 1
            return entries.pointee[index].object.takeUnretainedValue()
        }
        return nil
    }
}
