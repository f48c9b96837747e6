import CHost

/// What others connect by JACK's own means.
///
/// A connection between two of our own ports is not JACK's to carry: it would be late by a period, and may be part of a loop. It
/// becomes one of the graph's, and stands in JACK for show, so that patch bays see it and can take it apart. Where an input hears
/// other clients as well JACK would mix both: there it does not stand.
extension JackPorts {
    /// One change of JACK's connections, as its notification thread tells it.
    struct Change {
        var first: OpaquePointer?
        var second: OpaquePointer?
        var names: (first: String, second: String)
        var ids: (first: jack_port_id_t, second: jack_port_id_t)
        var isConnected: Bool
        /// The first port is no more; there is no second.
        var isGone = false
    }

    /// Called on JACK's notification thread.
    func note(_ first: jack_port_id_t, _ second: jack_port_id_t, _ isConnected: Bool) {
        let ports = (jack_port_by_id(client, first), jack_port_by_id(client, second))
        // A port that goes still has its name now.
        func name(_ port: OpaquePointer?) -> String { port.flatMap { jack_port_name($0) }.map { String(cString: $0) } ?? "" }
        let change = Change(
            first: ports.0, second: ports.1, names: (name(ports.0), name(ports.1)), ids: (first, second),
            isConnected: isConnected)
        cr_mutex_lock(lock)
        changes.append(change)
        cr_mutex_unlock(lock)
    }

    /// Called on JACK's notification thread: a port is no more.
    func noteGone(_ port: jack_port_id_t) {
        cr_mutex_lock(lock)
        changes.append(Change(names: ("", ""), ids: (port, port), isConnected: false, isGone: true))
        cr_mutex_unlock(lock)
    }

    /// Does what JACK's changes mean, and brings what stands for show up to date.
    func follow(_ graph: Graph) {
        cr_mutex_lock(lock)
        let taken = changes
        changes = []
        cr_mutex_unlock(lock)
        // What JACK has told comes first: a port that went may be there again by now.
        defer { judgeParted() }
        if taken.isEmpty && seenPlan == graph.planSerial { return }
        seenPlan = graph.planSerial
        var isChanged = false
        if !taken.isEmpty {
            var byPort: [OpaquePointer: GraphEnd] = [:]
            for end in graph.outsideEnds() { if let jack = end.jack { byPort[jack] = end } }
            for change in taken {
                if change.isGone {
                    portIsGone(change.ids.first)
                    continue
                }
                let ends = [change.first, change.second].map { $0.flatMap { byPort[$0] } }
                switch (ends[0], ends[1]) {
                case (let a?, let b?): if followOwn(a, b, change.isConnected, graph) { isChanged = true }
                case (let end?, nil):
                    keepInMind(end, change.names.second, change.ids.second, change.isConnected)
                    if followOther(end, change.second, change.isConnected, graph) { isChanged = true }
                case (nil, let end?):
                    keepInMind(end, change.names.first, change.ids.first, change.isConnected)
                    if followOther(end, change.first, change.isConnected, graph) { isChanged = true }
                default: break
                }
            }
        }
        showConnections(graph)
        if isChanged { graph.changed() }
    }

    /// Somebody connected two of our own ports, or took that apart; whether the graph is another now.
    private func followOwn(_ a: GraphEnd, _ b: GraphEnd, _ isConnected: Bool, _ graph: Graph) -> Bool {
        let (output, input) = a.isInput ? (b, a) : (a, b)
        guard let (from, to) = graph.points(output, input) else { return false }
        let pair = Pair(output: output.id, input: input.id)
        if !isConnected {
            return shown.remove(pair) != nil && graph.disconnect(from, to)
        }
        guard shown.insert(pair).inserted else { return false }
        do { try graph.connect(from, to) } catch {
            say("\(error)")
            shown.remove(pair)
            hide(output, input)
            return false
        }
        return true
    }

    /// What is connected is to be so again when a port that goes comes back; what is taken apart while both are there is not. Which of
    /// the two it was shows a moment later: a port that goes is disconnected first.
    private func keepInMind(_ end: GraphEnd, _ other: String, _ id: jack_port_id_t, _ isConnected: Bool) {
        if isConnected {
            wanted[end.name, default: []].insert(other)
            noteConnected(end, other)
            parted.removeAll { $0.end === end && $0.other == other }
        } else if wanted[end.name]?.contains(other) ?? false {
            parted.append((end, other, id, ch_now()))
        }
    }

    /// The other side went, however soon it is there again: what it was connected with is to be so again.
    private func portIsGone(_ id: jack_port_id_t) {
        for gone in parted where gone.id == id { connected.remove("\(gone.end.id) \(gone.other)") }
        parted.removeAll { $0.id == id }
    }

    /// A tenth of a second.
    private static let patience: UInt64 = 100_000_000

    private func judgeParted() {
        let now = ch_now()
        while let first = parted.first, now &- first.time > JackPorts.patience {
            parted.removeFirst()
            if exists(first.other) {
                wanted[first.end.name]?.remove(first.other)
                noteTakenApart(first.end, first.other)
            } else {
                connected.remove("\(first.end.id) \(first.other)")
            }
        }
    }

    /// Connects what was connected before ports went that are there again.
    func reconnect(_ graph: Graph) {
        for end in graph.outsideEnds() {
            guard let jack = end.jack else { continue }
            for other in wanted[end.name] ?? [] where exists(other) && jack_port_connected_to(jack, other) == 0 {
                if !parted.contains(where: { $0.end === end && $0.other == other }) { _ = connect(end, other) }
            }
        }
    }

    /// The same of one of our ports and another client's.
    private func followOther(_ end: GraphEnd, _ other: OpaquePointer?, _ isConnected: Bool, _ graph: Graph) -> Bool {
        guard end.port != nil, let other else { return false }
        if isConnected {
            end.others.insert(other)
            if !graph.offered.contains(where: { $0 === end }) { return false }
            graph.takeUp(end)
            return true
        }
        end.others.remove(other)
        guard end.others.isEmpty, end.partners.isEmpty, !graph.offered.contains(where: { $0 === end }) else { return false }
        graph.removeIdleEnds()
        return true
    }

    /// Has JACK show the graph's connections between plugins whose ports it knows.
    private func showConnections(_ graph: Graph) {
        var wanted: [Pair: (GraphEnd, GraphEnd)] = [:]
        if graph.offersPorts {
            var outputs: [GraphPoint: GraphEnd] = [:]
            var inputs: [GraphPoint: GraphEnd] = [:]
            for end in graph.outsideEnds() where end.jack != nil {
                guard let port = end.port else { continue }
                // An input that hears others is the graph's, and not only offered.
                if !end.isInput {
                    outputs[.node(port.node, port.port)] = end
                } else if graph.offered.contains(where: { $0 === end }) {
                    inputs[.node(port.node, port.port)] = end
                }
            }
            for (arc, _) in graph.wiring.arcs {
                guard let output = outputs[arc.from], let input = inputs[arc.to], (output.kind == .midi) == (input.kind == .midi)
                else { continue }
                wanted[Pair(output: output.id, input: input.id)] = (output, input)
            }
        }
        let ends = Dictionary(graph.outsideEnds().map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for pair in shown where wanted[pair] == nil {
            shown.remove(pair)
            if let output = ends[pair.output], let input = ends[pair.input] { hide(output, input) }
        }
        for (pair, (output, input)) in wanted where shown.insert(pair).inserted {
            guard let from = output.jack, let to = input.jack else { continue }
            jack_connect(client, jack_port_name(from), jack_port_name(to))
        }
    }

    private func hide(_ output: GraphEnd, _ input: GraphEnd) {
        guard let from = output.jack, let to = input.jack else { return }
        jack_disconnect(client, jack_port_name(from), jack_port_name(to))
    }

    /// Takes an end's connections with other clients apart.
    func detachOthers(_ end: GraphEnd) {
        guard let jack = end.jack, let list = jack_port_get_connections(jack) else { return }
        defer { jack_free(list) }
        let own = String(cString: jack_get_client_name(client)) + ":"
        var i = 0
        while let other = list[i] {
            if !String(cString: other).hasPrefix(own) { _ = disconnect(end, String(cString: other)) }
            i += 1
        }
    }

    /// Another client's port is to be taken off an end that fades out first.
    func forget(_ end: GraphEnd, _ other: String) {
        if let port = jack_port_by_name(client, other) { end.others.remove(port) }
    }
}
