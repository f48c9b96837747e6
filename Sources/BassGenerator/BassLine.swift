/// A take's line as it is to sound: pitch and loudness 125 times a second (step i around 8·i + 4 ms), and the notes in it.
public final class BassLine: Sendable {
    /// MIDI note numbers with fraction; 0 where nothing sounds.
    public let pitch: [Float]
    /// K-weighted loudness, dB.
    public let loudness: [Float]
    /// In order of time; no two sound at once.
    public let notes: [BassNote]
    /// `pitch` without gaps: where nothing sounds the last pitch stays.
    private let held: [Float]

    public init(pitch: [Float], loudness: [Float], notes: [BassNote]) {
        self.pitch = pitch
        self.loudness = loudness
        self.notes = notes
        // Before the first note its pitch, and without any C2.
        var last: Float = 36
        for value in pitch where value > 0 {
            last = value
            break
        }
        var held: [Float] = []
        held.reserveCapacity(pitch.count)
        for value in pitch {
            if value > 0 { last = value }
            held.append(last)
        }
        self.held = held
    }

    /// dB: where nothing sounds, the sound is no louder.
    public static var pause: Float { -60 }

    /// Pitch and loudness at control frame `frame`, at 4·frame ms. Between two steps they go in straight lines, but a leap of half a
    /// semitone or more is made half-way.
    ///
    /// - Parameter pausing: whether pauses are kept (`pause`); the line head alone lets a faint sound through
    public func control(at frame: Int, pausing: Bool = true) -> (pitch: Float, loudness: Float) {
        guard held.count > 1 else { return (held.first ?? 36, max(loudness.first ?? -90, -90)) }
        let place = min(max(Float(frame - 1) / 2, 0), Float(held.count - 1))
        let low = min(Int(place), held.count - 2)
        let part = place - Float(low)
        let a = held[low], b = held[low + 1]
        var first = loudness[low], second = loudness[low + 1]
        if pausing {
            if pitch[low] == 0 { first = min(first, Self.pause) }
            if pitch[low + 1] == 0 { second = min(second, Self.pause) }
        }
        let level = first * (1 - part) + second * part
        let isSmooth = abs(a - b) < 0.5
        return (isSmooth ? a * (1 - part) + b * part : part < 0.5 ? a : b, max(level, -90))
    }
}
