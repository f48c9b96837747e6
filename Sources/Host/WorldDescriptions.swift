import CHost

/// Turning lilv's nodes into descriptions.
extension World {
    func describePlugin(_ plugin: OpaquePointer) -> PluginDescription {
        let subject = lilv_plugin_get_uri(plugin)
        let named = lilv_plugin_get_name(plugin)
        defer { lilv_node_free(named) }
        let author = lilv_plugin_get_author_name(plugin)
        defer { lilv_node_free(author) }
        let pluginClass = lilv_plugin_class_get_label(lilv_plugin_get_class(plugin))
        return PluginDescription(
            uri: text(subject!), name: named.map(text) ?? text(subject!), author: author.map(text),
            classLabel: pluginClass.map(text) ?? "Plugin",
            license: value(subject, "http://usefulinc.com/ns/doap#license"),
            bundlePath: path(lilv_plugin_get_bundle_uri(plugin)), binaryPath: path(lilv_plugin_get_library_uri(plugin)),
            requiredFeatures: texts(lilv_plugin_get_required_features(plugin)).sorted(),
            optionalFeatures: texts(lilv_plugin_get_optional_features(plugin)).sorted(),
            requiredOptions: texts(lilv_plugin_get_value(plugin, node(LV2.options + "requiredOption"))).sorted(),
            extensionData: texts(lilv_plugin_get_extension_data(plugin)).sorted(),
            ports: (0..<lilv_plugin_get_num_ports(plugin)).map { describePort(plugin, $0) },
            parameters: describeParameters(plugin), presets: describePresets(plugin))
    }

    private func describePort(_ plugin: OpaquePointer, _ index: UInt32) -> PortDescription {
        let port = lilv_plugin_get_port_by_index(plugin, index)!
        func has(_ property: String) -> Bool { lilv_port_has_property(plugin, port, node(property)) }
        func isA(_ type: String) -> Bool { lilv_port_is_a(plugin, port, node(type)) }
        func value(_ predicate: String) -> String? {
            guard let found = lilv_port_get(plugin, port, node(predicate)) else { return nil }
            defer { lilv_node_free(found) }
            return text(found)
        }
        let name = lilv_port_get_name(plugin, port)
        defer { lilv_node_free(name) }
        var limits: (OpaquePointer?, OpaquePointer?, OpaquePointer?) = (nil, nil, nil)
        lilv_port_get_range(plugin, port, &limits.0, &limits.1, &limits.2)
        defer {
            lilv_node_free(limits.0)
            lilv_node_free(limits.1)
            lilv_node_free(limits.2)
        }
        let kind: PortDescription.Kind =
            isA(LV2.core + "ControlPort") ? .control
            : isA(LV2.core + "AudioPort") ? .audio
            : isA(LV2.core + "CVPort") ? .cv : isA(LV2.atom + "AtomPort") ? .atom : .unknown
        let designation = value(LV2.core + "designation")
        let isInput = isA(LV2.core + "InputPort")
        return PortDescription(
            index: Int(index), symbol: text(lilv_port_get_symbol(plugin, port)), name: name.map(text) ?? "",
            isInput: isInput, kind: kind, isOptional: has(LV2.core + "connectionOptional"),
            minimum: number(limits.1), maximum: number(limits.2), default: number(limits.0),
            isInSampleRates: has(LV2.core + "sampleRate"), isToggled: has(LV2.core + "toggled"),
            isInteger: has(LV2.core + "integer"), isEnumeration: has(LV2.core + "enumeration"),
            isLogarithmic: has(LV2.portProps + "logarithmic"), unit: unit(plugin, port), scalePoints: scalePoints(plugin, port),
            group: value(LV2.portGroups + "group").flatMap { group in
                self.value(node(group), LV2.core + "name") ?? self.value(node(group), LV2.rdfs + "label")
            },
            designation: designation, comment: value(LV2.rdfs + "comment"),
            takesMIDI: kind == .atom && lilv_port_supports_event(plugin, port, node(LV2.midi + "MidiEvent")),
            takesPatchMessages: kind == .atom && lilv_port_supports_event(plugin, port, node(LV2.patch + "Message")),
            takesTimePosition: kind == .atom && lilv_port_supports_event(plugin, port, node(LV2.time + "Position")),
            minimumSize: value(LV2.resizePort + "minimumSize").flatMap { Int($0) } ?? 0,
            isLatency: !isInput && kind == .control
                && (designation == LV2.latency || has(LV2.core + "reportsLatency")),
            isSideChain: has(LV2.core + "isSideChain") || value(LV2.portGroups + "sideChainOf") != nil)
    }

    private func unit(_ plugin: OpaquePointer, _ port: OpaquePointer) -> String? {
        guard let unit = lilv_port_get(plugin, port, node(LV2.units + "unit")) else { return nil }
        defer { lilv_node_free(unit) }
        return value(unit, LV2.units + "symbol") ?? value(unit, LV2.rdfs + "label")
    }

    private func scalePoints(_ plugin: OpaquePointer, _ port: OpaquePointer) -> [PortDescription.ScalePoint] {
        guard let points = lilv_port_get_scale_points(plugin, port) else { return [] }
        defer { lilv_scale_points_free(points) }
        var result: [PortDescription.ScalePoint] = []
        var i = lilv_scale_points_begin(points)
        while !lilv_scale_points_is_end(points, i) {
            if let point = lilv_scale_points_get(points, i), let value = number(lilv_scale_point_get_value(point)) {
                result.append(.init(label: text(lilv_scale_point_get_label(point)), value: value))
            }
            i = lilv_scale_points_next(points, i)
        }
        return result.sorted { $0.value < $1.value }
    }

    private func describeParameters(_ plugin: OpaquePointer) -> [ParameterDescription] {
        let writable = texts(lilv_plugin_get_value(plugin, node(LV2.patch + "writable")))
        let readable = texts(lilv_plugin_get_value(plugin, node(LV2.patch + "readable")))
        return (writable + readable.filter { !writable.contains($0) }).map { uri in
            let subject = node(uri)
            let last = uri.split(whereSeparator: { "/#:".contains($0) }).last.map(String.init) ?? uri
            return ParameterDescription(
                uri: uri, symbol: value(subject, LV2.core + "symbol") ?? last,
                label: value(subject, LV2.rdfs + "label") ?? last,
                type: value(subject, LV2.rdfs + "range") ?? LV2.atom + "Float",
                isWritable: writable.contains(uri), isReadable: readable.contains(uri),
                minimum: number(subject, LV2.core + "minimum"), maximum: number(subject, LV2.core + "maximum"),
                default: number(subject, LV2.core + "default"), comment: value(subject, LV2.rdfs + "comment"))
        }.sorted { $0.symbol < $1.symbol }
    }

    /// The presets of a plugin, by bank and label.
    func describePresets(_ plugin: OpaquePointer) -> [PresetDescription] {
        let related = lilv_plugin_get_related(plugin, node(LV2.presets + "Preset"))
        defer { lilv_nodes_free(related) }
        return eachNode(related) { preset in
            loadResource(preset)
            let bank = value(preset, LV2.presets + "bank").map { uri -> String in
                loadResource(node(uri))
                return value(node(uri), LV2.rdfs + "label") ?? uri
            }
            return PresetDescription(
                uri: text(preset), label: value(preset, LV2.rdfs + "label") ?? text(preset), bank: bank,
                comment: value(preset, LV2.rdfs + "comment"))
        }.sorted { ($0.bank ?? "", $0.label, $0.uri) < ($1.bank ?? "", $1.label, $1.uri) }
    }
}
