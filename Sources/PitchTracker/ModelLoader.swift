import CPitchTracker
import CRealtime
import Neural
import Realtime
import Synchronization

/// A path in a fixed place, as it passes between threads.
struct PathBytes: BitwiseCopyable {
    var count = 0
    var bytes = InlineArray<4096, UInt8>(repeating: 0)
    /// Where `bytes` lie: after the count. (Embedded Swift has no key paths to ask.)
    static var bytesOffset: Int { MemoryLayout<Int>.size }
}

/// What the audio thread needs to know of the model in use.
struct ModelInfo: BitwiseCopyable {
    var serial: UInt32 = 0
    var status = Int32(CONTINUO_PITCH_LOADING.rawValue)
    /// Seconds one frame may take.
    var inferenceBudget: Double = 0.004
}

/// Weights in use somewhere in this process, so that sixty-four instances hold them once.
enum WeightsCache {
    private struct Entry {
        let path: [UInt8]
        let weights: Unmanaged<CREPEWeights>
        var users: Int
    }
    // Guarded by the caller's `cr_process_lock`.
    nonisolated(unsafe) private static var entries: UnsafeMutablePointer<[Entry]>?

    /// The weights at `path`, loaded if nobody has them. Each success is to be followed by one `release`.
    static func acquire(_ path: String) throws(ModelError) -> CREPEWeights {
        let key = [UInt8](path.utf8)
        if let known = find(key) { return known }
        // Loading takes time; others are not held up by it.
        let loaded = try CREPEWeights(path: path)
        cr_process_lock()
        defer { cr_process_unlock() }
        if entries == nil {
            let pointer = UnsafeMutablePointer<[Entry]>.allocate(capacity: 1)
            pointer.initialize(to: [])
            entries = pointer
        }
        entries!.pointee.append(Entry(path: key, weights: Unmanaged.passRetained(loaded), users: 1))
        return loaded
    }

    static func release(_ weights: CREPEWeights) {
        cr_process_lock()
        defer { cr_process_unlock() }
        guard let entries else { return }
        let target = Unmanaged.passUnretained(weights).toOpaque()
        for index in 0..<entries.pointee.count where entries.pointee[index].weights.toOpaque() == target {
            entries.pointee[index].users -= 1
            if entries.pointee[index].users == 0 {
                entries.pointee[index].weights.release()
                entries.pointee.remove(at: index)
                // The last one frees the list itself: the plugin may be unloaded.
                if entries.pointee.isEmpty {
                    entries.deinitialize(count: 1)
                    entries.deallocate()
                    self.entries = nil
                }
            }
            return
        }
    }

    private static func find(_ key: [UInt8]) -> CREPEWeights? {
        cr_process_lock()
        defer { cr_process_unlock() }
        guard let entries else { return nil }
        for index in 0..<entries.pointee.count where same(entries.pointee[index].path, key) {
            entries.pointee[index].users += 1
            return entries.pointee[index].weights.takeUnretainedValue()
        }
        return nil
    }

    private static func same(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }
}

/// Finds and loads models beside the audio thread, and puts them into the stream.
///
/// Requests come from the audio thread (a changed control, a patch:Set) and are served on the background pool's thread, or from a
/// host's thread (state restored), which is served at once. Loading never depends on the host's worker: some hosts run that in
/// their window's thread, others inside run().
final class ModelLoader: PoolClient, @unchecked Sendable {
    private let stream: StreamingInference<PitchEngine>
    private let sampleRate: Int
    private let folders: [String]
    private let report: continuo_report?
    private let reportContext: UnsafeMutableRawPointer?
    private let mutex: OpaquePointer

    // The audio thread's requests.
    private let wanted = Atomic<Int32>(Int32(CONTINUO_PITCH_MODEL_AUTOMATIC.rawValue))
    private let outstanding = Atomic<Int>(0)
    private let incoming: UnsafeMutablePointer<PathBytes>
    private let incomingIsFull = Atomic<Bool>(false)

    // Answers to it.
    let info = LatestValue<ModelInfo>(ModelInfo())
    let fileForAudioThread = LatestValue<PathBytes>(PathBytes())

    // Under the mutex.
    private var file: String = ""
    private var current: CREPEWeights?
    private var serial: UInt32 = 0

    init?(
        stream: StreamingInference<PitchEngine>, sampleRate: Int, bundle: String?, report: continuo_report?,
        context: UnsafeMutableRawPointer?
    ) {
        self.stream = stream
        self.sampleRate = sampleRate
        self.report = report
        reportContext = context
        mutex = cr_mutex_make()
        incoming = allocateZeroed(PathBytes.self, 1)
        folders = ModelFolders.search(bundle: bundle)
        super.init()
        guard WorkerPool.register(self, .background) else { return nil }
    }

    /// Ends loading; call before letting go.
    func close() {
        WorkerPool.unregister(self)
        if let current { WeightsCache.release(current) }
        current = nil
    }

    deinit {
        cr_mutex_free(mutex)
        cr_free(incoming)
    }

    // MARK: Audio thread

    /// Asks for another model.
    @inline(__always) func request(model: Int32) {
        wanted.store(model, ordering: .releasing)
        outstanding.add(1, ordering: .acquiringAndReleasing)
        submit(deadline: cr_now())
    }

    @inline(__always) func request(file path: UnsafePointer<UInt8>, count: Int) -> Bool {
        guard count < Int(CONTINUO_PATH_CAPACITY), !incomingIsFull.load(ordering: .acquiring) else { return false }
        incoming.pointee.count = count
        let bytes = UnsafeMutableRawPointer(incoming) + PathBytes.bytesOffset
        cr_move(bytes, path, count)
        incomingIsFull.store(true, ordering: .releasing)
        outstanding.add(1, ordering: .acquiringAndReleasing)
        submit(deadline: cr_now())
        return true
    }

    /// The model file's path with NUL, into `path` of `CONTINUO_PATH_CAPACITY` bytes; its length.
    @inline(__always) func copyFile(_ path: UnsafeMutableRawPointer) -> UInt32 {
        fileForAudioThread.withLatest { latest in
            cr_move(path, latest + PathBytes.bytesOffset, Int(CONTINUO_PATH_CAPACITY))
            return UInt32(UnsafeRawPointer(latest).assumingMemoryBound(to: Int.self).pointee)
        }
    }

    var isBusy: Bool { outstanding.load(ordering: .acquiring) > 0 }

    // MARK: Other threads

    override func performNext() {
        cr_mutex_lock(mutex)
        if incomingIsFull.load(ordering: .acquiring) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(incoming.pointee.count)
            for index in 0..<incoming.pointee.count { bytes.append(incoming.pointee.bytes[index]) }
            incomingIsFull.store(false, ordering: .releasing)
            file = String(decoding: bytes, as: UTF8.self)
        }
        apply()
        cr_mutex_unlock(mutex)
        outstanding.subtract(1, ordering: .acquiringAndReleasing)
    }

    /// Sets the model file and loads what is wanted now.
    func set(file path: String) {
        cr_mutex_lock(mutex)
        file = path
        apply()
        cr_mutex_unlock(mutex)
    }

    /// Loads what is wanted now.
    func load() {
        cr_mutex_lock(mutex)
        apply()
        cr_mutex_unlock(mutex)
    }

    var currentFile: String {
        cr_mutex_lock(mutex)
        defer { cr_mutex_unlock(mutex) }
        return file
    }

    private func apply() {
        var status = CONTINUO_PITCH_READY
        let model = wanted.load(ordering: .acquiring)
        var weights: CREPEWeights?
        if model == Int32(CONTINUO_PITCH_MODEL_AUTOMATIC.rawValue) && !file.isEmpty {
            weights = attempt(file)
            if weights == nil { status = CONTINUO_PITCH_SUBSTITUTE }
        } else if model == Int32(CONTINUO_PITCH_MODEL_CREPE_FULL.rawValue) {
            weights = installed("crepe-full")
            if weights == nil { status = CONTINUO_PITCH_SUBSTITUTE }
        }
        if weights == nil { weights = installed("crepe-tiny") }
        if weights == nil {
            status = CONTINUO_PITCH_NO_MODEL
        } else if status == CONTINUO_PITCH_SUBSTITUTE {
            say(true, "Continuo Pitch: goes on with crepe-tiny")
        }
        let previous = current
        current = weights
        // Nothing to do if it is the one in use already.
        if weights !== previous || serial == 0 {
            if let engine = try? PitchEngine(weights: weights, sampleRate: sampleRate) { stream.replaceEngine(engine) }
        }
        if let previous { WeightsCache.release(previous) }
        serial += 1
        var next = ModelInfo(serial: serial, status: Int32(status.rawValue))
        next.inferenceBudget = weights?.capacity == .full ? 0.030 : 0.004
        var path = PathBytes()
        for byte in file.utf8 where path.count < Int(CONTINUO_PATH_CAPACITY) - 1 {
            path.bytes[path.count] = byte
            path.count += 1
        }
        fileForAudioThread.write(path)
        info.write(next)
    }

    private func attempt(_ path: String) -> CREPEWeights? {
        do throws(ModelError) {
            return try WeightsCache.acquire(path)
        } catch {
            say(true, "Continuo Pitch: " + error.message)
            return nil
        }
    }

    /// The model of this name in the first folder that has it.
    private func installed(_ name: String) -> CREPEWeights? {
        for folder in folders {
            let path = folder + "/" + name + ".safetensors"
            if cr_file_is_readable(path) { return attempt(path) }
        }
        say(
            true,
            "Continuo Pitch: the model " + name + " is not installed (not in " + (folders.first ?? "") + "); get it with: "
                + "continuo models get " + name)
        return nil
    }

    private func say(_ isError: Bool, _ line: String) {
        if let report { line.withCString { report(reportContext, isError, $0) } } else { line.withCString { cr_print_error($0) } }
    }
}

/// Where models are looked for: the folders of docs/MODELS.md, in its order, with the plugin's bundle as the installation.
enum ModelFolders {
    static func search(bundle: String?) -> [String] {
        if let only = environment("CONTINUO_MODELS") { return [only] }
        var folders: [String] = []
        if let data = environment("XDG_DATA_HOME") {
            folders.append(data + "/continuo/models")
        } else if let home = environment("HOME") {
            folders.append(home + "/.local/share/continuo/models")
        }
        if let bundle { folders.append(bundle + "/models") }
        folders.append("/usr/local/share/continuo/models")
        folders.append("/usr/share/continuo/models")
        return folders
    }

    private static func environment(_ name: StaticString) -> String? {
        let buffer = allocateZeroed(CChar.self, 4096)
        defer { cr_free(buffer) }
        let name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        guard cr_environment(name, buffer, 4096), buffer[0] != 0 else { return nil }
        var bytes: [UInt8] = []
        var index = 0
        while buffer[index] != 0 {
            bytes.append(UInt8(bitPattern: buffer[index]))
            index += 1
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
