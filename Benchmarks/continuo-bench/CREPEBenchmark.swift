import CRealtime
import Foundation
import Neural
import PitchTracker

/// Where `continuo models get` puts a model.
func modelPath(_ name: String) -> String {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["CONTINUO_MODELS"] { return folder + "/" + name + ".safetensors" }
    let data = environment["XDG_DATA_HOME"] ?? NSHomeDirectory() + "/.local/share"
    return data + "/continuo/models/" + name + ".safetensors"
}

/// The p-th quantile of sorted values.
func quantile(_ sorted: [Double], _ p: Double) -> Double {
    sorted[min(sorted.count - 1, Int(p * Double(sorted.count)))]
}

/// Ends the program with a line on standard error.
func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data(("continuo-bench: " + message + "\n").utf8))
    exit(1)
}

private func load(_ path: String, batch: Int) -> CREPE {
    do throws(ModelError) {
        return try CREPE(path: path, maximumBatch: batch)
    } catch {
        fail(error.message)
    }
}

/// continuo-bench crepe [--model tiny|full] [--seconds N] [--batch N]
func benchmarkCREPE(_ arguments: [String]) {
    func value(_ option: String) -> String? {
        guard let i = arguments.firstIndex(of: option), i + 1 < arguments.count else { return nil }
        return arguments[i + 1]
    }
    let seconds = Double(value("--seconds") ?? "20") ?? 20
    let batch = Int(value("--batch") ?? "16") ?? 16
    let models = value("--model").map { [$0] } ?? ["tiny", "full"]
    let hop = 160
    for model in models {
        let begin = cr_now()
        let offline = load(modelPath("crepe-" + model), batch: batch)
        let loaded = Double(cr_now() - begin) / 1e6
        let count = max(Int(seconds * 100), 1)
        // A glide with harmonics and a little noise: what the values are does not change the cost.
        var samples = [Float](repeating: 0, count: (count - 1) * hop + CREPE.windowSize)
        var generator = SystemRandomNumberGenerator()
        var phase: Float = 0
        for i in samples.indices {
            phase += 2 * .pi * (110 + 330 * Float(i) / Float(samples.count)) / 16_000
            samples[i] = sin(phase) + 0.5 * sin(2 * phase) + .random(in: -0.01...0.01, using: &generator)
        }
        var output = [Float](repeating: 0, count: count * CREPE.bins)
        offline.activations(samples: samples, hop: hop, count: min(count, 2 * batch), into: &output)
        // In parts, and their median and best: on a shared machine the worst says more of the neighbours.
        let part = min(count, 8 * batch)
        var costs: [Double] = []
        for first in stride(from: 0, through: count - part, by: part) {
            let start = cr_now()
            samples.withUnsafeBufferPointer {
                offline.activations(
                    samples: $0.baseAddress! + first * hop, hop: hop, count: part, into: &output)
            }
            costs.append(Double(cr_now() - start) / 1e3 / Double(part))
        }
        costs.sort()
        let median = quantile(costs, 0.5)
        print(
            "crepe-\(model), \(Kernels().name), one thread: loaded in \(format(loaded)) ms; batches of \(batch): "
                + "\(format(median)) us a window (best \(format(costs[0]))), "
                + "\(format(10_000 / median)) x real time (best \(format(10_000 / costs[0]))) at a hop of 10 ms")

        do throws(ModelError) {
            let live = try CREPE(weights: offline.weights, maximumBatch: 1)
            var times: [Double] = []
            for i in 0..<min(count, 1000) {
                let start = cr_now()
                samples.withUnsafeBufferPointer {
                    live.activations(samples: $0.baseAddress! + i * hop, hop: hop, count: 1, into: &output)
                }
                times.append(Double(cr_now() - start) / 1e3)
            }
            times.sort()
            print(
                "crepe-\(model), live (one window a call): median \(format(quantile(times, 0.5))) us, "
                    + "99 % \(format(quantile(times, 0.99))) us, most \(format(times.last!)) us")
        } catch {
            fail(error.message)
        }
    }
}

func format(_ x: Double) -> String { String(format: x < 10 ? "%.2f" : x < 100 ? "%.1f" : "%.0f", x) }

/// continuo-bench activations MODEL IN.f32 OUT.f32 HOP [BATCH]: raw little-endian floats at 16 kHz in; count × 360
/// activations out, and beside them in OUT.f32.pitch count pairs of frequency (Hz) and confidence. Prints the seconds
/// that the activations took.
func dumpActivations(_ arguments: [String]) {
    guard arguments.count >= 4, let hop = Int(arguments[3]), hop > 0 else {
        fail("usage: continuo-bench activations MODEL IN.f32 OUT.f32 HOP [BATCH]")
    }
    let batch = arguments.count > 4 ? Int(arguments[4]) ?? 16 : 16
    guard let input = FileManager.default.contents(atPath: arguments[1]) else { fail("cannot read " + arguments[1]) }
    let samples = input.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    let crepe = load(arguments[0], batch: batch)
    let count = samples.count < CREPE.windowSize ? 0 : (samples.count - CREPE.windowSize) / hop + 1
    var output = [Float](repeating: 0, count: count * CREPE.bins)
    let start = cr_now()
    crepe.activations(samples: samples, hop: hop, count: count, into: &output)
    let elapsed = Double(cr_now() - start) / 1e9
    let decoder = CREPEDecoder()
    let pitches: [Float] = output.withUnsafeBufferPointer { output in
        (0..<count).flatMap { i in
            let pitch = decoder.decode(output.baseAddress! + i * CREPE.bins)
            return [pitch.frequency, pitch.confidence]
        }
    }
    for (path, values) in [(arguments[2], output), (arguments[2] + ".pitch", pitches)] {
        guard FileManager.default.createFile(atPath: path, contents: values.withUnsafeBytes { Data($0) }) else {
            fail("cannot write " + path)
        }
    }
    print(elapsed)
}
