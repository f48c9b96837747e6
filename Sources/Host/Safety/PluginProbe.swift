import CHost
import Foundation

/// Tries plugins out in a process of their own before they are loaded here: one that crashes when it is loaded, made or first run, or does
/// not come back, is named then and has done no harm.
///
/// What came back is kept (`StateFolder.cache`), so that a plugin is tried once, and again when its library or its bundle changes. What did
/// not is tried each time: the cause may lie elsewhere, and be gone.
public final class PluginProbe {
    /// What a process that tries a plugin ends with when it was done …
    public static let done: Int32 = 86
    /// … and when the plugin refused to be loaded, as it may.
    public static let refused: Int32 = 85
    /// Seconds that a plugin has.
    public var timeLimit = 10.0
    /// The program to start, ours: `continuo try-plugin URI …`.
    private let program: String
    private let cacheFile: String?
    /// By URI: what the plugin's files were like when it came back.
    private var known: [String: String] = [:]

    /// - Parameter cacheFile: nil: nothing is kept.
    public init(program: String, cacheFile: String? = StateFolder.cache + "/plugins.json") {
        self.program = program
        self.cacheFile = cacheFile
        if let cacheFile, let data = FileManager.default.contents(atPath: cacheFile),
            let read = try? JSONDecoder().decode([String: String].self, from: data)
        {
            known = read
        }
    }

    /// - Throws: `HostError.cannotInstantiate` if the plugin does not survive.
    func check(_ plugin: PluginDescription, _ settings: ProcessSettings) throws {
        let files = PluginProbe.identity(plugin)
        guard let files, known[plugin.uri] != files else { return }
        let words = [
            program, "try-plugin", plugin.uri, "--bundle", plugin.bundlePath, "--rate", "\(settings.sampleRate)", "--block",
            "\(settings.maximumBlock)",
        ]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let process = ch_start(program, &arguments)
        // A system that starts no program is no fault of the plugin's.
        if process < 0 { return }
        let status = ch_finish(process, UInt64(timeLimit * 1e9))
        func fail(_ cause: String) -> HostError { .cannotInstantiate(plugin: plugin.name, cause: cause) }
        if status == -1 { throw fail("it does not come back within \(PluginProbe.text(timeLimit)) s when it is tried out") }
        let signal = status & 0x7F
        if signal != 0 {
            throw fail("it crashes when it is tried out (\(String(cString: strsignal(signal)).lowercased()))")
        }
        switch status >> 8 & 0xFF {
        case PluginProbe.done:
            known[plugin.uri] = files
            keep()
        case PluginProbe.refused: break  // it will say so itself
        case let code: throw fail("it ends the program when it is tried out (with status \(code))")
        }
    }

    private static func text(_ seconds: Double) -> String { Patch.text(seconds) }

    /// What changes when a plugin does; nil: there is nothing to try.
    private static func identity(_ plugin: PluginDescription) -> String? {
        func text(_ path: String) -> String? {
            var info = stat()
            guard stat(path, &info) == 0 else { return nil }
            return "\(info.st_mtim.tv_sec).\(info.st_mtim.tv_nsec) \(info.st_size) \(info.st_ino)"
        }
        guard let library = text(plugin.binaryPath) else { return nil }
        return "\(plugin.binaryPath) \(library) \(text(plugin.bundlePath + "/manifest.ttl") ?? "")"
    }

    private func keep() {
        guard let cacheFile else { return }
        try? FileManager.default.createDirectory(
            atPath: (cacheFile as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        // Without it the plugin is tried once more, and nothing else is lost.
        if let data = try? encoder.encode(known) { try? AtomicSave.write(data, to: cacheFile, isSynced: false) }
    }

    /// Loads a plugin, makes it, runs it a little and lets it go: what the process does that tries it.
    ///
    /// - Throws: `HostError` if it refuses, or asks for what the host has not.
    public static func tryOut(_ uri: String, bundle: String, sampleRate: Double, block: Int) throws {
        ch_leave_no_core()
        let settings = ProcessSettings(
            sampleRate: sampleRate, minimumBlock: block, maximumBlock: block, nominalBlock: block, hasFixedBlock: true,
            isOffline: false)
        var world = World(bundle: bundle)
        // Its data may stand in several bundles.
        if (try? world.plugin(uri)) == nil { world = World() }
        let graph = try Graph(world: world, setups: [PluginSetup(uri: uri)], settings: settings)
        GraphStepper(graph, block: block).run(blocks: 2)
        graph.deactivate()
    }
}
