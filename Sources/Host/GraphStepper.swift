import CHost

/// Plays the part of the process thread for a graph that is changed while it runs, block by block on the calling thread: what
/// tests of such changes look at. Plans are handed over as they are to JACK's thread.
package final class GraphStepper {
    package let graph: Graph
    /// What has come out so far, by channel.
    package private(set) var sound: [[Float]] = []
    package private(set) var midi: [TimedMIDI] = []
    private let events = GraphEvents()
    private let block: Int

    package init(_ graph: Graph, block: Int) {
        self.graph = graph
        self.block = block
        graph.activate()
        graph.setRunning(true)
        events.collectsMIDI = true
    }

    deinit { graph.setRunning(false) }

    /// Runs so many blocks.
    ///
    /// - Parameters:
    ///   - input: the sample at a frame, the same for all channels.
    ///   - midi: what comes to the first MIDI input, in frames since the start.
    package func run(blocks: Int, midi: [TimedMIDI] = [], input: (Int) -> Float = { _ in 0 }) {
        let process = graph.process
        for _ in 0..<blocks {
            takePlan(process)
            let plan = process.pointee.plan
            let position = Int(process.pointee.position)
            var tookMIDI = false
            for i in 0..<plan.pointee.inputCount {
                plan.pointee.inputs[i].isConnected = true
                if let buffer = plan.pointee.inputs[i].buffer {
                    for frame in 0..<block { buffer[frame] = input(position + frame) }
                } else if let sequence = plan.pointee.inputs[i].sequence {
                    ch_sequence_clear(sequence, process.pointee.urids)
                    if tookMIDI { continue }
                    tookMIDI = true
                    for event in midi where event.time >= position && event.time < position + block {
                        _ = ch_sequence_append(
                            sequence, plan.pointee.inputs[i].capacity, Int64(event.time - position),
                            process.pointee.urids.pointee.midi_event, UInt32(event.bytes.count), event.bytes)
                    }
                }
            }
            processBlock(process, UInt32(block))
            var channel = 0
            for i in 0..<plan.pointee.outputCount where plan.pointee.outputs[i].channel >= 0 {
                guard let buffer = plan.pointee.outputs[i].mix?.destination else { continue }
                if sound.count <= channel { sound.append([Float](repeating: 0, count: position)) }
                sound[channel] += UnsafeBufferPointer(start: buffer, count: block)
                channel += 1
            }
            events.drain(graph)
            self.midi = events.midi
            graph.advance()
        }
    }

    /// How many have run.
    package var frames: Int { Int(graph.process.pointee.position) }

    /// Tells a session what the process sends.
    package func listen(_ session: HostSession) {
        events.onTold = { [unowned session] in session.told($0) }
        events.onFault = { [unowned session] in session.failed($0, $1) }
        events.onMapped = { [unowned session] in session.mapped($0) }
        events.onLearned = { [unowned session] in session.learned($0) }
        events.onMessage = { [unowned session] in session.received($0) }
    }

    /// Has faulty plugins muted and bypassed, as a live host does.
    package func guardPlugins(overrunLimit: Int = 0) {
        graph.process.pointee.guardsPlugins = true
        graph.process.pointee.overrunLimit = Int32(overrunLimit)
    }

    /// Whether all changes have been heard out.
    package var isSettled: Bool { graph.isSettled }
}
