import CRealtime

/// The player: turns MIDI into what each voice's pitch and loudness are at every control frame, which is what the network hears.
///
/// One block of the host goes like this, all of it on the audio thread:
///
///     performer.apply(settings, at: blockStart)
///     for each control frame time T in the block:
///         performer.handle(…) for every event with time ≤ T, in order
///         performer.evaluate(at: T, …, into: controls)
///     performer.handle(…) for the events after the last frame
///
/// so that the outcome does not depend on where blocks begin. An event's time is exact: curves count from it, not from the frame.
///
/// How loudness comes about, in dB: the instrument's measured level at the note's velocity, its measured attack, the body's swell
/// or decay, its measured release, expression, pressure, breath, soft pedal. All that is one function of time and of controls
/// (`articulation`). When a control moves, what that function would have been at the last frame is compared with what it was, and
/// the difference fades within some 15 ms. So nothing but a note's start can step, whatever is turned, while attacks stay as
/// sharp as they were measured.
///
/// Nothing here allocates after `init`. Each event costs a bounded number of steps (voices plus held keys).
public final class Performer {
    struct Key: BitwiseCopyable {
        var channel: UInt8
        var note: UInt8
        var velocity: UInt8
    }

    let voices: UnsafeMutablePointer<PlayerVoice>
    let channels: UnsafeMutablePointer<MIDIChannel>
    /// Keys that are down, the last pressed last.
    let keys: UnsafeMutablePointer<Key>
    var keyCount = 0
    let sampleRate: Float

    var settings = PerformanceSettings()
    /// Member channels of the MPE zones.
    var lowerMembers = 0
    var upperMembers = 0
    var noteCount: UInt64 = 0
    private var askedProgram: Int32 = -1

    /// Voices that sound, releases included.
    public internal(set) var activeCount = 0
    /// MIDI note number with fraction of the youngest voice at the last frame; 0: none sounds.
    public private(set) var newestPitch: Float = 0
    /// dB, of the same.
    public private(set) var newestLoudness: Float = VoiceControl.silence

    private var lastFrame = 0
    // Smoothed settings.
    private var vibratoDepth: Float = 0
    private var wheelVibrato: Float = 0
    private var tremolo: Float = 0
    private var drift: Float = 0

    /// - Parameter sampleRate: the host's, Hz
    public init(sampleRate: Double) {
        self.sampleRate = Float(sampleRate)
        voices = .allocate(capacity: VoiceControl.maximumCount)
        voices.initialize(repeating: PlayerVoice(), count: VoiceControl.maximumCount)
        channels = .allocate(capacity: 16)
        channels.initialize(repeating: MIDIChannel(), count: 16)
        keys = .allocate(capacity: Playing.keyCapacity)
        keys.initialize(repeating: Key(channel: 0, note: 0, velocity: 0), count: Playing.keyCapacity)
        reset()
    }

    deinit {
        voices.deallocate()
        channels.deallocate()
        keys.deallocate()
    }

    // MARK: Interface

    /// Back to silence, all controllers as at power-on, chance from its beginning. (Generations go on counting, so that what a
    /// voice last sounded is not taken for what it sounds next.)
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func reset() {
        silenceAll()
        noteCount = 0
        askedProgram = -1
        newestPitch = 0
        newestLoudness = VoiceControl.silence
        resetChannels()
        setUpZones()
        followSettings(keep: 0)
    }

    /// Takes over the controls, which are clamped. Where the mode, the channel or the MPE zone changes, sounding notes are let go
    /// at host sample `time`: their note-offs may never be heard.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func apply(_ new: PerformanceSettings, at time: Int) {
        let old = settings
        var new = new
        new.clamp()
        settings = new
        if new.mpe != old.mpe {
            releaseAll(time)
            setUpZones()
        }
        if new.channel != old.channel { releaseAll(time) }
        if new.mode != old.mode { leaveNewest(time) }
        // The last that was set counts: the control or RPN 0.
        for index in 0..<16 {
            let isMember = channels[index].master >= 0
            if isMember ? new.mpeBendRange != old.mpeBendRange : new.bendRange != old.bendRange { channels[index].bendRange = -1 }
        }
        while activeCount > new.voiceCount { end(victim()) }
        // Nothing to smooth while nothing sounds.
        if activeCount == 0 { followSettings(keep: 0) }
    }

    /// The last program change's program, 0 … 127; −1: none since this was last asked.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func takeProgram() -> Int32 {
        let program = askedProgram
        askedProgram = -1
        return program
    }

    func ask(program: UInt8) { askedProgram = Int32(program) }

    /// Computes all voices at the control frame at host sample `time`. To be called for every frame, 250 a second, after all events
    /// up to and including `time`.
    ///
    /// - morph: 0 (profile A) … 1 (profile B)
    /// - output: VoiceControl.maximumCount of them
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func evaluate(
        at time: Int, profileA: UnsafePointer<InstrumentProfile>, profileB: UnsafePointer<InstrumentProfile>, morph: Float,
        into output: UnsafeMutablePointer<VoiceControl>
    ) {
        followSettings(keep: Playing.remainder)
        let instruments = Instruments(a: profileA, b: profileB, morph: morph >= 0 ? min(1, morph) : 0)
        var newest = -1
        var newestOrder: UInt64 = 0
        for index in 0..<VoiceControl.maximumCount {
            if voices[index].state != .free { evaluate(index, time, instruments) }
            let voice = voices + index
            guard voice.pointee.state != .free else {
                output[index] = VoiceControl(generation: voice.pointee.generation)
                continue
            }
            let pitch = pitch(index, time, instruments)
            output[index] = VoiceControl(
                isActive: true, generation: voice.pointee.generation, start: voice.pointee.start, pitch: pitch,
                loudness: voice.pointee.loudness, timbre: voice.pointee.timbre, place: voice.pointee.place,
                gain: voice.pointee.gain)
            if voice.pointee.order > newestOrder {
                newestOrder = voice.pointee.order
                newest = index
            }
        }
        newestPitch = newest < 0 ? 0 : output[newest].pitch
        newestLoudness = newest < 0 ? VoiceControl.silence : output[newest].loudness
        lastFrame = time
    }

    // MARK: One frame of one voice

    private struct Instruments {
        let a: UnsafePointer<InstrumentProfile>
        let b: UnsafePointer<InstrumentProfile>
        let morph: Float

        /// `first` of A mixed with `second` of B.
        func mix(_ first: Float, _ second: Float) -> Float { first + (second - first) * morph }
    }

    private func followSettings(keep: Float) {
        vibratoDepth = settings.vibratoDepth + (vibratoDepth - settings.vibratoDepth) * keep
        wheelVibrato = settings.wheelVibrato + (wheelVibrato - settings.wheelVibrato) * keep
        tremolo = settings.tremolo + (tremolo - settings.tremolo) * keep
        drift = settings.drift + (drift - settings.drift) * keep
    }

    /// Host samples from `start` to `time` in seconds, 0 if that is still to come.
    private func seconds(_ start: Int, _ time: Int) -> Float { Float(max(0, time &- start)) / sampleRate }

    /// Moves all of a voice on but its pitch; ends it when it has become silent.
    private func evaluate(_ index: Int, _ time: Int, _ instruments: Instruments) {
        let voice = voices + index
        let channel = channels + voice.pointee.channel
        let begins = !voice.pointee.hasBegun
        if begins {
            voice.pointee.attackLengthA = Articulation.attackLength(instruments.a, velocity: voice.pointee.velocity)
            voice.pointee.attackLengthB = Articulation.attackLength(instruments.b, velocity: voice.pointee.velocity)
        }

        // Controllers. In an MPE zone the master's come on top of the note's own.
        if !voice.pointee.isFrozen {
            voice.pointee.bend = channel.pointee.bend * bendRange(voice.pointee.channel) + channel.pointee.tuning
            voice.pointee.pressure = channel.pointee.pressure
            voice.pointee.channelTimbre = channel.pointee.timbre
        }
        var offset = voice.pointee.bend + settings.transpose + 12 * cr_log2(settings.a4 / 440)
        var pressure = max(voice.pointee.pressure, voice.pointee.polyPressure)
        var timbre = voice.pointee.channelTimbre
        var wheel = channel.pointee.modulation.fraction
        var gain = channel.pointee.volumeLevel
        var expression = channel.pointee.expressionLevel
        var breath = channel.pointee.breath.fraction
        var hasBreath = channel.pointee.hasBreath
        var isSoft = channel.pointee.soft
        if channel.pointee.master >= 0 {
            let master = channels + channel.pointee.master
            offset += master.pointee.bend * bendRange(channel.pointee.master) + master.pointee.tuning
            pressure = min(1, pressure + master.pointee.pressure)
            timbre += master.pointee.timbre
            wheel = max(wheel, master.pointee.modulation.fraction)
            gain += master.pointee.volumeLevel
            expression += master.pointee.expressionLevel
            if master.pointee.hasBreath {
                breath = hasBreath ? max(breath, master.pointee.breath.fraction) : master.pointee.breath.fraction
                hasBreath = true
            }
            if master.pointee.soft { isSoft = true }
        }
        if isSoft {
            timbre -= 0.25
            expression -= 3
        }
        let keep = begins ? 0 : Playing.remainder
        timbre = max(-1, min(1, timbre))
        gain = max(VoiceControl.silence, min(5, gain))
        voice.pointee.offset = offset + (voice.pointee.offset - offset) * keep
        voice.pointee.timbre = timbre + (voice.pointee.timbre - timbre) * keep
        voice.pointee.wheel = wheel + (voice.pointee.wheel - wheel) * keep
        voice.pointee.gain = gain + (voice.pointee.gain - gain) * keep

        // Chance and vibrato.
        voice.pointee.pitchWander.step(voice.pointee.random.next())
        voice.pointee.loudnessWander.step(voice.pointee.random.next())
        voice.pointee.vibratoWander.step(voice.pointee.random.next())
        let rate = settings.vibratoRate * (1 + (0.03 + 0.07 * drift) * voice.pointee.vibratoWander.value)
        let phase = voice.pointee.vibratoPhase + rate * Playing.hop
        voice.pointee.vibratoPhase = phase - cr_floor(phase)

        // Loudness.
        let played = level(voice.pointee.velocity, instruments)
        var body = played
        if hasBreath {
            let blown = instruments.mix(
                Articulation.breathLevel(instruments.a, breath: breath), Articulation.breathLevel(instruments.b, breath: breath))
            body += (blown - body) * settings.breath
        }
        body += settings.loudness + expression + settings.pressure * pressure
        let curve = curve(index, time, instruments)
        let articulation = finite(body + curve)
        if !begins {
            let wouldHaveBeen = finite(body + self.curve(index, lastFrame, instruments))
            voice.pointee.excess = (voice.pointee.excess + voice.pointee.articulation - wouldHaveBeen) * Playing.remainder
        }
        voice.pointee.articulation = articulation
        voice.pointee.hasBegun = true

        let age = seconds(voice.pointee.start, time)
        let swing = max(vibratoFade(age), voice.pointee.wheel * Articulation.onset(age))
        let shake = 0.5 * tremolo * swing * cr_sin(2 * Float.pi * voice.pointee.vibratoPhase)
        let wander = 1.2 * drift * voice.pointee.loudnessWander.value
        let loudness = finite(articulation + voice.pointee.excess + shake + wander)
        voice.pointee.loudness = max(VoiceControl.silence, min(10, loudness))

        if voice.pointee.state == .released {
            if loudness < Playing.inaudible, time > voice.pointee.releaseTime { end(index) }
        } else if finite(played + settings.loudness + curve) < Playing.inaudible {
            // A note that decays by itself is over, unless it has not even begun.
            let attack = settings.attack * max(voice.pointee.attackLengthA, voice.pointee.attackLengthB)
            if curve < -20, seconds(voice.pointee.start, time) > attack + 0.25 { end(index) }
        }
    }

    private func finite(_ level: Float) -> Float { cr_is_finite(level) ? level : VoiceControl.silence }

    /// Loudness of the body: around velocity 80, `dynamics` makes the instrument's own differences larger or smaller.
    private func level(_ velocity: Float, _ instruments: Instruments) -> Float {
        let middle = instruments.mix(
            Articulation.level(instruments.a, velocity: 80), Articulation.level(instruments.b, velocity: 80))
        let played = instruments.mix(
            Articulation.level(instruments.a, velocity: velocity), Articulation.level(instruments.b, velocity: velocity))
        return middle + (played - middle) * settings.dynamics
    }

    /// Loudness against the body's at `time`: attack, swell or decay, release, and the dip of a legato transition.
    private func curve(_ index: Int, _ time: Int, _ instruments: Instruments) -> Float {
        let voice = voices + index
        let age = seconds(voice.pointee.start, time)
        let sinceTransition = seconds(voice.pointee.transition, time)
        var level = held(index, age, sinceTransition, instruments)
        if voice.pointee.state == .released, time > voice.pointee.releaseTime {
            let end = voice.pointee.releaseTime
            let atEnd = held(index, seconds(voice.pointee.start, end), seconds(voice.pointee.transition, end), instruments)
            let since = seconds(end, time) / (settings.release * voice.pointee.releaseStretch)
            let fall = instruments.mix(
                Articulation.release(instruments.a, time: since), Articulation.release(instruments.b, time: since))
            // A string let go under a long release does not ring longer than one that is held.
            level = min(level, atEnd + fall)
        }
        return level
    }

    /// `curve` of a note that is not let go.
    private func held(_ index: Int, _ age: Float, _ sinceTransition: Float, _ instruments: Instruments) -> Float {
        let voice = voices + index
        let velocity = voice.pointee.velocity
        let stretch = settings.attack
        let lengthA = voice.pointee.attackLengthA
        let lengthB = voice.pointee.attackLengthB
        var timeA = Articulation.curveTime(age, lengthA, stretch)
        var timeB = Articulation.curveTime(age, lengthB, stretch)
        var level: Float = 0
        if voice.pointee.dip > 0 {
            // What decays by itself gets new strength from a hammered finger, but no attack.
            if !instruments.a.pointee.sustains { timeA = lengthA + sinceTransition }
            if !instruments.b.pointee.sustains { timeB = lengthB + sinceTransition }
            // Down within 25 ms, most of the way up again after 100: as a bow or a breath goes through a slur.
            let x = sinceTransition * (1 / 0.025)
            level -= voice.pointee.dip * x * cr_exp(1 - x)
        }
        level += instruments.mix(
            Articulation.attack(instruments.a, velocity: velocity, time: timeA),
            Articulation.attack(instruments.b, velocity: velocity, time: timeB))
        let bodyTime = age - stretch * instruments.mix(lengthA, lengthB)
        if bodyTime > 0 { level += max(-120, min(18, settings.body * bodyTime)) }
        return level
    }

    /// 0 … 1: how far a note's vibrato has grown. A player lets a note speak before it begins.
    private func vibratoFade(_ age: Float) -> Float {
        let delay = max(0.06, settings.vibratoDelay * 0.001)
        let begin = delay > 0.06 ? 0.35 * delay : 0
        return Articulation.ease((age - begin) / (delay - begin))
    }

    private func pitch(_ index: Int, _ time: Int, _ instruments: Instruments) -> Float {
        let voice = voices + index
        let age = seconds(voice.pointee.start, time)
        var cents = vibratoDepth * vibratoFade(age) + wheelVibrato * voice.pointee.wheel * Articulation.onset(age)
        cents *= (1 - 0.2 * drift * voice.pointee.vibratoWander.value) * cr_sin(2 * Float.pi * voice.pointee.vibratoPhase)
        cents += 5 * drift * voice.pointee.pitchWander.value
        // Bow, reed and lips find the note from a little below; a key does not. Who plays vibrato plays that, too.
        let scoops = instruments.mix(Articulation.scoops(instruments.a), Articulation.scoops(instruments.b))
        if scoops > 0, age < 0.5 { cents -= 16 * scoops * drift * voice.pointee.scoop * cr_exp(age * (-1 / 0.03)) }
        let pitch = voice.pointee.notePitch(time) + voice.pointee.offset + 0.01 * cents
        return max(0, min(136, pitch))
    }

    /// Semitones either way of a channel's bends.
    private func bendRange(_ channel: Int) -> Float {
        let own = channels[channel].bendRange
        if own >= 0 { return Float(own) / 100 }
        return channels[channel].master >= 0 ? settings.mpeBendRange : settings.bendRange
    }
}
