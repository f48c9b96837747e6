import Foundation

/// What can be typed: kept by the set-up thread, read by the console's.
public final class HostNames: @unchecked Sendable {
    private let lock = NSLock()
    private var instances: [String: [String]] = [:]
    private var ports: [String] = []

    public init() {}

    /// The commands.
    public static var commands: [String] { RemoteCommand.all.map(\.name) }

    /// What could stand at a place of a line.
    ///
    /// - Parameters:
    ///   - words: those before it.
    ///   - start: what has been typed of it.
    public func completions(after words: [String], start: String) -> [String] {
        let (instances, ports) = lock.withLock { (self.instances, self.ports) }
        var candidates: [String]
        if words.isEmpty || words == ["help"] {
            candidates = HostNames.commands
        } else if let command = RemoteCommand.byName[words[0]], words.count - 1 < command.arguments.count {
            switch command.arguments[words.count - 1] {
            case "<instance_number>", "<instance_number_end>": candidates = Array(instances.keys)
            case "<param_symbol>": candidates = words.count > 1 ? instances[words[1]] ?? [] : []
            case "<origin_port>", "<destination_port>": candidates = ports
            default: candidates = []
            }
        } else {
            candidates = []
        }
        candidates = candidates.filter { $0.hasPrefix(start) }.sorted()
        return candidates
    }

    package func update(_ session: HostSession) {
        let plugins = session.plugins
        let instances = Dictionary(
            plugins.map { plugin in
                (String(plugin.number), plugin.node.description.ports.filter { $0.kind == .control }.map(\.symbol))
            }, uniquingKeysWith: { first, _ in first })
        let ports =
            plugins.flatMap { plugin in
                plugin.node.description.ports.filter { [.audio, .cv, .atom].contains($0.kind) }.map {
                    "\(plugin.node.name):\($0.symbol)"
                }
            } + (session.graph.inputs + session.graph.outputs).filter { $0.port == nil }.map(\.name)
            + (session.jack?.ports.otherPorts() ?? [])
        lock.withLock {
            self.instances = instances
            self.ports = ports
        }
    }
}
