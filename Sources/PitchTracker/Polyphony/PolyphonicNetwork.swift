import CRealtime
import Neural

/// The polyphonic network (models/continuo-pitch-poly.md): hop by hop from sound at 16 kHz to what each of 72 semitones does.
///
/// The harmonically stacked spectra go through a convolution along frequency and five residual blocks that look back in time, three of
/// which also look at the octaves and twelfths around. The state is all that an instance remembers; one thread at a time.
final class PolyphonicNetwork {
    let weights: PolyphonicWeights
    private let features: PolyphonicFeatures
    /// [position, channel], with a row of zeros before and after (the heads' padding).
    private let hidden: FloatBuffer
    private let spread: FloatBuffer
    private let other: FloatBuffer
    private let wide: FloatBuffer
    private let narrow: FloatBuffer
    private let noBias: FloatBuffer
    private let levelBias: FloatBuffer
    private let outputs: FloatBuffer
    /// Each position's probability that a note begins, and that one sounds; and the level of the note alone in dB.
    let onsets: FloatBuffer
    let notes: FloatBuffer
    let levels: FloatBuffer

    // The state. Positions are padded with zeros to a multiple of 19.
    private let pasts: [FrameHistory]

    private var positions: Int { PolyphonicWeights.positions }
    private var width: Int { PolyphonicWeights.width }
    private static var padding: Int { 4 }

    init(weights: PolyphonicWeights) throws(ModelError) {
        let positions = PolyphonicWeights.positions, width = PolyphonicWeights.width
        let size = (positions + Self.padding) * width
        self.weights = weights
        features = try PolyphonicFeatures(weights)
        hidden = try FloatBuffer(count: (positions + 2) * width)
        spread = try FloatBuffer(count: size)
        other = try FloatBuffer(count: size)
        wide = try FloatBuffer(count: positions * CausalBlock.widest)
        narrow = try FloatBuffer(count: size)
        noBias = try FloatBuffer(count: 19 * width)
        levelBias = try FloatBuffer(count: width)
        outputs = try FloatBuffer(count: positions * 16)
        onsets = try FloatBuffer(count: positions)
        notes = try FloatBuffer(count: positions)
        levels = try FloatBuffer(count: positions)
        var pasts: [FrameHistory] = []
        for block in weights.blocks {
            pasts.append(
                try FrameHistory(
                    dilation: block.causal.dilation, positions: positions, width: width, margin: 2, after: Self.padding))
        }
        self.pasts = pasts
    }

    /// Back to before the first frame.
    func reset() {
        for past in pasts { past.reset() }
    }

    /// One frame, and the state moves on by a hop.
    ///
    /// - Parameter samples: the newest 4,096 at 16 kHz; silence where there were none yet
    func step(_ samples: UnsafePointer<Float>) {
        features.compute(samples)
        run()
        for p in 0..<positions {
            let row = outputs.base + 16 * p
            onsets.base[p] = Self.sigmoid(row[0])
            notes.base[p] = Self.sigmoid(row[1])
            levels.base[p] = 20 * row[2]
        }
    }

    /// The pitch at a position in MIDI keys with fraction: the mean of the contour bins within two of the semitone's middle, weighted by
    /// their probabilities.
    func pitch(at position: Int) -> Float {
        var weight: Float = 1e-9, sum: Float = 0
        for i in -1...3 {
            let bin = 3 * position + i
            guard bin >= 0, bin < PolyphonicWeights.pitchBins else { continue }
            let probability = Self.sigmoid(outputs.base[16 * (bin / 3) + 3 + bin % 3])
            weight += probability
            sum += probability * Float(i - 1)
        }
        return Float(PolyphonicWeights.lowestKey + position) + sum / weight / 3
    }

    /// What the last step computed on its way.
    func copyInsides() -> PolyphonicSteps.Insides {
        let channels = PolyphonicWeights.channels, bins = PolyphonicWeights.pitchBins, heads = PolyphonicWeights.heads
        var seen = [Float](repeating: 0, count: channels * bins)
        for channel in 0..<channels {
            for bin in 0..<bins { seen[channel * bins + bin] = features.stacked.base[(bin + 1) * channels + channel] }
        }
        var told = [Float](repeating: 0, count: heads * positions)
        for head in 0..<heads {
            for p in 0..<positions { told[head * positions + p] = outputs.base[16 * p + head] }
        }
        return PolyphonicSteps.Insides(
            features: seen, levels: [features.levels.0, features.levels.1, features.levels.2], heads: told)
    }

    private func run() {
        let kernels = weights.kernels, count = positions * width
        let h = hidden.base + width
        weights.stem.forward(features.stacked.base, h, positions: positions)
        let level = features.levels, loud = weights.loud.base
        for channel in 0..<width {
            levelBias.base[channel] =
                level.0 * loud[channel] + level.1 * loud[width + channel] + level.2 * loud[2 * width + channel]
        }
        for p in 0..<positions {
            for channel in 0..<width { h[p * width + channel] += levelBias.base[channel] }
        }
        Activation.relu.forward(h, h, count: count, kernels: kernels)
        for i in 0..<pasts.count {
            let block = weights.blocks[i], past = pasts[i]
            past.push(h)
            block.causal.convolve(past, spread.base)
            addHarmonics(block, past.newest)
            block.causal.add(spread.base, to: h, positions: positions, wide: wide.base, narrowed: narrow.base)
        }
        Activation.relu.forward(h, h, count: count, kernels: kernels)
        weights.heads.forward(hidden.base, outputs.base, positions: positions)
    }

    /// In some blocks: the octaves and twelfths of the newest frame.
    private func addHarmonics(_ block: PolyphonicWeights.Block, _ newest: UnsafePointer<Float>) {
        let kernels = weights.kernels, count = positions * width
        guard let octaves = block.octaves, let twelfths = block.twelfths else { return }
        // Twelve (nineteen) positions taken as one wide row, the next row is an octave (a twelfth) higher.
        kernels.convolveDepthwise(
            rows: 6, blocks: 12 * width / 16, taps: 5, stride: 12 * width, input: newest, weights: octaves.base, bias: noBias.base,
            output: other.base)
        kernels.convolveDepthwise(
            rows: 4, blocks: 19 * width / 16, taps: 3, stride: 19 * width, input: newest, weights: twelfths.base, bias: noBias.base,
            output: narrow.base)
        kernels.add(count: count, input: other.base, output: spread.base)
        kernels.add(count: count, input: narrow.base, output: spread.base)
    }

    private static func sigmoid(_ x: Float) -> Float { 1 / (1 + cr_exp(-x)) }
}

/// The network step by step with all that it computes on its way, for comparison with a reference.
package final class PolyphonicSteps {
    package struct Insides {
        /// [17, 216]
        package var features: [Float]
        package var levels: [Float]
        /// [6, 72]
        package var heads: [Float]
    }

    private let network: PolyphonicNetwork

    package init(weights: PolyphonicWeights) throws(ModelError) { network = try PolyphonicNetwork(weights: weights) }
    package func reset() { network.reset() }

    /// - Parameter samples: 4,096
    package func step(_ samples: [Float]) -> Insides {
        network.step(samples)
        return network.copyInsides()
    }
}
