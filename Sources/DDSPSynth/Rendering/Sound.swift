import CRealtime

/// One sound of the bank: everything between its onset and its last sample. Plain memory, so that the audio thread may hold it.
///
/// Within a segment (from one control frame to the next) frequencies and amplitudes go in straight lines; a sub-block of up to
/// 32 samples of it lies ready rendered in `left` and `right`. Only the segment, the phases at the sub-block's start and the
/// position count as state: so a sound can be cut at any sample, and its bits do not depend on how the host divides time.
struct Sound: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
        case free
        /// Follows its voice's frames.
        case sounding
        /// Fades out, then is free: a released voice.
        case ending
        /// The same, with a newer sound in its voice.
        case tail
    }

    /// One of the detuned copies.
    struct Copy: BitwiseCopyable {
        /// 2⁻⁶⁴ turns, of the fundamental without stretch, at the sub-block's start.
        var phase: UInt64 = 0
        /// Turns a sample at the segment's ends.
        var frequencyStart: Double = 0
        var frequencyEnd: Double = 0
        var leftStart: Float = 0
        var leftEnd: Float = 0
        var rightStart: Float = 0
        var rightEnd: Float = 0
        // What these follow, smoothed from frame to frame.
        var cents: Float = 0
        var level: Float = 0
        var place: Float = 0

        var isSilent: Bool { leftStart == 0 && leftEnd == 0 && rightStart == 0 && rightEnd == 0 }
    }

    static var copyCount: Int { 4 }
    static var partialCount: Int { 128 }
    static var longestSubBlock: Int { 32 }

    var state = State.free
    /// The voice it belongs to (or did).
    var voice = 0
    /// Samples since its onset.
    var age = 0

    // The segment: `settled` once it has ended and everything stays as it is.
    var length = 0
    var position = 0
    var isSettled = true
    /// The highest partial that is not zero at both ends.
    var partials = 0
    var isStretched = false
    var noiseLeftStart: Float = 0
    var noiseLeftEnd: Float = 0
    var noiseRightStart: Float = 0
    var noiseRightEnd: Float = 0
    var place: Float = 0

    // The sub-block.
    var subLength = 0
    var subPosition = 0
    var hasPartials = false

    // The level: a smooth step from one value to another.
    var levelStart: Float = 1
    var levelEnd: Float = 1
    var levelPosition = 0
    var levelLength = 0
    /// Frames in a row that came too late.
    var lateFrames = 0

    // Noise.
    var seed: UInt32 = 0
    var noisePosition = 0
    /// Frames until the overlap has died out: 0 no noise sounds.
    var noiseFrames = 0
    var hasNoise = false

    // Its memory, given once.
    let copies: UnsafeMutablePointer<Copy>
    let amplitudeStart: UnsafeMutablePointer<Float>
    let amplitudeEnd: UnsafeMutablePointer<Float>
    let stretchStart: UnsafeMutablePointer<Float>
    let stretchEnd: UnsafeMutablePointer<Float>
    /// Per copy and partial: phase beside the multiple of the fundamental's.
    let offsets: UnsafeMutablePointer<UInt32>
    let left: UnsafeMutablePointer<Float>
    let right: UnsafeMutablePointer<Float>
    let densities: UnsafeMutablePointer<Float>
    let noise: UnsafeMutablePointer<Float>
    let noiseRest: UnsafeMutablePointer<Float>

    var levelIsMoving: Bool { levelPosition < levelLength }

    /// The level `n` samples on, within the step.
    @inline(__always)
    func level(after n: Int) -> Float {
        let i = levelPosition &+ n
        if i >= levelLength { return levelEnd }
        let x = Float(i) / Float(levelLength)
        return levelStart + (levelEnd - levelStart) * (x * x * (3 - 2 * x))
    }

    /// Where in the segment `position + n` lies, 0 … 1.
    @inline(__always)
    func fraction(after n: Int) -> Float {
        if isSettled { return 0 }
        let at = position &+ n
        return at >= length ? 1 : Float(at) / Float(length)
    }
}
