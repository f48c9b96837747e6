import CHost
import Foundation

/// Which of our ports to connect with which of others: `OURS=THEIRS`, both with `*` and `?` as in a shell.
///
/// `in`, `out`, `midi_in` and `midi_out` stand for all ports that begin so. Ports are paired in order; a single port on one side
/// goes to all of the other.
public struct ConnectionPattern: Sendable, Equatable {
    public var ours: String
    public var theirs: String
    public var text: String { "\(ours)=\(theirs)" }

    /// - Throws: `HostError.usage` for a text without `=`.
    public init(_ text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex, text.index(after: equals) != text.endIndex else {
            throw HostError.usage("'\(text)' is no connection: write OURS=THEIRS, for example in=system:capture_1")
        }
        ours = String(text[..<equals])
        theirs = String(text[text.index(after: equals)...])
    }

    /// Whether one of our ports is meant.
    public func matchesOurs(_ name: String) -> Bool {
        if fnmatch(ours, name, 0) == 0 { return true }
        return ["in", "out", "midi_in", "midi_out"].contains(ours) && name.hasPrefix(ours + "_")
    }

    /// Makes the connections that can be made now; how many there are.
    func connect(client: OpaquePointer, name: String, graph: Graph) -> Int {
        var made = 0
        for (ports, flags) in [(graph.inputs, JackPortIsOutput), (graph.outputs, JackPortIsInput)] {
            for kind in [GraphEnd.Kind.audio, .cv, .midi] {
                let mine = ports.filter { $0.kind == kind && matchesOurs($0.name) }.map { "\(name):\($0.name)" }
                let type = kind == .midi ? "8 bit raw midi" : "32 bit float mono audio"
                let other = jackPortNames(client, type, flags).filter { !$0.hasPrefix(name + ":") && fnmatch(theirs, $0, 0) == 0 }
                if mine.isEmpty || other.isEmpty { continue }
                let count = mine.count == 1 || other.count == 1 ? max(mine.count, other.count) : min(mine.count, other.count)
                for i in 0..<count {
                    let own = mine[min(i, mine.count - 1)]
                    let their = other[min(i, other.count - 1)]
                    let status = flags == JackPortIsOutput ? jack_connect(client, their, own) : jack_connect(client, own, their)
                    if status == 0 || status == EEXIST { made += 1 }
                }
            }
        }
        return made
    }
}

/// The names of JACK's ports of a type and direction, in its order.
func jackPortNames(_ client: OpaquePointer, _ type: String, _ flags: JackPortFlags) -> [String] {
    guard let list = jack_get_ports(client, nil, type, UInt(flags.rawValue)) else { return [] }
    defer { jack_free(list) }
    var names: [String] = []
    var i = 0
    while let name = list[i] {
        names.append(String(cString: name))
        i += 1
    }
    return names
}
