/// What a run came to.
public struct Report: Sendable, Codable, Equatable {
    /// What a control output or parameter showed.
    public struct Value: Sendable, Codable, Equatable {
        public var plugin: String
        public var symbol: String
        public var minimum: Double
        public var maximum: Double
        public var last: Double
        public var unit: String?
    }

    /// Seconds of music run.
    public var seconds = 0.0
    /// Frames a second.
    public var sampleRate = 0.0
    /// Frames a period.
    public var block = 0
    /// dBFS of the audio outputs; nil for silence or none.
    public var peak: Double?
    public var level: Double?
    /// Note-ons at the MIDI outputs, and events of every kind.
    public var notes = 0
    public var midiEvents = 0
    /// Samples that were no number or infinite.
    public var brokenSamples = 0
    /// Frames from the input to the output.
    public var latency = 0
    /// What JACK counted, whoever's fault it was …
    public var xruns = 0
    /// … and the periods in which this client alone took longer than a period lasts.
    public var overruns = 0
    /// Events and recorded frames that found no room.
    public var lostEvents = 0
    public var lostFrames = 0
    /// Time in the callback as a share of the period: mean, 99.9th percentile, worst; nil when rendering.
    public var load: Double?
    public var loadAt999: Double?
    public var loadWorst: Double?
    /// How many periods' callbacks took 0 to 0.5 %, 0.5 to 1 % … of the period (the last: a whole period and more); nil when
    /// rendering.
    public var loadHistogram: [Int]?
    /// Seconds of music a second, when rendering.
    public var speed: Double?
    public var controlOutputs: [Value] = []
    /// The last values that plugins told of their parameters, as text.
    public var parameters: [String: String] = [:]
    /// Why it ended: "end", "signal", "quit", or what went wrong.
    public var end = "end"
}
