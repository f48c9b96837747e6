import CPitchTracker
import CRealtime
import Realtime

/// The plugin's engine: all that the audio thread may touch is `process` and what it calls.
final class PitchTrackerCore {
    private let stream: StreamingInference<PitchEngine>
    let loader: ModelLoader
    // Both without their reference counts, which the audio thread must not touch.
    private let audioLoader: Unmanaged<ModelLoader>
    private let audioFiles: Unmanaged<FileLoader>
    private let audioStream: Unmanaged<StreamingInference<PitchEngine>>
    private let sampleRate: Double

    // MARK: The audio thread's state

    private var tracker = NoteTracker()
    /// What the polyphonic model's notes do; the other has none then, and the other way round.
    private var chords = ChordTracker()
    private let events: UnsafeMutablePointer<continuo_midi_event>
    private let eventCapacity = 2048
    private var eventCount = 0
    private var info = ModelInfo()
    private var isLoading = true
    private var askedModel = Int32(CONTINUO_PITCH_MODEL_AUTOMATIC.rawValue)
    private var channel: UInt8 = 0
    private var announcedBendRange: Float = -1
    private var last = PitchFrame(index: 0, frequency: 0, confidence: 0, level: PitchFrame.silence)
    private var wasEnabled = true
    private var wasPolyphonic = false
    /// Frames of the hop in use whose results came too late, since activation.
    private var lateFrames = 0
    /// The notes that sounded when the plugin was activated anew: nobody else will end them.
    private var orphan = -1
    private var orphans = ChordTracker()

    private var pitchVoltage: LinearRamp
    private var gateVoltage: LinearRamp
    /// Samples for which the gate stays closed between two notes without a rest, so that an envelope starts anew.
    private var gateGap = 0
    private let gateGapLength: Int
    private var levelVoltage: LinearRamp

    /// - Parameter sampleRate: 1000 … 1,000,000 Hz
    init?(
        sampleRate: Double, block: Int, longestBlock: Int, bundle: String?, report: continuo_report?,
        context: UnsafeMutableRawPointer?
    ) {
        let rate = Int(sampleRate + 0.5)
        // As the standard model will have it.
        info.lookahead = PitchEngine.lookahead(sampleRate: rate, delay: 320)
        guard let engine = try? PitchEngine(model: nil, sampleRate: rate),
            let stream = StreamingInference(
                engine: engine, timing: PitchEngine.timing(sampleRate: rate, delay: 320, inferenceBudget: info.inferenceBudget),
                sampleRate: sampleRate, block: block, longestBlock: longestBlock)
        else { return nil }
        guard
            let loader = ModelLoader(
                stream: stream, sampleRate: rate, bundle: bundle, report: report, context: context)
        else {
            stream.close()
            return nil
        }
        self.stream = stream
        self.loader = loader
        audioLoader = Unmanaged.passUnretained(loader)
        audioFiles = Unmanaged.passUnretained(loader)
        audioStream = Unmanaged.passUnretained(stream)
        self.sampleRate = sampleRate
        events = allocateZeroed(continuo_midi_event.self, eventCapacity)
        pitchVoltage = LinearRamp(0, seconds: 0.005, sampleRate: sampleRate)
        gateGapLength = max(1, Int(0.002 * sampleRate))
        gateVoltage = LinearRamp(0, seconds: 0.001, sampleRate: sampleRate)
        levelVoltage = LinearRamp(0, seconds: 0.010, sampleRate: sampleRate)
        loader.load()
    }

    /// Ends all threads' work for this instance.
    func close() {
        loader.close()
        stream.close()
    }

    deinit { cr_free(events) }

    func activate() {
        stream.reset()
        if tracker.note >= 0 { orphan = tracker.note }
        if chords.isSounding { orphans = chords }
        tracker = NoteTracker()
        chords = ChordTracker()
        announcedBendRange = -1
        lateFrames = 0
        gateGap = 0
        last = PitchFrame(index: 0, frequency: 0, confidence: 0, level: PitchFrame.silence)
        pitchVoltage.jump(to: 0)
        gateVoltage.jump(to: 0)
        levelVoltage.jump(to: 0)
    }

    // MARK: Audio thread

    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    func process(_ io: UnsafeMutablePointer<continuo_pitch_io>) {
        let denormals = cr_flush_denormals()
        let count = Int(io.pointee.frames)
        eventCount = 0
        followModel(io)
        let stride = max(info.stride, hopStride(io.pointee.hop))
        // Events have no place in a block of no frames; they come with the next.
        let enabled = count > 0 ? io.pointee.enabled : wasEnabled
        if count > 0 {
            if orphan >= 0 { send(0x80, UInt8(orphan), 64, 0) }
            orphan = -1
            if orphans.isSounding {
                orphans.stop(at: 0)
                while let event = orphans.next() { send(event, 0) }
            }
            followSettings(io)
        }

        // The input is read whole before any output is written: a host may give one buffer for all of them.
        let settings = PitchEngine.Settings(
            stride: stride, lowest: clamp(io.pointee.lowest, 20, 2000, 31.7), highest: clamp(io.pointee.highest, 40, 8000, 2006),
            confidence: tracker.settings.confidence, gate: tracker.settings.gate)
        let input = io.pointee.input
        if let output = io.pointee.output, let input { cr_move(output, input, count * MemoryLayout<Float>.stride) }
        var rendered = 0
        let switchedOff = wasEnabled
        wasEnabled = enabled
        if switchedOff, !enabled { silence(0) }
        let freewheeling = io.pointee.freewheeling
        audioStream._withUnsafeGuaranteedRef {
            $0.accept(input, count: count, settings: settings, freewheeling: freewheeling)
        }
        while count > 0, let event = audioStream._withUnsafeGuaranteedRef({ $0.next(freewheeling: freewheeling) }) {
            // What was left out by the hop, or came before the start, is no frame.
            guard event.frame >= 0, event.frame % stride == 0 else { continue }
            renderVoltages(io, rendered, event.offset)
            rendered = event.offset
            // A late frame: everything holds its last value. The same for one that an earlier hop left out.
            guard let frame = event.result else {
                lateFrames += 1
                continue
            }
            guard frame.index != PitchFrame.leftOut else { continue }
            last = frame
            if enabled { follow(frame, stride, event.offset) }
            aimVoltages()
        }
        renderVoltages(io, rendered, count)

        let threshold = tracker.settings.confidence - tracker.settings.hysteresis
        let confidence = last.confidence
        io.pointee.frequency = enabled && confidence >= threshold ? last.frequency : 0
        io.pointee.note = pitch
        io.pointee.confidence_now = enabled ? last.confidence : 0
        io.pointee.level = last.level
        io.pointee.tracking_delay = Float(Double(audioStream._withUnsafeGuaranteedRef { $0.latency }) * 1000 / sampleRate)
        io.pointee.late_frames = Float(lateFrames)
        io.pointee.status = isLoading ? Int32(CONTINUO_PITCH_LOADING.rawValue) : info.status
        io.pointee.model_serial = info.serial
        io.pointee.events = UnsafePointer(events)
        io.pointee.event_count = UInt32(eventCount)
        cr_restore_denormals(denormals)
    }

    /// Asks for the model the control names, and takes note of what was loaded.
    private func followModel(_ io: UnsafeMutablePointer<continuo_pitch_io>) {
        let model = max(0, min(Int32(CONTINUO_PITCH_MODEL_POLYPHONIC.rawValue), io.pointee.model))
        if model != askedModel {
            askedModel = model
            audioLoader._withUnsafeGuaranteedRef { $0.want(model: model) }
            audioFiles._withUnsafeGuaranteedRef { $0.request() }
        }
        // An offline render plays what was asked for from the first sample on.
        if io.pointee.freewheeling { while loaderIsBusy { cr_sleep_freewheeling(1_000_000) } }
        // Looked at before the news: when nothing is being loaded, the news is the last.
        isLoading = loaderIsBusy
        if let fresh = audioLoader._withUnsafeGuaranteedRef({ $0.info.readIfFresh() }) {
            info = fresh
            let budget = Int(fresh.inferenceBudget * sampleRate)
            let lookahead = fresh.lookahead
            audioStream._withUnsafeGuaranteedRef { $0.setTiming(lookahead: lookahead, inferenceBudget: budget) }
        }
    }

    private var loaderIsBusy: Bool { audioFiles._withUnsafeGuaranteedRef { $0.isBusy } }

    /// See `FileLoader.request(file:count:)`.
    func requestFile(_ path: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        audioFiles._withUnsafeGuaranteedRef { $0.request(file: path, count: count) }
    }

    /// See `FileLoader.copyFile`.
    func copyFile(_ path: UnsafeMutableRawPointer) -> UInt32 {
        audioFiles._withUnsafeGuaranteedRef { $0.copyFile(path) }
    }

    private func followSettings(_ io: UnsafeMutablePointer<continuo_pitch_io>) {
        let newChannel = UInt8(max(1, min(16, io.pointee.midi_channel)) - 1)
        if newChannel != channel {
            silence(0)
            channel = newChannel
            announcedBendRange = -1
        }
        tracker.settings.confidence = clamp(io.pointee.confidence, 0, 1, 0.5)
        tracker.settings.hysteresis = clamp(io.pointee.hysteresis, 0, 1, 0.2)
        tracker.settings.gate = clamp(io.pointee.gate, -90, 0, -55)
        tracker.settings.minimumNote = clamp(io.pointee.minimum_note, 5, 500, 50)
        tracker.settings.a4 = clamp(io.pointee.a4, 380, 500, 440)
        tracker.settings.bendRange = clamp(io.pointee.bend_range, 0, 48, 2)
        if tracker.settings.bendRange != announcedBendRange {
            // Where no bends follow, the last one must not stay.
            if tracker.settings.bendRange == 0, announcedBendRange > 0 { send(0xE0, 0, 64, 0) }
            announcedBendRange = tracker.settings.bendRange
            announceBendRange()
        }
    }

    private func hopStride(_ milliseconds: Float) -> Int {
        milliseconds < 3.75 ? 1 : milliseconds < 7.5 ? 2 : milliseconds < 15 || !cr_is_finite(milliseconds) ? 4 : 8
    }

    private func clamp(_ value: Float, _ low: Float, _ high: Float, _ otherwise: Float) -> Float {
        cr_is_finite(value) ? max(low, min(high, value)) : otherwise
    }

    // MARK: Notes

    /// The pitch of the readings and voltages, in MIDI keys with fraction: of several notes the lowest one's.
    private var pitch: Float = 0

    private var isSounding: Bool { tracker.note >= 0 ? true : chords.isSounding }

    /// What follows from a frame, as MIDI at `offset`.
    private func follow(_ frame: PitchFrame, _ stride: Int, _ offset: Int) {
        let sounded = isSounding
        var ended = false
        if frame.isPolyphonic {
            // The model has changed: what it does not know of ends, and no bend stays.
            if tracker.note >= 0 { silence(offset) }
            if tracker.settings.bendRange > 0, !wasPolyphonic { send(0xE0, 0, 64, offset) }
            chords.take(frame, stride: stride)
            while let event = chords.next() {
                if event.kind == .on { ended = true }
                send(event, offset)
            }
            if frame.frequency > 0 { pitch = 69 + 12 * cr_log2(frame.frequency / tracker.settings.a4) }
        } else {
            if chords.isSounding { silence(offset) }
            let events = tracker.advance(frame, stride: stride)
            send(events, offset)
            ended = endsNote(events)
            pitch = tracker.pitch
        }
        wasPolyphonic = frame.isPolyphonic
        if sounded { if ended { gateGap = gateGapLength } }
    }

    private func silence(_ offset: Int) {
        send(tracker.stop(at: last.index), offset)
        chords.stop(at: last.index)
        while let event = chords.next() { send(event, offset) }
    }

    // MARK: MIDI

    private func send(_ events: NoteEvents, _ offset: Int) {
        for index in 0..<events.count { send(events[index], offset) }
    }

    private func send(_ event: NoteEvent, _ offset: Int) {
        switch event.kind {
        case .on: send(0x90, event.note, event.velocity, offset)
        case .off: send(0x80, event.note, 64, offset)
        case .bend: send(0xE0, UInt8(event.bend & 0x7F), UInt8(event.bend >> 7), offset)
        }
    }

    private func send(_ status: UInt8, _ first: UInt8, _ second: UInt8, _ offset: Int) {
        guard eventCount < eventCapacity else { return }
        events[eventCount].frame = UInt32(offset)
        events[eventCount].size = 3
        events[eventCount].bytes = (status | channel, first, second)
        eventCount += 1
    }

    /// Registered parameter 0, pitch bend sensitivity (MIDI 1.0, RP-018), so that a synthesiser follows without being set up.
    private func announceBendRange() {
        let semitones = UInt8(announcedBendRange)
        send(0xB0, 101, 0, 0)
        send(0xB0, 100, 0, 0)
        send(0xB0, 6, semitones, 0)
        send(0xB0, 38, UInt8((announcedBendRange - Float(semitones)) * 100), 0)
        send(0xB0, 101, 127, 0)
        send(0xB0, 100, 127, 0)
    }

    // MARK: CV

    private func aimVoltages() {
        let sounding = isSounding
        let between = gateGap > 0
        if between { gateVoltage.set(0) } else { gateVoltage.set(sounding ? 10 : 0) }
        levelVoltage.set(wasEnabled ? max(0, min(10, (last.level + 60) / 6)) : 0)
        guard sounding, pitch > 0 else { return }
        let volts = (pitch - 60) / 12
        // A note begins at its pitch; within it the pitch glides.
        let begins = between ? true : gateVoltage.value == 0
        if begins { pitchVoltage.jump(to: volts) } else { pitchVoltage.set(volts) }
    }

    private func endsNote(_ events: NoteEvents) -> Bool {
        var ends = false
        for index in 0..<events.count where events[index].kind == .off { ends = true }
        return ends
    }

    private func renderVoltages(_ io: UnsafeMutablePointer<continuo_pitch_io>, _ start: Int, _ end: Int) {
        let sounding = isSounding
        if !sounding { gateVoltage.set(0) }
        if !wasEnabled { gateVoltage.set(0) }
        let open = wasEnabled ? sounding : false
        for index in start..<max(start, end) {
            if gateGap > 0 {
                gateGap -= 1
                if gateGap == 0 { gateVoltage.set(open ? 10 : 0) }
            }
            let (pitch, gate, level) = (pitchVoltage.next(), gateVoltage.next(), levelVoltage.next())
            if let cv = io.pointee.cv_pitch { cv[index] = pitch }
            if let cv = io.pointee.cv_gate { cv[index] = gate }
            if let cv = io.pointee.cv_level { cv[index] = level }
        }
    }
}
