import CHost

/// A way into or out of a graph: in JACK, a port.
public final class GraphEnd {
    public enum Kind: String, Sendable, Codable { case audio, cv, midi }

    let id: UInt32
    /// What the client's port is called.
    public let name: String
    /// What people are shown.
    public let prettyName: String
    public let kind: Kind
    /// Into the graph.
    public let isInput: Bool
    /// Part of what is played, recorded and metered, and not a side way.
    let isMain: Bool
    /// A plugin's port that it was made for, to be connected with others' ports.
    struct PluginPort {
        var node: UInt32
        var port: Int
        /// `plugin:port`
        var alias: String
        /// Where it stands among its plugin's.
        var order: Int
    }

    /// Ports of others that are to be connected whenever they are there.
    public struct Partner: Sendable, Equatable {
        /// A name, or a pattern as in a shell.
        public var pattern: String
        /// Which of those that match, in JACK's order; nil: all.
        public var place: Int?
        /// Where a pattern stands for several ports of a plugin: it, and how many.
        struct Group: Sendable, Equatable {
            var ours: String
            var count: Int
        }
        var group: Group?
    }

    public internal(set) var partners: [Partner] = []
    var port: PluginPort?
    /// What JACK knows it as beside its name: two at most.
    var aliases: [String] = []
    /// Of a CV port, if its plugin says so.
    var range: ClosedRange<Float>?
    /// The ports of other clients that JACK has connected it with, where somebody keeps count.
    var others: Set<OpaquePointer> = []
    /// Only moves controls, or is only watched.
    var isForControl = false

    /// What an unconnected input holds.
    let rest: Float
    let buffer: UnsafeMutablePointer<Float>?
    let sequence: UnsafeMutablePointer<LV2_Atom_Sequence>?
    static let sequenceSize = 32 << 10
    /// `jack_port_t`, while there is a client.
    var jack: OpaquePointer?
    private let memory: ProcessMemory

    /// The partner of one of a plugin's ports, of which a pattern may mean several: one each, in order.
    static func partner(_ pattern: String, _ place: Int, of count: Int, _ ours: String) -> Partner {
        count > 1 ? Partner(pattern: pattern, place: place, group: .init(ours: ours, count: count)) : Partner(pattern: pattern)
    }

    func add(_ pattern: String) { add(Partner(pattern: pattern)) }
    func add(_ partner: Partner) { if !partners.contains(partner) { partners.append(partner) } }

    init(
        id: UInt32, name: String, prettyName: String, kind: Kind, isInput: Bool, isMain: Bool, rest: Float = 0,
        maximumBlock: Int, urids: UnsafePointer<ch_urids>
    ) throws {
        self.id = id
        memory = ProcessMemory("port \(name)")
        self.name = name
        self.prettyName = prettyName
        self.kind = kind
        self.isInput = isInput
        self.isMain = isMain
        self.rest = rest
        if kind == .midi {
            buffer = nil
            sequence = try memory.sequence(GraphEnd.sequenceSize)
            ch_sequence_clear(sequence, urids)
        } else {
            buffer = try memory.floats(maximumBlock)
            buffer!.update(repeating: rest, count: maximumBlock)
            sequence = nil
        }
    }
}
