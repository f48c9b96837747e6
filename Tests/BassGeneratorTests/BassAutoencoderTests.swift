import BassGenerator
import DDSPSynth
import Foundation
import Neural
import Testing

@Suite struct BassAutoencoderTests {
    let vectors: Vectors

    init() throws { vectors = try Vectors("autoencoder.safetensors") }

    @Test(arguments: levels) func encodes(level: Int) throws {
        let latents = try tinyAutoencoder(level).encode(vectors.array("features"), frames: 30)
        let worst = try difference(array(latents), vectors.array("latents"))
        #expect(worst < 1e-4, "\(worst)")
    }

    /// Long sounds are encoded in pieces, which must not show.
    @Test func encodesInPieces() throws {
        let model = try tinyAutoencoder()
        let golden = try vectors.array("features")
        var features: [Float] = []
        for i in 0..<700 { features += golden[(i * 7 % 30) * 416..<(i * 7 % 30) * 416 + 416] }
        let whole = try array(model.encode(features, frames: 700))
        for first in [100, 240, 400] {
            // What lies 60 frames from the ends of an excerpt knows nothing of them.
            let part = try array(model.encode(Array(features[first * 416..<(first + 200) * 416]), frames: 200))
            #expect(part[60 * 24..<140 * 24] == whole[(first + 60) * 24..<(first + 140) * 24])
        }
    }

    @Test(arguments: levels) func headsTheLine(level: Int) throws {
        var rows: [[Float]] = []
        try tinyAutoencoder(level).lineHead(latents(vectors.array("latents")), control: nil) { row in
            rows.append((0..<49).map { row[$0] })
        }
        #expect(rows.count == 180)
        #expect(try difference(rows.flatMap { $0[..<46] }, vectors.array("logits")) < 1e-4)
        #expect(try difference(rows.map { tanh($0[46]) }, vectors.array("cents")) < 1e-5)
        #expect(try difference(rows.map { $0[47] }, vectors.array("onset")) < 1e-4)
        #expect(try difference(rows.map { 25 * $0[48] - 50 }, vectors.array("loudness")) < 2e-3)
    }

    @Test func headsTheLineInPieces() throws {
        let model = try tinyAutoencoder()
        var random = SeededGenerator(3)
        let line = (0..<400 * 24).map { _ in Float.random(in: -2...2, using: &random) }
        func rows(_ values: [Float]) throws -> [Float] {
            var rows: [Float] = []
            try model.lineHead(latents(values), control: nil) { row in
                for i in 0..<49 { rows.append(row[i]) }
            }
            return rows
        }
        let whole = try rows(line), part = try rows(Array(line[100 * 24..<280 * 24]))
        let step = 6 * 49
        #expect(part[10 * step..<170 * step] == whole[110 * step..<270 * step])
    }

    @Test(arguments: levels) func embeds(level: Int) throws {
        let embedding = try tinyAutoencoder(level).embedding(latents(vectors.array("latents")))
        #expect(try difference(array(embedding, 480), vectors.array("embedding")) < 1e-4)
        var found: [Float] = []
        for frame in 0..<360 {
            var row = [Float](repeating: .nan, count: 16)
            BassRenderer.embed(embedding.base, frames: 30, controlFrame: frame, into: &row)
            found += row
        }
        #expect(try difference(found, vectors.array("control_embedding")) < 1e-4)
    }

    @Test func embedsInPieces() throws {
        let model = try tinyAutoencoder()
        var random = SeededGenerator(4)
        let line = (0..<600 * 24).map { _ in Float.random(in: -2...2, using: &random) }
        let whole = try array(model.embedding(latents(line)), 600 * 16)
        let part = try array(model.embedding(latents(Array(line[200 * 24..<300 * 24]))), 100 * 16)
        #expect(part[2 * 16..<98 * 16] == whole[202 * 16..<298 * 16])
    }

    /// The decoder of the sound as one sequence, and the loudness imposed on it.
    @Test(arguments: levels) func sounds(level: Int) throws {
        let model = try tinyAutoencoder(level)
        let pitch = try vectors.array("control_pitch"), loudness = try vectors.array("control_loudness")
        let embedding = try vectors.array("control_embedding")
        let decoder = try SynthDecoder(network: model.sound, maximumBatch: 360)
        var features: [Float] = []
        for frame in 0..<360 {
            let (p, l) = SynthDecoder.features(pitch: pitch[frame], loudness: loudness[frame])
            features += [p, l] + embedding[16 * frame..<16 * frame + 16]
        }
        var state = [Float](repeating: 0, count: 24)
        var outputs = [Float](repeating: 0, count: 360 * decoder.outputStride)
        decoder.run(features: features, state: &state, outputs: &outputs, frames: 360)
        let logs = (0..<360).flatMap { outputs[$0 * decoder.outputStride..<$0 * decoder.outputStride + 193] }
        #expect(try difference(logs, vectors.array("logs")) < 1e-4)
        #expect(try difference(state, Array(vectors.array("state").suffix(24))) < 1e-5)

        let design = try SoundDesign(network: model.sound)
        design.prepare(SoundSettings())
        let harmonics = try vectors.array("harmonics"), noise = try vectors.array("noise")
        for frame in 0..<360 where loudness[frame] > -86 {
            var a = [Float](repeating: .nan, count: 128), n = [Float](repeating: .nan, count: 65)
            outputs.withUnsafeBufferPointer {
                design.shape(
                    $0.baseAddress! + frame * decoder.outputStride, .init(pitch: pitch[frame], loudness: loudness[frame]),
                    amplitudes: &a, noise: &n)
            }
            let wanted = Array(harmonics[128 * frame..<128 * frame + 128])
            #expect(difference(a, wanted) < 1e-3 * wanted.max()!)
            let densities = Array(noise[65 * frame..<65 * frame + 65])
            #expect(difference(n, densities) < 1e-3 * densities.max()!)
        }
    }

    /// One frame at a time has the bits of all at once.
    @Test(arguments: levels) func decodesStepByStep(level: Int) throws {
        let model = try tinyAutoencoder(level)
        let decoder = try SynthDecoder(network: model.sound, maximumBatch: 50)
        var random = SeededGenerator(5)
        let features = (0..<50 * 18).map { _ in Float.random(in: -2...2, using: &random) }
        var state = [Float](repeating: 0, count: 24), stepState = state
        var outputs = [Float](repeating: 0, count: 50 * decoder.outputStride)
        var one = [Float](repeating: 0, count: decoder.outputStride)
        decoder.run(features: features, state: &state, outputs: &outputs, frames: 50)
        for frame in 0..<50 {
            decoder.step(features: Array(features[18 * frame..<18 * frame + 18]), states: &stepState, outputs: &one, rows: 1)
            #expect(one == Array(outputs[frame * decoder.outputStride..<(frame + 1) * decoder.outputStride]))
        }
        #expect(state == stepState)
    }

    @Test func tellsTheStyle() throws {
        let line = try vectors.array("latents")
        let style = try latents(line).style
        for c in 0..<8 {
            let mean = (0..<30).reduce(0) { $0 + Double(line[24 * $1 + 16 + c]) } / 30
            #expect(abs(Double(style.timbre[c]) - mean) < 1e-6)
        }
    }
}
