import CRealtime
import Neural

/// Weights of the polyphonic network (models/continuo-pitch-poly.md), made ready for computing. They never change, so any number of
/// `PolyphonicNetwork` instances on any threads can share them.
public final class PolyphonicWeights: @unchecked Sendable {  // immutable after init
    /// Samples at 16 kHz that a frame looks at: the long window's.
    static let frameLength = 4096
    static let lowestKey = 28
    /// Semitones from the lowest key on.
    static let positions = 72
    static let pitchBins = 216
    static let spectrumBins = 272
    static let channels = 17
    static let width = 32
    static let heads = 6
    static let blockCount = 5

    /// Samples at 16 kHz between frames, and those after a frame's instant that it hears.
    public let hop: Int
    public let delay: Int

    /// Of the long, the middle and the short window; the first bank is for a transform of 4,096, the other of 2,048 samples.
    let windows: [Tensor]
    let banks: [FilterBank]

    struct Block {
        let causal: CausalBlock
        /// Of the blocks that look at harmonics: taps an octave apart [5, 12 · width], and a twelfth apart [3, 19 · width]. Each
        /// channel's weight stands 12 (19) times, so that a convolution of so many positions at once is one of every twelfth.
        let octaves: FloatBuffer?
        let twelfths: FloatBuffer?
    }

    let stem: Conv1D
    /// [3, width]: from the three spectra's levels.
    let loud: FloatBuffer
    let blocks: [Block]
    let heads: Conv1D
    let kernels: Kernels

    /// Whether the file says that it is of this kind.
    static func describes(_ file: Safetensors) -> Bool { file.metadata("format", is: "continuo-pitch-poly 1") }

    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public convenience init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        try self.init(file: Safetensors(path: path), kernels: kernels)
    }

    init(file: Safetensors, kernels: Kernels) throws(ModelError) {
        guard Self.describes(file) else {
            throw .unsuitable(path: file.path, reason: "it is no polyphonic pitch model of Continuo's")
        }
        // What is the same in all files of this format.
        let isKnown =
            file.metadata("sample_rate", is: "16000") && file.metadata("hop", is: "160") && file.metadata("delay", is: "800")
            && file.metadata("sizes", is: "[4096, 2048, 2048]") && file.metadata("lowest_key", is: "28")
            && file.metadata("positions", is: "72") && file.metadata("spectrum_bins", is: "272")
            && file.metadata("power_floor", is: "1e-10") && file.metadata("dilations", is: "[1, 2, 4, 8, 1]")
            && file.metadata("harmonic", is: "[0, 2, 4]")
            && file.metadata("shifts", is: "[[-57, -36, 0, 36, 57, 72, 84, 93, 101], [-36, 0, 36, 57, 72], [0, 36, 57]]")
        guard isKnown else {
            throw .unsuitable(path: file.path, reason: "its metadata do not say what this version computes")
        }
        hop = 160
        delay = 800

        var windows: [Tensor] = []
        for k in 0..<3 {
            windows.append(
                try file.window("features.window.\(k)", longest: k == 0 ? Self.frameLength : Self.frameLength / 2))
        }
        self.windows = windows
        var banks: [FilterBank] = []
        for k in 0..<2 {
            banks.append(
                try FilterBank(
                    "features.bank.\(k)", bands: Self.spectrumBins, lines: Self.frameLength / (k == 0 ? 2 : 4) + 1, from: file,
                    kernels: kernels))
        }
        self.banks = banks

        stem = try Conv1D(
            "stem", inputChannels: Self.channels, outputChannels: Self.width, taps: 5, stride: 3, from: file, kernels: kernels)
        let levels = try file.tensor(named: "loud.weight", shape: tensorShape(Self.width, 3))
        loud = try FloatBuffer(count: 3 * Self.width)
        for channel in 0..<Self.width {
            for k in 0..<3 { loud.base[k * Self.width + channel] = levels.values[3 * channel + k] }
        }
        var blocks: [Block] = []
        for i in 0..<Self.blockCount {
            let name = "blocks.\(i)", isHarmonic = i % 2 == 0
            blocks.append(
                Block(
                    causal: try CausalBlock(
                        name, width: Self.width, taps: 5, dilation: i == 4 ? 1 : 1 << i, from: file, kernels: kernels),
                    octaves: isHarmonic ? try Self.harmonic(name + ".octaves", taps: 5, copies: 12, file) : nil,
                    twelfths: isHarmonic ? try Self.harmonic(name + ".twelfths", taps: 3, copies: 19, file) : nil))
        }
        self.blocks = blocks
        heads = try Conv1D("heads", inputChannels: Self.width, outputChannels: Self.heads, taps: 3, from: file, kernels: kernels)
        self.kernels = kernels
    }

    private static func harmonic(_ name: String, taps: Int, copies: Int, _ file: Safetensors) throws(ModelError) -> FloatBuffer {
        let weight = try file.tensor(named: name + ".weight", shape: tensorShape(width, taps))
        return try CausalBlock.transposed(weight, taps: taps, copies: copies)
    }
}
