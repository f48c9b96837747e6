/// What can go wrong in the host. Each `description` is one line that names the thing and the cause, and a way on.
public enum HostError: Error, CustomStringConvertible, Equatable {
    case pluginNotFound(uri: String, similar: [String])
    case unsupportedFeature(plugin: String, feature: String)
    case unsupportedPort(plugin: String, port: String, cause: String)
    case cannotInstantiate(plugin: String, cause: String)
    case presetNotFound(plugin: String, preset: String, known: [String])
    case controlNotFound(plugin: String, symbol: String, known: [String])
    case badValue(plugin: String, symbol: String, value: String, cause: String)
    case patch(file: String, line: Int?, cause: String)
    case file(path: String, cause: String)
    case noServer(name: String?, cause: String)
    case server(String)
    case state(plugin: String, cause: String)
    case connection(from: String, to: String, cause: String)
    /// `owner` is a plugin's name, or "the graph".
    case outOfMemory(owner: String, bytes: Int)
    /// What would feed back, in order.
    case feedback(names: [String])
    case usage(String)

    public var description: String {
        switch self {
        case .pluginNotFound(let uri, let similar):
            let hint =
                similar.isEmpty
                ? "'continuo list plugins' shows what is installed; LV2_PATH says where to look"
                : "did you mean \(similar.joined(separator: " or "))?"
            return "no plugin \(uri): \(hint)"
        case .unsupportedFeature(let plugin, let feature):
            return "\(plugin) requires \(feature), which continuo does not offer"
        case .unsupportedPort(let plugin, let port, let cause):
            return "\(plugin): port '\(port)' \(cause)"
        case .cannotInstantiate(let plugin, let cause):
            return "\(plugin) cannot be loaded: \(cause)"
        case .presetNotFound(let plugin, let preset, let known):
            let list = known.isEmpty ? "it has none" : "it has \(HostError.list(known))"
            return "\(plugin) has no preset '\(preset)': \(list)"
        case .controlNotFound(let plugin, let symbol, let known):
            let list = known.isEmpty ? "it has none" : "it has \(HostError.list(known))"
            return "\(plugin) has no control or parameter '\(symbol)': \(list)"
        case .badValue(let plugin, let symbol, let value, let cause):
            return "\(plugin): \(symbol) cannot be '\(value)': \(cause)"
        case .patch(let file, let line, let cause):
            return line.map { "\(file):\($0): \(cause)" } ?? "\(file): \(cause)"
        case .file(let path, let cause):
            return "\(path): \(cause)"
        case .noServer(let name, let cause):
            let server = name.map { "JACK server '\($0)'" } ?? "JACK server"
            return "no \(server) to connect to (\(cause)): start one, for example 'jackd -d alsa', or run under PipeWire "
                + "with 'pw-jack continuo host …'"
        case .server(let cause):
            return cause
        case .state(let plugin, let cause):
            return "\(plugin): state: \(cause)"
        case .connection(let from, let to, let cause):
            return "\(from) cannot be connected to \(to): \(cause)"
        case .outOfMemory(let owner, let bytes):
            return "\(owner): there is no memory for it (\(bytes) bytes were asked for)"
        case .feedback(let names):
            return "that would feed back: \((names + names.prefix(1)).joined(separator: " → "))"
        case .usage(let cause):
            return cause
        }
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(12).joined(separator: ", ")
        return names.count > 12 ? "\(shown) … (\(names.count) in all)" : shown
    }
}
