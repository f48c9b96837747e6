import BassGenerator
import CRealtime
import Foundation
import Neural

/// continuo-bench bass-length AUTOENCODER GENERATOR MINUTES…: takes of such lengths for a mix that is heard as it is read, sounded and
/// thrown away: how fast, and how much memory the process had at most by then (so lengths should ascend).
func benchmarkBassLength(_ arguments: [String]) {
    guard arguments.count >= 3 else { fail("usage: continuo-bench bass-length AUTOENCODER GENERATOR MINUTES…") }
    do {
        let coder = try BassAutoencoder(path: arguments[0]), model = try BassGeneratorModel(path: arguments[1])
        for minutes in arguments.dropFirst(2).compactMap(Double.init) { try benchmark(coder, model, minutes) }
    } catch let error as ModelError {
        fail(error.message)
    } catch let error as TakeError {
        fail(error.message)
    } catch {
        fail("\(error)")
    }
}

private func benchmark(_ coder: BassAutoencoder, _ model: BassGeneratorModel, _ minutes: Double) throws {
    let rate = 48_000
    let samples = Int(minutes * 60 * Double(rate)), frames = max(1, samples * 125 / (6 * rate))
    let start = cr_now()
    // A second of sound again and again.
    let second = (0..<rate).map { n -> Float in
        let t = Float(n) / Float(rate)
        return 0.2 * cr_sin(2 * Float.pi * 110 * t) + 0.1 * cr_sin(2 * Float.pi * 523 * t) + (n % 24_000 < 40 ? 0.5 : 0)
    }
    var at = 0
    let conditions = try StreamedConditions(frames: frames, frontEnd: BassFrontEnd(filters: coder.filters, sampleRate: rate)) {
        left, right, count in
        let count = min(count, min(samples - at, rate - at % rate))
        for n in 0..<count {
            left[n] = second[at % rate + n]
            right[n] = left[n]
        }
        at += count
        return count
    }
    conditions.beats = BeatGrid(tempo: 120, beatsPerBar: 4, downbeat: 0, seconds: minutes * 60)
    let take = try BassTake(latents: Sampler(model: model).sample(conditions, SamplerSettings()), model: coder)
    let renderer = try take.renderer(sampleRate: rate)
    var left = [Float](repeating: 0, count: 4096), right = left
    while renderer.position < renderer.length { try renderer.render(left: &left, right: &right, count: 4096) }
    let time = Double(cr_now() - start) / 1e9
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    print(
        "\(minutes) min, 4 steps with guidance, from mix to sound: \(Int(minutes * 60 / time)) × real time; "
            + "\(take.line.notes.count) notes; at most \(usage.ru_maxrss / 1024) MB")
}
