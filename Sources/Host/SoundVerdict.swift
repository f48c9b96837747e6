import Foundation

/// What there is to say against a sound: silence, hardly any level, clipping, samples that are no number.
public struct SoundVerdict: Sendable, Codable, Equatable {
    /// dBFS of the loudest sample; nil for silence.
    public var peak: Double?
    /// dBFS, root mean square of all channels; nil for silence.
    public var level: Double?
    /// Samples beyond full scale.
    public var clippedSamples = 0
    /// Samples that are no number, or infinite.
    public var brokenSamples = 0
    /// In words; empty: it is fit to be heard.
    public var faults: [String] = []

    /// dBFS below which a sound is hardly heard.
    public static let leastLevel = -50.0

    public var isFit: Bool { faults.isEmpty }

    /// - Parameter channels: full scale is ±1.
    public init(_ channels: [[Float]]) {
        var most: Float = 0
        var sum = 0.0
        var count = 0
        for channel in channels {
            for sample in channel {
                guard sample.isFinite else {
                    brokenSamples += 1
                    continue
                }
                most = max(most, abs(sample))
                if abs(sample) > 1 { clippedSamples += 1 }
                sum += Double(sample) * Double(sample)
            }
            count += channel.count
        }
        if most > 0 { (peak, level) = (20 * log10(Double(most)), 10 * log10(sum / Double(max(1, count)))) }
        if brokenSamples > 0 { faults.append("\(brokenSamples) samples are no number") }
        if let peak, let level {
            if clippedSamples > 0 { faults.append(String(format: "it clips: peak at %+.1f dBFS", peak)) }
            if level < SoundVerdict.leastLevel { faults.append(String(format: "it is hardly heard: %.1f dBFS", level)) }
        } else {
            faults.append("it is silent")
        }
    }
}
