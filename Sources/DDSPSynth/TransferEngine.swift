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
    private let meter: LoudnessMeter
    private var follower = Follower()

    /// Samples at 16 kHz from frame to frame.
    private static var pitchHop: Int { PitchEngine.modelRate / Timeline.frameRate }

    /// - Parameter weights: the pitch tracker's; `nil`: nothing is followed
    public init(model: SynthModel?, weights: CREPEWeights?, slots: FrameSlots, timeline: Timeline) throws(ModelError) {
        synth = try SynthEngine(model: model, slots: slots, timeline: timeline)
        pitch = try PitchEngine(weights: weights, sampleRate: timeline.sampleRate)
        meter = LoudnessMeter(
            sampleRate: Double(timeline.sampleRate), history: TransferEngine.timing(timeline, inferenceBudget: 0).lookahead)
    }

    /// Where the frames lie: each hears half a window of the pitch tracker beyond its time, and that is more than the meter's.
    public static func timing(_ timeline: Timeline, inferenceBudget: Double) -> StreamTiming {
        StreamTiming(
            hopNumerator: timeline.sampleRate, hopDenominator: Timeline.frameRate,
            lookahead: PitchEngine.lookahead(sampleRate: timeline.sampleRate),
            inferenceBudget: Int(cr_ceil_f64(inferenceBudget * Double(timeline.sampleRate))))
    }

    // MARK: StreamingEngine

    public func feed(_ input: UnsafePointer<Float>, count: Int) {
        pitch.feed(input, count: count)
        meter.feed(input, count: count)
    }

    public func infer(frame: Int, settings: Settings) -> Int {
        guard frame >= 0 else { return synth.infer(frame: frame, settings: FrameSlots.none) }
        let estimate = pitch.estimate(at: frame * Self.pitchHop, settings: PitchEngine.Settings())
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

    /// Forgets all input.
    public func reset() {
        synth.reset()
        pitch.reset()
        meter.reset()
        follower.reset()
    }

    public func takeOver(from previous: TransferEngine) {
        synth.takeOver(from: previous.synth)
        pitch.takeOver(from: previous.pitch)
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
