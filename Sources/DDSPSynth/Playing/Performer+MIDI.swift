/// MIDI messages, and the controllers that they move.
extension Performer {
    /// Takes a MIDI message at host sample `time`. Messages come in order of time. What is incomplete, malformed or unknown is
    /// ignored.
    ///
    /// - size: bytes in the message; those beyond its first three do not matter
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func handle(_ status: UInt8, _ first: UInt8, _ second: UInt8, size: Int, at time: Int) {
        guard size >= 1 else { return }
        if status == 0xFF {
            systemReset()
            return
        }
        guard status >= 0x80, status < 0xF0 else { return }
        let kind = status & 0xF0
        let channel = Int(status & 0x0F)
        guard size >= 2, first < 0x80 else { return }
        if kind != 0xC0, kind != 0xD0 {
            guard size >= 3, second < 0x80 else { return }
        }
        if settings.channel > 0, lowerMembers + upperMembers == 0, channel != settings.channel - 1 { return }
        switch kind {
        case 0x80: noteOff(channel, Int(first), second, time)
        case 0x90:
            if second > 0 { noteOn(channel, Int(first), second, time) } else { noteOff(channel, Int(first), 64, time) }
        case 0xA0: polyPressure(channel, Int(first), second)
        case 0xB0: control(channel, first, second, time)
        case 0xC0: ask(program: first)
        case 0xD0: channels[channel].pressure = Float(first) / 127
        default: bend(channel, Int(second) << 7 | Int(first))
        }
    }

    private func bend(_ channel: Int, _ value: Int) {
        let offset = Float(value - 8192)
        channels[channel].bend = offset < 0 ? offset / 8192 : offset / 8191
    }

    private func polyPressure(_ channel: Int, _ note: Int, _ value: UInt8) {
        for index in 0..<VoiceControl.maximumCount where voices[index].state != .free {
            let voice = voices + index
            if voice.pointee.channel == channel, voice.pointee.note == note { voice.pointee.polyPressure = Float(value) / 127 }
        }
    }

    private func control(_ index: Int, _ number: UInt8, _ value: UInt8, _ time: Int) {
        let channel = channels + index
        switch number {
        case 1: channel.pointee.modulation.setUpper(value)
        case 33: channel.pointee.modulation.setLower(value)
        case 2:
            channel.pointee.breath.setUpper(value)
            channel.pointee.hasBreath = true
        case 34: channel.pointee.breath.setLower(value)
        case 7:
            channel.pointee.volume.setUpper(value)
            channel.pointee.updateLevels()
        case 39:
            channel.pointee.volume.setLower(value)
            channel.pointee.updateLevels()
        case 11:
            channel.pointee.expression.setUpper(value)
            channel.pointee.updateLevels()
        case 43:
            channel.pointee.expression.setLower(value)
            channel.pointee.updateLevels()
        case 74: channel.pointee.timbre = (Float(value) - 64) / (value < 64 ? 64 : 63)

        case 64:
            channel.pointee.sustain = value >= 64
            if value < 64 { pedalUp(index, time) }
        case 66:
            let wasDown = channel.pointee.sostenuto
            channel.pointee.sostenuto = value >= 64
            // Only the keys that are down as the pedal goes down.
            if value >= 64 {
                if !wasDown { sostenutoDown(index) }
            } else if wasDown {
                sostenutoUp(index, time)
            }
        case 67: channel.pointee.soft = value >= 64

        case 98, 99: channel.pointee.isRegistered = false
        case 100:
            channel.pointee.parameterLower = value
            channel.pointee.isRegistered = true
        case 101:
            channel.pointee.parameterUpper = value
            channel.pointee.isRegistered = true
        case 6: enterUpper(index, Int32(value), time)
        case 38: enterLower(index, Int32(value))
        case 96: increment(index, 1)
        case 97: increment(index, -1)

        case 120: allSoundOff(index)
        case 121: resetControllers(index, time)
        case 123, 124, 125, 126, 127: allNotesOff(index, time)
        default: break
        }
    }

    // MARK: Registered parameters

    private func enterUpper(_ index: Int, _ value: Int32, _ time: Int) {
        let channel = channels + index
        switch channel.pointee.parameter {
        case MIDIChannel.Parameter.bendRange: setBendRange(index, min(96, value) * 100)
        case MIDIChannel.Parameter.fineTuning: channel.pointee.fineTuning = value << 7
        case MIDIChannel.Parameter.coarseTuning: channel.pointee.coarseTuning = value - 64
        case MIDIChannel.Parameter.zone: configureZone(index, Int(value), time)
        default: break
        }
    }

    private func enterLower(_ index: Int, _ value: Int32) {
        let channel = channels + index
        switch channel.pointee.parameter {
        case MIDIChannel.Parameter.bendRange:
            let whole = bendRangeCents(index) / 100
            setBendRange(index, whole * 100 + min(99, value))
        case MIDIChannel.Parameter.fineTuning: channel.pointee.fineTuning = channel.pointee.fineTuning & ~127 | value
        default: break
        }
    }

    /// Data increment and decrement: a cent of bend range, a step of fine tuning, a semitone of coarse tuning (RP-018).
    private func increment(_ index: Int, _ by: Int32) {
        let channel = channels + index
        switch channel.pointee.parameter {
        case MIDIChannel.Parameter.bendRange: setBendRange(index, bendRangeCents(index) + by)
        case MIDIChannel.Parameter.fineTuning:
            channel.pointee.fineTuning = max(0, min(16383, channel.pointee.fineTuning + by))
        case MIDIChannel.Parameter.coarseTuning:
            channel.pointee.coarseTuning = max(-64, min(63, channel.pointee.coarseTuning + by))
        default: break
        }
    }

    private func bendRangeCents(_ index: Int) -> Int32 {
        let own = channels[index].bendRange
        if own >= 0 { return own }
        let semitones = channels[index].master >= 0 ? settings.mpeBendRange : settings.bendRange
        return Int32(semitones * 100 + 0.5)
    }

    /// What one member channel of a zone is told holds for all of them (MPE 1.0).
    private func setBendRange(_ index: Int, _ cents: Int32) {
        let range = max(0, min(9600, cents))
        let master = channels[index].master
        if master < 0 {
            channels[index].bendRange = range
        } else {
            for other in 0..<16 where channels[other].master == master { channels[other].bendRange = range }
        }
    }

    // MARK: MPE

    /// Whether messages to `channel` also concern voices on `other`: its own, and for a zone's master all in the zone.
    func governs(_ channel: Int, _ other: Int) -> Bool {
        if channel == other { return true }
        return channels[other].master == channel
    }

    /// The zones as the control has them: with all the channels there are.
    func setUpZones() {
        lowerMembers = settings.mpe == .lower ? 15 : 0
        upperMembers = settings.mpe == .upper ? 15 : 0
        assignZones()
    }

    /// MPE configuration message: on channel 1 the lower zone, on 16 the upper. The zone set last takes what it needs of the other.
    private func configureZone(_ channel: Int, _ members: Int, _ time: Int) {
        guard channel == 0 || channel == 15 else { return }
        guard members <= 15 else { return }
        releaseAll(time)
        if channel == 0 {
            lowerMembers = members
            upperMembers = members == 15 ? 0 : min(upperMembers, 14 - members)
        } else {
            upperMembers = members
            lowerMembers = members == 15 ? 0 : min(lowerMembers, 14 - members)
        }
        assignZones()
    }

    private func assignZones() {
        for index in 0..<16 {
            var master = -1
            if index > 0, index <= lowerMembers { master = 0 }
            if index < 15, index >= 15 - upperMembers { master = 15 }
            channels[index].master = master
            channels[index].resetControllers()
            channels[index].bendRange = -1
            channels[index].timbre = 0
        }
    }

    // MARK: Resets

    func resetChannels() {
        for index in 0..<16 {
            let master = channels[index].master
            channels[index] = MIDIChannel()
            channels[index].updateLevels()
            channels[index].master = master
        }
    }

    private func resetControllers(_ channel: Int, _ time: Int) {
        for index in 0..<16 where governs(channel, index) { channels[index].resetControllers() }
        for index in 0..<VoiceControl.maximumCount where governs(channel, voices[index].channel) {
            voices[index].polyPressure = 0
            voices[index].sostenuto = false
        }
        pedalUp(channel, time)
    }

    /// 0xFF: as at power-on.
    private func systemReset() {
        silenceAll()
        resetChannels()
        setUpZones()
    }
}
