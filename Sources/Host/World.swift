import CHost
import Foundation

/// Everything lilv knows: the installed plugins, their presets and the specifications.
///
/// lilv is not thread-safe: a world and all that comes from it is used on one thread.
public final class World {
    let lilv: OpaquePointer
    public let urids = URIDMap()
    private var nodes: [String: OpaquePointer] = [:]
    /// Presets whose data has been read already.
    private var loadedResources: Set<String> = []

    /// Tries plugins out before they are loaded; nil: they are taken as they come.
    public var probe: PluginProbe?
    /// Seconds after which a plugin that is asked for its state, or works, counts as stuck; 0: never.
    var callLimit = 0.0
    /// Plugins that have been loaded, by URI.
    var loaded: Set<String> = []
    /// By URI: plugins that are not to be loaded, and why.
    var refused: [String: String] = [:]

    /// Reads all bundles on LV2_PATH (or lilv's default path). Bundles that cannot be parsed are named on standard error
    /// by lilv and left out.
    ///
    /// - Parameter path: folders to look in instead, separated by colons.
    public init(path: String? = nil) {
        World.prepareForQt()
        lilv = lilv_world_new()
        if let path {
            let node = lilv_new_string(lilv, path)
            lilv_world_set_option(lilv, "http://drobilla.net/ns/lilv#lv2-path", node)
            lilv_node_free(node)
        }
        lilv_world_load_all(lilv)
    }

    /// Reads one bundle alone.
    init(bundle: String) {
        World.prepareForQt()
        lilv = lilv_world_new()
        addBundle(bundle)
    }

    /// Plugins that are made with Qt start it when they are made, and it ends the process where there is no display: without one it is told
    /// to draw nowhere.
    private static func prepareForQt() {
        guard getenv("DISPLAY") == nil, getenv("WAYLAND_DISPLAY") == nil else { return }
        setenv("QT_QPA_PLATFORM", "offscreen", 0)
    }

    deinit {
        for node in nodes.values { lilv_node_free(node) }
        lilv_world_free(lilv)
    }

    // MARK: Plugins

    /// The URIs of all plugins, sorted.
    public var pluginURIs: [String] {
        let all = lilv_world_get_all_plugins(lilv)
        var uris: [String] = []
        var i = lilv_plugins_begin(all)
        while !lilv_plugins_is_end(all, i) {
            uris.append(String(cString: lilv_node_as_uri(lilv_plugin_get_uri(lilv_plugins_get(all, i)))))
            i = lilv_plugins_next(all, i)
        }
        return uris.sorted()
    }

    /// - Throws: `HostError.pluginNotFound`, naming URIs that look alike.
    public func describe(_ uri: String) throws -> PluginDescription { try describePlugin(plugin(uri)) }

    func plugin(_ uri: String) throws -> OpaquePointer {
        if let plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(lilv), node(uri)) { return plugin }
        let wanted = lastPart(uri)
        let similar = wanted.isEmpty ? [] : pluginURIs.filter { lastPart($0) == wanted || $0.lowercased().contains(wanted) }
        throw HostError.pluginNotFound(uri: uri, similar: Array(similar.prefix(3)))
    }

    private func lastPart(_ uri: String) -> String {
        (uri.split(whereSeparator: { "/#:".contains($0) }).last.map(String.init) ?? uri).lowercased()
    }

    // MARK: Bundles and presets

    /// Reads a bundle's data; one that is not there, or cannot be parsed, is named on standard error by lilv.
    func addBundle(_ path: String) {
        let node = lilv_new_file_uri(lilv, nil, path.hasSuffix("/") ? path : path + "/")
        defer { lilv_node_free(node) }
        // What was read before may have changed since.
        lilv_world_unload_bundle(lilv, node)
        loadedResources.removeAll()
        lilv_world_load_bundle(lilv, node)
    }

    func removeBundle(_ path: String, resource: String?) {
        if let resource { lilv_world_unload_resource(lilv, self.node(resource)) }
        let node = lilv_new_file_uri(lilv, nil, path.hasSuffix("/") ? path : path + "/")
        defer { lilv_node_free(node) }
        lilv_world_unload_bundle(lilv, node)
        loadedResources.removeAll()
    }

    /// A preset's data as Turtle, or nil if there is no such preset.
    func presetText(_ uri: String) -> String? {
        guard uri.contains(":") else { return nil }
        loadResource(node(uri))
        guard let state = lilv_state_new_from_world(lilv, urids.map, node(uri)) else { return nil }
        defer { lilv_state_free(state) }
        guard let text = lilv_state_to_string(lilv, urids.map, urids.unmap, state, uri, nil) else { return nil }
        defer { lilv_free(text) }
        return String(cString: text)
    }

    // MARK: Nodes

    /// The node of a URI; the world keeps it.
    func node(_ uri: String) -> OpaquePointer {
        if let node = nodes[uri] { return node }
        // An empty or relative string is no URI; lilv would complain on its own, and find nothing either way.
        let node = lilv_new_uri(lilv, uri.contains(":") ? uri : "urn:continuo:none:" + uri)!
        nodes[uri] = node
        return node
    }

    /// Reads what a preset's or bank's own file says.
    func loadResource(_ node: OpaquePointer) {
        if loadedResources.insert(text(node)).inserted { lilv_world_load_resource(lilv, node) }
    }

    func text(_ node: OpaquePointer) -> String { lilv_node_as_string(node).map { String(cString: $0) } ?? "" }

    /// The first object of (`subject`, `predicate`) as text.
    func value(_ subject: OpaquePointer?, _ predicate: String) -> String? {
        guard let found = lilv_world_get(lilv, subject, node(predicate), nil) else { return nil }
        defer { lilv_node_free(found) }
        return text(found)
    }

    /// The first object of (`subject`, `predicate`) as a number.
    func number(_ subject: OpaquePointer?, _ predicate: String) -> Float? {
        guard let found = lilv_world_get(lilv, subject, node(predicate), nil) else { return nil }
        defer { lilv_node_free(found) }
        return number(found)
    }

    func number(_ node: OpaquePointer?) -> Float? {
        guard let node, lilv_node_is_float(node) || lilv_node_is_int(node) || lilv_node_is_bool(node) else { return nil }
        return lilv_node_is_bool(node) ? (lilv_node_as_bool(node) ? 1 : 0) : lilv_node_as_float(node)
    }

    /// Takes the nodes of a lilv collection (which it frees) as text.
    func texts(_ collection: UnsafeMutableRawPointer?) -> [String] {
        defer { lilv_nodes_free(collection) }
        return eachNode(UnsafeRawPointer(collection)) { text($0) }
    }

    func eachNode<T>(_ collection: UnsafeRawPointer?, _ body: (OpaquePointer) -> T) -> [T] {
        guard let collection else { return [] }
        var results: [T] = []
        var i = lilv_nodes_begin(collection)
        while !lilv_nodes_is_end(collection, i) {
            if let node = lilv_nodes_get(collection, i) { results.append(body(node)) }
            i = lilv_nodes_next(collection, i)
        }
        return results
    }

    func path(_ node: OpaquePointer?) -> String {
        guard let node, let path = lilv_node_get_path(node, nil) else { return "" }
        defer { lilv_free(path) }
        return String(cString: path)
    }
}
