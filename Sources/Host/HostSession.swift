import CHost
import Foundation

/// A graph under command: what the remote port and the console speak with. Used on the set-up thread.
///
/// Plugins are called by number, as in mod-host: number N's ports are `effect_N:symbol`. Plugins that a patch named keep their
/// names beside that.
public final class HostSession {
    let graph: Graph
    let world: World
    /// The client that plays it, if any.
    weak var jack: JackHost?
    /// What has been done, for `save`.
    var history = CommandHistory()
    /// What is to be told on the feedback port.
    let feedback = HostFeedback()
    /// Set by `quit`.
    public internal(set) var isQuitting = false
    var monitor: MonitorConnection?
    var monitors: [ParameterMonitor] = []
    /// Outputs that are watched for the feedback port, with what was last told.
    var watchedOutputs: [(number: Int, symbol: String, last: Float)] = []
    var learning: (number: Int, mapping: MIDIMapping)?
    var toldPrograms: Set<Int> = []
    var toldControllers: Set<Int> = []
    var removed: [RemovedPlugin] = []
    var snapshots: [String: HostSnapshot] = [:]
    /// What the patch says beside its plugins and connections.
    private(set) var patch = Patch(plugins: [])
    /// The bank selected, by channel from 0.
    private var banks = [Int](repeating: 0, count: 16)
    /// Called for lines that people may want to read.
    package var onNotice: ((String) -> Void)?
    var tellsLoad = false
    /// Whether `monitor` may connect with other machines.
    public var reachesAnywhere = false
    var loadDepth = 0
    private var lastLoadTime: UInt64 = 0
    private var lastBundleLook: UInt64 = 0
    /// Plugins, by name, that do not answer when they are asked for their state.
    private var stuck: Set<String> = []
    /// What their workers are at, since when, and whether that has been said; by name.
    private var works: [String: (job: UInt32, since: UInt64, isTold: Bool)] = [:]
    /// Plugins, by name, whose bundles have been removed.
    private var goneBundles: Set<String> = []
    /// Keeps what plays for the case of a crash.
    weak var autosave: Autosave?
    private var numbers: [Int: String] = [:]
    /// The transport as it was last told: rolling, beats in a bar, tempo.
    var toldTransport: (Bool, Float, Float)?

    struct ParameterMonitor {
        var number: Int
        var symbol: String
        var comparison: String
        var threshold: Float
        var last: Float
    }

    /// What `undo` brings back.
    final class RemovedPlugin {
        var number: Int
        var name: String
        var setup: PluginSetup
        var state: OpaquePointer?
        var isInactive: Bool
        /// By port name on both sides.
        var connections: [PatchConnection]
        var mappings: [MIDIMapping]
        var cvMappings: [CVMapping]

        init(
            number: Int, name: String, setup: PluginSetup, state: OpaquePointer?, isInactive: Bool,
            connections: [PatchConnection], mappings: [MIDIMapping], cvMappings: [CVMapping]
        ) {
            self.number = number
            self.name = name
            self.setup = setup
            self.state = state
            self.isInactive = isInactive
            self.connections = connections
            self.mappings = mappings
            self.cvMappings = cvMappings
        }

        deinit { lilv_state_free(state) }
    }

    package init(graph: Graph, world: World) {
        self.graph = graph
        self.world = world
        use(patch)
    }

    /// Counts the graph's plugins anew, and goes by a patch's programs from now on.
    package func use(_ patch: Patch) {
        self.patch = patch
        numbers = Dictionary(uniqueKeysWithValues: graph.nodes.enumerated().map { ($0, $1.name) })
        graph.numbers = Dictionary(uniqueKeysWithValues: graph.nodes.enumerated().map { ($1.name, $0) })
        jack?.ports.setAliases(graph)
        tellControllers()
    }

    /// The plugins' names by number.
    var instances: [Int: String] { numbers.filter { graph.node(named: $0.value) != nil } }

    /// Brings back what was kept of a host that is gone, beside its patch.
    func restore(_ kept: Autosave.Contents) {
        numbers = kept.instances.filter { graph.node(named: $0.value) != nil }
        // Whoever has no number yet.
        var free = 0
        for node in graph.nodes where !numbers.values.contains(node.name) {
            while numbers[free] != nil { free += 1 }
            numbers[free] = node.name
        }
        graph.numbers = Dictionary(numbers.map { ($1, $0) }) { first, _ in first }
        jack?.ports.setAliases(graph)
        snapshots = kept.snapshots
        for node in graph.nodes {
            if kept.inactive.contains(node.name) { graph.setActive(node, false) }
            if kept.bypassed.contains(node.name) { node.standAside() }
        }
    }

    /// Does with the plugins what their faults ask for, and says so.
    func quarantine(_ faults: [PluginFault], _ autosave: Autosave?) {
        for fault in faults {
            guard let node = graph.nodes.first(where: { $0.name == fault.name && $0.description.uri == fault.uri })
                ?? graph.nodes.first(where: { $0.description.uri == fault.uri && fault.name.isEmpty && !$0.standsAside })
            else { continue }
            if fault.place == .state {
                if autosave?.unsavable.insert(fault.uri).inserted == true {
                    onNotice?("\(node.name) (\(node.description.name)) is not asked for its state any more, except by 'patch_save'")
                }
            } else if !node.standsAside || fault == faults.last {
                node.standAside()
                onNotice?("\(node.name) (\(node.description.name)) starts bypassed: 'bypass \(number(of: node)) 0' takes it up again")
            }
        }
    }

    /// Says which plugins do not come back from what they were asked for, and which have come back after all.
    private func lookForStuck() {
        for node in graph.nodes {
            let name = "\(node.name) (\(node.description.name))"
            if node.instance.isStuck {
                if stuck.insert(node.name).inserted {
                    onNotice?("\(name) does not answer when it is asked for its state: it plays on, and what was kept of it last is saved")
                }
            } else if stuck.remove(node.name) != nil {
                onNotice?("\(name) has answered after all: it can be saved again")
            }
            let job = node.instance.work
            guard job != 0, let known = works[node.name], known.job == job else {
                if works[node.name]?.isTold == true { onNotice?("\(name) has come back from its work") }
                works[node.name] = job == 0 ? nil : (job, ch_now(), false)
                node.instance.isGivenUp = false
                continue
            }
            if world.callLimit > 0, !known.isTold, Double(ch_now() &- known.since) >= world.callLimit * 1e9 {
                works[node.name]!.isTold = true
                node.instance.isGivenUp = true
                onNotice?("\(name) does not come back from its work: it plays on, and what else it is asked to load waits")
            }
        }
    }

    /// Says which plugins' bundles are gone; every few seconds.
    func lookForBundles() {
        let now = ch_now()
        guard now &- lastBundleLook > 2_000_000_000 else { return }
        lastBundleLook = now
        for node in graph.nodes {
            let isThere = access(node.description.binaryPath, F_OK) == 0
            if isThere { goneBundles.remove(node.name) } else if goneBundles.insert(node.name).inserted {
                onNotice?(
                    "\(node.name) (\(node.description.name)): its bundle \(node.description.bundlePath) has been removed: it plays on, and "
                        + "can be saved; once this host has ended it cannot be loaded any more")
            }
        }
    }

    /// Puts another patch in the place of what plays.
    func load(patchFile path: String) throws {
        let fresh: Patch
        do {
            fresh = try Patch(reading: path)
            try graph.change(to: fresh)
        } catch {
            throw RemoteFailure(error, otherwise: .invalidOperation)
        }
        use(fresh)
        jack?.ports.forgetTakenApart()
        monitors = []
        watchedOutputs = []
        removed = []
        snapshots = [:]
        stopLearning()
        if let jack {
            if let tempo = fresh.transport?.tempo { try setMetre(beatsPerBar: fresh.transport?.beatsPerBar, tempo: tempo) }
            if fresh.transport?.isMaster == true && !jack.setTimebaseMaster(true)
                || fresh.transport?.followsMIDI == true && (try? followMIDI(true)) == nil
            {
                onNotice?("another client is JACK's timebase master: its tempo is followed")
            }
            if fresh.transport?.isRolling == true { jack.setRolling(true) }
        }
    }

    /// What has been said of the transport while it plays is saved with the patch.
    func keepTransport(_ change: (inout PatchTransport) -> Void) {
        var transport = patch.transport ?? PatchTransport()
        change(&transport)
        patch.transport = transport == PatchTransport() ? nil : transport
    }

    func snapshot(_ name: String) throws -> HostSnapshot {
        guard let snapshot = snapshots[name] else { throw RemoteFailure(.invalidOperation, "there is no snapshot '\(name)'") }
        return snapshot
    }

    func save(patchFile path: String, copiesFiles: Bool = false) throws {
        do {
            try graph.save(patchFile: path, like: patch, copiesFiles: copiesFiles) { [autosave] in autosave?.keptState($0) }
        } catch { throw RemoteFailure(error, otherwise: .invalidOperation) }
    }

    /// Which channels' controllers the process thread is to tell of: those that somebody asked for, and those that select banks.
    func tellControllers() {
        var channels = toldControllers
        for program in patch.programs where program.bank != nil {
            if let channel = program.channel { channels.insert(channel - 1) } else { channels.formUnion(0..<16) }
        }
        ch_store(&graph.process.pointee.toldChannels, channels.reduce(0) { $0 | Int32(1) << Int32($1) })
    }

    private func changeProgram(_ number: Int, channel: Int) {
        guard let program = patch.programs.first(where: { program in
            program.program == number + 1 && (program.channel ?? channel + 1) == channel + 1
                && (program.bank ?? banks[channel]) == banks[channel]
        }) else { return }
        do {
            if let file = program.patch {
                try load(patchFile: file.hasPrefix("/") ? file : (patch.folder ?? ".") + "/" + file)
            } else if let name = program.plugin, let preset = program.preset {
                guard let node = graph.node(named: name) else {
                    throw RemoteFailure(.instanceNonExists, "no plugin is called '\(name)'")
                }
                try graph.applyPreset(preset, to: node, folder: patch.folder)
            }
        } catch {
            onNotice?("program \(program.program): \((error as? RemoteFailure)?.cause ?? "\(error)")")
        }
    }

    /// States first: they have nodes of the world's in them.
    deinit { removed.removeAll() }

    static let numberRange = 0...9990

    // MARK: Plugins by number

    func node(_ number: Int) throws -> GraphNode {
        guard HostSession.numberRange.contains(number) else {
            throw RemoteFailure(.instanceInvalid, "instance numbers go from 0 to 9990")
        }
        guard let name = numbers[number], let node = graph.node(named: name) else {
            throw RemoteFailure(.instanceNonExists, "there is no instance \(number)")
        }
        return node
    }

    func number(of node: GraphNode) -> Int { numbers.first { $0.value == node.name }?.key ?? -1 }
    func number(ofPlugin index: Int) -> Int { index < graph.nodes.count ? number(of: graph.nodes[index]) : -1 }

    /// The plugins by number.
    var plugins: [(number: Int, node: GraphNode)] {
        numbers.compactMap { number, name in graph.node(named: name).map { (number, $0) } }.sorted { $0.number < $1.number }
    }

    func add(_ setup: PluginSetup, as number: Int, isActive: Bool) throws {
        guard HostSession.numberRange.contains(number) else {
            throw RemoteFailure(.instanceInvalid, "instance numbers go from 0 to 9990")
        }
        if numbers[number] != nil { throw RemoteFailure(.instanceAlreadyExists, "there is an instance \(number) already") }
        let name = "effect_\(number)"
        if graph.node(named: name) != nil { throw RemoteFailure(.instanceAlreadyExists, "a plugin is called '\(name)' already") }
        do {
            let node = try graph.add(setup, named: name)
            if !isActive { graph.setActive(node, false) }
        } catch {
            throw RemoteFailure(error, otherwise: .instantiation)
        }
        numbers[number] = name
        graph.changed()
    }

    func remove(_ node: GraphNode) {
        let gone = number(of: node)
        removed.append(
            RemovedPlugin(
                number: gone, name: node.name, setup: node.setup, state: node.instance.captureState(folder: nil),
                isInactive: node.isInactive, connections: connections(of: node, isPresent: true),
                mappings: graph.mappings.filter { $0.nodeID == node.id }.map(\.description),
                cvMappings: graph.cvMappings.filter { $0.nodeID == node.id }.map(\.description)))
        if removed.count > 16 { removed.removeFirst() }
        graph.keepTail(of: [node])
        graph.remove([node])
        numbers[gone] = nil
        monitors.removeAll { $0.number == gone }
        watchedOutputs.removeAll { $0.number == gone }
        if learning?.number == gone { stopLearning() }
        graph.changed()
    }

    /// Brings back what was removed last.
    func undo() throws -> Int {
        guard let last = removed.popLast() else { throw RemoteFailure(.invalidOperation, "nothing has been removed") }
        guard numbers[last.number] == nil, graph.node(named: last.name) == nil else {
            removed.append(last)
            throw RemoteFailure(.instanceAlreadyExists, "there is an instance \(last.number) again")
        }
        var setup = last.setup
        setup.preset = nil
        setup.settings = []
        let node: GraphNode
        do { node = try graph.add(setup, named: last.name) { if let state = last.state { $0.instance.restore(state) } } } catch {
            throw RemoteFailure(error, otherwise: .instantiation)
        }
        node.setup = last.setup
        graph.setActive(node, !last.isInactive)
        numbers[last.number] = last.name
        // Who it was connected with may be gone as well.
        for connection in last.connections { try? connect(connection.from, connection.to, gain: connection.gain) }
        for mapping in last.mappings { _ = try? graph.map(mapping) }
        for mapping in last.cvMappings { _ = try? graph.mapCV(mapping) }
        graph.changed()
        return last.number
    }

    /// By name, with partners outside in place of the ends that stand for them.
    ///
    /// - Parameter isPresent: see `Graph.describedConnections`.
    func connections(of node: GraphNode? = nil, isPresent: Bool = false) -> [PatchConnection] {
        graph.describedConnections(isPresent: isPresent).filter { connection in
            guard let node else { return true }
            return connection.from.hasPrefix(node.name + ":") || connection.to.hasPrefix(node.name + ":")
        }
    }

    // MARK: Connections

    /// A port's name as the graph knows it: `effect_3:in` may be a named plugin's, the client's own ports go without its name.
    func resolved(_ name: String) -> String {
        guard let colon = name.firstIndex(of: ":") else { return name }
        let client = String(name[..<colon])
        let port = String(name[name.index(after: colon)...])
        if graph.node(named: client) != nil { return name }
        if client.hasPrefix("effect_"), let number = Int(client.dropFirst(7)), let named = numbers[number] {
            return "\(named):\(port)"
        }
        if client == "mod-host" || client == jack?.clientName {
            // JACK's own name of an end that was made for a plugin's port
            if let end = (graph.inputs + graph.outputs).first(where: { $0.name == port }), let plugin = end.port?.alias {
                return plugin
            }
            return port
        }
        return name
    }

    /// Connects two ports, in whichever order they are given.
    ///
    /// - Throws: `RemoteFailure`.
    func connect(_ first: String, _ second: String, gain: Float = 1) throws {
        let (from, to) = (resolved(first), resolved(second))
        do {
            try connectOnce(from, to, gain)
        } catch let failure {
            if (try? connectOnce(to, from, gain)) == nil { throw RemoteFailure(failure, otherwise: .portConnection) }
        }
        graph.changed()
    }

    private func connectOnce(_ from: String, _ to: String, _ gain: Float) throws {
        let source = try graph.place(from, isSource: true)
        let sink = try graph.place(to, isSource: false)
        switch (source, sink) {
        case (.outside, .outside):
            guard let jack, jack.ports.connectOthers(from, to) else {
                throw HostError.connection(from: from, to: to, cause: "JACK refuses")
            }
        case (.outside(let other), .ports(let node, let ports)), (.ports(let node, let ports), .outside(let other)):
            let pattern = ports[0].isInput ? to : from
            for (i, port) in ports.enumerated() {
                let end = try graph.outsideEnd(node, port, gain: gain)
                try connect(end, GraphEnd.partner(other, i, of: ports.count, pattern))
            }
        case (.outside(let other), .end(let name)):
            guard let end = graph.inputs.first(where: { $0.name == name }) else { throw missing(from, to, name) }
            try connect(end, .init(pattern: other))
        case (.end(let name), .outside(let other)):
            guard let end = graph.outputs.first(where: { $0.name == name }) else { throw missing(from, to, name) }
            try connect(end, .init(pattern: other))
        default:
            try graph.connect(PatchConnection(from: from, to: to, gain: gain))
        }
    }

    private func missing(_ from: String, _ to: String, _ name: String) -> HostError {
        .connection(from: from, to: to, cause: "there is no port '\(name)' here")
    }

    private func connect(_ end: GraphEnd, _ partner: GraphEnd.Partner) throws {
        end.add(partner)
        guard let jack else { return }
        try jack.ports.register(end)
        let others = jack.ports.matches(end, partner)
        let made = others.filter { jack.ports.connect(end, $0) }
        if made.isEmpty {
            end.partners.removeAll { $0 == partner }
            graph.removeIdleEnds()
            throw HostError.connection(
                from: partner.pattern, to: end.name, cause: "there is no such port in JACK, or it is of another kind")
        }
    }

    /// Takes a connection apart, in whichever order its ports are given.
    func disconnect(_ first: String, _ second: String) throws {
        let (from, to) = (resolved(first), resolved(second))
        do {
            try disconnectOnce(from, to)
        } catch let failure {
            if (try? disconnectOnce(to, from)) == nil { throw RemoteFailure(.portDisconnection, "\(failure)") }
        }
        graph.changed()
    }

    private func disconnectOnce(_ from: String, _ to: String) throws {
        let source = try graph.place(from, isSource: true)
        let sink = try graph.place(to, isSource: false)
        func end(_ name: String, _ ends: [GraphEnd]) throws -> GraphEnd {
            guard let end = ends.first(where: { $0.name == name }) else { throw missing(from, to, name) }
            return end
        }
        switch (source, sink) {
        case (.outside, .outside):
            guard let jack, jack.ports.disconnectOthers(from, to) else {
                throw HostError.connection(from: from, to: to, cause: "they are not connected")
            }
        case (.outside(let other), .ports(let node, let ports)), (.ports(let node, let ports), .outside(let other)):
            for port in ports {
                guard let end = graph.knownOutsideEnd(node, port) else {
                    throw HostError.connection(from: from, to: to, cause: "they are not connected")
                }
                try disconnect(end, other)
            }
        case (.outside(let other), .end(let name)): try disconnect(try end(name, graph.inputs), other)
        case (.end(let name), .outside(let other)): try disconnect(try end(name, graph.outputs), other)
        default: try graph.disconnect(PatchConnection(from: from, to: to))
        }
    }

    /// - Parameter other: a port, or the pattern that the end was connected by.
    private func disconnect(_ end: GraphEnd, _ other: String) throws {
        let gone = end.partners.filter { $0.pattern == other }
        end.partners.removeAll { $0.pattern == other }
        let names = gone.isEmpty ? [other] : gone.flatMap { jack?.ports.matches(end, $0) ?? [] }
        if !gone.isEmpty { for name in names { jack?.ports.forget(end, name) } }
        if end.partners.isEmpty && end.others.isEmpty && end.port != nil && !gone.isEmpty {
            // It fades out, and then JACK loses it, and the connection with it.
            graph.removeIdleEnds()
            return
        }
        // Somebody whom it was to be connected with, and who is not there, is no failure.
        let parted = names.filter { jack?.ports.disconnect(end, $0) ?? false }
        if parted.isEmpty && gone.isEmpty {
            throw HostError.connection(from: other, to: end.name, cause: "they are not connected")
        }
    }

    /// Takes all of a port's connections apart.
    func disconnectAll(_ name: String) throws {
        let wanted = resolved(name)
        let found = connections().filter { $0.from == wanted || $0.to == wanted }
        if found.isEmpty, let jack, jack.ports.disconnectAll(wanted) { return }
        for connection in found { try disconnect(connection.from, connection.to) }
        // What JACK's own means have connected
        for end in graph.inputs + graph.outputs where end.port?.alias == wanted || end.name == wanted { jack?.ports.detachOthers(end) }
    }

    // MARK: Turns

    /// Tells of what has changed; on each turn of the set-up thread.
    func turn() {
        for i in watchedOutputs.indices {
            let watched = watchedOutputs[i]
            guard let node = try? node(watched.number), let value = node.instance.value(watched.symbol), value != watched.last
            else { continue }
            watchedOutputs[i].last = value
            feedback.tell(.output, "output_set \(watched.number) \(watched.symbol)", String(format: "%f", value))
        }
        for i in monitors.indices {
            let wanted = monitors[i]
            guard let node = try? node(wanted.number), let value = node.instance.value(wanted.symbol), value != wanted.last,
                HostSession.compare(value, wanted.comparison, wanted.threshold)
            else { continue }
            monitors[i].last = value
            monitor?.send("monitor \(wanted.number) \(wanted.symbol) \(String(format: "%f", value))")
        }
        if tellsLoad, let jack, ch_now() &- lastLoadTime > 1_000_000_000 {
            lastLoadTime = ch_now()
            feedback.tell(.load, "cpu_load", String(format: "%f %f %d", jack.load, 0.0, jack.xruns))
        }
        tellLevels()
        tellTransport()
        feedback.flush()
        lookForBundles()
        lookForStuck()
        autosave?.turn(self)
    }

    static func compare(_ value: Float, _ comparison: String, _ threshold: Float) -> Bool {
        switch comparison {
        case ">": value > threshold
        case ">=": value >= threshold
        case "<": value < threshold
        case "<=": value <= threshold
        case "==": abs(value - threshold) <= 1e-6 * max(1, abs(threshold))
        default: abs(value - threshold) > 1e-6 * max(1, abs(threshold))
        }
    }

    // MARK: MIDI

    /// - Parameter takesKeys: a key is an answer as well.
    func startLearning(_ number: Int, _ mapping: MIDIMapping, takesKeys: Bool = false) {
        learning = (number, mapping)
        ch_store(&graph.process.pointee.isLearning, takesKeys ? 2 : 1)
    }

    func stopLearning() {
        learning = nil
        ch_store(&graph.process.pointee.isLearning, 0)
    }

    func learned(_ event: LearnedEvent) {
        guard let (number, wanted) = learning else { return }
        learning = nil
        var mapping = wanted
        mapping.channel = Int(event.channel) + 1
        switch event.source {
        case .controller: mapping.source = .controller(Int(event.number))
        case .nrpn: mapping.source = .nrpn(Int(event.number))
        case .rpn: mapping.source = .rpn(Int(event.number))
        // Whoever plays presses whichever key.
        case .keyPressure: mapping.source = .keyPressure(nil)
        case .bend: mapping.source = .bend
        case .pressure: mapping.source = .pressure
        case .note: mapping.source = .note(Int(event.number))
        }
        guard let made = try? graph.map(mapping), let node = try? node(number) else { return }
        graph.changed()
        let symbol = made.port < 0 ? ":bypass" : node.description.ports[made.port].symbol
        let value = made.port < 0 ? (node.isBypassed ? 1 : 0) : ch_load_float(node.instance.values + made.port)
        feedback.tell(
            .mapping, "midi_mapped \(number) \(symbol)",
            String(
                format: "%d %d %f %f %f", Int(event.channel), HostSession.controllerNumber(mapping.source), value,
                made.process.pointee.low, made.process.pointee.high))
    }

    /// A source's number in commands: the controller's, 131 for the pitch bend as in mod-host; the others' stand above.
    static func controllerNumber(_ source: MIDIMapping.Source) -> Int {
        switch source {
        case .controller(let number): number
        case .bend: 131
        case .pressure: 132
        case .note(let number): 133 + number
        case .keyPressure(nil): 261
        case .keyPressure(let key?): 262 + key
        case .nrpn(let number): 512 + number
        case .rpn(let number): 16896 + number
        }
    }

    /// The source of such a number; nil: there is none.
    static func source(_ number: Int) -> MIDIMapping.Source? {
        switch number {
        case 0...127: .controller(number)
        case 131: .bend
        case 132: .pressure
        case 133...260: .note(number - 133)
        case 261: .keyPressure(nil)
        case 262...389: .keyPressure(number - 262)
        case 512...16895: .nrpn(number - 512)
        case 16896...33278: .rpn(number - 16896)
        default: nil
        }
    }

    func mapped(_ event: MappedEvent) {
        if let mapping = graph.cvMappings.first(where: { $0.id == event.mapping }), let node = graph.node(id: mapping.nodeID) {
            let symbol = node.description.ports[mapping.port].symbol
            return feedback.tell(.parameter, "param_set \(number(of: node)) \(symbol)", String(format: "%f", event.value))
        }
        guard let mapping = graph.mappings.first(where: { $0.id == event.mapping }), let node = graph.node(id: mapping.nodeID)
        else { return }
        let symbol = mapping.port < 0 ? ":bypass" : node.description.ports[mapping.port].symbol
        feedback.tell(.parameter, "param_set \(number(of: node)) \(symbol)", String(format: "%f", event.value))
    }

    func received(_ message: [UInt8]) {
        let channel = Int(message[0] & 0x0F)
        if message[0] & 0xF0 == 0xC0 {
            if toldPrograms.contains(channel) {
                feedback.tell(.program, "midi_program_change", "\(message[1]) \(channel)")
            }
            changeProgram(Int(message[1]), channel: channel)
            return
        }
        if message[1] == 0 { banks[channel] = banks[channel] & 0x7F | Int(message[2]) << 7 }
        if message[1] == 32 { banks[channel] = banks[channel] & 0x3F80 | Int(message[2]) }
        if toldControllers.contains(channel) {
            feedback.tell(.controller, "midi_control_change \(channel) \(message[1])", "\(message[2])")
        }
    }

    /// Names a plugin that was muted or bypassed, and what brings it back.
    func failed(_ id: UInt32, _ fault: Int32) {
        guard let node = graph.node(id: id) else { return }
        let number = number(of: node)
        let name = "\(node.name) (\(node.description.name))"
        switch fault {
        case ProcessFault.notANumber:
            onNotice?("\(name) gives what is no number: it is muted; 'revive \(number)' loads it anew")
        case ProcessFault.runaway:
            onNotice?("\(name) is louder than +40 dBFS: it is muted; 'revive \(number)' loads it anew")
        case ProcessFault.badEvents:
            onNotice?("\(name) sends events that cannot be read, or more than there is room for: they are lost")
            return
        default:
            onNotice?("\(name) takes longer than a period lasts: it is bypassed; 'bypass \(number) 0' takes it up again")
        }
        feedback.tell(.parameter, "param_set \(number) :bypass", "1.000000")
    }

    func told(_ change: ParameterChange) {
        autosave?.tell()
        feedback.tell(.patch, "patch_set \(number(ofPlugin: change.plugin)) \(change.uri)", "\(change.type) \(change.value)")
    }
}
