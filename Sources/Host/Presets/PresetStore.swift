import CHost
import Foundation

/// The presets of all plugins, and the user's own among them: plain LV2 preset bundles in one folder (`~/.lv2`), which every LV2 host
/// looks into.
public final class PresetStore {
    public struct Entry: Codable, Equatable, Sendable {
        /// The plugin's URI and name.
        public var plugin: String
        public var pluginName: String
        public var preset: PresetDescription
        /// The file that holds it.
        public var file: String
        /// It lies in the user's folder: it can be renamed and deleted.
        public var isOwn: Bool
    }

    /// What a preset holds.
    public struct Contents: Codable, Equatable, Sendable {
        public struct Control: Codable, Equatable, Sendable {
            public var symbol: String
            public var name: String
            public var value: Float
        }
        public var controls: [Control]
        /// All of it as Turtle, the state included.
        public var turtle: String
    }

    public let folder: String
    private let world: World

    /// - Parameter folder: the user's presets; nil: `~/.lv2`
    public init(world: World, folder: String? = nil) {
        self.world = world
        self.folder = URL(fileURLWithPath: folder ?? (NSHomeDirectory() + "/.lv2")).standardizedFileURL.path
    }

    // MARK: Finding

    /// Presets by plugin, bank and label.
    ///
    /// - Parameters:
    ///   - plugin: one plugin's; nil: all
    ///   - search: words that must all stand in the label, the bank, the comment or the plugin's name, without regard to case
    /// - Throws: `HostError.pluginNotFound`
    public func entries(plugin: String? = nil, search: String? = nil) throws -> [Entry] {
        let words = (search ?? "").lowercased().split(whereSeparator: \.isWhitespace)
        return try (plugin.map { [$0] } ?? world.pluginURIs).flatMap { uri -> [Entry] in
            let description = try world.describe(uri)
            return description.presets.map { entry($0, description) }
        }.filter { entry in
            let text = [entry.preset.label, entry.preset.bank ?? "", entry.preset.comment ?? "", entry.pluginName]
                .joined(separator: " ").lowercased()
            return words.allSatisfy { text.contains($0) }
        }
    }

    /// One preset, by URI or label (without regard to case; a part that only one has is enough).
    ///
    /// - Throws: `HostError.pluginNotFound`, `.presetNotFound`
    public func entry(plugin: String, name: String) throws -> Entry {
        let description = try world.describe(plugin)
        guard let preset = description.matchPreset(name) else {
            throw HostError.presetNotFound(
                plugin: description.name, preset: name, known: description.presets.map { "'\($0.label)'" })
        }
        return entry(preset, description)
    }

    private func entry(_ preset: PresetDescription, _ plugin: PluginDescription) -> Entry {
        let node = world.node(preset.uri)
        var file = ""
        if let found = lilv_world_get(world.lilv, node, world.node(LV2.rdfs + "seeAlso"), nil) {
            file = URL(fileURLWithPath: world.path(found)).standardizedFileURL.path
            lilv_node_free(found)
        }
        return Entry(
            plugin: plugin.uri, pluginName: plugin.name, preset: preset, file: file, isOwn: file.hasPrefix(folder + "/"))
    }

    /// - Throws: `HostError.state` if it cannot be read
    public func contents(_ entry: Entry) throws -> Contents {
        world.loadResource(world.node(entry.preset.uri))
        guard let state = lilv_state_new_from_world(world.lilv, world.urids.map, world.node(entry.preset.uri)) else {
            throw HostError.state(plugin: entry.pluginName, cause: "preset '\(entry.preset.label)' holds nothing")
        }
        defer { lilv_state_free(state) }
        let ports = try world.describe(entry.plugin).ports
        let collector = Collector(float: world.urids.known.pointee.atom_float)
        lilv_state_emit_port_values(
            state,
            { symbol, context, value, size, type in
                let collector = Unmanaged<Collector>.fromOpaque(context!).takeUnretainedValue()
                guard size == 4, type == collector.float else { return }
                collector.values.append((String(cString: symbol!), value!.loadUnaligned(as: Float.self)))
            }, Unmanaged.passUnretained(collector).toOpaque())
        var turtle = ""
        if let text = lilv_state_to_string(world.lilv, world.urids.map, world.urids.unmap, state, entry.preset.uri, nil) {
            turtle = String(cString: text)
            lilv_free(text)
        }
        return Contents(
            controls: collector.values.sorted { $0.0 < $1.0 }.map { symbol, value in
                .init(symbol: symbol, name: ports.first { $0.symbol == symbol }?.name ?? symbol, value: value)
            }, turtle: turtle)
    }

    private final class Collector {
        let float: LV2_URID
        var values: [(String, Float)] = []
        init(float: LV2_URID) { self.float = float }
    }

    // MARK: Changing

    /// Saves a plugin as it is set as a preset of the user's.
    ///
    /// - Parameter replaces: takes the place of the user's own preset of this name
    /// - Returns: its bundle
    /// - Throws: `HostError`
    public func save(_ setup: PluginSetup, label: String, replaces: Bool = false) throws -> String {
        let label = try checked(label)
        let description = try world.describe(setup.uri)
        var bundle = freeBundle(description.name, label)
        if let same = description.presets.first(where: { $0.label.lowercased() == label.lowercased() }) {
            let old = entry(same, description)
            guard old.isOwn, replaces else {
                throw HostError.usage(
                    old.isOwn
                        ? "\(description.name) has a preset '\(same.label)' of yours already: say --force to replace it, or take another name"
                        : "\(description.name) brings a preset '\(same.label)' itself: take another name")
            }
            bundle = try ownBundle(old)
        }
        let graph = try Graph(world: world, setups: [setup], settings: Renderer.settings(sampleRate: 48_000, block: 256))
        // What is loaded beside the audio is there once it has run.
        var options = Renderer.Options()
        options.seconds = 0.05
        _ = try Renderer.render(graph, options)
        try graph.instances[0].saveState(to: bundle, label: label)
        return bundle
    }

    /// - Throws: `HostError`
    public func rename(_ entry: Entry, to label: String) throws {
        let label = try checked(label)
        _ = try ownBundle(entry)
        // lilv 0.24 cannot save a state that it has read; and all that changes is this one text.
        guard var text = try? String(contentsOfFile: entry.file, encoding: .utf8) else {
            throw HostError.file(path: entry.file, cause: "it cannot be read")
        }
        // Long strings (Turtle, section 2.5.1) are how lilv writes what holds quotation marks.
        let labels = text.ranges(of: /rdfs:label\s+(?:"""(?:[^\\]|\\.)*?"""|"(?:[^"\\]|\\.)*")/)
        guard labels.count == 1 else {
            throw HostError.file(path: entry.file, cause: "its label is not where it is looked for: change it by hand")
        }
        let escaped = label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        text.replaceSubrange(labels[0], with: "rdfs:label \"\(escaped)\"")
        try AtomicSave.write(text, to: entry.file)
    }

    /// Deletes a preset with all files that are its alone.
    ///
    /// - Throws: `HostError`
    public func delete(_ entry: Entry) throws {
        let bundle = try ownBundle(entry)
        do { try FileManager.default.removeItem(atPath: bundle) } catch {
            throw HostError.file(path: bundle, cause: AtomicSave.cause(error))
        }
    }

    /// Writes a preset, with every file that belongs to it, as a bundle of its own that can be given away.
    ///
    /// - Throws: `HostError`
    public func export(_ entry: Entry, to folder: String) throws {
        let manager = FileManager.default
        guard !manager.fileExists(atPath: folder) else { throw HostError.file(path: folder, cause: "it is there already") }
        let setup = PluginSetup(uri: entry.plugin, preset: entry.preset.uri)
        let graph = try Graph(world: world, setups: [setup], settings: Renderer.settings(sampleRate: 48_000, block: 256))
        var options = Renderer.Options()
        options.seconds = 0.05
        _ = try Renderer.render(graph, options)
        try graph.instances[0].saveState(to: folder, label: entry.preset.label, copiesFiles: true)
    }

    /// Takes a preset bundle, which may come from anywhere, into the user's folder. A bundle is data: one that brings a program
    /// (a plugin) is refused, and so are links.
    ///
    /// - Returns: where it is now, and the labels of its presets with their plugins' URIs
    /// - Throws: `HostError`
    public func importBundle(_ path: String) throws -> (bundle: String, presets: [(label: String, plugin: String)]) {
        let manager = FileManager.default
        let source = URL(fileURLWithPath: path).standardizedFileURL.path
        guard manager.fileExists(atPath: source + "/manifest.ttl") else {
            throw HostError.file(path: path, cause: "it is no preset bundle (a folder with a manifest.ttl)")
        }
        for name in manager.enumerator(atPath: source)?.compactMap({ $0 as? String }) ?? [] {
            let type = try? manager.attributesOfItem(atPath: source + "/" + name)[.type] as? FileAttributeType
            guard type == .typeRegular || type == .typeDirectory else {
                throw HostError.file(path: "\(path)/\(name)", cause: "it is neither a file nor a folder, so the bundle is not taken")
            }
        }
        var bundle = folder + "/" + (source as NSString).lastPathComponent
        var number = 2
        while manager.fileExists(atPath: bundle) {
            bundle = "\(folder)/\(((source as NSString).lastPathComponent as NSString).deletingPathExtension)-\(number).lv2"
            number += 1
        }
        // Looked at alone, where nothing else can be taken for a part of it.
        let scratch = NSTemporaryDirectory() + "/continuo-import-\(UUID().uuidString)"
        defer { try? manager.removeItem(atPath: scratch) }
        do {
            try manager.createDirectory(atPath: scratch, withIntermediateDirectories: true)
            try manager.copyItem(atPath: source, toPath: scratch + "/bundle.lv2")
        } catch {
            throw HostError.file(path: path, cause: AtomicSave.cause(error))
        }
        let alone = World(path: scratch)
        guard alone.pluginURIs.isEmpty else { throw HostError.file(path: path, cause: "it brings a plugin; a preset bundle brings none") }
        let presets = alone.subjects(of: LV2.presets + "Preset").map { node -> (String, String) in
            lilv_world_load_resource(alone.lilv, node)
            return (alone.value(node, LV2.rdfs + "label") ?? alone.text(node), alone.value(node, LV2.core + "appliesTo") ?? "")
        }
        guard !presets.isEmpty else { throw HostError.file(path: path, cause: "it holds no preset") }
        try AtomicSave.replace(folder: bundle) { fresh in
            do {
                for entry in AtomicSave.entries(scratch + "/bundle.lv2") {
                    try manager.copyItem(atPath: scratch + "/bundle.lv2/" + entry, toPath: fresh + "/" + entry)
                }
            } catch { throw HostError.file(path: bundle, cause: AtomicSave.cause(error)) }
            return { _ in false }
        }
        return (bundle, presets)
    }

    // MARK: Checks

    private func checked(_ label: String) throws -> String {
        let label = label.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !label.isEmpty, label.utf8.count <= 200, !label.contains(where: \.isNewline) else {
            throw HostError.usage("a preset's name is one line of 1 to 200 bytes")
        }
        return label
    }

    /// The bundle of a preset that is the user's, and in which there is nothing else.
    private func ownBundle(_ entry: Entry) throws -> String {
        guard entry.isOwn else {
            throw HostError.usage(
                "'\(entry.preset.label)' comes with \(entry.pluginName) (\(entry.file)): only your own presets can be changed")
        }
        let bundle = (entry.file as NSString).deletingLastPathComponent
        let manifest = (try? String(contentsOfFile: bundle + "/manifest.ttl", encoding: .utf8)) ?? ""
        guard bundle != folder, manifest.components(separatedBy: "appliesTo").count == 2, !manifest.contains("binary") else {
            throw HostError.file(path: bundle, cause: "more than the preset '\(entry.preset.label)' is in there: change it by hand")
        }
        return bundle
    }

    /// A folder's name that is nobody's yet, as other hosts make them.
    private func freeBundle(_ plugin: String, _ label: String) -> String {
        let name = String((plugin + "_" + label).map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" }.prefix(100))
        var path = "\(folder)/\(name).preset.lv2"
        var number = 2
        while FileManager.default.fileExists(atPath: path) {
            path = "\(folder)/\(name)-\(number).preset.lv2"
            number += 1
        }
        return path
    }
}

extension PluginDescription {
    /// A preset by URI or label (without regard to case; a part that only one has is enough).
    func matchPreset(_ name: String) -> PresetDescription? {
        let wanted = name.lowercased()
        if let exact = presets.first(where: { $0.uri == name }) { return exact }
        if let exact = presets.first(where: { $0.label.lowercased() == wanted }) { return exact }
        let partial = presets.filter { $0.label.lowercased().contains(wanted) }
        return partial.count == 1 ? partial[0] : nil
    }
}

extension World {
    /// All subjects of this type. The caller need not free them: the world keeps them.
    func subjects(of type: String) -> [OpaquePointer] {
        let found = lilv_world_find_nodes(lilv, nil, node("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), node(type))
        return texts(found).map { node($0) }
    }
}
