import CBassGenerator
import CRealtime

/// Where in the music the audio thread is: the host's transport carried on from sample to sample, or, as long as none has spoken, bars
/// of four beats at 120 beats a minute that began with the first sample.
struct BarClock: BitwiseCopyable {
    enum Change { case none, jumped, stopped }

    private(set) var bar = 0
    private(set) var beat = 0.0
    private(set) var beatsPerBar = 4.0
    private(set) var beatUnit = 4
    private(set) var isRunning = true
    /// A transport has spoken.
    private(set) var hasTransport = false
    private var beatsPerSample: Double
    private let sampleRate: Double

    init(sampleRate: Double) {
        self.sampleRate = sampleRate
        beatsPerSample = 2 / sampleRate
    }

    /// Samples until the next bar line; 0: it is now.
    var samplesToLine: Int {
        guard isRunning else { return .max }
        // A hundredth of a sample is rounding.
        let samples = cr_ceil_f64((beatsPerBar - beat) / beatsPerSample - 0.01)
        return samples > 0 ? (samples < 1e15 ? Int(samples) : .max) : 0
    }

    mutating func crossLine() {
        bar &+= 1
        beat -= beatsPerBar
    }

    mutating func advance(_ samples: Int) {
        if isRunning { beat += Double(samples) * beatsPerSample }
    }

    /// A bar line is not further than this many seconds.
    func isAtLine(within seconds: Double) -> Bool {
        let near = seconds * sampleRate * beatsPerSample
        return beat < near
    }

    /// Whether what the transport says is what the clock knew, but for a tempo that is taken over: what differs by less than a
    /// millisecond is rounding. Also what is no position at all has nothing to say.
    mutating func agrees(with position: continuo_bass_position) -> Bool {
        guard Self.isSensible(position) else { return true }
        guard hasTransport, isRunning, position.speed > 0.01, Double(position.beats_per_bar) == beatsPerBar,
            Int(position.beat_unit) == beatUnit
        else { return false }
        let ahead = Double(Int(position.bar) &- bar) * beatsPerBar + Double(position.bar_beat) - beat
        let step = rate(position)
        guard abs(ahead) < 0.001 * sampleRate * step else { return false }
        beatsPerSample = step
        return true
    }

    /// Goes where the transport says it is.
    mutating func follow(_ position: continuo_bass_position) -> Change {
        let wasRunning = isRunning
        hasTransport = true
        isRunning = position.speed > 0.01
        if isRunning { beatsPerSample = rate(position) }
        beatsPerBar = Double(position.beats_per_bar)
        beatUnit = Int(position.beat_unit)
        bar = Int(position.bar)
        beat = Double(position.bar_beat)
        if isRunning { return .jumped }
        return wasRunning ? .stopped : .none
    }

    /// Beats a sample.
    private func rate(_ position: continuo_bass_position) -> Double {
        Double(position.beats_per_minute) * Double(min(position.speed, 100)) / 60 / sampleRate
    }

    private static func isSensible(_ position: continuo_bass_position) -> Bool {
        guard position.beats_per_minute >= 10, position.beats_per_minute <= 1000 else { return false }
        guard position.beats_per_bar >= 1, position.beats_per_bar <= 64, position.speed == position.speed else { return false }
        guard position.bar_beat >= 0, position.bar_beat <= position.beats_per_bar else { return false }
        return position.bar > -1_000_000_000 && position.bar < 1_000_000_000
    }
}
