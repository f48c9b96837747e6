import CRealtime

/// A one-dimensional convolution over sequences of a fixed length, computed in the frequency domain: for kernels of
/// tens or hundreds of taps, where it costs a small fraction of the sums it stands for (CREPE's 128 → 16 channels, 64
/// taps, 128 positions: 0.9 M multiply-adds in place of 16.8 M). `Conv1D` is the direct form for short kernels.
///
/// It computes PyTorch's `Conv1d` (a cross-correlation) with zero padding. A stride s is folded away beforehand: s
/// successive positions of c channels are one row of s·c channels, and the kernel is dealt out to match. Then rows
/// are transformed, 16 channels at a time; at each bin the channels are multiplied by a complex matrix, over all
/// sequences of the batch together; and the products are transformed back. The transform is just long enough that
/// what wraps around falls on zeros or on positions that nobody reads, and taps that could only ever meet padding are
/// left out.
///
/// A sequence's result has the same bits in any batch.
public final class SpectralConv1D {
    /// What happens to the sums, per channel, before they are stored.
    public struct Epilogue {
        /// max(x, 0) after the bias
        public var relu: Bool
        /// then ·scale + shift
        public var affine: ChannelAffine?
        /// then the larger of each two successive positions (max-pooling of size and stride 2)
        public var pool: Bool

        public init(relu: Bool = false, affine: ChannelAffine? = nil, pool: Bool = false) {
            self.relu = relu
            self.affine = affine
            self.pool = pool
        }
    }

    public let inputChannels: Int
    public let outputChannels: Int
    /// Positions of a sequence that goes in, and of the one that comes out (after pooling).
    public let inputLength: Int
    public let outputLength: Int

    private let kernels: Kernels
    private let plan: FourierPlan
    /// Rows (input positions / stride) and their channels.
    private let rows: Int
    private let rowChannels: Int
    private let positions: Int
    private let blocks: Int
    /// Few channels in, many out: the products of one block of channels are made and transformed back while they are
    /// in the cache.
    private let blockMajor: Bool
    private let weights: FloatBuffer
    private let channelValues: FloatBuffer
    private let relu: Bool
    private let pool: Bool
    private let hasAffine: Bool

    /// - Parameters:
    ///   - weight: [out, in, taps] or [out, in, taps, 1]
    ///   - bias: [out]
    ///   - inputLength: a multiple of `stride`, the quotient even
    ///   - padding: zeros before and after; the output has (inputLength + before + after − taps)/stride + 1
    ///     positions, an even number
    /// - Throws: `ModelError.outOfMemory`
    public init(
        weight: Tensor, bias: Tensor, stride: Int = 1, padding: (before: Int, after: Int), inputLength: Int,
        epilogue: Epilogue = Epilogue(), kernels: Kernels = Kernels()
    ) throws(ModelError) {
        let outputs = weight.shape[0], inputs = weight.shape[1], taps = weight.shape[2]
        let positions = (inputLength + padding.before + padding.after - taps) / stride + 1
        precondition(inputLength % (2 * stride) == 0 && positions > 0 && positions % 2 == 0 && bias.count == outputs)
        let rows = inputLength / stride
        let rowChannels = inputs * stride
        let blocks = padded(outputs) / 16
        // Output p reads rows p + d; tap = stride·d + phase + padding.
        var first = -(padding.before / stride) - 1
        while stride * first + stride - 1 + padding.before < 0 { first += 1 }
        first = max(first, -(positions - 1))
        let last = min(floorDivide(taps - 1 - padding.before, stride), rows - 1)
        let count = max(last - first + 1, 1)
        let plan = try FourierPlan(
            length: FourierPlan.length(atLeast: max(max(rows, positions), max(rows - first, positions + last))))
        let bins = plan.bins
        let blockMajor = rowChannels <= 16

        let weights = try FloatBuffer(count: bins * blocks * rowChannels * 32)
        let channelValues = try FloatBuffer(count: 3 * 16 * blocks)
        // Two buffers of doubles: the kernel of one row channel and 16 outputs, and the transform as a matrix.
        let tapBuffer = try FloatBuffer(count: 2 * 16 * count)
        let matrixBuffer = try FloatBuffer(count: 2 * 2 * bins * count)
        let tapValues = UnsafeMutableRawPointer(tapBuffer.base).bindMemory(to: Double.self, capacity: 16 * count)
        let matrix = UnsafeMutableRawPointer(matrixBuffer.base).bindMemory(to: Double.self, capacity: 2 * bins * count)
        // transformRows gives twice the transform, transformBins 2·length times the inverse of half of it.
        let scale = 1 / (2 * Double(plan.length))
        for bin in 0..<bins {
            for k in 0..<count {
                let step = bin * (first + k)
                matrix[2 * (bin * count + k)] = scale * cr_cos_f64(unitAngle(step, plan.length))
                // Bins 0 and half are real: no rounding of sin π may say otherwise.
                matrix[2 * (bin * count + k) + 1] =
                    bin == 0 || bin == plan.half ? 0 : scale * cr_sin_f64(unitAngle(step, plan.length))
            }
        }
        let binStride = rowChannels * 32 * (blockMajor ? 1 : blocks)
        let blockStride = rowChannels * 32 * (blockMajor ? bins : 1)
        let source = weight.values
        for block in 0..<blocks {
            for channel in 0..<rowChannels {
                let phase = channel / inputs, input = channel % inputs
                for k in 0..<count {
                    let tap = stride * (first + k) + phase + padding.before
                    for lane in 0..<16 {
                        let output = 16 * block + lane
                        let inside = tap >= 0 && tap < taps && output < outputs
                        tapValues[16 * k + lane] = inside ? Double(source[(output * inputs + input) * taps + tap]) : 0
                    }
                }
                kernels.transformTaps(
                    tapValues, count: count, matrix: matrix, bins: bins,
                    output: weights.base + block * blockStride + channel * 32, binStride: binStride)
            }
        }
        for c in 0..<outputs {
            channelValues.base[c] = bias.values[c]
            channelValues.base[16 * blocks + c] = epilogue.affine.map { $0.scale.base[c] } ?? 1
            channelValues.base[32 * blocks + c] = epilogue.affine.map { $0.shift.base[c] } ?? 0
        }
        self.kernels = kernels
        self.plan = plan
        self.rows = rows
        self.rowChannels = rowChannels
        self.positions = positions
        self.blocks = blocks
        self.blockMajor = blockMajor
        self.weights = weights
        self.channelValues = channelValues
        relu = epilogue.relu
        pool = epilogue.pool
        hasAffine = epilogue.affine != nil
        inputChannels = inputs
        outputChannels = outputs
        self.inputLength = inputLength
        outputLength = positions / (epilogue.pool ? 2 : 1)
    }

    /// Floats that `forward` needs as a workspace for `batch` sequences.
    public func workspaceCount(batch: Int) -> Int {
        32 * plan.half + plan.bins * (inputBinStride(batch) + outputBinStride(batch))
    }

    // 16 floats beyond the data, lest successive bins share a cache set.
    private func inputBinStride(_ batch: Int) -> Int { batch * 2 * padded(rowChannels) + 16 }
    private func outputBinStride(_ batch: Int) -> Int { (blockMajor ? 1 : batch * blocks) * 32 + 16 }

    /// Convolves `batch` sequences. No allocation.
    ///
    /// - Parameters:
    ///   - input: sequences of [inputLength, inputChannels], `inputStride` floats apart; 16 floats after the last
    ///     must be readable
    ///   - output: sequences of [outputLength, outputChannels padded to 16], `outputStride` floats apart
    ///   - workspace: `workspaceCount(batch:)` floats, aligned to 64 bytes for speed
    public func forward(
        _ input: UnsafePointer<Float>, inputStride: Int, _ output: UnsafeMutablePointer<Float>, outputStride: Int,
        batch: Int, workspace: UnsafeMutablePointer<Float>
    ) {
        let work = workspace
        let spectra = work + 32 * plan.half
        let inputBin = inputBinStride(batch), outputBin = outputBinStride(batch)
        let products = spectra + plan.bins * inputBin
        let rowWidth = padded(rowChannels)
        for sequence in 0..<batch {
            var channel = 0
            while channel < rowChannels {
                kernels.transformRows(
                    input + sequence * inputStride + channel, rowStride: rowChannels, count: rows, plan: plan, work: work,
                    spectrum: spectra + sequence * 2 * rowWidth + channel, binStride: inputBin, imaginary: rowWidth)
                channel += 16
            }
        }
        if blockMajor {
            for block in 0..<blocks {
                for sequence in 0..<batch {
                    kernels.multiplySpectra(
                        bins: plan.bins, rows: 1, inputs: rowChannels, blocks: 1,
                        input: .init(
                            UnsafePointer(spectra + sequence * 2 * rowWidth), binStride: inputBin, rowStride: 0,
                            imaginary: rowWidth),
                        weights: weights.base + block * plan.bins * rowChannels * 32, weightBinStride: rowChannels * 32,
                        weightBlockStride: 0,
                        output: .init(products, binStride: 32, rowStride: 0, imaginary: 16))
                    finish(block, UnsafePointer(products), 32, 16, work, output + sequence * outputStride)
                }
            }
        } else {
            kernels.multiplySpectra(
                bins: plan.bins, rows: batch, inputs: rowChannels, blocks: blocks,
                input: .init(UnsafePointer(spectra), binStride: inputBin, rowStride: 2 * rowWidth, imaginary: rowWidth),
                weights: weights.base, weightBinStride: blocks * rowChannels * 32, weightBlockStride: rowChannels * 32,
                output: .init(products, binStride: outputBin, rowStride: 32 * blocks, imaginary: 16 * blocks))
            for sequence in 0..<batch {
                for block in 0..<blocks {
                    finish(
                        block, UnsafePointer(products + sequence * 32 * blocks + 16 * block), outputBin, 16 * blocks, work,
                        output + sequence * outputStride)
                }
            }
        }
    }

    @inline(__always)
    private func finish(
        _ block: Int, _ product: UnsafePointer<Float>, _ binStride: Int, _ imaginary: Int,
        _ work: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>
    ) {
        let values = UnsafePointer(channelValues.base + 16 * block)
        kernels.transformBins(
            product, binStride: binStride, imaginary: imaginary, plan: plan, work: work,
            epilogue: .init(
                bias: values, floor: relu ? 0 : -.infinity, scale: values + 16 * blocks, shift: values + 32 * blocks,
                pool: pool),
            rows: output + 16 * block, rowStride: 16 * blocks, count: positions)
    }
}

private func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((-a + b - 1) / b) }
