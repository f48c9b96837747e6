import CDDSPSynth
import CRealtime
import PitchTracker
import Realtime
import Synchronization

/// The instrument's engine: MIDI in, sound out. All that the audio thread may touch is `process` and what it calls.
///
/// An event at host sample t sounds first at exactly t + `latency`: its control frame is the first after t, at most a hop later;
/// that frame's result arrives a deadline later, at or before t + deadline + hop.
final class InstrumentCore {
    private let stream: StreamingInference<SynthEngine>
    private let slots: FrameSlots
    private let performer: Performer
    private let output: SynthOutput
    let loader: SynthLoader
    // Without their reference counts, which the audio thread must not touch.
    private let audioStream: Unmanaged<StreamingInference<SynthEngine>>
    private let audioSlots: Unmanaged<FrameSlots>
    private let audioPerformer: Unmanaged<Performer>
    private let audioOutput: Unmanaged<SynthOutput>
    private let audioLoader: Unmanaged<SynthLoader>
    private let audioFiles: Unmanaged<FileLoader>
    private let timeline: Timeline
    private let hop: Int

    // MARK: The audio thread's state

    private let controls: UnsafeMutablePointer<VoiceControl>
    private var info: SynthInfo
    private var isLoading = true
    private var sound = SoundFollower()
    private var time = 0
    private var nextFrame = 1
    /// The last frame sent had a sounding voice.
    private var wasActive = false
    private var wasEnabled = true
    /// The last frame was sent to be computed.
    private var isAsking = false

    init?(
        sampleRate: Double, block: Int, longestBlock: Int, bundle: String?, report: continuo_synth_report?,
        context: UnsafeMutableRawPointer?
    ) {
        let rate = Int(sampleRate + 0.5)
        let timeline = Timeline(sampleRate: rate)
        // Decoding 32 voices takes well under a millisecond; the rest is for the scheduler.
        let timing = StreamTiming(
            hopNumerator: rate, hopDenominator: Timeline.frameRate, inferenceBudget: Int(0.004 * sampleRate + 0.5))
        let slots = FrameSlots(capacity: FrameSlots.capacity(timing: timing, longestBlock: longestBlock))
        guard let output = SynthOutput(sampleRate: sampleRate),
            let engine = try? SynthEngine(model: nil, slots: slots, timeline: timeline),
            let stream = StreamingInference(
                engine: engine, timing: timing, sampleRate: sampleRate, block: block, longestBlock: longestBlock)
        else { return nil }
        guard
            let loader = SynthLoader(
                followsPitch: false, bundle: bundle, report: report, context: context,
                install: { model, _ in
                    if let engine = try? SynthEngine(model: model, slots: slots, timeline: timeline) {
                        stream.replaceEngine(engine)
                    }
                })
        else {
            stream.close()
            return nil
        }
        self.stream = stream
        self.slots = slots
        self.loader = loader
        self.output = output
        self.timeline = timeline
        performer = Performer(sampleRate: sampleRate)
        audioStream = Unmanaged.passUnretained(stream)
        audioSlots = Unmanaged.passUnretained(slots)
        audioPerformer = Unmanaged.passUnretained(performer)
        audioOutput = Unmanaged.passUnretained(output)
        audioLoader = Unmanaged.passUnretained(loader)
        audioFiles = Unmanaged.passUnretained(loader)
        hop = (rate + Timeline.frameRate - 1) / Timeline.frameRate
        controls = allocateZeroed(VoiceControl.self, VoiceControl.maximumCount)
        info = loader.info.read()
        loader.load()
    }

    /// Ends all threads' work for this instance.
    func close() {
        loader.close()
        stream.close()
    }

    deinit { cr_free(controls) }

    func activate() {
        stream.reset()
        performer.reset()
        output.reset()
        sound.reset()
        time = 0
        nextFrame = 1
        wasActive = false
    }

    // MARK: Audio thread

    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    func process(_ io: UnsafeMutablePointer<continuo_synth_io>) {
        let denormals = cr_flush_denormals()
        let count = Int(io.pointee.frames)
        let freewheeling = io.pointee.freewheeling
        followModel(freewheeling)
        let controls = UnsafePointer<Float>(continuo_synth_controls(io)!)
        let enabled = count > 0 ? io.pointee.enabled : wasEnabled
        let now = time
        let performance = PerformanceSettings(controls: controls)
        audioPerformer._withUnsafeGuaranteedRef { $0.apply(performance, at: now) }
        sound.follow(controls)
        audioOutput._withUnsafeGuaranteedRef { $0.follow(controls, enabled: enabled) }
        if wasEnabled { if !enabled { letGo() } }
        wasEnabled = enabled
        audioStream._withUnsafeGuaranteedRef { $0.begin(block: count, freewheeling: freewheeling) }

        let events = io.pointee.events
        let eventCount = events == nil ? 0 : Int(io.pointee.event_count)
        var event = 0
        var done = 0
        repeat {
            let due = timeline.frameTime(nextFrame) - time
            let end = min(count, done + due)
            // The last piece takes what is left, also events that lie past the block or came without one.
            while event < eventCount {
                let at = Int(events![event].frame)
                if at >= end { if end < count { break } }
                if enabled { handle(events! + event, time + (max(done, min(at, max(done, end - 1))) - done)) }
                event += 1
            }
            if count == 0 { break }
            advance(io, done, end, completes: end == done + due, freewheeling)
            done = end
        } while done < count

        io.pointee.latency = UInt32(latency)
        io.pointee.late_frames = Float(audioStream._withUnsafeGuaranteedRef { $0.lateFrames })
        io.pointee.voices = Float(audioPerformer._withUnsafeGuaranteedRef { $0.activeCount })
        io.pointee.pitch = audioPerformer._withUnsafeGuaranteedRef { $0.newestPitch }
        io.pointee.loudness = audioPerformer._withUnsafeGuaranteedRef { $0.newestLoudness }
        io.pointee.status = isLoading ? Int32(CONTINUO_SYNTH_LOADING.rawValue) : info.status
        io.pointee.program = audioPerformer._withUnsafeGuaranteedRef { $0.takeProgram() }
        io.pointee.model_serial = info.serial
        cr_restore_denormals(denormals)
    }

    /// Host samples from an event to its sound.
    private var latency: Int { audioStream._withUnsafeGuaranteedRef { $0.deadline } + hop }

    /// Plays samples `start` … `end` of the block, the last of which may complete a control frame.
    private func advance(
        _ io: UnsafeMutablePointer<continuo_synth_io>, _ start: Int, _ end: Int, completes: Bool, _ freewheeling: Bool
    ) {
        var slot = noSlot
        if completes {
            let frame = nextFrame, at = timeline.frameTime(nextFrame), controls = controls
            let settings = sound.advance()
            let last = info.profileCount - 1
            let a = info.profiles + min(settings.instrumentA, last), b = info.profiles + min(settings.instrumentB, last)
            let morph = settings.morph
            audioPerformer._withUnsafeGuaranteedRef {
                $0.evaluate(at: at, profileA: a, profileB: b, morph: morph, into: controls)
            }
            let isActive = audioPerformer._withUnsafeGuaranteedRef { $0.activeCount } > 0
            // The first frame without a voice still has to say so; after that there is nothing to compute.
            let speaks = isActive ? true : wasActive
            if speaks {
                slot = audioSlots._withUnsafeGuaranteedRef { $0.acquire(frame: frame, freewheeling: freewheeling) }
                if slot >= 0 {
                    let place = audioSlots._withUnsafeGuaranteedRef { $0.controls(slot) }
                    for voice in 0..<VoiceControl.maximumCount { place[voice] = controls[voice] }
                    audioSlots._withUnsafeGuaranteedRef { $0.settings(slot) }.pointee = settings
                }
            }
            wasActive = isActive
            nextFrame += 1
            isAsking = speaks
        }
        let piece = end - start
        let request: Int? = isAsking ? slot : nil
        audioStream._withUnsafeGuaranteedRef { $0.accept(nil, count: piece, settings: request, freewheeling: freewheeling) }
        time += piece
        var rendered = start
        while let event = audioStream._withUnsafeGuaranteedRef({ $0.next(freewheeling: freewheeling) }) {
            let at = start + event.offset
            audioOutput._withUnsafeGuaranteedRef { $0.render(io, rendered, at) }
            rendered = at
            let slot = audioSlots._withUnsafeGuaranteedRef { $0.take(frame: event.frame, result: event.result) }
            let slots = audioSlots, delay = latency
            audioOutput._withUnsafeGuaranteedRef { $0.take(slots, slot, latency: delay) }
            audioSlots._withUnsafeGuaranteedRef { $0.release(slot) }
        }
        audioOutput._withUnsafeGuaranteedRef { $0.render(io, rendered, end) }
    }

    private func handle(_ event: UnsafePointer<continuo_synth_event>, _ at: Int) {
        let (status, first, second) = event.pointee.bytes
        let size = Int(event.pointee.size)
        audioPerformer._withUnsafeGuaranteedRef { $0.handle(status, first, second, size: size, at: at) }
    }

    /// All notes off on all channels.
    private func letGo() {
        let now = time
        for channel in 0..<UInt8(16) {
            audioPerformer._withUnsafeGuaranteedRef { $0.handle(0xB0 | channel, 64, 0, size: 3, at: now) }
            audioPerformer._withUnsafeGuaranteedRef { $0.handle(0xB0 | channel, 123, 0, size: 3, at: now) }
        }
    }

    private func followModel(_ freewheeling: Bool) {
        // An offline render plays what was asked for from the first sample on.
        if freewheeling { while loaderIsBusy { cr_sleep_freewheeling(1_000_000) } }
        // Looked at before the news: when nothing is being loaded, the news is the last.
        isLoading = loaderIsBusy
        if let fresh = audioLoader._withUnsafeGuaranteedRef({ $0.info.readIfFresh() }) {
            info = fresh
            audioLoader._withUnsafeGuaranteedRef { $0.taken.store(fresh.serial, ordering: .releasing) }
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
}
