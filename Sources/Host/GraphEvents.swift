import CHost
import Foundation

/// A MIDI event at an output, in frames since the start.
public struct TimedMIDI: Sendable, Equatable {
    public var time: Int
    public var bytes: [UInt8]

    public init(time: Int, bytes: [UInt8]) {
        self.time = time
        self.bytes = bytes
    }
}

/// A control output's new value, in frames since the start.
public struct TimedControl: Sendable, Equatable {
    public var time: Int
    /// Which plugin of the graph, from 0.
    public var plugin: Int
    public var symbol: String
    public var value: Float
}

/// What a plugin told of a parameter of its own.
public struct ParameterChange: Sendable, Equatable {
    public var plugin: Int
    public var property: String
    public var value: String
    public var uri = ""
    /// The value's type, by mod-host's letters: b, i, l, f, g, s, p, u.
    public var type = "s"
}

/// What the process thread sent, taken on the set-up thread.
final class GraphEvents {
    private(set) var midi: [TimedMIDI] = []
    /// Changes of control outputs, where the process taps them.
    private(set) var controls: [TimedControl] = []
    private(set) var parameters: [String: String] = [:]
    /// MIDI is collected only where somebody wants it.
    var collectsMIDI = false
    /// Called for each change of a parameter.
    var onParameter: ((ParameterChange) -> Void)?
    /// The same, and for each time that a plugin tells of a parameter, changed or not.
    var onTold: ((ParameterChange) -> Void)?
    var onMapped: ((MappedEvent) -> Void)?
    /// A node, and what it did (`ProcessFault`).
    var onFault: ((UInt32, Int32) -> Void)?
    var onLearned: ((LearnedEvent) -> Void)?
    /// MIDI messages of three bytes at most.
    var onMessage: (([UInt8]) -> Void)?
    private var body = [UInt64](repeating: 0, count: 8192)

    func drain(_ graph: Graph) {
        let ring = graph.process.pointee.events
        var message = ch_message()
        while ch_ring_peek(ring, &message) {
            let size = Int(message.size)
            if body.count * 8 < size { body = [UInt64](repeating: 0, count: size / 8 + 1) }
            body.withUnsafeMutableBytes { bytes in
                ch_ring_copy(ring, 0, bytes.baseAddress!, message.size)
                take(message.type, UnsafeRawBufferPointer(rebasing: bytes.prefix(size)), graph)
            }
            ch_ring_drop(ring, message)
        }
    }

    private func take(_ type: UInt32, _ bytes: UnsafeRawBufferPointer, _ graph: Graph) {
        switch type {
        case ProcessEvent.midi:
            guard collectsMIDI else { return }
            let header = bytes.load(as: MIDIEventHeader.self)
            midi.append(TimedMIDI(time: Int(header.time), bytes: Array(bytes[16..<(16 + Int(header.size))])))
        case ProcessEvent.atom:
            takePatch(bytes.load(as: UInt32.self), (bytes.baseAddress! + 8).assumingMemoryBound(to: LV2_Atom.self), graph)
        case ProcessEvent.control:
            let event = bytes.load(as: ControlEvent.self)
            guard let index = graph.nodes.firstIndex(where: { $0.id == event.node }) else { return }
            let node = graph.nodes[index]
            let meter = node.process.pointee.controlMeters[Int(event.meter)]
            controls.append(
                TimedControl(
                    time: Int(event.time), plugin: index, symbol: node.description.ports[Int(meter.port)].symbol,
                    value: event.value))
        case ProcessEvent.mapped: onMapped?(bytes.load(as: MappedEvent.self))
        case ProcessEvent.learned: onLearned?(bytes.load(as: LearnedEvent.self))
        case ProcessEvent.fault: onFault?(bytes.load(as: UInt32.self), bytes.load(fromByteOffset: 4, as: Int32.self))
        case ProcessEvent.message: onMessage?(Array(bytes.prefix(3)))
        case UInt32(ch_log_message):
            let line = String(cString: bytes.baseAddress!.assumingMemoryBound(to: CChar.self))
            FileHandle.standardError.write(Data((line + "\n").utf8))
        default: break
        }
    }

    private func takePatch(_ id: UInt32, _ atom: UnsafePointer<LV2_Atom>, _ graph: Graph) {
        guard let plugin = graph.nodes.firstIndex(where: { $0.id == id }) else { return }
        final class Found { var values: [(LV2_URID, UnsafePointer<LV2_Atom>)] = [] }
        let found = Found()
        ch_patch_read(
            atom, graph.world.urids.known,
            { context, property, value in
                Unmanaged<Found>.fromOpaque(context!).takeUnretainedValue().values.append((property, value!))
            }, Unmanaged.passUnretained(found).toOpaque())
        for (property, value) in found.values {
            guard let uri = graph.world.urids.uri(of: property) else { continue }
            let description = graph.nodes[plugin].description
            let name = description.parameters.first { $0.uri == uri }?.symbol ?? uri
            let text = graph.world.urids.describe(value)
            let prefix = graph.nodes.count > 1 ? "\(plugin + 1) " : ""
            let change = ParameterChange(
                plugin: plugin, property: name, value: text, uri: uri, type: graph.world.urids.typeLetter(value))
            onTold?(change)
            if parameters["\(prefix)\(name)"] == text { continue }
            parameters["\(prefix)\(name)"] = text
            onParameter?(change)
        }
    }
}

extension URIDMap {
    /// mod-host's letter for an atom's type.
    func typeLetter(_ atom: UnsafePointer<LV2_Atom>) -> String {
        let known = known.pointee
        return switch atom.pointee.type {
        case known.atom_float: "f"
        case known.atom_double: "g"
        case known.atom_int: "i"
        case known.atom_long: "l"
        case known.atom_bool: "b"
        case known.atom_path: "p"
        case known.atom_uri, known.atom_urid: "u"
        default: "s"
        }
    }

    /// An atom's value as text.
    func describe(_ atom: UnsafePointer<LV2_Atom>) -> String {
        let body = UnsafeRawPointer(atom + 1)
        let size = Int(atom.pointee.size)
        let known = known.pointee
        switch atom.pointee.type {
        case known.atom_float where size == 4: return "\(body.loadUnaligned(as: Float.self))"
        case known.atom_double where size == 8: return "\(body.loadUnaligned(as: Double.self))"
        case known.atom_int where size == 4: return "\(body.loadUnaligned(as: Int32.self))"
        case known.atom_long where size == 8: return "\(body.loadUnaligned(as: Int64.self))"
        case known.atom_bool where size == 4: return body.loadUnaligned(as: Int32.self) != 0 ? "true" : "false"
        case known.atom_urid where size == 4: return uri(of: body.loadUnaligned(as: UInt32.self)) ?? "?"
        case known.atom_string, known.atom_path, known.atom_uri:
            let bytes = UnsafeRawBufferPointer(start: body, count: size)
            return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        default: return "(\(size) bytes of \(uri(of: atom.pointee.type) ?? "?"))"
        }
    }
}
