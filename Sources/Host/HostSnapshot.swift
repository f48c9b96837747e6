import CHost

/// All controls as they stood at one moment.
struct HostSnapshot: Codable, Equatable {
    /// By plugin's name and control's symbol.
    var values: [String: [String: Float]] = [:]

    init(_ graph: Graph) {
        for node in graph.nodes {
            for port in HostSnapshot.controls(node) {
                values[node.name, default: [:]][port.symbol] = ch_load_float(node.instance.values + port.index)
            }
        }
    }

    private static func controls(_ node: GraphNode) -> [PortDescription] {
        node.description.ports.filter { $0.isInput && $0.kind == .control && !$0.isHostDriven }
    }

    /// Sets the controls between two snapshots: what is a number moves, by ratios where the control is logarithmic; what is on or
    /// off, or a choice, changes in the middle. Plugins and controls that either lacks stay as they are.
    ///
    /// - Parameter position: 0 for the first, 1 for the second.
    static func morph(_ first: HostSnapshot, _ second: HostSnapshot, _ position: Float, in graph: Graph) {
        for node in graph.nodes {
            for port in controls(node) {
                guard let a = first.values[node.name]?[port.symbol], let b = second.values[node.name]?[port.symbol]
                else { continue }
                ch_store_float(node.instance.values + port.index, between(a, b, position, port))
            }
        }
    }

    private static func between(_ a: Float, _ b: Float, _ position: Float, _ port: PortDescription) -> Float {
        if a == b || position <= 0 { return a }
        if position >= 1 { return b }
        if port.isToggled || port.isEnumeration { return position < 0.5 ? a : b }
        let value = port.isLogarithmic && a * b > 0 ? a * cr_pow(b / a, position) : a + (b - a) * position
        return port.isInteger ? value.rounded() : value
    }
}
