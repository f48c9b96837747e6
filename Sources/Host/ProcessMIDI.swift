import CHost

// MIDI that moves controls. The same rules hold as in ProcessBlock.swift.

/// Goes through what came to the graph's MIDI inputs.
@_noAllocation @_noLocks
func followMIDI(_ process: UnsafeMutablePointer<Process>) {
    let plan = process.pointee.plan
    let urids = process.pointee.urids
    for i in 0..<plan.pointee.inputCount {
        guard let sequence = plan.pointee.inputs[i].sequence else { continue }
        var next = ch_sequence_first(sequence, urids)
        while let event = next {
            if event.pointee.body.type == urids.pointee.midi_event, let bytes = ch_event_body(event) {
                followMessage(process, bytes, event.pointee.body.size, event.pointee.time.frames)
            }
            next = ch_sequence_next(sequence, event)
        }
    }
}

@_noAllocation @_noLocks
private func followMessage(
    _ process: UnsafeMutablePointer<Process>, _ bytes: UnsafePointer<UInt8>, _ size: UInt32, _ time: Int64
) {
    if size > 0 && bytes[0] >= 0xF0 { return followClock(process, bytes, size, time) }
    if size < 2 || size > 3 { return }
    let channel = bytes[0] & 0x0F
    let first = UInt16(bytes[1] & 0x7F)
    let second = size > 2 ? bytes[2] & 0x7F : 0
    switch bytes[0] & 0xF0 {
    case 0xA0:
        move(process, .keyPressure, channel, first, Float(second) / 127)
    case 0xB0:
        tell(process, bytes, size, isAlways: false)
        followController(process, channel, bytes[1] & 0x7F, second)
    case 0xC0:
        tell(process, bytes, size, isAlways: true)
    case 0xD0:
        move(process, .pressure, channel, 0, Float(first) / 127)
    case 0xE0:
        move(process, .bend, channel, 0, Float(first | UInt16(second) << 7) / 16383)
    case 0x90 where second > 0:
        move(process, .note, channel, first, Float(second) / 127)
    case 0x80, 0x90:
        move(process, .note, channel, first, 0)
    default: break
    }
}

@_noAllocation @_noLocks
private func followController(_ process: UnsafeMutablePointer<Process>, _ channel: UInt8, _ number: UInt8, _ value: UInt8) {
    let entry = process.pointee.dataEntry + Int(channel)
    switch number {
    case 99:
        entry.pointee.nonRegistered = entry.pointee.nonRegistered & 0x7F | UInt16(value) << 7
        entry.pointee.source = .nrpn
    case 98:
        entry.pointee.nonRegistered = entry.pointee.nonRegistered & 0x3F80 | UInt16(value)
        entry.pointee.source = .nrpn
    case 101:
        entry.pointee.registered = entry.pointee.registered & 0x7F | UInt16(value) << 7
        entry.pointee.source = .rpn
    case 100:
        entry.pointee.registered = entry.pointee.registered & 0x3F80 | UInt16(value)
        entry.pointee.source = .rpn
    case 6 where selected(entry) != nil:
        entry.pointee.coarse = value
        move(process, entry.pointee.source, channel, selected(entry)!, Float(UInt16(value) << 7 | UInt16(value)) / 16383)
    case 38 where selected(entry) != nil:
        move(
            process, entry.pointee.source, channel, selected(entry)!,
            Float(UInt16(entry.pointee.coarse) << 7 | UInt16(value)) / 16383)
    default:
        move(process, .controller, channel, UInt16(number), Float(value) / 127)
    }
}

/// The parameter that data entry goes to, or nil: then it is a controller as others are.
@_noAllocation @_noLocks
private func selected(_ entry: UnsafeMutablePointer<ProcessDataEntry>) -> UInt16? {
    if entry.pointee.source == .nrpn { return entry.pointee.nonRegistered }
    return entry.pointee.registered == ProcessDataEntry.none ? nil : entry.pointee.registered
}

/// - Parameter position: of the controller, 0 to 1.
@_noAllocation @_noLocks
private func move(
    _ process: UnsafeMutablePointer<Process>, _ source: ProcessMapping.Source, _ channel: UInt8, _ number: UInt16,
    _ position: Float
) {
    // Playing is no answer to a question for a controller, unless keys were asked for.
    let learning = ch_load(&process.pointee.isLearning)
    if learning != 0 && (source != .note || learning == 2 && position > 0) {
        ch_store(&process.pointee.isLearning, 0)
        var event = LearnedEvent(source: source, channel: channel, number: number)
        if !ch_ring_write(process.pointee.events, ProcessEvent.learned, &event, 4) { process.pointee.meter.lostEvents += 1 }
        cr_semaphore_post(process.pointee.wake)
        return
    }
    let plan = process.pointee.plan
    for i in 0..<plan.pointee.mappingCount {
        let mapping = plan.pointee.mappings[i]
        if mapping.pointee.source != source { continue }
        if mapping.pointee.number != number && !(source == .keyPressure && mapping.pointee.number == ProcessMapping.anyKey) { continue }
        if mapping.pointee.channel != 255 && mapping.pointee.channel != channel { continue }
        if source == .note && position == 0 && !mapping.pointee.isWhole { continue }
        let isOn: Float = source == .note && mapping.pointee.isWhole && position > 0 ? 1 : position
        apply(process, mapping, isOn)
    }
}

@_noAllocation @_noLocks
private func apply(
    _ process: UnsafeMutablePointer<Process>, _ mapping: UnsafeMutablePointer<ProcessMapping>, _ position: Float
) {
    let node = mapping.pointee.node
    var value = mappedValue(mapping, position)
    if mapping.pointee.port < 0 {
        value = value >= 0.5 ? 1 : 0
        ch_store(&node.pointee.bypassRequest, Int32(value))
    } else {
        let control = node.pointee.values + mapping.pointee.port
        if mapping.pointee.takesOver && !mapping.pointee.isCaught {
            let now = ch_load_float(control)
            let before = mapping.pointee.position < 0 ? value : mappedValue(mapping, mapping.pointee.position)
            mapping.pointee.position = position
            let reach = abs(mapping.pointee.high - mapping.pointee.low) / 64
            if abs(value - now) > reach && (before - now) * (value - now) > 0 { return }
            mapping.pointee.isCaught = true
        }
        ch_store_float(control, value)
    }
    mapping.pointee.position = position
    var event = MappedEvent(mapping: mapping.pointee.id, value: value)
    // Who listens gets the latest; nothing is lost by one that finds no room.
    _ = ch_ring_write(process.pointee.events, ProcessEvent.mapped, &event, 8)
}

@_noAllocation @_noLocks
private func mappedValue(_ mapping: UnsafeMutablePointer<ProcessMapping>, _ position: Float) -> Float {
    let low = mapping.pointee.low
    let high = mapping.pointee.high
    var value: Float
    switch mapping.pointee.curve {
    case .linear: value = low + (high - low) * position
    case .logarithmic: value = low * cr_pow(high / low, position)
    case .power: value = low + (high - low) * cr_pow(position, mapping.pointee.exponent)
    }
    if position >= 1 { value = high }
    if position <= 0 { value = low }
    return mapping.pointee.isWhole ? cr_round(value) : value
}

/// Tells the set-up thread of a message.
@_noAllocation @_noLocks
private func tell(
    _ process: UnsafeMutablePointer<Process>, _ bytes: UnsafePointer<UInt8>, _ size: UInt32, isAlways: Bool
) {
    let channels = ch_load(&process.pointee.toldChannels)
    if !isAlways && channels >> Int32(bytes[0] & 0x0F) & 1 == 0 { return }
    var message = (bytes[0], bytes[1], size > 2 ? bytes[2] : 0, UInt8(0))
    _ = ch_ring_write(process.pointee.events, ProcessEvent.message, &message, 4)
    cr_semaphore_post(process.pointee.wake)
}

// MARK: CV

/// Sets the controls that CV signals move, by the first sample of each.
@_noAllocation @_noLocks
func followCV(_ process: UnsafeMutablePointer<Process>) {
    let plan = process.pointee.plan
    for i in 0..<plan.pointee.cvTapCount {
        let tap = plan.pointee.cvTaps[i]
        if tap.input >= 0 && !plan.pointee.inputs[tap.input].isConnected { continue }
        let mapping = tap.mapping
        let span = mapping.pointee.sourceHigh - mapping.pointee.sourceLow
        let position = min(max((tap.source[0] - mapping.pointee.sourceLow) / span, 0), 1)
        let low = mapping.pointee.low
        let high = mapping.pointee.high
        var value = low + (high - low) * position
        if position >= 1 || mapping.pointee.isToggled && position > 0.5 { value = high }
        if position <= 0 || mapping.pointee.isToggled && position <= 0.5 { value = low }
        if mapping.pointee.isWhole { value = cr_round(value) }
        // One that is no number moves nothing.
        if !value.isFinite || value == mapping.pointee.value { continue }
        mapping.pointee.value = value
        ch_store_float(mapping.pointee.node.pointee.values + mapping.pointee.port, value)
        var event = MappedEvent(mapping: mapping.pointee.id, value: value)
        _ = ch_ring_write(process.pointee.events, ProcessEvent.mapped, &event, 8)
    }
}
