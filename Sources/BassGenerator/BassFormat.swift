import CRealtime

/// The sizes and times that the models of training/bass are made for.
public enum BassFormat {
    /// Sample rate of all analysis, Hz (mono).
    public static var analysisRate: Int { 24_000 }
    /// Samples at that rate of a latent frame: 48 ms, 20.83 frames a second.
    public static var frameLength: Int { 1152 }
    /// Seconds of a latent frame.
    public static var frameSeconds: Double { 0.048 }

    /// The frames whose centres lie between two times, seconds.
    public static func frames(from: Double, to: Double) -> Range<Int> {
        func first(_ time: Double) -> Int { max(0, Int(cr_floor_f64(max(-1e6, min(1e9, time)) / frameSeconds + 0.5 - 1e-9))) }
        let start = first(from)
        return start..<max(start, first(to))
    }

    /// What the networks hear of a latent frame: two rows of tonal bands, then four of rhythm bands.
    public static var features: Int { tonalRows * tonalBands + rhythmRows * rhythmBands }
    public static var tonalBands: Int { 144 }
    public static var tonalRows: Int { 2 }
    public static var rhythmBands: Int { 32 }
    public static var rhythmRows: Int { 4 }

    /// Numbers of a latent frame: the line (pitch, onsets, loudness, articulation), then the timbre.
    public static var latents: Int { line + timbre }
    public static var line: Int { 16 }
    public static var timbre: Int { 8 }

    /// Steps of the line in a latent frame: 8 ms each, step i of a take around 8·i + 4 ms.
    public static var steps: Int { 6 }
    public static var stepSeconds: Double { 0.008 }
    /// The line's pitches: MIDI notes 23 (B0) … 67 (G4).
    public static var lowestNote: Int { 23 }
    public static var notes: Int { 45 }

    /// Control frames of the sound in a latent frame: 4 ms each, frame n of a take at 4·n ms.
    public static var controlFrames: Int { 12 }

    /// What a beat's place is told by: sine and cosine of the phases of beat, bar and half beat, and 1.
    public static var beatFeatures: Int { 7 }
    /// What a chord is told by: its root (one of 12), its tones (any of 12), and 1.
    public static var chordFeatures: Int { 25 }
}
