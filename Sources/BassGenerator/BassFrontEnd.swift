import CRealtime
import Neural
import Signal

/// What the networks hear of a sound, mix or bass: at 24 kHz mono, per latent frame the powers of 144 tonal bands twice (24 an octave
/// from 32.7 Hz, windows of 4096 samples) and of 32 mel bands four times (windows of 512), as decibels/40 + 1.
///
/// A stream: feed sound of any rate, read frames as they become complete. Before the first sample and after the last (`finish`) there
/// is silence. One thread at a time; memory grows only with what is fed and not yet read.
public final class BassFrontEnd {
    /// Sample rate of what is fed, Hz.
    public let sampleRate: Int

    private let filters: FilterBanks
    private let kernels: Kernels
    private let resampler: Resampler?
    private let tonalPlan: FourierPlan
    private let rhythmPlan: FourierPlan
    private let tonalHann: FloatBuffer
    private let rhythmHann: FloatBuffer
    /// 24 kHz samples from `base` on.
    private let samples = FloatQueue()
    private var base: Int
    private var next = 0
    private var fed = 0
    private var isFinished = false

    // For sixteen windows at once: a window is a channel of the transform.
    private let windows: FloatBuffer
    private let work: FloatBuffer
    private let spectrum: FloatBuffer
    private let powers: FloatBuffer
    private let mono: FloatBuffer
    private let resampled: FloatBuffer

    /// What silence is heard as, in every band.
    public static var silence: Float { floor / 40 + 1 }
    private static var floor: Float { -90 }
    private static var ceiling: Float { 20 }
    /// Frames whose windows fill the sixteen channels.
    private static var together: Int { 16 / BassFormat.tonalRows }
    private static var piece: Int { 1024 }
    /// Centre of the last window in a frame, and half of it.
    private static var lookahead: Int { 864 + FilterBanks.tonalWindow / 2 }

    /// - Parameter sampleRate: Hz, at least 1000
    /// - Throws: `ModelError.outOfMemory`
    public init(filters: FilterBanks, sampleRate: Int, kernels: Kernels = Kernels()) throws(ModelError) {
        precondition(sampleRate >= 1000)
        self.filters = filters
        self.sampleRate = sampleRate
        self.kernels = kernels
        resampler =
            sampleRate == BassFormat.analysisRate ? nil : Resampler(from: sampleRate, to: BassFormat.analysisRate)
        let tonal = FilterBanks.tonalWindow, rhythm = FilterBanks.rhythmWindow
        tonalPlan = try FourierPlan(length: tonal)
        rhythmPlan = try FourierPlan(length: rhythm)
        tonalHann = try Self.hann(tonal)
        rhythmHann = try Self.hann(rhythm)
        windows = try FloatBuffer(count: 16 * tonal)
        work = try FloatBuffer(count: 32 * tonalPlan.half)
        spectrum = try FloatBuffer(count: 32 * tonalPlan.bins)
        powers = try FloatBuffer(count: 16 * max(filters.tonalLines, rhythmPlan.bins))
        mono = try FloatBuffer(count: Self.piece)
        resampled = try FloatBuffer(count: resampler?.maximumOutput(for: Self.piece) ?? 0)
        base = -tonal / 2
        try start()
    }

    private func start() throws(ModelError) {
        // The silence before the first sample.
        base = -FilterBanks.tonalWindow / 2
        let silence = try samples.append(-base)
        for n in 0..<(-base) { silence[n] = 0 }
    }

    /// Forgets all that was fed.
    public func reset() throws(ModelError) {
        samples.removeAll()
        resampler?.reset()
        next = 0
        fed = 0
        isFinished = false
        try start()
    }

    private static func hann(_ size: Int) throws(ModelError) -> FloatBuffer {
        let window = try FloatBuffer(count: size)
        for n in 0..<size { window.base[n] = Float(0.5 - 0.5 * cr_cos_f64(2 * Double.pi * Double(n) / Double(size))) }
        return window
    }

    // MARK: In

    /// Takes the next `count` samples; the mean of both channels is heard. What is no finite number is silence.
    public func feed(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>? = nil, count: Int
    ) throws(ModelError) {
        var done = 0
        while done < count {
            let part = min(Self.piece, count - done)
            for n in 0..<part {
                let value = right.map { 0.5 * (left[done + n] + $0[done + n]) } ?? left[done + n]
                mono.base[n] = abs(value) < 1e6 ? value : 0
            }
            try take(mono.base, part)
            fed += part
            done += part
        }
    }

    private func take(_ input: UnsafePointer<Float>, _ count: Int) throws(ModelError) {
        guard let resampler else {
            try samples.append(count).update(from: input, count: count)
            return
        }
        let produced = resampler.process(input, count: count, into: resampled.base)
        try samples.append(produced).update(from: resampled.base, count: produced)
    }

    /// Says that nothing more comes: the frames that the sound reaches become complete.
    public func finish() throws(ModelError) {
        guard !isFinished else { return }
        let length = seconds * Double(BassFormat.analysisRate)
        let frames = Int(cr_ceil_f64(length / Double(BassFormat.frameLength) - 1e-9))
        let wanted = frames * BassFormat.frameLength + FilterBanks.tonalWindow
        if let resampler {
            // What the resampler still holds back.
            for n in 0..<Self.piece { mono.base[n] = 0 }
            var left = resampler.reach + 1
            while left > 0 {
                try take(mono.base, min(left, Self.piece))
                left -= Self.piece
            }
        }
        let missing = wanted - (base + samples.count)
        if missing > 0 {
            let silence = try samples.append(missing)
            for n in 0..<missing { silence[n] = 0 }
        }
        isFinished = true
        last = frames
    }
    private var last = 0

    /// Seconds fed.
    public var seconds: Double { Double(fed) / Double(sampleRate) }

    // MARK: Out

    /// Frames that are complete and not yet read.
    public var available: Int {
        if isFinished { return last - next }
        let whole = base + samples.count - Self.lookahead
        return whole < 0 ? 0 : max(0, whole / BassFormat.frameLength + 1 - next)
    }

    /// Writes up to `maximum` frames of 416 numbers and returns how many.
    public func read(into output: UnsafeMutablePointer<Float>, maximum: Int) -> Int {
        let count = min(maximum, available)
        guard count > 0 else { return 0 }
        var done = 0
        while done < count {
            let part = min(Self.together, count - done)
            analyse(part, output + done * BassFormat.features)
            next += part
            done += part
        }
        // Samples before the next frame's first window are no longer needed.
        let unused = next * BassFormat.frameLength + 288 - FilterBanks.tonalWindow / 2 - base
        if unused > 0 {
            samples.removeFirst(unused)
            base += unused
        }
        return count
    }

    /// Up to eight frames from `next` on.
    private func analyse(_ frames: Int, _ output: UnsafeMutablePointer<Float>) {
        let tonalRows = BassFormat.tonalRows, rhythmRows = BassFormat.rhythmRows
        transform(tonalPlan, tonalHann, filters.tonalLines, windows: tonalRows * frames) { window in
            (window / tonalRows) * BassFormat.frameLength + 288 + 576 * (window % tonalRows)
        }
        for window in 0..<tonalRows * frames {
            let row = output + (window / tonalRows * BassFormat.features + window % tonalRows * BassFormat.tonalBands)
            fill(filters.tonal, window, row)
        }
        var first = 0
        while first < rhythmRows * frames {
            let count = min(16, rhythmRows * frames - first)
            transform(rhythmPlan, rhythmHann, rhythmPlan.bins, windows: count) { window in
                ((first + window) / rhythmRows) * BassFormat.frameLength + 144 + 288 * ((first + window) % rhythmRows)
            }
            for window in 0..<count {
                let frame = (first + window) / rhythmRows, part = (first + window) % rhythmRows
                let start = tonalRows * BassFormat.tonalBands + part * BassFormat.rhythmBands
                fill(filters.rhythm, window, output + (frame * BassFormat.features + start))
            }
            first += count
        }
    }

    /// Powers of the first `lines` lines of up to sixteen windows, centred at samples that `centre` gives from `next` on.
    private func transform(
        _ plan: FourierPlan, _ hann: FloatBuffer, _ lines: Int, windows count: Int, centre: (Int) -> Int
    ) {
        for lane in 0..<16 {
            if lane < count {
                let start = next * BassFormat.frameLength + centre(lane) - plan.length / 2 - base
                let x = samples.base + start
                for n in 0..<plan.length { windows.base[16 * n + lane] = x[n] * hann.base[n] }
            } else {
                for n in 0..<plan.length { windows.base[16 * n + lane] = 0 }
            }
        }
        kernels.transformRows(
            windows.base, rowStride: 16, count: plan.length, plan: plan, work: work.base, spectrum: spectrum.base,
            binStride: 32, imaginary: 16)
        for line in 0..<lines {
            let at = UnsafeRawPointer(spectrum.base + 32 * line)
            let re = at.loadUnaligned(as: SIMD16<Float>.self)
            let im = (at + 64).loadUnaligned(as: SIMD16<Float>.self)
            // The transform is twice what it should be.
            UnsafeMutableRawPointer(powers.base + 16 * line).storeBytes(
                of: (re * re + im * im) * 0.25, as: SIMD16<Float>.self)
        }
    }

    /// One window's bands.
    private func fill(_ bands: [FilterBanks.Band], _ window: Int, _ output: UnsafeMutablePointer<Float>) {
        for (number, band) in bands.enumerated() {
            let w = filters.weights.base + band.offset, p = powers.base + (16 * band.first + window)
            var sum: Float = 0
            for i in 0..<band.count { sum += w[i] * p[16 * i] }
            let decibels = 10 * cr_log10(sum + 1e-9)
            output[number] = min(max(decibels, Self.floor), Self.ceiling) / 40 + 1
        }
    }
}
