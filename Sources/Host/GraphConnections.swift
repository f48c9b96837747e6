import CHost
import Foundation

/// Connections by name.
extension Graph {
    /// What one side of a connection means.
    enum Place {
        /// A plugin's ports, in order: one, or those that a pattern matches.
        case ports(GraphNode, [PortDescription])
        /// One of the graph's own ends, which need not exist yet.
        case end(String)
        /// Ports of other JACK clients, by name or pattern.
        case outside(String)
    }

    /// Wires up the plugins as a patch says: as a row if no connection names a plugin.
    ///
    /// - Parameter isRow: nil: as the connections say.
    func wire(_ connections: [PatchConnection], isRow: Bool? = nil) throws {
        let isRow = isRow ?? !connections.contains { isPlugin($0.from) || isPlugin($0.to) }
        wiring = try isRow ? rowWiring() : GraphWiring()
        // Ends before their partners.
        func isPartner(_ connection: PatchConnection) -> Bool {
            !isPlugin(connection.from) && !isPlugin(connection.to)
                && (connection.from.contains(":") || connection.to.contains(":"))
        }
        for connection in connections where !isPartner(connection) { try connect(connection) }
        for connection in connections where isPartner(connection) { try connect(connection) }
    }

    private func isPlugin(_ text: String) -> Bool {
        text.firstIndex(of: ":").map { node(named: String(text[..<$0])) != nil } ?? false
    }

    /// What a name means: `plugin:port` of this graph, `port` of its own, else `client:port` of JACK.
    func place(_ text: String, isSource: Bool) throws -> Place {
        guard let colon = text.firstIndex(of: ":") else { return .end(text) }
        guard let node = node(named: String(text[..<colon])) else { return .outside(text) }
        let symbol = String(text[text.index(after: colon)...])
        let all = node.description.ports.filter { $0.kind == .audio || $0.kind == .cv || $0.kind == .atom }
        let isPattern = symbol.contains { "*?".contains($0) }
        let found = all.filter { isPattern ? fnmatch(symbol, $0.symbol, 0) == 0 && $0.isInput != isSource : $0.symbol == symbol }
        guard let first = found.first else {
            let known = all.filter { $0.isInput != isSource }.map(\.symbol)
            throw HostError.usage(
                "\(node.name) has no port '\(symbol)' \(isSource ? "to come from" : "to go to"): "
                    + (known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))"))
        }
        if first.isInput == isSource {
            throw HostError.usage("\(text) is an \(first.isInput ? "input: nothing comes from it" : "output: nothing goes to it")")
        }
        return .ports(node, found)
    }

    /// Connects by name; a pattern for a plugin's ports means all that match, in order.
    ///
    /// - Throws: `HostError.connection`, `HostError.feedback`, `HostError.usage`.
    package func connect(_ connection: PatchConnection) throws {
        let from = try place(connection.from, isSource: true)
        let to = try place(connection.to, isSource: false)
        func fail(_ cause: String) -> HostError { .connection(from: connection.from, to: connection.to, cause: cause) }
        switch (from, to) {
        case (.ports(let source, let outputs), .ports(let sink, let inputs)):
            for (output, input) in try pairs(outputs, inputs, fail) {
                guard (output.kind == .atom) == (input.kind == .atom) else {
                    throw fail("one is \(output.kind.word), the other \(input.kind.word)")
                }
                try connect(.node(source.id, output.index), .node(sink.id, input.index), gain: connection.gain)
            }
        case (.end(let name), .ports(let sink, let inputs)):
            for input in inputs {
                let end = try end(name, for: input, isInput: true, fail)
                try connect(.end(end.id), .node(sink.id, input.index), gain: connection.gain)
            }
        case (.ports(let source, let outputs), .end(let name)):
            for output in outputs {
                let end = try end(name, for: output, isInput: false, fail)
                try connect(.node(source.id, output.index), .end(end.id), gain: connection.gain)
            }
        case (.outside(let pattern), .ports(let sink, let inputs)):
            for (i, input) in inputs.enumerated() {
                let end = try outsideEnd(sink, input, gain: connection.gain)
                end.add(GraphEnd.partner(pattern, i, of: inputs.count, connection.to))
            }
        case (.ports(let source, let outputs), .outside(let pattern)):
            for (i, output) in outputs.enumerated() {
                let end = try outsideEnd(source, output, gain: connection.gain)
                end.add(GraphEnd.partner(pattern, i, of: outputs.count, connection.from))
            }
        case (.outside(let pattern), .end(let name)):
            // One for MIDI moves controls, whatever else it does.
            if name.hasPrefix("midi") && !wiring.inputs.contains(where: { $0.name == name }) { try addMIDIInput(name) }
            guard let end = wiring.inputs.first(where: { $0.name == name }) else { throw fail(missing(name, wiring.inputs)) }
            end.add(pattern)
        case (.end(let name), .outside(let pattern)):
            guard let end = wiring.outputs.first(where: { $0.name == name }) else { throw fail(missing(name, wiring.outputs)) }
            end.add(pattern)
        case (.end(let input), .end(let output)):
            let kind: GraphEnd.Kind =
                wiring.inputs.first { $0.name == input }?.kind ?? wiring.outputs.first { $0.name == output }?.kind
                ?? (input.hasPrefix("midi") ? .midi : input.hasPrefix("cv") ? .cv : .audio)
            let first = try end(input, kind: kind, isInput: true, fail)
            let second = try end(output, kind: kind, isInput: false, fail)
            try connect(.end(first.id), .end(second.id), gain: connection.gain)
        case (.outside, .outside):
            throw fail("neither is of this patch")
        }
    }

    /// Takes a connection away.
    ///
    /// - Throws: `HostError.connection` if there is none.
    package func disconnect(_ connection: PatchConnection) throws {
        let from = try points(connection.from, isSource: true)
        let to = try points(connection.to, isSource: false)
        var count = 0
        for source in from { for sink in to where disconnect(source, sink) { count += 1 } }
        if count == 0 { throw HostError.connection(from: connection.from, to: connection.to, cause: "they are not connected") }
    }

    /// The points of a graph's own that a name means.
    private func points(_ text: String, isSource: Bool) throws -> [GraphPoint] {
        switch try place(text, isSource: isSource) {
        case .ports(let node, let ports): return ports.map { .node(node.id, $0.index) }
        case .end(let name): return (isSource ? wiring.inputs : wiring.outputs).filter { $0.name == name }.map { .end($0.id) }
        case .outside: return []
        }
    }

    private func missing(_ name: String, _ ends: [GraphEnd]) -> String {
        "there is no port '\(name)' here" + (ends.isEmpty ? "" : ": there are \(ends.map(\.name).joined(separator: ", "))")
    }

    /// One to one, one to all, all to one, or in order.
    private func pairs(
        _ outputs: [PortDescription], _ inputs: [PortDescription], _ fail: (String) -> HostError
    ) throws -> [(PortDescription, PortDescription)] {
        if outputs.count == 1 { return inputs.map { (outputs[0], $0) } }
        if inputs.count == 1 { return outputs.map { ($0, inputs[0]) } }
        guard outputs.count == inputs.count else { throw fail("\(outputs.count) ports do not go into \(inputs.count)") }
        return Array(zip(outputs, inputs))
    }

    private func end(
        _ name: String, for port: PortDescription, isInput: Bool, _ fail: (String) -> HostError
    ) throws -> GraphEnd {
        let kind: GraphEnd.Kind = port.kind == .atom ? .midi : port.kind == .cv ? .cv : .audio
        if let known = (isInput ? wiring.inputs : wiring.outputs).first(where: { $0.name == name }),
            (known.kind == .midi) == (kind == .midi)
        {
            return known
        }
        return try end(name, kind: kind, isInput: isInput, rest: isInput ? port.default ?? 0 : 0, fail)
    }

    private func end(
        _ name: String, kind: GraphEnd.Kind, isInput: Bool, rest: Float = 0, _ fail: (String) -> HostError
    ) throws -> GraphEnd {
        if let known = (wiring.inputs + wiring.outputs).first(where: { $0.name == name }) {
            guard known.isInput == isInput else {
                throw fail("'\(name)' is \(known.isInput ? "an input" : "an output") already")
            }
            guard known.kind == kind else { throw fail("'\(name)' is a \(known.kind.rawValue) port already") }
            return known
        }
        guard name.allSatisfy({ $0.isLetter || $0.isNumber || " _-.()".contains($0) }), !name.isEmpty else {
            throw fail("'\(name)' is no name for a port")
        }
        let made = try makeEnd(
            wiring, name, name, kind, isInput: isInput, isMain: kind == .audio, rest: kind == .cv ? rest : 0)
        if isInput { wiring.inputs.append(made) } else { wiring.outputs.append(made) }
        return made
    }

    /// The end by which a plugin's port is connected with others' ports.
    func outsideEnd(_ node: GraphNode, _ port: PortDescription, gain: Float = 1) throws -> GraphEnd {
        if let known = knownOutsideEnd(node, port) { return known }
        let made: GraphEnd
        if let place = offered.firstIndex(where: { $0.stands(for: node, port) }) {
            made = offered.remove(at: place)
        } else {
            made = try makeOutsideEnd(node, port)
        }
        if port.isInput { wiring.inputs.append(made) } else { wiring.outputs.append(made) }
        try port.isInput
            ? connect(.end(made.id), .node(node.id, port.index), gain: gain)
            : connect(.node(node.id, port.index), .end(made.id), gain: gain)
        return made
    }

    func makeOutsideEnd(_ node: GraphNode, _ port: PortDescription) throws -> GraphEnd {
        let made = try makeEnd(
            wiring, Graph.outsideName(node, port), "\(node.name): \(port.name)", port.endKind, isInput: port.isInput,
            isMain: port.endKind == .audio, rest: port.kind == .cv ? port.default ?? 0 : 0)
        made.stand(for: node, port)
        nameByNumber(made)
        return made
    }

    func knownOutsideEnd(_ node: GraphNode, _ port: PortDescription) -> GraphEnd? {
        (wiring.inputs + wiring.outputs).first { $0.port?.node == node.id && $0.port?.port == port.index }
    }

    /// The connections as people write them: the ends that were made for plugins' ports give way to who they stand for.
    ///
    /// - Parameter isPresent: with other clients' ports those that there are, whoever made them (`presentPartners`); otherwise those that
    ///   were asked for.
    func describedConnections(isPresent: Bool = false) -> [PatchConnection] {
        func text(_ point: GraphPoint) -> String? {
            switch point.owner {
            case .node(let id): node(id: id).map { "\($0.name):\($0.description.ports[point.port].symbol)" }
            case .end(let id): wiring.end(id).flatMap { $0.port == nil ? $0.name : nil }
            }
        }
        var partners: [UInt32: (whole: [GraphEnd.Partner], names: [String])] = [:]
        for end in wiring.inputs + wiring.outputs {
            partners[end.id] = (isPresent ? presentPartners?(end) : nil) ?? (end.partners, [])
        }
        /// What a pattern is for several ports of a plugin's holds while all of them have their part in it.
        func isWhole(_ partner: GraphEnd.Partner) -> Bool {
            guard let group = partner.group else { return true }
            return partners.values.count { $0.whole.contains { $0.pattern == partner.pattern && $0.group == group } } == group.count
        }
        var described: [PatchConnection] = []
        func describe(_ end: GraphEnd, _ own: String, gain: Float = 1) {
            func add(_ own: String, _ other: String) {
                let made = PatchConnection(from: end.isInput ? other : own, to: end.isInput ? own : other, gain: gain)
                if !described.contains(made) { described.append(made) }
            }
            guard let (whole, names) = partners[end.id] else { return }
            for partner in whole {
                if isWhole(partner) {
                    add(partner.group?.ours ?? own, partner.pattern)
                } else {
                    for name in partnerNames?(end, partner) ?? [partner.pattern] { add(own, name) }
                }
            }
            for name in names { add(own, name) }
        }
        if !wiring.isRow {
            for (arc, gain) in wiring.arcs {
                if let from = text(arc.from), let to = text(arc.to) {
                    described.append(PatchConnection(from: from, to: to, gain: gain))
                    continue
                }
                guard let end = wiring.end(arc.from.endID ?? arc.to.endID ?? 0), let own = text(arc.from) ?? text(arc.to) else { continue }
                describe(end, own, gain: gain)
            }
        }
        /// Those that move controls alone have nothing else to do, and a patch makes them by name.
        func isMade(_ end: GraphEnd) -> Bool {
            wiring.arcs.contains { $0.arc.from.endID == end.id || $0.arc.to.endID == end.id }
                || end.isInput && end.kind == .midi && end.name.hasPrefix("midi")
        }
        let own = (wiring.inputs + wiring.outputs).filter { $0.port == nil && !$0.isForControl && isMade($0) }
        for end in own where end.kind != .midi { describe(end, end.name) }
        for end in own.filter({ $0.kind == .midi }).sorted(by: { $0.name < $1.name }) { describe(end, end.name) }
        return described
    }

    // MARK: Arcs

    /// - Throws: `HostError.feedback`, and nothing has changed.
    func connect(_ from: GraphPoint, _ to: GraphPoint, gain: Float = 1) throws {
        let arc = GraphArc(from: from, to: to)
        if let known = wiring.arcs.firstIndex(where: { $0.arc == arc }) {
            wiring.arcs[known].gain = gain
            return
        }
        if let source = from.nodeID, let sink = to.nodeID {
            let sorted = GraphOrder.sort(
                nodes.map(\.id),
                arcs: wiring.arcs.compactMap { way, _ in way.from.nodeID.flatMap { a in way.to.nodeID.map { (a, $0) } } }
                    + [(source, sink)])
            if !sorted.cycle.isEmpty {
                throw HostError.feedback(names: sorted.cycle.compactMap { node(id: $0)?.name })
            }
        }
        wiring.isRow = false
        wiring.arcs.append((arc, gain))
    }

    /// False if they were not connected.
    func disconnect(_ from: GraphPoint, _ to: GraphPoint) -> Bool {
        guard let place = wiring.arcs.firstIndex(where: { $0.arc == GraphArc(from: from, to: to) }) else { return false }
        wiring.arcs.remove(at: place)
        wiring.isRow = false
        return true
    }

    /// Takes away the ends that were made for a plugin's port and have nothing to do any more.
    func removeIdleEnds() {
        func isIdle(_ end: GraphEnd) -> Bool {
            guard end.port != nil else { return false }
            return end.partners.isEmpty && end.others.isEmpty
                || !wiring.arcs.contains { $0.arc.from.endID == end.id || $0.arc.to.endID == end.id }
        }
        let idleEnds = (wiring.inputs + wiring.outputs).filter(isIdle)
        let idle = Set(idleEnds.map(\.id))
        for end in idleEnds {
            end.partners = []
            // Others may want it again.
            if offersPorts, let node = end.port?.node, nodes.contains(where: { $0.id == node }) { offered.append(end) }
        }
        wiring.inputs.removeAll { idle.contains($0.id) }
        wiring.outputs.removeAll { idle.contains($0.id) }
        wiring.arcs.removeAll { arc, _ in idle.contains(arc.from.endID ?? 0) || idle.contains(arc.to.endID ?? 0) }
    }
}

extension PortDescription.Kind {
    var word: String {
        switch self {
        case .audio: "audio"
        case .cv: "CV"
        case .atom: "MIDI"
        case .control: "a control"
        case .unknown: "unknown"
        }
    }
}
