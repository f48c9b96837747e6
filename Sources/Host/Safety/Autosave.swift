import CHost
import Foundation

/// Keeps what a host plays, for the case that it ends without warning: some seconds after a change, in a folder of its own
/// (`StateFolder.sessions`). A host that ends as it should leaves nothing there.
///
/// The folder holds `save-1`, `save-2` …, of which the last counts and is always complete, `faults` (what a crash left: `ch_guard_arm`), and
/// `lock`, which is held while the host runs: so a folder that nobody holds is one whose host is gone.
///
/// States are asked for on the set-up thread, as all of lilv is; what has to wait for the disk is done on a queue beside it.
public final class Autosave: @unchecked Sendable {
    /// What was kept of a host that is gone.
    public struct Found {
        /// What played.
        public var patch: Patch
        public var date: Date
        /// Where it lies.
        var folder: String
        var contents: Contents
    }

    /// What the patch does not say.
    struct Contents: Codable, Equatable {
        /// By number.
        var instances: [Int: String] = [:]
        /// By name: deactivated, and bypassed by the host.
        var inactive: [String] = []
        var bypassed: [String] = []
        var snapshots: [String: HostSnapshot] = [:]
        /// By our port's name: the ports it was connected with.
        var connections: [String: [String]] = [:]
        var isRow = true
    }

    /// What is left of the hosts of this name that are gone.
    public let found: Found?
    public let faults: [PluginFault]
    /// Seconds from a change until it is kept; 0: nothing is.
    public var delay = 3.0
    /// Plugins whose state is not asked for: that has crashed before.
    var unsavable: Set<String> = []
    /// Called for lines that people may want to read.
    public var onNotice: ((String) -> Void)?

    private let folder: String
    private let lock: Int32
    /// The file that crashes are noted in.
    public let faultsFile: Int32
    private var serial: Int
    /// Where plugins may have files open.
    private var inUse: String?

    // When to save
    private var kept = ""
    private var dirtySince: UInt64?
    private var lastLook: UInt64 = 0
    private var lastSave: UInt64 = 0
    private var lastDuration: UInt64 = 0
    /// Plugins have told of changes in them that are nowhere else to be seen.
    private var toldSince: UInt64?

    private var lastConnections: [String: [String]] = [:]

    private let queue = DispatchQueue(label: "autosave")
    private let state = NSLock()
    private var isWriting = false
    private var hasEnded = false
    private var failure: HostError?
    private var lastFailure: HostError?

    /// Takes the folder of a host of this name; if another holds it, the next one.
    ///
    /// - Throws: `HostError.file` if nothing can be kept.
    public init(identity: String) throws {
        let base = StateFolder.sessions + "/" + Autosave.key(identity)
        var taken: (folder: String, lock: Int32)?
        for number in 1...64 where taken == nil {
            let folder = number == 1 ? base : "\(base)-\(number)"
            do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
                throw HostError.file(path: folder, cause: AtomicSave.cause(error))
            }
            // Whatever plays may be private.
            chmod(folder, 0o700)
            let lock = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard lock >= 0 else { throw HostError.file(path: folder + "/lock", cause: String(cString: strerror(errno))) }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { taken = (folder, lock) } else { close(lock) }
        }
        guard let taken else { throw HostError.file(path: base, cause: "too many hosts of this name run") }
        (folder, lock) = taken
        faults = PluginFault.read(folder + "/faults")
        faultsFile = open(folder + "/faults", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        AtomicSave.removeTree(folder + "/next")
        let saves = AtomicSave.entries(folder).compactMap { Int($0.dropFirst(5)) }.sorted()
        serial = saves.last ?? 0
        found = saves.last.flatMap { [folder] in Autosave.read(folder + "/save-\($0)") }
        inUse = found?.folder
    }

    deinit {
        if faultsFile >= 0 { close(faultsFile) }
        close(lock)
    }

    /// A file name for a host: what it was asked to play, short, and a number that tells two of one name apart (FNV-1a, 32 bits).
    private static func key(_ identity: String) -> String {
        var hash: UInt32 = 2_166_136_261
        for byte in identity.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let last = identity.split(whereSeparator: { "/#:\n".contains($0) }).last.map(String.init) ?? "host"
        let name = String((last as NSString).deletingPathExtension.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" })
        return name.prefix(40) + "-" + String(hash, radix: 16)
    }

    private static func read(_ folder: String) -> Found? {
        var info = stat()
        guard let data = FileManager.default.contents(atPath: folder + "/host.json"), stat(folder + "/host.json", &info) == 0,
            let contents = try? decoder.decode(Contents.self, from: data)
        else { return nil }
        var patch = Patch(plugins: [])
        if !contents.instances.isEmpty {
            guard let read = try? Patch(reading: folder + "/patch.toml") else { return nil }
            patch = read
        }
        patch.isRow = contents.isRow
        return Found(
            patch: patch, date: Date(timeIntervalSince1970: TimeInterval(info.st_mtim.tv_sec)), folder: folder, contents: contents)
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }

    // MARK: While it plays

    /// A plugin has told that something in it has changed.
    func tell() { toldSince = toldSince ?? ch_now() }

    /// What plays now needs no keeping: it is what the patch says.
    func begin(_ session: HostSession) { kept = describe(session) }

    /// Looks whether something has changed, once a second or more often, and keeps it when it is time. On each turn of the set-up thread.
    func turn(_ session: HostSession) {
        let now = ch_now()
        if let failure = state.withLock({ failure }), failure != lastFailure {
            onNotice?("what plays cannot be kept for the case of a crash: \(failure)")
            lastFailure = failure
        }
        guard delay > 0, now &- lastLook >= UInt64(min(1, delay) * 1e9) else { return }
        lastLook = now
        if dirtySince == nil && describe(session) != kept { dirtySince = now }
        func isOver(_ time: UInt64?, _ seconds: Double) -> Bool { time.map { Double(now &- $0) >= seconds * 1e9 } ?? false }
        // Plugins that tell much, and states that take long, are not asked all the time.
        let isDue = isOver(dirtySince, delay) || isOver(toldSince, 10 * delay)
        guard isDue, now &- lastSave >= max(UInt64(delay * 1e9), 20 &* lastDuration), !state.withLock({ isWriting }) else { return }
        keep(session)
    }

    /// Keeps what plays now.
    ///
    /// - Parameters:
    ///   - hung: a plugin that must not be asked; it is kept bypassed, with the state that it had last.
    ///   - isLast: waits until all is on the disk.
    func keep(_ session: HostSession, except hung: GraphNode? = nil, isLast: Bool = false) {
        let began = ch_now()
        queue.sync {}
        let described = describe(session)
        let next = folder + "/next"
        do {
            AtomicSave.removeTree(next)
            try AtomicSave.makeFolder(next)
            let patch = try session.graph.describe(for: next + "/patch.toml", like: session.patch) { node, place in
                try save(node, next + "/patch.state", place, isAsked: node !== hung && !unsavable.contains(node.description.uri))
            }
            var contents = contents(session)
            if let hung { contents.bypassed.append(hung.name) }
            try AtomicSave.write(patch.text, to: next + "/patch.toml", isSynced: false)
            try AtomicSave.write(try Autosave.encoder.encode(contents), to: next + "/host.json", isSynced: false)
        } catch {
            AtomicSave.removeTree(next)
            state.withLock { failure = error as? HostError ?? .file(path: next, cause: "\(error)") }
            lastSave = ch_now()
            return
        }
        (kept, dirtySince, toldSince) = (described, nil, nil)
        serial += 1
        let place = folder + "/save-\(serial)"
        state.withLock { isWriting = true }
        queue.async { [self, folder, inUse, serial] in
            var problem: HostError?
            do {
                try AtomicSave.sync(tree: next)
                // Not any more once the host has ended and taken all of it away. Who ends it waits for this lock, and so never for the
                // disk.
                let isWanted = try state.withLock {
                    if hasEnded { return false }
                    try AtomicSave.put(next, inPlaceOf: place, isSynced: false)
                    return true
                }
                if !isWanted { return }
                AtomicSave.sync(folder: folder)
                state.withLock {
                    if hasEnded { return }
                    for entry in AtomicSave.entries(folder) where entry.hasPrefix("save-") && entry != "save-\(serial)" {
                        if folder + "/" + entry != inUse { AtomicSave.removeTree(folder + "/" + entry) }
                    }
                }
            } catch { problem = error as? HostError ?? .file(path: place, cause: "\(error)") }
            state.withLock {
                isWriting = false
                failure = problem
            }
        }
        if isLast { queue.sync {} }
        lastSave = ch_now()
        // The time that was waited for one that does not answer will not be waited again.
        if !session.graph.nodes.contains(where: \.instance.isStuck) { lastDuration = lastSave &- began }
    }

    /// Seconds that the set-up thread spent on the last one.
    package var lastSeconds: Double { Double(lastDuration) / 1e9 }

    /// Puts a plugin's state under `states`; what it had last if it is not to be asked, or cannot answer.
    private func save(_ node: GraphNode, _ states: String, _ place: String, isAsked: Bool) throws -> Bool {
        try AtomicSave.makeFolder(states)
        let path = states + "/" + place
        if isAsked {
            try AtomicSave.makeFolder(path)
            do {
                try node.instance.writeState(to: path, before: path)
                return true
            } catch HostError.state {}
            AtomicSave.removeTree(path)
        }
        guard let old = keptState(place) else { return false }
        try AtomicSave.copyTree(old, to: path)
        return true
    }

    /// Where the state lies that was kept last of the plugin whose states are called so (`PatchFiles.place`); nil: none was.
    func keptState(_ place: String) -> String? {
        let path = folder + "/save-\(serial)/patch.state/" + place
        return AtomicSave.isFolder(path) ? path : nil
    }

    private func contents(_ session: HostSession) -> Contents {
        let nodes = session.graph.nodes
        return Contents(
            instances: session.instances, inactive: nodes.filter(\.isInactive).map(\.name),
            bypassed: nodes.filter(\.standsAside).map(\.name), snapshots: session.snapshots,
            connections: connections(session), isRow: session.graph.isRow)
    }

    /// Of a server that is gone, those that there were.
    private func connections(_ session: HostSession) -> [String: [String]] {
        if let jack = session.jack, !jack.isServerGone { lastConnections = jack.ports.connections(of: session.graph) }
        return lastConnections
    }

    /// All that can be seen of what plays, without asking plugins for their states.
    private func describe(_ session: HostSession) -> String {
        let patch = session.graph.describe(for: folder + "/patch.toml", like: session.patch) { _, _ in false }
        let rest = (try? Autosave.encoder.encode(contents(session))).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return patch.text + rest
    }

    /// What was found has been brought back, and is kept as it is now; the faults have had their consequences.
    func takeOver(_ session: HostSession) {
        keep(session, isLast: true)
        if state.withLock({ failure == nil }) && faultsFile >= 0 { ftruncate(faultsFile, 0) }
    }

    /// The host ends.
    ///
    /// - Parameter isClean: nothing needs to be kept.
    func end(_ session: HostSession, isClean: Bool) {
        if !isClean { return keep(session, isLast: true) }
        // A slow disk is not waited for.
        state.withLock { hasEnded = true }
        // The lock last: who waits for it finds nothing.
        for entry in AtomicSave.entries(folder) where entry != "lock" { AtomicSave.removeTree(folder + "/" + entry) }
        AtomicSave.removeTree(folder)
    }
}
