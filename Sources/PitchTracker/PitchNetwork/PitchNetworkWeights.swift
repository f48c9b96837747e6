import CRealtime
import Neural

/// Weights of Continuo's own pitch network (models/continuo-pitch.md), made ready for computing. They never change, so any number
/// of `PitchNetwork` instances on any threads can share them.
public final class PitchNetworkWeights: @unchecked Sendable {  // immutable after init
    public enum Setting: Sendable { case standard, quick, other }

    static let frameLength = 2048
    static let pitchBins = 228
    static let spectrumBins = 296
    static let channels = 13
    static let positions = 76
    static let width = 32
    static let units = 32
    static let pooled = 19

    public let setting: Setting
    /// Samples at 16 kHz between frames.
    public let hop: Int
    /// An estimate speaks of the instant that many samples before the end of the frame's newest.
    public let delay: Int
    /// Newest samples that are correlated with those before them.
    let stretch: Int

    let longWindow: Tensor
    let shortWindow: Tensor
    /// The filter bank: row b is `bankCount[b]` weights from `bankStart[b]` on, for lines `bankFirst[b]` on.
    let bankFirst: [Int]
    let bankCount: [Int]
    let bankWeights: Tensor
    let lagFirst: [Int]
    let lagWeights: Tensor
    /// One more than the longest lag.
    let lags: Int

    struct Block {
        /// [frame (oldest first), position, channel]
        let depthwise: FloatBuffer
        let bias: Tensor
        let widen: Dense
        let narrow: Dense
        let dilation: Int
    }

    let stem: Conv1D
    let blocks: [Block]
    let pitch: Conv1D
    let salience: Dense
    let recurrent: GRUCell
    let heads: Dense
    let kernels: Kernels

    /// Whether the file says that it is of this kind.
    static func describes(_ file: Safetensors) -> Bool { file.metadata("format", is: "continuo-pitch 1") }

    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public convenience init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        try self.init(file: Safetensors(path: path), kernels: kernels)
    }

    init(file: Safetensors, kernels: Kernels) throws(ModelError) {
        guard Self.describes(file) else { throw .unsuitable(path: file.path, reason: "it is no pitch model of Continuo's") }
        // What is the same in all files of this format.
        let isKnown =
            file.metadata("sample_rate", is: "16000") && file.metadata("fft", is: "2048") && file.metadata("lowest_hz", is: "27.5")
            && file.metadata("bins_per_octave", is: "36") && file.metadata("pitch_bins", is: "228")
            && file.metadata("spectrum_bins", is: "296") && file.metadata("power_floor", is: "1e-10")
            && file.metadata("stride", is: "3") && file.metadata("dilations", is: "[1, 3, 6]")
            && file.metadata("long_shifts", is: "[-36, 0, 36, 57, 72, 84, 93, 101]")
            && file.metadata("short_shifts", is: "[0, 36, 57]")
        guard isKnown else {
            throw .unsuitable(path: file.path, reason: "its metadata do not say what this version computes")
        }
        hop = try Self.number("hop", 16...1600, file)
        delay = try Self.number("delay", 1...1024, file)
        stretch = try Self.number("stretch", 32...1024, file)
        // The engine's grid.
        guard hop % 40 == 0 else { throw .unsuitable(path: file.path, reason: "its hop is no multiple of 40 samples") }
        setting = file.metadata("setting", is: "standard") ? .standard : file.metadata("setting", is: "quick") ? .quick : .other

        longWindow = try Self.vector("features.long_window", 1...Self.frameLength, file)
        shortWindow = try Self.vector("features.short_window", 1...Self.frameLength, file)
        let lines = Self.frameLength / 2 + 1
        bankFirst = try Self.integers("features.bank.first", count: Self.spectrumBins, in: 0...(lines - 1), file)
        bankCount = try Self.integers("features.bank.count", count: Self.spectrumBins, in: 1...lines, file)
        var total = 0
        for b in 0..<Self.spectrumBins {
            total += bankCount[b]
            guard bankFirst[b] + bankCount[b] <= lines else {
                throw .unsuitable(path: file.path, reason: "its filter bank reaches beyond the spectrum")
            }
        }
        bankWeights = try file.tensor(named: "features.bank.weight", shape: tensorShape(total))
        // The frame must reach back by the longest lag from where the correlated stretch begins (rounded up to whole vectors).
        lagFirst = try Self.integers(
            "features.lag.first", count: Self.pitchBins, in: 0...(Self.frameLength - stretch - 40), file)
        lagWeights = try file.tensor(named: "features.lag.weight", shape: tensorShape(Self.pitchBins, 4))
        var longest = 0
        for first in lagFirst { longest = max(longest, first + 4) }
        lags = longest

        stem = try Conv1D(
            "stem", inputChannels: Self.channels, outputChannels: Self.width, taps: 5, stride: 3, from: file, kernels: kernels)
        var blocks: [Block] = []
        for i in 0..<3 {
            let name = "blocks.\(i)"
            let weight = try file.tensor(named: name + ".depthwise.weight", shape: tensorShape(Self.width, 3, 7))
            let depthwise = try FloatBuffer(count: 21 * Self.width)
            for channel in 0..<Self.width {
                for tap in 0..<21 { depthwise.base[tap * Self.width + channel] = weight.values[channel * 21 + tap] }
            }
            blocks.append(
                Block(
                    depthwise: depthwise, bias: try file.tensor(named: name + ".depthwise.bias", shape: tensorShape(Self.width)),
                    widen: try Dense(name + ".widen", inputs: Self.width, outputs: 56, from: file, kernels: kernels),
                    narrow: try Dense(name + ".narrow", inputs: 56, outputs: Self.width, from: file, kernels: kernels),
                    dilation: i == 0 ? 1 : 3 * i))
        }
        self.blocks = blocks
        pitch = try Conv1D("pitch", inputChannels: Self.width, outputChannels: 3, taps: 3, from: file, kernels: kernels)
        salience = try Dense("salience", inputs: Self.width, outputs: 8, from: file, kernels: kernels)
        recurrent = try GRUCell("recurrent", inputs: Self.pooled, units: Self.units, from: file, kernels: kernels)
        heads = try Dense("heads", inputs: Self.units + Self.pooled, outputs: 3, from: file, kernels: kernels)
        self.kernels = kernels
    }

    private static func number(_ key: String, _ range: ClosedRange<Int>, _ file: Safetensors) throws(ModelError) -> Int {
        var value = 0, digits = 0
        if let text = file.metadata(key) {
            for byte in text.utf8 {
                guard byte >= 48, byte <= 57, digits < 6 else { digits = -1; break }
                value = 10 * value + Int(byte - 48)
                digits += 1
            }
        }
        guard digits > 0, range.contains(value) else {
            throw .unsuitable(
                path: file.path, reason: "its " + key + " is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func vector(_ name: String, _ range: ClosedRange<Int>, _ file: Safetensors) throws(ModelError) -> Tensor {
        guard let shape = file.shape(of: name), shape.count == 1, range.contains(shape[0]) else {
            throw .unsuitable(
                path: file.path,
                reason: "tensor " + name + " is missing, or no vector of \(range.lowerBound) to \(range.upperBound) values")
        }
        return try file.tensor(named: name, shape: shape)
    }

    private static func integers(
        _ name: String, count: Int, in range: ClosedRange<Int>, _ file: Safetensors
    ) throws(ModelError) -> [Int] {
        let tensor = try file.tensor(named: name, shape: tensorShape(count))
        var values: [Int] = []
        for value in tensor.values {
            guard value >= Float(range.lowerBound), value <= Float(range.upperBound) else {
                throw .unsuitable(
                    path: file.path,
                    reason: "a value of tensor " + name + " is not within \(range.lowerBound) to \(range.upperBound)")
            }
            values.append(Int(value))
        }
        return values
    }
}
