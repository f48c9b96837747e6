import CHost

/// MIDI's clock, followed: 24 ticks a quarter note, start, continue, stop and song position (MIDI 1.0, system messages).
struct ProcessClock {
    /// Between threads.
    var mode: Int32 = off
    static let off: Int32 = 0
    /// To be followed from now on; then followed.
    static let begins: Int32 = 1
    static let follows: Int32 = 2

    static let ticksPerQuarter = 24
    /// Ticks that the tempo is read off: a quarter note, and its end.
    static let window = 25
    /// Ticks from one reading to the next.
    static let step = 12
    /// Seconds without a tick after which it is another clock.
    static let patience = 0.3
    /// Tempos (quarter notes a minute) that are believed.
    static let tempos = 10.0...500.0

    /// Frames since the start at which the last ticks came, in a ring.
    let times: UnsafeMutablePointer<Double>
    var count = 0
    var newest = 0
    /// How many ticks from the song's beginning the last one was; −1 before the first.
    var tick = -1
    var isRunning = false
    var sinceReading = 0
    /// Beats a minute, smoothed; 0: not known yet.
    var tempo = 0.0
}

/// One of the system messages that a clock consists of.
@_noAllocation @_noLocks
func followClock(
    _ process: UnsafeMutablePointer<Process>, _ bytes: UnsafePointer<UInt8>, _ size: UInt32, _ time: Int64
) {
    let mode = ch_load(&process.pointee.clock.mode)
    if mode == ProcessClock.off { return }
    if mode == ProcessClock.begins {
        process.pointee.clock.count = 0
        process.pointee.clock.tick = -1
        process.pointee.clock.tempo = 0
        process.pointee.clock.isRunning = process.pointee.transport.rolling
        _ = ch_exchange_if(&process.pointee.clock.mode, ProcessClock.begins, ProcessClock.follows)
    }
    switch bytes[0] {
    case 0xF8:
        if process.pointee.clock.isRunning { process.pointee.clock.tick += 1 }
        takeTick(process, Double(process.pointee.position) + Double(time))
    case 0xFA:
        process.pointee.clock.tick = -1
        process.pointee.clock.isRunning = true
        process.pointee.clock.sinceReading = 0
        if let client = process.pointee.jack {
            ch_jack_locate(client, 0)
            ch_jack_roll(client, true)
        }
    case 0xFB:
        process.pointee.clock.isRunning = true
        process.pointee.clock.sinceReading = 0
        if let client = process.pointee.jack { ch_jack_roll(client, true) }
    case 0xFC:
        process.pointee.clock.isRunning = false
        if let client = process.pointee.jack { ch_jack_roll(client, false) }
    case 0xF2 where size > 2:
        // In sixteenths. The tick that comes next is the first there.
        let sixteenths = Int(bytes[1] & 0x7F) | Int(bytes[2] & 0x7F) << 7
        process.pointee.clock.tick = 6 * sixteenths - 1
        locate(process, Double(sixteenths) / 4)
    default: break
    }
}

/// - Parameter quarters: since the song's beginning.
@_noAllocation @_noLocks
private func locate(_ process: UnsafeMutablePointer<Process>, _ quarters: Double) {
    guard let client = process.pointee.jack, process.pointee.tempo > 0 else { return }
    let beats = quarters * Double(process.pointee.beatUnit) / 4
    let frame = beats * 60 / Double(process.pointee.tempo) * process.pointee.sampleRate
    if frame >= 0 && frame < 4e9 { ch_jack_locate(client, UInt32(frame)) }
}

@_noAllocation @_noLocks
private func takeTick(_ process: UnsafeMutablePointer<Process>, _ time: Double) {
    let rate = process.pointee.sampleRate
    let times = process.pointee.clock.times
    if process.pointee.clock.count > 0 {
        let gap = time - times[process.pointee.clock.newest]
        if gap < 0 || gap > ProcessClock.patience * rate { process.pointee.clock.count = 0 }
    }
    process.pointee.clock.newest = (process.pointee.clock.newest + 1) % ProcessClock.window
    times[process.pointee.clock.newest] = time
    if process.pointee.clock.count < ProcessClock.window { process.pointee.clock.count += 1 }
    process.pointee.clock.sinceReading += 1
    if process.pointee.clock.count <= ProcessClock.step || process.pointee.clock.sinceReading < ProcessClock.step { return }
    process.pointee.clock.sinceReading = 0
    readTempo(process)
}

/// The tempo is the slope of the line through the last ticks' times (least squares), which a jitter of some milliseconds hardly moves. While the
/// transport rolls it is a little more or less, so that its beats come to where the clock's are within a second or two.
@_noAllocation @_noLocks
private func readTempo(_ process: UnsafeMutablePointer<Process>) {
    let rate = process.pointee.sampleRate
    let times = process.pointee.clock.times
    let count = process.pointee.clock.count
    let oldest = (process.pointee.clock.newest + ProcessClock.window - count + 1) % ProcessClock.window
    let middle = Double(count - 1) / 2
    var mean = 0.0
    for i in 0..<count { mean += times[(oldest + i) % ProcessClock.window] }
    mean /= Double(count)
    var (product, square) = (0.0, 0.0)
    for i in 0..<count {
        let place = Double(i) - middle
        product += place * (times[(oldest + i) % ProcessClock.window] - mean)
        square += place * place
    }
    let interval = product / square
    if !(interval > 0) { return }
    let quarters = 60 * rate / (Double(ProcessClock.ticksPerQuarter) * interval)
    if quarters < ProcessClock.tempos.lowerBound || quarters > ProcessClock.tempos.upperBound { return }
    let unit = Double(process.pointee.beatUnit) / 4
    let read = quarters * unit
    let known = process.pointee.clock.tempo
    process.pointee.clock.tempo = known <= 0 || abs(read - known) > 0.02 * known ? read : known + 0.3 * (read - known)
    var told = process.pointee.clock.tempo
    let transport = process.pointee.transport
    if process.pointee.clock.isRunning && process.pointee.clock.tick >= 0 && transport.rolling && transport.has_tempo {
        // Both at this block's beginning, in beats
        let last = mean + interval * (Double(count - 1) - middle)
        let ticks = Double(process.pointee.clock.tick) + (Double(process.pointee.position) - last) / interval
        let clock = ticks / Double(ProcessClock.ticksPerQuarter) * unit
        let own = Double(transport.bar) * Double(transport.beats_per_bar) + transport.bar_beat
        let behind = clock - own
        if abs(behind) > 0.5 {
            locate(process, clock / unit)
        } else {
            told *= 1 + min(max(behind / 2, -0.03), 0.03)
        }
    }
    ch_store_float(&process.pointee.tempo, Float(told))
}
