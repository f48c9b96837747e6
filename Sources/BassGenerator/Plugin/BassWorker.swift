import CBassGenerator
import CRealtime
import Neural
import Realtime
import Synchronization

/// Loads the models and makes the takes, on the background pool's thread. Of several requests that wait the newest counts, and a new
/// one ends the one that is being worked on (`cancel`).
final class BassWorker: PoolClient, @unchecked Sendable {
    /// Models in use in this process. Guarded by the process lock, which its functions take.
    nonisolated(unsafe) private static var coders = SharedObjects<BassAutoencoder>()
    nonisolated(unsafe) private static var models = SharedObjects<BassGeneratorModel>()

    enum Status {
        static var loading: Int { 0 }
        static var ready: Int { 1 }
        static var failed: Int { 2 }
    }
    let status = Atomic<Int>(Status.loading)
    /// Loads that the audio thread waits for when freewheeling: of the models, of a saved state, of a style from what came in.
    private let loads = Atomic<Int>(1)
    /// Saved states that wait to be taken up.
    private let restores = Atomic<Int>(0)
    /// What the audio thread asks for, and the serial of the last request that was answered, with a take or without.
    private let requests = LatestValue<TakeRequest>(TakeRequest())
    let served = Atomic<UInt32>(0)
    private let styleRequests = LatestValue<StyleRequest>(StyleRequest())
    /// What the audio thread may play, and what it does play.
    let tables = LatestValue<TakeTable>(TakeTable())
    let uses = LatestValue<TakeUse>(TakeUse())
    let milliseconds = Atomic<UInt32>(0)
    private let control = TakeControl()
    // Without its reference count, which the audio thread must not touch.
    private let audioControl: Unmanaged<TakeControl>

    let style: StyleLoader
    private let ring: MixRing
    private let sampleRate: Int
    private let folders: [String]
    private let report: continuo_bass_report?
    private let reportContext: UnsafeMutableRawPointer?
    private let closing = Atomic<Bool>(false)

    // Under the mutex: what is kept, for whoever saves it, and what was saved and waits.
    private let mutex: OpaquePointer
    private let shelf: TakeShelf
    private var mix: KeptMix?
    private var waiting: RestoredRecordings?
    private var restoreCount: UInt32 = 0

    // The worker's own.
    private var coder: BassAutoencoder?
    private var model: BassGeneratorModel?
    private var sampler: Sampler?
    /// The mix as the networks hear it.
    private var rows: FloatBuffer?
    private var mixFrames = 0
    private var heardMix: KeptMix?
    private var heard: TrackedBeats?
    private var styleSerial: UInt32 = 0
    private var styleTimbre: BassStyle?

    init?(
        ring: MixRing, sampleRate: Int, bundle: String?, report: continuo_bass_report?, read: continuo_bass_read?,
        context: UnsafeMutableRawPointer?
    ) {
        guard let style = StyleLoader(read: read, context: context) else { return nil }
        self.style = style
        self.ring = ring
        self.sampleRate = sampleRate
        self.report = report
        reportContext = context
        folders = ModelFolders.search(bundle: bundle)
        audioControl = Unmanaged.passUnretained(control)
        mutex = cr_mutex_make()
        shelf = TakeShelf(sampleRate: sampleRate)
        super.init()
        guard WorkerPool.register(self, .background) else {
            style.close()
            return nil
        }
        submit(deadline: cr_now())
    }

    deinit { cr_mutex_free(mutex) }

    /// Ends all work; call before letting go, when the audio thread has ended.
    func close() {
        closing.store(true, ordering: .sequentiallyConsistent)
        control.cancel()
        style.close()
        WorkerPool.unregister(self)
        if let coder { Self.coders.release(coder) }
        if let model { Self.models.release(model) }
        sampler = nil
        coder = nil
        model = nil
    }

    // MARK: Those who save and restore

    /// Everything that a session is to keep.
    func keep() -> KeptRecordings {
        let learned = style.learnedSound
        cr_mutex_lock(mutex)
        defer { cr_mutex_unlock(mutex) }
        return KeptRecordings(
            mix: mix, style: learned, takes: shelf.takes, newest: shelf.newest, asked: served.load(ordering: .relaxed),
            sampleRate: sampleRate)
    }

    /// Takes up what was kept, in place of all there is; bit i of the answer: recording i was refused.
    func restore(_ recordings: UnsafePointer<continuo_bass_recording>) -> UInt32 {
        cr_mutex_lock(mutex)
        restoreCount += 1
        let mark = -Int(restoreCount)
        cr_mutex_unlock(mutex)
        let restored = RestoredRecordings(recordings, sampleRate: sampleRate, mark: mark)
        cr_mutex_lock(mutex)
        waiting = restored
        cr_mutex_unlock(mutex)
        restores.add(1, ordering: .acquiringAndReleasing)
        control.cancel()
        submit(deadline: cr_now())
        return restored.refused
    }

    // MARK: Audio thread

    /// Asks for a take; of an earlier request nothing more comes once this returns, but for a take that was just then published.
    func ask(_ request: TakeRequest) {
        requests.write(request)
        audioControl._withUnsafeGuaranteedRef { $0.cancel() }
        submit(deadline: cr_now())
    }

    /// Asks for the sound of what came in to be learned.
    func learn(_ request: StyleRequest) {
        styleRequests.write(request)
        loads.add(1, ordering: .acquiringAndReleasing)
        submit(deadline: cr_now())
    }

    /// Models, a saved state or a learned sound are being taken in.
    var isLoading: Bool {
        if loads.load(ordering: .acquiring) > 0 { return true }
        return restores.load(ordering: .acquiring) > 0
    }
    var isRestoring: Bool { restores.load(ordering: .acquiring) > 0 }

    /// 0 … 1 of the take that is being made.
    var progress: Float { Float(audioControl._withUnsafeGuaranteedRef { $0.progress }) }

    // MARK: Worker

    override func performNext() {
        var loaded = loads.load(ordering: .acquiring)
        if status.load(ordering: .relaxed) == Status.loading { load() }
        learn()
        loads.subtract(loaded, ordering: .acquiringAndReleasing)
        takeUp()
        guard var request = requests.readIfFresh() else { return }
        while true {
            control.renew()
            // What came before `renew` was not cancelled for nothing: it is newer.
            if closing.load(ordering: .sequentiallyConsistent) { return }
            if restores.load(ordering: .acquiring) > 0 { return takeUp() }
            loaded = loads.load(ordering: .acquiring)
            learn()
            loads.subtract(loaded, ordering: .acquiringAndReleasing)
            if let newer = requests.readIfFresh() { request = newer }
            do throws(TakeError) {
                try make(request)
            } catch {
                if case .cancelled = error { continue }
                say(true, "no take: " + error.message)
            }
            served.store(request.serial, ordering: .releasing)
            return
        }
    }

    /// Puts what was saved in the place of what there is. Takes that were asked for before are not made.
    private func takeUp() {
        let count = restores.load(ordering: .acquiring)
        guard count > 0 else { return }
        cr_mutex_lock(mutex)
        let restored = waiting
        waiting = nil
        var table = TakeTable()
        if let restored {
            shelf.free(uses.read())
            shelf.replace(restored.takes, newest: restored.newest)
            mix = restored.mix
        }
        fill(&table)
        cr_mutex_unlock(mutex)
        if let restored {
            _ = requests.readIfFresh()
            served.store(restored.asked, ordering: .releasing)
            if let sound = restored.style { style.learn(sound, sampleRate: sampleRate) }
            table.restored = restoredTables &+ 1
            restoredTables = table.restored
            table.captured = restored.mix?.bars ?? TakeRequest()
            table.captured.serial = restored.asked
            restoredBars = table.captured
            tables.write(table)
        }
        restores.subtract(count, ordering: .acquiringAndReleasing)
    }
    /// What the last saved state brought; later tables say it again, for the audio thread may not have seen the first.
    private var restoredTables: UInt32 = 0
    private var restoredBars = TakeRequest()

    private func fill(_ table: inout TakeTable) {
        shelf.fill(&table)
        table.restored = restoredTables
        table.captured = restoredBars
    }

    /// Learns the sound of what came in.
    private func learn() {
        guard let request = styleRequests.readIfFresh() else { return }
        do throws(TakeError) {
            let samples = try floats(request.length)
            guard ring.copy(request.start, request.length, into: samples.base) else {
                return say(true, "the sound to play with was overtaken before it could be heard")
            }
            var peak: Float = 0
            for n in 0..<request.length { peak = max(peak, abs(samples.base[n])) }
            guard peak > 1e-3, peak.isFinite else {
                return say(true, "what came in is too quiet to learn a sound from; the one before stays")
            }
            style.learn(KeptSound(samples), sampleRate: sampleRate)
        } catch {
            say(true, error.message)
        }
    }

    private func load() {
        do throws(ModelError) {
            coder = try loadCoder()
            model = try loadModel()
        } catch {
            say(true, error.message)
        }
        do throws(TakeError) {
            if let model, coder != nil { sampler = try Sampler(model: model) }
        } catch {
            say(true, error.message)
        }
        status.store(sampler == nil ? Status.failed : Status.ready, ordering: .releasing)
    }

    private func loadCoder() throws(ModelError) -> BassAutoencoder? {
        guard let (path, identity) = find("continuo-bass-autoencoder.safetensors") else { return nil }
        if let known = Self.coders.find(identity) { return known }
        return Self.coders.add(try BassAutoencoder(path: path), identity)
    }

    private func loadModel() throws(ModelError) -> BassGeneratorModel? {
        guard let (path, identity) = find("continuo-bass-generator.safetensors") else { return nil }
        if let known = Self.models.find(identity) { return known }
        return Self.models.add(try BassGeneratorModel(path: path), identity)
    }

    private func find(_ name: String) -> (path: String, identity: cr_file_identity)? {
        for folder in folders {
            let path = folder + "/" + name
            var identity = cr_file_identity()
            if path.withCString({ cr_identify_file($0, &identity) }) { return (path, identity) }
        }
        say(true, "its model " + name + " is missing from its bundle (and from " + (folders.first ?? "") + ")")
        return nil
    }

    /// What is heard around the bars, so that they are known to follow on themselves: latent frames.
    private static var margin: Int { 32 }
    private var marginSamples: Int { Self.margin * BassFormat.frameLength * sampleRate / BassFormat.analysisRate }

    private func make(_ request: TakeRequest) throws(TakeError) {
        guard let coder, let model, let sampler else { return }
        let begin = cr_now()
        if !(try listen(request, coder, model)) {
            say(true, "the mix was overtaken before it could be heard")
            return
        }
        try refreshStyle(coder)
        let seconds = Double(request.length) / Double(sampleRate), margin = Double(Self.margin) * BassFormat.frameSeconds
        let conditions = StoredConditions(frames: mixFrames)
        conditions.mix = rows
        if request.knowsBars {
            // A beat is the felt one: a dotted quarter in 6/8, 9/8 and 12/8.
            var beats = Int(request.beatsPerBar + 0.5)
            if request.beatUnit == 8, beats > 3, beats % 3 == 0 { beats /= 3 }
            conditions.beats = BeatGrid(
                tempo: 60 * Double(beats * request.bars) / seconds, beatsPerBar: beats, downbeat: margin,
                seconds: Double(mixFrames) * BassFormat.frameSeconds)
        } else {
            conditions.beats = heard?.grid
        }
        var settings = SamplerSettings()
        settings.seed = request.seed
        settings.steps = request.steps
        settings.guidance = request.guidance
        settings.variation = request.variation
        settings.style = styleTimbre
        settings.styleStrength = request.styleStrength
        let noise = try self.noise(request)
        var start: BassLatents?
        if request.variation < 1, let last = shelf.newestTake?.latents, last.frames == mixFrames { start = last }
        let latents = try sampler.sample(conditions, settings, start: start, noise: noise, control: control)
        let take = try BassTake(latents: latents, model: coder, control: control)
        let kept = KeptTake(try render(take, request), latents: latents)
        milliseconds.store(UInt32(min((cr_now() - begin) / 1_000_000, 4_000_000_000)), ordering: .relaxed)
        var table = TakeTable()
        cr_mutex_lock(mutex)
        shelf.free(uses.read())
        shelf.add(kept)
        fill(&table)
        cr_mutex_unlock(mutex)
        tables.write(table)
    }

    /// Hears the bars of the request, with what comes around them when they are repeated; false if they are gone.
    private func listen(
        _ request: TakeRequest, _ coder: BassAutoencoder, _ model: BassGeneratorModel
    ) throws(TakeError) -> Bool {
        if let heardMix, heardMix.bars.start == request.start, heardMix.length == request.length { return true }
        heardMix = nil
        var wanted: KeptMix
        if let mix, mix.bars.start == request.start, mix.length == request.length {
            wanted = mix
        } else {
            let samples = try floats(request.length)
            guard request.start >= 0, ring.copy(request.start, request.length, into: samples.base) else { return false }
            wanted = KeptMix(samples, bars: request)
            cr_mutex_lock(mutex)
            mix = wanted
            cr_mutex_unlock(mutex)
        }
        let samples = wanted.samples
        do throws(ModelError) {
            let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: sampleRate, kernels: coder.kernels)
            let total = request.length + 2 * marginSamples
            let most = total / (BassFormat.frameLength * sampleRate / BassFormat.analysisRate) + 2
            let rows = try FloatBuffer(count: most * BassFormat.features)
            var frames = 0, done = 0
            var place = (request.length - marginSamples % request.length) % request.length
            while done < total {
                if control.isCancelled { break }
                let part = min(4096, total - done, request.length - place)
                try frontEnd.feed(samples.base + place, count: part)
                done += part
                place = (place + part) % request.length
                frames += frontEnd.read(into: rows.base + frames * BassFormat.features, maximum: most - frames)
            }
            if !control.isCancelled {
                try frontEnd.finish()
                frames += frontEnd.read(into: rows.base + frames * BassFormat.features, maximum: most - frames)
            }
            self.rows = rows
            mixFrames = frames
        } catch {
            throw .model(error)
        }
        try check(control)
        heard = nil
        if !request.knowsBars {
            let conditions = StoredConditions(frames: mixFrames)
            conditions.mix = rows
            heard = try MixAnalysis(conditions, model: model, control: control).beats(control: control)
        }
        heardMix = wanted
        return true
    }

    /// What tells the wanted sound from others, if it is another than before.
    private func refreshStyle(_ coder: BassAutoencoder) throws(TakeError) {
        let (sound, rate, serial) = style.current
        if serial == styleSerial { return }
        styleTimbre = nil
        if let sound {
            do throws(ModelError) {
                let frontEnd = try BassFrontEnd(filters: coder.filters, sampleRate: rate, kernels: coder.kernels)
                let most = sound.length / max(1, BassFormat.frameLength * rate / BassFormat.analysisRate) + 2
                let rows = try FloatBuffer(count: most * BassFormat.features)
                var frames = 0, done = 0
                while done < sound.length {
                    if control.isCancelled { break }
                    let part = min(4096, sound.length - done)
                    try frontEnd.feed(sound.samples.base + done, count: part)
                    done += part
                    frames += frontEnd.read(into: rows.base + frames * BassFormat.features, maximum: most - frames)
                }
                try frontEnd.finish()
                frames += frontEnd.read(into: rows.base + frames * BassFormat.features, maximum: most - frames)
                do throws(TakeError) {
                    try check(control)
                    if frames > 0 { styleTimbre = try coder.encode(rows.base, frames: frames, control: control).style }
                } catch {
                    if case .model(let error) = error { throw error }
                }
            } catch {
                throw .model(error)
            }
            try check(control)
        }
        styleSerial = serial
    }

    /// Noise that repeats as the mix does, so that the line that goes out of the last bar is the one that comes into the first.
    private func noise(_ request: TakeRequest) throws(TakeError) -> BassLatents {
        let noise = try BassLatents(frames: mixFrames)
        let size = BassFormat.latents
        GaussianNoise(seed: request.seed).fill(noise.values.base, first: 0, count: mixFrames * size)
        let seconds = Double(request.length) / Double(sampleRate)
        let period = max(1, Int(seconds / BassFormat.frameSeconds + 0.5))
        for frame in 0..<mixFrames {
            let place = ((frame - Self.margin) % period + period) % period + Self.margin
            if place != frame, place < mixFrames {
                (noise.values.base + frame * size).update(from: noise.values.base + place * size, count: size)
            }
        }
        return noise
    }

    /// Sound and notes of the bars themselves.
    private func render(_ take: BassTake, _ request: TakeRequest) throws(TakeError) -> TakeSound {
        let renderer = try take.renderer(sampleRate: sampleRate)
        let margin = marginSamples, length = request.length
        // What follows the last bar goes over into what the first begins with.
        let seam = min(max(1, sampleRate / 100), length)
        let total = margin + length + seam
        let all = try floats(total)
        let other = try floats(min(total, Self.piece))
        var done = 0
        while done < total {
            let part = min(Self.piece, total - done)
            try renderer.render(left: all.base + done, right: other.base, count: part, control: control)
            done += part
        }
        var sound = TakeSound()
        sound.request = request.serial
        sound.length = length
        sound.firstBar = request.firstBar
        sound.bars = request.bars
        let samples = allocateZeroed(Float.self, length)
        samples.update(from: all.base + margin, count: length)
        for n in 0..<seam {
            let share = (Float(n) + 0.5) / Float(seam)
            samples[n] = share * samples[n] + (1 - share) * all.base[margin + length + n]
        }
        sound.samples = samples
        let notes = allocateZeroed(TakeSound.Note.self, take.line.notes.count)
        for note in take.line.notes {
            let rate = Double(sampleRate)
            // A note a hair before the first bar line belongs to it.
            let onset = Int(note.onset * rate) - margin, end = min(Int(note.end * rate) - margin, length)
            guard onset > -sampleRate / 40, onset < length - sampleRate / 40, end > max(0, onset) else { continue }
            notes[sound.noteCount] = TakeSound.Note(
                onset: max(0, onset), end: end, key: UInt8(min(max(note.key, 0), 127)),
                velocity: UInt8(min(max(note.velocity, 1), 127)))
            sound.noteCount += 1
        }
        sound.notes = notes
        return sound
    }
    private static var piece: Int { 4096 }

    private func say(_ isError: Bool, _ text: String) {
        let line = "Continuo Bass: " + text
        if let report { line.withCString { report(reportContext, isError, $0) } } else { line.withCString { cr_print_error($0) } }
    }
}
