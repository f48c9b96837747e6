import CHost
import Foundation

/// Connections as JACK has them, whoever made them.
extension JackPorts {
    /// By our port's name: the other clients' ports that it is connected with.
    func connections(of graph: Graph) -> [String: [String]] {
        var found: [String: [String]] = [:]
        for end in graph.outsideEnds() {
            let others = connections(of: end)
            if !others.isEmpty { found[end.name] = others }
        }
        return found
    }

    /// Sorted.
    private func connections(of end: GraphEnd) -> [String] {
        guard let jack = end.jack, let list = jack_port_get_connections(jack) else { return [] }
        defer { jack_free(list) }
        let own = String(cString: jack_get_client_name(client)) + ":"
        var found: [String] = []
        var i = 0
        while let other = list[i] {
            let name = String(cString: other)
            if !name.hasPrefix(own) { found.append(name) }
            i += 1
        }
        return found.sorted()
    }

    /// What a patch says of an end's connections with other clients: the partners that it has all of, as they were written; by name those
    /// that are left where some have been taken apart by hand, and those that were connected by hand.
    func presentPartners(_ end: GraphEnd, _ graph: Graph) -> (whole: [GraphEnd.Partner], names: [String]) {
        var whole: [GraphEnd.Partner] = []
        var names: [String] = []
        var known: Set<String> = []
        for partner in end.partners {
            let meant = matches(end, partner).map(realName)
            let left = meant.filter { !isTakenApart(end, $0) }
            if left.count == meant.count { whole.append(partner) } else { names += left.filter { !names.contains($0) } }
            known.formUnion(meant)
        }
        for other in connections(of: end) where !known.contains(other) && !names.contains(other) {
            if isSayable(other, graph) { names.append(other) }
        }
        return (whole, names)
    }

    /// The same of a server that is gone.
    func rememberedPartners(_ end: GraphEnd, _ graph: Graph) -> (whole: [GraphEnd.Partner], names: [String]) {
        let names = (rememberedConnections[end.name] ?? []).filter { other in
            !end.partners.contains { $0.pattern == other || fnmatch($0.pattern, other, 0) == 0 } && isSayable(other, graph)
        }
        return (end.partners, names)
    }

    /// A client that is called like one of the plugins would be taken for it.
    private func isSayable(_ other: String, _ graph: Graph) -> Bool {
        guard let colon = other.firstIndex(of: ":"), graph.node(named: String(other[..<colon])) != nil else { return true }
        if unsayable.insert(other).inserted { say("the connection with \(other) is not saved: a plugin has that client's name") }
        return false
    }

    /// Not an alias.
    private func realName(_ name: String) -> String {
        jack_port_by_name(client, name).flatMap { jack_port_name($0) }.map { String(cString: $0) } ?? name
    }

    /// Connects what was connected, as far as it is there.
    func connect(_ connections: [String: [String]], in graph: Graph) {
        for end in graph.outsideEnds() { for other in connections[end.name] ?? [] { _ = connect(end, other) } }
    }
}
