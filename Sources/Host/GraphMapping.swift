import CHost

/// A control that MIDI moves, in a graph.
final class GraphMapping {
    let id: UInt32
    let nodeID: UInt32
    let description: MIDIMapping
    let process: UnsafeMutablePointer<ProcessMapping>
    private let memory: ProcessMemory

    init(id: UInt32, node: GraphNode, description: MIDIMapping, process: ProcessMapping) throws {
        memory = ProcessMemory(node.name)
        self.id = id
        nodeID = node.id
        self.description = description
        self.process = try memory.copy([process])
        self.process.pointee.node = node.process
    }

    /// The same for another instance of the plugin.
    func moved(to node: GraphNode) throws -> GraphMapping {
        try GraphMapping(id: id, node: node, description: description, process: process.pointee)
    }

    var port: Int { process.pointee.port }
}

extension Graph {
    static let bypassSymbol = "bypass"

    /// - Throws: `HostError.usage`, `HostError.controlNotFound`, if there is no such control or it cannot be moved so.
    @discardableResult
    func map(_ mapping: MIDIMapping) throws -> GraphMapping {
        guard let colon = mapping.control.lastIndex(of: ":"), let node = node(named: String(mapping.control[..<colon])) else {
            throw HostError.usage("'\(mapping.control)' is no control: write PLUGIN:SYMBOL, by the plugin's name")
        }
        let symbol = String(mapping.control[mapping.control.index(after: colon)...])
        let controls = node.description.ports.filter { $0.isInput && $0.kind == .control }
        let port = controls.first { $0.symbol == symbol } ?? controls.first { $0.symbol.lowercased() == symbol.lowercased() }
        if port == nil && symbol != Graph.bypassSymbol && symbol != ":" + Graph.bypassSymbol {
            throw HostError.controlNotFound(plugin: node.description.name, symbol: symbol, known: controls.map(\.symbol))
        }
        // The plugin's own bypass is the better one.
        let target = port ?? node.enabledPort
        let isEnabled = port == nil && target != nil
        let scale = target?.isInSampleRates == true ? Float(settings.sampleRate) : 1
        let limits = (low: (target?.minimum ?? 0) * scale, high: (target?.maximum ?? 1) * scale)
        func inside(_ value: Float) -> Float { target == nil ? value : min(max(value, limits.low), max(limits.low, limits.high)) }
        let low = mapping.low.map(inside) ?? (isEnabled ? 1 : limits.low)
        let high = mapping.high.map(inside) ?? (isEnabled ? 0 : limits.high)
        var curve = ProcessMapping.Curve.linear
        var exponent: Float = 1
        switch mapping.curve ?? (target?.isLogarithmic == true && low * high > 0 ? .logarithmic : .linear) {
        case .linear: break
        case .logarithmic:
            guard low * high > 0 else {
                throw HostError.usage("\(mapping.control): a logarithmic curve cannot go from \(low) to \(high)")
            }
            curve = .logarithmic
        case .power(let power):
            curve = .power
            exponent = power
        }
        var source = ProcessMapping.Source.controller
        var number = 0
        switch mapping.source {
        case .controller(let value): number = value
        case .nrpn(let value): (source, number) = (.nrpn, value)
        case .rpn(let value): (source, number) = (.rpn, value)
        case .keyPressure(let key): (source, number) = (.keyPressure, key ?? Int(ProcessMapping.anyKey))
        case .bend: source = .bend
        case .pressure: source = .pressure
        case .note(let value): (source, number) = (.note, value)
        }
        unmap(node, port: target?.index ?? -1)
        let made = try GraphMapping(
            id: newID(), node: node, description: mapping,
            process: ProcessMapping(
                id: 0, source: source, channel: mapping.channel.map { UInt8($0 - 1) } ?? 255, number: UInt16(number),
                node: node.process, port: target?.index ?? -1, low: low, high: high, curve: curve, exponent: exponent,
                isWhole: target.map { $0.isInteger || $0.isToggled || $0.isEnumeration } ?? true, takesOver: mapping.takesOver))
        made.process.pointee.id = made.id
        mappings.append(made)
        return made
    }

    /// Makes sure that there is a MIDI input, for what moves controls.
    ///
    /// - Throws: `HostError.outOfMemory`
    func offerMIDI() throws {
        if wiring.inputs.contains(where: { $0.kind == .midi }) { return }
        try addMIDIInput("midi_in")
        changed()
    }

    /// - Throws: `HostError.outOfMemory`
    func addMIDIInput(_ name: String) throws {
        let isMain = name == "midi_in"
        let made = try makeEnd(wiring, name, isMain ? "MIDI In" : name, .midi, isInput: true, isMain: false)
        // What scripts for mod-host connect
        if isMain { made.aliases = ["mod-host:midi_in"] }
        wiring.inputs.append(made)
    }

    /// False if there was none.
    @discardableResult
    func unmap(_ node: GraphNode, port: Int) -> Bool {
        let count = mappings.count
        mappings.removeAll { $0.nodeID == node.id && $0.port == port }
        return mappings.count < count
    }
}
