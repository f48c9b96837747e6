import CRealtime
import Neural
import Realtime
import Signal

/// The pitch tracker's inference side: host-rate sound in, pitch frames out. Streaming (as a `StreamingEngine`, on the inference
/// thread) and offline analysis run this same code.
///
/// Sound is resampled to 16 kHz; frame k's time is k · 2.5 ms. CREPE looks at the 1,024 samples (64 ms) centred on it. Continuo's own
/// network goes in steps of 5 or 10 ms, has a memory, and hears the sound up to its `delay` after that time; every step is taken,
/// wanted or not. The polyphonic one does the same; a frame then tells all notes, and as its pitch the lowest one's. A coarser hop leaves frames out, so the hop may change at any moment while everything stays in place.
public final class PitchEngine: StreamingEngine {
    public struct Settings: BitwiseCopyable, Sendable {
        /// Every how many base frames one is computed: 1, 2, 4 or 8 for hops of 2.5, 5, 10 and 20 ms.
        public var stride: Int
        /// Range of the fundamental, Hz.
        public var lowest: Float
        public var highest: Float
        /// Of the polyphonic model, whose notes are found here: confidence from which a note begins (0 … 1), and the level under which
        /// nothing is a note (dBFS).
        public var confidence: Float
        public var gate: Float

        public init(
            stride: Int = 4, lowest: Float = 31.7, highest: Float = 2006, confidence: Float = 0.5, gate: Float = -90
        ) {
            self.stride = stride
            self.lowest = lowest
            self.highest = highest
            self.confidence = confidence
            self.gate = gate
        }
    }

    public static var modelRate: Int { CREPE.sampleRate }
    /// Samples at 16 kHz between base frames.
    public static var baseHop: Int { 40 }
    /// The longest look back of any model.
    static var window: Int { PolyphonicWeights.frameLength }
    /// Half the length over which a frame's level is measured, in samples at 16 kHz.
    private static var levelReach: Int { 256 }

    public let sampleRate: Int
    public let maximumBatch: Int
    public let model: PitchModel?
    private let crepe: CREPE?
    private let own: PitchNetwork?
    private let polyphonic: PolyphonicNetwork?
    /// Of the own networks: the step that comes next, and the last estimate.
    private var nextStep = 0
    private var lastEstimate: PitchNetwork.Estimate?
    private var chords = ChordDecoder()
    private let resampler: Resampler
    /// The last `capacity` samples at 16 kHz; `signalEnd` counts all samples ever made.
    private let signal: UnsafeMutablePointer<Float>
    private static var capacity: Int { 16_384 }
    /// Samples that stay when the buffer is full: a whole batch of windows at a hop of 20 ms.
    private static var kept: Int { 8192 }
    /// Most frames, up to 16, that can be computed together: the first one's window must still be there with the last one's.
    static func longestBatch(stride: Int) -> Int {
        max(1, min(16, 1 + (kept - PitchNetworkWeights.frameLength - feedPiece) / (stride * baseHop)))
    }
    /// Samples that a network's memory is given to settle when it begins in mid-stream.
    private static var settling: Int { 4800 }
    private var held = 0
    private var signalEnd = 0
    private let resampled: UnsafeMutablePointer<Float>
    private let activations: UnsafeMutablePointer<Float>
    private var decoder = CREPEDecoder()
    private var decoderLowest: Float = 31.7
    private var decoderHighest: Float = 2006

    /// Most host samples that one `feed` takes at a time internally.
    private static var feedPiece: Int { 512 }

    /// - Parameters:
    ///   - model: may be shared by any number of engines; `nil` (no model yet) estimates nothing.
    ///   - sampleRate: the host's, in Hz.
    ///   - maximumBatch: frames computed at once, 1 to 16 (offline; a live stream computes one at a time).
    public init(model: PitchModel?, sampleRate: Int, maximumBatch: Int = 1) throws(ModelError) {
        self.sampleRate = sampleRate
        self.maximumBatch = min(max(1, maximumBatch), 16)
        self.model = model
        switch model?.network {
        case .crepe(let weights): (crepe, own, polyphonic) = (try CREPE(weights: weights, maximumBatch: self.maximumBatch), nil, nil)
        case .own(let weights): (crepe, own, polyphonic) = (nil, try PitchNetwork(weights: weights), nil)
        case .polyphonic(let weights): (crepe, own, polyphonic) = (nil, nil, try PolyphonicNetwork(weights: weights))
        case nil: (crepe, own, polyphonic) = (nil, nil, nil)
        }
        resampler = Resampler(from: sampleRate, to: Self.modelRate)
        signal = allocateZeroed(Float.self, Self.capacity + Self.window)
        resampled = allocateZeroed(Float.self, resampler.maximumOutput(for: Self.feedPiece))
        activations = allocateZeroed(Float.self, CREPE.bins * self.maximumBatch)
        reset()
    }

    deinit {
        cr_free(signal)
        cr_free(resampled)
        cr_free(activations)
    }

    /// Where the frames lie on the host's time axis.
    ///
    /// - Parameters:
    ///   - delay: the model's (`PitchModel.delay`)
    ///   - inferenceBudget: seconds that a frame may take
    public static func timing(sampleRate: Int, delay: Int, inferenceBudget: Double) -> StreamTiming {
        StreamTiming(
            hopNumerator: baseHop * sampleRate, hopDenominator: modelRate,
            lookahead: lookahead(sampleRate: sampleRate, delay: delay),
            inferenceBudget: Int(cr_ceil_f64(inferenceBudget * Double(sampleRate))))
    }

    /// Host samples after its time that an estimate has to hear.
    package static func lookahead(sampleRate: Int, delay: Int) -> Int {
        // The last of the `delay` samples at 16 kHz from its time on, which the resampler makes once it has heard `reach` further.
        let reach = Resampler(from: sampleRate, to: modelRate).reach
        return ((delay - 1) * sampleRate + modelRate - 1) / modelRate + reach + 1
    }

    // MARK: StreamingEngine

    public func feed(_ input: UnsafePointer<Float>, count: Int) {
        var done = 0
        while done < count {
            let piece = min(count - done, Self.feedPiece)
            append(resampler.process(input + done, count: piece, into: resampled))
            done += piece
        }
    }

    public func infer(frame: Int, settings: Settings) -> PitchFrame {
        var result = PitchFrame(
            index: PitchFrame.leftOut, frequency: 0, confidence: 0, level: PitchFrame.silence)
        guard frame >= 0, frame % max(1, settings.stride) == 0 else { return result }
        infer(first: frame, count: 1, settings: settings) { result = $0 }
        return result
    }

    /// Computes `count` frames, `settings.stride` base frames apart from `first` on, whose input has all been fed. At most
    /// `maximumBatch`.
    func infer(first: Int, count: Int, settings: Settings, _ body: (PitchFrame) -> Void) {
        var index = first
        estimate(at: first * Self.baseHop, hop: settings.stride * Self.baseHop, count: count, settings: settings) { estimate in
            var frame = estimate
            frame.index = index
            index += settings.stride
            body(frame)
        }
    }

    /// The pitch at sample `time` (16 kHz), for callers with a grid of their own. Its window's second half has all been fed. The
    /// frame has no index.
    package func estimate(at time: Int, settings: Settings) -> PitchFrame {
        var result = PitchFrame(index: 0, frequency: 0, confidence: 0, level: PitchFrame.silence)
        estimate(at: time, hop: Self.baseHop, count: 1, settings: settings) { result = $0 }
        return result
    }

    /// `count` estimates, `hop` samples apart from `time` on.
    private func estimate(at time: Int, hop: Int, count: Int, settings: Settings, _ body: (PitchFrame) -> Void) {
        if let crepe { return estimate(crepe, at: time, hop: hop, count: count, settings: settings, body) }
        for index in 0..<count {
            let time = time + index * hop
            var result = PitchFrame(index: 0, frequency: 0, confidence: 0, level: level(around: time))
            if let own, let estimate = advance(own, to: time, settings), result.level > -100 {
                result.frequency = estimate.frequency
                result.confidence = estimate.confidence
                result.onset = estimate.onset
            }
            if let polyphonic { hear(polyphonic, time, settings, &result) }
            body(result)
        }
    }

    private func estimate(
        _ crepe: CREPE, at time: Int, hop: Int, count: Int, settings: Settings, _ body: (PitchFrame) -> Void
    ) {
        let window = CREPE.windowSize
        let start = time - window / 2 - (signalEnd - held)
        // Only an overload can leave a window out of reach.
        let inReach = count <= maximumBatch && start >= 0 && start + (count - 1) * hop + window <= held
        if settings.lowest != decoderLowest || settings.highest != decoderHighest {
            decoderLowest = settings.lowest
            decoderHighest = settings.highest
            decoder = CREPEDecoder(lowest: decoderLowest, highest: decoderHighest)
        }
        // Silence has no pitch, and normalising it to unit variance would make one of its last bit.
        var sounding = false
        if inReach {
            for index in 0..<count where level(signal + start + index * hop, window) > -100 { sounding = true }
            if sounding { crepe.activations(samples: signal + start, hop: hop, count: count, into: activations) }
        }
        for index in 0..<count {
            var result = PitchFrame(index: 0, frequency: 0, confidence: 0, level: PitchFrame.silence)
            if inReach {
                result.level = level(around: time + index * hop)
                if sounding && level(signal + start + index * hop, window) > -100 {
                    let pitch = decoder.decode(activations + index * CREPE.bins)
                    result.frequency = pitch.frequency
                    result.confidence = pitch.confidence
                }
            }
            body(result)
        }
    }

    /// Takes the network's steps up to that of `time`, and gives its estimate; `nil` where the sound is not there (yet, or any more).
    private func advance(_ network: PitchNetwork, to time: Int, _ settings: Settings) -> PitchNetwork.Estimate? {
        let hop = network.weights.hop, delay = network.weights.delay, length = PitchNetworkWeights.frameLength
        let wanted = Self.step(time, hop)
        guard wanted * hop + delay <= signalEnd else { return nil }
        if isOutOfReach(wanted, hop, delay, length) {
            network.reset()
            lastEstimate = nil
        }
        while nextStep <= wanted {
            lastEstimate = network.step(
                signal + (nextStep * hop + delay - length - (signalEnd - held)), lowest: settings.lowest, highest: settings.highest)
            nextStep += 1
        }
        return lastEstimate
    }

    /// The same with the polyphonic network, whose notes go into the frame, with the lowest one's pitch as the frame's.
    private func hear(_ network: PolyphonicNetwork, _ time: Int, _ settings: Settings, _ result: inout PitchFrame) {
        let hop = network.weights.hop, delay = network.weights.delay, length = PolyphonicWeights.frameLength
        let wanted = Self.step(time, hop)
        guard wanted * hop + delay <= signalEnd else { return }
        if isOutOfReach(wanted, hop, delay, length) {
            network.reset()
            chords = ChordDecoder()
        }
        let decoding = Self.decoding(settings)
        chords.forgetStrikes()
        while nextStep <= wanted {
            network.step(signal + (nextStep * hop + delay - length - (signalEnd - held)))
            chords.advance(
                onsets: network.onsets.base, notes: network.notes.base, levels: network.levels.base, stride: hop / Self.baseHop,
                settings: decoding)
            nextStep += 1
        }
        result.isPolyphonic = true
        result.chord = chords.chord
        guard result.level > -100 else { return }
        for p in 0..<PolyphonicWeights.positions {
            let key = PolyphonicWeights.lowestKey + p
            guard key >= decoding.lowest, key <= decoding.highest else { continue }
            result.onset = max(result.onset, network.onsets.base[p])
            if result.frequency == 0 { result.confidence = max(result.confidence, network.notes.base[p]) }
            if result.frequency == 0, result.chord.sounds(key) {
                result.frequency = 440 * cr_exp2((network.pitch(at: p) - 69) / 12)
                result.confidence = network.notes.base[p]
            }
        }
    }

    /// The polyphonic decoder's settings: a confidence of one half stands for the onset threshold that was found best, and others lie as
    /// far from it in odds.
    static func decoding(_ settings: Settings) -> ChordDecoder.Settings {
        var decoding = ChordDecoder.Settings()
        let best = decoding.onset / (1 - decoding.onset), asked = max(0.001, min(0.999, settings.confidence))
        let odds = best * asked / (1 - asked)
        decoding.onset = odds / (1 + odds)
        decoding.gate = settings.gate
        decoding.lowest = max(0, Int(cr_floor(69 + 12 * cr_log2(max(8, settings.lowest) / 440) + 0.5)))
        decoding.highest = min(127, Int(cr_floor(69 + 12 * cr_log2(max(8, settings.highest) / 440) + 0.5)))
        return decoding
    }

    /// The last step at or before that time. A step's frame ends `delay` after its time.
    private static func step(_ time: Int, _ hop: Int) -> Int { (time >= 0 ? time : time - hop + 1) / hop }

    /// After an overload, or in mid-stream from the beginning, the next step's frame is not held any more: steps then begin anew, with as
    /// much of the past as a network's memory needs.
    private func isOutOfReach(_ wanted: Int, _ hop: Int, _ delay: Int, _ length: Int) -> Bool {
        // The oldest whose frame is still held.
        let earliest = signalEnd - held + length - delay
        guard nextStep * hop < earliest else { return false }
        nextStep = max((earliest + hop - 1) / hop, wanted - Self.settling / hop)
        return true
    }

    public func reset() {
        resampler.reset()
        // The first frames look back before the first sample: there is silence.
        held = Self.window
        signalEnd = 0
        lastEstimate = nil
        if let own {
            own.reset()
            // The first step that hears anything.
            nextStep = -((own.weights.delay - 1) / own.weights.hop)
        }
        if let polyphonic {
            polyphonic.reset()
            chords = ChordDecoder()
            nextStep = -((polyphonic.weights.delay - 1) / polyphonic.weights.hop)
        }
        cr_zero(signal, Self.capacity * MemoryLayout<Float>.stride)
    }

    public func takeOver(from previous: PitchEngine) {
        guard previous.sampleRate == sampleRate else { return }
        resampler.copyState(from: previous.resampler)
        held = previous.held
        signalEnd = previous.signalEnd
        cr_move(signal, previous.signal, Self.capacity * MemoryLayout<Float>.stride)
        // Its own steps begin with what is there of the past.
        nextStep = Int.min / 65_536
    }

    // MARK: Signal at 16 kHz

    private func append(_ count: Int) {
        if held + count > Self.capacity {
            cr_move(signal, signal + (held - Self.kept), Self.kept * MemoryLayout<Float>.stride)
            held = Self.kept
        }
        for index in 0..<count {
            // What is no sound would stay in a network's memory for ever.
            let sample = resampled[index]
            signal[held + index] = abs(sample) < 1e4 ? sample : 0
        }
        held += count
        signalEnd += count
    }

    /// The level of the 32 ms around sample `time`, or of as much of them as the model waits for.
    private func level(around time: Int) -> Float {
        let first = max(0, time - Self.levelReach - (signalEnd - held))
        let end = min(held, time + min(Self.levelReach, model?.delay ?? Self.levelReach) - (signalEnd - held))
        return end > first ? level(signal + first, end - first) : PitchFrame.silence
    }

    private func level(_ samples: UnsafePointer<Float>, _ count: Int) -> Float {
        var sums = SIMD16<Float>.zero
        var index = 0
        while index + 16 <= count {
            let x = UnsafeRawPointer(samples + index).loadUnaligned(as: SIMD16<Float>.self)
            sums += x * x
            index += 16
        }
        var sum = sums.sum()
        while index < count {
            sum += samples[index] * samples[index]
            index += 1
        }
        let meanSquare = sum / Float(count)
        // The limit also holds what overflows.
        return meanSquare > 1e-12 ? min(PitchFrame.loudest, 10 * cr_log10(meanSquare)) : PitchFrame.silence
    }
}
