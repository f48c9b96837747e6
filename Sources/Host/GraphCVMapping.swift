import CHost

/// A control that a CV signal moves, in a graph.
final class GraphCVMapping {
    let id: UInt32
    let nodeID: UInt32
    let description: CVMapping
    /// An end of the graph's, or a plugin's output.
    let source: GraphPoint
    let process: UnsafeMutablePointer<ProcessCVMapping>
    private let memory: ProcessMemory

    /// - Throws: `HostError.outOfMemory`
    init(id: UInt32, node: GraphNode, description: CVMapping, source: GraphPoint, process: ProcessCVMapping) throws {
        memory = ProcessMemory(node.name)
        self.id = id
        nodeID = node.id
        self.description = description
        self.source = source
        self.process = try memory.copy([process])
        self.process.pointee.node = node.process
    }

    /// The same where plugins have others in their place, by their old ids.
    func moved(among fresh: [UInt32: GraphNode], in graph: Graph) throws -> GraphCVMapping {
        guard fresh[nodeID] != nil || source.nodeID.map({ fresh[$0] != nil }) ?? false,
            let node = fresh[nodeID] ?? graph.node(id: nodeID)
        else { return self }
        return try GraphCVMapping(
            id: id, node: node, description: description,
            source: source.nodeID.flatMap { fresh[$0] }.map { .node($0.id, source.port) } ?? source, process: process.pointee)
    }

    var port: Int { process.pointee.port }
}

/// An output whose level somebody watches.
final class GraphLevel {
    /// What it is called by who watches it.
    let name: String
    /// An end of the graph's, or a plugin's output.
    var source: GraphPoint
    /// The highest magnitude since somebody looked.
    let peak: UnsafeMutablePointer<Float>
    /// Whether what was last told of it was sound.
    var wasHeard = false
    private let memory: ProcessMemory

    /// - Throws: `HostError.outOfMemory`
    init(name: String, source: GraphPoint) throws {
        memory = ProcessMemory(name)
        self.name = name
        self.source = source
        peak = try memory.floats(1)
    }
}

extension Graph {
    /// Has a CV signal move a control, in the place of one that did.
    ///
    /// - Throws: `HostError.usage`, `HostError.controlNotFound`, `HostError.connection`.
    @discardableResult
    func mapCV(_ mapping: CVMapping) throws -> GraphCVMapping {
        guard let colon = mapping.control.lastIndex(of: ":"), let node = node(named: String(mapping.control[..<colon])) else {
            throw HostError.usage("'\(mapping.control)' is no control: write PLUGIN:SYMBOL, by the plugin's name")
        }
        let symbol = String(mapping.control[mapping.control.index(after: colon)...])
        let controls = node.description.ports.filter { $0.isInput && $0.kind == .control && !$0.isHostDriven }
        guard let port = controls.first(where: { $0.symbol == symbol }) else {
            throw HostError.controlNotFound(plugin: node.description.name, symbol: symbol, known: controls.map(\.symbol))
        }
        guard mapping.sourceLow < mapping.sourceHigh else {
            throw HostError.usage("\(mapping.control): a signal's range goes from the lower to the higher")
        }
        let scale = port.isInSampleRates ? Float(settings.sampleRate) : 1
        func inside(_ value: Float) -> Float {
            min(max(value, (port.minimum ?? value) * scale), (port.maximum ?? value) * scale)
        }
        let low = mapping.low.map(inside) ?? (port.minimum ?? 0) * scale
        let high = mapping.high.map(inside) ?? (port.maximum ?? 1) * scale
        let source: GraphPoint
        unmapCV(node, port: port.index)
        switch try place(mapping.source, isSource: true) {
        case .ports(let other, let ports):
            guard ports.count == 1, ports[0].kind != .atom else {
                throw HostError.connection(from: mapping.source, to: mapping.control, cause: "it is no signal")
            }
            source = .node(other.id, ports[0].index)
        case .end(let name):
            guard let end = wiring.inputs.first(where: { $0.name == name && $0.kind != .midi }) else {
                throw HostError.connection(from: mapping.source, to: mapping.control, cause: "there is no port '\(name)' here")
            }
            source = .end(end.id)
        case .outside(let pattern):
            let end = try makeEnd(
                wiring, "\(node.name)_\(symbol)", "\(node.name): \(port.name)", .cv, isInput: true, isMain: false)
            end.isForControl = true
            end.aliases = ["\(node.name):\(symbol)"]
            end.add(pattern)
            wiring.inputs.append(end)
            source = .end(end.id)
        }
        let made = try GraphCVMapping(
            id: newID(), node: node, description: mapping, source: source,
            process: ProcessCVMapping(
                id: 0, node: node.process, port: port.index, sourceLow: mapping.sourceLow, sourceHigh: mapping.sourceHigh,
                low: low, high: high, isToggled: port.isToggled, isWhole: port.isInteger || port.isEnumeration))
        made.process.pointee.id = made.id
        cvMappings.append(made)
        return made
    }

    /// False if there was none.
    @discardableResult
    func unmapCV(_ node: GraphNode, port: Int) -> Bool {
        guard let place = cvMappings.firstIndex(where: { $0.nodeID == node.id && $0.port == port }) else { return false }
        let gone = cvMappings.remove(at: place)
        wiring.inputs.removeAll { $0.isForControl && $0.id == gone.source.endID }
        return true
    }

    /// Takes away what moves a plugin's controls, or hears its outputs.
    func forgetTaps(_ ids: Set<UInt32>) {
        let gone = cvMappings.filter { ids.contains($0.nodeID) || ids.contains($0.source.nodeID ?? 0) }
        cvMappings.removeAll { mapping in gone.contains { $0 === mapping } }
        wiring.inputs.removeAll { end in end.isForControl && gone.contains { $0.source.endID == end.id } }
        // Watchers keep their places: they are known by them.
        for level in levels where ids.contains(level.source.nodeID ?? 0) { level.source = .end(0) }
    }

    // MARK: Levels

    /// Watches the level of a plugin's output, or of another client's port.
    ///
    /// - Throws: `HostError.connection`.
    func watchLevel(of name: String) throws -> GraphLevel {
        let source: GraphPoint
        switch try place(name, isSource: true) {
        case .ports(let node, let ports):
            guard ports.count == 1, ports[0].kind != .atom else {
                throw HostError.connection(from: name, to: "a meter", cause: "it is no signal")
            }
            source = .node(node.id, ports[0].index)
        case .end(let own):
            guard let end = wiring.inputs.first(where: { $0.name == own && $0.kind != .midi }) else {
                throw HostError.connection(from: name, to: "a meter", cause: "there is no port '\(own)' here")
            }
            source = .end(end.id)
        case .outside(let pattern):
            let end = try makeEnd(
                wiring, "monitor_\(levels.count + 1)", "Monitor \(levels.count + 1)", .audio, isInput: true, isMain: false)
            end.isForControl = true
            end.add(pattern)
            wiring.inputs.append(end)
            source = .end(end.id)
        }
        let level = try GraphLevel(name: name, source: source)
        levels.append(level)
        return level
    }

    /// The end of the watch that was begun last.
    func unwatchLastLevel() {
        let gone = levels.removeLast()
        wiring.inputs.removeAll { $0.isForControl && $0.id == gone.source.endID }
    }
}
