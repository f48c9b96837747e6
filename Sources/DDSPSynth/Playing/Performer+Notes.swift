/// Notes: which voice plays which, and until when.
extension Performer {
    func noteOn(_ channel: Int, _ note: Int, _ velocity: UInt8, _ time: Int) {
        let wasPlaying = keyCount > 0
        press(channel, note, velocity)
        freezeReleased(channel)
        if settings.mode == .poly {
            let sounding = voice(channel, note)
            start(sounding >= 0 ? sounding : freeVoice(), channel, note, velocity, time)
            return
        }
        let sounding = newestVoice()
        guard sounding >= 0 else {
            start(freeVoice(), channel, note, velocity, time)
            return
        }
        if settings.mode == .legato {
            let isGoing = voices[sounding].state != .released
            if isGoing, wasPlaying {
                move(sounding, channel, note, time)
                voices[sounding].velocity = Float(velocity)
            } else {
                start(sounding, channel, note, velocity, time)
            }
            return
        }
        startFromLast(sounding, channel, note, velocity, time)
    }

    /// - velocity: of the note-off; 64 (and 0, which many keyboards send instead) is neutral
    func noteOff(_ channel: Int, _ note: Int, _ velocity: UInt8, _ time: Int) {
        lift(channel, note)
        for index in 0..<VoiceControl.maximumCount where voices[index].state == .held {
            if voices[index].channel == channel, voices[index].note == note { keyUp(index, velocity, time) }
        }
    }

    /// All notes off of the channels that `channel` governs: as if their keys came up.
    func allNotesOff(_ channel: Int, _ time: Int) {
        liftAll(channel)
        for index in 0..<VoiceControl.maximumCount where voices[index].state == .held {
            if governs(channel, voices[index].channel) { keyUp(index, 64, time) }
        }
    }

    /// All sound off: silent from the next frame on.
    func allSoundOff(_ channel: Int) {
        liftAll(channel)
        for index in 0..<VoiceControl.maximumCount where voices[index].state != .free {
            if governs(channel, voices[index].channel) { end(index) }
        }
    }

    func silenceAll() {
        keyCount = 0
        for index in 0..<VoiceControl.maximumCount { voices[index].state = .free }
        activeCount = 0
    }

    /// Lets every note go, pedals or not.
    func releaseAll(_ time: Int) {
        keyCount = 0
        for index in 0..<VoiceControl.maximumCount { release(index, 64, time) }
    }

    /// What a new mode begins with: the youngest note alone.
    func leaveNewest(_ time: Int) {
        let newest = newestVoice()
        for index in 0..<VoiceControl.maximumCount where index != newest { release(index, 64, time) }
    }

    // MARK: Pedals

    func sostenutoDown(_ channel: Int) {
        for index in 0..<VoiceControl.maximumCount where voices[index].state == .held {
            if governs(channel, voices[index].channel) { voices[index].sostenuto = true }
        }
    }

    func sostenutoUp(_ channel: Int, _ time: Int) {
        for index in 0..<VoiceControl.maximumCount where governs(channel, voices[index].channel) {
            voices[index].sostenuto = false
        }
        pedalUp(channel, time)
    }

    /// Lets go what no pedal holds any more.
    func pedalUp(_ channel: Int, _ time: Int) {
        for index in 0..<VoiceControl.maximumCount where voices[index].state == .pedalled {
            if governs(channel, voices[index].channel), !isPedalled(index) { letGo(index, 64, time) }
        }
    }

    private func isPedalled(_ index: Int) -> Bool {
        let channel = voices[index].channel
        if voices[index].sostenuto { return true }
        if channels[channel].sustain { return true }
        let master = channels[channel].master
        return master >= 0 ? channels[master].sustain : false
    }

    private func keyUp(_ index: Int, _ velocity: UInt8, _ time: Int) {
        if isPedalled(index) { voices[index].state = .pedalled } else { letGo(index, velocity, time) }
    }

    /// The note ends; where one plays at a time, the last of the keys still down takes its place.
    private func letGo(_ index: Int, _ velocity: UInt8, _ time: Int) {
        if settings.mode != .poly, keyCount > 0, index == newestVoice() {
            let key = keys[keyCount - 1]
            if settings.mode == .legato {
                // With the velocity of the note it comes from, or a trill would limp.
                move(index, Int(key.channel), Int(key.note), time)
            } else {
                startFromLast(index, Int(key.channel), Int(key.note), key.velocity, time)
            }
            return
        }
        release(index, velocity, time)
    }

    private func release(_ index: Int, _ velocity: UInt8, _ time: Int) {
        let voice = voices + index
        if voice.pointee.state == .free { return }
        if voice.pointee.state == .released { return }
        voice.pointee.state = .released
        voice.pointee.sostenuto = false
        voice.pointee.releaseTime = max(time, voice.pointee.start &+ Int(Playing.shortestNote * sampleRate))
        // A key that flies up damps faster: from 1.4 to 0.7 times the length.
        let speed = velocity == 0 ? 0 : (Float(velocity) - 64) / 64
        voice.pointee.releaseStretch = speed < 0 ? 1 - 0.4 * speed : 1 - 0.3 * speed
    }

    // MARK: Voices

    /// Starts a note anew in `index`. Whatever sounded there gives way.
    private func start(_ index: Int, _ channel: Int, _ note: Int, _ velocity: UInt8, _ time: Int) {
        let voice = voices + index
        if voice.pointee.state == .free { activeCount += 1 }
        noteCount &+= 1
        var fresh = PlayerVoice()
        fresh.state = .held
        fresh.generation = voice.pointee.generation &+ 1
        fresh.channel = channel
        fresh.note = note
        fresh.velocity = Float(velocity)
        fresh.start = time
        fresh.order = noteCount
        fresh.from = Float(note)
        fresh.to = fresh.from
        fresh.random = Randomness(seed: noteCount)
        fresh.vibratoPhase = 0.5 + 0.5 * fresh.random.next()
        fresh.pitchWander = Wander(0.6 * fresh.random.next())
        fresh.loudnessWander = Wander(0.6 * fresh.random.next())
        fresh.vibratoWander = Wander(0.6 * fresh.random.next())
        fresh.scoop = 1 + 0.5 * fresh.random.next()
        if settings.mode == .poly {
            // The golden ratio's multiples lie evenly, however many there are.
            let turn = Float(noteCount % 4096) * 0.618_034
            fresh.place = 2 * (turn - Float(Int(turn))) - 1
        }
        voice.pointee = fresh
    }

    /// Starts a note anew whose pitch glides from where the voice was.
    private func startFromLast(_ index: Int, _ channel: Int, _ note: Int, _ velocity: UInt8, _ time: Int) {
        let from = voices[index].notePitch(time)
        start(index, channel, note, velocity, time)
        voices[index].from = from
        voices[index].glideStart = time
        voices[index].glideLength = settings.glide * 0.001 * sampleRate
    }

    /// Legato: the sounding voice goes to another note.
    private func move(_ index: Int, _ channel: Int, _ note: Int, _ time: Int) {
        let voice = voices + index
        let interval = abs(Float(note) - voice.pointee.to)
        voice.pointee.from = voice.pointee.notePitch(time)
        voice.pointee.to = Float(note)
        voice.pointee.glideStart = time
        voice.pointee.glideLength = max(Playing.shortestTransition, settings.glide * 0.001) * sampleRate
        voice.pointee.transition = time
        // The wider the leap, the more of the tone is lost on the way.
        voice.pointee.dip = 2 + 0.2 * min(12, interval)
        voice.pointee.channel = channel
        voice.pointee.note = note
        voice.pointee.state = .held
        voice.pointee.isFrozen = false
        voice.pointee.polyPressure = 0
    }

    func end(_ index: Int) {
        if voices[index].state == .free { return }
        voices[index].state = .free
        activeCount -= 1
    }

    /// A voice that is free, or made so.
    private func freeVoice() -> Int {
        if activeCount >= settings.voiceCount { return victim() }
        var index = 0
        while index < VoiceControl.maximumCount - 1, voices[index].state != .free { index += 1 }
        return index
    }

    /// The sounding voice that will be missed least: of those released the quietest; then the oldest that only a pedal holds; then
    /// the oldest, sparing the youngest and, where possible, the lowest (the bass carries the others).
    func victim() -> Int {
        // Bound here: a closure of || must not hold on to the performer.
        let voices = voices
        var (quietest, oldestPedalled, oldest, lowest, newest, any) = (-1, -1, -1, -1, -1, 0)
        for index in 0..<VoiceControl.maximumCount {
            let voice = voices + index
            if voice.pointee.state == .free { continue }
            any = index
            if newest < 0 || voice.pointee.order > voices[newest].order { newest = index }
            if voice.pointee.state == .released { continue }
            if lowest < 0 || voice.pointee.to < voices[lowest].to { lowest = index }
        }
        var fallback = -1
        for index in 0..<VoiceControl.maximumCount where index != newest {
            let voice = voices + index
            switch voice.pointee.state {
            case .free: continue
            case .released:
                if quietest < 0 || voice.pointee.loudness < voices[quietest].loudness { quietest = index }
            case .pedalled, .held:
                if index == lowest {
                    fallback = index
                } else if voice.pointee.state == .pedalled {
                    if oldestPedalled < 0 || voice.pointee.order < voices[oldestPedalled].order { oldestPedalled = index }
                } else if oldest < 0 || voice.pointee.order < voices[oldest].order {
                    oldest = index
                }
            }
        }
        if quietest >= 0 { return quietest }
        if oldestPedalled >= 0 { return oldestPedalled }
        if oldest >= 0 { return oldest }
        return fallback >= 0 ? fallback : any
    }

    /// The sounding voice of a key, −1: none.
    private func voice(_ channel: Int, _ note: Int) -> Int {
        for index in 0..<VoiceControl.maximumCount where voices[index].state != .free {
            if voices[index].channel == channel, voices[index].note == note { return index }
        }
        return -1
    }

    /// The voice that one-at-a-time playing goes on with: the youngest that is not let go, or else the youngest; −1: none.
    private func newestVoice() -> Int {
        var (going, released) = (-1, -1)
        var (goingOrder, releasedOrder): (UInt64, UInt64) = (0, 0)
        for index in 0..<VoiceControl.maximumCount {
            let voice = voices + index
            switch voice.pointee.state {
            case .free: continue
            case .released:
                if voice.pointee.order > releasedOrder { (released, releasedOrder) = (index, voice.pointee.order) }
            case .held, .pedalled:
                if voice.pointee.order > goingOrder { (going, goingOrder) = (index, voice.pointee.order) }
            }
        }
        return going >= 0 ? going : released
    }

    /// A note begins on an MPE channel: what was let go there keeps the bend it ended with.
    private func freezeReleased(_ channel: Int) {
        if channels[channel].master < 0 { return }
        for index in 0..<VoiceControl.maximumCount where voices[index].channel == channel {
            if voices[index].state == .released { voices[index].isFrozen = true }
        }
    }

    // MARK: Keys

    private func press(_ channel: Int, _ note: Int, _ velocity: UInt8) {
        lift(channel, note)
        if keyCount == Playing.keyCapacity { removeKey(0) }
        keys[keyCount] = Key(channel: UInt8(channel), note: UInt8(note), velocity: velocity)
        keyCount += 1
    }

    private func lift(_ channel: Int, _ note: Int) {
        for index in 0..<keyCount where Int(keys[index].note) == note {
            if Int(keys[index].channel) == channel {
                removeKey(index)
                return
            }
        }
    }

    private func liftAll(_ channel: Int) {
        var kept = 0
        for index in 0..<keyCount where !governs(channel, Int(keys[index].channel)) {
            keys[kept] = keys[index]
            kept += 1
        }
        keyCount = kept
    }

    private func removeKey(_ index: Int) {
        for later in index + 1..<max(index + 1, keyCount) { keys[later - 1] = keys[later] }
        keyCount -= 1
    }
}
