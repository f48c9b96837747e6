import CHost

/// A plugin in a graph: the instance, and buffers for all its ports.
///
/// Used on the set-up thread. The buffers are connected once; graphs that change leave them where they are.
public final class GraphNode {
    /// Never used twice in one graph.
    public let id: UInt32
    /// What connections call it.
    public internal(set) var name: String
    public let instance: PluginInstance
    /// What it was made from; `preset` is the one applied last.
    public internal(set) var setup: PluginSetup

    /// Stands aside: it has its place and settings, and is not heard.
    var isInactive = false
    /// Messages that came before its first plan.
    var waitingMessages: [[UInt8]] = []

    let process: UnsafeMutablePointer<ProcessNode>
    /// By port index: audio and CV …
    private(set) var floatInputs: [Int: FloatInput] = [:]
    private(set) var floatOutputs: [Int: UnsafeMutablePointer<Float>] = [:]
    /// … and where atom ports stand in `process`.
    private(set) var eventInputs: [Int: Int] = [:]
    private(set) var eventOutputs: [Int: Int] = [:]
    /// Its channels and keys; always there, so that it can change while the graph runs.
    let filter: UnsafeMutablePointer<ch_midi_filter>
    private let memory: ProcessMemory

    struct FloatInput {
        var buffer: UnsafeMutablePointer<Float>
        /// What it holds while nothing comes to it.
        var rest: Float
        var optional: UnsafeMutablePointer<ProcessOptionalPort>?
    }

    static let sequenceSize = 8192
    /// Nobody means more than that; LV2 counts the bytes in 32 bits.
    static let largestSequence = 1 << 30

    /// Loads the plugin; it is not active yet.
    ///
    /// - Parameter events: where log lines of the process thread go.
    /// - Throws: `HostError` if it cannot be had.
    init(
        world: World, setup: PluginSetup, name: String, id: UInt32, settings: ProcessSettings,
        events: UnsafeMutablePointer<ch_ring>
    ) throws {
        let description = try world.describe(setup.uri)
        if let port = description.ports.first(where: { $0.minimumSize > GraphNode.largestSequence }) {
            throw HostError.unsupportedPort(
                plugin: description.name, port: port.symbol, cause: "asks for an event buffer of \(port.minimumSize) bytes")
        }
        let largest = description.ports.map(\.minimumSize).reduce(GraphNode.sequenceSize, max)
        instance = try PluginInstance(
            world: world, uri: setup.uri, settings: settings, sequenceSize: largest, events: events)
        self.id = id
        self.name = name
        self.setup = setup
        memory = ProcessMemory("\(name) (\(description.name))")
        instance.portMemory = memory
        filter = try memory.copy([ch_midi_filter(channels: 0xFFFF, lowest_key: 0, highest_key: 127, transpose: 0)])
        process = try memory.copy([
            ProcessNode(
                id: id, suspect: try memory.copy(Array("\(setup.uri)\t\(name)".utf8CString)), plugin: ch_plugin_of(instance.lilvInstance), worker: instance.features.worker, values: instance.values,
                atomInputs: memory.copy([]), atomOutputs: memory.copy([]), controlMeters: memory.copy([]))
        ])
        try connectPorts(settings, UnsafePointer(world.urids.known))
        try apply(setup)
    }

    public var description: PluginDescription { instance.description }
    /// Frames, as the plugin last told.
    public var latency: Int { Int(ch_load(&process.pointee.latency)) }

    private func connectPorts(_ settings: ProcessSettings, _ urids: UnsafePointer<ch_urids>) throws {
        let plugin = instance.description
        let handle = process.pointee.plugin
        var atomInputs: [ProcessAtomInput] = []
        var atomOutputs: [ProcessAtomOutput] = []
        let control = plugin.controlPort
        let midiPort = plugin.mainMIDIInput
        for port in plugin.ports {
            switch (port.kind, port.isInput) {
            case (.audio, true), (.cv, true):
                let buffer = try memory.floats(settings.maximumBlock)
                let rest = port.kind == .cv ? port.default ?? 0 : 0
                buffer.update(repeating: rest, count: settings.maximumBlock)
                // The main audio is there even if it is silence; what stands aside of it may be told that nothing is plugged in.
                let isOptional = port.isOptional && !port.isMainAudio
                floatInputs[port.index] = FloatInput(
                    buffer: buffer, rest: rest,
                    optional: isOptional
                        ? try memory.copy([ProcessOptionalPort(plugin: handle, port: UInt32(port.index), buffer: buffer)]) : nil)
                ch_plugin_connect(handle, UInt32(port.index), isOptional ? nil : buffer)
            case (.audio, false), (.cv, false):
                let buffer = try memory.floats(settings.maximumBlock)
                floatOutputs[port.index] = buffer
                ch_plugin_connect(handle, UInt32(port.index), buffer)
            case (.atom, let isInput):
                let capacity = max(GraphNode.sequenceSize, port.minimumSize)
                let sequence = try memory.sequence(capacity)
                ch_sequence_clear(sequence, urids)
                ch_plugin_connect(handle, UInt32(port.index), sequence)
                if isInput {
                    if port.index == control?.index { process.pointee.controlInput = atomInputs.count }
                    if port.index == midiPort?.index { process.pointee.midiInput = atomInputs.count }
                    eventInputs[port.index] = atomInputs.count
                    atomInputs.append(
                        ProcessAtomInput(
                            sequence: sequence, capacity: UInt32(capacity), takesPosition: port.takesTimePosition,
                            takesMIDI: port.takesMIDI))
                } else {
                    if port.takesMIDI && process.pointee.midiOutput < 0 { process.pointee.midiOutput = atomOutputs.count }
                    eventOutputs[port.index] = atomOutputs.count
                    atomOutputs.append(
                        ProcessAtomOutput(
                            sequence: sequence, capacity: UInt32(capacity), port: UInt32(port.index),
                            notifies: port.takesPatchMessages
                                || plugin.parameters.contains { $0.isReadable || $0.isWritable }))
                }
            case (.unknown, _):
                ch_plugin_connect(handle, UInt32(port.index), nil)
            case (.control, _): break
            }
        }
        func value(_ wanted: (PortDescription) -> Bool) -> UnsafeMutablePointer<Float>? {
            plugin.ports.first { $0.kind == .control && wanted($0) }.map { instance.values + $0.index }
        }
        let meters = plugin.ports.filter { $0.kind == .control && !$0.isInput }.map {
            ProcessControlMeter(value: instance.values + $0.index, port: UInt32($0.index))
        }
        process.pointee.atomInputs = try memory.copy(atomInputs)
        process.pointee.atomInputCount = atomInputs.count
        process.pointee.atomOutputs = try memory.copy(atomOutputs)
        process.pointee.atomOutputCount = atomOutputs.count
        process.pointee.controlMeters = try memory.copy(meters)
        process.pointee.controlMeterCount = meters.count
        process.pointee.latencyValue = value { $0.isLatency }
        process.pointee.freewheelValue = value { $0.isInput && $0.designation == LV2.freeWheeling }
        process.pointee.tempoValue = value { $0.isInput && $0.designation == LV2.beatsPerMinute }
    }

    /// The preset and what else can be set before the plugin runs; what is left is for `Graph.set`.
    private func apply(_ setup: PluginSetup) throws {
        if let preset = setup.preset { try instance.applyPreset(preset, folder: setup.folder) }
        setFilter(setup.midi)
        if setup.isBypassed { setBypass(true) }
    }

    func setFilter(_ range: PluginSetup.MIDIRange) {
        setup.midi = range
        filter.pointee = ch_midi_filter(
            channels: range.channelMask, lowest_key: UInt8(clamping: range.keys.lowerBound),
            highest_key: UInt8(clamping: range.keys.upperBound), transpose: Int8(clamping: range.transpose))
    }

    // MARK: Bypass

    /// The port by which the plugin bypasses itself, if it has one.
    var enabledPort: PortDescription? { description.ports.first { $0.isInput && $0.designation == LV2.enabled } }

    public var isBypassed: Bool {
        ch_load(&process.pointee.bypassRequest) != 0
            || enabledPort.map { ch_load_float(instance.values + $0.index) <= 0.5 } ?? false
    }

    /// Bypasses the plugin, or takes it up again, without a click.
    package func setBypass(_ isBypassed: Bool) {
        setup.isBypassed = isBypassed
        if let port = enabledPort {
            ch_store_float(instance.values + port.index, isBypassed ? 0 : 1)
            // The host's own may have been what bypassed it (`ProcessFault.overrun`).
            if !isBypassed { ch_store(&process.pointee.bypassRequest, 0) }
        } else {
            ch_store(&process.pointee.bypassRequest, isBypassed ? 1 : 0)
        }
    }

    /// Muted for what it gave (`ProcessFault`), until it is loaded anew.
    public var isMuted: Bool { ch_load(&process.pointee.fault) != 0 }

    /// Bypasses the plugin by the host's own means, whatever it has itself: it is not run at all any more.
    func standAside() { ch_store(&process.pointee.bypassRequest, 1) }
    var standsAside: Bool { ch_load(&process.pointee.bypassRequest) != 0 }

    /// For a plugin that starts bypassed: without a fade.
    func settleBypass() { process.pointee.bypassed = ch_load(&process.pointee.bypassRequest) != 0 ? 1 : 0 }

    // MARK: Load

    /// Time spent in the plugin since it was loaded.
    public struct Load: Sendable {
        public var seconds: Double
        /// Of its longest block.
        public var worstSeconds: Double
        /// Blocks.
        public var runs: Int
    }

    public var load: Load {
        Load(
            seconds: Double(ch_load_u64(&process.pointee.busyNanoseconds)) / 1e9,
            worstSeconds: Double(ch_load_u64(&process.pointee.worstNanoseconds)) / 1e9,
            runs: Int(ch_load_u64(&process.pointee.runs)))
    }

    // MARK: Latency

    /// Asks the plugin for its latency before the graph sees it: it says so when it has run, and an empty block moves nothing.
    /// It must be active, and not planned.
    func askLatency(_ urids: UnsafePointer<ch_urids>) {
        guard let value = process.pointee.latencyValue, !standsAside else { return }
        let before = ch_enter(process.pointee.suspect, Int32(ch_place_load))
        defer { ch_leave(before) }
        for i in 0..<process.pointee.atomInputCount { ch_sequence_clear(process.pointee.atomInputs[i].sequence, urids) }
        for i in 0..<process.pointee.atomOutputCount {
            ch_sequence_offer(process.pointee.atomOutputs[i].sequence, process.pointee.atomOutputs[i].capacity, urids)
        }
        ch_plugin_run(process.pointee.plugin, 0)
        if let worker = process.pointee.worker { ch_worker_deliver(worker) }
        for i in 0..<process.pointee.atomOutputCount { ch_sequence_clear(process.pointee.atomOutputs[i].sequence, urids) }
        let frames = value.pointee
        ch_store(&process.pointee.latency, frames > 0 && frames < 1e8 ? Int32(frames) : 0)
    }
}

extension PluginDescription {
    /// The MIDI input that a row or a keyboard is connected to.
    var mainMIDIInput: PortDescription? {
        let inputs = ports.filter { $0.isInput && $0.takesMIDI }
        return inputs.first { $0.index == controlPort?.index } ?? inputs.first
    }
}
