import CRealtime
import Neural

/// Sound that is kept: mono, at the host's rate.
class KeptSound: @unchecked Sendable {
    let samples: FloatBuffer
    var length: Int { samples.count }

    init(_ samples: FloatBuffer) { self.samples = samples }
}

/// The bars that takes are made to.
final class KeptMix: KeptSound, @unchecked Sendable {
    /// Which bars they are; `start` tells them from others.
    let bars: TakeRequest

    init(_ samples: FloatBuffer, bars: TakeRequest) {
        self.bars = bars
        super.init(samples)
    }
}

/// A take as the audio thread plays it, with what a variation of it starts from.
final class KeptTake: @unchecked Sendable {
    private(set) var sound: TakeSound
    let latents: BassLatents

    /// Owns the sound's memory from now on.
    init(_ sound: TakeSound, latents: BassLatents) {
        self.sound = sound
        self.latents = latents
    }

    deinit { sound.free() }

    /// Before the audio thread knows of it.
    func name(serial: UInt32) { sound.serial = serial }
}
