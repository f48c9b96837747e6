import CDDSPSynth
import CRealtime
import Realtime

/// From the decoder's frames to the two outputs: voices, room, gain, and the switch. All but `init` is for the audio thread.
final class SynthOutput {
    private let bank: VoiceBank
    private let room: Room
    // Both without their reference counts, which the audio thread must not touch.
    private let audioBank: Unmanaged<VoiceBank>
    private let audioRoom: Unmanaged<Room>
    private let left: UnsafeMutablePointer<Float>
    private let right: UnsafeMutablePointer<Float>
    private var stage: OutputStage
    private var onOff: LinearRamp
    private let hop: Int

    init?(sampleRate: Double) {
        guard let bank = VoiceBank(sampleRate: sampleRate) else { return nil }
        let room = Room(sampleRate: sampleRate)
        self.bank = bank
        self.room = room
        audioBank = Unmanaged.passUnretained(bank)
        audioRoom = Unmanaged.passUnretained(room)
        left = allocateZeroed(Float.self, outputPiece)
        right = allocateZeroed(Float.self, outputPiece)
        stage = OutputStage(sampleRate: sampleRate)
        onOff = LinearRamp(1, seconds: 0.01, sampleRate: sampleRate)
        hop = (Int(sampleRate + 0.5) + Timeline.frameRate - 1) / Timeline.frameRate
    }

    deinit {
        cr_free(left)
        cr_free(right)
    }

    func reset() {
        bank.reset()
        room.reset()
        stage.reset()
    }

    /// Takes the block's controls.
    func follow(_ controls: UnsafePointer<Float>, enabled: Bool) {
        let unison = control(controls, CONTINUO_SYNTH_UNISON), detune = control(controls, CONTINUO_SYNTH_DETUNE)
        let spread = control(controls, CONTINUO_SYNTH_SPREAD)
        audioBank._withUnsafeGuaranteedRef { $0.set(unison: Int(unison + 0.5), detune: detune, spread: spread) }
        let mix = control(controls, CONTINUO_SYNTH_ROOM), size = control(controls, CONTINUO_SYNTH_ROOM_SIZE)
        let decay = control(controls, CONTINUO_SYNTH_ROOM_DECAY), damping = control(controls, CONTINUO_SYNTH_ROOM_DAMPING)
        audioRoom._withUnsafeGuaranteedRef { $0.set(mix: mix, size: size, decay: decay, damping: damping) }
        stage.set(gain: control(controls, CONTINUO_SYNTH_GAIN))
        onOff.set(enabled ? 1 : 0)
    }

    /// What a frame says takes effect now.
    ///
    /// - Parameter latency: from an event's time to its sound
    func take(_ slots: Unmanaged<FrameSlots>, _ slot: Int, latency: Int) {
        if slot < 0 {
            // The frame is late, or had nothing to say.
            for voice in 0..<VoiceControl.maximumCount { audioBank._withUnsafeGuaranteedRef { $0.hold(voice: voice) } }
            return
        }
        let controls = slots._withUnsafeGuaranteedRef { $0.controls(slot) }
        let stretch = slots._withUnsafeGuaranteedRef { $0.settings(slot) }.pointee.stretch
        let ramp = hop
        for voice in 0..<VoiceControl.maximumCount {
            let control = controls + voice
            if control.pointee.isActive {
                let amplitudes = slots._withUnsafeGuaranteedRef { $0.amplitudes(slot, voice: voice) }
                let noise = slots._withUnsafeGuaranteedRef { $0.noise(slot, voice: voice) }
                let frame = VoiceBank.Frame(
                    pitch: control.pointee.pitch, amplitudes: amplitudes, noise: noise, stretch: stretch,
                    place: control.pointee.place)
                let generation = control.pointee.generation, onset = control.pointee.start &+ latency
                audioBank._withUnsafeGuaranteedRef {
                    $0.take(voice: voice, generation: generation, onset: onset, frame: frame, ramp: ramp)
                }
            } else {
                audioBank._withUnsafeGuaranteedRef { $0.release(voice: voice, ramp: ramp) }
            }
        }
    }

    var soundingVoices: Int { audioBank._withUnsafeGuaranteedRef { $0.soundingVoices } }

    /// Writes samples `start` … `end` of the block's outputs.
    func render(_ io: UnsafeMutablePointer<continuo_synth_io>, _ start: Int, _ end: Int) {
        var done = start
        let l = left, r = right
        while done < end {
            let count = min(outputPiece, end &- done)
            audioBank._withUnsafeGuaranteedRef { $0.render(left: l, right: r, count: count) }
            audioRoom._withUnsafeGuaranteedRef { $0.process(left: l, right: r, count: count) }
            if !stage.process(left: l, right: r, count: count) {
                // The bank minds its own; what is left is the room.
                audioRoom._withUnsafeGuaranteedRef { $0.reset() }
            }
            let isOn = onOff.isSettled ? onOff.value == 1 : false
            if !isOn {
                for n in 0..<count {
                    let scale = onOff.next()
                    l[n] *= scale
                    r[n] *= scale
                }
            }
            if let output = io.pointee.left { cr_move(output + done, l, count &* 4) }
            if let output = io.pointee.right { cr_move(output + done, r, count &* 4) }
            done &+= count
        }
    }
}

/// A control's value inside its range.
@inline(__always)
func control(_ controls: UnsafePointer<Float>, _ which: continuo_synth_control) -> Float {
    ControlRange.of(which).clamped(controls[Int(which.rawValue)])
}

/// The Sound controls, frame by frame on their way to what is set, so that nothing jumps.
struct SoundFollower {
    private(set) var settings = SoundSettings()
    private var target = SoundSettings()
    private var isFresh = true

    mutating func reset() { isFresh = true }

    mutating func follow(_ controls: UnsafePointer<Float>) {
        target.instrumentA = Int(control(controls, CONTINUO_SYNTH_INSTRUMENT_A) + 0.5)
        target.instrumentB = Int(control(controls, CONTINUO_SYNTH_INSTRUMENT_B) + 0.5)
        target.morph = control(controls, CONTINUO_SYNTH_MORPH)
        target.tilt = control(controls, CONTINUO_SYNTH_TILT)
        target.oddEven = control(controls, CONTINUO_SYNTH_ODD_EVEN)
        target.stretch = control(controls, CONTINUO_SYNTH_STRETCH)
        target.formant = control(controls, CONTINUO_SYNTH_FORMANT)
        target.noise = control(controls, CONTINUO_SYNTH_NOISE)
        target.noiseColour = control(controls, CONTINUO_SYNTH_NOISE_COLOUR)
        target.attackNoise = control(controls, CONTINUO_SYNTH_ATTACK_NOISE)
        target.brightness = control(controls, CONTINUO_SYNTH_BRIGHTNESS)
    }

    /// The next frame's settings.
    mutating func advance() -> SoundSettings {
        if isFresh {
            isFresh = false
            settings = target
            return settings
        }
        // A quarter of the way each 4 ms: 14 ms.
        let step: Float = 0.25
        settings.instrumentA = target.instrumentA
        settings.instrumentB = target.instrumentB
        settings.morph += (target.morph - settings.morph) * step
        settings.tilt += (target.tilt - settings.tilt) * step
        settings.oddEven += (target.oddEven - settings.oddEven) * step
        settings.stretch += (target.stretch - settings.stretch) * step
        settings.formant += (target.formant - settings.formant) * step
        settings.noise += (target.noise - settings.noise) * step
        settings.noiseColour += (target.noiseColour - settings.noiseColour) * step
        settings.attackNoise += (target.attackNoise - settings.attackNoise) * step
        settings.brightness += (target.brightness - settings.brightness) * step
        return settings
    }
}

/// `FrameSlots.none`, for the audio thread: there a type may not be named for its static property.
@inline(__always) var noSlot: Int { -1 }

/// Samples that are rendered at a time.
@inline(__always) private var outputPiece: Int { 256 }
