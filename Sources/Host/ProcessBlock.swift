import CHost

// The process path. The compiler proves that nothing here allocates, locks or counts references; what the plugins do in their
// run functions is their own promise.

/// Takes a new plan, if there is one. At the beginning of a period, before anything of the old plan has been used.
@_noAllocation @_noLocks
func takePlan(_ process: UnsafeMutablePointer<Process>) {
    if ch_load_pointer(&process.pointee.pendingPlan) == nil { return }
    guard let pointer = ch_exchange_pointer(&process.pointee.pendingPlan, nil) else { return }
    let old = process.pointee.plan
    for i in 0..<old.pointee.stepCount { old.pointee.steps[i].node.pointee.isPlanned = false }
    process.pointee.plan = pointer.assumingMemoryBound(to: ProcessPlan.self)
    beginPlan(process)
}

/// The first steps of a plan that has just been put in place.
@_noAllocation @_noLocks
func beginPlan(_ process: UnsafeMutablePointer<Process>) {
    let plan = process.pointee.plan
    process.pointee.planPosition = 0
    for i in 0..<plan.pointee.stepCount { plan.pointee.steps[i].node.pointee.isPlanned = true }
    ch_store(&process.pointee.takenPlan, plan.pointee.serial)
    if plan.pointee.fadeLength == 0 { ch_store(&process.pointee.settledPlan, plan.pointee.serial) }
    cr_semaphore_post(process.pointee.wake)
}

/// Runs all plugins for `frames` frames, at most `maximumBlock`, on what stands in the inputs' buffers.
@_noAllocation @_noLocks
func processBlock(_ process: UnsafeMutablePointer<Process>, _ frames: UInt32) {
    let plan = process.pointee.plan
    clearSequences(plan, process.pointee.urids)
    readCommands(process)
    sendPosition(process)
    followMIDI(process)
    followCV(process)
    var now = ch_now()
    for i in 0..<plan.pointee.stepCount { runStep(process, plan.pointee.steps + i, frames, &now) }
    for i in 0..<plan.pointee.outputCount {
        if let mix = plan.pointee.outputs[i].mix { runMix(process, mix, frames) }
        if plan.pointee.outputs[i].merge != nil { clearAndMerge(process, plan.pointee.outputs + i, frames) }
    }
    tapOutputs(process, frames)
    watchLevels(plan, frames)
    advanceFades(process, frames)
    if process.pointee.transport.rolling { process.pointee.expected.frame += Int64(frames) }
    process.pointee.position &+= UInt64(frames)
    if process.pointee.position >= process.pointee.limit && ch_load(&process.pointee.isFinished) == 0 {
        ch_store(&process.pointee.isFinished, 1)
        cr_semaphore_post(process.pointee.wake)
    }
}

@_noAllocation @_noLocks
private func advanceFades(_ process: UnsafeMutablePointer<Process>, _ frames: UInt32) {
    let plan = process.pointee.plan
    let end = plan.pointee.fadeWait &+ plan.pointee.fadeLength
    if process.pointee.planPosition >= end { return }
    process.pointee.planPosition &+= UInt64(frames)
    if process.pointee.planPosition < end { return }
    ch_store(&process.pointee.settledPlan, plan.pointee.serial)
    cr_semaphore_post(process.pointee.wake)
}

@_noAllocation @_noLocks
private func clearSequences(_ plan: UnsafeMutablePointer<ProcessPlan>, _ urids: UnsafePointer<ch_urids>) {
    for i in 0..<plan.pointee.stepCount {
        let node = plan.pointee.steps[i].node
        for j in 0..<node.pointee.atomInputCount { ch_sequence_clear(node.pointee.atomInputs[j].sequence, urids) }
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
        case ProcessCommand.atom:
            let node = body.load(as: UnsafeMutablePointer<ProcessNode>.self)
            if !node.pointee.isPlanned {
                // Its plan is on the way, or it has gone already.
                if ch_load_pointer(&process.pointee.pendingPlan) != nil { return }
                break
            }
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
    let plan = process.pointee.plan
    for i in 0..<plan.pointee.stepCount {
        let node = plan.pointee.steps[i].node
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
private func runStep(
    _ process: UnsafeMutablePointer<Process>, _ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32, _ now: inout UInt64
) {
    let node = step.pointee.node
    let urids = process.pointee.urids
    for i in 0..<step.pointee.mixCount { runMix(process, step.pointee.mixes[i], frames) }
    for i in 0..<step.pointee.mergeCount { runMerge(process, step.pointee.merges[i], frames) }
    let isBypassed = beginBypass(process, step, frames)
    if isBypassed {
        for i in 0..<node.pointee.atomOutputCount { ch_sequence_clear(node.pointee.atomOutputs[i].sequence, urids) }
        passMIDI(process, node)
    } else {
        runPlugin(process, node, frames, &now)
        if process.pointee.guardsPlugins { guardOutputs(process, step, frames) }
        if ch_load(&node.pointee.watchesQuiet) != 0 { watchQuiet(step, frames) }
    }
    endBypass(process, step, frames)
    if isBypassed { return }
    for i in 0..<node.pointee.controlMeterCount {
        let meter = node.pointee.controlMeters + i
        let value = meter.pointee.value.pointee
        if value < meter.pointee.minimum { meter.pointee.minimum = value }
        if value > meter.pointee.maximum { meter.pointee.maximum = value }
        if process.pointee.tapsControls && value != meter.pointee.sent {
            var event = ControlEvent(
                time: process.pointee.position &+ UInt64(frames), node: node.pointee.id, meter: UInt32(i), value: value)
            if ch_ring_write(process.pointee.events, ProcessEvent.control, &event, 20) {
                meter.pointee.sent = value
            } else {
                process.pointee.meter.lostEvents += 1
            }
        }
    }
    for i in 0..<node.pointee.atomOutputCount where node.pointee.atomOutputs[i].notifies {
        forwardPatchMessages(process, node.pointee.id, node.pointee.atomOutputs[i])
    }
    tellLatency(process, node)
}

@_noAllocation @_noLocks
private func runPlugin(
    _ process: UnsafeMutablePointer<Process>, _ node: UnsafeMutablePointer<ProcessNode>, _ frames: UInt32, _ now: inout UInt64
) {
    let urids = process.pointee.urids
    for i in 0..<node.pointee.atomOutputCount {
        let output = node.pointee.atomOutputs + i
        ch_sequence_offer(output.pointee.sequence, output.pointee.capacity, urids)
    }
    if let freewheel = node.pointee.freewheelValue { freewheel.pointee = process.pointee.isFreewheeling ? 1 : 0 }

    ch_store_pointer(&process.pointee.running, node)
    let before = ch_enter(node.pointee.suspect, Int32(ch_place_run))
    ch_plugin_run(node.pointee.plugin, frames)
    if let worker = node.pointee.worker { ch_worker_deliver(worker) }
    ch_leave(before)
    ch_store_pointer(&process.pointee.running, nil)

    for i in 0..<node.pointee.atomOutputCount {
        let output = node.pointee.atomOutputs + i
        if ch_sequence_mend(output.pointee.sequence, output.pointee.capacity, frames, urids) { continue }
        process.pointee.meter.lostEvents += 1
        if node.pointee.toldEvents || !process.pointee.guardsPlugins { continue }
        node.pointee.toldEvents = true
        tellFault(process, node, ProcessFault.badEvents)
    }
    let end = ch_now()
    let spent = end &- now
    now = end
    if process.pointee.overrunLimit > 0 && !process.pointee.isFreewheeling && frames > 0 {
        guardTime(process, node, spent, frames)
    }
    ch_store_u64(&node.pointee.busyNanoseconds, node.pointee.busyNanoseconds &+ spent)
    if spent > node.pointee.worstNanoseconds { ch_store_u64(&node.pointee.worstNanoseconds, spent) }
    ch_store_u64(&node.pointee.runs, node.pointee.runs &+ 1)
}

/// Bypasses a plugin that takes longer than its blocks last, again and again.
@_noAllocation @_noLocks
private func guardTime(
    _ process: UnsafeMutablePointer<Process>, _ node: UnsafeMutablePointer<ProcessNode>, _ spent: UInt64, _ frames: UInt32
) {
    if Double(spent) * process.pointee.sampleRate < Double(frames) * 1e9 {
        node.pointee.overruns = 0
        return
    }
    node.pointee.overruns += 1
    if node.pointee.overruns < process.pointee.overrunLimit { return }
    node.pointee.overruns = 0
    ch_store(&node.pointee.bypassRequest, 1)
    // At once: a fade would cost as many blocks again.
    node.pointee.bypassed = 1
    node.pointee.keepsTail = false
    tellFault(process, node, ProcessFault.overrun)
}

/// Mutes a plugin whose output is no number, or far louder than anything meant.
@_noAllocation @_noLocks
private func guardOutputs(
    _ process: UnsafeMutablePointer<Process>, _ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32
) {
    let node = step.pointee.node
    for i in 0..<step.pointee.bypassCount {
        let output = step.pointee.bypasses[i].destination
        var peak: Float = 0
        var sum: Float = 0
        for frame in 0..<Int(frames) {
            let magnitude = abs(output[frame])
            peak = magnitude > peak ? magnitude : peak
            sum += magnitude
        }
        // One that is no number makes the sum none.
        if ch_load(&node.pointee.fault) == 0 && !(sum.isFinite && peak <= Process.runawayLevel) {
            tellFault(process, node, sum.isFinite ? ProcessFault.runaway : ProcessFault.notANumber)
        }
    }
    if ch_load(&node.pointee.fault) == 0 { return }
    for i in 0..<step.pointee.bypassCount { cr_zero(step.pointee.bypasses[i].destination, Int(frames) * 4) }
}

/// Counts for how long a plugin has been silent.
@_noAllocation @_noLocks
private func watchQuiet(_ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32) {
    let node = step.pointee.node
    for i in 0..<step.pointee.bypassCount {
        let output = step.pointee.bypasses[i].destination
        for frame in 0..<Int(frames) where abs(output[frame]) > Process.quietLevel {
            ch_store(&node.pointee.quietFrames, 0)
            return
        }
    }
    let quiet = ch_load(&node.pointee.quietFrames)
    if quiet < 1 << 30 { ch_store(&node.pointee.quietFrames, quiet + Int32(frames)) }
}

/// Keeps the highest magnitude of what is watched.
@_noAllocation @_noLocks
private func watchLevels(_ plan: UnsafeMutablePointer<ProcessPlan>, _ frames: UInt32) {
    for i in 0..<plan.pointee.levelTapCount {
        let tap = plan.pointee.levelTaps[i]
        var peak = ch_load_float(tap.peak)
        for frame in 0..<Int(frames) {
            let magnitude = abs(tap.source[frame])
            peak = magnitude > peak ? magnitude : peak
        }
        ch_store_float(tap.peak, peak)
    }
}

@_noAllocation @_noLocks
private func tellFault(
    _ process: UnsafeMutablePointer<Process>, _ node: UnsafeMutablePointer<ProcessNode>, _ fault: Int32
) {
    if fault == ProcessFault.notANumber || fault == ProcessFault.runaway { ch_store(&node.pointee.fault, fault) }
    var event = (node.pointee.id, fault)
    if !ch_ring_write(process.pointee.events, ProcessEvent.fault, &event, 8) { process.pointee.meter.lostEvents += 1 }
    cr_semaphore_post(process.pointee.wake)
}

@_noAllocation @_noLocks
private func tellLatency(_ process: UnsafeMutablePointer<Process>, _ node: UnsafeMutablePointer<ProcessNode>) {
    guard let value = node.pointee.latencyValue?.pointee else { return }
    let latency = value > 0 && value < 1e8 ? Int32(value) : 0
    if latency == ch_load(&node.pointee.latency) { return }
    ch_store(&node.pointee.latency, latency)
    ch_store(&process.pointee.latencyChanges, ch_load(&process.pointee.latencyChanges) &+ 1)
    cr_semaphore_post(process.pointee.wake)
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

/// Meters and records what comes out.
@_noAllocation @_noLocks
private func tapOutputs(_ process: UnsafeMutablePointer<Process>, _ frames: UInt32) {
    // Nothing after the limit counts.
    let left = process.pointee.limit &- min(process.pointee.position, process.pointee.limit)
    let counted = UInt32(min(UInt64(frames), left))
    var channels: UInt32 = 0
    let plan = process.pointee.plan
    for i in 0..<plan.pointee.outputCount {
        let output = plan.pointee.outputs + i
        if let buffer = output.pointee.mix?.destination, output.pointee.channel >= 0 {
            channels += 1
            meterLevel(process, buffer, Int(counted))
        } else if let sequence = output.pointee.merge?.destination {
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
        let plan = process.pointee.plan
        for i in 0..<plan.pointee.outputCount {
            let output = plan.pointee.outputs + i
            if output.pointee.channel >= 0, let buffer = output.pointee.mix?.destination {
                ch_ring_append(recorder, buffer, frames * 4)
            }
        }
        ch_ring_end(recorder)
    } else {
        process.pointee.recordGap += UInt64(frames)
        process.pointee.meter.lostFrames += UInt64(frames)
    }
}
