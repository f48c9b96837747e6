import BassGenerator
import Neural
import Testing

/// The generator's network, piece by piece, against PyTorch in double precision.
@Suite struct BassGeneratorModelTests {
    let vectors: Vectors

    init() throws { vectors = try Vectors("generator.safetensors") }

    private func conditions() throws -> (rows: ConditionRows, keep: [FloatBuffer]) {
        let buffers = try ["mix", "mix_known", "beat", "chords"].map { try vectors.buffer($0) }
        return (
            ConditionRows(mix: buffers[0].base, mixKnown: buffers[1].base, beat: buffers[2].base, chords: buffers[3].base),
            buffers
        )
    }

    @Test(arguments: levels) func hearsAndListens(level: Int) throws {
        let transformer = try DiffusionTransformer(model: tinyGenerator(level), maximumFrames: 64)
        let (rows, keep) = try conditions()
        defer { withExtendedLifetime(keep) {} }
        var auxiliary = [Float](repeating: .nan, count: 48 * 29)
        try transformer.hear(rows.mix, frames: 48, auxiliary: &auxiliary, control: nil)
        #expect(try difference(array(transformer.heard, 48 * 16), vectors.array("heard")) < 1e-4)
        #expect(try difference(auxiliary, vectors.array("auxiliary")) < 1e-4)
        let kept = try keptLine()
        var listened = [Float](repeating: .nan, count: 48 * 32)
        transformer.listen(rows, kept: kept, first: 0, frames: 48, &listened)
        #expect(try difference(listened, vectors.array("listened")) < 1e-4)
        transformer.listen(nil, kept: kept, first: 0, frames: 48, &listened)
        #expect(try difference(listened, vectors.array("listened_without")) < 1e-4)
    }

    @Test func chordsChangeWithTheBeat() throws {
        let answer = try vectors.array("answer"), ones = [Float](repeating: 1, count: 48)
        func heardChords(_ beat: [Float], into chords: [Float]) -> [Float] {
            var chords = chords, answer = answer
            HeardChords.fill(&chords, mixKnown: ones, beat: beat, auxiliary: &answer, frames: 48)
            return chords
        }
        let none = [Float](repeating: 0, count: 48 * 25), beat = try vectors.array("answer_beat")
        #expect(try heardChords(beat, into: none) == vectors.array("heard_chords"))
        #expect(try heardChords(none, into: none) == vectors.array("heard_without_beats"))
        // What is known already stays.
        let known = [Float](repeating: 1, count: 48 * 25)
        #expect(heardChords(beat, into: known) == known)
    }

    private func keptLine() throws -> KeptLine {
        let kept = try KeptLine(frames: 48)
        let line = try latents(vectors.array("kept"))
        for (frame, mask) in try vectors.array("mask").enumerated() where mask == 1 {
            kept.keep(frame..<frame + 1, of: line)
        }
        return kept
    }

    @Test(arguments: levels) func answers(level: Int) throws {
        let model = try tinyGenerator(level)
        let transformer = try DiffusionTransformer(model: model, maximumFrames: 48)
        let step = try StepModulation(model, time: 0.7, size: 0.25, guidance: 3)
        #expect(try difference(array(step.embedding, 32), vectors.array("step")) < 1e-5)
        var velocity = [Float](repeating: .nan, count: 48 * 24)
        try transformer.evaluate(
            vectors.array("noise"), frames: 48, step: step, listened: vectors.array("listened"), velocity: &velocity,
            control: nil)
        let worst = try difference(velocity, vectors.array("velocity"))
        #expect(worst < 1e-4, "\(worst)")
    }
}
