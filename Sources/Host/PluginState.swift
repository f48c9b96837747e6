import CHost
import Foundation

/// Presets and saved state.
extension PluginInstance {
    /// Restores what the plugin's own data says about its first state, if it speaks of that.
    func restoreDefaultState() {
        let feature = LV2.state + "loadDefaultState"
        guard description.requiredFeatures.contains(feature) || description.optionalFeatures.contains(feature),
            let state = lilv_state_new_from_world(world.lilv, world.urids.map, lilv_plugin_get_uri(lilvPlugin))
        else { return }
        defer { lilv_state_free(state) }
        restore(state)
    }

    /// Applies a preset: its URI, its label (without regard to case; a part that only one has is enough), or the path of a
    /// state file or preset bundle. The plugin must not be running.
    ///
    /// - Throws: `HostError.presetNotFound`, naming those there are; `HostError.state` if it is another plugin's.
    func applyPreset(_ name: String, folder: String?) throws {
        if let preset = description.matchPreset(name) {
            world.loadResource(world.node(preset.uri))
            guard let state = lilv_state_new_from_world(world.lilv, world.urids.map, world.node(preset.uri)) else {
                throw HostError.state(plugin: description.name, cause: "preset '\(preset.label)' holds nothing")
            }
            defer { lilv_state_free(state) }
            restore(state)
            return
        }
        let path = resolvePath(name, in: folder)
        if FileManager.default.fileExists(atPath: path) { return try restoreState(path: path) }
        throw HostError.presetNotFound(
            plugin: description.name, preset: name, known: description.presets.map { "'\($0.label)'" })
    }

    /// Restores a state file, or the folder that `saveState` made. The plugin must not be running.
    public func restoreState(path: String) throws {
        var file = path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? []
            let candidates = names.filter { $0.hasSuffix(".ttl") && $0 != "manifest.ttl" }
            guard let name = candidates.first(where: { $0 == "state.ttl" }) ?? candidates.first else {
                throw HostError.state(plugin: description.name, cause: "\(path) holds no state file (.ttl)")
            }
            file = path + "/" + name
        }
        // lilv resolves the file names in a state against the file's own, absolute name.
        file = URL(fileURLWithPath: file).standardizedFileURL.path
        guard let state = lilv_state_new_from_file(world.lilv, world.urids.map, nil, file) else {
            throw HostError.state(plugin: description.name, cause: "\(file) cannot be read as an LV2 state")
        }
        defer { lilv_state_free(state) }
        if let owner = lilv_state_get_plugin_uri(state), world.text(owner) != description.uri {
            throw HostError.state(plugin: description.name, cause: "\(file) belongs to \(world.text(owner))")
        }
        restore(state)
    }

    /// Saves controls and state as a preset bundle that any LV2 host can read, whole or not at all. The plugin may be running if it is
    /// thread-safe there, as LV2 asks.
    ///
    /// - Parameter copiesFiles: has copies of the files that it uses in place of links, which are for this machine alone.
    /// - Throws: `HostError.file`, `HostError.state`; then what was saved there before is as it was.
    public func saveState(
        to folder: String, file: String = "state.ttl", label: String? = nil, copiesFiles: Bool = false
    ) throws {
        let folder = AtomicSave.absolute(folder)
        // Beside the folder: what is saved there already is never half replaced, and lilv does not mistake files of the same name for
        // older copies of the new ones.
        try AtomicSave.replace(folder: folder) { fresh in
            try writeState(to: fresh, file: file, label: label, before: folder, copiesFiles: copiesFiles)
            return try entriesToKeep(of: folder, file: file, fresh: fresh)
        }
    }

    /// Writes the state into a folder that is about to be put into its place.
    ///
    /// - Parameters:
    ///   - before: the folder in whose place it will be: files in there are taken over, and not linked to.
    func writeState(
        to fresh: String, file: String = "state.ttl", label: String? = nil, before folder: String, copiesFiles: Bool = false
    ) throws {
        guard let state = captureState(folder: fresh) else {
            throw HostError.state(plugin: description.name, cause: "cannot be captured")
        }
        defer { lilv_state_free(state) }
        if let label { lilv_state_set_label(state, label) }
        // A bundle of several presets keeps the others.
        if file != "state.ttl" { try? FileManager.default.copyItem(atPath: folder + "/manifest.ttl", toPath: fresh + "/manifest.ttl") }
        guard lilv_state_save(world.lilv, world.urids.map, world.urids.unmap, state, nil, fresh, file) == 0 else {
            throw HostError.file(path: folder, cause: PluginInstance.whyNot(fresh) ?? "\(description.name)'s state cannot be written")
        }
        try checkSaved(fresh, file, for: folder)
        if copiesFiles { try replaceLinks(in: fresh) }
        let written = fresh + "/" + file
        if let text = try? String(contentsOfFile: written, encoding: .utf8), text.contains("\"\"\"") {
            try AtomicSave.write(TurtleQuotes.escapingInner(text), to: written, isSynced: false)
        }
        try AtomicSave.keepFiles(of: fresh, from: [folder, StateFolder.sessions])
    }

    /// lilv does not say when a disk is full: what it has written is looked at.
    private func checkSaved(_ fresh: String, _ file: String, for folder: String) throws {
        func fail(_ name: String) -> HostError {
            .file(path: folder + "/" + name, cause: PluginInstance.whyNot(fresh) ?? "it could not be written whole")
        }
        for name in [file, "manifest.ttl"] {
            guard let text = FileManager.default.contents(atPath: fresh + "/" + name), TurtleText.isComplete([UInt8](text)) else {
                throw fail(name)
            }
        }
        // No preset that the manifest named before may be missing now.
        let manifest = (try? String(contentsOfFile: fresh + "/manifest.ttl", encoding: .utf8)) ?? ""
        let old = file == "state.ttl" ? "" : (try? String(contentsOfFile: folder + "/manifest.ttl", encoding: .utf8)) ?? ""
        let wanted = AtomicSave.entries(folder).filter { $0.hasSuffix(".ttl") && old.contains("<\($0)>") } + [file]
        if wanted.contains(where: { !manifest.contains("<\($0)>") }) { throw fail("manifest.ttl") }
        // Copies of files that the plugin made are as long as these.
        guard let scratch = features.scratchFolder else { return }
        for name in FileManager.default.enumerator(atPath: fresh)?.compactMap({ $0 as? String }) ?? [] {
            var copy = stat(), made = stat()
            guard lstat(fresh + "/" + name, &copy) == 0, copy.st_mode & S_IFMT == S_IFREG,
                lstat(scratch + "/" + name, &made) == 0, made.st_mode & S_IFMT == S_IFREG
            else { continue }
            if copy.st_size != made.st_size { throw fail(name) }
        }
    }

    /// Why nothing can be written into a folder, by trying; nil: it can.
    private static func whyNot(_ folder: String) -> String? {
        let path = folder + "/.continuo-test"
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return String(cString: strerror(errno)) }
        defer {
            close(file)
            unlink(path)
        }
        let block = [UInt8](repeating: 1, count: 64 << 10)
        for _ in 0..<4 {
            let count = write(file, block, block.count)
            if count < 0 { return String(cString: strerror(errno)) }
        }
        return fsync(file) == 0 ? nil : String(cString: strerror(errno))
    }

    /// Which entries of a folder stay when one of its states is saved anew: all but what was that state's alone.
    private func entriesToKeep(of folder: String, file: String, fresh: String) throws -> (String) -> Bool {
        func text(_ name: String) -> String { (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? "" }
        let entries = AtomicSave.entries(folder)
        let old = text(file)
        let others = entries.filter { $0.hasSuffix(".ttl") && $0 != "manifest.ttl" && $0 != file }.map(text)
        for entry in entries where entry != file && entry != "manifest.ttl" && AtomicSave.exists(fresh + "/" + entry) {
            // lilv has taken a name that is another preset's.
            guard others.contains(where: { $0.contains("<\(entry)>") }) else { continue }
            let path = folder + "/" + entry
            if !FileManager.default.contentsEqual(atPath: path, andPath: fresh + "/" + entry) {
                throw HostError.file(
                    path: path, cause: "it belongs to another preset of this bundle: save '\(description.name)' into one of its own")
            }
        }
        return { entry in !old.contains("<\(entry)>") || others.contains { $0.contains("<\(entry)>") } }
    }

    private func replaceLinks(in folder: String) throws {
        let manager = FileManager.default
        for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? [] {
            let path = folder + "/" + name
            guard (try? manager.destinationOfSymbolicLink(atPath: path)) != nil else { continue }
            do {
                let source = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
                try manager.removeItem(atPath: path)
                try manager.copyItem(atPath: source, toPath: path)
            } catch {
                throw HostError.file(path: path, cause: "what it names cannot be copied (\(error.localizedDescription))")
            }
        }
    }

    /// The state as it is now; files are copied or linked into `folder`, or named where they are if that is nil. nil: it cannot be had.
    func captureState(folder: String?) -> OpaquePointer? {
        if isStuck { return nil }
        features.prepareScratchFolder()
        guard world.callLimit > 0 else { return captureHere(folder: folder) }
        return StateCapture.capture(self, folder: folder, seconds: world.callLimit)
    }

    /// The same, however long it takes.
    func captureHere(folder: String?) -> OpaquePointer? {
        let before = ch_enter(suspect, Int32(ch_place_state))
        defer { ch_leave(before) }
        return lilv_state_new_from_instance(
            lilvPlugin, lilvInstance, world.urids.map, features.scratchFolder, folder, folder, folder,
            { symbol, context, size, type in
                let plugin = Unmanaged<PluginInstance>.fromOpaque(context!).takeUnretainedValue()
                let name = String(cString: symbol!)
                size!.pointee = 0
                type!.pointee = 0
                guard let port = plugin.description.ports.first(where: { $0.symbol == name && $0.kind == .control }),
                    !port.isHostDriven
                else { return nil }
                size!.pointee = 4
                type!.pointee = plugin.world.urids.known.pointee.atom_float
                return UnsafeRawPointer(plugin.values + port.index)
            }, Unmanaged.passUnretained(self).toOpaque(),
            UInt32(LV2_STATE_IS_POD.rawValue | LV2_STATE_IS_PORTABLE.rawValue), features.forState)
    }

    func restore(_ state: OpaquePointer) {
        let before = ch_enter(suspect, Int32(ch_place_load))
        defer { ch_leave(before) }
        lilv_state_restore(
            state, lilvInstance,
            { symbol, context, value, size, type in
                let plugin = Unmanaged<PluginInstance>.fromOpaque(context!).takeUnretainedValue()
                plugin.restoreValue(String(cString: symbol!), value!, Int(size), type)
            }, Unmanaged.passUnretained(self).toOpaque(), 0, features.forState)
    }

    private func restoreValue(_ symbol: String, _ value: UnsafeRawPointer, _ size: Int, _ type: LV2_URID) {
        guard let port = description.ports.first(where: { $0.symbol == symbol && $0.kind == .control && $0.isInput }),
            !port.isHostDriven
        else { return }
        let known = world.urids.known.pointee
        let number: Float
        switch (type, size) {
        case (known.atom_float, 4): number = value.loadUnaligned(as: Float.self)
        case (known.atom_double, 8): number = Float(value.loadUnaligned(as: Double.self))
        case (known.atom_int, 4), (known.atom_bool, 4): number = Float(value.loadUnaligned(as: Int32.self))
        case (known.atom_long, 8): number = Float(value.loadUnaligned(as: Int64.self))
        default: return
        }
        ch_store_float(values + port.index, number)
    }

    func resolvePath(_ name: String, in folder: String?) -> String {
        let expanded = (name as NSString).expandingTildeInPath
        if expanded.hasPrefix("/") { return expanded }
        let base = folder ?? FileManager.default.currentDirectoryPath
        return URL(fileURLWithPath: base + "/" + expanded).standardizedFileURL.path
    }
}
