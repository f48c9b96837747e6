import CHost

// The process path. The compiler proves that nothing here allocates, locks or counts references; what the plugins do in their
// run functions is their own promise.

/// Runs all plugins for `frames` frames, at most `maximumBlock`, on what stands in the inputs' buffers.
@_noAllocation @_noLocks
func processBlock(_ process: UnsafeMutablePointer<Process>, _ frames: UInt32) {
    clearSequences(process)
    readCommands(process)
    sendPosition(process)
    for i in 0..<process.pointee.nodeCount { runNode(process, i, frames) }
    sumLatency(process)
    tapOutputs(process, frames)
    if process.pointee.transport.rolling { process.pointee.expected.frame += Int64(frames) }
    process.pointee.position &+= UInt64(frames)
    if process.pointee.position >= process.pointee.limit && ch_load(&process.pointee.isFinished) == 0 {
        ch_store(&process.pointee.isFinished, 1)
        cr_semaphore_post(process.pointee.wake)
    }
}

@_noAllocation @_noLocks
private func clearSequences(_ process: UnsafeMutablePointer<Process>) {
    for i in 0..<process.pointee.nodeCount {
        let node = process.pointee.nodes + i
        for j in 0..<node.pointee.atomInputCount {
            ch_sequence_clear(node.pointee.atomInputs[j].sequence, process.pointee.urids)
        }
    }
}

/// Takes what the set-up thread asks for. An atom that finds its sequence full waits for the next block.
@_noAllocation @_noLocks
private func readCommands(_ process: UnsafeMutablePointer<Process>) {
    var message = ch_message()
    while ch_ring_peek(process.pointee.commands, &message) {
        if message.size > process.pointee.scratchCapacity {
            process.pointee.meter.lostEvents += 1
            ch_ring_drop(process.pointee.commands, message)
            continue
        }
        let body = UnsafeMutableRawPointer(process.pointee.scratch)
        ch_ring_copy(process.pointee.commands, 0, body, message.size)
        switch message.type {
        case ProcessCommand.control:
            let command = body.load(as: ControlCommand.self)
            ch_store_float(process.pointee.nodes[Int(command.node)].values + Int(command.port), command.value)
        case ProcessCommand.atom:
            let node = process.pointee.nodes + Int(body.load(as: UInt32.self))
            if node.pointee.controlInput < 0 { break }
            let input = node.pointee.atomInputs + node.pointee.controlInput
            let type = body.load(fromByteOffset: 12, as: UInt32.self)
            let size = message.size - 16
            if !ch_sequence_append(input.pointee.sequence, input.pointee.capacity, 0, type, size, body + 16) {
                if input.pointee.sequence.pointee.atom.size > 8 { return }
                process.pointee.meter.lostEvents += 1  // it would never fit
            }
        default: break
        }
        ch_ring_drop(process.pointee.commands, message)
    }
}

/// Tells plugins where the transport is, when it is not where they expect it to be.
@_noAllocation @_noLocks
private func sendPosition(_ process: UnsafeMutablePointer<Process>) {
    let now = process.pointee.transport
    let expected = process.pointee.expected
    let isExpected =
        process.pointee.hasSentPosition && now.rolling == expected.rolling && now.frame == expected.frame
        && now.has_tempo == expected.has_tempo && now.beats_per_minute == expected.beats_per_minute
        && now.beats_per_bar == expected.beats_per_bar && now.beat_unit == expected.beat_unit
    process.pointee.expected = now
    if isExpected { return }
    process.pointee.hasSentPosition = true

    var transport = now
    let buffer = process.pointee.scratch
    let size = ch_position_write(
        buffer, process.pointee.forge, process.pointee.urids, &transport, process.pointee.sampleRate)
    let type = UnsafeRawPointer(buffer).load(fromByteOffset: 4, as: UInt32.self)
    for i in 0..<process.pointee.nodeCount {
        let node = process.pointee.nodes + i
        if now.has_tempo, let tempo = node.pointee.tempoValue { tempo.pointee = now.beats_per_minute }
        for j in 0..<node.pointee.atomInputCount where node.pointee.atomInputs[j].takesPosition {
            let input = node.pointee.atomInputs + j
            if !ch_sequence_append(input.pointee.sequence, input.pointee.capacity, 0, type, size - 8, buffer + 8) {
                process.pointee.meter.lostEvents += 1
            }
        }
    }
}

@_noAllocation @_noLocks
private func runNode(_ process: UnsafeMutablePointer<Process>, _ index: Int, _ frames: UInt32) {
    let node = process.pointee.nodes + index
    let urids = process.pointee.urids

    for i in 0..<node.pointee.mixCount { mix(node.pointee.mixes[i], Int(frames)) }
    for i in 0..<node.pointee.atomInputCount {
        let input = node.pointee.atomInputs + i
        if let midi = input.pointee.midi {
            let lost = ch_sequence_copy_midi(input.pointee.sequence, input.pointee.capacity, midi, urids)
            process.pointee.meter.lostEvents += UInt64(lost)
        }
    }
    for i in 0..<node.pointee.atomOutputCount {
        let output = node.pointee.atomOutputs + i
        ch_sequence_offer(output.pointee.sequence, output.pointee.capacity, urids)
    }
    if let freewheel = node.pointee.freewheelValue { freewheel.pointee = process.pointee.isFreewheeling ? 1 : 0 }

    ch_plugin_run(node.pointee.plugin, frames)

    if let worker = node.pointee.worker { ch_worker_deliver(worker) }
    for i in 0..<node.pointee.atomOutputCount {
        // A sequence that claims more than its buffer holds is not read at all.
        let output = node.pointee.atomOutputs + i
        if output.pointee.sequence.pointee.atom.size > output.pointee.capacity - 8 {
            ch_sequence_clear(output.pointee.sequence, urids)
            process.pointee.meter.lostEvents += 1
        }
    }
    for i in 0..<node.pointee.controlMeterCount {
        let meter = node.pointee.controlMeters + i
        let value = meter.pointee.value.pointee
        if value < meter.pointee.minimum { meter.pointee.minimum = value }
        if value > meter.pointee.maximum { meter.pointee.maximum = value }
        if process.pointee.tapsControls && value != meter.pointee.sent {
            var event = ControlEvent(
                time: process.pointee.position &+ UInt64(frames), node: UInt32(index), meter: UInt32(i), value: value)
            if ch_ring_write(process.pointee.events, ProcessEvent.control, &event, 20) {
                meter.pointee.sent = value
            } else {
                process.pointee.meter.lostEvents += 1
            }
        }
    }
    for i in 0..<node.pointee.atomOutputCount where node.pointee.atomOutputs[i].notifies {
        forwardPatchMessages(process, UInt32(index), node.pointee.atomOutputs[i])
    }
}

@_noAllocation @_noLocks
private func mix(_ mix: ProcessMix, _ frames: Int) {
    let gain = 1 / Float(mix.count)
    let first = mix.sources[0]
    for i in 0..<frames { mix.destination[i] = first[i] * gain }
    for j in 1..<mix.count {
        let source = mix.sources[j]
        for i in 0..<frames { mix.destination[i] += source[i] * gain }
    }
}

@_noAllocation @_noLocks
private func forwardPatchMessages(
    _ process: UnsafeMutablePointer<Process>, _ node: UInt32, _ output: ProcessAtomOutput
) {
    let urids = process.pointee.urids
    var next = ch_sequence_first(output.sequence, urids)
    while let event = next {
        if ch_event_is_patch(event, urids) {
            var header = (node, output.port)
            let size = event.pointee.body.size + 8
            if ch_ring_begin(process.pointee.events, ProcessEvent.atom, size + 8) {
                ch_ring_append(process.pointee.events, &header, 8)
                ch_ring_append(process.pointee.events, UnsafeRawPointer(event) + 8, size)
                ch_ring_end(process.pointee.events)
            } else {
                process.pointee.meter.lostEvents += 1
            }
        }
        next = ch_sequence_next(output.sequence, event)
    }
}

@_noAllocation @_noLocks
private func sumLatency(_ process: UnsafeMutablePointer<Process>) {
    var latency: Int32 = 0
    for i in 0..<process.pointee.nodeCount {
        guard let value = process.pointee.nodes[i].latencyValue?.pointee, value > 0, value < 1e8 else { continue }
        latency += Int32(value)
    }
    if latency != ch_load(&process.pointee.latency) {
        ch_store(&process.pointee.latency, latency)
        cr_semaphore_post(process.pointee.wake)
    }
}

/// Meters and records what comes out.
@_noAllocation @_noLocks
private func tapOutputs(_ process: UnsafeMutablePointer<Process>, _ frames: UInt32) {
    // Nothing after the limit counts.
    let left = process.pointee.limit &- min(process.pointee.position, process.pointee.limit)
    let counted = UInt32(min(UInt64(frames), left))
    var channels: UInt32 = 0
    for i in 0..<process.pointee.outputCount {
        let output = process.pointee.outputs + i
        if let buffer = output.pointee.buffer, output.pointee.channel >= 0 {
            channels += 1
            meterLevel(process, buffer, Int(counted))
        } else if let sequence = output.pointee.sequence {
            tapMIDI(process, sequence, UInt32(i), counted)
        }
    }
    if let recorder = process.pointee.recorder, counted > 0, channels > 0 {
        record(process, recorder, counted, channels)
    }
}

@_noAllocation @_noLocks
private func meterLevel(_ process: UnsafeMutablePointer<Process>, _ buffer: UnsafeMutablePointer<Float>, _ frames: Int) {
    var peak: Float = 0
    var energy: Float = 0
    for i in 0..<frames {
        let magnitude = abs(buffer[i])
        peak = magnitude > peak ? magnitude : peak
        energy += magnitude * magnitude
    }
    process.pointee.meter.samples += UInt64(frames)
    // One that is no number makes the sum none: only then look for it.
    if energy.isFinite && peak.isFinite {
        process.pointee.meter.energy += Double(energy)
        if peak > process.pointee.meter.peak { process.pointee.meter.peak = peak }
    } else {
        for i in 0..<frames where !buffer[i].isFinite { process.pointee.meter.broken += 1 }
    }
}

@_noAllocation @_noLocks
private func tapMIDI(
    _ process: UnsafeMutablePointer<Process>, _ sequence: UnsafeMutablePointer<LV2_Atom_Sequence>, _ output: UInt32,
    _ frames: UInt32
) {
    let urids = process.pointee.urids
    var next = ch_sequence_first(sequence, urids)
    while let event = next {
        next = ch_sequence_next(sequence, event)
        let size = event.pointee.body.size
        if event.pointee.body.type != urids.pointee.midi_event || size == 0 { continue }
        // The time of an event is a union in C; it begins with the frame count.
        let time = UnsafeRawPointer(event).load(as: Int64.self)
        if time >= Int64(frames) && frames > 0 || process.pointee.position >= process.pointee.limit { continue }
        let bytes = ch_event_body(event)!
        process.pointee.meter.midiEvents += 1
        if size >= 3 && bytes[0] & 0xF0 == 0x90 && bytes[2] > 0 { process.pointee.meter.notes += 1 }
        var header = MIDIEventHeader(
            time: process.pointee.position &+ UInt64(max(time, 0)), output: output, size: size)
        if ch_ring_begin(process.pointee.events, ProcessEvent.midi, 16 + size) {
            ch_ring_append(process.pointee.events, &header, 16)
            ch_ring_append(process.pointee.events, bytes, size)
            ch_ring_end(process.pointee.events)
        } else {
            process.pointee.meter.lostEvents += 1
        }
    }
}

@_noAllocation @_noLocks
private func record(
    _ process: UnsafeMutablePointer<Process>, _ recorder: UnsafeMutablePointer<ch_ring>, _ frames: UInt32,
    _ channels: UInt32
) {
    // A disk that fell behind left a hole; say how long, so that what follows stands at its right place.
    if process.pointee.recordGap > 0 {
        if ch_ring_write(recorder, RecordMessage.gap, &process.pointee.recordGap, 8) { process.pointee.recordGap = 0 }
    }
    if process.pointee.recordGap == 0 && ch_ring_begin(recorder, RecordMessage.audio, frames * channels * 4) {
        for i in 0..<process.pointee.outputCount {
            let output = process.pointee.outputs + i
            if output.pointee.channel >= 0, let buffer = output.pointee.buffer {
                ch_ring_append(recorder, buffer, frames * 4)
            }
        }
        ch_ring_end(recorder)
    } else {
        process.pointee.recordGap += UInt64(frames)
        process.pointee.meter.lostFrames += UInt64(frames)
    }
}
