import CHost

/// Plugins whose place others have taken, and whose sound dies away: they hear nothing more, and are heard until they have been
/// silent for a second or their time is over.
final class GraphTail {
    let nodes: [GraphNode]
    /// Their ways to each other and to what stays.
    let arcs: [(arc: GraphArc, gain: Float)]
    /// The ends that they are heard by.
    let ends: [GraphEnd]
    /// The process's position when they had lost their input, in frames since the start; nil before.
    var began: UInt64?

    /// - Parameter wiring: as it was while they had their place.
    init(_ nodes: [GraphNode], in wiring: GraphWiring) {
        self.nodes = nodes
        let ids = Set(nodes.map(\.id))
        arcs = wiring.arcs.filter { arc, _ in arc.from.nodeID.map(ids.contains) ?? false }
        let ways = arcs
        ends = wiring.outputs.filter { end in ways.contains { $0.arc.to.endID == end.id } }
        for node in nodes {
            ch_store(&node.process.pointee.quietFrames, 0)
            ch_store(&node.process.pointee.watchesQuiet, 1)
        }
    }

    /// Whether all of them have been silent for so many frames.
    func isQuiet(for frames: Int) -> Bool { nodes.allSatisfy { Int(ch_load(&$0.process.pointee.quietFrames)) >= frames } }

    /// A wiring with the tails' ways in it, as far as what they lead to is there and they were there before.
    static func added(_ tails: [GraphTail], to wiring: GraphWiring, among nodes: [GraphNode], _ previous: GraphPlan?) -> GraphWiring {
        if tails.isEmpty { return wiring }
        let present = Set(nodes.map(\.id))
        var made = wiring
        for tail in tails {
            for (arc, gain) in tail.arcs where previous?.ways[arc] != nil && (arc.to.nodeID.map(present.contains) ?? true) {
                made.arcs.append((arc, gain))
            }
            made.outputs += tail.ends.filter { end in !made.outputs.contains { $0.id == end.id } }
        }
        return made
    }
}
