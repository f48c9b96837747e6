import CRealtime
import Neural
import Realtime

/// Pitch analysis of a whole sound, piece by piece, without threads: the same engine and the same frames as the live plugin's.
public final class PitchAnalyzer {
    private let engine: PitchEngine
    private let settings: PitchEngine.Settings
    private let timing: StreamTiming
    private var heard = 0
    private var next: Int
    /// Frames ready to be computed together.
    private var batchStart = 0
    private var batchCount = 0

    /// - Parameters:
    ///   - model: its frames are as far apart as it allows, where `hopMilliseconds` is less.
    ///   - sampleRate: of the sound, Hz.
    ///   - hopMilliseconds: a multiple of 2.5.
    ///   - lowest, highest: range of the fundamental, Hz.
    ///   - confidence: from which a note begins, of the polyphonic model.
    public init(
        model: PitchModel, sampleRate: Int, hopMilliseconds: Double = 10, lowest: Float = 31.7, highest: Float = 2006,
        confidence: Float = 0.5
    ) throws(ModelError) {
        let stride = max(model.stride, Int(hopMilliseconds / 2.5 + 0.5))
        engine = try PitchEngine(
            model: model, sampleRate: sampleRate, maximumBatch: model.isBatched ? PitchEngine.longestBatch(stride: stride) : 1)
        settings = PitchEngine.Settings(stride: stride, lowest: lowest, highest: highest, confidence: confidence)
        timing = PitchEngine.timing(sampleRate: sampleRate, delay: model.delay, inferenceBudget: 0)
        next = timing.firstFrame
    }

    /// Takes the next `count` mono samples and calls `body` for each frame they complete.
    public func push(_ samples: UnsafePointer<Float>, count: Int, _ body: (PitchFrame) -> Void) {
        var done = 0
        while done < count {
            let end = timing.frameEnd(next)
            let piece = min(end - heard, count - done)
            engine.feed(samples + done, count: piece)
            done += piece
            heard += piece
            if heard == end { emit(body) }
        }
    }

    /// Ends the sound: calls `body` for the frames whose time lies within it but whose window reaches past its end.
    public func finish(_ body: (PitchFrame) -> Void) {
        let length = heard
        let silence = allocateZeroed(Float.self, timing.longestFrame)
        defer { cr_free(silence) }
        // Frame k's time in host samples is k · hop.
        while next * timing.hopNumerator < length * timing.hopDenominator {
            let missing = timing.frameEnd(next) - heard
            engine.feed(silence, count: missing)
            heard += missing
            emit(body)
        }
        flush(body)
    }

    private func emit(_ body: (PitchFrame) -> Void) {
        if next >= 0 && next % settings.stride == 0 {
            if batchCount == 0 { batchStart = next }
            batchCount += 1
            if batchCount == engine.maximumBatch { flush(body) }
        }
        next += 1
    }

    private func flush(_ body: (PitchFrame) -> Void) {
        if batchCount > 0 { engine.infer(first: batchStart, count: batchCount, settings: settings, body) }
        batchCount = 0
    }
}
