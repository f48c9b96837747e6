import BassGenerator
import CRealtime
import DDSPSynth
import Foundation
import Media
import Neural

private struct Failure: Error { var message: String }

/// continuo-bench bass-take AUTOENCODER GENERATOR MIX FOLDER [--steps N] [--guidance W] [--seed N] [--noise FILE] [--tempo
/// BPM|auto] [--downbeat S] [--style FILE] [--sound-noise DB]: a take for a mix, and everything on the way to it as 32-bit floats, for
/// comparison with the reference: features, latents, pitch, loudness, notes (onset, end, key, loudness), beats and
/// bars that were tracked, .f32, bass.wav (48 kHz).
/// Prints what took how many seconds, as JSON.
func dumpBassTake(_ arguments: [String]) {
    do {
        try bassTake(arguments)
    } catch let error as ModelError {
        fail(error.message)
    } catch let error as TakeError {
        fail(error.message)
    } catch let error as Failure {
        fail(error.message)
    } catch {
        fail("\(error)")
    }
}

private func bassTake(_ arguments: [String]) throws {
    guard arguments.count >= 4, arguments.count % 2 == 0 else { throw Failure(message: "usage: see continuo-bench") }
    var options: [String: String] = [:]
    for index in stride(from: 4, to: arguments.count, by: 2) { options[arguments[index]] = arguments[index + 1] }
    func number(_ name: String) -> Double? { options[name].flatMap(Double.init) }
    let coder = try BassAutoencoder(path: arguments[0]), model = try BassGeneratorModel(path: arguments[1])
    let folder = URL(fileURLWithPath: arguments[3])
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var times: [(String, Double)] = []
    func timed<T>(_ name: String, _ work: () throws -> T) rethrows -> T {
        let start = cr_now()
        defer { times.append((name, Double(cr_now() - start) / 1e9)) }
        return try work()
    }
    func write(_ name: String, _ values: [Float]) throws {
        try values.withUnsafeBytes { Data($0) }.write(to: folder.appendingPathComponent(name + ".f32"))
    }

    let (features, frames) = try timed("front end") { try hear(arguments[2], coder) }
    let conditions = StoredConditions(frames: frames)
    conditions.mix = features
    if options["--tempo"] == "auto" {
        let tracked = try timed("beats") { try MixAnalysis(conditions, model: model).beats() }
        conditions.beats = tracked?.grid
        try write("beats", (tracked?.grid.beats ?? []).map { Float($0) })
        try write("bars", (tracked?.grid.bars ?? []).map { Float($0) })
    } else if let tempo = number("--tempo") {
        conditions.beats = BeatGrid(
            tempo: tempo, beatsPerBar: 4, downbeat: number("--downbeat") ?? 0, seconds: Double(frames) * BassFormat.frameSeconds)
    }
    var settings = SamplerSettings()
    settings.steps = Int(number("--steps") ?? 4)
    settings.guidance = Float(number("--guidance") ?? 2)
    settings.seed = UInt64(number("--seed") ?? 1)
    if let path = options["--style"] {
        let (reference, count) = try hear(path, coder)
        settings.style = try coder.encode(reference.base, frames: count).style
    }
    let noise = try options["--noise"].map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
    guard noise.map({ $0.count >= frames * BassFormat.latents * 4 }) ?? true else {
        throw Failure(message: "\(options["--noise"]!): fewer than \(frames) frames")
    }
    let sampler = try Sampler(model: model)
    let latents = try timed("sampler") {
        guard let noise else { return try sampler.sample(conditions, settings) }
        return try noise.withUnsafeBytes {
            let noise = try BassLatents($0.bindMemory(to: Float.self).baseAddress!, frames: frames)
            return try sampler.sample(conditions, settings, noise: noise)
        }
    }
    let take = try timed("line") { try BassTake(latents: latents, model: coder) }
    var sound = SoundSettings()
    sound.noise = Float(number("--sound-noise") ?? 0)
    let samples = try timed("sound") {
        let renderer = try take.renderer(sampleRate: 48_000, sound: sound)
        var left = [Float](repeating: 0, count: renderer.length), right = left
        try renderer.render(left: &left, right: &right, count: left.count)
        return left
    }
    func array(_ buffer: FloatBuffer, _ count: Int) -> [Float] { Array(UnsafeBufferPointer(start: buffer.base, count: count)) }
    try write("features", array(features, frames * BassFormat.features))
    try write("latents", array(latents.values, frames * BassFormat.latents))
    try write("pitch", take.line.pitch)
    try write("loudness", take.line.loudness)
    try write("notes", take.line.notes.flatMap { [Float($0.onset), Float($0.end), Float($0.key), $0.loudness] })
    let writer = try WAVWriter(
        path: folder.appendingPathComponent("bass.wav").path, sampleRate: 48_000, channelCount: 1, encoding: .float32)
    try writer.write(samples)
    try writer.close()
    print("{" + times.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}")
}

/// Features of a whole sound file, its channels' mean.
private func hear(_ path: String, _ coder: BassAutoencoder) throws -> (FloatBuffer, Int) {
    let reader = try AudioReader(path: path)
    let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: Int(reader.sampleRate))
    var rows: [Float] = []
    var row = [Float](repeating: 0, count: 8 * BassFormat.features)
    func drain() {
        while true {
            let count = frontEnd.read(into: &row, maximum: 8)
            if count == 0 { return }
            rows += row[..<(count * BassFormat.features)]
        }
    }
    var failure: ModelError?
    try reader.forEachMonoBlock { block in
        guard failure == nil else { return }
        do throws(ModelError) { try frontEnd.feed(block.baseAddress!, count: block.count) } catch { failure = error }
        drain()
    }
    if let failure { throw failure }
    try frontEnd.finish()
    drain()
    guard !rows.isEmpty else { throw Failure(message: path + ": it is empty") }
    let buffer = try FloatBuffer(count: rows.count)
    buffer.base.update(from: rows, count: rows.count)
    return (buffer, rows.count / BassFormat.features)
}
