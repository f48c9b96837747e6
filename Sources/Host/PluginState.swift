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

    /// Saves controls and state as a preset bundle that any LV2 host can read. The plugin may be running if it is
    /// thread-safe there, as LV2 asks.
    ///
    /// - Parameter copiesFiles: has copies of the files that it uses in place of links, which are for this machine alone.
    public func saveState(
        to folder: String, file: String = "state.ttl", label: String? = nil, copiesFiles: Bool = false
    ) throws {
        let folder = URL(fileURLWithPath: folder).standardizedFileURL.path
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw HostError.file(path: folder, cause: error.localizedDescription)
        }
        // Beside the folder first: what is saved there already is replaced file by file once everything is written, so that it is never
        // half of either, and lilv does not mistake files of the same name for older copies of the new ones.
        var pattern = Array((folder + ".new-XXXXXX").utf8CString)
        guard mkdtemp(&pattern) != nil else {
            throw HostError.file(path: folder, cause: String(cString: strerror(errno)))
        }
        let fresh = pattern.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { try? FileManager.default.removeItem(atPath: fresh) }
        guard let state = captureState(folder: fresh) else {
            throw HostError.state(plugin: description.name, cause: "cannot be captured")
        }
        defer { lilv_state_free(state) }
        if let label { lilv_state_set_label(state, label) }
        // A bundle of several presets keeps the others.
        if file != "state.ttl" { try? FileManager.default.copyItem(atPath: folder + "/manifest.ttl", toPath: fresh + "/manifest.ttl") }
        guard lilv_state_save(world.lilv, world.urids.map, world.urids.unmap, state, nil, fresh, file) == 0 else {
            throw HostError.state(plugin: description.name, cause: "cannot be written to \(folder)")
        }
        if copiesFiles { try replaceLinks(in: fresh) }
        let written = fresh + "/" + file
        if let text = try? String(contentsOfFile: written, encoding: .utf8), text.contains("\"\"\"") {
            do { try TurtleQuotes.escapingInner(text).write(toFile: written, atomically: false, encoding: .utf8) } catch {
                throw HostError.file(path: folder + "/" + file, cause: error.localizedDescription)
            }
        }
        // The descriptions last: they name the other files.
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: fresh)) ?? []).sorted {
            ($0.hasSuffix(".ttl") ? 1 : 0, $0) < ($1.hasSuffix(".ttl") ? 1 : 0, $1)
        }
        for name in names where rename(fresh + "/" + name, folder + "/" + name) != 0 {
            throw HostError.file(path: folder + "/" + name, cause: String(cString: strerror(errno)))
        }
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

    /// The state as it is now; files are copied or linked into `folder`, or named where they are if that is nil.
    func captureState(folder: String?) -> OpaquePointer? {
        features.prepareScratchFolder()
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
