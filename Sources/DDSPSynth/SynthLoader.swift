import CDDSPSynth
import CRealtime
import Neural
import PitchTracker
import Realtime
import Synchronization

/// What the audio thread needs to know of the model in use.
struct SynthInfo: BitwiseCopyable {
    var serial: UInt32 = 0
    var status = Int32(CONTINUO_SYNTH_LOADING.rawValue)
    /// The model's instruments; there is at least one. Alive until the audio thread has taken later news.
    var profiles: UnsafePointer<InstrumentProfile>
    var profileCount: Int
}

/// A model with all that goes with it, as long as any thread may use it.
private final class LoadedModel {
    let model: SynthModel?
    let profiles: UnsafeMutablePointer<InstrumentProfile>
    let profileCount: Int

    init(_ model: SynthModel?) {
        self.model = model
        profileCount = model?.profiles.count ?? 1
        profiles = .allocate(capacity: profileCount)
        if let model {
            for index in 0..<profileCount { (profiles + index).initialize(to: model.profiles[index]) }
        } else {
            profiles.initialize(to: .plain)
        }
    }

    deinit {
        profiles.deallocate()
        if let model { SynthLoader.models.release(model) }
    }
}

/// Finds and loads the synthesizer's models, and puts them into its stream.
final class SynthLoader: FileLoader, @unchecked Sendable {
    /// Models in use in this process. Guarded by the process lock, which its functions take.
    nonisolated(unsafe) fileprivate static var models = SharedObjects<SynthModel>()

    private let install: (SynthModel?, PitchModel?) -> Void
    private let followsPitch: Bool
    private let folders: [String]
    private let report: continuo_synth_report?
    private let reportContext: UnsafeMutableRawPointer?

    /// News for the audio thread, and the serial of the last it has taken.
    let info: LatestValue<SynthInfo>
    let taken = Atomic<UInt32>(0)

    // Under the mutex.
    private var loaded: LoadedModel?
    private var retired: [(serial: UInt32, model: LoadedModel)] = []
    private var pitchWeights: PitchModel?
    private var serial: UInt32 = 0

    /// - Parameters:
    ///   - followsPitch: pitch models are wanted too
    ///   - install: puts a model into the stream; called on a thread that may take its time
    init?(
        followsPitch: Bool, bundle: String?, report: continuo_synth_report?, context: UnsafeMutableRawPointer?,
        install: @escaping (SynthModel?, PitchModel?) -> Void
    ) {
        self.install = install
        self.followsPitch = followsPitch
        self.report = report
        reportContext = context
        folders = ModelFolders.search(bundle: bundle)
        let nothing = LoadedModel(nil)
        info = LatestValue(SynthInfo(profiles: UnsafePointer(nothing.profiles), profileCount: 1))
        loaded = nothing
        super.init()
    }

    override func close() {
        super.close()
        if let pitchWeights { WeightsCache.release(pitchWeights) }
        pitchWeights = nil
        loaded = nil
        retired = []
    }

    override func apply() {
        var status = CONTINUO_SYNTH_READY
        var model: SynthModel?
        if !file.isEmpty {
            model = attempt(file)
            if model == nil { status = CONTINUO_SYNTH_SUBSTITUTE }
        }
        if model == nil { model = standard() }
        if model == nil {
            status = CONTINUO_SYNTH_NO_MODEL
        } else if status == CONTINUO_SYNTH_SUBSTITUTE {
            say(true, "goes on with its own model")
        }
        var pitchIsNew = false
        if followsPitch, pitchWeights == nil {
            pitchWeights = pitchModel()
            pitchIsNew = pitchWeights != nil
            if pitchWeights == nil { status = CONTINUO_SYNTH_NO_MODEL }
        }
        let previous = loaded
        serial += 1
        if let model, model === previous?.model {
            // The one in use already: one user is enough.
            SynthLoader.models.release(model)
            if pitchIsNew { install(model, pitchWeights) }
        } else {
            loaded = LoadedModel(model)
            install(model, pitchWeights)
            if let previous { retired.append((serial, previous)) }
        }
        // What the audio thread can no longer be reading. The serial wraps after four thousand million models.
        let seen = taken.load(ordering: .acquiring)
        retired.removeAll { $0.serial <= seen }
        if let loaded {
            info.write(
                SynthInfo(
                    serial: serial, status: Int32(status.rawValue), profiles: UnsafePointer(loaded.profiles),
                    profileCount: loaded.profileCount))
        }
    }

    private func attempt(_ path: String) -> SynthModel? {
        do throws(ModelError) {
            var identity = cr_file_identity()
            let exists = path.withCString { cr_identify_file($0, &identity) }
            if exists, let known = SynthLoader.models.find(identity) { return known }
            return SynthLoader.models.add(try SynthModel(path: path), identity)
        } catch {
            say(true, error.message)
            return nil
        }
    }

    private func standard() -> SynthModel? {
        for folder in folders {
            let path = folder + "/continuo-synth.safetensors"
            if cr_file_is_readable(path), let model = attempt(path) { return model }
        }
        say(true, "its model continuo-synth.safetensors is missing from its bundle (and from " + (folders.first ?? "") + ")")
        return nil
    }

    private func pitchModel() -> PitchModel? {
        for folder in folders {
            let path = folder + "/continuo-pitch-quick.safetensors"
            guard cr_file_is_readable(path) else { continue }
            do throws(ModelError) {
                return try WeightsCache.acquire(path)
            } catch {
                say(true, error.message)
            }
        }
        say(
            true, "its model continuo-pitch-quick.safetensors is missing from its bundle (and from " + (folders.first ?? "") + ")")
        return nil
    }

    private func say(_ isError: Bool, _ text: String) {
        let line = (followsPitch ? "Continuo Transfer: " : "Continuo Synth: ") + text
        if let report { line.withCString { report(reportContext, isError, $0) } } else { line.withCString { cr_print_error($0) } }
    }
}
