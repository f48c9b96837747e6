/// The wiring of plugins in a row, which is what a patch without connections means.
///
/// One stream of audio and one of MIDI go through the row. A plugin with audio inputs takes the audio so far; one with audio
/// outputs replaces it; one that has neither lets it pass by; the same for MIDI. Mono goes to every input; more channels than
/// inputs are averaged, channel j into input j modulo the inputs. All other ports (CV, side chains, further MIDI ports)
/// become ports of the graph.
extension Graph {
    func rowWiring() throws -> GraphWiring {
        var wiring = GraphWiring()
        wiring.isRow = true
        var audio: [GraphPoint] = []
        var hasAudio = false
        var midi: GraphPoint?
        var lastAudio: [GraphPoint] = []
        var lastMIDI: (point: GraphPoint, name: String)?

        func connect(_ from: GraphPoint, _ to: GraphPoint, gain: Float = 1) {
            wiring.arcs.append((GraphArc(from: from, to: to), gain))
        }
        func addInput(
            _ kind: GraphEnd.Kind, _ name: String, _ prettyName: String, isMain: Bool = false, rest: Float = 0
        ) throws -> GraphPoint {
            let end = try makeEnd(wiring, name, prettyName, kind, isInput: true, isMain: isMain, rest: rest)
            wiring.inputs.append(end)
            return .end(end.id)
        }
        func addOutput(_ kind: GraphEnd.Kind, _ name: String, _ prettyName: String, isMain: Bool = false) throws -> GraphPoint {
            let end = try makeEnd(wiring, name, prettyName, kind, isInput: false, isMain: isMain)
            wiring.outputs.append(end)
            return .end(end.id)
        }

        for node in nodes {
            let ports = node.description.ports
            // Audio
            let mainInputs = ports.filter { $0.isInput && $0.isMainAudio }
            if !mainInputs.isEmpty && !hasAudio {
                hasAudio = true
                audio = try mainInputs.enumerated().map { channel, port in
                    try addInput(.audio, "in_\(channel + 1)", port.name, isMain: true)
                }
            }
            for (i, port) in mainInputs.enumerated() {
                let count = mainInputs.count
                let sources =
                    audio.count <= count
                    ? [audio[i % audio.count]] : stride(from: i, to: audio.count, by: count).map { audio[$0] }
                for source in sources { connect(source, .node(node.id, port.index), gain: 1 / Float(sources.count)) }
            }
            let mainOutputs = ports.filter { !$0.isInput && $0.kind == .audio }
            if !mainOutputs.isEmpty {
                hasAudio = true
                audio = mainOutputs.map { .node(node.id, $0.index) }
                lastAudio = audio
            }
            // MIDI
            let midiPort = node.description.mainMIDIInput
            for port in ports where port.kind == .atom && port.isInput && port.takesMIDI {
                if port.index == midiPort?.index {
                    if midi == nil { midi = try addInput(.midi, "midi_in", "MIDI In") }
                    connect(midi!, .node(node.id, port.index))
                } else {
                    try connect(addInput(.midi, port.symbol, port.name), .node(node.id, port.index))
                }
            }
            var isFirstMIDI = true
            for port in ports where port.kind == .atom && !port.isInput && port.takesMIDI {
                if isFirstMIDI {
                    midi = .node(node.id, port.index)
                    lastMIDI = (midi!, port.name)
                    isFirstMIDI = false
                } else {
                    try connect(.node(node.id, port.index), addOutput(.midi, port.symbol, port.name))
                }
            }
            // What stands aside of the row
            for port in ports {
                switch (port.kind, port.isInput) {
                case (.cv, true),
                    (.audio, true) where !port.isMainAudio:
                    let kind: GraphEnd.Kind = port.kind == .cv ? .cv : .audio
                    let rest = port.kind == .cv ? port.default ?? 0 : 0
                    try connect(addInput(kind, port.symbol, port.name, rest: rest), .node(node.id, port.index))
                case (.cv, false):
                    try connect(.node(node.id, port.index), addOutput(.cv, port.symbol, port.name))
                default: break
                }
            }
        }
        for (channel, point) in lastAudio.enumerated() {
            try connect(point, addOutput(.audio, "out_\(channel + 1)", "Output \(channel + 1)", isMain: true))
        }
        if let (point, name) = lastMIDI { try connect(point, addOutput(.midi, "midi_out", name)) }
        return wiring
    }
}
