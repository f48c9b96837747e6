import CRealtime
import DDSPSynth
import Neural
import Testing

/// The decoder against PyTorch's, on Tests/vectors/synth (training/synth/golden.py).
@Suite struct SynthDecoderTests {
    static let voices = 3, frames = 40

    /// Three voices in one batch, frame after frame, by every instruction set.
    @Test(arguments: levels) func equalsPyTorch(level: Int) throws {
        let golden = try Safetensors(path: vectors("decoder.safetensors"))
        let decoder = try SynthDecoder(
            model: SynthModel(path: vectors("tiny.safetensors"), kernels: Kernels(atMost: level)), maximumBatch: 5)
        let logs = try golden.tensor(named: "logs", shape: [Self.voices, Self.frames, 193]).values
        let expectedStates = try golden.tensor(named: "state", shape: [Self.voices, Self.frames, 32]).values
        var states = [Float](repeating: 0, count: Self.voices * 32)
        var outputs = [Float](repeating: .nan, count: Self.voices * decoder.outputStride)
        var worst: Float = 0
        for frame in 0..<Self.frames {
            let features = try Self.features(golden, frame)
            decoder.step(features: features, states: &states, outputs: &outputs, rows: Self.voices)
            for voice in 0..<Self.voices {
                for i in 0..<193 {
                    let error = abs(outputs[voice * decoder.outputStride + i] - logs[(voice * Self.frames + frame) * 193 + i])
                    worst = error.isNaN ? .infinity : max(worst, error)
                }
                for i in 0..<32 {
                    let error = abs(states[voice * 32 + i] - expectedStates[(voice * Self.frames + frame) * 32 + i])
                    worst = error.isNaN ? .infinity : max(worst, error)
                }
            }
        }
        #expect(worst < 1e-4, "instruction set \(level): \(worst)")
    }

    /// A voice has the same bits alone as among others.
    @Test(arguments: levels) func doesNotDependOnTheBatch(level: Int) throws {
        let golden = try Safetensors(path: vectors("decoder.safetensors"))
        let model = try SynthModel(path: vectors("tiny.safetensors"), kernels: Kernels(atMost: level))
        let decoder = try SynthDecoder(model: model, maximumBatch: 32)
        var states = [Float](repeating: 0, count: 32 * 32), alone = [Float](repeating: 0, count: 32)
        var outputs = [Float](repeating: .nan, count: 32 * decoder.outputStride)
        var output = [Float](repeating: .nan, count: decoder.outputStride)
        for frame in 0..<Self.frames {
            let three = try Self.features(golden, frame)
            var features: [Float] = []
            for row in 0..<32 { features += rows(three, row % 3, 18) }
            decoder.step(features: features, states: &states, outputs: &outputs, rows: 32)
            decoder.step(features: Array(features[18..<36]), states: &alone, outputs: &output, rows: 1)
            for row in stride(from: 1, to: 32, by: 3) {
                #expect(rows(outputs, row, decoder.outputStride)[..<193] == output[..<193])
                #expect(rows(states, row, 32) == alone)
            }
        }
    }

    @Test func clampsLoudnessAsTrainingDoes() {
        #expect(SynthDecoder.features(pitch: 84, loudness: -25) == (1, 1))
        #expect(SynthDecoder.features(pitch: 60, loudness: -1000) == (0, -2))
        #expect(SynthDecoder.features(pitch: 36, loudness: 100) == (-1, 2.4))
    }

    /// [3, 18] of a frame of the golden vectors.
    static func features(_ golden: Safetensors, _ frame: Int) throws -> [Float] {
        let pitch = try golden.tensor(named: "pitch", shape: [voices, frames]).values
        let loudness = try golden.tensor(named: "loudness", shape: [voices, frames]).values
        let embedding = try golden.tensor(named: "embedding", shape: [voices, frames, 16]).values
        return (0..<voices).flatMap { voice -> [Float] in
            let at = voice * frames + frame
            let (p, l) = SynthDecoder.features(pitch: pitch[at], loudness: loudness[at])
            return [p, l] + embedding[at * 16..<at * 16 + 16]
        }
    }
}

/// Row `row` of rows of `stride` values.
func rows(_ values: [Float], _ row: Int, _ stride: Int) -> [Float] { Array(values[row * stride..<(row + 1) * stride]) }

/// Every instruction set that this processor has.
let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }

/// A file of Tests/vectors/synth.
func vectors(_ name: String) -> String {
    let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    return tests + "/vectors/synth/" + name
}
