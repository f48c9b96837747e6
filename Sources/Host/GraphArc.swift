import CHost

/// One port in a graph: of a node, or one of the graph's own ends.
struct GraphPoint: Hashable {
    enum Owner: Hashable {
        case node(UInt32)
        case end(UInt32)
    }

    var owner: Owner
    /// The port's index; 0 for an end.
    var port: Int

    static func node(_ id: UInt32, _ port: Int) -> GraphPoint { GraphPoint(owner: .node(id), port: port) }
    static func end(_ id: UInt32) -> GraphPoint { GraphPoint(owner: .end(id), port: 0) }

    var nodeID: UInt32? { if case .node(let id) = owner { id } else { nil } }
    var endID: UInt32? { if case .end(let id) = owner { id } else { nil } }
}

/// A way from an output to an input.
struct GraphArc: Hashable {
    var from: GraphPoint
    var to: GraphPoint
}

/// What a graph is to be: who is connected with whom.
struct GraphWiring {
    /// The ends that have been decided on, in order.
    var inputs: [GraphEnd] = []
    var outputs: [GraphEnd] = []
    /// In the order in which they came, with their gains.
    var arcs: [(arc: GraphArc, gain: Float)] = []
    /// A row does without latency compensation: its latency is the sum of its plugins'.
    var isRow = false

    func gain(_ arc: GraphArc) -> Float? { arcs.first { $0.arc == arc }?.gain }

    func end(_ id: UInt32) -> GraphEnd? { (inputs + outputs).first { $0.id == id } }
}
