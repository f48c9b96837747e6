import CRealtime
import Neural

/// From noise to latents: a rectified flow, from time 1 (noise) to 0 in even steps (Euler's), with guidance, a style, and what is kept.
///
/// Songs longer than a window are made of windows of 256 frames, one every 192, whose estimates are averaged where they overlap, at
/// every step, by triangular weights: so no seam is heard. A window goes on to its next step as soon as those that overlap it have done
/// this one, so only as many windows are held as there are steps, however long the song is; with a style, whose estimate's mean over
/// the whole song each step needs, all are. Beside them a song takes 200 bytes a frame (15 MB an hour).
///
/// One thread at a time. Deterministic: the same take for the same model, conditions, settings and instruction set.
public final class Sampler {
    /// Frames of a window, and from one to the next.
    public static var window: Int { 256 }
    public static var hop: Int { 192 }

    private let model: BassGeneratorModel
    private let transformer: DiffusionTransformer
    private static var latents: Int { BassFormat.latents }

    /// Windows that the last take held at once, at most.
    package private(set) var windowsHeld = 0

    // Of one window.
    private let mix: FloatBuffer
    private let mixKnown: FloatBuffer
    private let beat: FloatBuffer
    private let chords: FloatBuffer
    private let auxiliary: FloatBuffer
    private let velocity: FloatBuffer
    private let estimate: FloatBuffer
    private let other: FloatBuffer
    private let blind: FloatBuffer

    /// - Throws: `TakeError.model(.outOfMemory)`
    public init(model: BassGeneratorModel) throws(TakeError) {
        self.model = model
        transformer = try DiffusionTransformer(model: model, maximumFrames: Self.window)
        mix = try floats(Self.window * BassFormat.features)
        mixKnown = try floats(Self.window)
        beat = try floats(Self.window * BassFormat.beatFeatures)
        chords = try floats(Self.window * BassFormat.chordFeatures)
        auxiliary = try floats(Self.window * BassGeneratorModel.auxiliaryCount)
        velocity = try floats(Self.window * Self.latents)
        estimate = try floats(Self.window * Self.latents)
        other = try floats(Self.window * Self.latents)
        blind = try floats(Self.window * model.width)
    }

    /// First frames of the windows of a song: one every 192, the last flush with the end.
    package static func windowStarts(frames: Int) -> [Int] {
        guard frames > window else { return [0] }
        var starts: [Int] = []
        var start = 0
        while start < frames - window {
            starts.append(start)
            start += hop
        }
        starts.append(frames - window)
        return starts
    }

    /// A take's latents.
    ///
    /// - Parameters:
    ///   - start: of the line that a variation starts from; as many frames
    ///   - noise: to begin from in place of the seed's; as many frames
    ///   - trace: called after every step of a song of one window, with the latents as they are then
    public func sample(
        _ conditions: TakeConditions, _ wanted: SamplerSettings, start: BassLatents? = nil, noise: BassLatents? = nil,
        control: TakeControl? = nil, trace: ((UnsafePointer<Float>) -> Void)? = nil
    ) throws(TakeError) -> BassLatents {
        precondition(start == nil || start!.frames == conditions.frames)
        precondition(noise == nil || noise!.frames == conditions.frames)
        precondition(conditions.kept == nil || conditions.kept!.mask.count == conditions.frames)
        let denormals = cr_flush_denormals()  // here and below: values that fade away would be slow
        defer { cr_restore_denormals(denormals) }
        let take = try Take(conditions, wanted.clamped, model, hasStart: start != nil)
        windowsHeld = 0
        try begin(take, start, noise, control)
        if take.begin == 0 { return take.z }
        let windows = take.starts.count, steps = take.settings.steps
        var next = [Int](repeating: 0, count: steps)
        var done = 0
        while next[steps - 1] < windows {
            // Of the windows that can go on, the one that is furthest: so few are held.
            var step = steps - 1
            while !isReady(next, step, take) { step -= 1 }
            let window = next[step]
            if step == 0 { try listen(window, take, control) }
            try evaluate(window, step, take, control)
            try add(window, take)
            next[step] += 1
            finish(window, step, take)
            if step == steps - 1 { take.release(window) }
            done += 1
            control?.progress = Double(done) / Double(windows * steps)
            if let trace, next[step] == windows, windows == 1 || take.isInStep { trace(take.z.values.base) }
        }
        return take.z
    }

    // MARK: A take

    /// Everything of a take that lasts longer than a window's evaluation.
    private final class Take {
        let conditions: TakeConditions
        let settings: SamplerSettings
        let frames: Int
        let starts: [Int]
        /// The time that the first step begins at, and the steps' networks.
        let begin: Double
        let modulations: [StepModulation]
        /// The network takes the steps' size and the guidance itself.
        let isDistilled: Bool
        /// Each frame's latents at the step it has reached; estimates of the next one and their weights, as they are added up.
        let z: BassLatents
        let sum: FloatBuffer
        let weight: FloatBuffer
        /// What each window listens to, while it is under way; and memory for more.
        var listened: [FloatBuffer?]
        private var free: [FloatBuffer] = []
        private(set) var held = 0
        private let width: Int
        let blindIsOneRow: Bool
        var blindIsReady = false

        /// All windows do a step before any does the next: the style asks for it.
        var isInStep: Bool { settings.style != nil }
        var needsBlind: Bool { !isDistilled && settings.guidance != 1 }

        init(
            _ conditions: TakeConditions, _ settings: SamplerSettings, _ model: BassGeneratorModel, hasStart: Bool
        ) throws(TakeError) {
            self.conditions = conditions
            self.settings = settings
            frames = conditions.frames
            starts = Sampler.windowStarts(frames: frames)
            begin = hasStart ? Double(settings.variation) : 1
            // What distillation taught (training/bass/distil.py); smaller steps and more guidance are the flow's own business.
            isDistilled =
                model.isDistilled && begin / Double(settings.steps) > 0.124 && settings.guidance >= 1 && settings.guidance <= 4
            z = try BassLatents(frames: frames)
            sum = try floats(frames * Sampler.latents)
            weight = try floats(frames)
            listened = [FloatBuffer?](repeating: nil, count: starts.count)
            width = model.width
            blindIsOneRow = conditions.kept == nil
            var modulations: [StepModulation] = []
            for step in 0..<settings.steps {
                let time = begin * Self.time(step, settings.steps), after = begin * Self.time(step + 1, settings.steps)
                modulations.append(
                    try StepModulation(
                        model, time: time, size: isDistilled ? time - after : 0,
                        guidance: isDistilled ? Double(settings.guidance) : 1))
            }
            self.modulations = modulations
        }

        /// 1 … 0, evenly.
        private static func time(_ step: Int, _ steps: Int) -> Double { 1 - Double(step) / Double(steps) }
        func time(_ step: Int) -> Double { begin * Self.time(step, settings.steps) }

        func length(_ window: Int) -> Int { min(Sampler.window, frames - starts[window]) }

        func memory() throws(TakeError) -> FloatBuffer {
            held += 1
            if let buffer = free.popLast() { return buffer }
            return try floats(min(Sampler.window, frames) * width)
        }

        func release(_ window: Int) {
            if let buffer = listened[window] { free.append(buffer) }
            listened[window] = nil
            held -= 1
        }
    }

    /// The noise, or the line to vary with its share of noise.
    private func begin(
        _ take: Take, _ start: BassLatents?, _ noise: BassLatents?, _ control: TakeControl?
    ) throws(TakeError) {
        let generator = GaussianNoise(seed: take.settings.seed)
        let piece = 1024 * Self.latents, count = take.frames * Self.latents
        let share = Float(take.begin)
        var first = 0
        while first < count {
            try check(control)
            let part = min(piece, count - first)
            let z = take.z.values.base + first
            if let noise {
                z.update(from: noise.values.base + first, count: part)
            } else {
                generator.fill(z, first: first, count: part)
            }
            if let start {
                let from = start.values.base + first
                for i in 0..<part { z[i] = (1 - share) * from[i] + share * z[i] }
            }
            first += part
        }
    }

    /// Whether the next window of `step` can be evaluated: all windows that reach into it have done the step before.
    private func isReady(_ next: [Int], _ step: Int, _ take: Take) -> Bool {
        let windows = take.starts.count, window = next[step]
        guard window < windows else { return false }
        guard step > 0 else { return true }
        let before = next[step - 1]
        if before == windows { return true }
        return !take.isInStep && take.starts[before] >= take.starts[window] + take.length(window)
    }

    // MARK: A window

    /// What the window's network listens to, once for all steps.
    private func listen(_ window: Int, _ take: Take, _ control: TakeControl?) throws(TakeError) {
        let first = take.starts[window], count = take.length(window)
        for (buffer, size) in [
            (mix, BassFormat.features), (mixKnown, 1), (beat, BassFormat.beatFeatures), (chords, BassFormat.chordFeatures),
        ] {
            cr_zero(buffer.base, count * size * MemoryLayout<Float>.stride)
        }
        let rows = ConditionRows(mix: mix.base, mixKnown: mixKnown.base, beat: beat.base, chords: chords.base)
        try take.conditions.read(first: first, count: count, into: rows)
        let buffer = try take.memory()
        let hears = take.settings.hearsChords
        try transformer.hear(mix.base, frames: count, auxiliary: hears ? auxiliary.base : nil, control: control)
        if hears {
            HeardChords.fill(
                chords.base, mixKnown: mixKnown.base, beat: beat.base, auxiliary: auxiliary.base, frames: count)
        }
        transformer.listen(rows, kept: take.conditions.kept, first: first, frames: count, buffer.base)
        take.listened[window] = buffer
        windowsHeld = max(windowsHeld, take.held)
    }

    /// The window's estimate of the latents at the end, into `estimate`.
    private func evaluate(_ window: Int, _ step: Int, _ take: Take, _ control: TakeControl?) throws(TakeError) {
        let first = take.starts[window], frames = take.length(window), count = frames * Self.latents
        let z = take.z.values.base + first * Self.latents
        let time = Float(take.time(step))
        guard let listened = take.listened[window] else { return }
        try transformer.evaluate(
            z, frames: frames, step: take.modulations[step], listened: listened.base, velocity: velocity.base,
            control: control)
        for i in 0..<count { estimate.base[i] = z[i] - time * velocity.base[i] }
        guard take.needsBlind else { return }
        if !take.blindIsOneRow || !take.blindIsReady {
            transformer.listen(
                nil, kept: take.conditions.kept, first: first, frames: take.blindIsOneRow ? 1 : frames, blind.base)
            take.blindIsReady = true
        }
        try transformer.evaluate(
            z, frames: frames, step: take.modulations[step], listened: blind.base, isOneRow: take.blindIsOneRow,
            velocity: velocity.base, control: control)
        for i in 0..<count { other.base[i] = z[i] - time * velocity.base[i] }
        guide(frames, take.settings)
    }

    /// Guidance of `estimate` away from `other`, with its spread over time drawn back per channel (Lin et al. 2023).
    private func guide(_ frames: Int, _ settings: SamplerSettings) {
        let w = settings.guidance, phi = settings.rescale
        for c in 0..<Self.latents {
            var sums = (0.0, 0.0), squares = (0.0, 0.0)
            for frame in 0..<frames {
                let i = frame * Self.latents + c
                let x = other.base[i] + w * (estimate.base[i] - other.base[i])
                other.base[i] = x
                sums.0 += Double(estimate.base[i])
                sums.1 += Double(x)
            }
            let mean = (sums.0 / Double(frames), sums.1 / Double(frames))
            for frame in 0..<frames {
                let i = frame * Self.latents + c
                let a = Double(estimate.base[i]) - mean.0, b = Double(other.base[i]) - mean.1
                squares.0 += a * a
                squares.1 += b * b
            }
            let spread = (
                Float(cr_sqrt_f64(squares.0 / Double(frames))), Float(cr_sqrt_f64(squares.1 / Double(frames)))
            )
            let factor = phi * spread.0 / (spread.1 + 1e-6) + (1 - phi)
            for frame in 0..<frames { estimate.base[frame * Self.latents + c] = factor * other.base[frame * Self.latents + c] }
        }
    }

    /// Adds the estimate to those of the windows that overlap this one. Throws if it holds what is no number.
    private func add(_ window: Int, _ take: Take) throws(TakeError) {
        let first = take.starts[window], frames = take.length(window)
        var sum: Float = 0
        for frame in 0..<frames {
            let place = Float(frame) + 0.5
            let share = min(place, Float(frames) - place) / Float(frames)
            take.weight.base[first + frame] += share
            let to = take.sum.base + (first + frame) * Self.latents, from = estimate.base + frame * Self.latents
            for c in 0..<Self.latents {
                to[c] += share * from[c]
                sum += from[c] * 0
            }
        }
        guard sum == 0 else {
            throw .model(.unsuitable(path: model.path, reason: "its answers are no finite numbers"))
        }
    }

    /// Takes the frames that no later window of this step reaches into on to the next step.
    private func finish(_ window: Int, _ step: Int, _ take: Take) {
        let isLast = window == take.starts.count - 1
        if take.isInStep {
            guard isLast else { return }
            average(0..<take.frames, take)
            ground(step, take)
            advance(0..<take.frames, step, take)
        } else {
            let frames = take.starts[window]..<(isLast ? take.frames : take.starts[window + 1])
            average(frames, take)
            advance(frames, step, take)
        }
    }

    private func average(_ frames: Range<Int>, _ take: Take) {
        for frame in frames {
            let x = take.sum.base + frame * Self.latents, weight = take.weight.base[frame]
            for c in 0..<Self.latents { x[c] /= weight }
        }
    }

    /// Draws the mean over time of the estimate's timbre to the style's: by its whole strength, but where that is below 1 going to
    /// nothing over the last third of the time.
    private func ground(_ step: Int, _ take: Take) {
        guard let style = take.settings.style else { return }
        let strength = take.settings.styleStrength
        let share = strength >= 1 ? strength : strength * min(1, max(0, 3 * Float(take.time(step))))
        for c in 0..<BassFormat.timbre {
            let x = take.sum.base + (BassFormat.line + c)
            var sum = 0.0
            for frame in 0..<take.frames { sum += Double(x[frame * Self.latents]) }
            let shift = share * (style.timbre[c] - Float(sum / Double(take.frames)))
            for frame in 0..<take.frames { x[frame * Self.latents] += shift }
        }
    }

    /// One step of Euler's from z towards the estimate in `sum`, which is then zeros again.
    private func advance(_ frames: Range<Int>, _ step: Int, _ take: Take) {
        let time = take.time(step), after = step + 1 == take.settings.steps ? 0 : take.time(step + 1)
        let part = Float((time - after) / time)
        for frame in frames {
            let z = take.z.values.base + frame * Self.latents, x = take.sum.base + frame * Self.latents
            if let kept = take.conditions.kept, kept.mask[frame] {
                // What is kept stays what it is.
                x.update(from: kept.latents.values.base + frame * Self.latents, count: Self.latents)
            }
            for c in 0..<Self.latents {
                z[c] -= part * (z[c] - x[c])
                x[c] = 0
            }
            take.weight.base[frame] = 0
        }
    }
}
