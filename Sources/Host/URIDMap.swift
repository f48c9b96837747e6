import CHost

/// Numbers for URIs. Plugins may ask from any of their threads but the process thread, so it locks.
public final class URIDMap {
    private var ids: [String: LV2_URID] = [:]
    /// C strings by id − 1; they live as long as the map, as LV2 asks.
    private var uris: [UnsafeMutablePointer<CChar>] = []
    private let lock: OpaquePointer = cr_mutex_make()

    /// The features' C structs, at addresses that stay.
    let map = UnsafeMutablePointer<LV2_URID_Map>.allocate(capacity: 1)
    let unmap = UnsafeMutablePointer<LV2_URID_Unmap>.allocate(capacity: 1)
    /// The host's own URIDs.
    let known = UnsafeMutablePointer<ch_urids>.allocate(capacity: 1)
    /// A forge with its types mapped, to be copied.
    let forge = UnsafeMutablePointer<LV2_Atom_Forge>.allocate(capacity: 1)

    init() {
        let handle = Unmanaged.passUnretained(self).toOpaque()
        map.initialize(
            to: LV2_URID_Map(handle: handle) { handle, uri in
                Unmanaged<URIDMap>.fromOpaque(handle!).takeUnretainedValue().id(of: String(cString: uri!))
            })
        unmap.initialize(
            to: LV2_URID_Unmap(handle: handle) { handle, id in
                UnsafePointer(Unmanaged<URIDMap>.fromOpaque(handle!).takeUnretainedValue().cString(of: id))
            })
        known.initialize(to: ch_urids())
        forge.initialize(to: LV2_Atom_Forge())
        ch_urids_map(known, map)
        lv2_atom_forge_init(forge, map)
    }

    deinit {
        for uri in uris { uri.deallocate() }
        map.deallocate()
        unmap.deallocate()
        known.deallocate()
        forge.deallocate()
        cr_mutex_free(lock)
    }

    func id(of uri: String) -> LV2_URID {
        cr_mutex_lock(lock)
        defer { cr_mutex_unlock(lock) }
        if let id = ids[uri] { return id }
        let bytes = uri.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        bytes.withUnsafeBufferPointer { copy.initialize(from: $0.baseAddress!, count: bytes.count) }
        uris.append(copy)
        ids[uri] = LV2_URID(uris.count)
        return LV2_URID(uris.count)
    }

    func uri(of id: LV2_URID) -> String? { cString(of: id).map { String(cString: $0) } }

    private func cString(of id: LV2_URID) -> UnsafeMutablePointer<CChar>? {
        cr_mutex_lock(lock)
        defer { cr_mutex_unlock(lock) }
        return id > 0 && Int(id) <= uris.count ? uris[Int(id) - 1] : nil
    }
}
