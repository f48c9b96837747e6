import CBassGenerator
import CRealtime
import Neural
import Realtime
import Signal

/// Everything that a session is to keep of a player, as sounds with details: mix, learned style, takes. For those who save; what is in it
/// lives as long as this does.
final class KeptRecordings {
    private let mix: KeptMix?
    private let style: KeptSound?
    private let takes: [KeptTake?]
    private let sampleRate: Int
    private var details: [UnsafeMutablePointer<UInt32>?] = []
    private var sizes: [Int] = []

    /// - Parameter asked: serial of the last take that was asked for
    init(mix: KeptMix?, style: KeptSound?, takes: [KeptTake?], newest: Int, asked: UInt32, sampleRate: Int) {
        self.mix = mix
        self.style = style
        self.takes = takes
        self.sampleRate = sampleRate
        if let mix {
            add(DetailsWriter.mix(mix, newest: newest, asked: asked))
        } else {
            add([])
        }
        if let style { add(DetailsWriter.style(style)) } else { add([]) }
        for take in takes {
            if let take { add(DetailsWriter.take(take)) } else { add([]) }
        }
    }

    deinit {
        for words in details { cr_free(words) }
    }

    func recording(_ index: Int) -> continuo_bass_recording {
        var recording = continuo_bass_recording()
        recording.sample_rate = UInt32(sampleRate)
        guard index >= 0, index < details.count, let words = details[index] else { return recording }
        recording.details = UnsafeRawPointer(words)
        recording.details_size = UInt32(sizes[index] * 4)
        if index == 0 {
            recording.samples = UnsafePointer(mix?.samples.base)
            recording.count = UInt32(mix?.length ?? 0)
        } else if index == 1 {
            recording.samples = UnsafePointer(style?.samples.base)
            recording.count = UInt32(style?.length ?? 0)
        } else if let sound = takes[index - 2]?.sound {
            recording.samples = UnsafePointer(sound.samples)
            recording.count = UInt32(sound.length)
        }
        return recording
    }

    private func add(_ words: [UInt32]) {
        sizes.append(words.count)
        guard !words.isEmpty else {
            details.append(nil)
            return
        }
        let memory = allocateZeroed(UInt32.self, words.count)
        for index in 0..<words.count { memory[index] = words[index].littleEndian }
        details.append(memory)
    }
}

/// What saved recordings were, once they are found sound.
final class RestoredRecordings: @unchecked Sendable {
    private(set) var mix: KeptMix?
    private(set) var style: KeptSound?
    private(set) var takes: [KeptTake?] = []
    private(set) var newest = 0
    private(set) var asked: UInt32 = 0
    /// Bit i: recording i is not what it ought to be.
    private(set) var refused: UInt32 = 0

    /// - Parameters:
    ///   - recordings: `CONTINUO_BASS_RECORDINGS`; those without samples: none
    ///   - mark: tells these bars from all others; below 0
    init(_ recordings: UnsafePointer<continuo_bass_recording>, sampleRate: Int, mark: Int) {
        for _ in 0..<takeSlots { takes.append(nil) }
        for index in 0..<2 + takeSlots where recordings[index].samples != nil {
            var isGood = false
            do throws(ModelError) {
                isGood = try take(index, recordings[index], sampleRate, mark)
            } catch {}
            if !isGood { refused |= 1 << UInt32(index) }
        }
        if newest > 0, takes[newest - 1] == nil { newest = 0 }
        // A mix that is lost leaves the takes.
        if newest == 0 { for slot in 1...takeSlots where takes[slot - 1] != nil { newest = slot } }
    }

    private func take(
        _ index: Int, _ recording: continuo_bass_recording, _ sampleRate: Int, _ mark: Int
    ) throws(ModelError) -> Bool {
        let rate = Int(recording.sample_rate)
        guard (8000...768_000).contains(rate), let samples = recording.samples, recording.count > 0 else { return false }
        guard Int(recording.count) <= 130 * rate, var reader = DetailsReader(recording.details, recording.details_size),
            reader.length == Int(recording.count)
        else { return false }
        for n in 0..<Int(recording.count) where !samples[n].isFinite { return false }
        let sound = try resampled(samples, Int(recording.count), from: rate, to: sampleRate)
        let scale = Double(sampleRate) / Double(rate)
        switch index {
        case 0:
            guard reader.kind == DetailsKind.mix, var bars = reader.bars() else { return false }
            guard let slot = reader.number(), slot <= takeSlots, let serial = reader.word() else { return false }
            bars.start = mark
            bars.length = sound.count
            mix = KeptMix(sound, bars: bars)
            newest = slot
            asked = serial
        case 1:
            guard reader.kind == DetailsKind.style else { return false }
            style = KeptSound(sound)
        default:
            guard reader.kind == DetailsKind.take, let bars = reader.bars() else { return false }
            guard let notes = reader.notes(length: Int(recording.count)), let latents = try reader.latents() else { return false }
            var made = TakeSound()
            made.length = sound.count
            made.firstBar = bars.firstBar
            made.bars = bars.bars
            made.samples = allocateZeroed(Float.self, sound.count)
            made.samples!.update(from: sound.base, count: sound.count)
            made.notes = allocateZeroed(TakeSound.Note.self, notes.count)
            for var note in notes {
                note.onset = min(Int(Double(note.onset) * scale), sound.count - 1)
                note.end = min(Int(Double(note.end) * scale), sound.count)
                if note.end > note.onset {
                    made.notes![made.noteCount] = note
                    made.noteCount += 1
                }
            }
            takes[index - 2] = KeptTake(made, latents: latents)
        }
        return true
    }

    /// A copy at another rate, as long in time.
    private func resampled(
        _ samples: UnsafePointer<Float>, _ count: Int, from: Int, to: Int
    ) throws(ModelError) -> FloatBuffer {
        if from == to {
            let copy = try FloatBuffer(count: count)
            copy.base.update(from: samples, count: count)
            return copy
        }
        let wanted = max(1, Int(Double(count) * Double(to) / Double(from) + 0.5))
        let result = try FloatBuffer(count: wanted)
        let resampler = Resampler(from: from, to: to)
        let piece = 2048
        let buffer = try FloatBuffer(count: resampler.maximumOutput(for: piece))
        let silence = try FloatBuffer(count: piece)
        var done = 0, place = 0, tail = resampler.reach + piece
        while place < wanted, done < count || tail > 0 {
            let part = done < count ? min(piece, count - done) : min(piece, tail)
            let made = resampler.process(done < count ? samples + done : UnsafePointer(silence.base), count: part, into: buffer.base)
            if done < count { done += part } else { tail -= part }
            let used = min(made, wanted - place)
            (result.base + place).update(from: buffer.base, count: used)
            place += used
        }
        return result
    }
}
