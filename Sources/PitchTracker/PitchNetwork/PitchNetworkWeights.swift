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
    let bank: FilterBank
    let lagFirst: [Int]
    let lagWeights: Tensor
    /// One more than the longest lag.
    let lags: Int

    let stem: Conv1D
    let blocks: [CausalBlock]
    /// At each position what it adds to the pitch logits of the next, itself and the one before (3 · 3 numbers), and, from 16 on, the 8
    /// saliences.
    let readout: Dense
    let pitchBias: (Float, Float, Float)
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
        hop = try file.number("hop", in: 16...1600)
        delay = try file.number("delay", in: 1...1024)
        stretch = try file.number("stretch", in: 32...1024)
        // The engine's grid.
        guard hop % 40 == 0 else { throw .unsuitable(path: file.path, reason: "its hop is no multiple of 40 samples") }
        guard stretch % 16 == 0 else { throw .unsuitable(path: file.path, reason: "its stretch is no multiple of 16 samples") }
        setting = file.metadata("setting", is: "standard") ? .standard : file.metadata("setting", is: "quick") ? .quick : .other

        longWindow = try file.window("features.long_window", longest: Self.frameLength)
        shortWindow = try file.window("features.short_window", longest: Self.frameLength)
        bank = try FilterBank(
            "features.bank", bands: Self.spectrumBins, lines: Self.frameLength / 2 + 1, from: file, kernels: kernels)
        // The frame must reach back by the longest lag, rounded up to whole vectors, from where the correlated stretch begins.
        lagFirst = try file.integers("features.lag.first", count: Self.pitchBins, in: 0...(Self.frameLength - stretch - 48))
        lagWeights = try file.tensor(named: "features.lag.weight", shape: tensorShape(Self.pitchBins, 4))
        var longest = 0
        for first in lagFirst { longest = max(longest, first + 4) }
        lags = longest

        stem = try Conv1D(
            "stem", inputChannels: Self.channels, outputChannels: Self.width, taps: 5, stride: 3, from: file, kernels: kernels)
        var blocks: [CausalBlock] = []
        for i in 0..<3 {
            blocks.append(
                try CausalBlock(
                    "blocks.\(i)", width: Self.width, taps: 7, dilation: i == 0 ? 1 : 3 * i, from: file, kernels: kernels))
        }
        self.blocks = blocks
        let pitch = try file.tensor(named: "pitch.weight", shape: tensorShape(3, Self.width, 3)).values
        let pitchBias = try file.tensor(named: "pitch.bias", shape: tensorShape(3)).values
        self.pitchBias = (pitchBias[0], pitchBias[1], pitchBias[2])
        let salience = try file.tensor(named: "salience.weight", shape: tensorShape(8, Self.width)).values
        let salienceBias = try file.tensor(named: "salience.bias", shape: tensorShape(8)).values
        readout = try Dense(rows: 24, inputs: Self.width, kernels: kernels, bias: nil) { output, input in
            if output >= 16 { return salience[(output - 16) * Self.width + input] }
            // Tap k of channel c is output 3 k + c.
            return output < 9 ? pitch[(output % 3 * Self.width + input) * 3 + output / 3] : 0
        }
        readout.setBias { $0 >= 16 ? salienceBias[$0 - 16] : 0 }
        recurrent = try GRUCell("recurrent", inputs: Self.pooled, units: Self.units, from: file, kernels: kernels)
        heads = try Dense("heads", inputs: Self.units + Self.pooled, outputs: 3, from: file, kernels: kernels)
        self.kernels = kernels
    }
}
