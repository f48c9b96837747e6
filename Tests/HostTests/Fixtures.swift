import Foundation
import Host

/// Plugins of Debian's lv2-examples, short.
enum Example {
    static let prefix = "http://lv2plug.in/plugins/"
    static let amp = prefix + "eg-amp"
    static let fifths = prefix + "eg-fifths"
    static let metro = prefix + "eg-metro"
    static let midigate = prefix + "eg-midigate"
    static let params = prefix + "eg-params"
    static let sampler = prefix + "eg-sampler"
    static let scope = prefix + "eg-scope#Stereo"
}

/// A folder that goes away with the test.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("continuo-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func sound(constant value: Float, name: String = "constant.wav") throws -> String {
        // A WAV of one constant: 16-bit PCM, mono, written by hand so that nothing of ours is needed to make it.
        let frames = 64
        var data = Data("RIFF".utf8)
        func put<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
        put(UInt32(36 + frames * 2))
        data.append(contentsOf: Data("WAVEfmt ".utf8))
        put(UInt32(16)); put(UInt16(1)); put(UInt16(1)); put(UInt32(48000)); put(UInt32(96000)); put(UInt16(2)); put(UInt16(16))
        data.append(contentsOf: Data("data".utf8))
        put(UInt32(frames * 2))
        for _ in 0..<frames { put(Int16(value * 32767)) }
        let path = file(name)
        try data.write(to: URL(fileURLWithPath: path))
        return path
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = file(name)
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}

/// What a render gave, with its sound read back.
struct Rendered {
    var report: Report
    var midi: [TimedMIDI]
    var sound: SoundFile
    var bytes: Data
}

/// Renders plugins and reads the output; what is not said is as in `Renderer.Options`.
func render(
    _ setups: [PluginSetup], world: World = World(), rate: Double = 48000, block: Int = 256,
    configure: (inout Renderer.Options) -> Void = { _ in }
) throws -> Rendered {
    let scratch = try ScratchFolder()
    var options = Renderer.Options()
    options.tail = 0
    configure(&options)
    let chain = try Graph(
        world: world, setups: setups,
        settings: Renderer.settings(sampleRate: rate, block: block, hasRandomBlocks: options.randomBlocks != nil))
    if chain.audioOutputCount > 0 { options.output = scratch.file("out.wav") }
    let result = try Renderer.render(chain, options)
    guard let output = options.output else {
        return Rendered(report: result.report, midi: result.midi, sound: SoundFile(channels: [], sampleRate: Int(rate)), bytes: Data())
    }
    return Rendered(
        report: result.report, midi: result.midi, sound: try SoundFile(reading: output),
        bytes: try Data(contentsOf: URL(fileURLWithPath: output)))
}

extension PluginSetup {
    init(_ uri: String, _ settings: [String: String] = [:], preset: String? = nil) {
        self.init(uri: uri, preset: preset, settings: settings.sorted { $0.key < $1.key }.map { .init(key: $0, value: $1) })
    }
}

func sine(frequency: Double = 440, amplitude: Float = 0.5, seconds: Double = 0.5, rate: Int = 48000) -> SoundFile {
    let count = Int(seconds * Double(rate))
    return SoundFile(
        channels: [(0..<count).map { amplitude * Float(sin(2 * .pi * frequency * Double($0) / Double(rate))) }],
        sampleRate: rate)
}
