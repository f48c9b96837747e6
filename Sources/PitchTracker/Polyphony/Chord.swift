/// What the polyphonic model's notes do in one frame.
public struct Chord: BitwiseCopyable, Sendable, Equatable {
    /// A note that has begun.
    public struct Strike: BitwiseCopyable, Sendable, Equatable {
        /// MIDI key, 0 … 127.
        public var key: UInt8
        /// 1 … 127.
        public var velocity: UInt8
        /// Base frames from the frame to the note's beginning: below 0, as a beginning is known a little later.
        public var offset: Int8
    }

    /// Bit k of the first element: key k sounds; of the second: key 64 + k.
    public var sounding = SIMD2<UInt64>()
    /// How many notes have begun since the last frame, of which at most 16 are told apart.
    public private(set) var strikeCount = 0
    private var strikes = InlineArray<16, Strike>(repeating: Strike(key: 0, velocity: 0, offset: 0))

    public init() {}

    public subscript(index: Int) -> Strike { strikes[index] }

    public func sounds(_ key: Int) -> Bool { sounding[key >> 6] >> UInt64(key & 63) & 1 == 1 }

    mutating func set(_ key: Int, sounds: Bool) {
        let bit = UInt64(1) << UInt64(key & 63)
        if sounds { sounding[key >> 6] |= bit } else { sounding[key >> 6] &= ~bit }
    }

    mutating func append(_ strike: Strike) {
        guard strikeCount < 16 else { return }
        strikes[strikeCount] = strike
        strikeCount += 1
    }

    /// Forgets the strikes; what sounds goes on. Where they are `later` base frames ago, they stay and are that much older.
    mutating func move(on later: Int) {
        for index in 0..<strikeCount { strikes[index].offset = Int8(max(-128, Int(strikes[index].offset) - later)) }
    }

    mutating func forgetStrikes() { strikeCount = 0 }

    public static func == (a: Chord, b: Chord) -> Bool {
        guard a.sounding == b.sounding, a.strikeCount == b.strikeCount else { return false }
        for index in 0..<a.strikeCount where a.strikes[index] != b.strikes[index] { return false }
        return true
    }
}
