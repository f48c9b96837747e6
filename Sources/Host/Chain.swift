import CHost

/// Plugins in a row, wired and ready to run.
///
/// One stream of audio and one of MIDI go through the row. A plugin with audio inputs takes the audio so far; one with audio
/// outputs replaces it; one that has neither lets it pass by; the same for MIDI. Mono goes to every input; more channels than
/// inputs are averaged, channel j into input j modulo the inputs. All other ports (CV, side chains, further MIDI ports)
/// become ports of the chain.
public final class Chain {
    /// A way into or out of the chain.
    public struct Port: Sendable, Equatable {
        public enum Kind: String, Sendable { case audio, cv, midi }
        public var name: String
        public var prettyName: String
        public var kind: Kind
    }

    public private(set) var instances: [PluginInstance] = []
    public private(set) var inputs: [Port] = []
    public private(set) var outputs: [Port] = []
    public private(set) var settings: ProcessSettings
    let world: World
    let process: UnsafeMutablePointer<Process>
    /// What the process thread posts, unless somebody gives it another.
    private let wake: OpaquePointer
    /// Buffers of the graph, freed with it.
    private var buffers: [UnsafeMutableRawPointer] = []
    private var processInputs: [ProcessInput] = []
    private var processOutputs: [ProcessOutput] = []

    static let sequenceSize = 8192
    private static let commandBytes: UInt32 = 256 << 10
    private static let eventBytes: UInt32 = 1 << 20
    private static let midiInputBytes = 32 << 10

    /// Loads the plugins, sets them (default state, then preset, then settings) and wires them.
    ///
    /// - Throws: `HostError` for the first plugin that cannot be had as asked.
    public init(world: World, setups: [PluginSetup], settings: ProcessSettings) throws {
        guard !setups.isEmpty else { throw HostError.usage("no plugin given") }
        self.world = world
        self.settings = settings
        wake = cr_semaphore_make()
        process = .allocate(capacity: 1)
        process.initialize(
            to: Process(
                nodes: .allocate(capacity: setups.count), inputs: .allocate(capacity: 0), outputs: .allocate(capacity: 0),
                urids: UnsafePointer(world.urids.known), forge: UnsafePointer(world.urids.forge),
                commands: ch_ring_make(Chain.commandBytes), events: ch_ring_make(Chain.eventBytes),
                scratch: cr_allocate(Int(Chain.commandBytes)).assumingMemoryBound(to: UInt8.self), wake: wake))
        process.pointee.sampleRate = settings.sampleRate
        process.pointee.maximumBlock = UInt32(settings.maximumBlock)
        process.pointee.scratchCapacity = Chain.commandBytes
        process.pointee.isFreewheeling = settings.isOffline
        process.pointee.meter.loads = allocate(ProcessMeter.loadBins * 8).assumingMemoryBound(to: UInt64.self)

        for setup in setups {
            let description = try world.describe(setup.uri)
            instances.append(
                try PluginInstance(
                    world: world, uri: setup.uri, settings: settings,
                    sequenceSize: Chain.sequenceSize(of: description), events: process.pointee.events))
        }
        wire()
        for (i, setup) in setups.enumerated() { try apply(setup, to: i) }
    }

    deinit {
        for instance in instances { instance.deactivate() }
        instances = []
        for buffer in buffers { cr_free(buffer) }
        process.pointee.nodes.deallocate()
        process.pointee.inputs.deallocate()
        process.pointee.outputs.deallocate()
        ch_ring_free(process.pointee.commands)
        ch_ring_free(process.pointee.events)
        cr_free(process.pointee.scratch)
        cr_semaphore_free(wake)
        process.deallocate()
    }

    /// Audio inputs of the chain itself, side chains aside.
    public var audioInputCount: Int { processInputs.filter { $0.channel >= 0 }.count }
    public var audioOutputCount: Int { processOutputs.filter { $0.channel >= 0 }.count }
    /// Frames of latency, from the plugins' own reports; known once the chain has run.
    public var latency: Int { Int(ch_load(&process.pointee.latency)) }

    /// Finds out the latency before the chain runs. It must be active.
    func askLatency() -> Int {
        let isKnown = (0..<process.pointee.nodeCount).allSatisfy { process.pointee.nodes[$0].latencyValue == nil }
        // A plugin says how late it is when it has run: an empty block is enough, and moves nothing.
        if !isKnown { processBlock(process, 0) }
        return latency
    }

    public func activate() { for instance in instances { instance.activate() } }
    public func deactivate() { for instance in instances { instance.deactivate() } }

    // MARK: Settings

    private func apply(_ setup: PluginSetup, to index: Int) throws {
        if let preset = setup.preset { try instances[index].applyPreset(preset, folder: setup.folder) }
        for setting in setup.settings { try set(setting, of: index, folder: setup.folder) }
    }

    /// Sets a control or parameter; while the chain runs, at the start of its next block.
    ///
    /// - Throws: `HostError.controlNotFound`, `HostError.badValue`.
    public func set(_ setting: PluginSetup.Setting, of index: Int, folder: String? = nil) throws {
        let sent: Bool
        switch try instances[index].resolve(setting, folder: folder) {
        case .control(let port, let value):
            var command = ControlCommand(node: UInt32(index), port: UInt32(port), value: value)
            sent = ch_ring_write(
                process.pointee.commands, ProcessCommand.control, &command, UInt32(MemoryLayout<ControlCommand>.size))
            // So that a value can be read back, and saved, before the first block.
            ch_store_float(instances[index].values + port, value)
        case .message(let atom):
            var header = (UInt32(index), UInt32(0))
            sent = ch_ring_begin(process.pointee.commands, ProcessCommand.atom, UInt32(8 + atom.count))
            if sent {
                ch_ring_append(process.pointee.commands, &header, 8)
                ch_ring_append(process.pointee.commands, atom, UInt32(atom.count))
                ch_ring_end(process.pointee.commands)
            }
        }
        if !sent {
            throw HostError.badValue(
                plugin: instances[index].description.name, symbol: setting.key, value: setting.value,
                cause: "too many changes at once")
        }
    }

    // MARK: Wiring

    private func wire() {
        var audio: [UnsafeMutablePointer<Float>] = []
        var hasAudio = false
        var midi: UnsafeMutablePointer<LV2_Atom_Sequence>?
        var lastAudio: [UnsafeMutablePointer<Float>] = []
        var lastMIDI: (UnsafeMutablePointer<LV2_Atom_Sequence>, String)?

        for (index, instance) in instances.enumerated() {
            let plugin = instance.description
            let handle = ch_plugin_of(instance.lilvInstance)
            var mixes: [ProcessMix] = []
            var atomInputs: [ProcessAtomInput] = []
            var atomOutputs: [ProcessAtomOutput] = []
            var controlInput = -1

            // Audio in
            let mainInputs = plugin.ports.filter { $0.isInput && $0.isMainAudio }
            if !mainInputs.isEmpty && !hasAudio {
                hasAudio = true
                for (channel, port) in mainInputs.enumerated() {
                    let buffer = allocateAudio()
                    audio.append(buffer)
                    addInput(
                        ProcessInput(kind: .audio, buffer: buffer, channel: channel), "in_\(channel + 1)", port.name)
                }
            }
            for (i, port) in mainInputs.enumerated() {
                let count = mainInputs.count
                let sources =
                    audio.count <= count
                    ? [audio[i % audio.count]] : stride(from: i, to: audio.count, by: count).map { audio[$0] }
                if sources.count == 1 {
                    ch_plugin_connect(handle, UInt32(port.index), sources[0])
                } else {
                    let buffer = allocateAudio()
                    mixes.append(
                        ProcessMix(destination: buffer, sources: allocateCopy(of: sources), count: sources.count))
                    ch_plugin_connect(handle, UInt32(port.index), buffer)
                }
            }
            // Audio out
            let mainOutputs = plugin.ports.filter { !$0.isInput && $0.kind == .audio }
            if !mainOutputs.isEmpty {
                hasAudio = true
                audio = mainOutputs.map { port in
                    let buffer = allocateAudio()
                    ch_plugin_connect(handle, UInt32(port.index), buffer)
                    return buffer
                }
                lastAudio = audio
            }
            // Atoms
            let control = plugin.controlPort
            let midiPorts = plugin.ports.filter { $0.isInput && $0.takesMIDI }
            let midiPort = midiPorts.first { $0.index == control?.index } ?? midiPorts.first
            for port in plugin.ports where port.kind == .atom && port.isInput {
                let capacity = max(Chain.sequenceSize, port.minimumSize)
                let sequence = allocateSequence(capacity)
                ch_plugin_connect(handle, UInt32(port.index), sequence)
                var source: UnsafeMutablePointer<LV2_Atom_Sequence>?
                if port.index == midiPort?.index {
                    if midi == nil { midi = addMIDIInput("midi_in", "MIDI In") }
                    source = midi
                } else if port.takesMIDI {
                    source = addMIDIInput(port.symbol, port.name)
                }
                if port.index == control?.index { controlInput = atomInputs.count }
                atomInputs.append(
                    ProcessAtomInput(
                        sequence: sequence, capacity: UInt32(capacity), midi: source,
                        takesPosition: port.takesTimePosition))
            }
            var isFirstMIDI = true
            for port in plugin.ports where port.kind == .atom && !port.isInput {
                let capacity = max(Chain.sequenceSize, port.minimumSize)
                let sequence = allocateSequence(capacity)
                ch_plugin_connect(handle, UInt32(port.index), sequence)
                atomOutputs.append(
                    ProcessAtomOutput(
                        sequence: sequence, capacity: UInt32(capacity), port: UInt32(port.index),
                        notifies: port.takesPatchMessages || plugin.parameters.contains { $0.isReadable || $0.isWritable }))
                guard port.takesMIDI else { continue }
                if isFirstMIDI {
                    midi = sequence
                    lastMIDI = (sequence, port.name)
                    isFirstMIDI = false
                } else {
                    addOutput(ProcessOutput(kind: .midi, sequence: sequence), port.symbol, port.name)
                }
            }
            // What stands aside of the row
            for port in plugin.ports {
                switch (port.kind, port.isInput) {
                case (.cv, true),
                    (.audio, true) where !port.isMainAudio:
                    let buffer = allocateAudio()
                    var input = ProcessInput(kind: port.kind == .cv ? .cv : .audio, buffer: buffer)
                    input.rest = port.kind == .cv ? port.default ?? 0 : 0
                    for i in 0..<settings.maximumBlock { buffer[i] = input.rest }
                    if port.isOptional {
                        input.optionalNode = index
                        input.optionalPort = UInt32(port.index)
                    }
                    ch_plugin_connect(handle, UInt32(port.index), port.isOptional ? nil : buffer)
                    addInput(input, port.symbol, port.name)
                case (.cv, false):
                    let buffer = allocateAudio()
                    ch_plugin_connect(handle, UInt32(port.index), buffer)
                    addOutput(ProcessOutput(kind: .cv, buffer: buffer), port.symbol, port.name)
                case (.unknown, _):
                    ch_plugin_connect(handle, UInt32(port.index), nil)
                default: break
                }
            }
            // Control ports with a meaning
            func value(_ wanted: (PortDescription) -> Bool) -> UnsafeMutablePointer<Float>? {
                plugin.ports.first { $0.kind == .control && wanted($0) }.map { instance.values + $0.index }
            }
            let meters = plugin.ports.filter { $0.kind == .control && !$0.isInput }.map {
                ProcessControlMeter(value: instance.values + $0.index, port: UInt32($0.index))
            }
            (process.pointee.nodes + index).initialize(
                to: ProcessNode(
                    plugin: handle, worker: instance.features.worker, values: instance.values,
                    mixes: allocateCopy(of: mixes), mixCount: mixes.count,
                    atomInputs: allocateCopy(of: atomInputs), atomInputCount: atomInputs.count,
                    atomOutputs: allocateCopy(of: atomOutputs), atomOutputCount: atomOutputs.count,
                    controlInput: controlInput, controlMeters: allocateCopy(of: meters), controlMeterCount: meters.count,
                    latencyValue: value { $0.isLatency },
                    freewheelValue: value { $0.isInput && $0.designation == LV2.freeWheeling },
                    tempoValue: value { $0.isInput && $0.designation == LV2.beatsPerMinute }))
            process.pointee.nodeCount = index + 1
        }
        for (channel, buffer) in lastAudio.enumerated() {
            addOutput(
                ProcessOutput(kind: .audio, buffer: buffer, channel: channel), "out_\(channel + 1)", "Output \(channel + 1)")
        }
        if let (sequence, name) = lastMIDI { addOutput(ProcessOutput(kind: .midi, sequence: sequence), "midi_out", name) }

        process.pointee.inputs.deallocate()
        process.pointee.inputs = .allocate(capacity: processInputs.count)
        process.pointee.inputs.initialize(from: processInputs, count: processInputs.count)
        process.pointee.inputCount = processInputs.count
        process.pointee.outputs.deallocate()
        process.pointee.outputs = .allocate(capacity: processOutputs.count)
        process.pointee.outputs.initialize(from: processOutputs, count: processOutputs.count)
        process.pointee.outputCount = processOutputs.count
    }

    private static func sequenceSize(of plugin: PluginDescription) -> Int {
        plugin.ports.map(\.minimumSize).reduce(sequenceSize, max)
    }

    private func addInput(_ input: ProcessInput, _ name: String, _ prettyName: String) {
        processInputs.append(input)
        let kind: Port.Kind = input.kind == .audio ? .audio : input.kind == .cv ? .cv : .midi
        inputs.append(Port(name: unused(name, inputs + outputs), prettyName: prettyName, kind: kind))
    }

    private func addOutput(_ output: ProcessOutput, _ name: String, _ prettyName: String) {
        processOutputs.append(output)
        let kind: Port.Kind = output.kind == .audio ? .audio : output.kind == .cv ? .cv : .midi
        outputs.append(Port(name: unused(name, inputs + outputs), prettyName: prettyName, kind: kind))
    }

    private func addMIDIInput(_ name: String, _ prettyName: String) -> UnsafeMutablePointer<LV2_Atom_Sequence> {
        let sequence = allocateSequence(Chain.midiInputBytes)
        ch_sequence_clear(sequence, world.urids.known)
        addInput(
            ProcessInput(kind: .midi, sequence: sequence, capacity: UInt32(Chain.midiInputBytes)), name, prettyName)
        return sequence
    }

    private func unused(_ name: String, _ ports: [Port]) -> String {
        var candidate = name
        var number = 2
        while ports.contains(where: { $0.name == candidate }) {
            candidate = "\(name)_\(number)"
            number += 1
        }
        return candidate
    }

    // MARK: Memory

    func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard let memory = cr_allocate(max(bytes, 64)) else { fatalError("out of memory") }
        buffers.append(memory)
        return memory
    }

    private func allocateAudio() -> UnsafeMutablePointer<Float> {
        allocate(settings.maximumBlock * 4).assumingMemoryBound(to: Float.self)
    }

    private func allocateSequence(_ bytes: Int) -> UnsafeMutablePointer<LV2_Atom_Sequence> {
        allocate(bytes).assumingMemoryBound(to: LV2_Atom_Sequence.self)
    }

    func allocateCopy<T>(of elements: [T]) -> UnsafeMutablePointer<T> {
        let copy = allocate(elements.count * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: elements.count)
        copy.initialize(from: elements, count: elements.count)
        return copy
    }
}

extension Chain {
    /// Goes on where another chain stands: position, counts, latency.
    func takeProgress(of other: Chain) {
        process.pointee.position = other.process.pointee.position
        process.pointee.isFreewheeling = other.process.pointee.isFreewheeling
        let loads = process.pointee.meter.loads
        process.pointee.meter = other.process.pointee.meter
        process.pointee.meter.loads = loads
        if let loads, let old = other.process.pointee.meter.loads { loads.update(from: old, count: ProcessMeter.loadBins) }
        process.pointee.recordGap = other.process.pointee.recordGap
    }
}

extension Chain {
    /// Saves each plugin's state: into `folder` itself if there is one plugin, else into folders 1, 2 … in it.
    public func saveStates(to folder: String) throws {
        for (i, instance) in instances.enumerated() {
            try instance.saveState(to: instances.count == 1 ? folder : "\(folder)/\(i + 1)")
        }
    }
}
