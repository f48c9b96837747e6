/// From the polyphonic model's frames to note events: what changes from one frame to the next.
///
/// Each frame says all that sounds, so a frame that never came (an overload) costs no note its end. Steps are bounded, nothing is
/// allocated: it runs on the audio thread.
public struct ChordTracker: BitwiseCopyable, Sendable {
    /// What sounds now.
    public private(set) var sounding = SIMD2<UInt64>()
    private var wanted = Chord()
    private var frame = 0
    private var releaseFrame = 0
    private var nextStrike = 0
    private var nextKey = 0
    private var isAgain = false

    public init() {}

    public var isSounding: Bool { sounding.x | sounding.y != 0 }

    /// Takes the next frame; `next` then gives its events one by one.
    public mutating func take(_ frame: PitchFrame, stride: Int) {
        wanted = frame.chord
        self.frame = frame.index
        releaseFrame = frame.index - (ChordDecoder.release - 1) * stride
        nextStrike = 0
        nextKey = 0
        isAgain = false
    }

    /// Ends all that sounds: `next` then gives the ends.
    public mutating func stop(at frame: Int) {
        wanted = Chord()
        self.frame = frame
        releaseFrame = frame
        nextStrike = 0
        nextKey = 0
        isAgain = false
    }

    /// The next event of the frame: ends first, then beginnings. `nil`: there are no more.
    public mutating func next() -> NoteEvent? {
        while nextKey < 128 {
            let key = nextKey
            nextKey += 1
            if Self.has(sounding, key), !Self.has(wanted.sounding, key) {
                set(key, false)
                return NoteEvent(kind: .off, note: UInt8(key), velocity: 0, bend: 8192, frame: releaseFrame)
            }
        }
        while nextStrike < wanted.strikeCount {
            let strike = wanted[nextStrike], key = Int(strike.key)
            let start = max(0, frame + Int(strike.offset))
            // A string that is struck again ends first.
            if Self.has(sounding, key), !isAgain {
                isAgain = true
                return NoteEvent(kind: .off, note: strike.key, velocity: 0, bend: 8192, frame: start)
            }
            isAgain = false
            nextStrike += 1
            // One that is over already (at a coarse hop) is none.
            guard Self.has(wanted.sounding, key) else { continue }
            set(key, true)
            return NoteEvent(kind: .on, note: strike.key, velocity: strike.velocity, bend: 8192, frame: start)
        }
        // What sounds though its beginning was never told.
        while nextKey < 256 {
            let key = nextKey - 128
            nextKey += 1
            if Self.has(wanted.sounding, key), !Self.has(sounding, key) {
                set(key, true)
                return NoteEvent(kind: .on, note: UInt8(key), velocity: 64, bend: 8192, frame: frame)
            }
        }
        return nil
    }

    private mutating func set(_ key: Int, _ sounds: Bool) {
        let bit = UInt64(1) << UInt64(key & 63)
        if key < 64 {
            sounding.x = sounds ? sounding.x | bit : sounding.x & ~bit
        } else {
            sounding.y = sounds ? sounding.y | bit : sounding.y & ~bit
        }
    }

    private static func has(_ keys: SIMD2<UInt64>, _ key: Int) -> Bool {
        (key < 64 ? keys.x : keys.y) >> UInt64(key & 63) & 1 == 1
    }
}
