import CRealtime
import Foundation
import Neural
import PitchTracker

/// continuo-bench pitch [--seconds N] [--rate HZ] [MODEL…]: Continuo's own pitch networks as a live stream runs them, hop by hop on one
/// thread, with the resampling from the host's rate; and as `continuo track` runs them, in pieces of a file. The median and the best
/// of parts of a second each: on a shared machine the worst says more of the neighbours.
func benchmarkPitch(_ arguments: [String]) {
    var seconds = 20, rate = 48_000
    var models: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
        switch argument {
        case "--seconds": seconds = rest.popFirst().flatMap { Int($0) } ?? seconds
        case "--rate": rate = rest.popFirst().flatMap { Int($0) } ?? rate
        default: models.append(argument)
        }
    }
    if models.isEmpty { models = ["standard", "quick", "poly"].map { "models/continuo-pitch-\($0).safetensors" } }
    // A glide with harmonics and a little noise: what the values are does not change the cost.
    var samples = [Float](repeating: 0, count: seconds * rate)
    var state: UInt32 = 1
    var phase: Float = 0
    for i in samples.indices {
        phase += 2 * .pi * (110 + 330 * Float(i) / Float(samples.count)) / Float(rate)
        if phase > 2 * .pi { phase -= 2 * .pi }
        state = state &* 1_664_525 &+ 1_013_904_223
        samples[i] = 0.2 * sin(phase) + 0.1 * sin(2 * phase) + 0.01 * (Float(state >> 8) / 8_388_608 - 1)
    }
    for path in models {
        do throws(ModelError) {
            let model = try PitchModel(path: path)
            let live = try hopByHop(model, samples, rate), offline = try inPieces(model, samples, rate)
            let hop = 2.5 * Double(model.stride)
            print(
                "\(URL(filePath: path).deletingPathExtension().lastPathComponent), \(Kernels().name), one thread, \(rate) Hz: "
                    + "live \(format(quantile(live, 0.5) * hop * 1e3)) us each hop of \(format(hop)) ms, "
                    + "\(format(1 / quantile(live, 0.5))) x real time (best \(format(1 / live[0]))); "
                    + "file \(format(1 / quantile(offline, 0.5))) x (best \(format(1 / offline[0])))")
        } catch {
            fail(error.message)
        }
    }
}

/// Seconds of work per second of sound, of each second, in order.
private func hopByHop(_ model: PitchModel, _ samples: [Float], _ rate: Int) throws(ModelError) -> [Double] {
    let engine = try PitchEngine(model: model, sampleRate: rate)
    let settings = PitchEngine.Settings(stride: model.stride)
    let hop = rate * PitchEngine.baseHop * model.stride / PitchEngine.modelRate
    // An estimate needs what follows its time.
    let behind = (model.delay + 40) / (PitchEngine.baseHop * model.stride) + 1
    var costs: [Double] = [], sum: Float = 0
    samples.withUnsafeBufferPointer { samples in
        var frame = -behind
        for start in stride(from: 0, to: samples.count - rate + 1, by: rate) {
            let began = cr_now()
            for place in stride(from: start, to: start + rate - hop + 1, by: hop) {
                engine.feed(samples.baseAddress! + place, count: hop)
                sum += engine.infer(frame: frame * model.stride, settings: settings).frequency
                frame += 1
            }
            costs.append(Double(cr_now() - began) / 1e9)
        }
    }
    guard sum > 0 else { fail("no pitch came out") }
    return costs.dropFirst().sorted()
}

private func inPieces(_ model: PitchModel, _ samples: [Float], _ rate: Int) throws(ModelError) -> [Double] {
    let analyzer = try PitchAnalyzer(model: model, sampleRate: rate, hopMilliseconds: 2.5 * Double(model.stride))
    var costs: [Double] = [], sum: Float = 0
    samples.withUnsafeBufferPointer { samples in
        for start in stride(from: 0, to: samples.count - rate + 1, by: rate) {
            let began = cr_now()
            for place in stride(from: start, to: start + rate, by: 4096) {
                analyzer.push(samples.baseAddress! + place, count: min(4096, start + rate - place)) { sum += $0.frequency }
            }
            costs.append(Double(cr_now() - began) / 1e9)
        }
    }
    guard sum > 0 else { fail("no pitch came out") }
    return costs.dropFirst().sorted()
}
