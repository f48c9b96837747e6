import CRealtime
import Neural

/// A synthesizer's model: the decoder's weights, the instruments it knows, and how each one's notes run.
///
/// Read from a safetensors file (written by training/synth) and checked whole before it is accepted: metadata, the name, type and
/// shape of every tensor, sizes within reason, and every value finite and within bounds that keep the decoder's arithmetic finite
/// whatever it is given. Never changes, so any number of decoders on any threads share it.
public final class SynthModel: @unchecked Sendable {  // immutable after init
    /// Numbers in an instrument's embedding.
    public static var embeddingSize: Int { 16 }
    /// Numbers that the decoder gives for a frame: log10 amplitudes of 128 harmonics, then log10 densities of 65 noise nodes.
    public static var outputs: Int { FrameSlots.harmonics + FrameSlots.noiseNodes }
    /// Sample rate that the model's noise spectrum and loudness are made for, Hz.
    public static var sampleRate: Int { 48_000 }

    /// The file it came from, as it was given.
    public let path: String
    /// Width of the dense layers.
    public let width: Int
    /// Numbers in a voice's recurrent state.
    public let stateSize: Int
    /// The instruments' names, in the order of their rows: 1 to 128.
    public let instruments: [String]
    /// How their notes run, in the same order.
    public let profiles: [InstrumentProfile]

    let first: Dense, firstNorm: LayerNorm
    let middle: Dense, middleNorm: LayerNorm
    let recurrent: GRUCell
    let last: Dense, lastNorm: LayerNorm
    let head: Dense
    /// [instruments, 16]
    let embedding: FloatBuffer
    /// 65 numbers: the K-weighted power (Hz) of noise whose density is 1 at one node and falls linearly in mel to its neighbours.
    let noiseLoudness: FloatBuffer
    package let kernels: Kernels

    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        let file = try Safetensors(path: path)
        try Self.checkMetadata(file)
        guard let input = file.shape(of: "in.weight"), input.count == 2,
            let hidden = file.shape(of: "gru.weight_hh"), hidden.count == 2,
            let rows = file.shape(of: "embedding"), rows.count == 2
        else {
            throw .unsuitable(
                path: path, reason: "it is no synthesizer model: in.weight, gru.weight_hh or embedding is missing or no matrix")
        }
        let width = input[0], stateSize = hidden[1], count = rows[0]
        guard 8...1024 ~= width, 8...1024 ~= stateSize else {
            throw .unsuitable(path: path, reason: "its layers' widths \(width) and \(stateSize) are not within 8 to 1024")
        }
        guard 1...128 ~= count else {
            throw .unsuitable(path: path, reason: "it has \(count) instruments, not 1 to 128")
        }
        let instruments = try Self.names(file)
        guard instruments.count == count else {
            throw .unsuitable(path: path, reason: "it names \(instruments.count) instruments, but has \(count)")
        }
        try Self.checkWeights(file, width: width, stateSize: stateSize)

        self.path = path
        self.width = width
        self.stateSize = stateSize
        self.instruments = instruments
        self.kernels = kernels
        first = try Dense("in", inputs: Self.embeddingSize + 2, outputs: width, from: file, kernels: kernels)
        firstNorm = try LayerNorm("in_norm", channels: width, from: file, kernels: kernels)
        middle = try Dense("mid", inputs: width, outputs: width, from: file, kernels: kernels)
        middleNorm = try LayerNorm("mid_norm", channels: width, from: file, kernels: kernels)
        recurrent = try GRUCell("gru", inputs: width, units: stateSize, from: file, kernels: kernels)
        last = try Dense("post", inputs: stateSize + width, outputs: width, from: file, kernels: kernels)
        lastNorm = try LayerNorm("post_norm", channels: width, from: file, kernels: kernels)
        head = try Dense("head", inputs: width, outputs: Self.outputs, from: file, kernels: kernels)
        embedding = try Self.copy(file, "embedding", [count, Self.embeddingSize], -100...100)
        noiseLoudness = try Self.copy(file, "noise_loudness", [FrameSlots.noiseNodes], 1e-6...1e6)
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

    /// Shapes, and values: with none beyond 10⁴, and layers normalised in between, no sum in the decoder overflows.
    private static func checkWeights(_ file: Safetensors, width: Int, stateSize: Int) throws(ModelError) {
        let limits: ClosedRange<Float> = -1e4...1e4
        func check(_ name: String, _ shape: [Int]) throws(ModelError) {
            _ = try values(file, name, shape, limits)
        }
        try check("in.weight", [width, embeddingSize + 2])
        try check("mid.weight", [width, width])
        try check("post.weight", [width, stateSize + width])
        try check("head.weight", [outputs, width])
        try check("gru.weight_ih", [3 * stateSize, width])
        try check("gru.weight_hh", [3 * stateSize, stateSize])
        try check("gru.bias_ih", [3 * stateSize])
        try check("gru.bias_hh", [3 * stateSize])
        for layer in ["in", "mid", "post"] {
            try check(layer + ".bias", [width])
            try check(layer + "_norm.weight", [width])
            try check(layer + "_norm.bias", [width])
        }
        try check("head.bias", [outputs])
    }

    /// A tensor whose values all lie within `limits`.
    private static func values(
        _ file: Safetensors, _ name: String, _ shape: [Int], _ limits: ClosedRange<Float>
    ) throws(ModelError) -> Tensor {
        let tensor = try file.tensor(named: name, shape: shape)
        for value in tensor.values where !(value >= limits.lowerBound && value <= limits.upperBound) {
            throw .unsuitable(
                path: file.path,
                reason: "tensor " + name + " holds a value that is "
                    + (value.isFinite ? "out of bounds" : "not finite"))
        }
        return tensor
    }

    private static func copy(
        _ file: Safetensors, _ name: String, _ shape: [Int], _ limits: ClosedRange<Float>
    ) throws(ModelError) -> FloatBuffer {
        let tensor = try values(file, name, shape, limits)
        let buffer = try FloatBuffer(count: tensor.count)
        for i in 0..<tensor.count { buffer.base[i] = tensor.values[i] }
        return buffer
    }

    private static func profiles(_ file: Safetensors, _ count: Int) throws(ModelError) -> [InstrumentProfile] {
        let points = InstrumentProfile.attackPoints, releasePoints = InstrumentProfile.releasePoints
        let range = try values(file, "instrument.range", [count, 2], 0...127)
        let loudness = try values(file, "instrument.loudness", [count, 4], -120...20)
        let attack = try values(file, "instrument.attack", [count, 4, points], -200...60)
        let release = try values(file, "instrument.release", [count, releasePoints], -200...60)
        let sustains = try values(file, "instrument.sustains", [count], 0...1)
        let vibrato = try values(file, "instrument.vibrato", [count, 2], 0...1000)
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
