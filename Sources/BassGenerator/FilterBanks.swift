import Neural

/// The front end's filters: weights of power spectra's lines, of which most are 0 and not stored. Part of the autoencoder's file, so
/// that what the networks hear is what they were trained on.
public final class FilterBanks: @unchecked Sendable {  // immutable after init
    struct Band {
        /// The first line, how many, and where their weights begin.
        var first: Int
        var count: Int
        var offset: Int
    }
    let tonal: [Band]
    let rhythm: [Band]
    /// Lines of the tonal spectrum that any band looks at.
    let tonalLines: Int
    let weights: FloatBuffer

    /// Samples of the windows (periodic Hann).
    static var tonalWindow: Int { 4096 }
    static var rhythmWindow: Int { 512 }

    /// - Throws: `ModelError`: tensors `frontend.tonal` [144, up to 2049] or `frontend.rhythm` [32, 257] are missing or misshapen
    init(from file: Safetensors) throws(ModelError) {
        let lines = file.shape(of: "frontend.tonal")?.last ?? 0
        guard 1...(Self.tonalWindow / 2 + 1) ~= lines else {
            throw .unsuitable(path: file.path, reason: "tensor frontend.tonal is missing or not of 1 to 2049 columns")
        }
        let rhythmLines = Self.rhythmWindow / 2 + 1
        let tonalWeights = try file.tensor(named: "frontend.tonal", shape: [BassFormat.tonalBands, lines])
        let rhythmWeights = try file.tensor(named: "frontend.rhythm", shape: [BassFormat.rhythmBands, rhythmLines])
        var next = 0
        tonal = Self.bands(tonalWeights.values, BassFormat.tonalBands, lines, &next)
        rhythm = Self.bands(rhythmWeights.values, BassFormat.rhythmBands, rhythmLines, &next)
        tonalLines = lines
        weights = try FloatBuffer(count: next)
        for (row, band) in tonal.enumerated() {
            for i in 0..<band.count { weights.base[band.offset + i] = tonalWeights.values[row * lines + band.first + i] }
        }
        for (row, band) in rhythm.enumerated() {
            for i in 0..<band.count {
                weights.base[band.offset + i] = rhythmWeights.values[row * rhythmLines + band.first + i]
            }
        }
    }

    private static func bands(
        _ values: UnsafeBufferPointer<Float>, _ rows: Int, _ lines: Int, _ next: inout Int
    ) -> [Band] {
        var bands: [Band] = []
        for row in 0..<rows {
            var first = 0
            var end = lines
            while first < end, values[row * lines + first] == 0 { first += 1 }
            while end > first, values[row * lines + end - 1] == 0 { end -= 1 }
            bands.append(Band(first: first, count: end - first, offset: next))
            next += end - first
        }
        return bands
    }
}
