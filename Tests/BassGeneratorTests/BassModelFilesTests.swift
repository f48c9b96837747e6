import BassGenerator
import Foundation
import Neural
import Testing

/// Model files that are not what they should be: an error that names file and cause, whatever they hold.
@Suite struct BassModelFilesTests {
    static let files = ["tiny-autoencoder.safetensors", "tiny-generator.safetensors"]

    /// What becomes of a file: the error's message, empty if it is accepted.
    private func open(_ name: String, _ bytes: [UInt8]) throws -> String {
        try ModelFile.open(bytes) { path in
            if name == Self.files[0] { _ = try BassAutoencoder(path: path) } else { _ = try BassGeneratorModel(path: path) }
        }.message
    }

    private func message(_ name: String, _ spoil: (inout ModelFile) -> Void) throws -> String {
        var file = try ModelFile(name)
        spoil(&file)
        return try open(name, file.bytes)
    }

    @Test(arguments: files) func namesWhatIsWrong(name: String) throws {
        #expect(try message(name) { _ in } == "")
        for tensor in try ModelFile(name).tensors.keys.sorted() {
            let missing = try message(name) { $0.tensors[tensor] = nil }
            #expect(missing.contains(tensor), "\(tensor): \(missing)")
            let shaped = try message(name) {
                let (shape, values) = $0.tensors[tensor]!
                $0.tensors[tensor] = (shape + [2], values + values)
            }
            #expect(shaped.contains(tensor), "\(tensor): \(shaped)")
            #expect(try message(name) { $0.types[tensor] = "I32" }.contains("tensor \(tensor) is not of type"))
            for value in [Float.nan, .infinity, -.infinity, 1e7] {
                let spoilt = try message(name) {
                    $0.tensors[tensor]!.values[$0.tensors[tensor]!.values.count / 2] = value
                }
                #expect(spoilt.contains("tensor \(tensor) holds a value that is"), "\(tensor): \(spoilt)")
            }
        }
        #expect(try message(name) { $0.metadata["model"] = nil }.contains("names no model"))
        #expect(try message(name) { $0.metadata["model"] = "continuo-synth" }.contains("it is no bass"))
        #expect(try message(name) { $0.metadata["version"] = "2" }.contains("another version"))
    }

    @Test func boundsSizes() throws {
        let (coder, generator) = (Self.files[0], Self.files[1])
        #expect(try message(generator) { $0.metadata["sizes"] = nil }.contains("sizes name no head"))
        for sizes in ["", "{\"head\": }", "{\"header\": 16}", "{\"head\"", "\"head\":-16}"] {
            #expect(try message(generator) { $0.metadata["sizes"] = sizes }.contains("sizes name no head"), "\(sizes)")
        }
        for head in ["0", "8", "24", "48", "99999999999999999999"] {
            #expect(try message(generator) { $0.metadata["sizes"] = "{\"head\": \(head)}" }.contains("heads have"), "\(head)")
        }
        func rows(_ name: String, _ tensor: String, _ shape: [Int]) throws -> String {
            try message(name) { $0.tensors[tensor] = (shape, [Float](repeating: 0, count: shape.reduce(1, *))) }
        }
        #expect(try rows(generator, "enter_latents.weight", [2048, 24]).contains("has 2048 rows"))
        #expect(try rows(generator, "mix_encoder.trunk.enter.weight", [4, 416]).contains("has 4 rows"))
        #expect(try rows(coder, "line_head.norm.weight", [24]).contains("no multiple of 16"))
        #expect(try rows(coder, "sound.first.weight", [500, 24, 3]).contains("has 500 rows"))
        #expect(try rows(coder, "frontend.tonal", [144, 3000]).contains("frontend.tonal"))
        #expect(try rows(coder, "latent.std", [24]).contains("latent.std holds a value below"))
        #expect(
            try message(generator) { file in
                for i in 0..<40 { file.tensors["blocks.\(i).qkv.weight"] = ([1], [0]) }
            }.contains("more than 32 blocks"))
    }

    @Test(arguments: files) func refusesWhatIsNoModel(name: String) throws {
        let whole = try ModelFile(name).bytes
        for count in [0, 7, 8, 100, whole.count / 2, whole.count - 4, whole.count - 1] {
            #expect(try open(name, Array(whole[..<count])).hasPrefix("FILE"))
        }
        #expect(try open(name, whole + [0]).hasPrefix("FILE"))
        let other = try ModelFile(Self.files.first { $0 != name }!).bytes
        #expect(try open(name, other).contains("it is no bass"))
    }

    /// Whatever bits are wrong: an error, or a model whose takes are numbers or refused.
    @Test func survivesDamage() throws {
        var random = SeededGenerator(1)
        for name in Self.files {
            let whole = try ModelFile(name).bytes
            let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
            var accepted = 0
            for round in 0..<150 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let range = round % 2 == 0 ? 0..<headerEnd : headerEnd..<bytes.count
                    bytes[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
                if name == Self.files[0] {
                    guard let model = try ModelFile.open(bytes, { try BassAutoencoder(path: $0) }).model else { continue }
                    accepted += 1
                    #expect(try soundIsFinite(model))
                } else {
                    guard let model = try ModelFile.open(bytes, { try BassGeneratorModel(path: $0) }).model else { continue }
                    accepted += 1
                    #expect(try takeIsFinite(model))
                }
            }
            #expect(accepted > 20)
        }
    }

    private func takeIsFinite(_ model: BassGeneratorModel) throws -> Bool {
        do {
            let z = try Sampler(model: model).sample(TakeConditions(frames: 20), SamplerSettings())
            return array(z).allSatisfy { $0.isFinite }
        } catch {
            return error.message.contains("no finite numbers")
        }
    }

    /// Of latents as wild as a take may have.
    private func soundIsFinite(_ model: BassAutoencoder) throws -> Bool {
        let line = (0..<480).map { Float($0 * 37 % 100) - 50 }
        let take = try BassTake(latents: latents(line), model: model)
        let renderer = try take.renderer(sampleRate: 24_000)
        var left = [Float](repeating: 0, count: renderer.length), right = left
        try renderer.render(left: &left, right: &right, count: left.count)
        let encoded = try model.encode([Float](repeating: 1.5, count: 5 * 416), frames: 5)
        _ = array(encoded)
        return left.allSatisfy { $0.isFinite }
    }
}
