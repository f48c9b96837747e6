import CPitchTracker
import CRealtime
import Neural
import Realtime
import Synchronization

/// What the audio thread needs to know of the model in use.
struct ModelInfo: BitwiseCopyable {
    var serial: UInt32 = 0
    var status = Int32(CONTINUO_PITCH_LOADING.rawValue)
    /// Seconds one frame may take.
    var inferenceBudget: Double = 0.002
    /// Host samples that a frame hears beyond its time.
    var lookahead = 0
    /// Least distance of frames in base hops.
    var stride = 4
}

/// Weights in use somewhere in this process, so that sixty-four instances hold them once.
package enum WeightsCache {
    // Guarded by the process lock, which its functions take.
    nonisolated(unsafe) private static var models = SharedObjects<PitchModel>()

    /// The weights at `path`, loaded if nobody has them. Each success is to be followed by one `release`.
    package static func acquire(_ path: String) throws(ModelError) -> PitchModel {
        var identity = cr_file_identity()
        let exists = path.withCString { cr_identify_file($0, &identity) }
        if exists, let known = models.find(identity) { return known }
        // Loading takes time; others are not held up by it.
        return models.add(try PitchModel(path: path), identity)
    }

    package static func release(_ user: PitchModel) { models.release(user) }
}

/// Finds and loads the pitch tracker's models, and puts them into the stream.
final class ModelLoader: FileLoader, @unchecked Sendable {
    private let stream: StreamingInference<PitchEngine>
    private let sampleRate: Int
    private let folders: [String]
    private let report: continuo_report?
    private let reportContext: UnsafeMutableRawPointer?

    private let wanted = Atomic<Int32>(Int32(CONTINUO_PITCH_MODEL_AUTOMATIC.rawValue))
    /// News for the audio thread.
    let info = LatestValue<ModelInfo>(ModelInfo())

    // Under the mutex.
    private var current: PitchModel?
    private var serial: UInt32 = 0

    init?(
        stream: StreamingInference<PitchEngine>, sampleRate: Int, bundle: String?, report: continuo_report?,
        context: UnsafeMutableRawPointer?
    ) {
        self.stream = stream
        self.sampleRate = sampleRate
        self.report = report
        reportContext = context
        folders = ModelFolders.search(bundle: bundle)
        super.init()
    }

    override func close() {
        super.close()
        if let current { WeightsCache.release(current) }
        current = nil
    }

    /// Says which model is wanted; `request` follows. On the audio thread.
    @inline(__always) func want(model: Int32) { wanted.store(model, ordering: .releasing) }

    override func apply() {
        var status = CONTINUO_PITCH_READY
        let model = wanted.load(ordering: .acquiring)
        var next: PitchModel?
        switch model {
        case Int32(CONTINUO_PITCH_MODEL_CREPE_TINY.rawValue): next = installed("crepe-tiny")
        case Int32(CONTINUO_PITCH_MODEL_CREPE_FULL.rawValue): next = installed("crepe-full")
        case Int32(CONTINUO_PITCH_MODEL_QUICK.rawValue): next = installed("continuo-pitch-quick")
        case Int32(CONTINUO_PITCH_MODEL_POLYPHONIC.rawValue): next = installed("continuo-pitch-poly")
        case Int32(CONTINUO_PITCH_MODEL_AUTOMATIC.rawValue): if !file.isEmpty { next = attempt(file) }
        default: break
        }
        if next == nil {
            let isStandardAsked =
                model == Int32(CONTINUO_PITCH_MODEL_STANDARD.rawValue)
                || (model == Int32(CONTINUO_PITCH_MODEL_AUTOMATIC.rawValue) && file.isEmpty)
            next = installed("continuo-pitch-standard")
            if next == nil {
                status = CONTINUO_PITCH_NO_MODEL
            } else if !isStandardAsked {
                status = CONTINUO_PITCH_SUBSTITUTE
                say(true, "Continuo Pitch: goes on with continuo-pitch-standard")
            }
        }
        let previous = current
        current = next
        // Nothing to do if it is the one in use already.
        if next !== previous || serial == 0 {
            if let engine = try? PitchEngine(model: next, sampleRate: sampleRate) { stream.replaceEngine(engine) }
        }
        if let previous { WeightsCache.release(previous) }
        serial += 1
        var news = ModelInfo(serial: serial, status: Int32(status.rawValue))
        if let next { (news.inferenceBudget, news.stride) = (next.inferenceBudget, next.stride) }
        news.lookahead = PitchEngine.lookahead(sampleRate: sampleRate, delay: next?.delay ?? 320)
        info.write(news)
    }

    private func attempt(_ path: String) -> PitchModel? {
        do throws(ModelError) {
            return try WeightsCache.acquire(path)
        } catch {
            say(true, "Continuo Pitch: " + error.message)
            return nil
        }
    }

    /// The model of this name in the first folder that has it.
    private func installed(_ name: String) -> PitchModel? {
        for folder in folders {
            let path = folder + "/" + name + ".safetensors"
            if cr_file_is_readable(path) { return attempt(path) }
        }
        let isOwn = name.utf8.count > 9 && name.utf8.first == 99 && name.utf8.dropFirst().first == 111  // continuo-…
        say(
            true,
            "Continuo Pitch: the model " + name
                + (isOwn
                    ? " is missing from the plugin's bundle (and from " + (folders.first ?? "") + ")"
                    : " is not installed (not in " + (folders.first ?? "") + "); get it with: continuo models get " + name))
        return nil
    }

    private func say(_ isError: Bool, _ line: String) {
        if let report { line.withCString { report(reportContext, isError, $0) } } else { line.withCString { cr_print_error($0) } }
    }
}
