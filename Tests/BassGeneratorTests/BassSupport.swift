import BassGenerator
import Foundation
import Neural

/// Golden vectors of training/bass (golden.py).
struct Vectors {
    let file: Safetensors

    init(_ name: String) throws { file = try Safetensors(path: Self.path(name)) }

    static func path(_ name: String) -> String {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        return tests + "/vectors/bass/" + name
    }

    func shape(_ name: String) throws -> [Int] {
        guard let shape = file.shape(of: name) else { throw Missing(name: name) }
        return shape
    }

    func array(_ name: String) throws -> [Float] { try Array(file.tensor(named: name, shape: shape(name)).values) }

    func buffer(_ name: String) throws -> FloatBuffer {
        let values = try array(name)
        let buffer = try FloatBuffer(count: values.count)
        for (i, value) in values.enumerated() { buffer.base[i] = value }
        return buffer
    }

    struct Missing: Error { var name: String }
}

func tinyAutoencoder(_ level: Int = 3) throws -> BassAutoencoder {
    try BassAutoencoder(path: Vectors.path("tiny-autoencoder.safetensors"), kernels: Kernels(atMost: level))
}

func tinyGenerator(_ level: Int = 3) throws -> BassGeneratorModel {
    try BassGeneratorModel(path: Vectors.path("tiny-generator.safetensors"), kernels: Kernels(atMost: level))
}

/// Every instruction set that this processor has.
let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }

/// The largest |a − b|; infinite if a value is no number or the counts differ.
func difference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    var worst: Float = 0
    for (x, y) in zip(a, b) where x != y { worst = (x - y).isNaN ? .infinity : max(worst, abs(x - y)) }
    return worst
}

func latents(_ values: [Float]) throws -> BassLatents { try BassLatents(values, frames: values.count / 24) }

func array(_ latents: BassLatents) -> [Float] { array(latents.values, latents.frames * 24) }

func array(_ buffer: FloatBuffer, _ count: Int) -> [Float] { Array(UnsafeBufferPointer(start: buffer.base, count: count)) }

/// A seeded generator (SplitMix64), so that every random test can be run again.
struct SeededGenerator: RandomNumberGenerator {
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

/// A model file that can be spoilt: a tiny one taken apart, changed, and written.
struct ModelFile {
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    var metadata: [String: String]
    var types: [String: String] = [:]

    init(_ name: String) throws {
        let file = try Safetensors(path: Vectors.path(name))
        for name in file.names {
            let shape = file.shape(of: name)!
            tensors[name] = (shape, try Array(file.tensor(named: name, shape: shape).values))
        }
        metadata = ["model": file.metadata("model")!, "version": file.metadata("version")!, "sizes": file.metadata("sizes")!]
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

    /// What becomes of it: a model, or the error's message.
    static func open<Model>(_ bytes: [UInt8], _ read: (String) throws -> Model) throws -> (model: Model?, message: String) {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)").path
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            return (try read(path), "")
        } catch let error as ModelError {
            return (nil, error.message.replacingOccurrences(of: path, with: "FILE"))
        }
    }
}
