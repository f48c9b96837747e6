/// Chords by their names: `C`, `F#m7`, `Bbmaj7`, `Gsus4`, `Dm7b5`, `A7#9`, `C/E` …
public enum ChordSymbol {
    /// What follows the root, and the semitones above it that sound: those of training/bass (charts.py) under their usual names,
    /// and some more.
    private static var qualities: [(name: StaticString, tones: UInt16)] {
        [
            ("", bits(0, 4, 7)), ("maj", bits(0, 4, 7)), ("M", bits(0, 4, 7)),
            ("m", bits(0, 3, 7)), ("min", bits(0, 3, 7)), ("-", bits(0, 3, 7)),
            ("dim", bits(0, 3, 6)), ("o", bits(0, 3, 6)), ("°", bits(0, 3, 6)),
            ("aug", bits(0, 4, 8)), ("+", bits(0, 4, 8)), ("5", bits(0, 7)),
            ("sus4", bits(0, 5, 7)), ("sus", bits(0, 5, 7)), ("sus2", bits(0, 2, 7)),
            ("6", bits(0, 4, 7, 9)), ("m6", bits(0, 3, 7, 9)), ("min6", bits(0, 3, 7, 9)), ("-6", bits(0, 3, 7, 9)),
            ("69", bits(0, 4, 7, 9, 2)), ("6/9", bits(0, 4, 7, 9, 2)), ("add9", bits(0, 4, 7, 2)), ("madd9", bits(0, 3, 7, 2)),
            ("7", bits(0, 4, 7, 10)),
            ("M7", bits(0, 4, 7, 11)), ("maj7", bits(0, 4, 7, 11)), ("Maj7", bits(0, 4, 7, 11)), ("Δ", bits(0, 4, 7, 11)),
            ("Δ7", bits(0, 4, 7, 11)),
            ("m7", bits(0, 3, 7, 10)), ("min7", bits(0, 3, 7, 10)), ("-7", bits(0, 3, 7, 10)),
            ("mM7", bits(0, 3, 7, 11)), ("mMaj7", bits(0, 3, 7, 11)), ("m(maj7)", bits(0, 3, 7, 11)), ("minmaj7", bits(0, 3, 7, 11)),
            ("m7b5", bits(0, 3, 6, 10)), ("min7b5", bits(0, 3, 6, 10)), ("-7b5", bits(0, 3, 6, 10)), ("ø", bits(0, 3, 6, 10)),
            ("ø7", bits(0, 3, 6, 10)), ("m7(b5)", bits(0, 3, 6, 10)),
            ("dim7", bits(0, 3, 6, 9)), ("o7", bits(0, 3, 6, 9)), ("°7", bits(0, 3, 6, 9)),
            ("7sus4", bits(0, 5, 7, 10)), ("7sus", bits(0, 5, 7, 10)), ("9sus4", bits(0, 5, 7, 10, 2)), ("9sus", bits(0, 5, 7, 10, 2)),
            ("7#5", bits(0, 4, 8, 10)), ("aug7", bits(0, 4, 8, 10)), ("+7", bits(0, 4, 8, 10)), ("7b5", bits(0, 4, 6, 10)),
            ("7b9", bits(0, 4, 7, 10, 1)), ("7#9", bits(0, 4, 7, 10, 3)), ("7#11", bits(0, 4, 7, 10, 6)),
            ("7alt", bits(0, 4, 8, 10, 1)), ("alt", bits(0, 4, 8, 10, 1)), ("7b13", bits(0, 4, 7, 10, 8)),
            ("9", bits(0, 4, 7, 10, 2)), ("M9", bits(0, 4, 7, 11, 2)), ("maj9", bits(0, 4, 7, 11, 2)),
            ("m9", bits(0, 3, 7, 10, 2)), ("min9", bits(0, 3, 7, 10, 2)), ("-9", bits(0, 3, 7, 10, 2)),
            ("11", bits(0, 4, 7, 10, 2, 5)), ("m11", bits(0, 3, 7, 10, 2, 5)), ("min11", bits(0, 3, 7, 10, 2, 5)),
            ("13", bits(0, 4, 7, 10, 9)), ("M13", bits(0, 4, 7, 11, 9)), ("maj13", bits(0, 4, 7, 11, 9)), ("m13", bits(0, 3, 7, 10, 9)),
        ]
    }

    private static func bits(_ tones: Int...) -> UInt16 {
        var bits: UInt16 = 0
        for tone in tones { bits |= 1 << UInt16(tone) }
        return bits
    }

    /// The chord of a name, or nil if there is none of it. A bass note after `/` is a tone of the chord; the root stays the root.
    ///
    /// - Parameter name: UTF-8
    public static func chord(_ name: some Collection<UInt8>) -> ChordChart.Chord? {
        var bytes: [UInt8] = []
        for byte in name { bytes.append(byte) }
        guard bytes.count <= 32 else { return nil }
        var at = 0
        guard let root = pitchClass(bytes, &at) else { return nil }
        // The longest quality first: what follows it is a bass note or nothing ("6/9" is no bass note).
        var best: (length: Int, tones: UInt16)?
        for quality in qualities {
            let length = quality.name.utf8CodeUnitCount
            guard at + length <= bytes.count, length >= best?.length ?? 0 else { continue }
            var matches = at + length == bytes.count || bytes[at + length] == UInt8(ascii: "/")
            for i in 0..<length where bytes[at + i] != quality.name.utf8Start[i] { matches = false }
            if matches { best = (length, quality.tones) }
        }
        guard let best else { return nil }
        at += best.length
        var tones: UInt16 = 0
        for tone in 0..<12 where best.tones >> UInt16(tone) & 1 == 1 { tones |= 1 << UInt16((root + tone) % 12) }
        if at < bytes.count {
            at += 1
            guard let bass = pitchClass(bytes, &at), at == bytes.count else { return nil }
            tones |= 1 << UInt16(bass)
        }
        return ChordChart.Chord(root: root, tones: tones)
    }

    /// A letter and sharps or flats (# b ♯ ♭), each any number of times.
    private static func pitchClass(_ bytes: [UInt8], _ at: inout Int) -> Int? {
        guard at < bytes.count else { return nil }
        var pitch: Int
        switch bytes[at] {
        case UInt8(ascii: "C"): pitch = 0
        case UInt8(ascii: "D"): pitch = 2
        case UInt8(ascii: "E"): pitch = 4
        case UInt8(ascii: "F"): pitch = 5
        case UInt8(ascii: "G"): pitch = 7
        case UInt8(ascii: "A"): pitch = 9
        case UInt8(ascii: "B"): pitch = 11
        default: return nil
        }
        at += 1
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "#") {
                pitch += 1
            } else if bytes[at] == UInt8(ascii: "b") {
                pitch += 11
            } else if at + 2 < bytes.count, bytes[at] == 0xE2, bytes[at + 1] == 0x99, bytes[at + 2] == 0xAF || bytes[at + 2] == 0xAD {
                pitch += bytes[at + 2] == 0xAF ? 1 : 11
                at += 2
            } else {
                break
            }
            at += 1
        }
        return pitch % 12
    }
}
