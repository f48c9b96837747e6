import CRealtime

/// A value that glides to its target in a straight line over a fixed time, for controls that must not click.
public struct LinearRamp: Sendable {
    public private(set) var value: Float
    public private(set) var target: Float
    private var step: Float = 0
    private var left = 0
    private let length: Int

    /// A ramp that takes `seconds` from one value to the next at `sampleRate` (Hz).
    public init(_ value: Float, seconds: Float, sampleRate: Double) {
        self.value = value
        target = value
        length = max(1, Int(Double(seconds) * sampleRate))
    }

    /// Turns to `newTarget`, from wherever the value is.
    public mutating func set(_ newTarget: Float) {
        guard newTarget != target else { return }
        target = newTarget
        step = (newTarget - value) / Float(length)
        left = length
    }

    /// Goes to `newValue` at once.
    public mutating func jump(to newValue: Float) {
        value = newValue
        target = newValue
        left = 0
    }

    public var isSettled: Bool { left == 0 }

    /// The next sample's value.
    public mutating func next() -> Float {
        if left > 0 {
            left -= 1
            value = left == 0 ? target : value + step
        }
        return value
    }
}
