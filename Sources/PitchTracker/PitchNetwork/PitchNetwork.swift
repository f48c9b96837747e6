import CRealtime
import Neural

/// Continuo's own pitch network (models/continuo-pitch.md): hop by hop from sound at 16 kHz to pitch, voicing, onset and loudness.
///
/// The harmonically stacked spectra go through a convolution along frequency, three residual blocks that look back in time, and a
/// small recurrent layer. The state is all that an instance remembers; one thread at a time.
final class PitchNetwork {
    struct Estimate: BitwiseCopyable {
        /// Hz, between 27.5 and 2,176.
        var frequency: Float
        /// Probability that there is a pitch.
        var confidence: Float
        /// Probability that a note begins.
        var onset: Float
        /// dB of the pitched sound without the noise around it, relative to full scale.
        var loudness: Float
    }

    let weights: PitchNetworkWeights
    private let features: PitchFeatures
    /// [position, channel]
    private let hidden: FloatBuffer
    private let spread: FloatBuffer
    private let wide: FloatBuffer
    private let narrowed: FloatBuffer
    /// [position, 32]
    private let read: FloatBuffer
    /// 228
    let logits: FloatBuffer
    private let pooled: FloatBuffer
    private let outputs: FloatBuffer
    private let workspace: FloatBuffer

    // The state: each block's past, and the recurrent vector, which stands before the pooled values as the heads read it.
    private let pasts: [FrameHistory]
    private let state: UnsafeMutablePointer<Float>

    private var positions: Int { PitchNetworkWeights.positions }
    private var width: Int { PitchNetworkWeights.width }
    private var units: Int { PitchNetworkWeights.units }

    init(weights: PitchNetworkWeights) throws(ModelError) {
        let positions = PitchNetworkWeights.positions, width = PitchNetworkWeights.width
        self.weights = weights
        features = try PitchFeatures(weights)
        hidden = try FloatBuffer(count: positions * width)
        spread = try FloatBuffer(count: positions * width)
        wide = try FloatBuffer(count: positions * CausalBlock.widest)
        narrowed = try FloatBuffer(count: positions * width)
        read = try FloatBuffer(count: positions * 32)
        logits = try FloatBuffer(count: PitchNetworkWeights.pitchBins)
        pooled = try FloatBuffer(count: PitchNetworkWeights.units + PitchNetworkWeights.pooled + 16)
        outputs = try FloatBuffer(count: 16)
        workspace = try FloatBuffer(count: weights.recurrent.workspaceCount)
        var pasts: [FrameHistory] = []
        for block in weights.blocks {
            pasts.append(try FrameHistory(dilation: block.dilation, positions: positions, width: width, margin: 3, after: 3))
        }
        self.pasts = pasts
        state = pooled.base
    }

    /// Back to before the first frame.
    func reset() {
        for past in pasts { past.reset() }
        cr_zero(state, units * MemoryLayout<Float>.stride)
    }

    /// One frame, and the state moves on by a hop.
    ///
    /// - Parameters:
    ///   - samples: the newest 2,048 at 16 kHz; silence where there were none yet
    ///   - lowest, highest: the range of the fundamental, Hz
    func step(_ samples: UnsafePointer<Float>, lowest: Float, highest: Float) -> Estimate {
        features.compute(samples)
        run()
        let heads = outputs.base
        return Estimate(
            frequency: decode(lowest, highest), confidence: Self.sigmoid(heads[0]), onset: Self.sigmoid(heads[1]),
            loudness: 20 * heads[2])
    }

    /// What the last step computed on its way.
    func copyInsides() -> PitchNetworkSteps.Insides {
        let channels = PitchNetworkWeights.channels, bins = PitchNetworkWeights.pitchBins
        var seen = [Float](repeating: 0, count: channels * bins)
        for channel in 0..<channels {
            for bin in 0..<bins { seen[channel * bins + bin] = features.stacked.base[(bin + 1) * channels + channel] }
        }
        return PitchNetworkSteps.Insides(
            features: seen, levels: [features.levels.0, features.levels.1],
            logits: Array(UnsafeBufferPointer(start: logits.base, count: bins)),
            heads: Array(UnsafeBufferPointer(start: outputs.base, count: 3)), frequency: 0)
    }

    private func run() {
        let kernels = weights.kernels, h = hidden.base
        weights.stem.forward(features.stacked.base, h, positions: positions)
        Activation.relu.forward(h, h, count: positions * width, kernels: kernels)
        for i in 0..<pasts.count {
            let block = weights.blocks[i], past = pasts[i]
            past.push(h)
            block.convolve(past, spread.base)
            block.add(spread.base, to: h, positions: positions, wide: wide.base, narrowed: narrowed.base)
        }
        Activation.relu.forward(h, h, count: positions * width, kernels: kernels)
        weights.readout.forward(h, inputStride: width, read.base, rows: positions)

        let sharpness = addLogits()
        let values = pooled.base + units
        // Sixteen at once: eight of them are saliences, and what follows each eight is written over by the next.
        kernels.summariseRows(rows: positions, stride: 32, input: read.base + 16, greatest: values, total: values + 8)
        for channel in 8..<16 { values[channel] /= Float(positions) }
        values[16] = sharpness
        (values[17], values[18]) = features.levels
        weights.recurrent.forward(values, state: state, workspace: workspace.base)
        weights.heads.forward(pooled.base, inputStride: units + PitchNetworkWeights.pooled, outputs.base, rows: 1)
    }

    /// Puts the pitch logits together from what each position says of its neighbours and itself. Returns how far the highest stands out:
    /// over the mean, over 10.
    private func addLogits() -> Float {
        let bias = weights.pitchBias, read = read.base, last = positions - 1
        // Before the first position and after the last there is nothing.
        var sum = (read[3] + bias.0, read[4] + bias.1, read[5] + bias.2)
        var most = -Float.infinity, total: Float = 0
        for p in 0...last {
            if p < last {
                let next = read + 32 * (p + 1)
                sum = (sum.0 + next[6], sum.1 + next[7], sum.2 + next[8])
            }
            let bins = logits.base + 3 * p
            (bins[0], bins[1], bins[2]) = sum
            most = max(most, max(sum.0, max(sum.1, sum.2)))
            total += sum.0 + sum.1 + sum.2
            if p < last {
                let own = read + 32 * p, next = own + 32
                sum = (own[0] + next[3] + bias.0, own[1] + next[4] + bias.1, own[2] + next[5] + bias.2)
            }
        }
        return (most - total / Float(PitchNetworkWeights.pitchBins)) / 10
    }

    /// The mean of the bins within 4 of the strongest in the range, weighted by their softmax.
    private func decode(_ lowest: Float, _ highest: Float) -> Float {
        let count = PitchNetworkWeights.pitchBins
        let from = min(count - 1, max(0, Int(-cr_floor(0.5 - Self.bin(lowest)))))
        let to = max(from, min(count - 1, Int(cr_floor(Self.bin(highest) + 0.5))))
        var peak = from
        for i in from...to where logits.base[i] > logits.base[peak] { peak = i }
        var weight: Float = 0, sum: Float = 0
        for i in max(from, peak - 4)...min(to, peak + 4) {
            let w = cr_exp(logits.base[i] - logits.base[peak])
            weight += w
            sum += w * Float(i)
        }
        guard weight > 0, cr_is_finite(sum) else { return 0 }
        return 27.5 * cr_exp2(sum / weight / 36)
    }

    /// The (fractional) bin of a frequency in Hz, −36 … 264.
    private static func bin(_ frequency: Float) -> Float {
        guard frequency > 13.75 else { return -36 }
        return min(264, 36 * cr_log2(frequency / 27.5))
    }

    private static func sigmoid(_ x: Float) -> Float { 1 / (1 + cr_exp(-x)) }
}

/// The network step by step with all that it computes on its way, for comparison with a reference.
package final class PitchNetworkSteps {
    package struct Insides {
        /// [13, 228]
        package var features: [Float]
        package var levels: [Float]
        package var logits: [Float]
        package var heads: [Float]
        package var frequency: Float
    }

    private let network: PitchNetwork

    package init(weights: PitchNetworkWeights) throws(ModelError) { network = try PitchNetwork(weights: weights) }
    package func reset() { network.reset() }

    /// - Parameter samples: 2,048
    package func step(_ samples: [Float]) -> Insides {
        let estimate = network.step(samples, lowest: 27.5, highest: 2176)
        var insides = network.copyInsides()
        insides.frequency = estimate.frequency
        return insides
    }
}
