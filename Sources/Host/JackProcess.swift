import CHost

// The JACK callback: brings JACK's buffers to the graph's and back. The same rules hold as in ProcessBlock.swift.

/// What JACK's threads and the set-up thread share.
struct JackShared {
    let process: UnsafeMutablePointer<Process>
    /// Posted when the set-up thread has something to look at.
    var wake: OpaquePointer
    // Through ch_load and ch_store:
    var isShutDown: Int32 = 0
    var xruns: Int32 = 0
    /// 1 when ports have come to the server, or gone.
    var portsChanged: Int32 = 0
    var bufferSize: Int32 = 0
    var sampleRate: Int32 = 0
}

/// One period.
@_noAllocation @_noLocks
func jackProcess(_ shared: UnsafeMutablePointer<JackShared>, _ frames: UInt32) {
    let began = ch_now()
    let denormals = cr_flush_denormals()
    let process = shared.pointee.process
    ch_store(&process.pointee.callback, process.pointee.callback &+ 1)
    // The gate first: who opens it has left the plan that belongs to it before.
    let isOpen = ch_load(&process.pointee.gate) == ProcessGate.open
    if ch_load_pointer(&process.pointee.pendingPlan) != nil {
        // A port that the next plan lacks keeps what it holds, and somebody may be connected with it again.
        let old = process.pointee.plan
        for i in 0..<old.pointee.outputCount {
            guard let port = old.pointee.outputs[i].jack else { continue }
            let buffer = ch_jack_buffer(port, frames)
            old.pointee.outputs[i].jackBuffer = buffer
            if old.pointee.outputs[i].kind == .midi, let buffer { ch_jack_clear_midi(buffer) }
        }
        silenceOutputs(old, frames)
    }
    takePlan(process)
    let plan = process.pointee.plan
    fetchBuffers(plan, frames)
    let isResting = ch_load(&process.pointee.isResting) != 0
    if isOpen && !(isResting && process.pointee.loudness <= 0) {
        followFreewheel(process)
        followTransport(process)
        var from: UInt32 = 0
        while from < frames {
            let count = min(frames - from, process.pointee.maximumBlock)
            readInputs(process, plan, from, count)
            processBlock(process, count)
            writeOutputs(process, plan, from, count)
            if isResting || process.pointee.loudness < 1 { followLoudness(process, plan, from, count, isResting) }
            from += count
            if process.pointee.transport.rolling { process.pointee.transport.frame += Int64(count) }
        }
    } else {
        _ = ch_exchange_if(&process.pointee.gate, ProcessGate.closing, ProcessGate.closed)
        silenceOutputs(plan, frames)
    }
    cr_restore_denormals(denormals)
    countLoad(process, ch_now() &- began, frames)
    ch_store(&process.pointee.callback, process.pointee.callback &+ 1)
}

@_noAllocation @_noLocks
private func fetchBuffers(_ plan: UnsafeMutablePointer<ProcessPlan>, _ frames: UInt32) {
    for i in 0..<plan.pointee.inputCount {
        let input = plan.pointee.inputs + i
        guard let port = input.pointee.jack else { continue }
        input.pointee.jackBuffer = ch_jack_buffer(port, frames)
        input.pointee.jackIndex = 0
        // An unconnected input rests at its value; an optional port gets to know of it.
        input.pointee.isConnected = ch_jack_is_connected(port)
        if !input.pointee.isConnected && input.pointee.kind != .midi { input.pointee.jackBuffer = nil }
    }
    for i in 0..<plan.pointee.outputCount {
        let output = plan.pointee.outputs + i
        guard let port = output.pointee.jack else { continue }
        output.pointee.jackBuffer = ch_jack_buffer(port, frames)
        if output.pointee.kind == .midi, let buffer = output.pointee.jackBuffer { ch_jack_clear_midi(buffer) }
    }
}

@_noAllocation @_noLocks
private func followFreewheel(_ process: UnsafeMutablePointer<Process>) {
    let isFreewheeling = ch_load(&process.pointee.freewheelRequest) != 0
    process.pointee.isFreewheeling = isFreewheeling
    // Every period: a plugin may have come since it began.
    let plan = process.pointee.plan
    for i in 0..<plan.pointee.stepCount {
        guard let worker = plan.pointee.steps[i].node.pointee.worker else { continue }
        ch_store(&worker.pointee.synchronous, isFreewheeling ? 1 : 0)
    }
}

@_noAllocation @_noLocks
private func followTransport(_ process: UnsafeMutablePointer<Process>) {
    guard let client = process.pointee.jack else { return }
    let transport = ch_jack_transport(client)
    if transport.has_tempo || process.pointee.tempo <= 0 {
        process.pointee.transport = transport
    } else {
        process.pointee.transport = ch_transport_at(
            transport.frame, transport.rolling, process.pointee.sampleRate, process.pointee.tempo,
            process.pointee.beatsPerBar, process.pointee.beatUnit)
    }
}

@_noAllocation @_noLocks
private func readInputs(
    _ process: UnsafeMutablePointer<Process>, _ plan: UnsafeMutablePointer<ProcessPlan>, _ from: UInt32, _ count: UInt32
) {
    for i in 0..<plan.pointee.inputCount {
        let input = plan.pointee.inputs + i
        if let sequence = input.pointee.sequence {
            ch_sequence_clear(sequence, process.pointee.urids)
            if let midi = input.pointee.jackBuffer {
                let lost = ch_jack_read_midi(
                    midi, &input.pointee.jackIndex, from, count, sequence, input.pointee.capacity, process.pointee.urids)
                process.pointee.meter.lostEvents += UInt64(lost)
            }
        } else if let buffer = input.pointee.buffer {
            if let source = input.pointee.jackBuffer {
                cr_move(buffer, source + Int(from) * 4, Int(count) * 4)
            } else {
                for frame in 0..<Int(count) { buffer[frame] = input.pointee.rest }
            }
            if input.pointee.channel >= 0 { addPlayer(process, input.pointee.channel, buffer, count) }
        }
    }
}

@_noAllocation @_noLocks
private func addPlayer(
    _ process: UnsafeMutablePointer<Process>, _ channel: Int, _ buffer: UnsafeMutablePointer<Float>, _ count: UInt32
) {
    guard let player = process.pointee.player, channel < process.pointee.playerChannels else { return }
    let position = process.pointee.position
    if position >= process.pointee.playerFrames { return }
    let source = player[channel] + Int(position)
    for frame in 0..<Int(min(UInt64(count), process.pointee.playerFrames - position)) { buffer[frame] += source[frame] }
}

@_noAllocation @_noLocks
private func writeOutputs(
    _ process: UnsafeMutablePointer<Process>, _ plan: UnsafeMutablePointer<ProcessPlan>, _ from: UInt32, _ count: UInt32
) {
    for i in 0..<plan.pointee.outputCount {
        let output = plan.pointee.outputs + i
        guard let destination = output.pointee.jackBuffer else { continue }
        if let mix = output.pointee.mix {
            cr_move(destination + Int(from) * 4, mix.destination, Int(count) * 4)
        } else if let merge = output.pointee.merge {
            let lost = ch_jack_write_midi(destination, from, count, merge.destination, process.pointee.urids)
            process.pointee.meter.lostEvents += UInt64(lost)
        }
    }
}

/// Fades all outputs on the way to rest and back.
@_noAllocation @_noLocks
private func followLoudness(
    _ process: UnsafeMutablePointer<Process>, _ plan: UnsafeMutablePointer<ProcessPlan>, _ from: UInt32, _ count: UInt32,
    _ isResting: Bool
) {
    let frames = ch_load(&process.pointee.bypassFrames)
    let pace = (isResting ? -1 : 1) / Float(max(frames, 1))
    let began = process.pointee.loudness
    for i in 0..<plan.pointee.outputCount {
        let output = plan.pointee.outputs + i
        guard output.pointee.kind != .midi, let buffer = output.pointee.jackBuffer else { continue }
        let samples = (buffer + Int(from) * 4).assumingMemoryBound(to: Float.self)
        for frame in 0..<Int(count) { samples[frame] *= min(max(began + pace * Float(frame), 0), 1) }
    }
    process.pointee.loudness = min(max(began + pace * Float(count), 0), 1)
}

@_noAllocation @_noLocks
private func silenceOutputs(_ plan: UnsafeMutablePointer<ProcessPlan>, _ frames: UInt32) {
    for i in 0..<plan.pointee.outputCount {
        let output = plan.pointee.outputs + i
        if output.pointee.kind != .midi, let buffer = output.pointee.jackBuffer { cr_zero(buffer, Int(frames) * 4) }
    }
}

@_noAllocation @_noLocks
private func countLoad(_ process: UnsafeMutablePointer<Process>, _ nanoseconds: UInt64, _ frames: UInt32) {
    // Time means nothing while freewheeling, and an empty period has no length to compare with.
    if frames == 0 || process.pointee.isFreewheeling { return }
    let load = Float(Double(nanoseconds) * process.pointee.sampleRate / (Double(frames) * 1e9))
    process.pointee.meter.periods += 1
    process.pointee.meter.busyNanoseconds &+= nanoseconds
    if load > process.pointee.meter.worstLoad { process.pointee.meter.worstLoad = load }
    let bin = min(Int(load * 200), ProcessMeter.loadBins - 1)
    if let loads = process.pointee.meter.loads { loads[bin] += 1 }
}
