import CRealtime
import Neural

/// From the decoder's relative spectrum to the sound of a frame: the Sound controls, then the loudness.
///
/// Every control changes one thing, smoothly, and leaves the others alone:
/// - Formant, tilt (with brightness and the voice's timbre), odd/even and stretch reshape the harmonics. Their K-weighted power is
///   then what it was, so their balance with the noise is too.
/// - Noise colour tilts the noise, whose weighted power is then what it was.
/// - The loudness is imposed on harmonics and noise together: the frame has exactly the loudness asked for, whatever the controls
///   above are (but for sounds below 20 Hz, whose power is limited).
/// - Noise amount and attack noise come last, relative to that: they alone add to the level or take from it.
///
/// One thread at a time. `prepare` once a frame, `shape` for each voice; neither allocates.
public final class SoundDesign {
    /// What `shape` needs to know of a voice.
    public struct Voice {
        /// MIDI note number with fraction; clamped to −24 … 135, whose fundamental (20 kHz) is still whole.
        public var pitch: Float
        /// K-weighted loudness, dB; clamped to 10. Silence at −90, faded to it from −87.
        public var loudness: Float
        /// −1 … 1: ±6 dB/octave of tilt.
        public var timbre: Float
        /// Seconds since the sound began.
        public var age: Float

        public init(pitch: Float, loudness: Float, timbre: Float = 0, age: Float = 1) {
            self.pitch = pitch
            self.loudness = loudness
            self.timbre = timbre
            self.age = age
        }
    }

    /// dB/octave at `timbre` 1; at brightness 1 and 20 dB above (below: minus) the middle loudness.
    private static var timbreTilt: Float { 6 }
    private static var brightnessTilt: Float { 6 }
    private static var middleLoudness: Float { -30 }
    private static var brightnessReach: Float { 20 }
    /// Seconds.
    private static var attackNoiseLength: Float { 0.06 }
    /// Against the frame's whole level: the noise that `attackNoise` also raises, so that instruments with hardly any have it too.
    private static var attackNoiseLevel: Float { 0.015_85 }  // −36 dB
    /// Most by which reshaped harmonics are raised to have the power they had: 60 dB.
    private static var mostCompensation: Float { 1000 }
    /// Most power of the harmonics against the weighted loudness asked for: 20 dB. What lies below 20 Hz is heard by the cones of
    /// loudspeakers more than by the weighting.
    private static var mostPlainPower: Float { 100 }
    private static var ln10: Float { 2.302_585_1 }

    private static var harmonics: Int { FrameSlots.harmonics }
    private static var nodes: Int { FrameSlots.noiseNodes }

    private let weighting: LoudnessWeighting
    private let kernels: Kernels
    /// Weighted power (Hz) of noise with density 1 at a node (the model's).
    private let noiseLoudness: FloatBuffer
    /// log2 k.
    private let octaves: FloatBuffer
    /// Octaves of the nodes above 1 kHz (the lowest from 40 Hz).
    private let nodeOctaves: FloatBuffer
    /// Equal power in every mel: the spectrum of what attack noise adds.
    private let even: FloatBuffer

    // As the frame's controls want them.
    private var settings = SoundSettings()
    private var parity = (odd: Float(1), even: Float(1))
    private var movesFormants = false
    private var formantStep: Float = 1
    private var noiseGain: Float = 1
    /// f_k / f0.
    private let ratios: FloatBuffer
    private let colour: FloatBuffer
    /// `even`, coloured, of weighted power 1.
    private let attackNoise: FloatBuffer

    private let logs: FloatBuffer
    private let moved: FloatBuffer
    private let limits: FloatBuffer
    private let densities: FloatBuffer

    /// - Throws: `ModelError.outOfMemory`
    public convenience init(model: SynthModel) throws(ModelError) { try self.init(network: model.network) }

    /// - Throws: `ModelError.outOfMemory`
    public init(network: SynthNetwork) throws(ModelError) {
        weighting = LoudnessWeighting()
        kernels = network.kernels
        noiseLoudness = network.noiseLoudness
        octaves = try FloatBuffer(count: Self.harmonics)
        nodeOctaves = try FloatBuffer(count: Self.nodes)
        even = try FloatBuffer(count: Self.nodes)
        ratios = try FloatBuffer(count: Self.harmonics)
        colour = try FloatBuffer(count: Self.nodes)
        attackNoise = try FloatBuffer(count: Self.nodes)
        logs = try FloatBuffer(count: SynthNetwork.outputs)
        moved = try FloatBuffer(count: Self.harmonics)
        limits = try FloatBuffer(count: Self.harmonics)
        densities = try FloatBuffer(count: Self.nodes)
        for k in 0..<Self.harmonics { octaves.base[k] = cr_log2(Float(k + 1)) }
        for node in 0..<Self.nodes {
            let frequency = Self.nodeFrequency(node)
            nodeOctaves.base[node] = cr_log2(max(frequency, 40) / 1000)
            even.base[node] = 1 / cr_sqrt(1 + frequency / 700)
        }
        setStretch(0)
        setColour(0)
    }

    /// Hz of noise node 0 … 64: evenly spaced in mel (2595·log10(1 + f/700)) from 0 to 24 kHz.
    public static func nodeFrequency(_ node: Int) -> Float {
        let top = cr_log_f64(1 + 24_000 / 700.0)
        return Float(700 * (cr_exp_f64(top * Double(node) / Double(nodes - 1)) - 1))
    }

    /// A MIDI note number in the range that sounds are made for.
    static func clamped(pitch: Float) -> Float { clamp(pitch, -24, 135, 60) }

    // MARK: A frame

    /// Takes the frame's controls; values out of range or no numbers are clamped.
    public func prepare(_ wanted: SoundSettings) {
        let stretch = clamp(wanted.stretch, 0, 1, 0)
        if stretch != settings.stretch { setStretch(stretch) }
        let noiseColour = clamp(wanted.noiseColour, -12, 12, 0)
        if noiseColour != settings.noiseColour { setColour(noiseColour) }
        settings.tilt = clamp(wanted.tilt, -12, 12, 0)
        settings.brightness = clamp(wanted.brightness, -1, 1, 0)
        settings.oddEven = clamp(wanted.oddEven, -1, 1, 0)
        parity = (odd: 1 - max(settings.oddEven, 0), even: 1 + min(settings.oddEven, 0))
        settings.formant = clamp(wanted.formant, -12, 12, 0)
        movesFormants = settings.formant != 0
        formantStep = cr_exp2(-settings.formant / 12)
        settings.noise = clamp(wanted.noise, -60, 24, 0)
        // Nothing at all at −60 dB, and on the way there as it should be: 0.001 is −60 dB.
        noiseGain = max(0, (cr_exp(settings.noise * (Self.ln10 / 20)) - 0.001) / 0.999)
        settings.attackNoise = clamp(wanted.attackNoise, 0, 24, 0)
    }

    private func setStretch(_ stretch: Float) {
        settings.stretch = stretch
        let inharmonicity = 0.002 * stretch * stretch
        for k in 0..<Self.harmonics {
            let number = Float(k + 1)
            ratios.base[k] = number * cr_sqrt(1 + inharmonicity * number * number)
        }
    }

    private func setColour(_ decibels: Float) {
        settings.noiseColour = decibels
        var power: Float = 0
        for node in 0..<Self.nodes {
            colour.base[node] = cr_exp(decibels * nodeOctaves.base[node] * (Self.ln10 / 20))
            attackNoise.base[node] = colour.base[node] * even.base[node]
            power += noiseLoudness.base[node] * attackNoise.base[node] * attackNoise.base[node]
        }
        let scale = 1 / cr_sqrt(power)
        for node in 0..<Self.nodes { attackNoise.base[node] *= scale }
    }

    // MARK: A voice

    /// One voice's sound, with the controls last prepared.
    ///
    /// - Parameters:
    ///   - outputs: the decoder's 193 numbers
    ///   - amplitudes: 128 harmonics' amplitudes, those from 22 kHz on 0
    ///   - noise: 65 amplitude densities (RMS per √Hz)
    public func shape(
        _ outputs: UnsafePointer<Float>, _ voice: Voice, amplitudes: UnsafeMutablePointer<Float>,
        noise: UnsafeMutablePointer<Float>
    ) {
        let fundamental = 440 * cr_exp2((Self.clamped(pitch: voice.pitch) - 69) / 12)
        let loudness = clamp(voice.loudness, -200, 10, VoiceControl.silence)
        guard loudness > VoiceControl.silence else {
            cr_zero(amplitudes, Self.harmonics * MemoryLayout<Float>.stride)
            cr_zero(noise, Self.nodes * MemoryLayout<Float>.stride)
            return
        }
        for k in 0..<Self.harmonics { logs.base[k] = Self.ln10 * clamp(outputs[k], -6, 2, -6) }
        for b in Self.harmonics..<SynthNetwork.outputs { logs.base[b] = Self.ln10 * clamp(outputs[b], -8, 0, -8) }

        Activation.exp.forward(logs.base, amplitudes, count: Self.harmonics, kernels: kernels)
        var harmonicPower: Float = 0
        for k in 0..<Self.harmonics {
            let frequency = fundamental * Float(k + 1)
            let amplitude = amplitudes[k] * LoudnessWeighting.fade(frequency)
            amplitudes[k] = amplitude
            harmonicPower += 0.5 * weighting.power(at: frequency) * amplitude * amplitude
        }
        let tilt = totalTilt(voice, loudness)
        let isReshaped = tilt != 0 || movesFormants || settings.oddEven != 0 || settings.stretch != 0
        if isReshaped { harmonicPower = reshape(fundamental, tilt, harmonicPower, amplitudes) }

        Activation.exp.forward(logs.base + Self.harmonics, densities.base, count: Self.nodes, kernels: kernels)
        var noisePower: Float = 0, colouredPower: Float = 0
        for node in 0..<Self.nodes {
            let density = densities.base[node], coloured = density * colour.base[node]
            noisePower += noiseLoudness.base[node] * density * density
            colouredPower += noiseLoudness.base[node] * coloured * coloured
        }

        let power = harmonicPower + noisePower
        let fadeIn = min((loudness - VoiceControl.silence) / 3, 1)
        let level = fadeIn * cr_exp(loudness * (Self.ln10 / 20))
        let gain = level / cr_sqrt(power)
        var plainPower: Float = 0
        for k in 0..<Self.harmonics {
            amplitudes[k] *= gain
            plainPower += 0.5 * amplitudes[k] * amplitudes[k]
        }
        let mostPower = Self.mostPlainPower * level * level
        if plainPower > mostPower {
            let scale = cr_sqrt(mostPower / plainPower)
            for k in 0..<Self.harmonics { amplitudes[k] *= scale }
        }
        let attack = attackGain(voice.age)
        let body = gain * noiseGain * attack * cr_sqrt(noisePower / colouredPower)
        let added = level * Self.attackNoiseLevel * (attack - 1)
        for node in 0..<Self.nodes {
            noise[node] = body * colour.base[node] * densities.base[node] + added * attackNoise.base[node]
        }
    }

    /// dB/octave above the fundamental.
    private func totalTilt(_ voice: Voice, _ loudness: Float) -> Float {
        let above = clamp((loudness - Self.middleLoudness) / Self.brightnessReach, -1, 1, 0)
        return settings.tilt + settings.brightness * Self.brightnessTilt * above
            + clamp(voice.timbre, -1, 1, 0) * Self.timbreTilt
    }

    /// By how much noise is raised: all at the beginning, then falling (in dB, as a parabola) to nothing.
    private func attackGain(_ age: Float) -> Float {
        guard settings.attackNoise > 0 else { return 1 }
        let left = 1 - clamp(age / Self.attackNoiseLength, 0, 1, 1)
        return cr_exp(settings.attackNoise * left * left * (Self.ln10 / 20))
    }

    /// Harmonics as the controls want them, of the same weighted power (which they all but always reach; it is returned).
    private func reshape(
        _ fundamental: Float, _ tilt: Float, _ wantedPower: Float, _ amplitudes: UnsafeMutablePointer<Float>
    ) -> Float {
        if movesFormants {
            moveFormants(fundamental)
        } else {
            for k in 0..<Self.harmonics {
                moved.base[k] = logs.base[k]
                limits.base[k] = LoudnessWeighting.fade(fundamental * Float(k + 1))
            }
        }
        let slope = tilt * (Self.ln10 / 20)
        for k in 0..<Self.harmonics { moved.base[k] += slope * octaves.base[k] }
        Activation.exp.forward(moved.base, amplitudes, count: Self.harmonics, kernels: kernels)
        var power: Float = 0
        for k in 0..<Self.harmonics {
            let frequency = fundamental * ratios.base[k]
            // What the network says of frequencies that it never heard is not used, wherever it is moved to.
            let limit = min(LoudnessWeighting.fade(frequency), limits.base[k])
            let amplitude = amplitudes[k] * limit * (k & 1 == 0 ? parity.odd : parity.even)
            amplitudes[k] = amplitude
            power += 0.5 * weighting.power(at: frequency) * amplitude * amplitude
        }
        guard power > 1e-30 else { return power }
        let scale = min(cr_sqrt(wantedPower / power), Self.mostCompensation)
        for k in 0..<Self.harmonics { amplitudes[k] *= scale }
        return power * scale * scale
    }

    /// The envelope (log amplitude over k, straight between harmonics) read at k / 2^(semitones/12). Below the first harmonic it is
    /// level; beyond the last there is nothing.
    private func moveFormants(_ fundamental: Float) {
        let last = Self.harmonics - 1
        for k in 0...last {
            // Positions counted from 0, as the array.
            let position = Float(k + 1) * formantStep - 1
            let index = Int(min(max(position, 0), Float(last - 1)))
            let fraction = min(max(position - Float(index), 0), 1)
            let low = logs.base[index], high = logs.base[index + 1]
            moved.base[k] = low + fraction * (high - low)
            let inside = min(max(Float(last + 1) - position, 0), 1)
            limits.base[k] = inside * LoudnessWeighting.fade((position + 1) * fundamental)
        }
    }
}
