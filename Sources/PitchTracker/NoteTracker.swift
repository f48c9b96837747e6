import CRealtime

/// What the note tracker decided.
public struct NoteEvent: BitwiseCopyable, Sendable, Equatable {
    public enum Kind: UInt8, BitwiseCopyable, Sendable {
        case on, off, bend
    }
    public var kind: Kind
    /// MIDI note, 0 … 127.
    public var note: UInt8
    /// `on`: velocity, 1 … 127.
    public var velocity: UInt8
    /// `bend`: 14-bit MIDI pitch bend, 0 … 16383, 8192 in the middle.
    public var bend: UInt16
    /// The base frame at which the sound did what the event says; the event itself comes a few frames later, when it is certain.
    public var frame: Int
}

/// The events of one frame, in order: at most four come together (off, bend, on, bend), so they need no memory of their own.
public struct NoteEvents: BitwiseCopyable, Sendable {
    private var events = InlineArray<6, NoteEvent>(repeating: NoteEvent(kind: .off, note: 0, velocity: 0, bend: 0, frame: 0))
    public private(set) var count = 0

    public init() {}
    public subscript(index: Int) -> NoteEvent { events[index] }

    mutating func append(_ event: NoteEvent) {
        guard count < 6 else { return }
        events[count] = event
        count += 1
    }
}

/// From pitch frames to notes: a state machine that waits just long enough to be sure.
///
/// A note begins when confidence and level have been over their thresholds, and the pitch steady, for `minimumNote`. It ends when
/// they have been under the lower thresholds (hysteresis) for a moment. It gives way to another when the pitch has settled more
/// than half a semitone and a margin away: vibrato passes that line but does not settle beyond it. A jump of an octave (or of a
/// twelfth, or two octaves) without a new attack is most likely the estimator's slip, and must last much longer to be believed. A
/// rise in level within a steady note is a new attack of the same note.
///
/// Everything is counted in time, not frames, so that it works the same at every hop. Steps are bounded, nothing is allocated: it
/// runs on the audio thread.
public struct NoteTracker: BitwiseCopyable, Sendable {
    public struct Settings: BitwiseCopyable, Sendable, Equatable {
        /// Confidence at which a note may begin, 0 … 1.
        public var confidence: Float = 0.5
        /// By how much confidence may fall below that before the note ends, 0 … 1.
        public var hysteresis: Float = 0.2
        /// Level under which nothing is a note, dBFS.
        public var gate: Float = -55
        /// Shortest note, ms.
        public var minimumNote: Float = 40
        /// Frequency of A4, Hz.
        public var a4: Float = 440
        /// Pitch bend range either way in semitones; 0 sends no bends.
        public var bendRange: Float = 2

        public init() {}
    }

    public var settings = Settings()

    /// Pitch of the last frame that had one, in MIDI note numbers with fraction; 0 before the first.
    public private(set) var pitch: Float = 0
    /// The sounding note, or −1.
    public private(set) var note: Int = -1

    /// Pitches of the latest voiced frames, newest first, and how many there are.
    private var recent = SIMD16<Float>.zero
    private var recentCount = 0
    private var candidateFrames = 0
    private var candidateStart = 0
    private var unvoicedSince = -1
    private var noteStart = 0
    private var lastBend: UInt16 = 8192
    /// Levels of the latest frames, newest first (about 100 ms), for attacks.
    private var levels = SIMD16<Float>(repeating: -120)
    private var attackFrame = -1_000_000

    public init() {}

    /// What makes a rise in level an attack, dB.
    private static var attackRise: Float { 5 }
    /// A pitch that moves less than this within the window counts as settled, semitones.
    private static var steady: Float { 0.45 }
    /// How far beyond half a semitone the pitch must settle to be another note.
    private static var margin: Float { 0.1 }
    /// How much longer than others a jump by an octave must last.
    private static var slipPatience: Int { 4 }

    /// Takes the next frame, `stride` base frames after the one before, and returns what follows from it.
    public mutating func advance(_ frame: PitchFrame, stride: Int) -> NoteEvents {
        var events = NoteEvents()
        advance(frame, stride, &events)
        return events
    }

    private mutating func advance(_ frame: PitchFrame, _ stride: Int, _ events: inout NoteEvents) {
        let milliseconds = 2.5 * Float(stride)
        levels.shift(frame.level)
        detectAttack(frame, stride)
        let threshold = note >= 0 ? settings.confidence - settings.hysteresis : settings.confidence
        let gate = note >= 0 ? settings.gate - 6 : settings.gate
        let voiced = frame.frequency > 0 && frame.confidence >= threshold && frame.level >= gate
        guard voiced else {
            recentCount = 0
            candidateFrames = 0
            if note >= 0 {
                if unvoicedSince < 0 { unvoicedSince = frame.index }
                if Float(frame.index - unvoicedSince + stride) * 2.5 >= Self.releaseMilliseconds {
                    end(unvoicedSince, &events)
                }
            }
            return
        }
        unvoicedSince = -1
        let exact = 69 + 12 * cr_log2(frame.frequency / settings.a4)
        pitch = exact
        recent.shift(exact)
        recentCount = min(recentCount + 1, 16)
        let needed = max(2, min(12, Int(settings.minimumNote / milliseconds + 0.5)))

        if note < 0 {
            guard recentCount >= needed, spread(needed) < Self.steady * 2 else { return }
            let centre = median(needed)
            begin(nearest(centre), exact, frame.index - (needed - 1) * stride, &events)
            return
        }

        // Another note?
        let away = abs(exact - Float(note))
        if away > 0.5 + Self.margin {
            if candidateFrames == 0 { candidateStart = frame.index }
            candidateFrames += 1
            var patience = needed
            if isSlip(away) && frame.index - attackFrame > Int(80 / 2.5) { patience = needed * Self.slipPatience }
            if candidateFrames >= patience && recentCount >= needed && spread(needed) < Self.steady {
                let settled = nearest(median(needed))
                if settled != note {
                    let start = frame.index - (patience == needed ? needed - 1 : candidateFrames - 1) * stride
                    end(start, &events)
                    begin(settled, exact, start, &events)
                }
            }
        } else {
            candidateFrames = 0
            // The same note struck again.
            if attackFrame > noteStart + Int(max(60, settings.minimumNote) / 2.5) && attackFrame > frame.index - 2 * stride {
                let start = attackFrame
                let again = note
                end(start, &events)
                begin(again, exact, start, &events)
            }
        }
        sendBend(exact, frame.index, &events)
    }

    /// Ends the sounding note, if there is one.
    public mutating func stop(at frame: Int) -> NoteEvents {
        var events = NoteEvents()
        if note >= 0 { end(frame, &events) }
        recentCount = 0
        candidateFrames = 0
        return events
    }

    // MARK: Parts

    private static var releaseMilliseconds: Float { 30 }

    private mutating func begin(_ newNote: Int, _ exact: Float, _ frame: Int, _ events: inout NoteEvents) {
        note = newNote
        noteStart = frame
        unvoicedSince = -1
        candidateFrames = 0
        // The bend first: the note then starts in tune.
        sendBend(exact, frame, &events)
        events.append(NoteEvent(kind: .on, note: UInt8(newNote), velocity: velocity, bend: 8192, frame: frame))
    }

    private mutating func end(_ frame: Int, _ events: inout NoteEvents) {
        events.append(NoteEvent(kind: .off, note: UInt8(note), velocity: 0, bend: 8192, frame: frame))
        note = -1
        unvoicedSince = -1
        candidateFrames = 0
    }

    private mutating func sendBend(_ exact: Float, _ frame: Int, _ events: inout NoteEvents) {
        guard note >= 0, settings.bendRange > 0 else { return }
        let offset = (exact - Float(note)) / settings.bendRange
        let bend = UInt16(max(0, min(16383, cr_round(8192 + 8192 * offset))))
        guard bend != lastBend else { return }
        lastBend = bend
        events.append(NoteEvent(kind: .bend, note: UInt8(note), velocity: 0, bend: bend, frame: frame))
    }

    /// From the loudest of the latest frames: −48 dBFS and less gives 1, 0 dBFS 127.
    private var velocity: UInt8 {
        var loudest: Float = -120
        for index in 0..<6 { loudest = max(loudest, levels[index]) }
        return UInt8(max(1, min(127, cr_round(127 + loudest * (126.0 / 48)))))
    }

    private mutating func detectAttack(_ frame: PitchFrame, _ stride: Int) {
        // Compared with the quietest of the last 60 ms or so.
        let reach = max(2, min(15, 24 / max(1, stride)))
        var quietest: Float = 0
        for index in 1...reach { quietest = min(quietest, levels[index]) }
        if frame.level > settings.gate && frame.level - quietest > Self.attackRise
            && frame.index - attackFrame > Int(80 / 2.5)
        {
            attackFrame = frame.index
        }
    }

    private func nearest(_ pitch: Float) -> Int { max(0, min(127, Int(cr_round(pitch)))) }

    private func isSlip(_ interval: Float) -> Bool {
        abs(interval - 12) < 0.5 || abs(interval - 19) < 0.5 || abs(interval - 24) < 0.5
    }

    private func spread(_ count: Int) -> Float {
        var low = recent[0], high = recent[0]
        for index in 1..<max(2, count) {
            low = min(low, recent[index])
            high = max(high, recent[index])
        }
        return high - low
    }

    private func median(_ count: Int) -> Float {
        var sorted = recent
        for i in 1..<max(2, count) {
            var j = i
            while j > 0 && sorted[j - 1] > sorted[j] {
                let swap = sorted[j]
                sorted[j] = sorted[j - 1]
                sorted[j - 1] = swap
                j -= 1
            }
        }
        return sorted[count / 2]
    }
}

extension SIMD16<Float> {
    /// Puts `value` in front; the last one falls out.
    fileprivate mutating func shift(_ value: Float) {
        for index in stride(from: 15, to: 0, by: -1) { self[index] = self[index - 1] }
        self[0] = value
    }
}
