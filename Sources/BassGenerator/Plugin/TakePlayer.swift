import CBassGenerator
import CRealtime

/// Plays takes, one at a time, with 5 ms of crossfade from one to the next and from one place to another. For the audio thread.
struct TakePlayer: BitwiseCopyable {
    private struct Voice: BitwiseCopyable {
        var sound = TakeSound()
        var position = 0
    }
    private var voice = Voice()
    private var old = Voice()
    /// Samples of the crossfade that are left, and all.
    private var fading = 0
    private let fade: Int
    /// The key that was begun on the MIDI output, or −1; and the next note.
    private var key = -1
    private var nextNote = 0

    init(sampleRate: Double) { fade = max(1, Int(0.005 * sampleRate)) }

    /// Silence at once; a key that was begun ends with the next samples.
    mutating func restart() {
        voice = Voice()
        old = Voice()
        fading = 0
        nextNote = 0
        mustEnd = true
    }

    var isSounding: Bool { voice.sound.samples != nil }
    func isPlaying(_ sound: TakeSound) -> Bool {
        guard voice.sound.samples != nil else { return false }
        return voice.sound.serial == sound.serial
    }
    var position: Int { voice.position >= voice.sound.length ? 0 : voice.position }
    /// The serials of what sounds and of what fades; 0: silence.
    var soundingSerial: UInt32 { voice.sound.samples == nil ? 0 : voice.sound.serial }
    var fadingSerial: UInt32 {
        guard fading > 0, old.sound.samples != nil else { return 0 }
        return old.sound.serial
    }

    /// Turns to `sound` at `position` of it; one without samples is silence.
    mutating func turn(to sound: TakeSound, at position: Int) {
        // A change within the fade of another: what is left of that is cut, at its share of the level.
        old = voice
        fading = fade
        voice.sound = sound
        voice.position = position
        nextNote = 0
        if let notes = sound.notes {
            while nextNote < sound.noteCount {
                if notes[nextNote].onset >= position { break }
                nextNote += 1
            }
        }
        mustEnd = true
    }
    /// The key that was begun belongs to what played before.
    private var mustEnd = false

    /// Writes the next `count` samples, and the line's messages at frames from `frame` on.
    mutating func render(
        _ output: UnsafeMutablePointer<Float>, count: Int, _ io: UnsafeMutablePointer<continuo_bass_io>, frame: Int
    ) {
        if mustEnd { mustEnd = !end(io, frame) }
        for n in 0..<count {
            var value: Float = 0
            if let samples = voice.sound.samples {
                if voice.position >= voice.sound.length {
                    voice.position = 0
                    nextNote = 0
                }
                tell(io, frame &+ n)
                value = samples[voice.position]
                voice.position &+= 1
            }
            if fading > 0 {
                let share = Float(fading) / Float(fade)
                value *= 1 - share
                if let samples = old.sound.samples {
                    if old.position >= old.sound.length { old.position = 0 }
                    value += share * samples[old.position]
                    old.position &+= 1
                }
                fading &-= 1
                if fading == 0 { old = Voice() }
            }
            output[n] = value
        }
    }

    /// The messages of the voice's place.
    private mutating func tell(_ io: UnsafeMutablePointer<continuo_bass_io>, _ frame: Int) {
        guard let notes = voice.sound.notes else { return }
        if key >= 0 {
            // The note before the next is the one that sounds.
            let sounding = nextNote &- 1
            if sounding < 0 {
                _ = end(io, frame)
            } else if voice.position >= notes[sounding].end {
                _ = end(io, frame)
            }
        }
        guard nextNote < voice.sound.noteCount, voice.position >= notes[nextNote].onset else { return }
        if key >= 0 { if !end(io, frame) { return } }
        if send(io, frame, 0x90, notes[nextNote].key, notes[nextNote].velocity) { key = Int(notes[nextNote].key) }
        nextNote &+= 1
    }

    /// Ends the key that sounds; false if there was no room to say so.
    private mutating func end(_ io: UnsafeMutablePointer<continuo_bass_io>, _ frame: Int) -> Bool {
        guard key >= 0 else { return true }
        guard send(io, frame, 0x80, UInt8(key), 64) else { return false }
        key = -1
        return true
    }

    private func send(
        _ io: UnsafeMutablePointer<continuo_bass_io>, _ frame: Int, _ status: UInt8, _ first: UInt8, _ second: UInt8
    ) -> Bool {
        let place = io.pointee.event_count
        guard let events = io.pointee.events, place < io.pointee.event_capacity else { return io.pointee.events == nil }
        events[Int(place)] = continuo_bass_event(frame: UInt32(frame), bytes: (status, first, second))
        io.pointee.event_count = place + 1
        return true
    }
}
