import CHost

/// Connections as JACK has them, whoever made them.
extension JackPorts {
    /// By our port's name: the other clients' ports that it is connected with.
    func connections(of graph: Graph) -> [String: [String]] {
        var found: [String: [String]] = [:]
        let own = String(cString: jack_get_client_name(client)) + ":"
        for end in graph.outsideEnds() {
            guard let jack = end.jack, let list = jack_port_get_connections(jack) else { continue }
            defer { jack_free(list) }
            var i = 0
            while let other = list[i] {
                let name = String(cString: other)
                if !name.hasPrefix(own) { found[end.name, default: []].append(name) }
                i += 1
            }
            found[end.name]?.sort()
        }
        return found
    }

    /// Connects what was connected, as far as it is there.
    func connect(_ connections: [String: [String]], in graph: Graph) {
        for end in graph.outsideEnds() { for other in connections[end.name] ?? [] { _ = connect(end, other) } }
    }
}
