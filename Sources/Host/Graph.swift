import CHost

/// Plugins and what connects them, ready to run, and to be changed while they run.
///
/// Used on the set-up thread. A change is made on this side first; the next plan (`GraphPlan`) then has it, which the process
/// thread takes at the beginning of a period. What a plan leaves behind is freed here when the process thread has let go of it.
public final class Graph {
    /// The plugins, in the order in which they came.
    public internal(set) var nodes: [GraphNode] = []
    public private(set) var settings: ProcessSettings
    /// Seconds that a fade takes when something changes while it runs; 0: changes are sudden.
    public var fadeSeconds = Graph.usualFade { didSet { followTimes() } }
    /// Whether fades have constant amplitude, for sounds that are alike, and not constant power, for those that are not.
    public var fadesEvenly = false { didSet { ch_store(&process.pointee.fadesEvenly, fadesEvenly ? 1 : 0) } }
    /// Seconds for which what has been replaced or bypassed may go on sounding, with nothing to hear; 0: it fades at once.
    public var tailSeconds = 0.0 { didSet { followTimes() } }
    /// The same where a patch says nothing of them.
    public var usualTimes = (fade: Graph.usualFade, isEven: false, tail: 0.0)
    private(set) var fadeFrames = 0
    let world: World
    package var sharedWorld: World { world }
    let process: UnsafeMutablePointer<Process>
    var wiring = GraphWiring()
    /// What plugins are called by number, beside their names: their ports are `effect_N:symbol` as well.
    var numbers: [String: Int] = [:] { didSet { for end in outsideEnds() { nameByNumber(end) } } }
    /// Whether JACK is to know every port of every plugin; and those ends that nothing is connected with.
    var offersPorts = false { didSet { if offersPorts != oldValue { changed() } } }
    var offered: [GraphEnd] = []
    /// Plugins of the patch that could not be loaded, where that was no reason to give up.
    var absent: [AbsentPlugin] = []
    /// Whether a patch may go on without a plugin that has failed so; nil: never.
    var mayLack: ((PluginSetup, HostError) -> Bool)?
    /// What MIDI moves.
    var mappings: [GraphMapping] = []
    /// What CV moves.
    var cvMappings: [GraphCVMapping] = []
    /// Whose levels are watched.
    var levels: [GraphLevel] = []
    /// What dies away.
    private var tails: [GraphTail] = []
    /// More than this are not kept: each costs as much as the plugins in it.
    static let mostTails = 4
    /// Gives an end its port in the outside world, and takes it away.
    var registerEnd: ((GraphEnd) throws -> Void)?
    var unregisterEnd: ((GraphEnd) -> Void)?
    /// Takes apart what an end that stays is connected with in other clients.
    var releaseEnd: ((GraphEnd) -> Void)?
    /// Takes apart what an end is connected with out there.
    var detachEnd: ((GraphEnd) -> Void)?
    /// Who an end is connected with, as a patch says it: the partners that hold as they are written, and others by name. nil: its partners.
    var presentPartners: ((GraphEnd) -> (whole: [GraphEnd.Partner], names: [String]))?
    /// The ports that a partner is just now.
    var partnerNames: ((GraphEnd, GraphEnd.Partner) -> [String])?

    /// What the process thread posts, unless somebody gives it another.
    private let wake: OpaquePointer
    private let memory = ProcessMemory("the graph")
    /// Called when a change cannot be heard because there is no memory for it; it is tried again with the next one.
    var onFailure: ((HostError) -> Void)?
    private var failure: HostError?
    /// The plan that was handed over last.
    private(set) var plan: GraphPlan
    private var serial: Int32 = 0
    /// Whether a process thread runs it, so that plans must be handed over.
    private(set) var isRunning = false
    private var isActive = false
    /// Whether the present plan is not what it should be.
    private var isStale = false
    private var seenLatencyChanges: Int32 = 0
    /// What is freed when plan `serial` has been taken.
    private var retired: [(serial: Int32, plan: GraphPlan, nodes: [GraphNode], ends: [GraphEnd])] = []
    /// Frames that the next plan's fades wait at least.
    private var warmFrames = 0
    private var nextID: UInt32 = 1
    /// While one patch follows another: ends that both have stay connected.
    var keepsConnections = false

    private static let commandBytes: UInt32 = 256 << 10
    private static let eventBytes: UInt32 = 1 << 20
    /// 20 ms: too short to be heard as a fade, long enough not to be heard as a click.
    public static let usualFade = 0.02
    /// How long a plugin that comes in another's place plays unheard first.
    static let warmSeconds = 0.1

    /// A graph of nothing.
    ///
    /// - Throws: `HostError.outOfMemory`
    public init(world: World, settings: ProcessSettings) throws {
        self.world = world
        self.settings = settings
        wake = cr_semaphore_make()
        plan = try GraphPlan(
            serial: 0, nodes: [], wiring: GraphWiring(), previous: nil,
            context: .init(
                urids: UnsafePointer(world.urids.known), maximumBlock: settings.maximumBlock, fadeFrames: 0, warmFrames: 0))
        let made = try Process(
                plan: plan.pointer, fadeCurve: memory.floats(Process.fadeSteps + 1),
                urids: UnsafePointer(world.urids.known), forge: UnsafePointer(world.urids.forge),
                dataEntry: memory.copy([ProcessDataEntry](repeating: ProcessDataEntry(), count: 16)),
                clock: ProcessClock(times: memory.copy([Double](repeating: 0, count: ProcessClock.window))),
                commands: ch_ring_make(Graph.commandBytes), events: ch_ring_make(Graph.eventBytes),
                scratch: memory.allocate(Int(Graph.commandBytes)).assumingMemoryBound(to: UInt8.self), wake: wake)
        let loads = try memory.allocate(ProcessMeter.loadBins * 8).assumingMemoryBound(to: UInt64.self)
        process = .allocate(capacity: 1)
        process.initialize(to: made)
        for step in 0...Process.fadeSteps {
            process.pointee.fadeCurve[step] = cr_sin(Float(step) / Float(Process.fadeSteps) * .pi / 2)
        }
        process.pointee.fadeCurve[Process.fadeSteps] = 1
        process.pointee.sampleRate = settings.sampleRate
        process.pointee.maximumBlock = UInt32(settings.maximumBlock)
        process.pointee.scratchCapacity = Graph.commandBytes
        process.pointee.isFreewheeling = settings.isOffline
        process.pointee.meter.loads = loads
        followTimes()
    }

    private func followTimes() {
        fadeFrames = Int((settings.sampleRate * min(max(fadeSeconds, 0), 60)).rounded())
        ch_store(&process.pointee.bypassFrames, Int32(fadeFrames))
        ch_store(&process.pointee.tailFrames, Int32((settings.sampleRate * min(max(tailSeconds, 0), 3600)).rounded()))
    }

    /// Loads plugins in a row, and sets them (default state, then preset, then settings).
    ///
    /// - Throws: `HostError` for the first plugin that cannot be had as asked.
    public convenience init(world: World, setups: [PluginSetup], settings: ProcessSettings) throws {
        try self.init(world: world, patch: Patch(plugins: setups), settings: settings)
    }

    /// Loads a patch.
    ///
    /// - Parameter mayLack: whether to go on without a plugin that failed so (`absent`).
    /// - Throws: `HostError` for the first thing in it that cannot be had as asked.
    public convenience init(
        world: World, patch: Patch, settings: ProcessSettings, mayLack: ((PluginSetup, HostError) -> Bool)? = nil
    ) throws {
        guard !patch.plugins.isEmpty else { throw HostError.usage("no plugin given") }
        try self.init(world: world, settings: settings)
        self.mayLack = mayLack
        try load(patch)
        self.mayLack = nil
    }

    deinit {
        for node in nodes + retired.flatMap(\.nodes) { node.instance.deactivate() }
        ch_ring_free(process.pointee.commands)
        ch_ring_free(process.pointee.events)
        cr_semaphore_free(wake)
        process.deallocate()
    }

    /// Whether the plugins stand in a row.
    var isRow: Bool { wiring.isRow }
    /// Beats a minute where the transport has none of its own; 0: it stays without.
    package var tempo: Float { ch_load_float(&process.pointee.tempo) }
    public var instances: [PluginInstance] { nodes.map(\.instance) }
    /// The ways into the graph and out of it.
    public var inputs: [GraphEnd] { wiring.inputs }
    public var outputs: [GraphEnd] { wiring.outputs }
    /// Audio inputs and outputs, side ways aside.
    public var audioInputCount: Int { wiring.inputs.count { $0.isMain && $0.kind == .audio } }
    public var audioOutputCount: Int { wiring.outputs.count { $0.isMain && $0.kind == .audio } }
    /// Frames of latency, from the plugins' own reports: of a row the sum, else the longest way.
    public var latency: Int { timing.latency }
    /// Counts the plans.
    var planSerial: Int32 { plan.serial }
    var timing: GraphPlan.Timing { GraphPlan.timing(activeNodes, activeWiring) }

    private var activeNodes: [GraphNode] { nodes.filter { !$0.isInactive } }
    private var activeWiring: GraphWiring {
        let inactive = Set(nodes.filter(\.isInactive).map(\.id))
        if inactive.isEmpty { return wiring }
        var active = wiring
        active.arcs.removeAll { inactive.contains($0.arc.from.nodeID ?? 0) || inactive.contains($0.arc.to.nodeID ?? 0) }
        return active
    }

    public func node(named name: String) -> GraphNode? { nodes.first { $0.name == name } }
    func node(id: UInt32) -> GraphNode? { nodes.first { $0.id == id } ?? retired.lazy.flatMap(\.nodes).first { $0.id == id } }

    // MARK: Running

    public func activate() {
        isActive = true
        for node in activeNodes { start(node) }
        if !wiring.isRow && !isRunning { install() }
    }

    public func deactivate() {
        isActive = false
        for node in nodes { node.instance.deactivate() }
    }

    private func start(_ node: GraphNode) {
        node.instance.activate()
        node.settleBypass()
        if !wiring.isRow { node.askLatency(UnsafePointer(world.urids.known)) }
    }

    /// Finds out the latency before it runs. It must be active.
    func askLatency() -> Int {
        let isKnown = nodes.allSatisfy { $0.process.pointee.latencyValue == nil }
        // A plugin says how late it is when it has run: an empty block is enough, and moves nothing.
        if !isKnown { processBlock(process, 0) }
        advance()
        return latency
    }

    /// From now on a process thread runs it (or no more): plans are handed over instead of put in place.
    func setRunning(_ isRunning: Bool) {
        if isRunning == self.isRunning { return }
        self.isRunning = isRunning
        tails = []
        if isRunning { return }
        // Whatever was on its way will not be taken any more.
        _ = ch_exchange_pointer(&process.pointee.pendingPlan, nil)
        let gone = retired
        retired = []
        for node in gone.flatMap(\.plan.nodes) { node.process.pointee.isPlanned = false }
        install()
        for node in gone.flatMap(\.nodes) where !plan.nodes.contains(where: { $0 === node }) { node.instance.deactivate() }
        for entry in gone { release(entry.ends) }
    }

    /// All ends that run, those that fade out among them.
    var plannedEnds: [GraphEnd] { plan.ends + retired.flatMap(\.ends) }

    /// No end has a port any more: the client is gone.
    func forgetPorts() {
        for end in outsideEnds() + plannedEnds {
            end.jack = nil
            end.others = []
        }
    }

    /// Has the process thread post the graph's own semaphore again.
    func restoreWake() { process.pointee.wake = wake }

    // MARK: Changes

    /// Loads a plugin, which is connected with nothing yet.
    ///
    /// - Parameter prepare: what is to be done with it before it is active.
    /// - Throws: `HostError` if it cannot be had as asked; then nothing has changed.
    @discardableResult
    package func add(
        _ setup: PluginSetup, named name: String? = nil, prepare: (GraphNode) throws -> Void = { _ in }
    ) throws -> GraphNode {
        let node = try makeNode(setup, named: name ?? unusedName(setup), prepare)
        nodes.append(node)
        isStale = true
        do {
            for setting in setup.settings { try set(setting, of: node, folder: setup.folder) }
        } catch {
            remove([node])
            throw error
        }
        return node
    }

    private func makeNode(
        _ setup: PluginSetup, named name: String, _ prepare: (GraphNode) throws -> Void = { _ in }
    ) throws -> GraphNode {
        let node = try GraphNode(
            world: world, setup: setup, name: name, id: nextID, settings: settings, events: process.pointee.events)
        nextID += 1
        try prepare(node)
        if isActive { start(node) }
        return node
    }

    package func remove(_ gone: [GraphNode]) {
        let ids = Set(gone.map(\.id))
        mappings.removeAll { ids.contains($0.nodeID) }
        forgetTaps(ids)
        nodes.removeAll { ids.contains($0.id) }
        wiring.arcs.removeAll { arc, _ in
            ids.contains(arc.from.nodeID ?? 0) || ids.contains(arc.to.nodeID ?? 0)
        }
        removeIdleEnds()
        isStale = true
    }

    /// Loads a patch into an empty graph.
    func load(_ patch: Patch) throws {
        var missing: [AbsentPlugin] = []
        for (place, setup) in patch.plugins.enumerated() {
            let name = setup.name ?? unusedName(setup, missing.map(\.name))
            if node(named: name) != nil { throw HostError.usage("two plugins are called '\(name)'") }
            do { nodes.append(try makeNode(setup, named: name)) } catch let error as HostError where mayLack?(setup, error) == true {
                missing.append(AbsentPlugin(setup, name: name, place: place, cause: error))
            }
        }
        // One that plays nothing is of no use to anybody.
        if nodes.isEmpty, let first = missing.first { throw first.cause }
        absent = missing
        let names = Set(nodes.map(\.name) + missing.map(\.name))
        func isPlugins(_ port: String) -> Bool { port.firstIndex(of: ":").map { names.contains(String(port[..<$0])) } ?? false }
        let isRow = patch.isRow ?? !patch.connections.contains { isPlugins($0.from) || isPlugins($0.to) }
        try wire(missing.reduce(patch.connections) { $1.take($0) }, isRow: isRow)
        for mapping in missing.reduce(patch.mappings, { $1.take($0) }) { try map(mapping) }
        for mapping in missing.reduce(patch.cvMappings, { $1.take($0) }) { try mapCV(mapping) }
        fadeSeconds = patch.fade.map { Double($0) / 1000 } ?? usualTimes.fade
        fadesEvenly = patch.fadesEvenly ?? usualTimes.isEven
        tailSeconds = patch.tail.map(Double.init) ?? usualTimes.tail
        isStale = true
        installIfStale()
        if !isRunning, let failure { throw failure }
        for node in nodes {
            for setting in node.setup.settings { try set(setting, of: node, folder: node.setup.folder) }
        }
    }

    /// Takes a plugin out of the sound, or back into it; its settings and connections stay.
    func setActive(_ node: GraphNode, _ isActive: Bool) {
        if node.isInactive == !isActive { return }
        node.isInactive = !isActive
        if isActive && self.isActive { start(node) }
        isStale = true
    }

    /// Loads a plugin once more, with its state and then a preset on top, and puts it in the place of the old one, which fades
    /// out when the new one has warmed up.
    ///
    /// - Parameter change: what else is to be done with the new one before it is heard.
    /// - Throws: `HostError`; then nothing has changed.
    @discardableResult
    package func replace(_ node: GraphNode, change: (GraphNode) throws -> Void) throws -> GraphNode {
        let place = nodes.firstIndex { $0 === node }!
        var setup = node.setup
        setup.preset = nil
        let fresh = try GraphNode(
            world: world, setup: setup, name: node.name, id: nextID, settings: settings, events: process.pointee.events)
        nextID += 1
        fresh.setup = node.setup
        fresh.isInactive = node.isInactive
        let state = node.instance.captureState(folder: nil)
        defer { lilv_state_free(state) }
        if let state { fresh.instance.restore(state) } else { fresh.instance.takeControls(of: node.instance) }
        try change(fresh)
        let moved = try mappings.map { $0.nodeID == node.id ? try $0.moved(to: fresh) : $0 }
        let movedCV = try cvMappings.map { try $0.moved(among: [node.id: fresh], in: self) }
        if isActive && !fresh.isInactive { start(fresh) }
        keepTail(of: [node])
        nodes[place] = fresh
        func renamed(_ point: GraphPoint) -> GraphPoint {
            point.nodeID == node.id ? .node(fresh.id, point.port) : point
        }
        wiring.arcs = wiring.arcs.map { (GraphArc(from: renamed($0.arc.from), to: renamed($0.arc.to)), $0.gain) }
        for end in wiring.inputs + wiring.outputs + offered where end.port?.node == node.id { end.port?.node = fresh.id }
        mappings = moved
        cvMappings = movedCV
        for level in levels where level.source.nodeID == node.id { level.source = .node(fresh.id, level.source.port) }
        changed(warmFrames: Int(settings.sampleRate * Graph.warmSeconds) + fresh.latency)
        return fresh
    }

    /// Has plugins that are about to lose their place die away, if that is wanted. While the wiring still has them.
    func keepTail(of gone: [GraphNode]) {
        let sounding = gone.filter { node in
            node.description.ports.contains { !$0.isInput && $0.kind == .audio } && plan.nodes.contains { $0 === node }
        }
        if !isRunning || tailSeconds <= 0 || sounding.isEmpty { return }
        tails.append(GraphTail(sounding, in: activeWiring))
        if tails.count > Graph.mostTails { tails.removeFirst() }
    }

    /// How many things die away now.
    package var tailCount: Int { tails.count }

    /// Lets go of what has died away, or has had its time.
    private func endTails() {
        let now = ch_load_u64(&process.pointee.position)
        for tail in tails where tail.began == nil && plan.nodes.contains(where: { $0 === tail.nodes[0] })
            && ch_load(&process.pointee.settledPlan) == plan.serial
        { tail.began = now }
        let count = tails.count
        let time = UInt64(settings.sampleRate * tailSeconds)
        tails.removeAll { tail in
            tail.began.map { now &- $0 >= time || tail.isQuiet(for: Int(settings.sampleRate)) } ?? false
        }
        if tails.count < count { isStale = true }
    }

    /// Applies a preset without a click (see `replace`).
    @discardableResult
    package func applyPreset(_ preset: String, to node: GraphNode, folder: String? = nil) throws -> GraphNode {
        try replace(node) { fresh in
            try fresh.instance.applyPreset(preset, folder: folder)
            fresh.setup.preset = preset
            fresh.setup.folder = folder
        }
    }

    /// The last part of the URI, or that with a number.
    private func unusedName(_ setup: PluginSetup, _ more: [String] = []) -> String {
        let last = setup.uri.split(whereSeparator: { "/#:".contains($0) }).last.map(String.init) ?? "plugin"
        let base = String(last.map { $0.isLetter || $0.isNumber || "_-.".contains($0) ? $0 : "_" })
        return unused(base, nodes.map(\.name) + absent.map(\.name) + more)
    }

    func newID() -> UInt32 {
        defer { nextID += 1 }
        return nextID
    }

    func unused(_ name: String, _ taken: [String]) -> String {
        var candidate = name
        var number = 2
        while taken.contains(candidate) {
            candidate = "\(name)_\(number)"
            number += 1
        }
        return candidate
    }

    func makeEnd(
        _ wiring: GraphWiring, _ name: String, _ prettyName: String, _ kind: GraphEnd.Kind, isInput: Bool, isMain: Bool,
        rest: Float = 0
    ) throws -> GraphEnd {
        // One of that name may still be fading out: it is taken up again, or its name is not.
        // One that was offered for a plugin that has given way to another goes on.
        if let place = offered.firstIndex(where: { end in
            end.name == name && end.kind == kind && end.isInput == isInput && end.isMain == isMain && end.rest == rest
                && !nodes.contains { $0.id == end.port?.node }
        }) {
            let old = offered.remove(at: place)
            (old.partners, old.port, old.aliases, old.isForControl, old.range) = ([], nil, [], false, nil)
            return old
        }
        let present = wiring.inputs + wiring.outputs + offered
        let leaving = (plan.ends + retired.flatMap(\.ends)).filter { end in !present.contains { $0.id == end.id } }
        if let old = leaving.first(where: { $0.name == name }), !present.contains(where: { $0.name == name }),
            old.kind == kind, old.isInput == isInput, old.isMain == isMain, old.rest == rest
        {
            old.partners = []
            old.port = nil
            old.aliases = []
            old.range = nil
            old.isForControl = false
            if !keepsConnections { detachEnd?(old) }
            return old
        }
        defer { nextID += 1 }
        return try GraphEnd(
            id: nextID, name: unused(name, (present + leaving).map(\.name)), prettyName: prettyName, kind: kind,
            isInput: isInput, isMain: isMain, rest: rest, maximumBlock: settings.maximumBlock,
            urids: UnsafePointer(world.urids.known))
    }

    /// Sets a control or parameter; while it runs, at the start of its next block.
    ///
    /// - Throws: `HostError.controlNotFound`, `HostError.badValue`.
    public func set(_ setting: PluginSetup.Setting, of node: GraphNode, folder: String? = nil) throws {
        switch try node.instance.resolve(setting, folder: folder) {
        case .control(let port, let value):
            ch_store_float(node.instance.values + port, value)
        case .message(let atom):
            if !send(atom, to: node) {
                throw HostError.badValue(
                    plugin: node.description.name, symbol: setting.key, value: setting.value, cause: "too many changes at once")
            }
        }
    }

    /// Sends an atom (with its header) to a plugin's control port; false if there is no room.
    func send(_ atom: [UInt8], to node: GraphNode) -> Bool {
        if !plan.nodes.contains(where: { $0 === node }) {
            // It waits for the plugin's first plan.
            node.waitingMessages.append(atom)
            return true
        }
        let commands = process.pointee.commands
        var address = node.process
        guard ch_ring_begin(commands, ProcessCommand.atom, UInt32(8 + atom.count)) else { return false }
        ch_ring_append(commands, &address, 8)
        ch_ring_append(commands, atom, UInt32(atom.count))
        ch_ring_end(commands)
        return true
    }

    // MARK: Plans

    /// Makes several changes that are heard as one.
    package func change(_ body: (Graph) throws -> Void) throws {
        defer { changed() }
        try body(self)
    }

    /// Asks for a new plan: something has changed. `frames`: what comes new warms up so long before it is heard.
    func changed(warmFrames frames: Int = 0) {
        isStale = true
        warmFrames = max(warmFrames, frames)
        advance()
    }

    /// Whether all changes have been taken, and have faded in.
    var isSettled: Bool { !isStale && ch_load(&process.pointee.settledPlan) == plan.serial }

    /// Goes on with what is to be done: frees what has been let go of, hands over the next plan. Called on each turn of the
    /// set-up thread.
    func advance() {
        if !isRunning {
            if latencyHasChanged() && !wiring.isRow { isStale = true }
            installIfStale()
            return
        }
        free()
        if latencyHasChanged() && !wiring.isRow { isStale = true }
        endTails()
        guard ch_load(&process.pointee.settledPlan) == plan.serial else { return }
        // What has faded out stands in the plan until the next one.
        if plan.hasFades { isStale = true }
        if isStale { handOver() }
    }

    private func latencyHasChanged() -> Bool {
        let changes = ch_load(&process.pointee.latencyChanges)
        defer { seenLatencyChanges = changes }
        return changes != seenLatencyChanges
    }

    private func makePlan(after previous: GraphPlan?, fades: Int) throws -> GraphPlan {
        serial += 1
        if offersPorts || !offered.isEmpty { try updateOffers() }
        for end in wiring.inputs + wiring.outputs where end.jack == nil {
            // One that cannot be had stays silent; whoever registers has said so.
            try? registerEnd?(end)
        }
        isStale = false
        return try GraphPlan(
            serial: serial, nodes: activeNodes, wiring: activeWiring, previous: previous,
            context: .init(
                urids: UnsafePointer(world.urids.known), maximumBlock: settings.maximumBlock, fadeFrames: fades,
                warmFrames: warmFrames, mappings: mappings, cvMappings: cvMappings, levels: levels, tails: tails))
    }

    /// The next plan; without memory for it the present one goes on.
    private func plan(after previous: GraphPlan?, fades: Int) -> GraphPlan? {
        do {
            let made = try makePlan(after: previous, fades: fades)
            warmFrames = 0
            failure = nil
            return made
        } catch {
            let error = error as? HostError ?? .outOfMemory(owner: "the graph", bytes: 0)
            if failure != error { onFailure?(error) }
            failure = error
            return nil
        }
    }

    private func installIfStale() { if !isRunning && isStale { install() } }

    /// Puts a plan in place while nothing runs.
    private func install() {
        let old = plan
        guard let made = plan(after: old, fades: 0) else { return }
        plan = made
        for node in old.nodes { node.process.pointee.isPlanned = false }
        process.pointee.plan = plan.pointer
        beginPlan(process)
        for node in old.nodes where !plan.nodes.contains(where: { $0 === node }) { node.instance.deactivate() }
        release(old.ends)
        sendWaitingMessages()
    }

    private func handOver(fades: Bool = true) {
        let old = plan
        guard let made = plan(after: fades ? old : nil, fades: fades ? fadeFrames : 0) else { return }
        plan = made
        let left = old.nodes.filter { node in !plan.nodes.contains { $0 === node } }
        let leftEnds = old.ends.filter { end in !plan.ends.contains { $0 === end } }
        retired.append((plan.serial, old, left, leftEnds))
        _ = ch_exchange_pointer(&process.pointee.pendingPlan, UnsafeMutableRawPointer(plan.pointer))
        sendWaitingMessages()
    }

    private func sendWaitingMessages() {
        for node in plan.nodes where !node.waitingMessages.isEmpty {
            let waiting = node.waitingMessages
            node.waitingMessages = []
            for atom in waiting { _ = send(atom, to: node) }
        }
    }

    private func free() {
        let taken = ch_load(&process.pointee.takenPlan)
        // A message on its way may still name a node.
        guard ch_ring_is_empty(process.pointee.commands) else { return }
        let count = retired.count
        // Plugins' buffers leave holes that glibc's aligned allocations do not fill again.
        defer { if retired.count < count { ch_memory_trim() } }
        while let first = retired.first, first.serial <= taken {
            for node in first.nodes where !plan.nodes.contains(where: { $0 === node }) { node.instance.deactivate() }
            retired.removeFirst()
            release(first.ends)
        }
    }

    /// Gives ends' ports back that no plan has any more.
    private func release(_ ends: [GraphEnd]) {
        for end in ends where !plan.ends.contains(where: { $0.id == end.id }) {
            if offered.contains(where: { $0.id == end.id }) {
                releaseEnd?(end)
                continue
            }
            unregisterEnd?(end)
            end.jack = nil
        }
    }

    // MARK: Another block length or rate

    /// Loads all plugins anew for other settings, with their state. The process thread must stand before a closed gate.
    func restart(_ settings: ProcessSettings) throws {
        var fresh: [GraphNode] = []
        for node in nodes {
            let state = node.instance.captureState(folder: nil)
            defer { lilv_state_free(state) }
            var setup = node.setup
            setup.preset = nil
            let made = try GraphNode(
                world: world, setup: setup, name: node.name, id: node.id, settings: settings, events: process.pointee.events)
            made.setup = node.setup
            if let state { made.instance.restore(state) } else { made.instance.takeControls(of: node.instance) }
            made.isInactive = node.isInactive
            fresh.append(made)
        }
        let moved = try mappings.map { mapping in try fresh.first { $0.id == mapping.nodeID }.map(mapping.moved) ?? mapping }
        let byID = Dictionary(uniqueKeysWithValues: fresh.map { ($0.id, $0) })
        let movedCV = try cvMappings.map { try $0.moved(among: byID, in: self) }
        self.settings = settings
        tails = []
        func resized(_ end: GraphEnd) throws -> GraphEnd {
            let made = try GraphEnd(
                id: end.id, name: end.name, prettyName: end.prettyName, kind: end.kind, isInput: end.isInput,
                isMain: end.isMain, rest: end.rest, maximumBlock: settings.maximumBlock,
                urids: UnsafePointer(world.urids.known))
            (made.partners, made.port, made.jack) = (end.partners, end.port, end.jack)
            (made.aliases, made.isForControl, made.range, made.others) = (end.aliases, end.isForControl, end.range, end.others)
            return made
        }
        let (inputs, outputs, offers) = try (wiring.inputs.map(resized), wiring.outputs.map(resized), offered.map(resized))
        (wiring.inputs, wiring.outputs, offered, nodes, mappings) = (inputs, outputs, offers, fresh, moved)
        cvMappings = movedCV
        if isActive { for node in activeNodes { start(node) } }
        process.pointee.sampleRate = settings.sampleRate
        process.pointee.maximumBlock = UInt32(settings.maximumBlock)
        followTimes()
        if !isRunning { return install() }
        // A plan that nobody has taken belongs to the past.
        _ = ch_exchange_pointer(&process.pointee.pendingPlan, nil)
        handOver(fades: false)
    }
}

extension Graph {
    /// Saves each plugin's state: into `folder` itself if there is one plugin, else into folders 1, 2 … in it.
    public func saveStates(to folder: String) throws {
        for (i, instance) in instances.enumerated() {
            try instance.saveState(to: instances.count == 1 ? folder : "\(folder)/\(i + 1)")
        }
    }
}
