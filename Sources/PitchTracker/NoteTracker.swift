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
/// A note begins when confidence and level are over their thresholds and the pitch has been steady for `minimumNote`; a pitch that
/// will not be steady (a scoop, a wide vibrato) makes it wait a little longer, not for ever. It ends when they have been under the
/// lower thresholds (hysteresis) for a moment. It gives way to another when the pitch has settled more than half a semitone and
/// a margin away: vibrato passes that line but does not settle beyond it, so without a new attack a near pitch must be
/// steady for longer than half a period of vibrato. A jump of an octave, a twelfth or two octaves without a new attack is most
/// likely the estimator's slip, and must last longer still. A rise in level after a fall, within a note, is a new attack
/// of the same pitch; so is what the model is sure to be a beginning.
///
/// Events carry the frame at which the sound changed, which is some frames before the one at which that became certain: offline
/// they are put there, live they come at once.
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
        public var minimumNote: Float = 50
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

    /// Pitches of the latest voiced frames, newest first, and how many such frames there have been without a break.
    private var recent = History(repeating: 0)
    private var recentCount = 0
    private var voicedStart = 0
    private var gapStart = -1
    private var lastVoiced = -1
    private var lastSilent = -1
    private var candidateStart = -1
    private var unvoicedSince = -1
    private var noteStart = 0
    private var lastEnd = Int.min / 2
    private var lastBend: UInt16 = 8192
    /// Levels of the latest frames, newest first.
    private var levels = History(repeating: -120)
    private var attackFrame = Int.min / 2
    /// The last frame in which the model took a note to begin, and whether it tells such things.
    private var onsetFrame = Int.min / 2
    private var tellsOnsets = false
    private var lastOnset: Float = 0
    /// The loudest since the note's (or its last attack's) beginning, and the quietest since that.
    private var peak: Float = -120
    private var dip: Float = -120

    private typealias History = InlineArray<40, Float>

    public init() {}

    /// What makes a rise in level an attack, dB, within `attackWindow`.
    private static var attackRise: Float { 4 }
    private static var attackWindow: Float { 60 }
    /// How far the level must have fallen within a note before a rise can be a new attack, dB.
    private static var attackFall: Float { 4 }
    /// An attack speaks for pitches that begin up to this much later, ms.
    private static var attackReach: Float { 100 }
    /// A pitch that moves less than this is steady, semitones.
    private static var steady: Float { 0.45 }
    /// The same for a note that begins: a scoop or glide into it is not the note.
    private static var steadyStart: Float { 0.3 }
    /// How long an unsteady pitch may keep a note from beginning, ms.
    private static var longestScoop: Float { 130 }
    /// How far beyond half a semitone the pitch must settle to be another note.
    private static var margin: Float { 0.1 }
    /// How long a near pitch (under 2.5 semitones) must be steady without a new attack: longer than vibrato stays at a peak, ms.
    private static var vibratoPatience: Float { 90 }
    /// How long a jump by an octave or twelfth without a new attack must last, ms.
    private static var slipPatience: Float { 140 }
    private static var release: Float { 30 }
    /// How much later than the change itself a pitch shows where no attack tells the moment: the new sound must outweigh the old
    /// in the network's window, ms.
    private static var pitchLag: Float { 20 }
    /// The same note is not struck twice within this, ms.
    private static var shortestRepeat: Float { 120 }
    /// Probability from which the model is believed that a note begins; and how long before the rise in level it may say so, ms.
    private static var likelyOnset: Float { 0.16 }
    /// Probability from which the model's word is an attack by itself, without a rise in level: notes that are bowed or sung anew.
    private static var sureOnset: Float { 0.35 }
    private static var onsetLead: Float { 60 }
    /// How long after a note's beginning the model may still be speaking of that, ms.
    private static var onsetEcho: Float { 60 }
    /// A gap in voicing up to this long before a new pitch belongs to it, ms.
    private static var transition: Float { 60 }

    /// Takes the next frame, `stride` base frames after the one before, and returns what follows from it.
    public mutating func advance(_ frame: PitchFrame, stride: Int) -> NoteEvents {
        var events = NoteEvents()
        advance(frame, stride, &events)
        return events
    }

    private mutating func advance(_ frame: PitchFrame, _ stride: Int, _ events: inout NoteEvents) {
        let milliseconds = 2.5 * Float(stride)
        detectAttack(frame, milliseconds)
        tellsOnsets = frame.onset >= 0
        if frame.onset >= Self.likelyOnset { onsetFrame = frame.index }
        if !(frame.level >= settings.gate) { lastSilent = frame.index }
        let threshold = note >= 0 ? settings.confidence - settings.hysteresis : settings.confidence
        let gate = note >= 0 ? settings.gate - 6 : settings.gate
        let exact = 69 + 12 * cr_log2(frame.frequency / settings.a4)
        let voiced = exact > -1 && exact < 128 && frame.confidence >= threshold && frame.level >= gate
        guard voiced else {
            recentCount = 0
            candidateStart = -1
            if gapStart < 0 { gapStart = frame.index }
            guard note >= 0 else { return }
            if unvoicedSince < 0 { unvoicedSince = frame.index }
            if Float(frame.index - unvoicedSince + stride) * 2.5 >= Self.release { end(unvoicedSince, &events) }
            return
        }
        unvoicedSince = -1
        pitch = exact
        shift(&recent, exact)
        if recentCount == 0 {
            // Between two notes that touch, a few frames have no clear pitch: the new one begins with them.
            let bridges = gapStart > lastSilent && lastVoiced >= 0 && Float(frame.index - gapStart) * 2.5 <= Self.transition
            voicedStart = bridges ? gapStart : frame.index
        }
        gapStart = -1
        lastVoiced = frame.index
        recentCount += 1

        if note < 0 {
            let needed = frames(settings.minimumNote, milliseconds)
            guard recentCount >= needed else { return }
            let waited = Float(frame.index - voicedStart) * 2.5
            guard spread(needed) < Self.steadyStart || waited > Self.longestScoop else { return }
            begin(nearest(median(needed)), exact, onset(voicedStart), &events)
            return
        }

        let away = abs(exact - Float(note))
        if away > 0.5 + Self.margin {
            if candidateStart < 0 { candidateStart = recentCount == 1 ? voicedStart : frame.index }
            // The attack that began this note says nothing about another.
            let attacked = (attackFrame > noteStart && Float(candidateStart - attackFrame) * 2.5 < Self.attackReach) || isAnnounced
            let patience =
                attacked ? settings.minimumNote
                : isSlip(away) ? Self.slipPatience
                : away < 2.5 ? max(settings.minimumNote, Self.vibratoPatience) : settings.minimumNote
            let needed = frames(patience, milliseconds)
            if Float(frame.index - candidateStart + stride) * 2.5 >= patience && recentCount >= needed
                && spread(needed) < Self.steady
            {
                let settled = nearest(median(needed))
                if settled != note {
                    let start = onset(candidateStart)
                    end(start, &events)
                    begin(settled, exact, start, &events)
                    return
                }
            }
        } else {
            candidateStart = -1
            // Struck again since it began. (The attack itself may have thrown the pitch about for a few frames.)
            // Where the model knows what a beginning sounds like, a rise in level alone is none: choirs and rooms swell.
            let needed = frames(settings.minimumNote, milliseconds)
            let isBelieved = !tellsOnsets || Float(attackFrame - onsetFrame) * 2.5 <= Self.onsetLead
            if isBelieved && Float(attackFrame - noteStart) * 2.5 > max(Self.shortestRepeat, settings.minimumNote)
                && Float(frame.index - attackFrame) * 2.5 >= settings.minimumNote && recentCount >= needed
                && spread(needed) < Self.steady
            {
                let (again, start) = (note, attackFrame)
                end(start, &events)
                begin(again, exact, start, &events)
                return
            }
        }
        sendBend(exact, frame.index, &events)
    }

    /// Ends the sounding note, if there is one.
    public mutating func stop(at frame: Int) -> NoteEvents {
        var events = NoteEvents()
        if note >= 0 { end(frame, &events) }
        recentCount = 0
        candidateStart = -1
        return events
    }

    // MARK: Parts

    private func frames(_ duration: Float, _ milliseconds: Float) -> Int {
        max(2, Int(duration / milliseconds + 0.5))
    }

    /// When the sound whose pitch is known since `start` began: at the attack shortly before, if there was one.
    private func onset(_ start: Int) -> Int {
        let attack = attackFrame
        if attack <= start && Float(start - attack) * 2.5 < Self.attackReach && attack > noteStart { return attack }
        // After silence nothing covers a note's beginning.
        guard note >= 0 || (lastEnd > lastSilent && Float(start - lastEnd) * 2.5 < Self.transition) else { return start }
        return max(noteStart + 1, start - Int(Self.pitchLag / 2.5))
    }

    private mutating func begin(_ newNote: Int, _ exact: Float, _ frame: Int, _ events: inout NoteEvents) {
        note = newNote
        noteStart = frame
        unvoicedSince = -1
        candidateStart = -1
        peak = levels[0]
        dip = peak
        // The bend first: the note then starts in tune.
        sendBend(exact, frame, &events)
        events.append(NoteEvent(kind: .on, note: UInt8(newNote), velocity: velocity, bend: 8192, frame: frame))
    }

    private mutating func end(_ frame: Int, _ events: inout NoteEvents) {
        events.append(NoteEvent(kind: .off, note: UInt8(note), velocity: 0, bend: 8192, frame: frame))
        note = -1
        lastEnd = frame
        unvoicedSince = -1
        candidateStart = -1
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

    /// Takes the frame's level, and notes in `attackFrame` that an attack has begun.
    private mutating func detectAttack(_ frame: PitchFrame, _ milliseconds: Float) {
        let level = frame.level > -120 ? frame.level : -120  // a NaN too
        let reach = frames(Self.attackWindow, milliseconds)
        var quietest: Float = 100
        for index in 0..<min(reach, 40) { quietest = min(quietest, levels[index]) }
        shift(&levels, level)
        let fallen = note < 0 || peak - dip > Self.attackFall
        if level > peak {
            peak = level
            dip = level
        }
        dip = min(dip, level)
        let isSure = note >= 0 && frame.onset >= Self.sureOnset && lastOnset < Self.sureOnset
        lastOnset = frame.onset
        let rises = level - quietest > Self.attackRise && fallen
        guard rises || isSure, level > settings.gate, Float(frame.index - attackFrame) * 2.5 > Self.attackReach else { return }
        attackFrame = frame.index
        peak = level
        dip = level
    }

    private func nearest(_ pitch: Float) -> Int { max(0, min(127, Int(cr_round(pitch)))) }

    /// Whether the model took something near the candidate's beginning, and not the sounding note's own beginning, for one.
    private var isAnnounced: Bool {
        Float(onsetFrame - noteStart) * 2.5 > Self.onsetEcho && Float(abs(candidateStart - onsetFrame)) * 2.5 < Self.onsetLead
    }

    private func isSlip(_ interval: Float) -> Bool {
        abs(interval - 12) < 0.5 || abs(interval - 19) < 0.5 || abs(interval - 24) < 0.5
    }

    /// Highest minus lowest of the latest `count` pitches, as far as they are remembered.
    private func spread(_ count: Int) -> Float {
        var low = recent[0], high = recent[0]
        for index in 1..<max(2, min(count, 40)) {
            low = min(low, recent[index])
            high = max(high, recent[index])
        }
        return high - low
    }

    private func median(_ count: Int) -> Float {
        var sorted = recent
        let count = min(count, 40)
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

    /// Puts `value` in front; the oldest falls out.
    private func shift(_ history: inout History, _ value: Float) {
        var index = 39
        while index > 0 {
            history[index] = history[index - 1]
            index -= 1
        }
        history[0] = value
    }
}
