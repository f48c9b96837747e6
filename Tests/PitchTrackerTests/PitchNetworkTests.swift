import Foundation
import Neural
import PitchTracker
import Testing

/// Continuo's own network against PyTorch (training/pitch/export.py).
@Suite struct PitchNetworkTests {
    static let names = ["continuo-pitch-standard", "continuo-pitch-quick"]

    @Test(arguments: names, [1, 2, 3]) func equalsPyTorch(name: String, level: Int) throws {
        let weights = try PitchNetworkWeights(path: Weights.own(name), kernels: Kernels(atMost: level))
        let golden = try Safetensors(path: Vectors.folder.appending(path: "pitch/\(name).golden.safetensors").path)
        let audio = try golden.tensor(named: "audio", shape: [4000]).values
        let frames = 4000 / weights.hop
        let features = try golden.tensor(named: "features", shape: [13, frames, 228]).values
        let levels = try golden.tensor(named: "level", shape: [frames, 2]).values
        let logits = try golden.tensor(named: "pitch_logits", shape: [frames, 228]).values
        let heads = try golden.tensor(named: "heads", shape: [frames, 3]).values
        let frequency = try golden.tensor(named: "frequency", shape: [frames]).values
        let steps = try PitchNetworkSteps(weights: weights)
        let padded = [Float](repeating: 0, count: 2048) + Array(audio)
        var worst = (features: Float(0), levels: Float(0), logits: Float(0), heads: Float(0), cents: Float(0))
        for frame in 0..<frames {
            let end = 2048 + (frame + 1) * weights.hop
            let step = steps.step(Array(padded[(end - 2048)..<end]))
            for channel in 0..<13 {
                for bin in 0..<228 {
                    let wanted = features[(channel * frames + frame) * 228 + bin]
                    worst.features = max(worst.features, abs(step.features[channel * 228 + bin] - wanted))
                }
            }
            for i in 0..<2 { worst.levels = max(worst.levels, abs(step.levels[i] - levels[2 * frame + i])) }
            for i in 0..<228 { worst.logits = max(worst.logits, abs(step.logits[i] - logits[228 * frame + i])) }
            for i in 0..<3 { worst.heads = max(worst.heads, abs(step.heads[i] - heads[3 * frame + i])) }
            worst.cents = max(worst.cents, abs(1200 * log2(step.frequency / frequency[frame])))
        }
        #expect(worst.features < 1e-4 && worst.levels < 1e-5, "\(worst)")
        #expect(worst.logits < 5e-4 && worst.heads < 1e-4 && worst.cents < 0.01, "\(worst)")
    }

    /// The state is all that is remembered: after a reset the same comes out.
    @Test func resetForgets() throws {
        let weights = try PitchNetworkWeights(path: Weights.own("continuo-pitch-quick"))
        let steps = try PitchNetworkSteps(weights: weights)
        func run() -> [Float] {
            (0..<40).flatMap { k in
                steps.step((0..<2048).map { sin(Float($0 + 80 * k) * 0.1) * 0.1 }).logits
            }
        }
        let first = run(), second = run()
        steps.reset()
        #expect(first != second && run() == first)
    }

    /// Whatever comes in, numbers come out, and the next sound is followed again.
    @Test func nonsensePasses() throws {
        let engine = try PitchEngine(model: PitchModel(path: Weights.own("continuo-pitch-standard")), sampleRate: 16_000)
        var samples = (0..<16_000).map { 0.2 * sin(Float($0) * 2 * .pi * 220 / 16_000) }
        for (i, value) in [Float.nan, .infinity, -.infinity, 3e38, 1e-40].enumerated() { samples[4000 + i] = value }
        engine.feed(samples, count: samples.count)
        var frames: [PitchFrame] = []
        for k in 0..<96 { frames.append(engine.infer(frame: 4 * k, settings: .init(stride: 4))) }
        #expect(frames.allSatisfy { $0.frequency.isFinite && $0.confidence.isFinite && (0...1).contains($0.confidence) })
        #expect(
            frames.suffix(30).allSatisfy { $0.confidence > 0.5 && abs($0.frequency - 220) < 2 },
            "\(frames.suffix(30).map { ($0.frequency, $0.confidence, $0.level) })")
    }

    @Test func filesOfAnotherKindAreNamed() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "continuo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let original = try Data(contentsOf: URL(filePath: Weights.own("continuo-pitch-quick")))
        func refusal(_ change: (inout Data) -> Void) throws -> String? {
            var data = original
            change(&data)
            let path = folder.appending(path: "model.safetensors").path
            try data.write(to: URL(filePath: path))
            do throws(ModelError) {
                _ = try PitchModel(path: path)
                return nil
            } catch {
                #expect(error.message.contains(path))
                return error.message
            }
        }
        func replace(_ text: String, _ other: String) -> (inout Data) -> Void {
            { data in
                #expect(text.utf8.count == other.utf8.count)
                data.replaceSubrange(data.range(of: Data(text.utf8))!, with: Data(other.utf8))
            }
        }
        #expect(try refusal { _ in } == nil)
        #expect(try refusal(replace("\"hop\":\"80\"", "\"hop\":\"81\""))?.contains("hop") == true)
        #expect(try refusal(replace("\"hop\":\"80\"", "\"hop\":\"8x\""))?.contains("hop") == true)
        #expect(try refusal(replace("\"stretch\":\"176\"", "\"stretch\":\"992\"")) == nil)
        #expect(try refusal(replace("\"stretch\":\"176\"", "\"stretch\":\"999\""))?.contains("stretch") == true)
        #expect(try refusal(replace("\"stretch\":\"176\"", "\"stretch\":\"009\""))?.contains("stretch") == true)
        #expect(try refusal(replace("\"fft\":\"2048\"", "\"fft\":\"4096\""))?.contains("metadata") == true)
        #expect(try refusal(replace("heads.bias", "heads.bios"))?.contains("heads.bias") == true)
        #expect(try refusal(replace("continuo-pitch 1", "continuo-pitch 2"))?.contains("CREPE") == true)
        #expect(try refusal { $0.removeLast(1000) } != nil)
        // A filter bank that reaches out of the spectrum, and lags out of the frame.
        for name in ["features.bank.first", "features.bank.count", "features.lag.first"] {
            #expect(
                try refusal { data in
                    let header = Int(data[0]) | Int(data[1]) << 8 | Int(data[2]) << 16
                    let json = try! JSONSerialization.jsonObject(with: data[8..<(8 + header)]) as! [String: Any]
                    let place = 8 + header + ((json[name] as! [String: Any])["data_offsets"] as! [Int])[0]
                    withUnsafeBytes(of: Float(60_000).bitPattern.littleEndian) {
                        data.replaceSubrange((place + 40)..<(place + 44), with: $0)
                    }
                }?.contains(name) == true)
        }
    }
}
