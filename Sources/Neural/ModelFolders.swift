import CRealtime

/// Where models are looked for: the folders of docs/MODELS.md, in its order, with the plugin's bundle as the installation.
public enum ModelFolders {
    /// - Parameter bundle: a plugin's folder, whose `models` counts as an installation
    public static func search(bundle: String?) -> [String] {
        if let only = environment("CONTINUO_MODELS") {
            // What a plugin brings itself is there all the same.
            if let bundle { return [only, bundle + "/models"] }
            return [only]
        }
        var folders: [String] = []
        // What a plugin brings is of its own version.
        if let bundle { folders.append(bundle + "/models") }
        if let data = environment("XDG_DATA_HOME") {
            folders.append(data + "/continuo/models")
        } else if let home = environment("HOME") {
            folders.append(home + "/.local/share/continuo/models")
        }
        folders.append("/usr/local/share/continuo/models")
        folders.append("/usr/share/continuo/models")
        return folders
    }

    private static func environment(_ name: StaticString) -> String? {
        guard let memory = cr_allocate(4096) else { return nil }
        defer { cr_free(memory) }
        let buffer = memory.bindMemory(to: CChar.self, capacity: 4096)
        let name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        guard cr_environment(name, buffer, 4096), buffer[0] != 0 else { return nil }
        var bytes: [UInt8] = []
        var index = 0
        while buffer[index] != 0 {
            bytes.append(UInt8(bitPattern: buffer[index]))
            index += 1
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
