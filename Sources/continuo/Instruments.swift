import Foundation
import Host
import Media

/// What `play` and `transfer` share: Continuo's own instruments, run on files.
struct Instruments {
    static let synth = "urn:continuo:synth", transfer = "urn:continuo:transfer"

    /// The plugins of this program: those beside it (lv2 next to its bin folder), and all others on LV2_PATH, which may hold presets
    /// and an installed copy of the same plugins. Of two copies the one beside the program counts.
    static func world() -> World {
        let program = URL(fileURLWithPath: CommandLine.arguments[0])
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? program.path
        let beside = URL(fileURLWithPath: executable).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("lv2").path
        let bundle = "/continuo-synth.lv2"
        guard FileManager.default.fileExists(atPath: beside + bundle) else { return World() }
        let path = ProcessInfo.processInfo.environment["LV2_PATH"] ?? "\(NSHomeDirectory())/.lv2:/usr/local/lib/lv2:/usr/lib/lv2"
        let others = path.split(separator: ":").map(String.init).filter {
            $0 != beside && !FileManager.default.fileExists(atPath: $0 + bundle)
        }
        return World(path: ([beside] + others).joined(separator: ":"))
    }

    /// What came of a render.
    struct Outcome {
        var report: Report
        var sound: SoundFile
    }

    /// Renders with latency taken out, until the sound has died away, 30 s after the end at most.
    ///
    /// - Parameter bar: shows how far it is; `share` of the whole work, from `from`.
    static func render(
        _ world: World, _ setup: PluginSetup, rate: Double, bar: ProgressBar?, from: Double = 0, share: Double = 1,
        configure: (inout Renderer.Options) -> Void
    ) throws -> Outcome {
        let chain = try Graph(world: world, setups: [setup], settings: Renderer.settings(sampleRate: rate, block: 256))
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("continuo-\(UUID().uuidString).wav").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        var options = Renderer.Options()
        options.output = file
        options.tail = 0
        options.settles = 30
        options.trimsLatency = true
        configure(&options)
        var calls = 0
        let result = try Renderer.render(chain, options) { done in
            calls += 1
            if calls % 64 == 0 { bar?.update(from + share * done, "") }
        }
        if let status = result.report.controlOutputs.first(where: { $0.symbol == "status" }), status.last == 3 {
            throw CommandFailure("no model could be loaded, so nothing sounds: what is missing stands above")
        }
        return Outcome(report: result.report, sound: try SoundFile(reading: file))
    }

    /// SYMBOL=VALUE.
    static func setting(_ text: String) throws -> PluginSetup.Setting {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw HostError.usage("'\(text)' sets nothing: write SYMBOL=VALUE")
        }
        return .init(key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
    }

    /// Names an output that is not the input itself.
    static func check(output: String, input: String, plot: String?) throws {
        func identity(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path }
        if identity(output) == identity(input) { throw HostError.usage("the output would be written over \(input)") }
        if let plot, identity(plot) == identity(input) || identity(plot) == identity(output) {
            throw HostError.usage("the picture would be written over \(plot)")
        }
    }
}

extension SoundFile {
    /// Seconds.
    var duration: Double { Double(frameCount) / Double(sampleRate) }

    /// dBFS of the loudest sample; nil for silence.
    var peak: Double? {
        let most = channels.reduce(0) { max($0, $1.reduce(0) { max($0, abs($1)) }) }
        return most > 0 ? 20 * log10(Double(most)) : nil
    }

    /// dBFS, root mean square of all channels; nil for silence.
    var level: Double? {
        let sum = channels.reduce(0.0) { $0 + $1.reduce(0.0) { $0 + Double($1) * Double($1) } }
        let count = channels.reduce(0) { $0 + $1.count }
        return sum > 0 ? 10 * log10(sum / Double(count)) : nil
    }

    /// The spectrogram and the outline of the channels' mean.
    func pictured(upTo duration: Double) -> (Spectrogram, WaveformEnvelope) {
        let spectrogram = Spectrogram(sampleRate: Double(sampleRate), expectedDuration: duration)
        var envelope = WaveformEnvelope(sampleRate: Double(sampleRate))
        var mean = channels.first ?? []
        if channels.count > 1 {
            for frame in mean.indices { mean[frame] = channels.reduce(0) { $0 + $1[frame] } / Float(channels.count) }
        }
        mean.withUnsafeBufferPointer {
            spectrogram.push($0)
            envelope.push($0)
        }
        spectrogram.finish()
        return (spectrogram, envelope)
    }

    /// The sum of two sounds of one rate and channel count.
    mutating func add(_ other: SoundFile) {
        for channel in channels.indices where channel < other.channels.count {
            let missing = other.channels[channel].count - channels[channel].count
            if missing > 0 { channels[channel] += [Float](repeating: 0, count: missing) }
            for frame in other.channels[channel].indices { channels[channel][frame] += other.channels[channel][frame] }
        }
    }
}

/// What a command says of its output, to people and as JSON.
struct SoundSummary: Encodable {
    var input: String
    var output: String
    var preset: String?
    var seconds: Double
    var sampleRate: Int
    var peak: Double?
    var level: Double?
    /// Frames that were taken out.
    var latency: Int
    var lateFrames: Int
    /// × real time.
    var speed: Double
    var notes: Int?
    var parts: Int?

    var line: String {
        var words = "\(output): \(Console.duration(seconds))"
        if let notes { words += ", \(notes) notes" }
        if let parts, parts > 1 { words += ", \(parts) parts" }
        if let peak, let level { words += String(format: ", %.1f dBFS, peak %.1f dBFS", level, peak) } else { words += ", silence" }
        words += String(format: "; %.0f × real time, latency of %.1f ms taken out", speed, Double(latency) / Double(sampleRate) * 1000)
        return words
    }

    /// What a listener should know.
    var warnings: [String] {
        var lines: [String] = []
        if peak == nil { lines.append("\(output) is silent") }
        if let peak, peak > 0 { lines.append(String(format: "\(output) peaks at %+.1f dBFS: turn it down with --control gain=…", peak)) }
        if lateFrames > 0 { lines.append("\(lateFrames) control frames came late") }
        return lines
    }
}
