import CRealtime
import Neural
import Realtime

/// Frames of noise of a given spectrum: an inverse transform of random phases, under a window whose squares add up to 1 from
/// one frame to the next. Frames are independent, so their powers add, and the sum has the spectrum asked for at every moment.
///
/// On the audio thread; one for all sounds.
final class NoiseFrames {
    /// Nodes of a spectrum: evenly spaced in mel from 0 to 24 kHz.
    static let nodeCount = 65
    /// Samples from one frame to the next: about 4.5 ms, and half a frame.
    let hop: Int

    private let kernels: Kernels
    private let plan: FourierPlan
    private let tables: FourierPlan.Tables
    /// Per bin: the node below it and how far it lies towards the next; −1: nothing there.
    private let node: UnsafeMutablePointer<Int32>
    private let weight: UnsafeMutablePointer<Float>
    private let bins: Int
    private let scale: Float
    private let window: UnsafeMutablePointer<Float>
    // The transform does sixteen signals at a time, of which one or two are used.
    private let spectrum: UnsafeMutablePointer<Float>
    private let work: UnsafeMutablePointer<Float>
    private let rows: UnsafeMutablePointer<Float>
    private let zeros: UnsafeMutablePointer<Float>
    private let ones: UnsafeMutablePointer<Float>

    init?(sampleRate: Double, kernels: Kernels) {
        let length = FourierPlan.length(atLeast: Int(0.009 * sampleRate))
        guard let plan = try? FourierPlan(length: length) else { return nil }
        self.kernels = kernels
        self.plan = plan
        tables = plan.tables
        hop = length / 2
        bins = length / 2 + 1
        let paddedBins = padded(bins)
        node = allocateZeroed(Int32.self, paddedBins)
        weight = allocateZeroed(Float.self, paddedBins)
        window = allocateZeroed(Float.self, length)
        spectrum = allocateZeroed(Float.self, 32 * bins)
        work = allocateZeroed(Float.self, 32 * plan.half)
        rows = allocateZeroed(Float.self, 16 * length)
        zeros = allocateZeroed(Float.self, 16)
        ones = allocateZeroed(Float.self, 16)
        for lane in 0..<16 { ones[lane] = 1 }
        // A sinusoid of amplitude A carries A²/2, which is to be density² · (bin width). `transformBins` makes sinusoids of
        // twice the magnitude it is given.
        scale = Float(cr_sqrt_f64(2 * sampleRate / Double(length)) / 2)
        let mels = 1 / 700.0
        let top = cr_log_f64(1 + 24_000 * mels)
        for bin in 0..<paddedBins {
            let frequency = Double(bin) * sampleRate / Double(length)
            let position = cr_log_f64(1 + frequency * mels) / top * Double(NoiseFrames.nodeCount - 1)
            let inside = bin > 0 && bin < bins - 1 && frequency <= 24_000
            let below = min(Int(position), NoiseFrames.nodeCount - 2)
            node[bin] = inside ? Int32(below) : 0
            weight[bin] = inside ? Float(position - Double(below)) : -1
        }
        for n in 0..<length { window[n] = Float(cr_sin_f64(Double.pi * (Double(n) + 0.5) / Double(length))) }
    }

    deinit {
        cr_free(node)
        cr_free(weight)
        cr_free(window)
        cr_free(spectrum)
        cr_free(work)
        cr_free(rows)
        cr_free(zeros)
        cr_free(ones)
    }

    /// Begins a stream of noise: as if it had sounded before.
    ///
    /// - densities: RMS per √Hz at the 65 nodes
    /// - seed: goes on by what is used
    /// - current: becomes the first `hop` samples; rest: what the next frame adds to
    func begin(
        _ densities: UnsafePointer<Float>, seed: inout UInt32, current: UnsafeMutablePointer<Float>,
        rest: UnsafeMutablePointer<Float>
    ) {
        fill(lane: 0, densities, &seed)
        fill(lane: 1, densities, &seed)
        transform()
        var n = 0
        while n < hop {
            current[n] = rows[16 &* (hop &+ n)] * window[hop &+ n] + rows[16 &* n &+ 1] * window[n]
            rest[n] = rows[16 &* (hop &+ n) &+ 1] * window[hop &+ n]
            n &+= 1
        }
    }

    /// Goes on by a frame: `current` becomes the next `hop` samples.
    func advance(
        _ densities: UnsafePointer<Float>, seed: inout UInt32, current: UnsafeMutablePointer<Float>,
        rest: UnsafeMutablePointer<Float>
    ) {
        fill(lane: 0, densities, &seed)
        transform()
        var n = 0
        while n < hop {
            current[n] = rest[n] + rows[16 &* n] * window[n]
            rest[n] = rows[16 &* (hop &+ n)] * window[hop &+ n]
            n &+= 1
        }
    }

    private func fill(lane: Int, _ densities: UnsafePointer<Float>, _ seed: inout UInt32) {
        kernels.noiseSpectrum(
            Kernels.NoiseShape(count: bins, node: node, weight: weight, nodes: densities, scale: scale), seed: seed,
            spectrum: spectrum + lane, binStride: 32, imaginary: 16)
        seed &+= UInt32(truncatingIfNeeded: bins)
    }

    private func transform() {
        kernels.transformBins(
            spectrum, binStride: 32, imaginary: 16, tables: tables, work: work,
            epilogue: Kernels.Epilogue(bias: zeros, floor: -Float.infinity, scale: ones, shift: zeros, pool: false), rows: rows,
            rowStride: 16, count: 2 &* hop)
    }
}
