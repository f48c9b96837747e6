import CHost

// How sound and events get from one plugin to the next. The same rules hold as in ProcessBlock.swift.

/// Fills an input's buffer.
@_noAllocation @_noLocks
func runMix(_ process: UnsafeMutablePointer<Process>, _ mix: ProcessMix, _ frames: UInt32) {
    if let optional = mix.optional { plug(process, mix, optional) }
    var isFirst = true
    for i in 0..<mix.arcCount {
        let arc = mix.arcs + i
        // A delay line is fed for as long as its arc is there, heard or not.
        if bring(process, arc, mix.destination, Int(frames), isFirst) { isFirst = false }
    }
    if isFirst { for i in 0..<Int(frames) { mix.destination[i] = mix.rest } }
}

/// Adds what an arc brings to the destination, or puts it there if it is the first; false if it is silent for good.
@_noAllocation @_noLocks
private func bring(
    _ process: UnsafeMutablePointer<Process>, _ arc: UnsafeMutablePointer<ProcessArc>,
    _ destination: UnsafeMutablePointer<Float>, _ frames: Int, _ isFirst: Bool
) -> Bool {
    let plan = process.pointee.plan
    let position = process.pointee.planPosition
    let wait = plan.pointee.fadeWait
    let length = plan.pointee.fadeLength
    let isOver = position >= wait &+ length
    if arc.pointee.fade == .falling && isOver { return false }
    let isSteady = arc.pointee.fade == .steady || isOver
    let isEntering = arc.pointee.fade == .entering
    let gain = arc.pointee.gain
    let source = arc.pointee.source
    if isSteady && arc.pointee.delay == nil {
        if !isFirst {
            for i in 0..<frames { destination[i] += source[i] * gain }
        } else if gain == 1 {
            cr_move(destination, source, frames * 4)
        } else {
            for i in 0..<frames { destination[i] = source[i] * gain }
        }
        return true
    }
    for i in 0..<frames {
        var sample = source[i]
        if let delay = arc.pointee.delay {
            let at = delay.pointee.at
            let late = delay.pointee.line[at]
            delay.pointee.line[at] = sample
            delay.pointee.at = at + 1 == delay.pointee.length ? 0 : at + 1
            sample = late
        }
        if isSteady {
            sample *= gain
        } else {
            let rise = fadeGain(
                process, position &+ UInt64(i), wait, isEntering ? (length &+ 3) / 4 : length, arc.pointee.fade != .falling,
                arc.pointee.isEven)
            sample *= gain * rise
        }
        destination[i] = isFirst ? sample : destination[i] + sample
    }
    return true
}

/// The gain of what rises or falls, `position` frames after its plan was taken; the two together have constant power, or
/// constant amplitude.
@_noAllocation @_noLocks
private func fadeGain(
    _ process: UnsafeMutablePointer<Process>, _ position: UInt64, _ wait: UInt64, _ length: UInt64, _ isRising: Bool,
    _ isEven: Bool
) -> Float {
    if position < wait { return isRising ? 0 : 1 }
    let passed = position &- wait
    if passed >= length { return isRising ? 1 : 0 }
    let share = Float(passed) / Float(length)
    if isEven { return isRising ? share : 1 - share }
    return curve(process, share, isRising)
}

/// A quarter of a sine at `share` (0 to 1) of its way, or of a cosine; or a straight line, if that is wanted.
@_noAllocation @_noLocks
private func curve(_ process: UnsafeMutablePointer<Process>, _ share: Float, _ isRising: Bool) -> Float {
    if ch_load(&process.pointee.fadesEvenly) != 0 { return isRising ? share : 1 - share }
    let place = (isRising ? share : 1 - share) * Float(Process.fadeSteps)
    let step = min(max(Int(place), 0), Process.fadeSteps - 1)
    let low = process.pointee.fadeCurve[step]
    return low + (process.pointee.fadeCurve[step + 1] - low) * (place - Float(step))
}

/// Connects or disconnects an optional port as its arcs come and go.
@_noAllocation @_noLocks
private func plug(
    _ process: UnsafeMutablePointer<Process>, _ mix: ProcessMix, _ optional: UnsafeMutablePointer<ProcessOptionalPort>
) {
    var isConnected = false
    for i in 0..<mix.arcCount {
        let input = mix.arcs[i].input
        if input < 0 || process.pointee.plan.pointee.inputs[input].isConnected { isConnected = true }
    }
    if isConnected == optional.pointee.isConnected { return }
    ch_plugin_connect(optional.pointee.plugin, optional.pointee.port, isConnected ? optional.pointee.buffer : nil)
    optional.pointee.isConnected = isConnected
}

// MARK: Events

/// Appends what comes to an atom input to what stands in it.
@_noAllocation @_noLocks
func runMerge(_ process: UnsafeMutablePointer<Process>, _ merge: ProcessMerge, _ frames: UInt32) {
    let urids = process.pointee.urids
    // Events do not fade: what comes takes over from what goes when the fades begin.
    let wait = process.pointee.plan.pointee.fadeWait
    let isOver = process.pointee.planPosition >= wait
    var live = 0
    var steady = 0
    var gone = 0
    for i in 0..<merge.arcCount {
        let arc = merge.arcs + i
        arc.pointee.cursor = nil
        if arc.pointee.fade == .falling && isOver {
            gone += 1
            continue
        }
        if arc.pointee.fade == .steady { steady += 1 }
        live += 1
        var source = arc.pointee.source
        if let delay = arc.pointee.delay { source = delayEvents(process, arc, delay, frames) }
        if (arc.pointee.fade == .rising || arc.pointee.fade == .entering) && !isOver { continue }
        arc.pointee.cursor = ch_sequence_seek(source, ch_sequence_first(source, urids), arc.pointee.takesAll, urids)
    }
    var lost: UInt32 = 0
    // Notes that nobody is left to end
    if gone > 0 && steady == 0 && process.pointee.planPosition < wait &+ UInt64(frames) {
        lost += ch_sequence_silence(merge.destination, merge.capacity, urids)
    }
    while live > 0 {
        var earliest = -1
        var time: Int64 = 0
        for i in 0..<merge.arcCount {
            guard let event = merge.arcs[i].cursor else { continue }
            let own = ch_event_time(event)
            if earliest < 0 || own < time {
                earliest = i
                time = own
            }
        }
        if earliest < 0 { break }
        let arc = merge.arcs + earliest
        guard let event = arc.pointee.cursor else { break }
        lost += ch_sequence_append_filtered(merge.destination, merge.capacity, event, merge.filter, urids) ? 0 : 1
        let source = arc.pointee.delay?.pointee.due ?? arc.pointee.source
        arc.pointee.cursor = ch_sequence_seek(source, ch_sequence_next(source, event), arc.pointee.takesAll, urids)
    }
    process.pointee.meter.lostEvents += UInt64(lost)
}

@_noAllocation @_noLocks
func clearAndMerge(_ process: UnsafeMutablePointer<Process>, _ output: UnsafeMutablePointer<ProcessOutput>, _ frames: UInt32) {
    guard let merge = output.pointee.merge else { return }
    ch_sequence_clear(merge.destination, process.pointee.urids)
    runMerge(process, merge, frames)
}

/// Puts an arc's events away, and gets those out that are due.
@_noAllocation @_noLocks
private func delayEvents(
    _ process: UnsafeMutablePointer<Process>, _ arc: UnsafeMutablePointer<ProcessEventArc>,
    _ delay: UnsafeMutablePointer<ProcessEventDelay>, _ frames: UInt32
) -> UnsafeMutablePointer<LV2_Atom_Sequence> {
    let urids = process.pointee.urids
    let position = process.pointee.position
    let source = arc.pointee.source
    let waiting = delay.pointee.waiting
    var next = ch_sequence_seek(source, ch_sequence_first(source, urids), arc.pointee.takesAll, urids)
    while let event = next {
        let size = event.pointee.body.size
        var header = DelayedEvent(
            time: position &+ UInt64(max(ch_event_time(event), 0)) &+ delay.pointee.frames, type: event.pointee.body.type,
            size: size)
        if ch_ring_begin(waiting, 0, 16 + size) {
            ch_ring_append(waiting, &header, 16)
            ch_ring_append(waiting, ch_event_body(event), size)
            ch_ring_end(waiting)
        } else {
            process.pointee.meter.lostEvents += 1
        }
        next = ch_sequence_seek(source, ch_sequence_next(source, event), arc.pointee.takesAll, urids)
    }
    ch_sequence_clear(delay.pointee.due, urids)
    var message = ch_message()
    while ch_ring_peek(waiting, &message) {
        var header = DelayedEvent(time: 0, type: 0, size: 0)
        ch_ring_copy(waiting, 0, &header, 16)
        if header.time >= position &+ UInt64(frames) { break }
        if message.size - 16 <= process.pointee.scratchCapacity {
            ch_ring_copy(waiting, 16, process.pointee.scratch, message.size - 16)
            let time = header.time > position ? Int64(header.time &- position) : 0
            if !ch_sequence_append(
                delay.pointee.due, delay.pointee.capacity, time, header.type, header.size, process.pointee.scratch)
            {
                process.pointee.meter.lostEvents += 1
            }
        }
        ch_ring_drop(waiting, message)
    }
    return delay.pointee.due
}

// MARK: Bypass

/// Delays what is to stand in for a plugin, and takes its input away where its tail is to be kept; whether the plugin has its turn
/// off altogether.
@_noAllocation @_noLocks
func beginBypass(
    _ process: UnsafeMutablePointer<Process>, _ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32
) -> Bool {
    for i in 0..<step.pointee.bypassCount {
        let bypass = step.pointee.bypasses + i
        guard let delay = bypass.pointee.delay, let source = bypass.pointee.source, let dry = bypass.pointee.dry else { continue }
        for frame in 0..<Int(frames) {
            let at = delay.pointee.at
            dry[frame] = delay.pointee.line[at]
            delay.pointee.line[at] = source[frame]
            delay.pointee.at = at + 1 == delay.pointee.length ? 0 : at + 1
        }
    }
    let node = step.pointee.node
    let isWanted = ch_load(&node.pointee.bypassRequest) != 0
    if isWanted && node.pointee.bypassed == 0 {
        let tail = ch_load(&process.pointee.tailFrames)
        node.pointee.keepsTail = tail > 0 && step.pointee.bypassCount > 0
        node.pointee.tailLeft = tail
        node.pointee.tailGain = 1
        node.pointee.passing = 0
        node.pointee.wasWanted = false
        ch_store(&node.pointee.watchesQuiet, node.pointee.keepsTail ? 1 : 0)
        ch_store(&node.pointee.quietFrames, 0)
        if node.pointee.midiInput >= 0 {
            // What it plays may die away while it fades.
            let input = node.pointee.atomInputs + node.pointee.midiInput
            let lost = ch_sequence_silence(input.pointee.sequence, input.pointee.capacity, process.pointee.urids)
            process.pointee.meter.lostEvents += UInt64(lost)
        }
    } else if isWanted && node.pointee.keepsTail && node.pointee.midiInput >= 0 {
        ch_sequence_drop_midi(node.pointee.atomInputs[node.pointee.midiInput].sequence, process.pointee.urids)
    }
    // One that has rested has no tail to go on with: it fades in.
    if !isWanted && node.pointee.tailGain <= 0 { node.pointee.keepsTail = false }
    if node.pointee.keepsTail {
        if node.pointee.wasWanted != isWanted { node.pointee.passingWait = ch_load(&node.pointee.latency) }
        node.pointee.wasWanted = isWanted
        if isWanted || node.pointee.bypassed > 0 || node.pointee.passing > 0 { fadeInputs(process, step, frames, isWanted) }
    }
    return isWanted && node.pointee.bypassed >= 1 && !(node.pointee.keepsTail && node.pointee.tailGain > 0)
}

/// How much of a bypass has taken hold, a frame further.
@_noAllocation @_noLocks
private func bypassPace(_ process: UnsafeMutablePointer<Process>) -> Float {
    let frames = ch_load(&process.pointee.bypassFrames)
    return frames > 0 ? 1 / Float(frames) : 1
}

/// What goes by a bypassed plugin is kept, and fades out of its inputs.
@_noAllocation @_noLocks
private func fadeInputs(
    _ process: UnsafeMutablePointer<Process>, _ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32, _ isWanted: Bool
) {
    let began = step.pointee.node.pointee.bypassed
    let slope = isWanted ? bypassPace(process) : -bypassPace(process)
    for i in 0..<step.pointee.bypassCount {
        let bypass = step.pointee.bypasses[i]
        if bypass.delay == nil, let source = bypass.source, let dry = bypass.dry { cr_move(dry, source, Int(frames) * 4) }
    }
    for i in 0..<step.pointee.mixCount {
        let buffer = step.pointee.mixes[i].destination
        if !step.pointee.mixes[i].isAudio { continue }
        for frame in 0..<Int(frames) {
            let share = min(max(began + slope * Float(frame), 0), 1)
            buffer[frame] *= share >= 1 ? 0 : curve(process, share, false)
        }
    }
}

/// Fades between a plugin's outputs and what stands in for them.
@_noAllocation @_noLocks
func endBypass(_ process: UnsafeMutablePointer<Process>, _ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32) {
    let node = step.pointee.node
    let isWanted = ch_load(&node.pointee.bypassRequest) != 0
    let began = node.pointee.bypassed
    let keepsTail = node.pointee.keepsTail
    if !isWanted && began <= 0 && !(keepsTail && node.pointee.passing > 0) { return }
    let pace = bypassPace(process)
    let slope = isWanted ? pace : -pace
    if keepsTail { return endTail(process, step, frames, isWanted, pace) }
    for i in 0..<step.pointee.bypassCount {
        let bypass = step.pointee.bypasses[i]
        let dry = bypass.delay == nil ? bypass.source : bypass.dry
        for frame in 0..<Int(frames) {
            let share = min(max(began + slope * Float(frame), 0), 1)
            let wet = share >= 1 ? 0 : bypass.destination[frame] * curve(process, share, false)
            let through = dry?[frame] ?? 0
            bypass.destination[frame] = wet + (share >= 1 ? through : through * curve(process, share, true))
        }
    }
    node.pointee.bypassed = min(max(began + slope * Float(frames), 0), 1)
}

/// Adds what goes by a bypassed plugin to what still sounds of it. When its time is over, or it has been silent for a second, it fades
/// and rests.
@_noAllocation @_noLocks
private func endTail(
    _ process: UnsafeMutablePointer<Process>, _ step: UnsafeMutablePointer<ProcessStep>, _ frames: UInt32, _ isWanted: Bool,
    _ pace: Float
) {
    let node = step.pointee.node
    let count = Int(frames)
    let wait = min(Int(node.pointee.passingWait), count)
    let slope = isWanted ? pace : -pace
    let quiet = Double(ch_load(&node.pointee.quietFrames))
    let isOver = isWanted && node.pointee.bypassed >= 1 && node.pointee.passing >= 1
        && (node.pointee.tailLeft <= 0 || quiet >= process.pointee.sampleRate)
    let tailSlope = isOver ? -pace : pace
    for i in 0..<step.pointee.bypassCount {
        let bypass = step.pointee.bypasses[i]
        for frame in 0..<count {
            let gain = min(max(node.pointee.tailGain + tailSlope * Float(frame), 0), 1)
            let wet = gain > 0 ? bypass.destination[frame] * gain : 0
            let share = min(max(node.pointee.passing + slope * Float(max(frame - wait, 0)), 0), 1)
            let through = bypass.dry?[frame] ?? 0
            bypass.destination[frame] = wet + (share >= 1 ? through : through * curve(process, share, true))
        }
    }
    node.pointee.tailGain = min(max(node.pointee.tailGain + tailSlope * Float(count), 0), 1)
    node.pointee.passing = min(max(node.pointee.passing + slope * Float(count - wait), 0), 1)
    node.pointee.passingWait -= Int32(wait)
    node.pointee.bypassed = min(max(node.pointee.bypassed + slope * Float(count), 0), 1)
    if isWanted && node.pointee.passing >= 1 && node.pointee.tailLeft > 0 { node.pointee.tailLeft -= Int32(count) }
    let isBack = !isWanted && node.pointee.bypassed <= 0 && node.pointee.passing <= 0
    if isBack || node.pointee.tailGain <= 0 { ch_store(&node.pointee.watchesQuiet, 0) }
    if isBack { node.pointee.keepsTail = false }
}

/// A bypassed plugin's MIDI goes by it.
@_noAllocation @_noLocks
func passMIDI(_ process: UnsafeMutablePointer<Process>, _ node: UnsafeMutablePointer<ProcessNode>) {
    if node.pointee.midiInput < 0 || node.pointee.midiOutput < 0 { return }
    let input = node.pointee.atomInputs + node.pointee.midiInput
    let output = node.pointee.atomOutputs + node.pointee.midiOutput
    let lost = ch_sequence_copy_midi(
        output.pointee.sequence, output.pointee.capacity, input.pointee.sequence, process.pointee.urids)
    process.pointee.meter.lostEvents += UInt64(lost)
}
