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
    /// [position, channel], with a row of zeros before and after (the pitch layer's padding).
    private let hidden: FloatBuffer
    private let spread: FloatBuffer
    private let wide: FloatBuffer
    private let narrow: FloatBuffer
    private let noBias: FloatBuffer
    private let saliences: FloatBuffer
    private let positionLogits: FloatBuffer
    /// 228
    let logits: FloatBuffer
    private let pooled: FloatBuffer
    private let outputs: FloatBuffer
    private let workspace: FloatBuffer

    // The state: each block's last 2·dilation inputs and the newest as a ring of [frame, position, channel], and the recurrent vector, which stands before the pooled values as the heads read it.
    private let pasts: [FloatBuffer]
    private var turn = 0
    private let state: UnsafeMutablePointer<Float>

    private var positions: Int { PitchNetworkWeights.positions }
    private var width: Int { PitchNetworkWeights.width }
    private var units: Int { PitchNetworkWeights.units }

    init(weights: PitchNetworkWeights) throws(ModelError) {
        let positions = PitchNetworkWeights.positions, width = PitchNetworkWeights.width
        self.weights = weights
        features = try PitchFeatures(weights)
        hidden = try FloatBuffer(count: (positions + 2) * width)
        spread = try FloatBuffer(count: positions * width)
        wide = try FloatBuffer(count: positions * 64)
        narrow = try FloatBuffer(count: positions * width)
        noBias = try FloatBuffer(count: width)
        saliences = try FloatBuffer(count: positions * 16)
        positionLogits = try FloatBuffer(count: positions * 16)
        logits = try FloatBuffer(count: PitchNetworkWeights.pitchBins)
        pooled = try FloatBuffer(count: PitchNetworkWeights.units + PitchNetworkWeights.pooled + 16)
        outputs = try FloatBuffer(count: 16)
        workspace = try FloatBuffer(count: weights.recurrent.workspaceCount)
        var pasts: [FloatBuffer] = []
        for block in weights.blocks { pasts.append(try FloatBuffer(count: (2 * block.dilation + 1) * positions * width)) }
        self.pasts = pasts
        state = pooled.base
    }

    /// Back to before the first frame.
    func reset() {
        for past in pasts { cr_zero(past.base, past.count * MemoryLayout<Float>.stride) }
        cr_zero(state, units * MemoryLayout<Float>.stride)
        turn = 0
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
        let kernels = weights.kernels
        let h = hidden.base + width
        weights.stem.forward(features.stacked.base, h, positions: positions)
        Activation.relu.forward(h, h, count: positions * width, kernels: kernels)
        for (block, past) in zip(weights.blocks, pasts) {
            let frames = 2 * block.dilation + 1, size = positions * width
            let newest = past.base + turn % frames * size
            newest.update(from: h, count: positions * width)
            let oldest = past.base + (turn + 1) % frames * size
            let middle = past.base + (turn + 1 + block.dilation) % frames * size
            convolve(block, oldest, middle, newest)
            block.widen.forward(spread.base, inputStride: width, wide.base, rows: positions)
            Activation.relu.forward(wide.base, wide.base, count: positions * block.widen.outputStride, kernels: kernels)
            block.narrow.forward(wide.base, inputStride: block.widen.outputStride, narrow.base, rows: positions)
            for i in 0..<(positions * width) { h[i] += narrow.base[i] }
        }
        Activation.relu.forward(h, h, count: positions * width, kernels: kernels)
        turn += 1
        if turn == Self.cycle { turn = 0 }

        weights.pitch.forward(hidden.base, positionLogits.base, positions: positions)
        var highest = -Float.infinity, total: Float = 0
        for p in 0..<positions {
            for channel in 0..<3 {
                let value = positionLogits.base[16 * p + channel]
                logits.base[3 * p + channel] = value
                highest = max(highest, value)
                total += value
            }
        }
        weights.salience.forward(h, inputStride: width, saliences.base, rows: positions)
        let values = pooled.base + units
        for channel in 0..<8 {
            var most = -Float.infinity, sum: Float = 0
            for p in 0..<positions {
                let value = saliences.base[16 * p + channel]
                most = max(most, value)
                sum += value
            }
            values[channel] = most
            values[8 + channel] = sum / Float(positions)
        }
        values[16] = (highest - total / Float(PitchNetworkWeights.pitchBins)) / 10
        (values[17], values[18]) = features.levels
        weights.recurrent.forward(values, state: state, workspace: workspace.base)
        weights.heads.forward(pooled.base, inputStride: units + PitchNetworkWeights.pooled, outputs.base, rows: 1)
    }

    /// A whole number of turns of every block's ring (3, 7 and 13 frames).
    private static var cycle: Int { 273 }

    /// Depthwise: three frames, seven positions, each channel by itself.
    private func convolve(
        _ block: PitchNetworkWeights.Block, _ oldest: UnsafePointer<Float>, _ middle: UnsafePointer<Float>,
        _ newest: UnsafePointer<Float>
    ) {
        let kernels = weights.kernels, taps = UnsafePointer(block.depthwise.base), row = 7 * width
        func add(_ frame: UnsafePointer<Float>, _ tap: Int, _ bias: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
            kernels.convolveDepthwise(
                rows: positions, blocks: width / 16, taps: 7, stride: width, input: frame, weights: taps + tap, bias: bias,
                output: output)
        }
        add(oldest, 0, block.bias.values.baseAddress!, spread.base)
        add(middle, row, noBias.base, wide.base)
        add(newest, 2 * row, noBias.base, narrow.base)
        for i in 0..<(positions * width) { spread.base[i] += wide.base[i] + narrow.base[i] }
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
