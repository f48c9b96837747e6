import Neural

// What stands beside a saved sound: words of 32 bits, the least significant byte first. A mark, the kind, samples of the sound; bars: first,
// count, beats a bar (Float), unit, known (0, 1); of a mix then: newest slot, serial of the last take asked for; of a take: notes, each onset
// and end (samples), key · 256 + velocity; frames of latents, latents (Float).

enum DetailsKind {
    static var mix: UInt32 { 0 }
    static var style: UInt32 { 1 }
    static var take: UInt32 { 2 }
}

/// "CTB1"
private var detailsMark: UInt32 { 0x3142_5443 }

struct DetailsWriter {
    private var words: [UInt32]

    private init(_ kind: UInt32, length: Int) { words = [detailsMark, kind, UInt32(length)] }

    static func mix(_ mix: KeptMix, newest: Int, asked: UInt32) -> [UInt32] {
        var writer = DetailsWriter(DetailsKind.mix, length: mix.length)
        writer.add(mix.bars)
        writer.words.append(UInt32(newest))
        writer.words.append(asked)
        return writer.words
    }

    static func style(_ style: KeptSound) -> [UInt32] { DetailsWriter(DetailsKind.style, length: style.length).words }

    static func take(_ take: KeptTake) -> [UInt32] {
        var writer = DetailsWriter(DetailsKind.take, length: take.sound.length)
        var bars = TakeRequest()
        bars.firstBar = take.sound.firstBar
        bars.bars = take.sound.bars
        writer.add(bars)
        writer.words.append(UInt32(take.sound.noteCount))
        for index in 0..<take.sound.noteCount {
            let note = take.sound.notes![index]
            writer.words.append(UInt32(note.onset))
            writer.words.append(UInt32(note.end))
            writer.words.append(UInt32(note.key) << 8 | UInt32(note.velocity))
        }
        let latents = take.latents
        writer.words.append(UInt32(latents.frames))
        for index in 0..<latents.frames * BassFormat.latents {
            writer.words.append(latents.values.base[index].bitPattern)
        }
        return writer.words
    }

    private mutating func add(_ bars: TakeRequest) {
        words.append(UInt32(bitPattern: Int32(truncatingIfNeeded: bars.firstBar)))
        words.append(UInt32(bars.bars))
        words.append(Float(bars.beatsPerBar).bitPattern)
        words.append(UInt32(bitPattern: Int32(truncatingIfNeeded: bars.beatUnit)))
        words.append(bars.knowsBars ? 1 : 0)
    }
}

/// Reads what a file says; nothing in it is believed before it was looked at.
struct DetailsReader {
    let kind: UInt32
    /// Samples that the sound had; a file that was cut off has fewer.
    let length: Int
    private let bytes: UnsafeRawPointer
    private let count: Int
    private var place = 3

    /// `nil`: these are no details.
    init?(_ details: UnsafeRawPointer?, _ size: UInt32) {
        guard let details, size >= 12 else { return nil }
        bytes = details
        count = Int(size) / 4
        guard Self.word(details, 0) == detailsMark else { return nil }
        kind = Self.word(details, 1)
        length = Int(Self.word(details, 2))
    }

    private static func word(_ bytes: UnsafeRawPointer, _ index: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }

    mutating func word() -> UInt32? {
        guard place < count else { return nil }
        place += 1
        return Self.word(bytes, place - 1)
    }

    mutating func number() -> Int? { word().map { Int($0) } }

    mutating func bars() -> TakeRequest? {
        guard let first = word(), let bars = number(), let beats = word(), let unit = word(), let known = word() else { return nil }
        var request = TakeRequest()
        request.firstBar = Int(Int32(bitPattern: first))
        request.bars = bars
        request.beatsPerBar = Double(Float(bitPattern: beats))
        request.beatUnit = Int(Int32(bitPattern: unit))
        request.knowsBars = known == 1
        guard bars >= 1, bars <= 32, request.beatsPerBar >= 1, request.beatsPerBar <= 64 else { return nil }
        guard request.firstBar > -1_000_000_000, request.firstBar < 1_000_000_000 else { return nil }
        return request
    }

    /// Notes inside a take of `length` samples, in order.
    mutating func notes(length: Int) -> [TakeSound.Note]? {
        guard let count = number(), count <= (self.count - place) / 3 else { return nil }
        var notes: [TakeSound.Note] = []
        notes.reserveCapacity(count)
        var last = 0
        for _ in 0..<count {
            guard let onset = number(), let end = number(), let value = word() else { return nil }
            let key = value >> 8, velocity = value & 255
            guard onset >= last, onset < end, end <= length, key <= 127, velocity >= 1, velocity <= 127 else { return nil }
            notes.append(TakeSound.Note(onset: onset, end: end, key: UInt8(key), velocity: UInt8(velocity)))
            last = onset
        }
        return notes
    }

    mutating func latents() throws(ModelError) -> BassLatents? {
        let size = BassFormat.latents
        guard let frames = number(), frames >= 1, frames <= (count - place) / size else { return nil }
        let values = try FloatBuffer(count: frames * size)
        for index in 0..<frames * size {
            guard let word = word() else { return nil }
            let value = Float(bitPattern: word)
            guard value.isFinite, abs(value) < 1e4 else { return nil }
            values.base[index] = value
        }
        do throws(TakeError) {
            return try BassLatents(values.base, frames: frames)
        } catch {
            return nil
        }
    }
}
