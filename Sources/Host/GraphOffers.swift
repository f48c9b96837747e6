/// JACK ports for plugins' ports that nothing is connected with, as hosts have them that make each plugin a client: JACK knows them,
/// and the process thread does not, until somebody connects one.
extension Graph {
    /// Gives each audio, CV and MIDI port of each plugin an end, and takes those away whose plugin has gone. What is the graph's
    /// already stays as it is.
    ///
    /// - Throws: `HostError.outOfMemory`
    func updateOffers() throws {
        let present = Set(offersPorts ? nodes.map(\.id) : [])
        var gone = offered.filter { end in !(end.port.map { present.contains($0.node) } ?? false) }
        offered.removeAll { end in gone.contains { $0 === end } }
        if offersPorts {
            for node in nodes {
                for port in node.description.ports where port.isConnectable && knownOutsideEnd(node, port) == nil {
                    if offered.contains(where: { $0.stands(for: node, port) }) { continue }
                    let name = Graph.outsideName(node, port)
                    // One of a plugin that has given way to this one goes on, with what is connected with it.
                    if let place = gone.firstIndex(where: { $0.name == name && $0.kind == port.endKind && $0.isInput == port.isInput }) {
                        let end = gone.remove(at: place)
                        end.stand(for: node, port)
                        nameByNumber(end)
                        offered.append(end)
                    } else {
                        offered.append(try makeOutsideEnd(node, port))
                    }
                }
            }
        }
        for end in gone where !plannedEnds.contains(where: { $0 === end }) {
            unregisterEnd?(end)
            end.jack = nil
        }
        for end in offered where end.jack == nil { try? registerEnd?(end) }
    }

    /// The plugin's port and the end by which others can be connected with it, in the graph or only offered.
    func outsideEnds() -> [GraphEnd] { wiring.inputs + wiring.outputs + offered }

    /// Somebody has connected an offered end: it is the graph's now.
    func takeUp(_ end: GraphEnd) {
        guard let port = end.port, let node = node(id: port.node), offered.contains(where: { $0 === end }) else { return }
        _ = try? outsideEnd(node, node.description.ports[port.port])
    }

    /// Gives a plugin's port its second name.
    func nameByNumber(_ end: GraphEnd) {
        guard let port = end.port, let node = node(id: port.node), let number = numbers[node.name] else { return }
        let symbol = node.description.ports[port.port].symbol
        let alias = "effect_\(number):\(symbol)"
        end.aliases = alias == port.alias ? [alias] : [port.alias, alias]
    }

    static func outsideName(_ node: GraphNode, _ port: PortDescription) -> String { "\(node.name)_\(port.symbol)" }

    /// Two plugins' ports that JACK's ends stand for.
    func points(_ output: GraphEnd, _ input: GraphEnd) -> (GraphPoint, GraphPoint)? {
        guard let from = output.port, let to = input.port else { return nil }
        return (.node(from.node, from.port), .node(to.node, to.port))
    }
}

extension PortDescription {
    var isConnectable: Bool { kind == .audio || kind == .cv || kind == .atom && takesMIDI }
    var endKind: GraphEnd.Kind { kind == .atom ? .midi : kind == .cv ? .cv : .audio }
}

extension GraphEnd {
    func stands(for node: GraphNode, _ port: PortDescription) -> Bool { self.port?.node == node.id && self.port?.port == port.index }

    func stand(for node: GraphNode, _ description: PortDescription) {
        port = PluginPort(
            node: node.id, port: description.index, alias: "\(node.name):\(description.symbol)", order: description.index)
        aliases = ["\(node.name):\(description.symbol)"]
        if description.kind == .cv, let low = description.minimum, let high = description.maximum, low < high { range = low...high }
    }
}
