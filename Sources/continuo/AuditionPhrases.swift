import Foundation
import Host

/// What presets and patches are tried with: notes for what plays them, a recording for what listens, a mix for the bass. The recording and
/// the mix are played by Continuo Synth, in a range that suits who listens; a file of the user's may stand in for either.
final class AuditionPhrases {
    let world: World
    let rate: Double
    /// Beats a minute of everything here.
    static let tempo: Float = 120
    private let file: SoundFile?
    private var made: [String: SoundFile] = [:]

    /// - Parameter file: plays in place of all recordings.
    init(world: World, rate: Double, file: SoundFile?) {
        self.world = world
        self.rate = rate
        self.file = file?.resampled(to: Int(rate))
    }

    /// A broken chord over two octaves, then the chord, with a breath controller up for those that wait for one.
    func notes() -> [TimedMIDI] {
        var notes: [(key: Int, on: Double, off: Double, velocity: Int)] = []
        for (i, key) in [48, 55, 60, 64, 67, 72].enumerated() {
            notes.append((key, Double(i) * 0.3, Double(i) * 0.3 + 0.28, 70 + 8 * i))
        }
        for key in [48, 60, 64, 67] { notes.append((key, 1.9, 3, 100)) }
        return events([notes])
    }

    /// Four parts on channels 1 to 4, as a score sends them; one keyboard's chords for a patch that makes no difference.
    func parts() -> [TimedMIDI] {
        events([72, 67, 60, 43].map { key in
            [0, 2, 4, 2].enumerated().map { beat, step in (key + step, Double(beat) * 0.6, Double(beat) * 0.6 + 0.55, 96) }
        })
    }

    /// A tune of one voice between two frequencies (Hz), on an instrument that has that range.
    func recording(lowest: Double = 150, highest: Double = 600) throws -> SoundFile {
        if let file { return file }
        let middle = 69 + 12 * log2((lowest * highest).squareRoot() / 440)
        let root = Int(middle.rounded()) - 4
        let instrument = root < 45 ? "Double Bass" : root < 57 ? "Cello" : root < 70 ? "Violin" : "Flute"
        return try sound("tune \(root)", instrument) {
            var notes: [(key: Int, on: Double, off: Double, velocity: Int)] = []
            for (i, step) in [0, 2, 4, 7, 9, 7, 4, 0].enumerated() {
                notes.append((root + step, Double(i) * 0.45, Double(i) * 0.45 + 0.42, 84 + 4 * (i % 4)))
            }
            return notes
        }
    }

    /// Chords on a keyboard.
    func chords() throws -> SoundFile {
        if let file { return file }
        return try sound("chords", "Electric Piano") {
            [[57, 60, 64], [53, 57, 60], [55, 59, 62]].enumerated().flatMap { i, keys in
                keys.map { ($0, Double(i) * 1.2, Double(i) * 1.2 + 1.1, 92) }
            }
        }
    }

    /// Bars of 4/4 for a bass to play to: Am F C G on a keyboard, off and on the beat.
    func mix() throws -> SoundFile {
        if let file { return file }
        return try sound("mix", "Electric Piano") {
            (0..<10).flatMap { bar -> [(key: Int, on: Double, off: Double, velocity: Int)] in
                let chord = [[57, 60, 64], [53, 57, 60], [55, 60, 64], [55, 59, 62]][bar % 4]
                return [0, 0.75, 1.0, 1.75].flatMap { beat in
                    chord.map { ($0, Double(bar) * 2 + beat, Double(bar) * 2 + beat + 0.24, beat == 0 ? 108 : 84) }
                }
            }
        }
    }

    private func sound(
        _ name: String, _ preset: String, _ notes: () -> [(key: Int, on: Double, off: Double, velocity: Int)]
    ) throws -> SoundFile {
        if let sound = made[name] { return sound }
        let midi = events([notes()])
        let outcome: Instruments.Outcome
        do {
            outcome = try Instruments.render(world, PluginSetup(uri: Instruments.synth, preset: preset), rate: rate, bar: nil) { options in
                options.inputMIDI = midi
                options.seconds = Double(midi.last!.time) / self.rate
                options.settles = 1
            }
        } catch HostError.pluginNotFound {
            throw CommandFailure("without Continuo Synth there is nothing to play to what listens: give a recording with --input")
        }
        var sound = outcome.sound
        sound.channels = [zip(sound.channels[0], sound.channels[sound.channels.count - 1]).map { ($0 + $1) / 2 }]
        // −6 dBFS: what comes of a microphone that is set well.
        let most = sound.channels[0].reduce(1e-6) { max($0, abs($1)) }
        sound.channels[0] = sound.channels[0].map { $0 * 0.5 / most }
        made[name] = sound
        return sound
    }

    /// Each part's notes on a channel of its own, from 1 on.
    private func events(_ parts: [[(key: Int, on: Double, off: Double, velocity: Int)]]) -> [TimedMIDI] {
        var events: [TimedMIDI] = []
        for (index, notes) in parts.enumerated() {
            let channel = UInt8(index)
            events.append(TimedMIDI(time: 0, bytes: [0xB0 | channel, 2, 100]))
            for note in notes {
                events.append(TimedMIDI(time: Int(note.on * rate), bytes: [0x90 | channel, UInt8(note.key), UInt8(note.velocity)]))
                events.append(TimedMIDI(time: Int(note.off * rate), bytes: [0x80 | channel, UInt8(note.key), 64]))
            }
        }
        return events.sorted { ($0.time, $0.bytes[0] & 0xF0) < ($1.time, $1.bytes[0] & 0xF0) }
    }
}
