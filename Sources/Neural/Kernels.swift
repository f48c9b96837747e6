import CRealtime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// The kernels compiled for one instruction set, and the choice among them. What each function does stands with its
/// source, in KernelsBaseline.
///
/// The choice is a branch per call: a call is at least thousands of multiply-adds.
public struct Kernels: Sendable {
    /// 0 the architecture's baseline, 2 AVX2 and FMA, 3 AVX-512: as `cr_vector_level`.
    public let level: Int

    /// The best that this processor has (CONTINUO_KERNELS in the environment lowers it).
    public init() { level = Int(cr_vector_level()) }

    /// A given level, or the best below it that this processor has.
    public init(atMost level: Int) { self.level = min(level, Int(cr_vector_level())) }

    public var name: StaticString {
        switch level {
        case 3: return "AVX-512"
        case 2: return "AVX2"
        default: return "baseline"
        }
    }

    @inline(never)
    package func multiply(
        rows: Int, inputs: Int, blocks: Int, input: UnsafePointer<Float>, inputStride: Int, weights: UnsafePointer<Float>,
        bias: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        switch level {
        case 3:
            KernelsAVX512.multiply(rows, inputs, blocks, input, inputStride, weights, bias, output, outputStride)
        case 2:
            KernelsAVX2.multiply(rows, inputs, blocks, input, inputStride, weights, bias, output, outputStride)
        default:
            KernelsBaseline.multiply(rows, inputs, blocks, input, inputStride, weights, bias, output, outputStride)
        }
    }

    /// A matrix of complex numbers: where a bin's rows lie, and their imaginary parts.
    package struct Spectra<Pointer> {
        package var base: Pointer
        package var binStride: Int
        package var rowStride: Int
        package var imaginary: Int
        package init(_ base: Pointer, binStride: Int, rowStride: Int, imaginary: Int) {
            self.base = base
            self.binStride = binStride
            self.rowStride = rowStride
            self.imaginary = imaginary
        }
    }

    @inline(never)
    package func multiplySpectra(
        bins: Int, rows: Int, inputs: Int, blocks: Int, input: Spectra<UnsafePointer<Float>>,
        weights: UnsafePointer<Float>, weightBinStride: Int, weightBlockStride: Int,
        output: Spectra<UnsafeMutablePointer<Float>>
    ) {
        switch level {
        case 3:
            KernelsAVX512.multiplySpectra(
                bins, rows, inputs, blocks, input.base, input.binStride, input.rowStride, input.imaginary, weights,
                weightBinStride, weightBlockStride, output.base, output.binStride, output.rowStride, output.imaginary)
        case 2:
            KernelsAVX2.multiplySpectra(
                bins, rows, inputs, blocks, input.base, input.binStride, input.rowStride, input.imaginary, weights,
                weightBinStride, weightBlockStride, output.base, output.binStride, output.rowStride, output.imaginary)
        default:
            KernelsBaseline.multiplySpectra(
                bins, rows, inputs, blocks, input.base, input.binStride, input.rowStride, input.imaginary, weights,
                weightBinStride, weightBlockStride, output.base, output.binStride, output.rowStride, output.imaginary)
        }
    }

    @inline(never)
    package func transformRows(
        _ rows: UnsafePointer<Float>, rowStride: Int, count: Int, plan p: FourierPlan, work: UnsafeMutablePointer<Float>,
        spectrum: UnsafeMutablePointer<Float>, binStride: Int, imaginary: Int
    ) {
        switch level {
        case 3:
            KernelsAVX512.transformRows(
                rows, rowStride, count, p.half, p.stages, p.radices, p.twiddles, p.order, p.separation, work, spectrum,
                binStride, imaginary)
        case 2:
            KernelsAVX2.transformRows(
                rows, rowStride, count, p.half, p.stages, p.radices, p.twiddles, p.order, p.separation, work, spectrum,
                binStride, imaginary)
        default:
            KernelsBaseline.transformRows(
                rows, rowStride, count, p.half, p.stages, p.radices, p.twiddles, p.order, p.separation, work, spectrum,
                binStride, imaginary)
        }
    }

    /// What happens to a convolution's sums, per channel: `max(x + bias, floor)·scale + shift`, then the larger of
    /// each two rows.
    package struct Epilogue {
        package var bias: UnsafePointer<Float>
        package var floor: Float
        package var scale: UnsafePointer<Float>
        package var shift: UnsafePointer<Float>
        package var pool: Bool
        package init(
            bias: UnsafePointer<Float>, floor: Float, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, pool: Bool
        ) {
            self.bias = bias
            self.floor = floor
            self.scale = scale
            self.shift = shift
            self.pool = pool
        }
    }

    @inline(never)
    package func transformBins(
        _ spectrum: UnsafePointer<Float>, binStride: Int, imaginary: Int, plan p: FourierPlan,
        work: UnsafeMutablePointer<Float>, epilogue e: Epilogue, rows: UnsafeMutablePointer<Float>, rowStride: Int, count: Int
    ) {
        switch level {
        case 3:
            KernelsAVX512.transformBins(
                spectrum, binStride, imaginary, p.half, p.stages, p.radices, p.twiddles, p.twiddleCount, p.order,
                p.separation, work, e.bias, e.floor, e.scale, e.shift, e.pool, rows, rowStride, count)
        case 2:
            KernelsAVX2.transformBins(
                spectrum, binStride, imaginary, p.half, p.stages, p.radices, p.twiddles, p.twiddleCount, p.order,
                p.separation, work, e.bias, e.floor, e.scale, e.shift, e.pool, rows, rowStride, count)
        default:
            KernelsBaseline.transformBins(
                spectrum, binStride, imaginary, p.half, p.stages, p.radices, p.twiddles, p.twiddleCount, p.order,
                p.separation, work, e.bias, e.floor, e.scale, e.shift, e.pool, rows, rowStride, count)
        }
    }

    @inline(never)
    package func transformTaps(
        _ taps: UnsafePointer<Double>, count: Int, matrix: UnsafePointer<Double>, bins: Int,
        output: UnsafeMutablePointer<Float>, binStride: Int
    ) {
        switch level {
        case 3: KernelsAVX512.transformTaps(taps, count, matrix, bins, output, binStride)
        case 2: KernelsAVX2.transformTaps(taps, count, matrix, bins, output, binStride)
        default: KernelsBaseline.transformTaps(taps, count, matrix, bins, output, binStride)
        }
    }

    @inline(never)
    package func apply(
        _ activation: Activation, count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch (activation, level) {
        case (.sigmoid, 3): KernelsAVX512.sigmoid(count, input, output)
        case (.sigmoid, 2): KernelsAVX2.sigmoid(count, input, output)
        case (.sigmoid, _): KernelsBaseline.sigmoid(count, input, output)
        case (.tanh, 3): KernelsAVX512.tanh(count, input, output)
        case (.tanh, 2): KernelsAVX2.tanh(count, input, output)
        case (.tanh, _): KernelsBaseline.tanh(count, input, output)
        case (.exp, 3): KernelsAVX512.exp(count, input, output)
        case (.exp, 2): KernelsAVX2.exp(count, input, output)
        case (.exp, _): KernelsBaseline.exp(count, input, output)
        case (.relu, 3): KernelsAVX512.relu(count, input, output)
        case (.relu, 2): KernelsAVX2.relu(count, input, output)
        case (.relu, _): KernelsBaseline.relu(count, input, output)
        case (.gelu, 3): KernelsAVX512.gelu(count, input, output)
        case (.gelu, 2): KernelsAVX2.gelu(count, input, output)
        case (.gelu, _): KernelsBaseline.gelu(count, input, output)
        case (.silu, 3): KernelsAVX512.silu(count, input, output)
        case (.silu, 2): KernelsAVX2.silu(count, input, output)
        case (.silu, _): KernelsBaseline.silu(count, input, output)
        case (.leakyRelu(let slope), 3): KernelsAVX512.leakyRelu(count, slope, input, output)
        case (.leakyRelu(let slope), 2): KernelsAVX2.leakyRelu(count, slope, input, output)
        case (.leakyRelu(let slope), _): KernelsBaseline.leakyRelu(count, slope, input, output)
        }
    }

    @inline(never)
    package func affine(
        rows: Int, channels: Int, input: UnsafePointer<Float>, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.affine(rows, channels, input, scale, shift, output)
        case 2: KernelsAVX2.affine(rows, channels, input, scale, shift, output)
        default: KernelsBaseline.affine(rows, channels, input, scale, shift, output)
        }
    }

    @inline(never)
    package func maximumOfRows(
        rows: Int, channels: Int, size: Int, stride: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.maximumOfRows(rows, channels, size, stride, input, output)
        case 2: KernelsAVX2.maximumOfRows(rows, channels, size, stride, input, output)
        default: KernelsBaseline.maximumOfRows(rows, channels, size, stride, input, output)
        }
    }

    /// `(x − mean) / max(deviation, least)` of `count` values, the deviation divided by count − 1.
    public func standardise(
        count: Int, input: UnsafePointer<Float>, least: Float, output: UnsafeMutablePointer<Float>
    ) {
        let (mean, squares) = moments(count: count, input: input)
        let deviation = Float(cr_sqrt_f64(squares / Double(max(count &- 1, 1))))
        let divisor = deviation > least ? deviation : least
        switch level {
        case 3: KernelsAVX512.standardise(count, input, Float(mean), divisor, output)
        case 2: KernelsAVX2.standardise(count, input, Float(mean), divisor, output)
        default: KernelsBaseline.standardise(count, input, Float(mean), divisor, output)
        }
    }

    /// Layer normalisation of each row: `(x − mean)/√(variance + epsilon)·scale + shift`, the variance divided by
    /// `channels`. Rows lie `stride` floats apart (`channels` if not given).
    package func normaliseRows(
        rows: Int, channels: Int, stride: Int? = nil, input: UnsafePointer<Float>, epsilon: Float, scale: UnsafePointer<Float>,
        shift: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        let stride = stride ?? channels
        for row in 0..<rows {
            let x = input + row * stride, y = output + row * stride
            let (mean, squares) = moments(count: channels, input: x)
            let factor = Float(1 / cr_sqrt_f64(squares / Double(channels) + Double(epsilon)))
            switch level {
            case 3: KernelsAVX512.normalise(channels, x, Float(mean), factor, scale, shift, y)
            case 2: KernelsAVX2.normalise(channels, x, Float(mean), factor, scale, shift, y)
            default: KernelsBaseline.normalise(channels, x, Float(mean), factor, scale, shift, y)
            }
        }
    }

    func moments(count: Int, input: UnsafePointer<Float>) -> (mean: Double, squares: Double) {
        var result = (mean: 0.0, squares: 0.0)
        withUnsafeMutableBytes(of: &result) { bytes in
            let values = bytes.baseAddress!.assumingMemoryBound(to: Double.self)
            switch level {
            case 3: KernelsAVX512.moments(count, input, values)
            case 2: KernelsAVX2.moments(count, input, values)
            default: KernelsBaseline.moments(count, input, values)
            }
        }
        return result
    }

    @inline(never)
    package func updateGatedState(
        units: Int, stride: Int, input: UnsafePointer<Float>, hidden: UnsafePointer<Float>,
        state: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.updateGatedState(units, stride, input, hidden, state)
        case 2: KernelsAVX2.updateGatedState(units, stride, input, hidden, state)
        default: KernelsBaseline.updateGatedState(units, stride, input, hidden, state)
        }
    }

    /// A ramp of amplitudes and stretches, and the part of it (0 … 1) that a call covers.
    package struct PartialRamp {
        package var amplitudeStart: UnsafePointer<Float>
        package var amplitudeEnd: UnsafePointer<Float>
        /// nil: no stretch at either end.
        package var stretchStart: UnsafePointer<Float>?
        package var stretchEnd: UnsafePointer<Float>
        package var x0: Float
        package var x1: Float
        package init(
            amplitudeStart: UnsafePointer<Float>, amplitudeEnd: UnsafePointer<Float>,
            stretchStart: UnsafePointer<Float>?, stretchEnd: UnsafePointer<Float>, x0: Float, x1: Float
        ) {
            self.amplitudeStart = amplitudeStart
            self.amplitudeEnd = amplitudeEnd
            self.stretchStart = stretchStart
            self.stretchEnd = stretchEnd
            self.x0 = x0
            self.x1 = x1
        }
    }

    @inline(never)
    package func renderPartials(
        count: Int, samples: Int, phase: UInt32, offsets: UnsafePointer<UInt32>, frequency0: Float, frequency1: Float,
        ramp r: PartialRamp, work: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3:
            KernelsAVX512.renderPartials(
                count, samples, phase, offsets, frequency0, frequency1, r.stretchStart, r.stretchEnd, r.amplitudeStart,
                r.amplitudeEnd, r.x0, r.x1, work, output)
        case 2:
            KernelsAVX2.renderPartials(
                count, samples, phase, offsets, frequency0, frequency1, r.stretchStart, r.stretchEnd, r.amplitudeStart,
                r.amplitudeEnd, r.x0, r.x1, work, output)
        default:
            KernelsBaseline.renderPartials(
                count, samples, phase, offsets, frequency0, frequency1, r.stretchStart, r.stretchEnd, r.amplitudeStart,
                r.amplitudeEnd, r.x0, r.x1, work, output)
        }
    }

    /// For a ramp with stretch.
    @inline(never)
    package func advanceStretch(
        count: Int, samples: Int, frequency0: Float, frequency1: Float, stretchStart: UnsafePointer<Float>,
        stretchEnd: UnsafePointer<Float>, x0: Float, x1: Float, offsets: UnsafeMutablePointer<UInt32>
    ) {
        switch level {
        case 3:
            KernelsAVX512.advanceStretch(
                count, samples, frequency0, frequency1, stretchStart, stretchEnd, x0, x1, offsets)
        case 2:
            KernelsAVX2.advanceStretch(
                count, samples, frequency0, frequency1, stretchStart, stretchEnd, x0, x1, offsets)
        default:
            KernelsBaseline.advanceStretch(
                count, samples, frequency0, frequency1, stretchStart, stretchEnd, x0, x1, offsets)
        }
    }

    /// What noise looks like along frequency: per bin (padded to whole vectors) a node and a weight, and the nodes' values.
    package struct NoiseShape {
        package var count: Int
        package var node: UnsafePointer<Int32>
        package var weight: UnsafePointer<Float>
        package var nodes: UnsafePointer<Float>
        package var scale: Float
        package init(
            count: Int, node: UnsafePointer<Int32>, weight: UnsafePointer<Float>, nodes: UnsafePointer<Float>, scale: Float
        ) {
            self.count = count
            self.node = node
            self.weight = weight
            self.nodes = nodes
            self.scale = scale
        }
    }

    @inline(never)
    package func noiseSpectrum(
        _ s: NoiseShape, seed: UInt32, spectrum: UnsafeMutablePointer<Float>, binStride: Int, imaginary: Int
    ) {
        switch level {
        case 3:
            KernelsAVX512.noiseSpectrum(
                s.count, s.node, s.weight, s.nodes, s.scale, seed, spectrum, binStride, imaginary)
        case 2:
            KernelsAVX2.noiseSpectrum(
                s.count, s.node, s.weight, s.nodes, s.scale, seed, spectrum, binStride, imaginary)
        default:
            KernelsBaseline.noiseSpectrum(
                s.count, s.node, s.weight, s.nodes, s.scale, seed, spectrum, binStride, imaginary)
        }
    }

    /// The same as with the plan itself, for the audio thread, which must not touch an object's reference count.
    @inline(never)
    package func transformBins(
        _ spectrum: UnsafePointer<Float>, binStride: Int, imaginary: Int, tables p: FourierPlan.Tables,
        work: UnsafeMutablePointer<Float>, epilogue e: Epilogue, rows: UnsafeMutablePointer<Float>, rowStride: Int, count: Int
    ) {
        switch level {
        case 3:
            KernelsAVX512.transformBins(
                spectrum, binStride, imaginary, p.half, p.stages, p.radices, p.twiddles, p.twiddleCount, p.order,
                p.separation, work, e.bias, e.floor, e.scale, e.shift, e.pool, rows, rowStride, count)
        case 2:
            KernelsAVX2.transformBins(
                spectrum, binStride, imaginary, p.half, p.stages, p.radices, p.twiddles, p.twiddleCount, p.order,
                p.separation, work, e.bias, e.floor, e.scale, e.shift, e.pool, rows, rowStride, count)
        default:
            KernelsBaseline.transformBins(
                spectrum, binStride, imaginary, p.half, p.stages, p.radices, p.twiddles, p.twiddleCount, p.order,
                p.separation, work, e.bias, e.floor, e.scale, e.shift, e.pool, rows, rowStride, count)
        }
    }
}
