import CRealtime
import Realtime
import Synchronization

/// Memory that control frames travel in between the audio thread and the inference thread: too much to pass through queues.
///
/// The audio thread acquires a slot for a frame, writes the voices' controls into it, and hands its number to the stream with the
/// frame's request (`SynthEngine.Settings`). The inference thread adds the sound, and the number comes back as the result. Then the
/// audio thread reads the slot in place, and releases it.
///
/// **Who owns a slot.** The contents pass from thread to thread with the stream's queues, whose order of memory they rely on. The
/// book is kept by the audio thread alone: a slot is free, under way (with its frame's number), or held by the reader. What can go
/// astray is a slot under way: its result came too late and was dropped, or its request found no room and was never made. Such a
/// slot is free again as soon as both threads are past its frame. The audio thread is when that frame's result was due (`take`);
/// the inference thread says so itself (`finish`), and since requests arrive in order and each frame once, it never touches a slot
/// of an earlier frame again, whether or not it saw it.
///
/// Nothing here waits or allocates after `init`, but `acquire` for a freewheeling host. Audio thread: `acquire`, `take`, `release`.
/// Inference thread: `finish`. The pointers: whoever the slot is with.
public final class FrameSlots: @unchecked Sendable {
    /// No slot.
    public static var none: Int { -1 }
    /// Harmonics of a voice, and floats from one voice's amplitudes to the next one's.
    public static var harmonics: Int { slotHarmonics }
    /// Nodes of a voice's noise spectrum.
    public static var noiseNodes: Int { 65 }
    /// Floats from one voice's noise spectrum to the next one's.
    public static var noiseStride: Int { slotNoiseStride }

    public let capacity: Int

    private enum Use {
        static var free: UInt8 { 0 }
        static var underWay: UInt8 { 1 }
        static var held: UInt8 { 2 }
    }

    private let voiceControls: UnsafeMutablePointer<VoiceControl>
    private let soundSettings: UnsafeMutablePointer<SoundSettings>
    private let sounds: UnsafeMutablePointer<Float>
    private static var voices: Int { VoiceControl.maximumCount }
    /// Amplitudes and noise spectra of all voices, in whole cache lines.
    private static var soundStride: Int { slotStride }

    // The audio thread's book.
    private let frames: UnsafeMutablePointer<Int>
    private let uses: UnsafeMutablePointer<UInt8>
    /// The last frame whose result was due.
    private var passed = Int.min
    /// The last frame that the inference thread is done with.
    private let finished = Atomic<Int>(Int.min)

    /// - Parameter capacity: slots, at least 1; see `capacity(timing:longestBlock:)`.
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
        voiceControls = allocateZeroed(VoiceControl.self, self.capacity * Self.voices)
        soundSettings = allocateZeroed(SoundSettings.self, self.capacity)
        sounds = allocateZeroed(Float.self, self.capacity * Self.soundStride)
        frames = allocateZeroed(Int.self, self.capacity)
        uses = allocateZeroed(UInt8.self, self.capacity)
        for index in 0..<self.capacity * Self.voices { voiceControls[index] = VoiceControl() }
        for index in 0..<self.capacity { soundSettings[index] = SoundSettings() }
    }

    deinit {
        cr_free(voiceControls)
        cr_free(soundSettings)
        cr_free(sounds)
        cr_free(frames)
        cr_free(uses)
    }

    /// Slots that are enough for every frame to find one, as long as the inference thread keeps up: those submitted and not yet due
    /// when blocks of up to `longestBlock` samples come, and some in the reader's hands.
    public static func capacity(timing: StreamTiming, longestBlock: Int) -> Int {
        let samples = timing.deadline(block: longestBlock) + longestBlock
        return samples * timing.hopDenominator / timing.hopNumerator + 8
    }

    /// Forgets every frame. Not while either thread is at work; `SynthEngine.reset` (and so the stream's) does it.
    public func reset() {
        passed = Int.min
        finished.store(Int.min, ordering: .relaxed)
        for slot in 0..<capacity { uses[slot] = Use.free }
    }

    // MARK: Contents

    /// What the `VoiceControl.maximumCount` voices are to sound like. It stays as it is on its way back, for the renderer.
    @inline(__always)
    public func controls(_ slot: Int) -> UnsafeMutablePointer<VoiceControl> { voiceControls + slot * slotVoices }

    /// The sound controls, likewise.
    @inline(__always)
    public func settings(_ slot: Int) -> UnsafeMutablePointer<SoundSettings> { soundSettings + slot }

    /// Amplitudes (linear) of the 128 harmonics of a voice: from the inference thread, for active voices alone. 64-byte aligned.
    @inline(__always)
    public func amplitudes(_ slot: Int, voice: Int) -> UnsafeMutablePointer<Float> {
        sounds + (slot * slotStride + voice * slotHarmonics)
    }

    /// Noise amplitude density (RMS per √Hz, linear) at the 65 nodes of a voice, likewise. 64-byte aligned.
    @inline(__always)
    public func noise(_ slot: Int, voice: Int) -> UnsafeMutablePointer<Float> {
        sounds + (slot * slotStride + slotVoices * slotHarmonics + voice * slotNoiseStride)
    }

    // MARK: Audio thread

    /// A slot to write frame `frame` into; `none` if all are taken, and then the frame has to go without (`none` in its request).
    /// Frames come in ascending order.
    ///
    /// - Parameter freewheeling: waits for the inference thread where that helps, a second at most.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    @inline(__always)
    public func acquire(frame: Int, freewheeling: Bool) -> Int {
        var slot = find(frame)
        guard freewheeling else { return slot }
        var tries = 0
        while slot == -1 {
            // Slots of frames not yet due are given back by the caller alone.
            if tries == 5000 { break }
            if !awaitsInference() { break }
            cr_sleep_freewheeling(200_000)
            slot = find(frame)
            tries += 1
        }
        return slot
    }

    /// To be called with each result of the stream, late ones (`nil`) too: the slot to read, which stays with the caller until
    /// `release`, or `none` if there is nothing to read.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    @inline(__always)
    public func take(frame: Int, result: Int?) -> Int {
        passed = frame
        guard let slot = result else { return -1 }
        guard slot >= 0 else { return -1 }
        guard slot < capacity else { return -1 }
        guard uses[slot] == Use.underWay else { return -1 }
        guard frames[slot] == frame else { return -1 }
        uses[slot] = Use.held
        return slot
    }

    /// Gives back what `take` gave, or what was acquired and has not been handed over. `none` is allowed.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    @inline(__always)
    public func release(_ slot: Int) {
        guard slot >= 0 else { return }
        guard slot < capacity else { return }
        uses[slot] = Use.free
    }

    /// The lowest slot that nobody uses: few of them go round, and stay in the cache.
    @inline(__always)
    private func find(_ frame: Int) -> Int {
        let past = min(passed, finished.load(ordering: .acquiring))
        var slot = 0
        while slot < capacity {
            var isFree = uses[slot] == Use.free
            if uses[slot] == Use.underWay { isFree = frames[slot] <= past }
            if isFree {
                uses[slot] = Use.underWay
                frames[slot] = frame
                return slot
            }
            slot += 1
        }
        return -1
    }

    @inline(__always)
    private func awaitsInference() -> Bool {
        var slot = 0
        while slot < capacity {
            if uses[slot] == Use.underWay {
                if frames[slot] <= passed { return true }
            }
            slot += 1
        }
        return false
    }

    // MARK: Inference thread

    /// Says that the inference thread is done with `frame` and all before it.
    public func finish(frame: Int) {
        finished.store(frame, ordering: .releasing)
    }
}

// The sizes once more, for the audio thread: there a class may not be named for its static properties.
@inline(__always) private var slotVoices: Int { VoiceControl.maximumCount }
@inline(__always) private var slotHarmonics: Int { 128 }
@inline(__always) private var slotNoiseStride: Int { 80 }
@inline(__always) private var slotStride: Int { slotVoices * (slotHarmonics + slotNoiseStride) }
