import Foundation

/// A plugin of a patch that could not be loaded: the others play without it, and it is saved again with them as it was.
final class AbsentPlugin {
    let setup: PluginSetup
    let name: String
    /// Its place among the patch's plugins, from 0.
    let place: Int
    let cause: HostError
    private(set) var connections: [PatchConnection] = []
    private(set) var mappings: [MIDIMapping] = []
    private(set) var cvMappings: [CVMapping] = []

    init(_ setup: PluginSetup, name: String, place: Int, cause: HostError) {
        self.setup = setup
        self.name = name
        self.place = place
        self.cause = cause
    }

    /// Keeps the connections with it; returns the others.
    func take(_ all: [PatchConnection]) -> [PatchConnection] {
        let isIts: (PatchConnection) -> Bool = { [name] in $0.from.hasPrefix(name + ":") || $0.to.hasPrefix(name + ":") }
        connections = all.filter(isIts)
        return all.filter { !isIts($0) }
    }

    func take(_ all: [MIDIMapping]) -> [MIDIMapping] {
        let isIts: (MIDIMapping) -> Bool = { [name] in $0.control.hasPrefix(name + ":") }
        mappings = all.filter(isIts)
        return all.filter { !isIts($0) }
    }

    func take(_ all: [CVMapping]) -> [CVMapping] {
        let isIts: (CVMapping) -> Bool = { [name] in $0.control.hasPrefix(name + ":") || $0.source.hasPrefix(name + ":") }
        cvMappings = all.filter(isIts)
        return all.filter { !isIts($0) }
    }

    /// Puts it among a patch's plugins again.
    func takePlace(in patch: inout Patch, _ files: PatchFiles) {
        var setup = setup
        setup.name = name
        // Names of files hold where they stood.
        if let old = setup.folder, old != files.folder {
            func moved(_ name: String) -> String? {
                if name.hasPrefix("/") || name.hasPrefix("~") || name.contains("://") { return nil }
                let path = AtomicSave.absolute(old + "/" + name)
                return AtomicSave.exists(path) ? path : nil
            }
            setup.preset = setup.preset.map { moved($0) ?? $0 }
            for i in setup.settings.indices { setup.settings[i].value = moved(setup.settings[i].value) ?? setup.settings[i].value }
            setup.folder = files.folder
        }
        patch.plugins.insert(setup, at: min(place, patch.plugins.count))
        patch.connections += connections
        patch.mappings += mappings
        patch.cvMappings += cvMappings
    }
}
