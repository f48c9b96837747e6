import CHost
import Foundation

/// A JACK client's ports: the ends of its graph, who they are connected with, and their latencies.
final class JackPorts {
    private(set) var client: OpaquePointer
    private let onNotice: ((String) -> Void)?
    /// Pairs that have been connected, so that what somebody took apart by hand stays apart.
    var connected: Set<String> = []
    /// What was taken apart by hand, which stays so until it is connected by hand: `key(end, other)`.
    private var takenApart: Set<String> = []
    /// Ports with which connections cannot be saved, which has been said.
    var unsayable: Set<String> = []
    /// By the end's name: who it is connected with, or was when they went.
    var wanted: [String: Set<String>] = [:]
    /// What has just been taken apart, JACK's number of the other port, and when (ns).
    var parted: [(end: GraphEnd, other: String, id: jack_port_id_t, time: UInt64)] = []
    private var latencies = LatencyTable()
    /// By the end's name: who it is connected with now, and who it was before that changed.
    private var remembered: [String: [String]] = [:]
    private var before: [String: [String]] = [:]
    /// Guards `latencies`: JACK asks on a thread of its own.
    let lock: OpaquePointer = cr_mutex_make()
    /// What JACK has told of its connections, and nobody has looked at yet; under `lock`.
    var changes: [Change] = []
    /// Our own connections that JACK shows.
    var shown: Set<Pair> = []
    var seenPlan: Int32 = -1

    struct Pair: Hashable {
        var output: UInt32
        var input: UInt32
    }

    /// One end as JACK's latency callback sees it.
    private struct LatencyEntry: Equatable {
        var port: OpaquePointer
        /// The part of the graph that it belongs to, and how late that is.
        var part: Int
        var frames: UInt32
    }

    private struct LatencyTable: Equatable {
        var inputs: [LatencyEntry] = []
        var outputs: [LatencyEntry] = []
    }

    init(client: OpaquePointer, onNotice: ((String) -> Void)?) {
        self.client = client
        self.onNotice = onNotice
    }

    deinit { cr_mutex_free(lock) }

    /// Goes on with another client: none of the ports that there were exists any more.
    func use(_ client: OpaquePointer) {
        self.client = client
        connected = []
        shown = []
        seenPlan = -1
        (wanted, parted) = ([:], [])
        cr_mutex_lock(lock)
        changes = []
        latencies = LatencyTable()
        cr_mutex_unlock(lock)
    }

    func say(_ line: String) { onNotice?(line) }

    /// - Throws: `HostError.server` if JACK has no room.
    func register(_ end: GraphEnd) throws {
        if end.jack != nil { return }
        let type = end.kind == .midi ? "8 bit raw midi" : "32 bit float mono audio"
        let flags = UInt((end.isInput ? JackPortIsInput : JackPortIsOutput).rawValue)
        guard let jack = jack_port_register(client, end.name, type, flags, 0) else {
            throw HostError.server("JACK has no room for the port '\(end.name)'")
        }
        describe(end, jack)
        for alias in end.aliases.prefix(2) { jack_port_set_alias(jack, alias) }
        end.jack = jack
    }

    /// Tells JACK's other clients what a port is (https://jackaudio.org/metadata/).
    private func describe(_ end: GraphEnd, _ jack: OpaquePointer) {
        let uuid = jack_port_uuid(jack)
        func set(_ key: String, _ value: String, _ type: String = "text/plain") { jack_set_property(client, uuid, key, value, type) }
        let metadata = "http://jackaudio.org/metadata/"
        set(metadata + "pretty-name", end.prettyName)
        // Plugin by plugin, after the client's own.
        let order = end.port.map { 1000 + Int($0.node) * 256 + $0.order } ?? Int(end.id)
        set(metadata + "order", "\(order)", "http://www.w3.org/2001/XMLSchema#integer")
        switch end.kind {
        case .audio: set(metadata + "signal-type", "AUDIO")
        case .cv:
            set(metadata + "signal-type", "CV")
            if let range = end.range {
                set(LV2.core + "minimum", "\(range.lowerBound)", "http://www.w3.org/2001/XMLSchema#decimal")
                set(LV2.core + "maximum", "\(range.upperBound)", "http://www.w3.org/2001/XMLSchema#decimal")
            }
        case .midi: set(metadata + "event-types", "MIDI")
        }
        if let group = end.port?.alias.split(separator: ":").first { set(metadata + "port-group", String(group)) }
    }

    /// Gives ports that are there already the aliases that their ends have got since.
    func setAliases(_ graph: Graph) {
        for end in graph.outsideEnds() {
            guard let jack = end.jack, end.aliases.count > 1 else { continue }
            jack_port_set_alias(jack, end.aliases[1])
        }
    }

    /// What a CV port's owner says of its range.
    func range(of name: String) -> ClosedRange<Float>? {
        guard let port = jack_port_by_name(client, name) else { return nil }
        func number(_ key: String) -> Float? {
            var value: UnsafeMutablePointer<CChar>?
            var type: UnsafeMutablePointer<CChar>?
            guard jack_get_property(jack_port_uuid(port), key, &value, &type) == 0 else { return nil }
            defer {
                jack_free(value)
                jack_free(type)
            }
            return value.flatMap { Float(String(cString: $0)) }
        }
        guard let low = number(LV2.core + "minimum"), let high = number(LV2.core + "maximum"), low < high else { return nil }
        return low...high
    }

    func exists(_ name: String) -> Bool { jack_port_by_name(client, name) != nil }

    /// JACK keeps what it was told of ports beyond their end.
    func removeProperties(_ graph: Graph) {
        for end in graph.outsideEnds() + graph.plannedEnds {
            if let jack = end.jack { jack_remove_properties(client, jack_port_uuid(jack)) }
        }
    }

    func unregister(_ end: GraphEnd) {
        guard let jack = end.jack else { return }
        jack_remove_properties(client, jack_port_uuid(jack))
        jack_port_unregister(client, jack)
        wanted[end.name] = nil
        forget(end)
    }

    func detach(_ end: GraphEnd) {
        wanted[end.name] = nil
        if let jack = end.jack { jack_port_disconnect(client, jack) }
        forget(end)
    }

    /// Takes the connections with others off an end that is only offered from now on.
    func release(_ end: GraphEnd) {
        detachOthers(end)
        forget(end)
    }

    private func forget(_ end: GraphEnd) {
        let prefix = "\(end.id) "
        connected = connected.filter { !$0.hasPrefix(prefix) }
        takenApart = takenApart.filter { !$0.hasPrefix(prefix) }
    }

    // MARK: Connections

    /// Connects ends with their partners as far as these are there and have not been connected before.
    func connectPartners(_ graph: Graph) {
        for end in graph.inputs + graph.outputs where !end.partners.isEmpty {
            for partner in end.partners {
                for other in matches(end, partner) where !isTakenApart(end, other) && connected.insert(key(end, other)).inserted {
                    _ = connect(end, other)
                }
            }
        }
    }

    // MARK: After the server was gone

    /// Keeps in mind what is connected now. A server that goes takes connections one by one: what is gone for a moment counts as
    /// there until the next look.
    func remember(_ graph: Graph) {
        let now = connections(of: graph)
        if now == remembered { return }
        (before, remembered) = (remembered, now)
    }

    /// What was connected when there was a server.
    var rememberedConnections: [String: [String]] { remembered.isEmpty ? before : remembered }

    /// Connects what was connected, as far as it is there.
    func restore(_ graph: Graph) {
        for end in graph.outsideEnds() {
            for other in rememberedConnections[end.name] ?? [] where connected.insert(key(end, other)).inserted { _ = connect(end, other) }
        }
    }

    private func key(_ end: GraphEnd, _ other: String) -> String { "\(end.id) \(other)" }
    func isTakenApart(_ end: GraphEnd, _ other: String) -> Bool { takenApart.contains(key(end, other)) }
    func noteTakenApart(_ end: GraphEnd, _ other: String) { takenApart.insert(key(end, other)) }
    /// Another patch says anew who is to be connected with whom.
    func forgetTakenApart() {
        connected.subtract(takenApart)
        takenApart = []
    }
    func noteConnected(_ end: GraphEnd, _ other: String) { takenApart.remove(key(end, other)) }

    /// The ports of others that a partner means.
    func matches(_ end: GraphEnd, _ partner: GraphEnd.Partner) -> [String] {
        let type = end.kind == .midi ? "8 bit raw midi" : "32 bit float mono audio"
        let own = String(cString: jack_get_client_name(client)) + ":"
        let names = jackPortNames(client, type, end.isInput ? JackPortIsOutput : JackPortIsInput).filter {
            !$0.hasPrefix(own) && ($0 == partner.pattern || fnmatch(partner.pattern, $0, 0) == 0)
        }
        if names.isEmpty, jack_port_by_name(client, partner.pattern) != nil { return [partner.pattern] }  // an alias
        guard let place = partner.place else { return names }
        return place < names.count ? [names[place]] : []
    }

    /// Connects an end with another client's port; whether they are connected now.
    func connect(_ end: GraphEnd, _ other: String) -> Bool {
        guard let jack = end.jack, let name = jack_port_name(jack) else { return false }
        let status = end.isInput ? jack_connect(client, other, name) : jack_connect(client, name, other)
        guard status == 0 || status == EEXIST else { return false }
        noteConnected(end, other)
        return true
    }

    func disconnect(_ end: GraphEnd, _ other: String) -> Bool {
        wanted[end.name]?.remove(other)
        noteTakenApart(end, other)
        guard let jack = end.jack, let name = jack_port_name(jack) else { return false }
        return (end.isInput ? jack_disconnect(client, other, name) : jack_disconnect(client, name, other)) == 0
    }

    /// The names of all clients' ports but ours.
    func otherPorts() -> [String] {
        let own = String(cString: jack_get_client_name(client)) + ":"
        return ["32 bit float mono audio", "8 bit raw midi"].flatMap { type in
            [JackPortIsInput, JackPortIsOutput].flatMap { jackPortNames(client, type, $0) }
        }.filter { !$0.hasPrefix(own) }
    }

    /// Connects two ports of which neither is ours.
    func connectOthers(_ from: String, _ to: String) -> Bool {
        let status = jack_connect(client, from, to)
        return status == 0 || status == EEXIST
    }

    func disconnectOthers(_ from: String, _ to: String) -> Bool { jack_disconnect(client, from, to) == 0 }

    /// Takes apart all connections of another client's port; false if there is no such port.
    func disconnectAll(_ name: String) -> Bool {
        guard let port = jack_port_by_name(client, name) else { return false }
        guard let list = jack_port_get_all_connections(client, port) else { return true }
        defer { jack_free(list) }
        let isOutput = jack_port_flags(port) & Int32(JackPortIsOutput.rawValue) != 0
        var i = 0
        while let other = list[i] {
            _ = isOutput ? jack_disconnect(client, name, other) : jack_disconnect(client, other, name)
            i += 1
        }
        return true
    }

    // MARK: Latency

    /// Looks at how late the graph is; whether that has changed.
    @discardableResult
    func update(_ graph: Graph) -> Bool {
        let timing = graph.timing
        func entries(_ ends: [GraphEnd]) -> [LatencyEntry] {
            ends.compactMap { end in
                end.jack.map {
                    LatencyEntry(port: $0, part: timing.parts[end.id] ?? 0, frames: UInt32(max(0, timing.latencies[end.id] ?? 0)))
                }
            }
        }
        let table = LatencyTable(inputs: entries(graph.inputs), outputs: entries(graph.outputs))
        cr_mutex_lock(lock)
        defer { cr_mutex_unlock(lock) }
        if table == latencies { return false }
        latencies = table
        return true
    }

    /// The graph's latency on top of what comes to it (capture) or goes from it (playback).
    func reportLatency(_ mode: jack_latency_callback_mode_t) {
        cr_mutex_lock(lock)
        let table = latencies
        cr_mutex_unlock(lock)
        let sources = mode == JackCaptureLatency ? table.inputs : table.outputs
        let destinations = mode == JackCaptureLatency ? table.outputs : table.inputs
        var ranges: [Int: jack_latency_range_t] = [:]
        // Ports with nothing connected have no latency to speak of.
        for source in sources where jack_port_connected(source.port) > 0 {
            var own = jack_latency_range_t(min: 0, max: 0)
            jack_port_get_latency_range(source.port, mode, &own)
            let range = ranges[source.part] ?? own
            ranges[source.part] = jack_latency_range_t(min: min(range.min, own.min), max: max(range.max, own.max))
        }
        for destination in destinations {
            var range = ranges[destination.part] ?? jack_latency_range_t(min: 0, max: 0)
            range.min &+= destination.frames
            range.max &+= destination.frames
            jack_port_set_latency_range(destination.port, mode, &range)
        }
    }
}
