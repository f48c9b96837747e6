import CDDSPSynth
import CRealtime
import DDSPSynth
import Foundation
import Media
import PitchTracker
import Signal

/// continuo-bench engine [MODEL]: the synthesizer whole, paced as a sound card would: blocks of 64 at 48 kHz through the C interface
/// that its plugin calls. The callback's share of a core, what all other threads of the process take (inference), late frames.
func benchmarkEngine(_ arguments: [String]) {
    let model = arguments.first ?? "models/continuo-synth.safetensors"
    for (voices, unison) in [(0, 1), (1, 1), (16, 1), (32, 1), (16, 4)] { benchmarkEngine(model, voices: voices, unison: unison) }
}

private func benchmarkEngine(_ model: String, voices: Int, unison: Int) {
    let block = 64, rate = 48_000.0
    guard let synth = continuoSynthMake(false, rate, UInt32(block), 8192, nil, { _, _, _ in }, nil)
    else { return print("no inference thread") }
    defer { continuoSynthFree(synth) }
    model.withCString { continuoSynthSetFile(synth, $0) }
    var io = continuo_synth_io()
    io.enabled = true
    io.frames = UInt32(block)
    withUnsafeMutableBytes(of: &io.controls) { controls in
        for index in 0..<Int(CONTINUO_SYNTH_CONTROLS.rawValue) {
            let which = continuo_synth_control(UInt32(index))
            var value = ControlRange.of(which).standard
            if which == CONTINUO_SYNTH_VOICE_COUNT { value = 32 }
            if which == CONTINUO_SYNTH_UNISON { value = Float(unison) }
            controls.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
        }
    }
    var left = [Float](repeating: 0, count: block), right = left
    var times: [UInt64] = []
    let blocks = Int(4 * rate) / block
    var sum: Float = 0
    func run(_ events: [continuo_synth_event]) -> UInt64 {
        events.withUnsafeBufferPointer { list in
            left.withUnsafeMutableBufferPointer { l in
                right.withUnsafeMutableBufferPointer { r in
                    io.events = list.baseAddress
                    io.event_count = UInt32(list.count)
                    io.left = l.baseAddress
                    io.right = r.baseAddress
                    let start = cr_now()
                    continuoSynthProcess(synth, &io)
                    return cr_now() - start
                }
            }
        }
    }
    // A chord of low and middle notes, which have the most partials.
    let chord = (0..<voices).map { continuo_synth_event(frame: UInt32($0 % block), size: 3, bytes: (0x90, UInt8(40 + $0), 90)) }
    // Loading the model is no part of it.
    for _ in 0..<50 {
        _ = run([])
        cr_sleep(10_000_000)
    }
    let lateBefore = io.late_frames
    let cpuBefore = processorTime(CLOCK_PROCESS_CPUTIME_ID), mineBefore = processorTime(CLOCK_THREAD_CPUTIME_ID)
    let began = cr_now()
    for index in 0..<blocks {
        let due = began + UInt64(Double(index * block) / rate * 1e9)
        let now = cr_now()
        if now < due { cr_sleep(due - now) }
        times.append(run(index == 0 ? chord : []))
        for sample in left { sum += abs(sample) }
    }
    let seconds = Double(cr_now() - began) / 1e9
    let others = processorTime(CLOCK_PROCESS_CPUTIME_ID) - cpuBefore - (processorTime(CLOCK_THREAD_CPUTIME_ID) - mineBefore)
    times.sort()
    let period = Double(block) / rate * 1e9
    func share(_ nanoseconds: Double) -> String { String(format: "%.2f %%", 100 * nanoseconds / period) }
    let mean = Double(times.reduce(0, +)) / Double(times.count)
    print(
        "\(voices) voices, unison \(unison): callback mean \(share(mean)), median \(share(Double(times[times.count / 2]))), "
            + "99.9th percentile \(share(Double(times[times.count * 999 / 1000]))) of the period; inference "
            + String(format: "%.2f %% of a core", 100 * others / seconds)
            + "; \(Int(io.late_frames - lateBefore)) late frames of \(Int(seconds * 250))" + (voices == 0 ? "; sum of output \(sum)" : ""))
}

private func processorTime(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// continuo-bench transfer MODEL WEIGHTS RECORDING…: each recording played by violin, flute and trumpet: how the output follows the
/// input. RPA: frames whose pitch is within 50 cents of the input's, of those where the tracker is sure of the input
/// (confidence ≥ 0.5). Loudness: correlation of K-weighted loudness (dB) over the frames in which the input is pitched and within
/// 40 dB of its loudest.
func benchmarkTransfer(_ arguments: [String]) {
    guard arguments.count >= 3 else { return print("continuo-bench transfer MODEL WEIGHTS RECORDING…") }
    do {
        let weights = PitchModel(try CREPEWeights(path: arguments[1]))
        for recording in arguments.dropFirst(2) {
            let (samples, rate) = try monoSamples(recording)
            let reference = try analyse(samples, rate, weights)
            for (instrument, name) in [(0, "violin"), (4, "flute"), (8, "trumpet")] {
                let output = transfer(samples, rate, model: arguments[0], instrument: instrument)
                let result = compare(reference, try analyse(output, rate, weights))
                print(
                    "\(URL(filePath: recording).lastPathComponent) → \(name): "
                        + String(
                            format: "RPA (50 cents) %.3f, loudness correlation %.3f, median deviation %.1f cents (%d frames)",
                            result.accuracy, result.correlation, result.cents, result.frames))
            }
        }
    } catch {
        print("\(error)")
    }
}

private struct Analysis {
    var frames: [PitchFrame] = []
    var loudness: [Float] = []
}

private func monoSamples(_ path: String) throws -> ([Float], Int) {
    let reader = try AudioReader(path: path)
    var samples: [Float] = []
    var block = [Float](repeating: 0, count: 4096)
    while true {
        let count = try block.withUnsafeMutableBufferPointer { try reader.readMono(into: $0) }
        if count == 0 { return (samples, Int(reader.sampleRate)) }
        samples += block[0..<count]
    }
}

private func analyse(_ samples: [Float], _ rate: Int, _ model: PitchModel) throws -> Analysis {
    var result = Analysis()
    let analyzer = try PitchAnalyzer(model: model, sampleRate: rate, hopMilliseconds: 10)
    samples.withUnsafeBufferPointer { analyzer.push($0.baseAddress!, count: $0.count) { result.frames.append($0) } }
    analyzer.finish { result.frames.append($0) }
    let meter = LoudnessMeter(sampleRate: Double(rate), history: samples.count)
    meter.feed(samples, count: samples.count)
    result.loudness = result.frames.indices.map { meter.loudness(at: $0 * rate / 100) }
    return result
}

/// The recording through the transfer, room off, its latency taken out.
private func transfer(_ samples: [Float], _ rate: Int, model: String, instrument: Int) -> [Float] {
    // The folder in whose `models` the pitch model lies stands for a bundle.
    guard let synth = continuoSynthMake(true, Double(rate), 256, 8192, ".", { _, _, _ in }, nil)
    else { return [] }
    defer { continuoSynthFree(synth) }
    model.withCString { continuoSynthSetFile(synth, $0) }
    var io = continuo_synth_io()
    io.enabled = true
    io.freewheeling = true
    withUnsafeMutableBytes(of: &io.controls) { controls in
        for index in 0..<Int(CONTINUO_SYNTH_CONTROLS.rawValue) {
            let which = continuo_synth_control(UInt32(index))
            var value = ControlRange.of(which).standard
            if which == CONTINUO_SYNTH_ROOM { value = 0 }
            if which == CONTINUO_SYNTH_INSTRUMENT_A { value = Float(instrument) }
            controls.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
        }
    }
    let input = samples + [Float](repeating: 0, count: rate / 2 + 8192)
    var output: [Float] = []
    var left = [Float](repeating: 0, count: 256)
    for start in stride(from: 0, to: input.count - 256, by: 256) {
        input.withUnsafeBufferPointer { buffer in
            left.withUnsafeMutableBufferPointer { l in
                io.frames = 256
                io.input = buffer.baseAddress! + start
                io.left = l.baseAddress
                continuoSynthProcess(synth, &io)
            }
        }
        output += left
    }
    // Without its models it would pass its input, which follows itself well.
    guard io.status == Int32(CONTINUO_SYNTH_READY.rawValue) else { return [] }
    return Array(output.dropFirst(Int(io.latency)).prefix(samples.count))
}

private func compare(_ input: Analysis, _ output: Analysis) -> (accuracy: Double, correlation: Double, cents: Double, frames: Int) {
    let count = min(input.frames.count, output.frames.count)
    let loudest = input.loudness.max() ?? 0
    var right = 0, all = 0
    var cents: [Double] = []
    var x: [Double] = [], y: [Double] = []
    for index in 0..<count where input.frames[index].confidence >= 0.5 && input.frames[index].frequency > 0 {
        all += 1
        let deviation = 1200 * log2(Double(max(1, output.frames[index].frequency)) / Double(input.frames[index].frequency))
        cents.append(abs(deviation))
        if abs(deviation) <= 50 { right += 1 }
        if input.loudness[index] > loudest - 40 {
            x.append(Double(input.loudness[index]))
            y.append(Double(output.loudness[index]))
        }
    }
    guard all > 0 else { return (0, 0, 0, 0) }
    let mx = x.reduce(0, +) / Double(x.count), my = y.reduce(0, +) / Double(y.count)
    var xy = 0.0, xx = 0.0, yy = 0.0
    for (a, b) in zip(x, y) {
        xy += (a - mx) * (b - my)
        xx += (a - mx) * (a - mx)
        yy += (b - my) * (b - my)
    }
    cents.sort()
    return (Double(right) / Double(all), xy / max(1e-12, (xx * yy).squareRoot()), cents[cents.count / 2], all)
}
