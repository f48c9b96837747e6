import CRealtime
import Realtime

/// Samples between two looks at the settings.
private var tickLength: Int { 32 }

/// A stereo room: early reflections, then a network of eight delay lines that feed each other through a Hadamard matrix
/// (after Jot and Chaigne, "Digital delay networks for designing artificial reverberators", AES 1991), with damping in each line
/// and four of the lines slightly modulated, so that no mode rings on its own.
///
/// In place, at any rate. What it sounds like does not depend on how the time is divided into blocks. When its tail has died
/// under −120 dB it falls silent: true zeros, at next to no cost.
///
/// All but `init` and `deinit` is for the audio thread.
public final class Room {
    typealias Lines = SIMD8<Float>

    /// What is heard and what has been asked for.
    private struct Settings: BitwiseCopyable {
        var mix: Float = 0
        var size: Float = 0.5
        var decay: Float = 1.5
        var damping: Float = 0.5
    }

    /// Delays in samples that belong to a size.
    private struct Delays: BitwiseCopyable {
        var lines = SIMD8<Int32>.zero
        var early = SIMD16<Int32>.zero
        var before: Int32 = 0
    }

    private let sampleRate: Float
    private let memory: UnsafeMutablePointer<Float>
    private let memoryCount: Int
    /// The lines: [sample][line].
    private let lines: UnsafeMutablePointer<Float>
    private let lineMask: Int
    /// The input: [sample][left, right].
    private let input: UnsafeMutablePointer<Float>
    private let inputMask: Int
    /// The diffusers, three a side: all-passes one after the other.
    private let diffuser: UnsafeMutablePointer<Float>
    private let diffuserMask: Int
    private let diffuserDelays: UnsafeMutablePointer<Int>
    /// Ticks of zeros after which all memory is zeros.
    private let ticksToSilence: Int
    /// The same, after which nothing that came in is still on its way to the lines.
    private let ticksToGate: Int
    private let crossfadeTicks: Int
    /// How far a smoothed value goes in a tick.
    private let rate: Float

    private var target = Settings()
    private var mix: Float = 0
    private var size: Float = -1
    private var decay: Float = 0
    private var damping: Float = -1

    private var position = 0
    /// Samples of the current tick that have been rendered.
    private var inTick = 0
    private var old = Delays()
    private var new = Delays()
    private var crossfadeTick = 0
    private var fade0: Float = 1
    private var fade1: Float = 1
    private var mixes0 = SIMD2<Float>(1, 0)
    private var mixes1 = SIMD2<Float>(1, 0)
    private var gains0 = Lines.zero
    private var gains1 = Lines.zero
    private var poles0 = Lines.zero
    private var poles1 = Lines.zero
    private var gainTargets = Lines.zero
    private var poleTargets = Lines.zero
    private var level0: Float = 0
    private var level1: Float = 0
    private var levelTarget: Float = 0
    private var sway0 = SIMD4<Float>.zero
    private var sway1 = SIMD4<Float>.zero
    private var swayPhase: Float = 0
    private var damped = Lines.zero
    /// Of what went through in this tick.
    private var power = Lines.zero
    private var isGated = false
    private var quietTicks = 0
    private var isIdle = true
    /// How much of the memory has been zeroed since the room was switched off; all of it when it equals `memoryCount`.
    private var cleared: Int
    private var isOff = true

    /// - Parameter sampleRate: 8000 … 768,000 Hz
    public init(sampleRate: Double) {
        self.sampleRate = Float(sampleRate)
        func power(_ samples: Double) -> Int {
            var capacity = 64
            while capacity < Int(samples) + 64 { capacity *= 2 }
            return capacity
        }
        let lineCapacity = power(0.075 * sampleRate), inputCapacity = power(0.085 * sampleRate)
        let diffuserCapacity = power(0.012 * sampleRate)
        memoryCount = 8 * lineCapacity + 2 * inputCapacity + 6 * diffuserCapacity
        memory = allocateZeroed(Float.self, memoryCount)
        lines = memory
        lineMask = lineCapacity - 1
        input = memory + 8 * lineCapacity
        inputMask = inputCapacity - 1
        diffuser = memory + (8 * lineCapacity + 2 * inputCapacity)
        diffuserMask = diffuserCapacity - 1
        diffuserDelays = allocateZeroed(Int.self, 6)
        for (index, milliseconds) in [2.17, 4.73, 9.91, 2.41, 5.09, 10.37].enumerated() {
            diffuserDelays[index] = prime(Int(milliseconds / 1000 * sampleRate))
        }
        ticksToSilence = (max(lineCapacity, inputCapacity) + diffuserCapacity) / tickLength + 2
        ticksToGate = Int(0.03 * sampleRate) / tickLength + 2
        crossfadeTicks = max(1, Int(0.05 * sampleRate) / tickLength)
        rate = 1 - cr_exp(-Float(tickLength) / Float(0.015 * sampleRate))
        cleared = memoryCount
    }

    deinit {
        cr_free(memory)
        cr_free(diffuserDelays)
    }

    /// Back to silence at once; the settings stay.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func reset() {
        cr_zero(memory, memoryCount &* 4)
        cleared = memoryCount
        begin()
        mix = target.mix
        mixes1 = mixGains(mix)
        mixes0 = mixes1
        isOff = mix == 0
    }

    /// What the room is to be like; each value is reached within some 50 ms without a step, the size by a crossfade. Values are
    /// clamped.
    ///
    /// - mix: 0 (dry alone) … 1 (room alone), at equal power
    /// - size: 0 (a chamber) … 1 (a hall)
    /// - decay: 0.2 … 10 s until the low and middle frequencies have fallen by 60 dB
    /// - damping: 0 (all frequencies alike) … 1 (6 kHz decays in a tenth of the time)
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func set(mix: Float, size: Float, decay: Float, damping: Float) {
        target.mix = clamped(mix, 0, 1, 0)
        target.size = clamped(size, 0, 1, 0.5)
        target.decay = clamped(decay, 0.2, 10, 1.5)
        target.damping = clamped(damping, 0, 1, 0.5)
    }

    /// Nothing of it sounds: with silent input its output is zeros.
    public var isSilent: Bool { isIdle ? true : isOff }

    /// Adds the room to `count` samples (any number), in place.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public func process(left: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>, count: Int) {
        if count <= 0 { return }
        if isOff {
            if target.mix == 0 {
                // The old tail goes bit by bit, so that switching on costs little.
                if cleared < memoryCount { clear(min(4096, memoryCount &- cleared)) }
                return
            }
            clear(memoryCount &- cleared)
            begin()
            isOff = false
        }
        var done = 0
        while done < count {
            if isIdle {
                while done < count {
                    if left[done] != 0 { break }
                    if right[done] != 0 { break }
                    done &+= 1
                }
                if done == count { return }
                begin()
                // Nothing sounded: nothing needs to glide.
                mix = target.mix
                mixes1 = mixGains(mix)
                isIdle = false
            }
            if inTick == 0 { startTick() }
            let part = min(count &- done, tickLength &- inTick)
            render(left + done, right + done, part)
            inTick &+= part
            done &+= part
            if inTick == tickLength {
                inTick = 0
                endTick()
                if isOff { return }
            }
        }
    }

    // MARK: Once a tick

    private func clear(_ count: Int) {
        cr_zero(memory + cleared, count &* 4)
        cleared &+= count
    }

    /// From all zeros, with the settings as they are wanted.
    private func begin() {
        position = 0
        inTick = 0
        damped = Lines.zero
        power = Lines.zero
        isGated = false
        quietTicks = 0
        isIdle = true
        swayPhase = 0
        sway1 = SIMD4<Float>.zero
        size = target.size
        old = delays(size)
        new = old
        crossfadeTick = crossfadeTicks
        fade1 = 1
        decay = target.decay
        damping = target.damping
        setGains()
        gains1 = gainTargets
        poles1 = poleTargets
        level1 = levelTarget
    }

    private func startTick() {
        // Sway of four lines.
        swayPhase += Float(tickLength) / sampleRate
        if swayPhase >= 100 { swayPhase -= 100 }
        sway0 = sway1
        let depth = 0.00013 * sampleRate, turns = swayPhase * (2 * Float.pi)
        // Whole numbers of turns in 100 s, so that the phase may wrap.
        sway1 = SIMD4<Float>(
            cr_sin(0.53 * turns), cr_sin(0.71 * turns), cr_sin(0.89 * turns), cr_sin(0.37 * turns)) * SIMD4<Float>(repeating: depth)
        // The size: where it has changed, a crossfade to the new delays.
        fade0 = fade1
        if crossfadeTick >= crossfadeTicks, size != target.size {
            size = target.size
            old = new
            new = delays(size)
            setGains()
            fade0 = 0
            crossfadeTick = 0
        }
        if crossfadeTick < crossfadeTicks {
            crossfadeTick += 1
            let x = Float(crossfadeTick) / Float(crossfadeTicks)
            fade1 = crossfadeTick == crossfadeTicks ? 1 : x * x * (3 - 2 * x)
        }
        if decay != target.decay {
            decay = target.decay
            damping = target.damping
            setGains()
        } else if damping != target.damping {
            damping = target.damping
            setGains()
        }
        let step = Lines(repeating: rate)
        gains0 = gains1
        gains1 = gains1 + (gainTargets - gains1) * step
        poles0 = poles1
        poles1 = poles1 + (poleTargets - poles1) * step
        level0 = level1
        level1 += (levelTarget - level1) * rate
        mixes0 = mixes1
        if mix != target.mix {
            let way = target.mix - mix
            mix = abs(way) < 0.0005 ? target.mix : mix + way * rate
            mixes1 = mixGains(mix)
        }
    }

    private func endTick() {
        let halves = power.lowHalf + power.highHalf
        let energy = halves[0] + halves[1] + halves[2] + halves[3]
        power = Lines.zero
        if !(energy < 1e20) {
            // No number any more: from the start.
            reset()
            return
        }
        // 10⁻¹² of mean power in the lines is −120 dB. From there on they take up zeros alone, but not before all that came in
        // has reached them; and when they hold nothing else, the room sleeps.
        if energy > 1e-12 * Float(8 &* tickLength) {
            isGated = false
            quietTicks = 0
        } else {
            quietTicks &+= 1
            isGated = quietTicks >= ticksToGate
            if isGated { damped = Lines.zero }
            if quietTicks >= ticksToGate &+ ticksToSilence { isIdle = true }
        }
        if mix == 0, mixes0 == mixes1 {
            isOff = true
            cleared = 0
        }
    }

    private func mixGains(_ mix: Float) -> SIMD2<Float> {
        if mix == 0 { return SIMD2<Float>(1, 0) }
        if mix == 1 { return SIMD2<Float>(0, 1) }
        return SIMD2<Float>(cr_cos(mix * (Float.pi / 2)), cr_sin(mix * (Float.pi / 2)))
    }

    private func delays(_ size: Float) -> Delays {
        let scale = (0.28 + 0.72 * size) * sampleRate / 1000
        // Milliseconds at full size, with no simple ratios among them; as prime numbers of samples.
        let line = Lines(29.7, 34.3, 39.1, 43.7, 50.3, 56.9, 63.1, 71.9)
        var result = Delays()
        for index in 0..<8 { result.lines[index] = Int32(truncatingIfNeeded: prime(Int(line[index] * scale))) }
        let early = SIMD16<Float>(
            7.9, 13.1, 19.3, 28.7, 37.9, 49.1, 61.3, 0, 9.7, 11.3, 22.1, 25.9, 41.3, 46.7, 66.1, 0)
        for index in 0..<16 { result.early[index] = Int32(truncatingIfNeeded: Int(early[index] * scale)) }
        result.before = Int32(truncatingIfNeeded: Int(17 * scale))
        return result
    }

    /// What a pass through each line takes away, so that all decay alike.
    private func setGains() {
        // Damping: at 6 kHz the decay is shorter by this factor; a one-pole filter of gain 1 at 0 Hz does it.
        let shorter = 1 / (1 - 0.9 * damping) - 1
        let cosine = cr_cos(2 * Float.pi * min(6000, 0.45 * sampleRate) / sampleRate)
        var mean: Float = 0
        for index in 0..<8 {
            let seconds = Float(new.lines[index]) / sampleRate
            let loss = -6.907_755_3 * seconds / decay
            let gain = cr_exp(loss)
            gainTargets[index] = gain
            mean += gain * gain / 8
            let ratio = cr_exp(2 * loss * shorter)
            let a = 1 - ratio * cosine, b = 1 - ratio
            poleTargets[index] = b < 1e-5 ? 0 : (a - cr_sqrt(max(0, a * a - b * b))) / b
        }
        // With the early reflections, the energy of a sound's room is about that of the sound, however long it lasts.
        let lasting = max(0.2, mean)
        levelTarget = 1.2 * cr_sqrt(max(1e-4, 1 - lasting) / lasting)
    }

    // MARK: Every sample

    private func render(_ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>, _ count: Int) {
        let lines = self.lines, input = self.input, diffuser = self.diffuser, diffuserDelays = self.diffuserDelays
        let lineMask = self.lineMask, inputMask = self.inputMask, diffuserMask = self.diffuserMask
        let fading = fade1 != 1 ? true : fade0 != 1
        let open: Float = isGated ? 0 : 1
        let perTick = 1 / Float(tickLength)
        let gainStep = gains1 - gains0, poleStep = poles1 - poles0
        let start = Float(inTick)
        var damped = self.damped
        var power = self.power
        let old = self.old, new = self.new
        for n in 0..<count {
            let x = (start + Float(n)) * perTick
            let at = position &+ n
            let dryLeft = left[n], dryRight = right[n]
            input[2 &* (at & inputMask)] = dryLeft
            input[2 &* (at & inputMask) &+ 1] = dryRight
            let fade = fade0 + (fade1 - fade0) * x

            // Early reflections, the later the weaker, and what the lines are fed with.
            var early = SIMD2<Float>.zero
            var fed = SIMD2<Float>.zero
            if fading {
                let a = reflections(old, at), b = reflections(new, at)
                early = a + (b - a) * SIMD2<Float>(repeating: fade)
                let p = 2 &* ((at &- Int(old.before)) & inputMask), q = 2 &* ((at &- Int(new.before)) & inputMask)
                fed = SIMD2<Float>(
                    input[p] + (input[q] - input[p]) * fade, input[p &+ 1] + (input[q &+ 1] - input[p &+ 1]) * fade)
            } else {
                early = reflections(new, at)
                let q = 2 &* ((at &- Int(new.before)) & inputMask)
                fed = SIMD2<Float>(input[q], input[q &+ 1])
            }
            for stage in 0..<3 {
                let l = diffuser + stage &* (diffuserMask &+ 1)
                let r = diffuser + (stage &+ 3) &* (diffuserMask &+ 1)
                let delayed = SIMD2<Float>(
                    l[(at &- diffuserDelays[stage]) & diffuserMask], r[(at &- diffuserDelays[stage &+ 3]) & diffuserMask])
                let inner = (fed + delayed * SIMD2<Float>(repeating: -0.6)) * SIMD2<Float>(repeating: open)
                l[at & diffuserMask] = inner[0]
                r[at & diffuserMask] = inner[1]
                fed = delayed + inner * SIMD2<Float>(repeating: 0.6)
            }

            // The lines' ends.
            let sway = sway0 + (sway1 - sway0) * SIMD4<Float>(repeating: x)
            var end = read(new.lines, sway, at)
            if fading {
                let before = read(old.lines, sway, at)
                end = before + (end - before) * Lines(repeating: fade)
            }
            damped = end + (damped - end) * (poles0 + poleStep * Lines(repeating: x))
            let out = damped * (gains0 + gainStep * Lines(repeating: x))
            power = power + out * out

            // Hadamard's matrix by halves, scaled to keep energy.
            let h = out * Lines(repeating: 0.353_553_39)
            let s = h.evenHalf + h.oddHalf, d = h.evenHalf - h.oddHalf
            let ss = s.evenHalf + s.oddHalf, sd = s.evenHalf - s.oddHalf
            let ds = d.evenHalf + d.oddHalf, dd = d.evenHalf - d.oddHalf
            let mixed = Lines(
                ss[0] + ss[1], ds[0] + ds[1], sd[0] + sd[1], dd[0] + dd[1], ss[0] - ss[1], ds[0] - ds[1], sd[0] - sd[1],
                dd[0] - dd[1])
            // Left into every other line; half of the energy each.
            let l = fed[0] * 0.5, r = fed[1] * 0.5
            let next = (mixed + Lines(l, r, -l, -r, l, r, -l, -r)) * Lines(repeating: open)
            let target = UnsafeMutableRawPointer(lines + 8 &* (at & lineMask))
            target.storeBytes(of: next, as: Lines.self)

            // Two sides of the same lines that have nothing in common.
            let level = level0 + (level1 - level0) * x
            let lateLeft = (out[0] + out[1] - out[2] - out[3] + out[4] - out[5] + out[6] - out[7]) * 0.5
            let lateRight = (out[0] - out[1] + out[2] - out[3] - out[4] - out[5] + out[6] + out[7]) * 0.5
            let mixes = mixes0 + (mixes1 - mixes0) * SIMD2<Float>(repeating: x)
            left[n] = dryLeft * mixes[0] + (early[0] * 0.5 + lateLeft * level) * mixes[1]
            right[n] = dryRight * mixes[0] + (early[1] * 0.5 + lateRight * level) * mixes[1]
            power[0] += dryLeft * dryLeft + dryRight * dryRight + fed[0] * fed[0] + fed[1] * fed[1]
        }
        position &+= count
        self.damped = damped
        self.power = power
    }

    @inline(__always)
    private func reflections(_ d: Delays, _ at: Int) -> SIMD2<Float> {
        var left: Float = 0, right: Float = 0
        var gain: Float = 0.6
        for tap in 0..<7 {
            let l = 2 &* ((at &- Int(d.early[tap])) & inputMask), r = 2 &* ((at &- Int(d.early[tap &+ 8])) & inputMask)
            // Every other reflection comes from the far side.
            left += gain * input[l &+ (tap & 1)]
            right += gain * input[r &+ 1 &- (tap & 1)]
            gain *= tap & 1 == 0 ? -0.84 : 0.84
        }
        return SIMD2<Float>(left, right)
    }

    /// The lines' ends: the even ones at whole samples, the odd ones swaying, by Lagrange's polynomial through four samples.
    @inline(__always)
    private func read(_ delays: SIMD8<Int32>, _ sway: SIMD4<Float>, _ at: Int) -> Lines {
        var result = Lines.zero
        for pair in 0..<4 {
            let even = 2 &* pair, odd = even &+ 1
            result[even] = lines[8 &* ((at &- Int(delays[even])) & lineMask) &+ even]
            // The sway is never below −1000 samples.
            let shifted = sway[pair] + 1000
            let whole = Int(shifted)
            let x = shifted - Float(whole)
            let from = at &- Int(delays[odd]) &- whole &+ 1000
            let a = lines[8 &* ((from &+ 1) & lineMask) &+ odd], b = lines[8 &* (from & lineMask) &+ odd]
            let c = lines[8 &* ((from &- 1) & lineMask) &+ odd], d = lines[8 &* ((from &- 2) & lineMask) &+ odd]
            let u = x + 1, v = x - 1, w = x - 2
            result[odd] =
                b * (u * v * w * 0.5) - a * (x * v * w * (1 / 6.0)) - c * (u * x * w * 0.5) + d * (u * x * v * (1 / 6.0))
        }
        return result
    }

    @inline(__always)
    private func clamped(_ value: Float, _ low: Float, _ high: Float, _ otherwise: Float) -> Float {
        cr_is_finite(value) ? max(low, min(high, value)) : otherwise
    }
}

/// The least prime that is not below `n`: two lines must not ring together.
private func prime(_ n: Int) -> Int {
    var candidate = max(3, n | 1)
    while true {
        var divisor = 3
        while divisor * divisor <= candidate {
            if candidate % divisor == 0 { break }
            divisor += 2
        }
        if divisor * divisor > candidate { return candidate }
        candidate += 2
    }
}
