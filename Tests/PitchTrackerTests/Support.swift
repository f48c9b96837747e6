import CPitchTracker
import Foundation
import Media
import Neural
import PitchTracker

/// Files the tests read.
enum Vectors {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "vectors")
    static func melody(_ name: String) -> String { folder.appending(path: "melodies/\(name)").path }
}

/// CREPE's weights, where `continuo models get` puts them. The tests that need them fail without: they are half the product.
enum Weights {
    static var folder: String {
        let environment = ProcessInfo.processInfo.environment
        if let models = environment["CONTINUO_MODELS"] { return models }
        let data = environment["XDG_DATA_HOME"] ?? NSHomeDirectory() + "/.local/share"
        return data + "/continuo/models"
    }
    /// The repository's, in whose `models` Continuo's own lie, as in a bundle's.
    static let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent().path
    /// A model of Continuo's own.
    static func own(_ name: String) -> String { root + "/models/\(name).safetensors" }
    /// A model by its name: Continuo's own lie in the repository.
    static func load(_ name: String) throws -> PitchModel {
        try PitchModel(path: name.hasPrefix("continuo-") ? own(name) : folder + "/\(name).safetensors")
    }
}

func monoSamples(_ path: String) throws -> (samples: [Float], rate: Int) {
    let reader = try AudioReader(path: path)
    var samples: [Float] = []
    var block = [Float](repeating: 0, count: 4096)
    while true {
        let count = try block.withUnsafeMutableBufferPointer { try reader.readMono(into: $0) }
        if count == 0 { break }
        samples += block[0..<count]
    }
    return (samples, Int(reader.sampleRate))
}

func analyse(_ samples: [Float], rate: Int, model: PitchModel, hop: Double = 10, piece: Int = 1000) throws -> [PitchFrame] {
    let analyzer = try PitchAnalyzer(model: model, sampleRate: rate, hopMilliseconds: hop)
    var frames: [PitchFrame] = []
    samples.withUnsafeBufferPointer { buffer in
        var start = 0
        while start < buffer.count {
            let count = min(piece, buffer.count - start)
            analyzer.push(buffer.baseAddress! + start, count: count) { frames.append($0) }
            start += count
        }
    }
    analyzer.finish { frames.append($0) }
    return frames
}

/// Notes of a frame sequence, with the onsets the tracker gives them.
func notes(of frames: [PitchFrame], stride: Int = 4, settings: NoteTracker.Settings = .init()) -> (notes: [Note], events: [NoteEvent]) {
    var tracker = NoteTracker()
    tracker.settings = settings
    var events: [NoteEvent] = []
    func take(_ new: NoteEvents) { for index in 0..<new.count { events.append(new[index]) } }
    for frame in frames { take(tracker.advance(frame, stride: stride)) }
    take(tracker.stop(at: frames.last?.index ?? 0))
    let notes = events.filter { $0.kind == .on }.map { Note(onset: Double($0.frame) * 0.0025, pitch: Double($0.note)) }
    return (notes, events)
}
