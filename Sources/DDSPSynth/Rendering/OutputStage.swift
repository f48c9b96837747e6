import CRealtime
import Realtime

/// The last step before the host: a gain without steps, and nothing but numbers. (There is no limiter: what is too loud is for
/// the player to turn down.)
///
/// On the audio thread.
public struct OutputStage: Sendable {
    private var gain: LinearRamp
    private var decibels: Float = 0

    public init(sampleRate: Double) {
        gain = LinearRamp(1, seconds: 0.02, sampleRate: sampleRate)
    }

    /// Back to the gain asked for last, at once.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public mutating func reset() { gain.jump(to: gain.target) }

    /// - Parameter gain: −60 (and less: nothing) … 24 dB, reached in 20 ms.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public mutating func set(gain newGain: Float) {
        let wanted = cr_is_finite(newGain) ? max(-60, min(24, newGain)) : 0
        guard wanted != decibels else { return }
        decibels = wanted
        gain.set(wanted <= -60 ? 0 : cr_exp(wanted * 0.115_129_255))
    }

    /// In place. False if there was a sample that is no finite number; it became 0, and whoever made it should be reset.
    #if hasFeature(Embedded)
    @_noLocks @_noAllocation
    #endif
    public mutating func process(
        left: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>, count: Int
    ) -> Bool {
        guard count > 0 else { return true }
        var sum: Float = 0
        if gain.isSettled {
            let value = gain.value
            for n in 0..<count {
                left[n] *= value
                right[n] *= value
                // 0 as long as both are finite.
                sum += (left[n] - left[n]) + (right[n] - right[n])
            }
        } else {
            for n in 0..<count {
                let value = gain.next()
                left[n] *= value
                right[n] *= value
                sum += (left[n] - left[n]) + (right[n] - right[n])
            }
        }
        if sum == 0 { return true }
        for n in 0..<count {
            if !cr_is_finite(left[n]) { left[n] = 0 }
            if !cr_is_finite(right[n]) { right[n] = 0 }
        }
        return false
    }
}
