import CRealtime
import Neural
import Realtime

/// Turns the decoder's frames into sound: for each voice a bank of up to 128 sinusoids and filtered noise, at the host's rate.
///
/// Its clock counts the samples rendered since `reset`. At the sample where a frame takes effect the caller tells each voice what
/// the frame says (`take`, `hold` or `release`), then renders up to the next. From one frame to the next, amplitudes and
/// frequencies go in straight lines and phases run on. A sound begins at exactly its onset, under a gate of 1 ms, while what the
/// voice sounded before fades out beside it within 5 ms.
///
/// Where one calls `render` how often for how many samples has no influence on a single bit.
///
/// All but `init` and `deinit` is for the audio thread.
public final class VoiceBank {
    /// Partials of a voice.
    public static var partials: Int { Sound.partialCount }
    /// Nodes of its noise: RMS per √Hz, evenly spaced in mel from 0 to 24 kHz.
    public static var noiseNodes: Int { NoiseFrames.nodeCount }

    /// What a voice is to sound like when a frame's ramp ends.
    public struct Frame {
        /// MIDI note number with fraction (69: 440 Hz).
        public var pitch: Float
        /// 128 peak amplitudes; one that is not finite counts as 0.
        public var amplitudes: UnsafePointer<Float>
        /// 65 noise densities, RMS per √Hz; likewise.
        public var noise: UnsafePointer<Float>
        /// 0 … 1: inharmonicity, f_k = k·f0·√(1 + B·k²), B = 0.002·stretch².
        public var stretch: Float
        /// −1 (left) … 1: the voice's place; `spread` says how far it counts.
        public var place: Float
        public init(
            pitch: Float, amplitudes: UnsafePointer<Float>, noise: UnsafePointer<Float>, stretch: Float = 0, place: Float = 0
        ) {
            self.pitch = pitch
            self.amplitudes = amplitudes
            self.noise = noise
            self.stretch = stretch
            self.place = place
        }
    }

    /// A voice: the sound it plays, and the one that is to begin.
    private struct Slot: BitwiseCopyable {
        var generation: UInt32 = 0
        /// −1: none.
        var sound = -1
        var isPending = false
        var pendingGeneration: UInt32 = 0
        var onset = 0
        var pitch: Float = 0
        var stretch: Float = 0
        var place: Float = 0
        let amplitudes: UnsafeMutablePointer<Float>
        let noise: UnsafeMutablePointer<Float>
    }

    /// Samples rendered since `reset`, plus the time given to it.
    public private(set) var time = 0

    private let sampleRate: Double
    private let voices: Int
    private let soundCount: Int
    private let kernels: Kernels
    private let noiseFrames: NoiseFrames
    private let audioNoise: Unmanaged<NoiseFrames>
    private let noiseHop: Int

    private let slots: UnsafeMutablePointer<Slot>
    private let sounds: UnsafeMutablePointer<Sound>
    private let memory: UnsafeMutablePointer<Float>
    private let copies: UnsafeMutablePointer<Sound.Copy>
    private var pending = 0
    private var used = 0

    /// The gate of an onset, and scratch.
    private let gateLength: Int
    private let gate: UnsafeMutablePointer<Float>
    private let work: UnsafeMutablePointer<Float>
    private let mono: UnsafeMutablePointer<Float>
    private let gains: UnsafeMutablePointer<Float>
    /// √(1 + B·k²)·k − k for the stretch last used.
    private let stretchTable: UnsafeMutablePointer<Float>
    private var stretchOfTable: Float = -1
    private let tailLength: Int
    private let lateLength: Int

    private var unison = 1
    private var detune: Float = 0
    private var spread: Float = 0

    /// - Parameters:
    ///   - sampleRate: 8000 … 768,000 Hz
    ///   - maximumVoices: 1 … 32
    /// `nil` if there is no memory.
    public init?(sampleRate: Double, maximumVoices: Int = VoiceControl.maximumCount, kernels: Kernels = Kernels()) {
        guard let noiseFrames = NoiseFrames(sampleRate: sampleRate, kernels: kernels) else { return nil }
        self.noiseFrames = noiseFrames
        audioNoise = Unmanaged.passUnretained(noiseFrames)
        noiseHop = noiseFrames.hop
        self.sampleRate = sampleRate
        self.kernels = kernels
        voices = maximumVoices
        // Two steals of a voice can lie within one tail: a sound and two tails, or three where hops are short.
        soundCount = 3 * maximumVoices
        slots = allocateZeroed(Slot.self, voices)
        sounds = allocateZeroed(Sound.self, soundCount)
        copies = allocateZeroed(Sound.Copy.self, soundCount * Sound.copyCount)
        let n = Sound.partialCount, hop = padded(noiseFrames.hop)
        let nodes = padded(NoiseFrames.nodeCount + 1)
        let perSound = 8 * n + 2 * Sound.longestSubBlock + nodes + 2 * hop
        let perSlot = n + nodes
        memory = allocateZeroed(Float.self, soundCount * perSound + voices * perSlot)
        var next = memory
        func part(_ count: Int) -> UnsafeMutablePointer<Float> {
            defer { next += count }
            return next
        }
        for index in 0..<soundCount {
            let offsets = UnsafeMutableRawPointer(part(4 * n)).bindMemory(to: UInt32.self, capacity: 4 * n)
            sounds[index] = Sound(
                copies: copies + index * Sound.copyCount, amplitudeStart: part(n), amplitudeEnd: part(n), stretchStart: part(n),
                stretchEnd: part(n), offsets: offsets, left: part(Sound.longestSubBlock), right: part(Sound.longestSubBlock),
                densities: part(nodes), noise: part(hop), noiseRest: part(hop))
        }
        for index in 0..<voices { slots[index] = Slot(amplitudes: part(n), noise: part(nodes)) }
        gateLength = max(1, Int(0.001 * sampleRate + 0.5))
        tailLength = max(1, Int(0.005 * sampleRate + 0.5))
        lateLength = max(1, Int(0.02 * sampleRate + 0.5))
        gate = allocateZeroed(Float.self, gateLength)
        for n in 0..<gateLength {
            gate[n] = Float(0.5 - 0.5 * cr_cos_f64(Double.pi * (Double(n) + 0.5) / Double(gateLength)))
        }
        work = allocateZeroed(Float.self, 16 * Sound.longestSubBlock)
        mono = allocateZeroed(Float.self, Sound.longestSubBlock)
        gains = allocateZeroed(Float.self, Sound.longestSubBlock)
        stretchTable = allocateZeroed(Float.self, n)
    }

    deinit {
        cr_free(slots)
        cr_free(sounds)
        cr_free(copies)
        cr_free(memory)
        cr_free(gate)
        cr_free(work)
        cr_free(mono)
        cr_free(gains)
        cr_free(stretchTable)
    }

    // MARK: Control

    /// Back to silence at once; the clock reads `time`.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func reset(time: Int = 0) {
        for index in 0..<soundCount { sounds[index].state = .free }
        for index in 0..<voices {
            slots[index].sound = -1
            slots[index].isPending = false
            slots[index].generation = 0
        }
        pending = 0
        used = 0
        self.time = time
    }

    /// How voices spread: each takes the change up smoothly with its next frames. Values are clamped.
    ///
    /// - unison: 1 … 4 copies of each voice, of equal power together
    /// - detune: 0 … 50 cents between the outermost
    /// - spread: 0 … 1, the stereo width of copies and voices (constant power; in the middle both sides have the voice at its
    ///   amplitudes)
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func set(unison: Int, detune: Float, spread: Float) {
        self.unison = max(1, min(Sound.copyCount, unison))
        self.detune = clamped(detune, 0, 50, 0)
        self.spread = clamped(spread, 0, 1, 0)
    }

    /// A frame's values for `voice` take effect now, and are reached in `ramp` samples.
    ///
    /// A new `generation` is a new sound: it begins at output sample `onset` (at once if that has gone by) with this frame's
    /// values. Until then the voice sounds on as it did.
    ///
    /// - ramp: samples until the next frame takes effect, at least 1
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func take(voice: Int, generation: UInt32, onset: Int, frame: Frame, ramp: Int) {
        guard voice >= 0, voice < voices else { return }
        let slot = slots + voice
        if slot.pointee.isPending, slot.pointee.onset <= time { begin(voice) }
        if slot.pointee.sound >= 0, slot.pointee.generation == generation, !slot.pointee.isPending {
            let sound = sounds + slot.pointee.sound
            aim(
                sound, frame.amplitudes, frame.noise, frame.pitch, frame.stretch, frame.place, max(1, ramp))
            sound.pointee.lateFrames = 0
            if sound.pointee.levelEnd != 1 {
                sound.pointee.state = .sounding
                startLevel(sound, 1, max(1, ramp))
            }
            return
        }
        if slot.pointee.isPending == false {
            slot.pointee.isPending = true
            pending += 1
            slot.pointee.onset = onset
            slot.pointee.pendingGeneration = generation
        } else if slot.pointee.pendingGeneration != generation {
            slot.pointee.onset = onset
            slot.pointee.pendingGeneration = generation
        }
        copy(frame.amplitudes, slot.pointee.amplitudes, Sound.partialCount)
        copy(frame.noise, slot.pointee.noise, NoiseFrames.nodeCount)
        slot.pointee.pitch = frame.pitch
        slot.pointee.stretch = frame.stretch
        slot.pointee.place = frame.place
        if slot.pointee.onset <= time { begin(voice) }
    }

    /// The frame due now has not come: the voice sounds on as it is, and from the second such frame on fades to silence (20 ms).
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func hold(voice: Int) {
        guard voice >= 0, voice < voices, slots[voice].sound >= 0 else { return }
        let sound = sounds + slots[voice].sound
        guard sound.pointee.state == .sounding else { return }
        sound.pointee.lateFrames += 1
        if sound.pointee.lateFrames == 2, sound.pointee.levelEnd != 0 { startLevel(sound, 0, lateLength) }
    }

    /// The voice is no longer active: it fades out over `ramp` samples. A sound that was to begin does not.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func release(voice: Int, ramp: Int) {
        guard voice >= 0, voice < voices else { return }
        if slots[voice].isPending {
            slots[voice].isPending = false
            pending -= 1
        }
        guard slots[voice].sound >= 0 else { return }
        let sound = sounds + slots[voice].sound
        guard sound.pointee.state == .sounding else { return }
        sound.pointee.state = .ending
        startLevel(sound, 0, max(1, ramp))
    }

    /// Nothing sounds or is about to.
    public var isSilent: Bool { used == 0 && pending == 0 }

    /// Voices that sound, without the tails of stolen ones.
    public var soundingVoices: Int {
        var count = 0
        for index in 0..<voices where slots[index].sound >= 0 { count += 1 }
        return count
    }

    // MARK: Rendering

    /// Writes the next `count` samples (any number; `left` and `right` must not overlap). True zeros where nothing sounds.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func render(left: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>, count: Int) {
        guard count > 0 else { return }
        cr_zero(left, count &* 4)
        cr_zero(right, count &* 4)
        var done = 0
        while done < count {
            var part = count &- done
            if pending > 0 {
                var voice = 0
                while voice < voices {
                    if slots[voice].isPending {
                        if slots[voice].onset <= time {
                            begin(voice)
                        } else {
                            part = min(part, slots[voice].onset &- time)
                        }
                    }
                    voice &+= 1
                }
            }
            if used > 0 {
                var index = 0
                while index < soundCount {
                    if sounds[index].state != .free { mix(sounds + index, index, left + done, right + done, part) }
                    index &+= 1
                }
            }
            time &+= part
            done &+= part
        }
    }

    /// Adds the sound's next `count` samples; sets it free when it has ended.
    private func mix(
        _ sound: UnsafeMutablePointer<Sound>, _ index: Int, _ left: UnsafeMutablePointer<Float>,
        _ right: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        var done = 0
        while done < count {
            if sound.pointee.subPosition == sound.pointee.subLength {
                advance(sound)
                renderSubBlock(sound)
                if !isFinite(sound) {
                    free(sound, index)
                    return
                }
            }
            if sound.pointee.noisePosition == noiseHop { nextNoise(sound) }
            let at = sound.pointee.subPosition
            var part = min(min(count &- done, sound.pointee.subLength &- at), noiseHop &- sound.pointee.noisePosition)
            let moving = sound.pointee.levelIsMoving
            if moving { part = min(part, sound.pointee.levelLength &- sound.pointee.levelPosition) }

            let gated = gateLength
            let shaped = moving || sound.pointee.age < gated
            if shaped {
                for n in 0..<part {
                    let age = sound.pointee.age &+ n
                    gains[n] = sound.pointee.level(after: n) * (age < gated ? gate[age] : 1)
                }
            } else {
                let level = sound.pointee.levelEnd
                for n in 0..<part { gains[n] = level }
            }
            let l = left + done, r = right + done
            if shaped || sound.pointee.levelEnd != 0 {
                if sound.pointee.hasPartials {
                    let x = sound.pointee.left + at, y = sound.pointee.right + at
                    for n in 0..<part {
                        l[n] += x[n] * gains[n]
                        r[n] += y[n] * gains[n]
                    }
                }
                if sound.pointee.hasNoise {
                    let z = sound.pointee.noise + sound.pointee.noisePosition
                    let x0 = sound.pointee.fraction(after: 0), x1 = sound.pointee.fraction(after: sound.pointee.subLength)
                    let step = (x1 - x0) / Float(sound.pointee.subLength)
                    let l0 = sound.pointee.noiseLeftStart, l1 = sound.pointee.noiseLeftEnd - l0
                    let r0 = sound.pointee.noiseRightStart, r1 = sound.pointee.noiseRightEnd - r0
                    for n in 0..<part {
                        let x = x0 + step * Float(at &+ n)
                        let value = z[n] * gains[n]
                        l[n] += value * (l0 + l1 * x)
                        r[n] += value * (r0 + r1 * x)
                    }
                }
            }
            sound.pointee.subPosition &+= part
            sound.pointee.noisePosition &+= part
            sound.pointee.age &+= part
            done &+= part
            if moving {
                sound.pointee.levelPosition &+= part
                if !sound.pointee.levelIsMoving, sound.pointee.levelEnd == 0, sound.pointee.state != .sounding {
                    free(sound, index)
                    return
                }
            }
        }
    }

    private func renderSubBlock(_ sound: UnsafeMutablePointer<Sound>) {
        if !sound.pointee.isSettled, sound.pointee.position >= sound.pointee.length { settle(sound) }
        let n: Int
        if sound.pointee.isSettled {
            n = Sound.longestSubBlock
        } else {
            n = min(Sound.longestSubBlock, sound.pointee.length &- sound.pointee.position)
        }
        sound.pointee.subLength = n
        sound.pointee.subPosition = 0
        sound.pointee.hasPartials = false
        // A voice whose frames have stayed away is not heard, and costs nothing.
        if sound.pointee.levelEnd == 0, !sound.pointee.levelIsMoving { return }
        if sound.pointee.partials == 0 { return }
        let left = sound.pointee.left, right = sound.pointee.right
        let x0 = sound.pointee.fraction(after: 0), x1 = sound.pointee.fraction(after: n)
        let ramp = Kernels.PartialRamp(
            amplitudeStart: sound.pointee.amplitudeStart, amplitudeEnd: sound.pointee.amplitudeEnd,
            stretchStart: sound.pointee.isStretched ? UnsafePointer(sound.pointee.stretchStart) : nil,
            stretchEnd: sound.pointee.stretchEnd, x0: x0, x1: x1)
        var index = 0
        while index < Sound.copyCount {
            let copy = sound.pointee.copies + index
            if !copy.pointee.isSilent {
                let change = copy.pointee.frequencyEnd - copy.pointee.frequencyStart
                let f0 = copy.pointee.frequencyStart + change * Double(x0)
                let f1 = copy.pointee.frequencyStart + change * Double(x1)
                // Partials from half the sample rate on would come out as zeros.
                let below = min(Double(Sound.partialCount), 0.5 / max(1e-9, min(f0, f1)) + 1)
                kernels.renderPartials(
                    count: min(sound.pointee.partials, Int(below)), samples: n,
                    phase: UInt32(truncatingIfNeeded: copy.pointee.phase &>> 32),
                    offsets: sound.pointee.offsets + index &* Sound.partialCount, frequency0: Float(f0), frequency1: Float(f1),
                    ramp: ramp, work: work, output: mono)
                let l0 = copy.pointee.leftStart, l1 = copy.pointee.leftEnd - l0
                let r0 = copy.pointee.rightStart, r1 = copy.pointee.rightEnd - r0
                let step = (x1 - x0) / Float(n)
                if !sound.pointee.hasPartials {
                    for i in 0..<n {
                        let x = x0 + step * Float(i)
                        left[i] = mono[i] * (l0 + l1 * x)
                        right[i] = mono[i] * (r0 + r1 * x)
                    }
                } else {
                    for i in 0..<n {
                        let x = x0 + step * Float(i)
                        left[i] += mono[i] * (l0 + l1 * x)
                        right[i] += mono[i] * (r0 + r1 * x)
                    }
                }
                sound.pointee.hasPartials = true
            }
            index &+= 1
        }
    }

    /// A number that is none spreads through sums: so it is enough to look at one.
    private func isFinite(_ sound: UnsafeMutablePointer<Sound>) -> Bool {
        if !sound.pointee.hasPartials { return true }
        var sum: Float = 0
        for n in 0..<sound.pointee.subLength { sum += (sound.pointee.left[n] + sound.pointee.right[n]) * 0 }
        return sum == 0
    }

    /// Moves the segment's position and the phases on by what was heard of the sub-block, and drops the rest of it.
    private func advance(_ sound: UnsafeMutablePointer<Sound>) {
        let n = sound.pointee.subPosition
        sound.pointee.subLength = 0
        sound.pointee.subPosition = 0
        guard n > 0 else { return }
        let x0 = sound.pointee.fraction(after: 0), x1 = sound.pointee.fraction(after: n)
        var index = 0
        while index < Sound.copyCount {
            let copy = sound.pointee.copies + index
            if !copy.pointee.isSilent {
                let change = copy.pointee.frequencyEnd - copy.pointee.frequencyStart
                let f0 = copy.pointee.frequencyStart + change * Double(x0)
                let f1 = copy.pointee.frequencyStart + change * Double(x1)
                let turns = 0.5 * (f0 + f1) * Double(n)
                copy.pointee.phase &+= UInt64((turns - cr_floor_f64(turns)) * 0x1p62) &<< 2
                if sound.pointee.isStretched {
                    kernels.advanceStretch(
                        count: Sound.partialCount, samples: n, frequency0: Float(f0), frequency1: Float(f1),
                        stretchStart: sound.pointee.stretchStart, stretchEnd: sound.pointee.stretchEnd, x0: x0, x1: x1,
                        offsets: sound.pointee.offsets + index &* Sound.partialCount)
                }
            }
            index &+= 1
        }
        sound.pointee.position &+= n
    }

    // MARK: Segments

    /// The segment's values at its position become its start: what follows may go anywhere from here.
    private func cut(_ sound: UnsafeMutablePointer<Sound>) {
        advance(sound)
        if sound.pointee.isSettled { return }
        let x = sound.pointee.fraction(after: 0)
        let a = sound.pointee.amplitudeStart, b = sound.pointee.amplitudeEnd
        let s = sound.pointee.stretchStart, t = sound.pointee.stretchEnd
        if x == 1 {
            cr_move(a, b, Sound.partialCount &* 4)
            if sound.pointee.isStretched { cr_move(s, t, Sound.partialCount &* 4) }
        } else {
            for k in 0..<Sound.partialCount { a[k] += (b[k] - a[k]) * x }
            if sound.pointee.isStretched { for k in 0..<Sound.partialCount { s[k] += (t[k] - s[k]) * x } }
        }
        var index = 0
        while index < Sound.copyCount {
            let copy = sound.pointee.copies + index
            copy.pointee.frequencyStart += (copy.pointee.frequencyEnd - copy.pointee.frequencyStart) * Double(x)
            copy.pointee.leftStart = between(copy.pointee.leftStart, copy.pointee.leftEnd, x)
            copy.pointee.rightStart = between(copy.pointee.rightStart, copy.pointee.rightEnd, x)
            index &+= 1
        }
        sound.pointee.noiseLeftStart = between(sound.pointee.noiseLeftStart, sound.pointee.noiseLeftEnd, x)
        sound.pointee.noiseRightStart = between(sound.pointee.noiseRightStart, sound.pointee.noiseRightEnd, x)
        sound.pointee.position = 0
    }

    @inline(__always)
    private func between(_ a: Float, _ b: Float, _ x: Float) -> Float { x == 1 ? b : a + (b - a) * x }

    /// The segment has ended: everything stays as it is then.
    private func settle(_ sound: UnsafeMutablePointer<Sound>) {
        cut(sound)
        sound.pointee.isSettled = true
        sound.pointee.partials = highest(sound)
        if sound.pointee.isStretched { sound.pointee.isStretched = sound.pointee.stretchEnd[Sound.partialCount &- 1] != 0 }
        var index = 0
        while index < Sound.copyCount {
            let copy = sound.pointee.copies + index
            copy.pointee.frequencyEnd = copy.pointee.frequencyStart
            copy.pointee.leftEnd = copy.pointee.leftStart
            copy.pointee.rightEnd = copy.pointee.rightStart
            index &+= 1
        }
        cr_move(sound.pointee.amplitudeEnd, sound.pointee.amplitudeStart, Sound.partialCount &* 4)
        sound.pointee.noiseLeftEnd = sound.pointee.noiseLeftStart
        sound.pointee.noiseRightEnd = sound.pointee.noiseRightStart
    }

    private func highest(_ sound: UnsafeMutablePointer<Sound>) -> Int {
        let a = sound.pointee.amplitudeStart, b = sound.pointee.amplitudeEnd
        var k = Sound.partialCount
        while k > 0 {
            if a[k &- 1] != 0 { break }
            if b[k &- 1] != 0 { break }
            k &-= 1
        }
        return k
    }

    /// A new segment from where the sound is to the given values in `ramp` samples.
    private func aim(
        _ sound: UnsafeMutablePointer<Sound>, _ amplitudes: UnsafePointer<Float>, _ noise: UnsafePointer<Float>,
        _ pitch: Float, _ stretch: Float, _ place: Float, _ ramp: Int
    ) {
        cut(sound)
        sound.pointee.isSettled = false
        sound.pointee.length = ramp
        sound.pointee.position = 0
        copy(amplitudes, sound.pointee.amplitudeEnd, Sound.partialCount)
        copy(noise, sound.pointee.densities, NoiseFrames.nodeCount)
        sound.pointee.partials = highest(sound)
        setStretch(sound, stretch)
        spreadOut(sound, pitch, place, 0.35)
    }

    private func setStretch(_ sound: UnsafeMutablePointer<Sound>, _ stretch: Float) {
        let wanted = clamped(stretch, 0, 1, 0)
        if wanted == 0, !sound.pointee.isStretched { return }
        if !sound.pointee.isStretched { cr_zero(sound.pointee.stretchStart, Sound.partialCount &* 4) }
        if wanted == 0 {
            cr_zero(sound.pointee.stretchEnd, Sound.partialCount &* 4)
        } else {
            if wanted != stretchOfTable {
                stretchOfTable = wanted
                let b = 0.002 * wanted * wanted
                for k in 0..<Sound.partialCount {
                    let number = Float(k &+ 1)
                    // k·(√(1 + x) − 1), written so that little x keep their precision
                    let x = b * number * number
                    stretchTable[k] = number * x / (1 + cr_sqrt(1 + x))
                }
            }
            cr_move(sound.pointee.stretchEnd, stretchTable, Sound.partialCount &* 4)
        }
        // With stretch at its start alone the segment still needs it.
        sound.pointee.isStretched =
            wanted != 0 ? true : sound.pointee.stretchStart[Sound.partialCount &- 1] != 0
    }

    /// Where the copies are at the segment's end: their settings followed by `rate` (1: at once).
    private func spreadOut(_ sound: UnsafeMutablePointer<Sound>, _ pitch: Float, _ place: Float, _ rate: Float) {
        let note = Double(clamped(pitch, -24, 180, 60))
        let frequency = min(0.5, 440 * cr_exp_f64((note - 69) * (0.693_147_180_559_945_3 / 12)) / sampleRate)
        let voicePlace = follow(sound.pointee.place, clamped(place, -1, 1, 0) * spread, rate, 0.001)
        sound.pointee.place = voicePlace
        let count = Float(unison)
        var index = 0
        while index < Sound.copyCount {
            let copy = sound.pointee.copies + index
            var level: Float = 0
            var step = rate
            var cents: Float = 0
            var position: Float = 0
            if index < unison {
                level = 1 / cr_sqrt(count)
                if unison > 1 {
                    let x = Float(index) / (count - 1)
                    cents = detune * (x - 0.5)
                    position = (2 * x - 1) * spread
                }
                // One that comes in begins where it belongs.
                if copy.pointee.level == 0 { step = 1 }
            } else {
                cents = copy.pointee.cents
                position = copy.pointee.place
            }
            let wasSilent = copy.pointee.isSilent
            copy.pointee.cents = follow(copy.pointee.cents, cents, step, 0.05)
            copy.pointee.place = follow(copy.pointee.place, position, step, 0.001)
            copy.pointee.level = follow(copy.pointee.level, level, rate, 0.001)
            var ratio = 1.0
            if copy.pointee.cents != 0 { ratio = cr_exp_f64(Double(copy.pointee.cents) * (0.693_147_180_559_945_3 / 1200)) }
            copy.pointee.frequencyEnd = min(0.5, frequency * ratio)
            if wasSilent { copy.pointee.frequencyStart = copy.pointee.frequencyEnd }
            let (left, right) = pan(voicePlace + copy.pointee.place)
            copy.pointee.leftEnd = left * copy.pointee.level
            copy.pointee.rightEnd = right * copy.pointee.level
            index &+= 1
        }
        let (left, right) = pan(voicePlace)
        sound.pointee.noiseLeftEnd = left
        sound.pointee.noiseRightEnd = right
    }

    @inline(__always)
    private func follow(_ value: Float, _ target: Float, _ rate: Float, _ near: Float) -> Float {
        let way = target - value
        if abs(way) <= near { return target }
        return rate == 1 ? target : value + way * rate
    }

    /// Gains of constant power: 1 each in the middle, √2 and 0 at a side.
    private func pan(_ place: Float) -> (Float, Float) {
        if place == 0 { return (1, 1) }
        let angle = (max(-1, min(1, place)) + 1) * (Float.pi / 4)
        return (1.414_213_6 * max(0, cr_cos(angle)), 1.414_213_6 * cr_sin(angle))
    }

    // MARK: Sounds

    /// The sound that `voice` has pending begins now.
    private func begin(_ voice: Int) {
        let slot = slots + voice
        slot.pointee.isPending = false
        pending -= 1
        if slot.pointee.sound >= 0 {
            let index = slot.pointee.sound
            let old = sounds + index
            slot.pointee.sound = -1
            if old.pointee.levelEnd == 0, !old.pointee.levelIsMoving {
                free(old, index)
            } else {
                let limit = tailLength
                // One that is already ending goes no slower than it went.
                let left = old.pointee.levelLength &- old.pointee.levelPosition
                if old.pointee.state != .ending || left > limit { startLevel(old, 0, limit) }
                old.pointee.state = .tail
            }
        }
        let index = place()
        let sound = sounds + index
        used += 1
        slot.pointee.sound = index
        slot.pointee.generation = slot.pointee.pendingGeneration
        sound.pointee.state = .sounding
        sound.pointee.voice = voice
        sound.pointee.age = 0
        sound.pointee.isSettled = true
        sound.pointee.position = 0
        sound.pointee.subLength = 0
        sound.pointee.subPosition = 0
        sound.pointee.hasPartials = false
        sound.pointee.levelStart = 1
        sound.pointee.levelEnd = 1
        sound.pointee.levelPosition = 0
        sound.pointee.levelLength = 0
        sound.pointee.lateFrames = 0

        // The same bits for the same voice and generation.
        var seed = UInt32(truncatingIfNeeded: voice) &* 0x0800_0000 &+ slot.pointee.generation &* 0x9E37_79B1
        for k in 0..<Sound.partialCount { sound.pointee.offsets[k] = 0 }
        for k in Sound.partialCount..<(Sound.copyCount &* Sound.partialCount) {
            seed = seed &* 747_796_405 &+ 2_891_336_453
            let word = ((seed &>> ((seed &>> 28) &+ 4)) ^ seed) &* 277_803_737
            sound.pointee.offsets[k] = (word &>> 22) ^ word
        }
        copy(slot.pointee.amplitudes, sound.pointee.amplitudeEnd, Sound.partialCount)
        cr_move(sound.pointee.amplitudeStart, sound.pointee.amplitudeEnd, Sound.partialCount &* 4)
        sound.pointee.isStretched = false
        setStretch(sound, slot.pointee.stretch)
        if sound.pointee.isStretched {
            cr_move(sound.pointee.stretchStart, sound.pointee.stretchEnd, Sound.partialCount &* 4)
        }
        for index in 0..<Sound.copyCount { sound.pointee.copies[index] = Sound.Copy() }
        sound.pointee.place = 0
        spreadOut(sound, slot.pointee.pitch, slot.pointee.place, 1)
        for index in 0..<Sound.copyCount {
            let copy = sound.pointee.copies + index
            copy.pointee.frequencyStart = copy.pointee.frequencyEnd
            copy.pointee.leftStart = copy.pointee.leftEnd
            copy.pointee.rightStart = copy.pointee.rightEnd
        }
        sound.pointee.noiseLeftStart = sound.pointee.noiseLeftEnd
        sound.pointee.noiseRightStart = sound.pointee.noiseRightEnd
        sound.pointee.partials = highest(sound)

        copy(slot.pointee.noise, sound.pointee.densities, NoiseFrames.nodeCount)
        sound.pointee.seed = seed
        // Each voice has its own place in the frames' time, so that the transforms of a chord do not fall together.
        sound.pointee.noisePosition = voice &* noiseHop / voices
        sound.pointee.hasNoise = asksForNoise(sound)
        sound.pointee.noiseFrames = sound.pointee.hasNoise ? 1 : 0
        if sound.pointee.hasNoise {
            audioNoise._withUnsafeGuaranteedRef {
                $0.begin(
                    sound.pointee.densities, seed: &sound.pointee.seed, current: sound.pointee.noise,
                    rest: sound.pointee.noiseRest)
            }
        }
    }

    /// A free sound, or of the tails the one that is nearest to its end.
    private func place() -> Int {
        var best = -1
        var least = Int.max
        var index = 0
        while index < soundCount {
            if sounds[index].state == .free { return index }
            if sounds[index].state == .tail {
                let left = sounds[index].levelLength &- sounds[index].levelPosition
                if left < least {
                    least = left
                    best = index
                }
            }
            index &+= 1
        }
        // There are more sounds than voices: one of them is a tail.
        free(sounds + best, best)
        return best
    }

    private func free(_ sound: UnsafeMutablePointer<Sound>, _ index: Int) {
        sound.pointee.state = .free
        used -= 1
        let slot = slots + sound.pointee.voice
        if slot.pointee.sound == index { slot.pointee.sound = -1 }
    }

    /// From the level as it is to `level` in `length` samples.
    private func startLevel(_ sound: UnsafeMutablePointer<Sound>, _ level: Float, _ length: Int) {
        sound.pointee.levelStart = sound.pointee.level(after: 0)
        sound.pointee.levelEnd = level
        sound.pointee.levelPosition = 0
        sound.pointee.levelLength = length
    }

    // MARK: Noise

    private func nextNoise(_ sound: UnsafeMutablePointer<Sound>) {
        sound.pointee.noisePosition = 0
        if asksForNoise(sound) {
            if sound.pointee.noiseFrames == 0 { cr_zero(sound.pointee.noiseRest, noiseHop &* 4) }
            sound.pointee.noiseFrames = 1
            sound.pointee.hasNoise = true
            audioNoise._withUnsafeGuaranteedRef {
                $0.advance(
                    sound.pointee.densities, seed: &sound.pointee.seed, current: sound.pointee.noise,
                    rest: sound.pointee.noiseRest)
            }
        } else if sound.pointee.noiseFrames > 0 {
            // The last frame's second half.
            sound.pointee.noiseFrames = 0
            cr_move(sound.pointee.noise, sound.pointee.noiseRest, noiseHop &* 4)
        } else {
            sound.pointee.hasNoise = false
        }
    }

    private func asksForNoise(_ sound: UnsafeMutablePointer<Sound>) -> Bool {
        if sound.pointee.levelEnd == 0, !sound.pointee.levelIsMoving { return false }
        var sum: Float = 0
        for index in 0..<NoiseFrames.nodeCount { sum += sound.pointee.densities[index] }
        return sum > 0
    }

    // MARK: Values from outside

    /// Amplitudes and densities: what is not finite or hardly there becomes 0.
    private func copy(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count {
            let value = source[index]
            target[index] = value > 1e-9 && value < 100 ? value : 0
        }
    }

    @inline(__always)
    private func clamped(_ value: Float, _ low: Float, _ high: Float, _ otherwise: Float) -> Float {
        cr_is_finite(value) ? max(low, min(high, value)) : otherwise
    }
}
