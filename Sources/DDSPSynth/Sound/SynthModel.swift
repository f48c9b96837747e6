import CRealtime
import Neural

/// A synthesizer's model: the decoder's weights, the instruments it knows, and how each one's notes run.
///
/// Read from a safetensors file (written by training/synth) and checked whole before it is accepted: metadata, the name, type and
/// shape of every tensor, sizes within reason, and every value finite and within bounds that keep the decoder's arithmetic finite
/// whatever it is given. Never changes, so any number of decoders on any threads share it.
public final class SynthModel: @unchecked Sendable {  // immutable after init
    /// Numbers in an instrument's embedding.
    public static var embeddingSize: Int { SynthNetwork.embeddingSize }
    /// Numbers that the decoder gives for a frame.
    public static var outputs: Int { SynthNetwork.outputs }
    /// Sample rate that the model's noise spectrum and loudness are made for, Hz.
    public static var sampleRate: Int { 48_000 }

    /// The file it came from, as it was given.
    public let path: String
    /// The decoder's weights.
    public let network: SynthNetwork
    /// Width of the dense layers.
    public var width: Int { network.width }
    /// Numbers in a voice's recurrent state.
    public var stateSize: Int { network.stateSize }
    /// The instruments' names, in the order of their rows: 1 to 128.
    public let instruments: [String]
    /// How their notes run, in the same order.
    public let profiles: [InstrumentProfile]

    /// [instruments, 16]
    let embedding: FloatBuffer
    package var kernels: Kernels { network.kernels }

    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        let file = try Safetensors(path: path)
        try Self.checkMetadata(file)
        guard let rows = file.shape(of: "embedding"), rows.count == 2 else {
            throw .unsuitable(path: path, reason: "it is no synthesizer model: embedding is missing or no matrix")
        }
        let count = rows[0]
        guard 1...128 ~= count else {
            throw .unsuitable(path: path, reason: "it has \(count) instruments, not 1 to 128")
        }
        let instruments = try Self.names(file)
        guard instruments.count == count else {
            throw .unsuitable(path: path, reason: "it names \(instruments.count) instruments, but has \(count)")
        }
        self.path = path
        self.instruments = instruments
        network = try SynthNetwork(from: file, kernels: kernels)
        embedding = try SynthNetwork.copy(file, "embedding", [count, Self.embeddingSize], -100...100)
        profiles = try Self.profiles(file, count)
    }

    /// The embedding between two instruments: row `a` at `morph` 0, row `b` at 1. Rows beyond the last stand for the last.
    ///
    /// - Parameter output: 16 numbers
    public func mix(_ a: Int, _ b: Int, morph: Float, into output: UnsafeMutablePointer<Float>) {
        let x = embedding.base + min(max(a, 0), profiles.count - 1) * Self.embeddingSize
        let y = embedding.base + min(max(b, 0), profiles.count - 1) * Self.embeddingSize
        let amount = clamp(morph, 0, 1, 0)
        // A sum of weighted terms, so that both ends are the rows themselves.
        for i in 0..<Self.embeddingSize { output[i] = (1 - amount) * x[i] + amount * y[i] }
    }

    // MARK: Checks

    private static func checkMetadata(_ file: Safetensors) throws(ModelError) {
        guard file.metadata("format") != nil else {
            throw .unsuitable(path: file.path, reason: "it is no synthesizer model: its metadata names no format")
        }
        guard file.metadata("format", is: "continuo-synth") else {
            throw .unsuitable(path: file.path, reason: "it is no synthesizer model")
        }
        guard file.metadata("version", is: "1") else {
            throw .unsuitable(path: file.path, reason: "it is of another version than 1")
        }
        guard file.metadata("frame_rate", is: "250"), file.metadata("sample_rate", is: "48000") else {
            throw .unsuitable(path: file.path, reason: "its frame_rate is not 250 or its sample_rate not 48000")
        }
    }

    /// The instruments' names, of 1 to 64 printable bytes, no two the same.
    private static func names(_ file: Safetensors) throws(ModelError) -> [String] {
        guard let list = file.metadata("instruments") else {
            throw .unsuitable(path: file.path, reason: "its metadata names no instruments")
        }
        // As bytes: plugins cannot compare Swift's strings.
        var names: [[UInt8]] = [[]]
        for byte in list.utf8 {
            if byte == UInt8(ascii: ",") {
                names.append([])
            } else {
                names[names.count - 1].append(byte)
            }
            guard names.count <= 128, names[names.count - 1].count <= 64 else {
                throw .unsuitable(path: file.path, reason: "it has over 128 instruments, or one's name over 64 bytes")
            }
            guard byte >= 0x20, byte != 0x7F else {
                throw .unsuitable(path: file.path, reason: "an instrument's name holds a control character")
            }
        }
        for i in 0..<names.count {
            guard !names[i].isEmpty else {
                throw .unsuitable(path: file.path, reason: "instrument \(i + 1) of its list has no name")
            }
            for j in 0..<i where same(names[i], names[j]) {
                throw .unsuitable(path: file.path, reason: "instruments \(j + 1) and \(i + 1) of its list have one name")
            }
        }
        var strings: [String] = []
        for name in names { strings.append(String(decoding: name, as: UTF8.self)) }
        return strings
    }

    private static func same(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        for i in 0..<a.count where a[i] != b[i] { return false }
        return true
    }

    private static func profiles(_ file: Safetensors, _ count: Int) throws(ModelError) -> [InstrumentProfile] {
        let points = InstrumentProfile.attackPoints, releasePoints = InstrumentProfile.releasePoints
        let range = try SynthNetwork.values(file, "instrument.range", [count, 2], 0...127)
        let loudness = try SynthNetwork.values(file, "instrument.loudness", [count, 4], -120...20)
        let attack = try SynthNetwork.values(file, "instrument.attack", [count, 4, points], -200...60)
        let release = try SynthNetwork.values(file, "instrument.release", [count, releasePoints], -200...60)
        let sustains = try SynthNetwork.values(file, "instrument.sustains", [count], 0...1)
        let vibrato = try SynthNetwork.values(file, "instrument.vibrato", [count, 2], 0...1000)
        var profiles: [InstrumentProfile] = []
        for i in 0..<count {
            var profile = InstrumentProfile.plain
            profile.lowest = range.values[2 * i]
            profile.highest = range.values[2 * i + 1]
            guard profile.lowest <= profile.highest else {
                throw .unsuitable(path: file.path, reason: "tensor instrument.range: the range of instrument \(i + 1) is empty")
            }
            for j in 0..<4 { profile.loudness[j] = loudness.values[4 * i + j] }
            for j in 0..<4 * points { profile.attack[j] = attack.values[4 * points * i + j] }
            for j in 0..<releasePoints { profile.release[j] = release.values[releasePoints * i + j] }
            profile.sustains = sustains.values[i] >= 0.5
            profile.vibratoRate = vibrato.values[2 * i]
            profile.vibratoDepth = vibrato.values[2 * i + 1]
            profiles.append(profile)
        }
        return profiles
    }
}

/// `value` within a range; `fallback` for what is no number.
@inline(__always)
func clamp(_ value: Float, _ low: Float, _ high: Float, _ fallback: Float) -> Float {
    value == value ? min(max(value, low), high) : fallback
}
