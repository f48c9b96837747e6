import BassGenerator
import Foundation
import Neural
import Testing

@Suite struct BassFrontEndTests {
    let filters: FilterBanks

    init() throws { filters = try tinyAutoencoder().filters }

    /// Features of a whole sound, fed and read in pieces of some lengths.
    private func features(
        _ sound: [Float], rate: Int, pieces: [Int] = [1 << 30], level: Int = 3, right: [Float]? = nil
    ) throws -> [Float] {
        let frontEnd = try BassFrontEnd(filters: filters, sampleRate: rate, kernels: Kernels(atMost: level))
        var result: [Float] = []
        var row = [Float](repeating: 0, count: 3 * BassFormat.features)
        func drain() {
            while true {
                let count = frontEnd.read(into: &row, maximum: 3)
                if count == 0 { return }
                result += row[..<(count * BassFormat.features)]
            }
        }
        var at = 0
        var turn = 0
        while at < sound.count {
            let count = min(pieces[turn % pieces.count], sound.count - at)
            try sound.withUnsafeBufferPointer { left in
                if let right {
                    try right.withUnsafeBufferPointer { try frontEnd.feed(left.baseAddress! + at, $0.baseAddress! + at, count: count) }
                } else {
                    try frontEnd.feed(left.baseAddress! + at, count: count)
                }
            }
            at += count
            turn += 1
            if turn % 3 == 0 { drain() }
        }
        try frontEnd.finish()
        drain()
        #expect(frontEnd.available == 0)
        return result
    }

    @Test(arguments: levels) func matchesTheReference(level: Int) throws {
        let vectors = try Vectors("frontend.safetensors")
        let golden = try vectors.array("features")
        // The reference stops a frame before the sound's end.
        let found = try features(vectors.array("audio"), rate: 24_000, level: level)
        #expect(found.count == 25 * BassFormat.features)
        let worst = difference(Array(found[..<golden.count]), golden)
        // A hundredth is 0.4 dB; near the floor single precision's own noise shows.
        #expect(worst < 2e-3, "\(worst)")
        var sum = 0.0
        for (a, b) in zip(found, golden) { sum += Double(abs(a - b)) }
        #expect(sum / Double(golden.count) < 2e-5)
    }

    @Test func pieceLengthsDoNotMatter() throws {
        let sound = try Vectors("frontend.safetensors").array("audio")
        for rate in [24_000, 44_100] {
            let whole = try features(sound, rate: rate)
            #expect(try features(sound, rate: rate, pieces: [1, 77, 4096, 500, 1152]) == whole)
        }
    }

    /// A tone has its level in its band, at every rate, in both channels or one (6 dB less).
    @Test(arguments: [8000, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000]) func everyRate(rate: Int) throws {
        let frequency = 32.70 * pow(2, 36 / 24.0)
        let sound = (0..<rate).map { Float(0.5 * sin(2 * Double.pi * frequency * Double($0) / Double(rate))) }
        let found = try features(sound, rate: rate)
        #expect(found.count == 21 * BassFormat.features)
        let half = try features(sound, rate: rate, right: [Float](repeating: 0, count: sound.count))
        for (values, wanted) in [(found, 20 * log10(0.5)), (half, 20 * log10(0.25))] {
            let row = Array(values[10 * BassFormat.features..<10 * BassFormat.features + BassFormat.tonalBands])
            let band = row.indices.max { row[$0] < row[$1] }!
            #expect(band == 36)
            #expect(abs(Double((row[36] - 1) * 40) - wanted) < 0.3)
        }
    }

    @Test func survivesWhatIsNoSound() throws {
        var sound = [Float](repeating: 0, count: 24_000)
        for i in stride(from: 0, to: sound.count, by: 7) { sound[i] = [.nan, .infinity, -.infinity, 1e30][i % 4] }
        #expect(try features(sound, rate: 48_000).allSatisfy { $0 == -1.25 })
        #expect(try features([], rate: 48_000).isEmpty)
        #expect(try features([0.5], rate: 48_000).count == BassFormat.features)
    }

    @Test func startsAnew() throws {
        let sound = try Vectors("frontend.safetensors").array("audio")
        let frontEnd = try BassFrontEnd(filters: filters, sampleRate: 44_100)
        func run() throws -> [Float] {
            try frontEnd.feed(sound, count: sound.count)
            try frontEnd.finish()
            var rows = [Float](repeating: 0, count: 100 * BassFormat.features)
            let count = frontEnd.read(into: &rows, maximum: 100)
            return Array(rows[..<(count * BassFormat.features)])
        }
        let first = try run()
        try frontEnd.reset()
        #expect(try run() == first)
    }
}
