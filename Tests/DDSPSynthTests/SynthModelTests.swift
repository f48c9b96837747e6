import DDSPSynth
import Foundation
import Neural
import Testing

@Suite struct SynthModelTests {
    @Test func readsWhatTrainingWrote() throws {
        let model = try SynthModel(path: vectors("tiny.safetensors"))
        #expect(model.instruments == ["violin", "cello", "flute", "nylon-guitar"])
        #expect(model.width == 32 && model.stateSize == 32)
        let file = try ModelFile()
        #expect(model.profiles.count == 4)
        for (i, profile) in model.profiles.enumerated() {
            func value(_ name: String, _ index: Int) -> Float { file.tensors["instrument." + name]!.values[index] }
            #expect(profile.lowest == value("range", 2 * i) && profile.highest == value("range", 2 * i + 1))
            #expect(profile.loudness[3] == value("loudness", 4 * i + 3))
            #expect(profile.attack[2 * 96 + 17] == value("attack", (4 * i + 2) * 96 + 17))
            #expect(profile.release[31] == value("release", 32 * i + 31))
            #expect(profile.sustains == (i < 3))
            #expect(profile.vibratoRate == value("vibrato", 2 * i) && profile.vibratoDepth == value("vibrato", 2 * i + 1))
        }
        // The file written anew is as good, so what the others find wrong is what they spoilt.
        #expect(try file.open().message == "")
    }

    @Test func mixesEmbeddings() throws {
        let model = try SynthModel(path: vectors("tiny.safetensors"))
        let rows = try ModelFile().tensors["embedding"]!.values
        func mix(_ a: Int, _ b: Int, _ morph: Float) -> [Float] {
            var result = [Float](repeating: .nan, count: 16)
            model.mix(a, b, morph: morph, into: &result)
            return result
        }
        let second = Array(rows[16..<32]), last = Array(rows[48..<64])
        #expect(mix(1, 3, 0) == second)
        #expect(mix(1, 3, 1) == last)
        #expect(mix(1, 3, 0.25) == zip(second, last).map { 0.75 * $0 + 0.25 * $1 })
        // From anywhere: rows beyond the ends, morph beyond its range or no number.
        #expect(mix(1, Int.max, 7) == last)
        #expect(mix(Int.min, 1, -.infinity) == Array(rows[..<16]))
        #expect(mix(1, 3, .nan) == second)
    }

    @Test func namesWhatIsWrong() throws {
        func message(_ spoil: (inout ModelFile) -> Void) throws -> String {
            var file = try ModelFile()
            spoil(&file)
            return try file.open().message
        }
        func spoil(_ name: String, _ value: Float) throws -> String {
            try message { $0.tensors[name]!.values[$0.tensors[name]!.values.count / 2] = value }
        }
        let names = try ModelFile().tensors.keys.sorted()
        #expect(names.count == 26)
        for name in names {
            // Missing: of three tensors the sizes are read.
            let missing = try message { $0.tensors[name] = nil }
            #expect(missing.contains(name), "\(name): \(missing)")
            let shaped = try message {
                let (shape, values) = $0.tensors[name]!
                $0.tensors[name] = (shape + [2], values + values)
            }
            #expect(shaped.contains(name), "\(name): \(shaped)")
            let typed = try message { $0.types[name] = "I32" }
            #expect(typed.contains("tensor \(name) is not of type"), "\(name): \(typed)")
            for value in [Float.nan, .infinity, -.infinity] {
                #expect(try spoil(name, value).contains("tensor \(name) holds a value that is not finite"))
            }
            #expect(try spoil(name, 1e7).contains("tensor \(name) holds a value that is out of bounds"))
        }
        #expect(try spoil("instrument.loudness", -200).contains("instrument.loudness"))
        #expect(try spoil("noise_loudness", 0).contains("noise_loudness"))
        #expect(try message { $0.tensors["instrument.range"]!.values[2] = 100 }.contains("range of instrument 2 is empty"))

        #expect(try message { $0.metadata["format"] = nil }.contains("names no format"))
        #expect(try message { $0.metadata["format"] = "continuo-bass" }.contains("no synthesizer model"))
        #expect(try message { $0.metadata["version"] = "2" }.contains("version"))
        #expect(try message { $0.metadata["frame_rate"] = "100" }.contains("frame_rate"))
        #expect(try message { $0.metadata["sample_rate"] = "16000" }.contains("sample_rate"))
        #expect(try message { $0.metadata["instruments"] = nil }.contains("names no instruments"))
        #expect(try message { $0.metadata["instruments"] = "a,b,c" }.contains("names 3 instruments, but has 4"))
        #expect(try message { $0.metadata["instruments"] = "a,b,,d" }.contains("instrument 3 of its list has no name"))
        #expect(try message { $0.metadata["instruments"] = "a,b,c,b" }.contains("instruments 2 and 4 of its list have one name"))
        #expect(try message { $0.metadata["instruments"] = "a,b,c,d\u{7}" }.contains("control character"))
        let long = String(repeating: "x", count: 65), many = (0..<129).map { "\($0)" }.joined(separator: ",")
        #expect(try message { $0.metadata["instruments"] = "a,b,c," + long }.contains("over 64 bytes"))
        #expect(try message { $0.metadata["instruments"] = many }.contains("over 128 instruments"))
    }

    /// Sizes that are consistent, but absurd.
    @Test func boundsSizes() throws {
        func message(width: Int, state: Int, instruments: Int) throws -> String {
            var file = try ModelFile()
            file.tensors["in.weight"] = ([width, 18], [Float](repeating: 0, count: width * 18))
            file.tensors["gru.weight_hh"] = ([3 * state, state], [Float](repeating: 0, count: 3 * state * state))
            file.tensors["embedding"] = ([instruments, 16], [Float](repeating: 0, count: 16 * instruments))
            return try file.open().message
        }
        #expect(try message(width: 1025, state: 32, instruments: 4).contains("widths 1025 and 32"))
        #expect(try message(width: 7, state: 32, instruments: 4).contains("widths 7 and 32"))
        #expect(try message(width: 32, state: 1025, instruments: 4).contains("widths 32 and 1025"))
        #expect(try message(width: 32, state: 0, instruments: 4).contains("widths 32 and 0"))
        #expect(try message(width: 32, state: 32, instruments: 129).contains("129 instruments"))
        #expect(try message(width: 32, state: 32, instruments: 0).contains("0 instruments"))
    }

    @Test func refusesWhatIsNoModel() throws {
        #expect(throws: ModelError.self) { try SynthModel(path: "/nonexistent/model") }
        #expect(throws: ModelError.self) { try SynthModel(path: vectors("decoder.safetensors")) }
        let whole = try ModelFile().bytes
        for count in [0, 7, 8, 100, whole.count / 2, whole.count - 4, whole.count - 1] {
            #expect(try ModelFile.open(Array(whole[..<count])).model == nil)
        }
        #expect(try ModelFile.open(whole + [0]).model == nil)
    }

    /// Whatever bits are wrong: an error, or a model whose outputs are finite numbers.
    @Test func survivesDamage() throws {
        var random = SoundGenerator(1)
        let whole = try ModelFile().bytes
        let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
        var accepted = 0
        for round in 0..<300 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let range = round % 2 == 0 ? 0..<headerEnd : headerEnd..<bytes.count
                bytes[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            guard let model = try ModelFile.open(bytes).model else { continue }
            accepted += 1
            #expect(try outputsAreFinite(model))
        }
        #expect(accepted > 50)
    }

    /// The largest weights that are accepted, and the most hostile features.
    @Test func staysFiniteAtItsBounds() throws {
        var random = SoundGenerator(2)
        for round in 0..<20 {
            var file = try ModelFile()
            for name in file.tensors.keys where !name.hasPrefix("instrument") && name != "noise_loudness" {
                let bound: Float = name == "embedding" ? 100 : 1e4
                for i in file.tensors[name]!.values.indices {
                    file.tensors[name]!.values[i] = round % 2 == 0 ? bound : Bool.random(using: &random) ? bound : -bound
                }
            }
            let model = try #require(try file.open().model)
            #expect(try outputsAreFinite(model))
        }
    }

    private func outputsAreFinite(_ model: SynthModel) throws -> Bool {
        let decoder = try SynthDecoder(model: model, maximumBatch: 2)
        var states = [Float](repeating: 0, count: 2 * model.stateSize)
        var outputs = [Float](repeating: 0, count: 2 * decoder.outputStride)
        var features = [Float](repeating: 0, count: 36)
        for frame in 0..<4 {
            for row in 0..<2 {
                let (pitch, loudness) = SynthDecoder.features(pitch: row == 0 ? 0 : 135, loudness: frame % 2 == 0 ? 200 : -200)
                (features[18 * row], features[18 * row + 1]) = (pitch, loudness)
                features.withUnsafeMutableBufferPointer {
                    model.mix(0, model.instruments.count - 1, morph: 0.5, into: $0.baseAddress! + (18 * row + 2))
                }
            }
            decoder.step(features: features, states: &states, outputs: &outputs, rows: 2)
        }
        return (outputs + states).allSatisfy(\.isFinite)
    }
}
