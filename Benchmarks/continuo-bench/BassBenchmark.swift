import BassGenerator
import CRealtime
import DDSPSynth
import Foundation
import Neural

/// continuo-bench bass AUTOENCODER GENERATOR [SECONDS]: what a take costs, part by part, on one thread: seconds of sound made or
/// heard per second of work, the best of some runs, in which other processes' time counts least; and how soon a take stops that is
/// cancelled. With 0 seconds: the network alone.
func benchmarkBass(_ arguments: [String]) {
    guard arguments.count >= 2 else { return print("usage: continuo-bench bass AUTOENCODER GENERATOR [SECONDS]") }
    let seconds = arguments.count > 2 ? Double(arguments[2]) ?? 60 : 60
    do {
        for level in [0, 2, 3] where Kernels(atMost: level).level == level {
            let kernels = Kernels(atMost: level)
            try benchmarkBass(
                BassAutoencoder(path: arguments[0], kernels: kernels), BassGeneratorModel(path: arguments[1], kernels: kernels),
                kernels, seconds: seconds)
        }
    } catch let error as ModelError {
        print(error.message)
    } catch let error as TakeError {
        print(error.message)
    } catch {
        print(error)
    }
}

private func benchmarkBass(
    _ coder: BassAutoencoder, _ model: BassGeneratorModel, _ kernels: Kernels, seconds: Double
) throws {
    let frames = max(1, Int(seconds / BassFormat.frameSeconds))
    let heard = Double(frames) * BassFormat.frameSeconds
    print(
        "bass, \(kernels.name): generator \(model.width) × \(model.blockCount) (\(model.head) a head), "
            + "\(Int(heard)) s of sound")
    func report(_ name: String, runs: Int = 3, _ work: () throws -> Void) rethrows {
        var best = UInt64.max
        for _ in 0..<runs {
            let start = cr_now()
            try work()
            best = min(best, cr_now() - start)
        }
        let time = Double(best) / 1e9
        print("  \(name): \(Int(heard / time * 10) / 10) × real time, \(Int(time * 1e6 / heard) ) µs a second")
    }

    // One evaluation of a window, and what is heard of its mix.
    let transformer = try DiffusionTransformer(model: model, maximumFrames: Sampler.window)
    let step = try StepModulation(model, time: 0.5, size: 0, guidance: 1)
    let window = Sampler.window
    let windowFeatures = try FloatBuffer(count: window * BassFormat.features)
    let z = try FloatBuffer(count: window * BassFormat.latents), velocity = try FloatBuffer(count: window * BassFormat.latents)
    let listened = try FloatBuffer(count: window * model.width)
    GaussianNoise(seed: 1).fill(z.base, first: 0, count: z.count)
    for (name, work) in [
        ("mix encoder", { try transformer.hear(windowFeatures.base, frames: window, control: nil) }),
        (
            "one evaluation",
            {
                try transformer.evaluate(
                    z.base, frames: window, step: step, listened: listened.base, velocity: velocity.base, control: nil)
            }
        ),
    ] as [(String, () throws -> Void)] {
        var best = UInt64.max
        for _ in 0..<40 {
            let start = cr_now()
            try work()
            best = min(best, cr_now() - start)
        }
        let speed = Int(Double(window) * BassFormat.frameSeconds * 1e9 / Double(best))
        print("  \(name): \(Int(Double(best) / 1000)) µs for \(window) frames (\(speed) × real time)")
    }

    guard seconds > 0 else { return }

    // A mix of some tones and clicks, and its features.
    let rate = 48_000
    let mix = (0..<Int(heard * Double(rate))).map { n -> Float in
        let t = Float(n % rate) / Float(rate)
        return 0.2 * cr_sin(2 * Float.pi * 110 * t) + 0.1 * cr_sin(2 * Float.pi * 523 * t) + (n % 24_000 < 40 ? 0.5 : 0)
    }
    let features = try FloatBuffer(count: (frames + 2) * BassFormat.features)
    try report("front end (48 kHz stereo)") {
        let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: rate, kernels: kernels)
        var count = 0
        var at = 0
        try mix.withUnsafeBufferPointer { samples in
            while at < samples.count {
                let part = min(4096, samples.count - at)
                try frontEnd.feed(samples.baseAddress! + at, samples.baseAddress! + at, count: part)
                count += frontEnd.read(into: features.base + count * BassFormat.features, maximum: frames - count)
                at += part
            }
        }
        try frontEnd.finish()
        count += frontEnd.read(into: features.base + count * BassFormat.features, maximum: frames - count)
    }
    try report("encoder") { _ = try coder.encode(features.base, frames: frames) }

    let conditions = StoredConditions(frames: frames)
    conditions.mix = features
    conditions.beats = BeatGrid(tempo: 120, beatsPerBar: 4, downbeat: 0, seconds: heard)
    let sampler = try Sampler(model: model)
    var latents = try BassLatents(frames: frames)
    for (steps, guidance) in [(4, Float(1)), (4, 2), (8, 2), (32, 2)] {
        var settings = SamplerSettings()
        settings.steps = steps
        settings.guidance = guidance
        try report("\(steps) steps, guidance \(guidance)", runs: steps > 8 ? 1 : 3) {
            latents = try sampler.sample(conditions, settings)
        }
    }
    benchmarkCancelling(sampler, conditions)
    var take = try BassTake(latents: latents, model: coder)
    try report("line") { take = try BassTake(latents: latents, model: coder) }
    for rate in [44_100, 48_000, 96_000] {
        try report("sound at \(rate) Hz") {
            let renderer = try take.renderer(sampleRate: rate)
            var left = [Float](repeating: 0, count: 4096), right = left
            while renderer.position < renderer.length {
                try renderer.render(left: &left, right: &right, count: 4096)
            }
        }
    }
    let sounding = Double(take.line.pitch.filter { $0 > 0 }.count) / Double(take.line.pitch.count)
    print("  notes: \(take.line.notes.count), sounding \(Int(100 * sounding)) %")
}

/// How long a take goes on after it is cancelled, at random moments.
private func benchmarkCancelling(_ sampler: Sampler, _ conditions: TakeConditions) {
    nonisolated(unsafe) let sampler = sampler, conditions = conditions
    var worst = 0.0, sum = 0.0
    let rounds = 20
    for round in 0..<rounds {
        let control = TakeControl(), ended = DispatchSemaphore(value: 0)
        let thread = Thread {
            var settings = SamplerSettings()
            settings.steps = 32
            _ = try? sampler.sample(conditions, settings, control: control)
            ended.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
        cr_sleep(UInt64(5_000_000 + 4_700_000 * round))
        let start = cr_now()
        control.cancel()
        ended.wait()
        let time = Double(cr_now() - start) / 1e6
        worst = max(worst, time)
        sum += time
    }
    print("  cancelled: stops after \(Int(sum / Double(rounds) * 100) / 100) ms, at worst \(Int(worst * 100) / 100) ms")
}
