import CHost
import Foundation

/// Graphs as patches, and one patch after another.
extension Graph {
    /// What plays now, as a patch beside which its plugins' states stand.
    ///
    /// - Parameters:
    ///   - path: of the patch file to be. Plugins that keep more than their controls have their state in a folder of its name with
    ///     `.state` in place of `.toml`: a file that they use is copied or linked there, as LV2 has it.
    ///   - copiesFiles: always copied, so that the patch can be taken to another machine.
    ///   - metadata: name, comment, transport and programs are taken over from this one.
    /// - Throws: `HostError` if a state cannot be written.
    package func patch(for path: String, like metadata: Patch? = nil, copiesFiles: Bool = false) throws -> Patch {
        let files = PatchFiles(path)
        return try describe(for: path, like: metadata) { node, place in
            try node.instance.saveState(to: files.states + "/" + place, copiesFiles: copiesFiles)
            return true
        }
    }

    /// Saves what plays now as a patch, with its plugins' states: all of it or nothing.
    ///
    /// - Parameter kept: where an earlier state of a plugin lies, by its place among the states: it stands in for that of one that does not
    ///   answer (`PluginInstance.isStuck`). Without one its controls and the preset that it had are saved.
    /// - Throws: `HostError`; then the patch that was there is as it was, with its states.
    @discardableResult
    package func save(
        patchFile path: String, like metadata: Patch? = nil, copiesFiles: Bool = false, kept: (String) -> String? = { _ in nil }
    ) throws -> Patch {
        try PatchFiles(path).save { folder, files in
            try describe(for: path, like: metadata) { node, place in
                let fresh = folder + "/" + place
                try AtomicSave.makeFolder(fresh)
                do {
                    try node.instance.writeState(to: fresh, before: files.states, copiesFiles: copiesFiles)
                } catch HostError.state where node.instance.isStuck {
                    AtomicSave.removeTree(fresh)
                    guard let old = kept(place) else { return false }
                    try AtomicSave.copyTree(old, to: fresh)
                    try AtomicSave.keepFiles(of: fresh, from: [StateFolder.sessions])
                }
                return true
            }
        }
    }

    /// What plays now, as a patch.
    ///
    /// - Parameter saveState: saves a plugin's state under this name in the folder of states; false: it has none saved, and the preset that
    ///   was applied last stands in for it.
    func describe(
        for path: String, like metadata: Patch?, saveState: (GraphNode, _ place: String) throws -> Bool
    ) rethrows -> Patch {
        let files = PatchFiles(path)
        var patch = Patch(plugins: [])
        patch.name = metadata?.name
        patch.comment = metadata?.comment
        patch.author = metadata?.author
        patch.transport = metadata?.transport
        patch.programs = (metadata?.programs ?? []).map { files.moved($0, from: metadata?.folder) }
        patch.folder = files.folder
        patch.isRow = wiring.isRow
        var taken: Set<String> = []
        for node in nodes {
            var setup = PluginSetup(uri: node.description.uri, name: node.name, folder: files.folder)
            setup.midi = node.setup.midi
            setup.isBypassed = node.isBypassed && node.enabledPort == nil
            if node.keepsState {
                let place = PatchFiles.place(of: node.name, &taken)
                if try saveState(node, place) {
                    setup.preset = files.stateName + "/" + place
                } else {
                    setup.preset = node.setup.preset
                    setup.folder = node.setup.folder
                }
            }
            for port in node.description.ports where port.isInput && port.kind == .control && !port.isHostDriven {
                let value = ch_load_float(node.instance.values + port.index)
                if node.keepsState || value != node.instance.initialValue(of: port) {
                    setup.settings.append(.init(key: port.symbol, value: Patch.number(value)))
                }
            }
            patch.plugins.append(setup)
        }
        patch.connections = describedConnections(isPresent: true)
        patch.mappings = mappings.map(\.description)
        patch.cvMappings = cvMappings.map(\.description)
        if fadeSeconds != Graph.usualFade { patch.fade = Float(fadeSeconds * 1000) }
        if fadesEvenly { patch.fadesEvenly = true }
        if tailSeconds != 0 { patch.tail = Float(tailSeconds) }
        for one in absent { one.takePlace(in: &patch, files) }
        return patch
    }

    /// Puts another patch in the place of what plays: it is loaded aside, warmed up, and faded to. Ports of one name go on, with
    /// all that is connected with them.
    ///
    /// - Throws: `HostError`; then nothing has changed.
    package func change(to patch: Patch) throws {
        let (oldNodes, oldWiring, oldMappings, oldAbsent) = (nodes, wiring, mappings, absent)
        let (oldCVMappings, oldLevels, oldTimes) = (cvMappings, levels, (fadeSeconds, fadesEvenly, tailSeconds))
        let oldEnds = outsideEnds().map { (end: $0, partners: $0.partners, port: $0.port, aliases: $0.aliases) }
        let oldOffers = offered
        nodes = []
        mappings = []
        cvMappings = []
        levels = []
        keepsConnections = true
        defer { keepsConnections = false }
        let fresh: [GraphNode]
        do {
            try load(patch)
            fresh = nodes
        } catch {
            (nodes, wiring, mappings, absent) = (oldNodes, oldWiring, oldMappings, oldAbsent)
            (cvMappings, levels, (fadeSeconds, fadesEvenly, tailSeconds)) = (oldCVMappings, oldLevels, oldTimes)
            offered = oldOffers
            for (end, partners, port, aliases) in oldEnds { (end.partners, end.port, end.aliases) = (partners, port, aliases) }
            throw error
        }
        // They lose their place with the wiring that they had.
        let freshWiring = wiring
        wiring = oldWiring
        keepTail(of: oldNodes)
        wiring = freshWiring
        // What moves controls needs a way in.
        if !mappings.isEmpty || oldWiring.inputs.contains(where: { $0.kind == .midi }) { try offerMIDI() }
        changed(warmFrames: Int(settings.sampleRate * Graph.warmSeconds) + (fresh.map(\.latency).max() ?? 0))
    }
}

extension GraphNode {
    /// Whether it keeps more than its controls.
    var keepsState: Bool { description.extensionData.contains(LV2.state + "interface") }
}
