import BassGenerator
import Foundation
import Media
import Neural
import Testing

/// The players: presets/bass, and the recordings that they name.
@Suite struct PlayerPresetsTests {
    static let folder = BassSession.root + "/presets/bass"
    /// What a player says; all else is the performance's, which goes on when another player is chosen.
    static let controls: Set<String> = ["steps", "guidance", "style_strength", "variation"]

    private func names(_ folder: String, _ ending: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(ending) }
            .map { String($0.dropLast(ending.count)) }.sorted()
    }

    private func sound(_ name: String) throws -> (samples: [Float], reader: AudioReader) {
        let reader = try AudioReader(path: "\(Self.folder)/styles/\(name).flac")
        var samples: [Float] = []
        try reader.forEachMonoBlock { samples += $0 }
        return (samples, reader)
    }

    @Test func presetsAreWhole() throws {
        let plugin = try String(contentsOfFile: BassSession.root + "/ttl/bass/bass.ttl", encoding: .utf8)
        let banks = try ["ttl/bass/manifest.ttl", "presets/bass/manifest.in"].map { path in
            try String(contentsOfFile: BassSession.root + "/" + path, encoding: .utf8)
        }.joined()
        let presets = try names(Self.folder, ".ttl"), styles = try names(Self.folder + "/styles", ".flac")
        #expect(presets.count >= 14)
        var labels: Set<Substring> = [], players: Set<String> = []
        for name in presets {
            let text = try String(contentsOfFile: "\(Self.folder)/\(name).ttl", encoding: .utf8)
            #expect(text.contains("<urn:continuo:bass:preset:\(name)>\n\ta pset:Preset ;"), "\(name)")
            #expect(text.contains("\n\tlv2:appliesTo <urn:continuo:bass> ;\n"), "\(name)")
            let label = try #require(text.firstMatch(of: /rdfs:label "([^"]+)"/)).1
            #expect(labels.insert(label).inserted, "two are called \(label)")
            #expect(try #require(text.firstMatch(of: /rdfs:comment "([^"]+)"/)).1.count > 15, "\(name)")
            let bank = try #require(text.firstMatch(of: /pset:bank (<[^>]+>)/)).1
            #expect(banks.contains("\(bank)\n\ta "), "\(name): \(bank)")
            let player = try #require(text.firstMatch(of: /state:state \[\s*<urn:continuo:bass#player> "([^"]+)"\s*\]/)).1
            #expect(styles.contains(String(player)), "\(name): \(player)")
            #expect(players.insert(String(player)).inserted, "two are by \(player)")
            let values = text.matches(of: /lv2:symbol "([^"]+)" ;\s*pset:value (-?[0-9.]+)/).map { (String($0.1), Float($0.2)!) }
            #expect(values.count == Self.controls.count && Set(values.map(\.0)) == Self.controls, "\(name)")
            for (symbol, value) in values {
                guard let port = plugin.components(separatedBy: "lv2:index").first(where: { $0.contains("lv2:symbol \"\(symbol)\"") }),
                    let least = port.firstMatch(of: /lv2:minimum (-?[0-9.]+)/), let most = port.firstMatch(of: /lv2:maximum (-?[0-9.]+)/)
                else { continue }
                #expect(value >= Float(least.1)! && value <= Float(most.1)!, "\(name): \(symbol) \(value)")
            }
        }
        #expect(Set(styles) == players, "a recording without a preset")
    }

    @Test func recordingsAreFit() throws {
        for name in try names(Self.folder + "/styles", ".flac") {
            let (samples, reader) = try sound(name)
            #expect(reader.sampleRate == 24_000 && reader.channelCount == 1 && reader.replacedSamples == 0, "\(name)")
            #expect((4.9...8.1).contains(Double(samples.count) / 24_000), "\(name): \(samples.count) samples")
            let peak = samples.map(abs).max() ?? 0
            #expect(peak > 0.1 && peak < 0.9, "\(name): peak \(peak)")
            let level = 10 * log10(samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(samples.count))
            #expect(level > -27 && level < -16, "\(name): \(level) dBFS")
            #expect(abs(samples.reduce(0, +)) / Float(samples.count) < 0.003, "\(name): an offset")
            #expect(samples.suffix(240).allSatisfy { abs($0) < 0.03 }, "\(name) is cut off")
            let bytes = try FileManager.default.attributesOfItem(atPath: "\(Self.folder)/styles/\(name).flac")[.size] as? Int
            #expect(try #require(bytes) < 125_000, "\(name)")
        }
    }

    private func heard(_ samples: [Float], rate: Int, _ coder: BassAutoencoder) throws -> SIMD8<Float> {
        let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: rate)
        try frontEnd.feed(samples, count: samples.count)
        try frontEnd.finish()
        let frames = frontEnd.available
        var rows = [Float](repeating: 0, count: frames * BassFormat.features)
        _ = frontEnd.read(into: &rows, maximum: frames)
        return try coder.encode(rows, frames: frames).style.timbre
    }

    /// No two are one sound to the encoder, and a take by one of them is found again among all of them.
    @Test func playersAreToldApart() throws {
        let coder = try BassAutoencoder(path: ShippedModelsTests.path("autoencoder"))
        let sampler = try Sampler(model: BassGeneratorModel(path: ShippedModelsTests.path("generator")))
        let names = try names(Self.folder + "/styles", ".flac")
        let timbres = try names.map { try heard(sound($0).samples, rate: 24_000, coder) }
        func distance(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> Float { ((a - b) * (a - b)).sum().squareRoot() }
        for i in names.indices {
            for j in 0..<i { #expect(distance(timbres[i], timbres[j]) > 0.8, "\(names[i]) and \(names[j])") }
        }
        // Eight seconds in which there is nothing to be heard but where the beats are.
        let conditions = StoredConditions(frames: 167)
        conditions.beats = BeatGrid(tempo: 104, beatsPerBar: 4, downbeat: 0, seconds: 8)
        var settings = SamplerSettings(), found = 0
        settings.steps = 4
        for i in names.indices {
            settings.seed = UInt64(i)
            settings.style = BassStyle(timbre: timbres[i])
            let take = try BassTake(latents: sampler.sample(conditions, settings), model: coder)
            let renderer = try take.renderer(sampleRate: 24_000)
            var left = [Float](repeating: 0, count: renderer.length), right = left
            try renderer.render(left: &left, right: &right, count: left.count)
            let timbre = try heard(left, rate: 24_000, coder)
            let nearest = names.indices.min { distance(timbres[$0], timbre) < distance(timbres[$1], timbre) }
            if nearest == i { found += 1 }
        }
        print("players found again: \(found) of \(names.count)")
        #expect(Double(found) >= 0.6 * Double(names.count), "\(found) of \(names.count)")
    }
}
