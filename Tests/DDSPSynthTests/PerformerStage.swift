import DDSPSynth

/// A performer on its own, with the clock of its control frames: what SynthCore does in a block, in the tests' hands.
final class PerformerStage {
    let performer: Performer
    let timeline: Timeline
    let a: UnsafeMutablePointer<InstrumentProfile>
    let b: UnsafeMutablePointer<InstrumentProfile>
    var morph: Float = 0
    private let output: UnsafeMutablePointer<VoiceControl>
    /// The next control frame.
    private(set) var frame = 0
    /// The frame last computed: all 32 voices.
    private(set) var voices = [VoiceControl](repeating: VoiceControl(), count: VoiceControl.maximumCount)

    /// Nothing wanders or vibrates unless a test says so.
    var settings: PerformanceSettings {
        didSet { performer.apply(settings, at: now) }
    }

    init(_ profile: InstrumentProfile = .plain, _ other: InstrumentProfile = .plain, sampleRate: Int = 48_000) {
        performer = Performer(sampleRate: Double(sampleRate))
        timeline = Timeline(sampleRate: sampleRate)
        a = .allocate(capacity: 1)
        a.initialize(to: profile)
        b = .allocate(capacity: 1)
        b.initialize(to: other)
        output = .allocate(capacity: VoiceControl.maximumCount)
        output.initialize(repeating: VoiceControl(), count: VoiceControl.maximumCount)
        settings = PerformanceSettings()
        settings.vibratoDepth = 0
        settings.drift = 0
        performer.apply(settings, at: 0)
    }

    deinit {
        a.deallocate()
        b.deallocate()
        output.deallocate()
    }

    /// Host sample of the next control frame: an event now is one at exactly that frame.
    var now: Int { timeline.frameTime(frame) }

    func send(_ bytes: UInt8..., at time: Int? = nil) { send(bytes, at: time) }

    func send(_ bytes: [UInt8], at time: Int? = nil) {
        func byte(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
        performer.handle(byte(0), byte(1), byte(2), size: bytes.count, at: time ?? now)
    }

    func on(_ note: UInt8, _ velocity: UInt8 = 80, channel: UInt8 = 0) { send(0x90 | channel, note, velocity) }
    func off(_ note: UInt8, channel: UInt8 = 0) { send(0x80 | channel, note, 64) }
    func control(_ number: UInt8, _ value: UInt8, channel: UInt8 = 0) { send(0xB0 | channel, number, value) }

    func registered(_ parameter: UInt8, _ upper: UInt8, _ lower: UInt8? = nil, channel: UInt8 = 0) {
        control(101, 0, channel: channel)
        control(100, parameter, channel: channel)
        control(6, upper, channel: channel)
        if let lower { control(38, lower, channel: channel) }
    }

    func bend(_ value: Int, channel: UInt8 = 0) { send(0xE0 | channel, UInt8(value & 127), UInt8(value >> 7)) }

    /// Computes the next control frame.
    func step() {
        performer.evaluate(
            at: now, profileA: UnsafePointer(a), profileB: UnsafePointer(b), morph: morph, into: output)
        frame += 1
        for index in voices.indices { voices[index] = output[index] }
    }

    /// As many frames as `milliseconds` hold; the youngest sounding voice at each (an inactive one: none sounds).
    @discardableResult func run(_ milliseconds: Int) -> [VoiceControl] {
        var history: [VoiceControl] = []
        for _ in 0..<max(1, milliseconds / 4) {
            step()
            history.append(newest)
        }
        return history
    }

    var active: [VoiceControl] { voices.filter(\.isActive) }
    /// Rounded pitches of what sounds, from low to high.
    var pitches: [Int] { active.map { Int($0.pitch.rounded()) }.sorted() }

    var newest: VoiceControl {
        active.max { ($0.start, $0.generation) < ($1.start, $1.generation) } ?? VoiceControl()
    }

    func voice(_ note: Int) -> VoiceControl? { active.first { Int($0.pitch.rounded()) == note } }
}

extension InstrumentProfile {
    /// Speaks slowly: 40 dB up in 100 ms; rings 160 ms after its end.
    static var bowed: InstrumentProfile {
        var profile = plain
        for row in 0..<4 {
            for j in 0..<96 { profile.attack[row * 96 + j] = min(0, -40 + 400 * attackTime(j)) }
        }
        for j in 0..<32 { profile.release[j] = -6 * Float(j) }
        profile.vibratoDepth = 20
        return profile
    }

    /// Full at once, then falls 20 dB a second.
    static var plucked: InstrumentProfile {
        var profile = plain
        for row in 0..<4 {
            for j in 0..<96 { profile.attack[row * 96 + j] = -20 * attackTime(j) }
        }
        profile.sustains = false
        return profile
    }
}

/// The tests' own chance.
struct EventRandom {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int((state >> 11) % UInt64(bound))
    }
}
