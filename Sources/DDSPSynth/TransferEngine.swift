import CRealtime
import Neural
import PitchTracker
import Realtime
import Signal

/// Timbre transfer's inference side: hears the input, and has the decoder play what it heard. One voice, the first of its slots,
/// whose control it writes itself.
public final class TransferEngine: StreamingEngine {
    public struct Settings: BitwiseCopyable {
        /// `FrameSlots.none`: the frame is heard but not played.
        public var slot: Int
        public var follow: FollowSettings
        public init(slot: Int, follow: FollowSettings) {
            self.slot = slot
            self.follow = follow
        }
    }
    /// The slot.
    public typealias Result = Int

    private let synth: SynthEngine
    private let pitch: PitchEngine
    /// Samples at 16 kHz between the pitch tracker's steps, and its last two.
    private let pitchStep: Int
    private var newestStep = Int.min
    private var newest = PitchFrame(index: 0, frequency: 0, confidence: 0, level: 0)
    private var previous = PitchFrame(index: 0, frequency: 0, confidence: 0, level: 0)
    private let meter: LoudnessMeter
    private var follower = Follower()

    /// Samples at 16 kHz from frame to frame.
    private static var pitchHop: Int { PitchEngine.modelRate / Timeline.frameRate }
    /// Samples at 16 kHz that are heard beyond a frame's time: half the loudness meter's window. The quick pitch model needs less, also for
    /// the step after the frame's time (6 and 5 ms).
    private static var reach: Int { 256 }

    /// - Parameter pitchModel: `nil`, or one that needs more time than there is: nothing is followed
    public init(model: SynthModel?, pitchModel: PitchModel?, slots: FrameSlots, timeline: Timeline) throws(ModelError) {
        pitchStep = (pitchModel?.stride ?? 1) * PitchEngine.baseHop
        let isInTime = (pitchModel?.delay ?? 0) + pitchStep <= Self.reach
        synth = try SynthEngine(model: model, slots: slots, timeline: timeline)
        pitch = try PitchEngine(model: isInTime ? pitchModel : nil, sampleRate: timeline.sampleRate)
        meter = LoudnessMeter(
            sampleRate: Double(timeline.sampleRate), history: TransferEngine.timing(timeline, inferenceBudget: 0).lookahead)
    }

    /// Where the frames lie: each hears half a window of the loudness meter beyond its time.
    public static func timing(_ timeline: Timeline, inferenceBudget: Double) -> StreamTiming {
        StreamTiming(
            hopNumerator: timeline.sampleRate, hopDenominator: Timeline.frameRate,
            lookahead: PitchEngine.lookahead(sampleRate: timeline.sampleRate, delay: reach),
            inferenceBudget: Int(cr_ceil_f64(inferenceBudget * Double(timeline.sampleRate))))
    }

    // MARK: StreamingEngine

    public func feed(_ input: UnsafePointer<Float>, count: Int) {
        pitch.feed(input, count: count)
        meter.feed(input, count: count)
    }

    public func infer(frame: Int, settings: Settings) -> Int {
        guard frame >= 0 else { return synth.infer(frame: frame, settings: FrameSlots.none) }
        let estimate = estimate(at: frame * Self.pitchHop)
        let time = synth.timeline.frameTime(frame)
        let heard = Follower.Heard(
            frequency: estimate.frequency, confidence: estimate.confidence, loudness: meter.loudness(at: time))
        let isHere = settings.slot >= 0 && settings.slot < synth.slots.capacity
        let control = follower.advance(
            heard, at: time, forte: isHere ? forte(synth.slots.settings(settings.slot).pointee) : -20, settings: settings.follow)
        guard isHere else { return synth.infer(frame: frame, settings: FrameSlots.none) }
        synth.slots.controls(settings.slot)[0] = control
        return synth.infer(frame: frame, settings: settings.slot)
    }

    /// The pitch at sample `time` (16 kHz), between the tracker's steps before and after it.
    private func estimate(at time: Int) -> PitchFrame {
        let step = time / pitchStep
        if step + 1 != newestStep {
            let next = pitch.estimate(at: (step + 1) * pitchStep, settings: PitchEngine.Settings(lowest: 27.5, highest: 2100))
            // After a gap there is nothing to come from.
            previous = step == newestStep ? newest : next
            newest = next
            newestStep = step + 1
        }
        let part = Float(time - step * pitchStep) / Float(pitchStep)
        var result = part < 0.5 ? previous : newest
        result.confidence = previous.confidence + (newest.confidence - previous.confidence) * part
        guard previous.frequency > 0, newest.frequency > 0 else { return result }
        let interval = cr_log2(newest.frequency / previous.frequency)
        // Within two semitones it has glided; beyond, it is another note.
        if abs(interval) < 1 / 6.0 { result.frequency = previous.frequency * cr_exp2(interval * part) }
        return result
    }

    /// Forgets all input.
    public func reset() {
        synth.reset()
        pitch.reset()
        newestStep = Int.min
        meter.reset()
        follower.reset()
    }

    public func takeOver(from previous: TransferEngine) {
        synth.takeOver(from: previous.synth)
        pitch.takeOver(from: previous.pitch)
        newestStep = Int.min
        meter.copyState(from: previous.meter)
        follower = previous.follower
    }

    /// The instruments' loudness at full velocity.
    private func forte(_ settings: SoundSettings) -> Float {
        guard let profiles = synth.model?.profiles else { return InstrumentProfile.plain.loudness[3] }
        let a = profiles[min(max(0, settings.instrumentA), profiles.count - 1)].loudness[3]
        let b = profiles[min(max(0, settings.instrumentB), profiles.count - 1)].loudness[3]
        return a + (b - a) * settings.morph
    }
}
