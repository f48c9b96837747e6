import CRealtime
import DDSPSynth
import Foundation
import Neural

/// A seeded generator (SplitMix64), so that every random test can be run again.
struct SoundGenerator: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: Int) { state = UInt64(seed) }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A model file that can be spoilt: tiny.safetensors taken apart, changed, and written.
struct ModelFile {
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    var metadata: [String: String] = [
        "format": "continuo-synth", "version": "1", "instruments": "violin,cello,flute,nylon-guitar", "frame_rate": "250",
        "sample_rate": "48000",
    ]
    var types: [String: String] = [:]

    init() throws {
        let file = try Safetensors(path: vectors("tiny.safetensors"))
        for name in file.names {
            let shape = file.shape(of: name)!
            tensors[name] = (shape, try Array(file.tensor(named: name, shape: shape).values))
        }
    }

    var bytes: [UInt8] {
        var header: [String: Any] = ["__metadata__": metadata]
        var data: [UInt8] = []
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let begin = data.count
            tensor.values.withUnsafeBytes { data += $0 }
            header[name] = ["dtype": types[name] ?? "F32", "shape": tensor.shape, "data_offsets": [begin, data.count]]
        }
        let json = try! JSONSerialization.data(withJSONObject: header)
        return withUnsafeBytes(of: UInt64(json.count).littleEndian, Array.init) + json + data
    }

    /// What becomes of it: the model, or the error's message.
    func open() throws -> (model: SynthModel?, message: String) { try Self.open(bytes) }

    static func open(_ bytes: [UInt8]) throws -> (model: SynthModel?, message: String) {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)").path
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            return (try SynthModel(path: path), "")
        } catch {
            return (nil, error.message.replacingOccurrences(of: path, with: "FILE"))
        }
    }
}

/// K-weighting and noise nodes once more, in double precision and from the standard's words, to check the engine's by.
enum Reference {
    /// |H|² of both biquads, by complex arithmetic.
    static func weight(_ frequency: Double) -> Double {
        let angle = 2 * Double.pi * frequency / 48_000
        func power(_ c: [Double]) -> Double {
            let re = c[0] + c[1] * cos(angle) + c[2] * cos(2 * angle)
            let im = -c[1] * sin(angle) - c[2] * sin(2 * angle)
            return re * re + im * im
        }
        let shelf = power([1.53512485958697, -2.69169618940638, 1.19839281085285])
            / power([1, -1.69065929318241, 0.73248077421585])
        return shelf * power([1, -2, 1]) / power([1, -1.99004745483398, 0.99007225036621])
    }

    static func mel(_ frequency: Double) -> Double { 2595 * log10(1 + frequency / 700) }

    /// Weighted power (Hz) of noise of density 1 at each node.
    static let noiseLoudness: [Double] = {
        var sums = [Double](repeating: 0, count: 65)
        for index in 0..<48_000 {
            let frequency = (Double(index) + 0.5) * 0.5
            let position = mel(frequency) / mel(24_000) * 64, node = min(Int(position), 63)
            sums[node] += 0.5 * weight(frequency) * (1 - (position - Double(node)))
            sums[node + 1] += 0.5 * weight(frequency) * (position - Double(node))
        }
        return sums
    }()

    static func frequency(_ pitch: Float) -> Double { 440 * pow(2, (Double(pitch) - 69) / 12) }

    /// K-weighted powers of harmonics and of noise as they leave the engine.
    static func powers(
        _ amplitudes: [Float], _ noise: [Float], pitch: Float, stretch: Float = 0
    ) -> (harmonics: Double, noise: Double) {
        var harmonics = 0.0, power = 0.0
        for k in 1...128 where amplitudes[k - 1] != 0 {
            let stretched = Double(k) * (1 + 0.002 * Double(stretch * stretch) * Double(k * k)).squareRoot()
            harmonics += 0.5 * weight(frequency(pitch) * stretched) * Double(amplitudes[k - 1]) * Double(amplitudes[k - 1])
        }
        for node in 0..<65 { power += noiseLoudness[node] * Double(noise[node]) * Double(noise[node]) }
        return (harmonics, power)
    }
}
