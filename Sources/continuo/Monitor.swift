import Foundation
import Host

/// Prints control outputs and parameters when they change.
final class Monitor {
    private var last: [String: Float] = [:]

    /// Looks at a graph's control outputs.
    func look(at graph: Graph) {
        for (i, instance) in graph.instances.enumerated() {
            for port in instance.description.ports where port.kind == .control && !port.isInput {
                let key = graph.instances.count > 1 ? "\(i + 1):\(port.symbol)" : port.symbol
                guard let value = instance.value(port.symbol), last[key] != value else { continue }
                last[key] = value
                Console.print("\(key) = \(String(format: "%.6g", value))\(port.unit.map { " " + $0 } ?? "")")
            }
        }
    }

    func tell(_ change: ParameterChange) { Console.print("\(change.property) = \(change.value)") }
}
