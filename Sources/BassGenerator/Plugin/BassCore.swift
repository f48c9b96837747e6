import CBassGenerator
import CRealtime
import Realtime
import Synchronization

/// The bass player's engine: a mix in, the same mix and a bass out. All that the audio thread may touch is `process` and what it calls.
///
/// Everything happens at bar lines. The bars between two of them that followed on each other without a jump, stop or change of metre can
/// be captured; a take sounds from the first bar line on that comes a whole bar or more after it was asked for.
final class BassCore {
    private let ring: MixRing
    let worker: BassWorker
    // Without their reference counts, which the audio thread must not touch.
    private let audioRing: Unmanaged<MixRing>
    private let audioWorker: Unmanaged<BassWorker>
    private let audioStyle: Unmanaged<StyleLoader>
    private let audioFiles: Unmanaged<FileLoader>  // the same; as its class the compiler would count references
    private let sampleRate: Double

    // MARK: The audio thread's state

    private var clock: BarClock
    private var player: TakePlayer
    private var throughLevel: LinearRamp
    private var bassLevel: LinearRamp
    private let mixLeft: UnsafeMutablePointer<Float>
    private let mixRight: UnsafeMutablePointer<Float>
    private let bass: UnsafeMutablePointer<Float>
    /// Samples since the player was made.
    private var now = 0
    /// Bars without a break up to the last bar line, and the times of the lines at either end of them; −1: there was no line yet.
    private var barsInARow = -1
    private let lineTimes: UnsafeMutablePointer<Int>
    private var lastLine = -1_000_000

    private var isFreewheeling = false
    private var isEnabled = true
    private var mode = 0
    private var bars = 4
    private var isArmed = false
    /// Bars that a capture in loop mode still waits for; 0: there is none.
    private var capturing = 0
    private var captureBars = 0
    private var wasCapture = false
    private var wasGenerate = false

    /// The newest request, and whether the take that answers it has yet to sound.
    private var wanted = TakeRequest()
    private var isWaiting = false
    /// Bar lines until it ought to.
    private var linesUntilDue = 0
    private var late: UInt32 = 0
    private var hasCapture = false
    /// The takes there are.
    private var table = TakeTable()
    /// The newest take that was due, the slot that is chosen in its place, and what plays at all times that the clock runs.
    private var accepted = TakeSound()
    private var choice = 0
    private var current = TakeSound()
    /// Buttons that are down belong to a state that was just restored.
    private var ignoresButtons = false
    /// When a bass alone began to come in; −1: it does not, or was long enough.
    private var learningSince = -1
    private var wasLearning = false

    init?(
        sampleRate: Double, bundle: String?, report: continuo_bass_report?, read: continuo_bass_read?,
        context: UnsafeMutableRawPointer?
    ) {
        let rate = Int(sampleRate + 0.5)
        let ring = MixRing(sampleRate: rate)
        guard let worker = BassWorker(ring: ring, sampleRate: rate, bundle: bundle, report: report, read: read, context: context)
        else { return nil }
        self.ring = ring
        self.worker = worker
        self.sampleRate = sampleRate
        audioRing = Unmanaged.passUnretained(ring)
        audioWorker = Unmanaged.passUnretained(worker)
        audioStyle = Unmanaged.passUnretained(worker.style)
        audioFiles = Unmanaged.passUnretained(worker.style)
        clock = BarClock(sampleRate: sampleRate)
        player = TakePlayer(sampleRate: sampleRate)
        throughLevel = LinearRamp(1, seconds: 0.01, sampleRate: sampleRate)
        bassLevel = LinearRamp(1, seconds: 0.01, sampleRate: sampleRate)
        mixLeft = allocateZeroed(Float.self, blockPiece)
        mixRight = allocateZeroed(Float.self, blockPiece)
        bass = allocateZeroed(Float.self, blockPiece)
        lineTimes = allocateZeroed(Int.self, lineCapacity)
    }

    deinit {
        cr_free(mixLeft)
        cr_free(mixRight)
        cr_free(bass)
        cr_free(lineTimes)
    }

    /// Ends all threads' work for this instance.
    func close() { worker.close() }

    func activate() {
        learningSince = -1
        clock = BarClock(sampleRate: sampleRate)
        player.restart()
        throughLevel.jump(to: throughLevel.target)
        bassLevel.jump(to: bassLevel.target)
        forgetBars()
    }

    // MARK: Audio thread

    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    func process(_ io: UnsafeMutablePointer<continuo_bass_io>) {
        let denormals = cr_flush_denormals()
        let count = Int(io.pointee.frames)
        isFreewheeling = io.pointee.freewheeling
        io.pointee.event_count = 0
        // An offline render plays what was asked for from the first sample on.
        if isFreewheeling { waitForLoads() }
        takeArrivals()
        // A call without samples says nothing about the controls: hosts make them before all ports are connected.
        if count > 0 { follow(io) }
        let positions = io.pointee.positions, positionCount = positions == nil ? 0 : Int(io.pointee.position_count)
        var position = 0, done = 0
        while done < count {
            var end = min(count, done &+ blockPiece)
            while position < positionCount {
                let at = Int(positions![position].frame)
                if at > done {
                    end = min(end, at)
                    break
                }
                move(positions![position])
                position &+= 1
            }
            let line = clock.samplesToLine
            if line == 0 {
                clock.crossLine()
                passLine()
                continue
            }
            if line < end &- done { end = done &+ line }
            play(io, done, end)
            clock.advance(end &- done)
            now &+= end &- done
            done = end
        }
        takeArrivals()
        tell(io)
        cr_restore_denormals(denormals)
    }

    private func waitForLoads() {
        while audioWorker._withUnsafeGuaranteedRef({ $0.isLoading }) { cr_sleep_freewheeling(1_000_000) }
        while audioFiles._withUnsafeGuaranteedRef({ $0.isBusy }) { cr_sleep_freewheeling(1_000_000) }
    }

    /// Asks for another sound to play with; `count` 0: for none.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    func requestStyle(_ path: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        audioFiles._withUnsafeGuaranteedRef { $0.request(file: path, count: count) }
    }

    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    func copyStyle(_ path: UnsafeMutableRawPointer) -> UInt32 {
        audioFiles._withUnsafeGuaranteedRef { $0.copyFile(path) }
    }

    /// Takes the block's controls.
    private func follow(_ io: UnsafeMutablePointer<continuo_bass_io>) {
        let controls = UnsafePointer<Float>(continuo_bass_controls(io)!)
        let enabled = io.pointee.enabled
        let through = control(controls, CONTINUO_BASS_THROUGH_LEVEL), level = control(controls, CONTINUO_BASS_LEVEL)
        throughLevel.set(enabled ? gain(through) : 1)
        bassLevel.set(gain(level))
        if enabled != isEnabled {
            isEnabled = enabled
            // Off, the line is not played, as sound or as notes; what is captured and made goes on.
            if enabled { seek() } else { player.turn(to: TakeSound(), at: 0) }
        }
        let newMode = wholeControl(controls, CONTINUO_BASS_MODE), newBars = wholeControl(controls, CONTINUO_BASS_BARS)
        if newMode != mode {
            // What another mode had begun to capture is nobody's.
            isArmed = false
            capturing = 0
        }
        mode = newMode
        bars = newBars
        wish.seed = UInt64(wholeControl(controls, CONTINUO_BASS_SEED))
        wish.steps = wholeControl(controls, CONTINUO_BASS_STEPS)
        wish.guidance = control(controls, CONTINUO_BASS_GUIDANCE)
        wish.variation = control(controls, CONTINUO_BASS_VARIATION)
        wish.styleStrength = control(controls, CONTINUO_BASS_STYLE_STRENGTH)
        choice = wholeControl(controls, CONTINUO_BASS_TAKE)
        pressButtons(controls)
    }

    private func pressButtons(_ controls: UnsafePointer<Float>) {
        // What is being restored may have been saved with a button down.
        if audioWorker._withUnsafeGuaranteedRef({ $0.isRestoring }) { return }
        let capture = control(controls, CONTINUO_BASS_CAPTURE) > 0.5, generate = control(controls, CONTINUO_BASS_GENERATE) > 0.5
        let learning = control(controls, CONTINUO_BASS_STYLE_CAPTURE) > 0.5
        if ignoresButtons {
            ignoresButtons = false
            wasCapture = capture
            wasGenerate = generate
            wasLearning = learning
        }
        if learning {
            if !wasLearning { learningSince = now }
            if learningSince >= 0 { if now &- learningSince >= 60 &* Int(sampleRate) { learn() } }
        } else if wasLearning {
            learn()
        }
        wasLearning = learning
        if capture { if !wasCapture { if mode == loopMode { isArmed = true } } }
        wasCapture = capture
        if generate { if !wasGenerate { if hasCapture { ask(again: true) } } }
        wasGenerate = generate
    }

    /// What came in since learning began is the sound to play with, if it is long enough to have one.
    private func learn() {
        let start = learningSince, count = now &- start
        learningSince = -1
        guard start >= 0, count >= Int(sampleRate) / 4 else { return }
        audioWorker._withUnsafeGuaranteedRef { $0.learn(StyleRequest(start: start, length: count)) }
        if isFreewheeling { waitForLoads() }
    }
    /// What the controls say of the next take.
    private var wish = TakeRequest()

    /// Takes what the transport says.
    private func move(_ position: continuo_bass_position) {
        if clock.agrees(with: position) { return }
        // A bar line that the clock is a hair before is passed: a loop's end is one.
        if clock.samplesToLine < closeSamples {
            clock.crossLine()
            passLine()
        }
        switch clock.follow(position) {
        case .none: return
        case .stopped:
            forgetBars()
            player.turn(to: TakeSound(), at: 0)
        case .jumped:
            forgetBars()
            if clock.isAtLine(within: 0.001) {
                // A loop's begin is the line that its end was; then it was passed just now.
                if now &- lastLine > 2 &* closeSamples {
                    passLine()
                } else {
                    barsInARow = 0
                    lineTimes[0] = now
                }
            }
            seek()
        }
    }

    /// Samples in a millisecond.
    private var closeSamples: Int { Int(sampleRate * 0.001) }

    private func forgetBars() {
        barsInARow = -1
        if capturing > 0 {
            capturing = 0
            isArmed = true
        }
    }

    /// A bar line.
    private func passLine() {
        barsInARow &+= 1
        lineTimes[barsInARow & (lineCapacity &- 1)] = now
        lastLine = now
        if isWaiting {
            if linesUntilDue > 0 { linesUntilDue &-= 1 }
            if linesUntilDue == 0 { takeOver() }
        }
        if mode == loopMode {
            if capturing > 0 {
                capturing &-= 1
                if capturing == 0 { if capture(captureBars) { ask(again: false) } }
            }
            if isArmed {
                isArmed = false
                captureBars = bars
                capturing = bars
            }
        } else if mode == followMode {
            if barsInARow > 0 {
                if barsInARow % bars == 0 {
                    // A take that is late is waited for: else one that always is would never sound.
                    if isWaiting { countLate() } else if capture(bars) { ask(again: false) }
                }
            }
        }
        seek()
    }

    private func countLate() { late &+= 1 }

    /// Takes the last bars as what to go by; false if they are too long.
    private func capture(_ count: Int) -> Bool {
        let start = lineTimes[(barsInARow &- count) & (lineCapacity &- 1)]
        guard now &- start <= longestSeconds &* Int(sampleRate), now > start else { return false }
        captured.start = start
        captured.length = now &- start
        captured.bars = count
        captured.firstBar = clock.bar &- count
        captured.beatsPerBar = clock.beatsPerBar
        captured.beatUnit = clock.beatUnit
        captured.knowsBars = clock.hasTransport
        hasCapture = true
        return true
    }
    /// What was captured last.
    private var captured = TakeRequest()

    /// Asks for a take of what was captured last. What was asked for before is forgotten, if it has yet to sound.
    private func ask(again: Bool) {
        guard hasCapture else { return }
        var request = captured
        request.serial = wanted.serial &+ 1
        request.seed = wish.seed &+ UInt64(wanted.serial)
        request.steps = wish.steps
        request.guidance = wish.guidance
        request.variation = wish.variation
        request.styleStrength = wish.styleStrength
        wanted = request
        isWaiting = true
        // On a bar line the next one is a bar away.
        linesUntilDue = again ? 2 : 1
        audioWorker._withUnsafeGuaranteedRef { $0.ask(request) }
        // Offline the mix may be overwritten before anyone has looked at it.
        if isFreewheeling { waitForTake() }
    }

    private func waitForTake() {
        while !isServed(wanted.serial) { cr_sleep_freewheeling(200_000) }
    }

    /// The take that is waited for is due.
    private func takeOver() {
        let serial = wanted.serial
        if isFreewheeling { waitForTake() }
        let isServed = isServed(serial)  // looked at before the news: then the news is the last
        takeArrivals()
        let newest = newest
        if newest.request == serial {
            accepted = newest
            isWaiting = false
        } else if isServed {
            // There is none to come.
            isWaiting = false
        } else {
            countLate()
        }
    }

    private func isServed(_ serial: UInt32) -> Bool {
        audioWorker._withUnsafeGuaranteedRef { $0.served.load(ordering: .acquiring) } == serial
    }

    private var newest: TakeSound { table.newest > 0 ? table.slots[table.newest &- 1] : TakeSound() }

    /// Looks for takes, and tells which are in use.
    private func takeArrivals() {
        if let news = audioWorker._withUnsafeGuaranteedRef({ $0.tables.readIfFresh() }) {
            let isRestored = news.restored != table.restored
            table = news
            if isRestored { takeUp() }
        }
        var use = TakeUse()
        use.table = table.serial
        use.accepted = accepted.serial
        use.current = current.serial
        use.sounding = player.soundingSerial
        use.fading = player.fadingSerial
        audioWorker._withUnsafeGuaranteedRef { $0.uses.write(use) }
    }

    /// A saved state is there: its bars and takes are in the place of what was.
    private func takeUp() {
        captured = table.captured
        hasCapture = captured.length > 0
        wanted.serial = captured.serial
        isWaiting = false
        isArmed = false
        capturing = 0
        accepted = newest
        ignoresButtons = true
    }

    /// Brings the player to where the clock is in the take.
    private func seek() {
        current = accepted
        if choice > 0 {
            let chosen = table.slots[choice &- 1]
            if chosen.samples != nil { current = chosen }
        }
        guard clock.isRunning, isEnabled else { return }
        if current.samples == nil {
            // What sounded was put away by a saved state.
            if player.isSounding { player.turn(to: current, at: 0) }
            return
        }
        var bar = (clock.bar &- current.firstBar) % current.bars
        if bar < 0 { bar &+= current.bars }
        let phase = (Double(bar) + max(0, clock.beat) / clock.beatsPerBar) / Double(current.bars)
        var place = Int(phase * Double(current.length) + 0.5)
        if place >= current.length { place = 0 }
        if player.isPlaying(current) {
            var apart = player.position &- place
            if apart < 0 { apart = 0 &- apart }
            apart = min(apart, current.length &- apart)
            // So far the clocks of host, bars and take may differ.
            if apart <= 5 &* closeSamples { return }
        }
        player.turn(to: current, at: place)
    }

    /// Plays samples `start` … `end` of the block.
    private func play(_ io: UnsafeMutablePointer<continuo_bass_io>, _ start: Int, _ end: Int) {
        let count = end &- start, left = mixLeft, right = mixRight, bass = bass
        // Inputs first: outputs may be the same memory.
        if let input = io.pointee.left { cr_move(left, input + start, count &* 4) } else { cr_zero(left, count &* 4) }
        if let input = io.pointee.right { cr_move(right, input + start, count &* 4) } else { cr_move(right, left, count &* 4) }
        let time = now
        audioRing._withUnsafeGuaranteedRef { $0.write(left, right, count: count, at: time) }
        player.render(bass, count: count, io, frame: start)
        for n in 0..<count {
            let through = throughLevel.next()
            left[n] *= through
            right[n] *= through
            bass[n] *= bassLevel.next()
        }
        if let output = io.pointee.through_left { cr_move(output + start, left, count &* 4) }
        if let output = io.pointee.through_right { cr_move(output + start, right, count &* 4) }
        if let output = io.pointee.bass_left { cr_move(output + start, bass, count &* 4) }
        if let output = io.pointee.bass_right { cr_move(output + start, bass, count &* 4) }
    }

    /// The block's readings.
    private func tell(_ io: UnsafeMutablePointer<continuo_bass_io>) {
        let status = audioWorker._withUnsafeGuaranteedRef { $0.status.load(ordering: .relaxed) }
        var state = CONTINUO_BASS_IDLE
        if status == workerIsLoading {
            state = CONTINUO_BASS_LOADING
        } else if status == workerHasFailed {
            state = CONTINUO_BASS_NO_MODEL
        } else if isWaiting {
            state = isServed(wanted.serial) ? CONTINUO_BASS_READY : CONTINUO_BASS_GENERATING
        } else if capturing > 0 {
            state = CONTINUO_BASS_LISTENING
        } else if isArmed {
            state = CONTINUO_BASS_ARMED
        } else if mode == followMode {
            state = CONTINUO_BASS_LISTENING
        }
        io.pointee.state = Int32(state.rawValue)
        io.pointee.progress = audioWorker._withUnsafeGuaranteedRef { $0.progress }
        var takes: UInt32 = 0, playing: UInt32 = 0
        let sounding = player.soundingSerial
        for slot in 0..<takeSlots {
            let take = table.slots[slot]
            if take.samples != nil {
                takes &+= 1
                if take.serial == sounding { playing = UInt32(slot &+ 1) }
            }
        }
        io.pointee.takes = takes
        io.pointee.newest = UInt32(table.newest)
        io.pointee.playing = playing
        io.pointee.style_serial = audioStyle._withUnsafeGuaranteedRef { $0.serial.load(ordering: .acquiring) }
        let milliseconds = audioWorker._withUnsafeGuaranteedRef { $0.milliseconds.load(ordering: .relaxed) }
        io.pointee.seconds_per_take = Float(milliseconds) / 1000
        io.pointee.late = late
        io.pointee.is_playing = player.isSounding
    }
}

/// dB to a factor; −60 is silence.
private func gain(_ decibels: Float) -> Float { decibels <= -60 ? 0 : cr_pow(10, decibels / 20) }

// For the audio thread: there a type may not be named for its static property.
@inline(__always) private var loopMode: Int { 0 }
@inline(__always) private var followMode: Int { 1 }
@inline(__always) private var workerIsLoading: Int { 0 }
@inline(__always) private var workerHasFailed: Int { 2 }
/// Seconds of a capture.
@inline(__always) private var longestSeconds: Int { 128 }
/// Bar lines that are remembered: a power of two above the longest capture's.
@inline(__always) private var lineCapacity: Int { 64 }
/// Samples that are processed at a time.
@inline(__always) private var blockPiece: Int { 256 }
