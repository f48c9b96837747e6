import Neural

/// A bank of triangular filters on the lines of a power spectrum, in dB/20 around their mean: what both of Continuo's own pitch networks
/// hear.
final class FilterBank {
    let bands: Int
    private let first: [Int32]
    /// Weights of each band, filled up with zeros to 4, 8 or whole vectors.
    private let counts: [Int32]
    private let weights: FloatBuffer
    private let kernels: Kernels

    /// Floats that must be readable, and numbers, behind the last line.
    static var margin: Int { 16 }

    /// Tensors `prefix.first` and `prefix.count` [bands], and `prefix.weight`: band b is the next `count[b]` weights, for lines
    /// `first[b]` on.
    init(_ prefix: String, bands: Int, lines: Int, from file: Safetensors, kernels: Kernels) throws(ModelError) {
        let first = try file.integers(prefix + ".first", count: bands, in: 0...(lines - 1))
        let count = try file.integers(prefix + ".count", count: bands, in: 1...lines)
        var total = 0, room = 0
        var counts: [Int32] = []
        for b in 0..<bands {
            total += count[b]
            guard first[b] + count[b] <= lines else {
                throw .unsuitable(path: file.path, reason: "its filter bank reaches beyond the spectrum")
            }
            let filled = count[b] <= 4 ? 4 : count[b] <= 8 ? 8 : padded(count[b])
            counts.append(Int32(filled))
            room += filled
        }
        let values = try file.tensor(named: prefix + ".weight", shape: tensorShape(total)).values
        weights = try FloatBuffer(count: room)
        var source = 0, place = 0
        for b in 0..<bands {
            for i in 0..<count[b] { weights.base[place + i] = values[source + i] }
            source += count[b]
            place += Int(counts[b])
        }
        var starts: [Int32] = []
        for line in first { starts.append(Int32(line)) }
        self.first = starts
        self.counts = counts
        self.bands = bands
        self.kernels = kernels
    }

    /// The bands of a power spectrum in dB/20 minus their mean, which is returned.
    ///
    /// - Parameters:
    ///   - power: the spectrum's lines, and `margin` zeros
    ///   - output: `bands` values; room for a multiple of 16
    func apply(_ power: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) -> Float {
        first.withUnsafeBufferPointer { first in
            counts.withUnsafeBufferPointer { counts in
                kernels.sumBands(
                    bands: bands, first: first.baseAddress!, counts: counts.baseAddress!, weights: weights.base, lines: power,
                    output: output)
            }
        }
        let mean = kernels.levels(count: bands, values: output) / Float(bands)
        kernels.offset(count: padded(bands), input: output, by: -mean, output: output)
        return mean
    }
}
