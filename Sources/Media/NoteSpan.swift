/// A note, as files and pictures want it.
public struct NoteSpan: Equatable, Sendable {
    /// Seconds from the beginning.
    public var start: Double
    public var end: Double
    /// MIDI key, 0 to 127; 69 is A4.
    public var key: Int
    /// 1 to 127.
    public var velocity: Int

    public init(start: Double, end: Double, key: Int, velocity: Int) {
        self.start = start
        self.end = end
        self.key = key
        self.velocity = velocity
    }

    /// The key's name with its octave, middle C being C4: "F♯3".
    public static func name(key: Int) -> String {
        let names = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
        let pitchClass = (key % 12 + 12) % 12
        return names[pitchClass] + String((key - pitchClass) / 12 - 1)
    }
}
