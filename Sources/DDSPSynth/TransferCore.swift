import CDDSPSynth
import CRealtime
import PitchTracker
import Realtime
import Synchronization

/// Timbre transfer's engine: a sound in, the same music from another instrument out. All that the audio thread may touch is `process`
/// and what it calls.
///
/// What happens in the input at host sample t is heard at exactly t + `latency`: the pitch tracker's look-ahead, the inference
/// deadline and the hop over which a frame's values are reached. The dry input is delayed by the same.
final class TransferCore {
    private let stream: StreamingInference<TransferEngine>
    private let slots: FrameSlots
    private let output: SynthOutput
    let loader: SynthLoader
    // Without their reference counts, which the audio thread must not touch.
    private let audioStream: Unmanaged<StreamingInference<TransferEngine>>
    private let audioSlots: Unmanaged<FrameSlots>
    private let audioOutput: Unmanaged<SynthOutput>
    private let audioLoader: Unmanaged<SynthLoader>
    private let audioFiles: Unmanaged<FileLoader>
    private let hop: Int

    // MARK: The audio thread's state

    private var info: SynthInfo
    private var isLoading = true
    private var sound = SoundFollower()
    private var nextFrame: Int
    private let firstFrame: Int
    private let timing: StreamTiming
    private var time = 0
    private var pitch: Float = 0
    private var loudness = VoiceControl.silence
    private var wet: LinearRamp
    /// The input of the last moments, and where the next sample goes.
    private let dry: UnsafeMutablePointer<Float>
    private let dryMask: Int
    private var dryDelay = 0

    init?(
        sampleRate: Double, block: Int, longestBlock: Int, bundle: String?, report: continuo_synth_report?,
        context: UnsafeMutableRawPointer?
    ) {
        let rate = Int(sampleRate + 0.5)
        let timeline = Timeline(sampleRate: rate)
        let timing = TransferEngine.timing(timeline, inferenceBudget: 0.004)
        let slots = FrameSlots(capacity: FrameSlots.capacity(timing: timing, longestBlock: longestBlock))
        guard let output = SynthOutput(sampleRate: sampleRate),
            let engine = try? TransferEngine(model: nil, pitchModel: nil, slots: slots, timeline: timeline),
            let stream = StreamingInference(
                engine: engine, timing: timing, sampleRate: sampleRate, block: block, longestBlock: longestBlock)
        else { return nil }
        guard
            let loader = SynthLoader(
                followsPitch: true, bundle: bundle, report: report, context: context,
                install: { model, pitchModel in
                    if let engine = try? TransferEngine(model: model, pitchModel: pitchModel, slots: slots, timeline: timeline) {
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
        self.timing = timing
        audioStream = Unmanaged.passUnretained(stream)
        audioSlots = Unmanaged.passUnretained(slots)
        audioOutput = Unmanaged.passUnretained(output)
        audioLoader = Unmanaged.passUnretained(loader)
        audioFiles = Unmanaged.passUnretained(loader)
        hop = (rate + Timeline.frameRate - 1) / Timeline.frameRate
        firstFrame = timing.firstFrame
        nextFrame = firstFrame
        wet = LinearRamp(1, seconds: 0.02, sampleRate: sampleRate)
        let reach = timing.lookahead + timing.deadline(block: longestBlock) + hop + longestBlock
        var length = 1
        while length < reach { length *= 2 }
        dry = allocateZeroed(Float.self, length)
        dryMask = length - 1
        info = loader.info.read()
        loader.load()
    }

    /// Ends all threads' work for this instance.
    func close() {
        loader.close()
        stream.close()
    }

    deinit { cr_free(dry) }

    func activate() {
        stream.reset()
        output.reset()
        sound.reset()
        nextFrame = firstFrame
        time = 0
        pitch = 0
        loudness = VoiceControl.silence
        cr_zero(dry, (dryMask + 1) * MemoryLayout<Float>.stride)
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
        sound.follow(controls)
        let enabled = io.pointee.enabled
        // Bypassed, the input is heard (delayed, as the latency says).
        audioOutput._withUnsafeGuaranteedRef { $0.follow(controls, enabled: true) }
        let hasModel = info.status != Int32(CONTINUO_SYNTH_NO_MODEL.rawValue)
        let heard = enabled ? hasModel : false
        wet.set(heard ? control(controls, CONTINUO_SYNTH_WET) : 0)
        audioStream._withUnsafeGuaranteedRef { $0.begin(block: count, freewheeling: freewheeling) }
        dryDelay = latency

        let follow = followSettings(controls)
        // The input is read whole before any output is written: a host may give one buffer for all of them.
        keepDry(io.pointee.input, count)
        var done = 0
        while done < count {
            let due = timing.frameEnd(nextFrame) - time
            let end = min(count, done + due)
            advance(io, done, end, completes: end == done + due, follow, freewheeling)
            done = end
        }
        mixDry(io, count)

        io.pointee.latency = UInt32(latency)
        io.pointee.late_frames = Float(audioStream._withUnsafeGuaranteedRef { $0.lateFrames })
        io.pointee.voices = Float(audioOutput._withUnsafeGuaranteedRef { $0.soundingVoices })
        io.pointee.pitch = pitch
        io.pointee.loudness = loudness
        io.pointee.status = isLoading ? Int32(CONTINUO_SYNTH_LOADING.rawValue) : info.status
        io.pointee.program = -1
        io.pointee.model_serial = info.serial
        cr_restore_denormals(denormals)
    }

    /// Host samples from the input to its sound.
    private var latency: Int { audioStream._withUnsafeGuaranteedRef { $0.latency } + hop }

    private func followSettings(_ controls: UnsafePointer<Float>) -> FollowSettings {
        var settings = FollowSettings()
        settings.confidence = control(controls, CONTINUO_SYNTH_CONFIDENCE)
        settings.gate = control(controls, CONTINUO_SYNTH_GATE)
        settings.matchesLoudness = control(controls, CONTINUO_SYNTH_LOUDNESS_MATCH) > 0.5
        settings.follow = control(controls, CONTINUO_SYNTH_FOLLOW)
        settings.snap = control(controls, CONTINUO_SYNTH_PITCH_SNAP)
        settings.smoothing = control(controls, CONTINUO_SYNTH_SMOOTHING)
        settings.transpose = control(controls, CONTINUO_SYNTH_TRANSPOSE)
        settings.a4 = control(controls, CONTINUO_SYNTH_A4)
        settings.loudness = control(controls, CONTINUO_SYNTH_LOUDNESS)
        return settings
    }

    /// Hears samples `start` … `end` of the block, the last of which may complete a frame, and plays as many.
    private func advance(
        _ io: UnsafeMutablePointer<continuo_synth_io>, _ start: Int, _ end: Int, completes: Bool, _ follow: FollowSettings,
        _ freewheeling: Bool
    ) {
        var slot = noSlot
        if completes {
            let frame = nextFrame
            if frame >= 0 {
                let settings = sound.advance()
                slot = audioSlots._withUnsafeGuaranteedRef { $0.acquire(frame: frame, freewheeling: freewheeling) }
                if slot >= 0 {
                    let place = audioSlots._withUnsafeGuaranteedRef { $0.controls(slot) }
                    for voice in 0..<VoiceControl.maximumCount { place[voice].isActive = false }
                    audioSlots._withUnsafeGuaranteedRef { $0.settings(slot) }.pointee = settings
                }
            }
            nextFrame += 1
        }
        let piece = end - start
        // From the delay line, which holds it whatever the outputs have been written over.
        var heard = start
        while heard < end {
            let place = (time + heard - start) & dryMask
            let part = min(end - heard, dryMask + 1 - place)
            let input = UnsafePointer(dry + place), settings = TransferEngine.Settings(slot: slot, follow: follow)
            audioStream._withUnsafeGuaranteedRef {
                $0.accept(input, count: part, settings: settings, freewheeling: freewheeling)
            }
            take(io, heard, part, freewheeling)
            heard += part
        }
        time += piece
    }

    /// Plays the `count` samples just heard, from `start` of the block on.
    private func take(_ io: UnsafeMutablePointer<continuo_synth_io>, _ start: Int, _ count: Int, _ freewheeling: Bool) {
        var rendered = start
        while let event = audioStream._withUnsafeGuaranteedRef({ $0.next(freewheeling: freewheeling) }) {
            let at = start + event.offset
            audioOutput._withUnsafeGuaranteedRef { $0.render(io, rendered, at) }
            rendered = at
            let slot = audioSlots._withUnsafeGuaranteedRef { $0.take(frame: event.frame, result: event.result) }
            if slot >= 0 {
                let control = audioSlots._withUnsafeGuaranteedRef { $0.controls(slot) }
                pitch = control.pointee.isActive ? max(0, min(160, control.pointee.pitch)) : 0
                loudness = control.pointee.isActive ? control.pointee.loudness : VoiceControl.silence
            }
            let slots = audioSlots, delay = dryDelay
            audioOutput._withUnsafeGuaranteedRef { $0.take(slots, slot, latency: delay) }
            audioSlots._withUnsafeGuaranteedRef { $0.release(slot) }
        }
        audioOutput._withUnsafeGuaranteedRef { $0.render(io, rendered, start + count) }
    }

    // MARK: The dry sound

    private func keepDry(_ input: UnsafePointer<Float>?, _ count: Int) {
        for index in 0..<count {
            let sample = input == nil ? 0 : input![index]
            dry[(time + index) & dryMask] = cr_is_finite(sample) ? sample : 0
        }
    }

    private func mixDry(_ io: UnsafeMutablePointer<continuo_synth_io>, _ count: Int) {
        let start = time - count - dryDelay
        for index in 0..<count {
            let amount = wet.next()
            let sample = dry[(start + index) & dryMask] * (1 - amount)
            if let left = io.pointee.left { left[index] = left[index] * amount + sample }
            if let right = io.pointee.right { right[index] = right[index] * amount + sample }
        }
    }

    private func followModel(_ freewheeling: Bool) {
        if freewheeling { while loaderIsBusy { cr_sleep_freewheeling(1_000_000) } }
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
