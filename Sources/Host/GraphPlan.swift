import CHost

/// A graph made ready for the process thread. It keeps alive all that its `ProcessPlan` points to.
final class GraphPlan {
    let pointer: UnsafeMutablePointer<ProcessPlan>
    let serial: Int32
    /// The ways that are there when its fades are over; the next plan goes on from them.
    let ways: [GraphArc: Way]
    /// All that run, in order, and all ends …
    let nodes: [GraphNode]
    let ends: [GraphEnd]
    /// … and those of them that stay when its fades are over.
    private let staying: [GraphNode]
    private let stayingEnds: [GraphEnd]
    /// Whether anything fades.
    let hasFades: Bool
    private let memory = ProcessMemory("the graph")
    private let delayLines: [UInt32: BypassDelay]
    private let leaving: [Way]
    private let mappings: [GraphMapping]
    private let cvMappings: [GraphCVMapping]
    private let levels: [GraphLevel]

    /// A connection as it runs: with its delay line, which goes on from plan to plan.
    final class Way {
        let arc: GraphArc
        let gain: Float
        /// Frames by which it is held back, so that what it brings arrives with what comes other ways.
        let delayFrames: Int
        let delay: UnsafeMutablePointer<ProcessDelay>?
        let eventDelay: UnsafeMutablePointer<ProcessEventDelay>?
        private let memory = ProcessMemory("the graph's delay lines")
        private let ring: UnsafeMutablePointer<ch_ring>?

        init(_ arc: GraphArc, gain: Float, delayFrames: Int, isEvents: Bool, urids: UnsafePointer<ch_urids>) throws {
            self.arc = arc
            self.gain = gain
            self.delayFrames = delayFrames
            if delayFrames == 0 {
                (delay, eventDelay, ring) = (nil, nil, nil)
            } else if isEvents {
                ring = ch_ring_make(64 << 10)
                let due = try memory.sequence(GraphEnd.sequenceSize)
                ch_sequence_clear(due, urids)
                eventDelay = try memory.copy([
                    ProcessEventDelay(
                        waiting: ring!, due: due, capacity: UInt32(GraphEnd.sequenceSize), frames: UInt64(delayFrames))
                ])
                delay = nil
            } else {
                delay = try memory.copy([ProcessDelay(line: memory.floats(delayFrames), length: delayFrames)])
                (eventDelay, ring) = (nil, nil)
            }
        }

        deinit { ch_ring_free(ring) }
    }

    /// The delay of what stands in for a bypassed plugin.
    final class BypassDelay {
        let frames: Int
        let lines: [UnsafeMutablePointer<ProcessDelay>]
        let dry: [UnsafeMutablePointer<Float>]
        private let memory: ProcessMemory

        init(owner: String, frames: Int, count: Int, maximumBlock: Int) throws {
            let memory = ProcessMemory(owner)
            self.memory = memory
            self.frames = frames
            var lines: [UnsafeMutablePointer<ProcessDelay>] = []
            for _ in 0..<(frames > 0 ? count : 0) {
                lines.append(try memory.copy([ProcessDelay(line: memory.floats(frames), length: frames)]))
            }
            self.lines = lines
            dry = try (0..<count).map { _ in try memory.floats(maximumBlock) }
        }
    }

    struct Context {
        var urids: UnsafePointer<ch_urids>
        var maximumBlock: Int
        /// Frames of a fade; 0 for none.
        var fadeFrames: Int
        /// Frames to wait at least before it.
        var warmFrames: Int
        var mappings: [GraphMapping] = []
        var cvMappings: [GraphCVMapping] = []
        var levels: [GraphLevel] = []
        /// What dies away beside the nodes that are to stay.
        var tails: [GraphTail] = []
    }

    /// - Parameters:
    ///   - nodes: those that are to stay.
    ///   - previous: the plan that runs now; what it has and `wiring` has not fades out.
    init(
        serial: Int32, nodes remaining: [GraphNode], wiring wanted: GraphWiring, previous: GraphPlan?, context: Context
    ) throws {
        self.serial = serial
        let nodes = remaining + context.tails.flatMap(\.nodes)
        let wiring = GraphTail.added(context.tails, to: wanted, among: nodes, previous)
        let fades = context.fadeFrames > 0 && previous != nil
        let byID = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, $0) })
        let timing = GraphPlan.timing(remaining, wanted)
        let running = Set(previous?.nodes.map(\.id) ?? [])
        let tailArcs = Set(context.tails.flatMap { $0.arcs.map(\.arc) })

        var ways: [GraphArc: Way] = [:]
        var rising: [GraphArc: ProcessFade] = [:]
        // Beside what dies away, what comes new hears nothing until the fade: all that was played before is the old one's.
        let isPassedOn = context.tails.contains { $0.began == nil }
        var wait = context.warmFrames
        for (arc, gain) in wiring.arcs {
            let delay = tailArcs.contains(arc) ? previous?.ways[arc]?.delayFrames ?? 0 : timing.delays[arc] ?? 0
            if let old = previous?.ways[arc], old.gain == gain, old.delayFrames == delay {
                ways[arc] = old
                continue
            }
            let isEvents = GraphPlan.isEvents(arc, wiring, byID)
            ways[arc] = try Way(arc, gain: gain, delayFrames: delay, isEvents: isEvents, urids: context.urids)
            if fades {
                // What comes to a plugin that has just come is heard by nobody yet: it warms up with it.
                if arc.to.nodeID.map(running.contains) ?? true {
                    rising[arc] = isPassedOn && !(arc.from.nodeID.map(running.contains) ?? true) ? .entering : .rising
                } else if isPassedOn && (arc.from.nodeID.map(running.contains) ?? true) {
                    rising[arc] = .rising
                }
                wait = max(wait, delay)
            }
        }
        // What goes: its ways fall, and its nodes stay until they have.
        var falling = fades ? previous!.ways.values.filter { ways[$0.arc] !== $0 } : []
        let known = Set(nodes.map(\.id))
        var going = fades ? previous!.staying.filter { !known.contains($0.id) } : []
        let kept = Set(wiring.inputs.map(\.id) + wiring.outputs.map(\.id))
        var goingEnds = fades ? previous!.stayingEnds.filter { !kept.contains($0.id) } : []
        func order() -> GraphOrder.Result<UInt32> {
            let arcs = wiring.arcs.map(\.arc) + falling.map(\.arc)
            return GraphOrder.sort(
                (nodes + going).map(\.id),
                arcs: arcs.compactMap { arc in arc.from.nodeID.flatMap { from in arc.to.nodeID.map { (from, $0) } } })
        }
        var sorted = order()
        if !sorted.cycle.isEmpty {
            // A way turned round: the old one cannot play beside the new one, so it ends at once.
            (falling, going, goingEnds) = ([], [], [])
            sorted = order()
        }
        let all = Dictionary(uniqueKeysWithValues: (nodes + going).map { ($0.id, $0) })
        self.nodes = sorted.order.compactMap { all[$0] }
        staying = nodes
        stayingEnds = wiring.inputs + wiring.outputs
        hasFades = fades && (!rising.isEmpty || !falling.isEmpty || !going.isEmpty)

        let inputs = wiring.inputs + goingEnds.filter(\.isInput)
        let outputs = wiring.outputs + goingEnds.filter { !$0.isInput }
        ends = inputs + outputs
        let inputPlaces = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($1.id, $0) })
        let endsByID = Dictionary(uniqueKeysWithValues: ends.map { ($0.id, $0) })

        // In the order of the wiring, so that sums are the same from run to run.
        var incoming: [GraphPoint: [(Way, ProcessFade)]] = [:]
        for (arc, _) in wiring.arcs {
            incoming[arc.to, default: []].append((ways[arc]!, rising[arc] ?? .steady))
        }
        // A plugin that goes has its input until it is gone: what it gives is what fades.
        let goingIDs = Set(going.map(\.id))
        for way in falling {
            incoming[way.arc.to, default: []].append((way, way.arc.to.nodeID.map(goingIDs.contains) ?? false ? .steady : .falling))
        }

        func source(_ point: GraphPoint) -> UnsafeMutablePointer<Float>? {
            switch point.owner {
            case .node(let id): all[id]?.floatOutputs[point.port]
            case .end(let id): endsByID[id]?.buffer
            }
        }
        func events(_ point: GraphPoint) -> (UnsafeMutablePointer<LV2_Atom_Sequence>, takesMIDI: Bool)? {
            switch point.owner {
            case .node(let id):
                guard let node = all[id], let place = node.eventOutputs[point.port] else { return nil }
                return (node.process.pointee.atomOutputs[place].sequence, node.description.ports[point.port].takesMIDI)
            case .end(let id):
                return endsByID[id]?.sequence.map { ($0, true) }
            }
        }
        let memory = memory
        func mix(_ point: GraphPoint, _ destination: UnsafeMutablePointer<Float>, rest: Float) throws -> ProcessMix {
            let arcs = (incoming[point] ?? []).compactMap { way, fade -> ProcessArc? in
                guard let buffer = source(way.arc.from) else { return nil }
                return ProcessArc(
                    source: buffer, gain: way.gain, fade: fade,
                    isEven: fade == .rising ? previous?.ways[way.arc] != nil : ways[way.arc] != nil, delay: way.delay,
                    input: way.arc.from.endID.flatMap { inputPlaces[$0] } ?? -1)
            }
            return ProcessMix(destination: destination, arcs: try memory.copy(arcs), arcCount: arcs.count, rest: rest)
        }
        func merge(
            _ point: GraphPoint, _ destination: UnsafeMutablePointer<LV2_Atom_Sequence>, _ capacity: UInt32, takesMIDI: Bool,
            filter: UnsafePointer<ch_midi_filter>?
        ) throws -> ProcessMerge {
            let arcs = (incoming[point] ?? []).compactMap { way, fade -> ProcessEventArc? in
                guard let (sequence, isMIDI) = events(way.arc.from) else { return nil }
                return ProcessEventArc(
                    source: sequence, fade: fade, delay: way.eventDelay, takesAll: !(isMIDI && takesMIDI))
            }
            return ProcessMerge(
                destination: destination, capacity: capacity, arcs: try memory.copy(arcs), arcCount: arcs.count, filter: filter)
        }

        var lines: [UInt32: BypassDelay] = [:]
        let steps = try self.nodes.map { node -> ProcessStep in
            let ports = node.description.ports
            let mixes = try node.floatInputs.sorted { $0.key < $1.key }.map { port, input in
                var made = try mix(.node(node.id, port), input.buffer, rest: input.rest)
                made.optional = input.optional
                made.isAudio = ports[port].kind == .audio
                return made
            }
            let merges = try node.eventInputs.sorted { $0.key < $1.key }.compactMap { port, place -> ProcessMerge? in
                let input = node.process.pointee.atomInputs[place]
                let made = try merge(
                    .node(node.id, port), input.sequence, input.capacity, takesMIDI: input.takesMIDI,
                    filter: UnsafePointer(node.filter))
                return made.arcCount > 0 ? made : nil
            }
            let wet = ports.filter { !$0.isInput && $0.kind == .audio }
            let dry = ports.filter { $0.isInput && $0.isMainAudio }
            let latency = node.latency
            if !wet.isEmpty && !dry.isEmpty {
                let old = previous?.delayLines[node.id]
                lines[node.id] =
                    old?.frames == latency
                    ? old : try BypassDelay(owner: node.name, frames: latency, count: wet.count, maximumBlock: context.maximumBlock)
            }
            let line = lines[node.id]
            let bypasses = wet.enumerated().map { i, port in
                ProcessBypass(
                    source: dry.isEmpty ? nil : node.floatInputs[dry[i % dry.count].index]!.buffer,
                    destination: node.floatOutputs[port.index]!, delay: latency > 0 ? line?.lines[i] : nil, dry: line?.dry[i])
            }
            return try ProcessStep(
                node: node.process, mixes: memory.copy(mixes), mixCount: mixes.count, merges: memory.copy(merges),
                mergeCount: merges.count, bypasses: memory.copy(bypasses), bypassCount: bypasses.count)
        }
        delayLines = lines

        var channel = 0
        let processInputs = inputs.map { end -> ProcessInput in
            var input = ProcessInput(
                kind: end.processKind, buffer: end.buffer, sequence: end.sequence,
                capacity: end.kind == .midi ? UInt32(GraphEnd.sequenceSize) : 0, rest: end.rest, jack: end.jack)
            if end.isMain && end.kind == .audio && !goingEnds.contains(where: { $0 === end }) {
                input.channel = channel
                input.isConnected = true
                channel += 1
            }
            return input
        }
        channel = 0
        let processOutputs = try outputs.map { end -> ProcessOutput in
            var output = ProcessOutput(kind: end.processKind, jack: end.jack)
            if let buffer = end.buffer {
                output.mix = try mix(.end(end.id), buffer, rest: 0)
            } else if let sequence = end.sequence {
                output.merge = try merge(
                    .end(end.id), sequence, UInt32(GraphEnd.sequenceSize), takesMIDI: true, filter: nil)
            }
            if end.isMain && end.kind == .audio && !goingEnds.contains(where: { $0 === end }) {
                output.channel = channel
                channel += 1
            }
            return output
        }
        mappings = context.mappings.filter { known.contains($0.nodeID) }
        func tap(_ point: GraphPoint) -> (UnsafeMutablePointer<Float>, input: Int)? {
            source(point).map { ($0, point.endID.flatMap { inputPlaces[$0] } ?? -1) }
        }
        cvMappings = context.cvMappings.filter { known.contains($0.nodeID) }
        let cvTaps = cvMappings.compactMap { mapping in
            tap(mapping.source).map { ProcessCVTap(mapping: mapping.process, source: $0.0, input: $0.input) }
        }
        levels = context.levels
        let levelTaps = levels.compactMap { level in tap(level.source).map { ProcessLevelTap(source: $0.0, peak: level.peak) } }
        pointer = try memory.copy([
            ProcessPlan(
                serial: serial, steps: memory.copy(steps), stepCount: steps.count, inputs: memory.copy(processInputs),
                inputCount: processInputs.count, outputs: memory.copy(processOutputs), outputCount: processOutputs.count,
                mappings: memory.copy(mappings.map(\.process)), mappingCount: mappings.count,
                cvTaps: memory.copy(cvTaps), cvTapCount: cvTaps.count, levelTaps: memory.copy(levelTaps),
                levelTapCount: levelTaps.count,
                fadeWait: hasFades ? UInt64(wait) : 0, fadeLength: hasFades ? UInt64(context.fadeFrames) : 0)
        ])
        self.ways = ways
        leaving = falling
    }

    private static func isEvents(_ arc: GraphArc, _ wiring: GraphWiring, _ nodes: [UInt32: GraphNode]) -> Bool {
        switch arc.from.owner {
        case .node(let id): nodes[id]?.eventOutputs[arc.from.port] != nil
        case .end(let id): wiring.end(id)?.kind == .midi
        }
    }

    // MARK: Latency

    struct Timing {
        /// Frames by which each arc is to be held back.
        var delays: [GraphArc: Int] = [:]
        /// By end: how late the part of the graph is that it belongs to.
        var latencies: [UInt32: Int] = [:]
        /// By end: which connected part of the graph it belongs to.
        var parts: [UInt32: Int] = [:]
        /// The whole graph's.
        var latency = 0
    }

    /// What comes to one plugin, or leaves one connected part of the graph, is to be equally late on all its ways.
    static func timing(_ nodes: [GraphNode], _ wiring: GraphWiring) -> Timing {
        var timing = Timing()
        if wiring.isRow {
            timing.latency = nodes.reduce(0) { $0 + $1.latency }
            for end in wiring.inputs + wiring.outputs {
                timing.latencies[end.id] = timing.latency
                timing.parts[end.id] = 0
            }
            return timing
        }
        let arcs = wiring.arcs.map(\.arc)
        let order = GraphOrder.sort(
            nodes.map(\.id),
            arcs: arcs.compactMap { arc in arc.from.nodeID.flatMap { from in arc.to.nodeID.map { (from, $0) } } }
        ).order
        let byID = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, $0) })
        var leaves: [UInt32: Int] = [:]  // when a node's output is there
        func start(_ arc: GraphArc) -> Int { arc.from.nodeID.flatMap { leaves[$0] } ?? 0 }
        for id in order {
            let own = arcs.filter { $0.to.nodeID == id }
            let arrival = own.map(start).max() ?? 0
            for arc in own { timing.delays[arc] = arrival - start(arc) }
            leaves[id] = arrival + (byID[id]?.latency ?? 0)
        }
        // The connected parts
        var part: [GraphPoint.Owner: Int] = [:]
        for (i, node) in nodes.enumerated() { part[.node(node.id)] = i }
        for (i, end) in (wiring.inputs + wiring.outputs).enumerated() { part[.end(end.id)] = nodes.count + i }
        for arc in arcs {
            guard let a = part[arc.from.owner], let b = part[arc.to.owner], a != b else { continue }
            for (owner, value) in part where value == b { part[owner] = a }
        }
        var latest: [Int: Int] = [:]
        for arc in arcs where arc.to.endID != nil {
            if let part = part[arc.to.owner] { latest[part] = max(latest[part] ?? 0, start(arc)) }
        }
        for arc in arcs where arc.to.endID != nil {
            if let part = part[arc.to.owner] { timing.delays[arc] = (latest[part] ?? 0) - start(arc) }
        }
        for end in wiring.inputs + wiring.outputs {
            timing.parts[end.id] = part[.end(end.id)]
            timing.latencies[end.id] = part[.end(end.id)].flatMap { latest[$0] } ?? 0
        }
        timing.latency = latest.values.max() ?? 0
        return timing
    }
}

extension GraphEnd {
    var processKind: ProcessInput.Kind {
        switch kind {
        case .audio: .audio
        case .cv: .cv
        case .midi: .midi
        }
    }
}
