import CHost
import Foundation

/// A plugin that has been loaded: its instance, its control values, its worker.
///
/// Used on the set-up thread. What the process thread needs of it is copied to a `ProcessNode`.
public final class PluginInstance {
    public let description: PluginDescription
    /// Control values by port index; the process thread reads and writes them through the plugin.
    let values: UnsafeMutablePointer<Float>
    private(set) var lilvInstance: UnsafeMutablePointer<LilvInstance>
    let lilvPlugin: OpaquePointer
    let features: HostFeatures
    let world: World
    private let settings: ProcessSettings
    /// As `ch_suspect` has it, without a name in the graph.
    let suspect: UnsafeMutablePointer<CChar>
    private var workerThread: OpaquePointer?
    /// What the plugin's ports lie in.
    var portMemory: ProcessMemory?
    /// Calls for its state that have not come back; through ch_load.
    private var stuckCalls: Int32 = 0
    private var isActive = false

    /// Loads the plugin and sets its controls and default state; it is not active yet.
    ///
    /// - Parameters:
    ///   - sequenceSize: bytes of the largest atom buffer it will see.
    ///   - events: where log lines of the process thread go.
    /// - Throws: `HostError`, if it asks for what the host has not or its binary does not load.
    init(
        world: World, uri: String, settings: ProcessSettings, sequenceSize: Int, events: UnsafeMutablePointer<ch_ring>
    ) throws {
        lilvPlugin = try world.plugin(uri)
        description = world.describePlugin(lilvPlugin)
        self.world = world
        self.settings = settings
        try PluginInstance.check(description, settings)
        if let cause = world.refused[uri] { throw HostError.cannotInstantiate(plugin: description.name, cause: cause) }
        try world.probe?.check(description, settings)
        let suspect = strdup(uri + "\t")!
        self.suspect = suspect
        let before = ch_enter(suspect, Int32(ch_place_load))
        defer { ch_leave(before) }

        features = HostFeatures(
            plugin: description, settings: settings, sequenceSize: sequenceSize, urids: world.urids, events: events)
        // Held while lilv opens it too: so it is opened once, and what is wrong with it is found out before lilv complains.
        let library = try PluginInstance.openLibrary(description, wasLoaded: world.loaded.contains(uri))
        defer { dlclose(library) }
        guard let instance = lilv_plugin_instantiate(lilvPlugin, settings.sampleRate, features.forInstance) else {
            throw HostError.cannotInstantiate(
                plugin: description.name, cause: "it refused to start (its own message, if any, stands above)")
        }
        lilvInstance = instance
        values = .allocate(capacity: max(description.ports.count, 1))
        values.initialize(repeating: 0, count: max(description.ports.count, 1))
        for port in description.ports where port.kind == .control {
            values[port.index] = PluginInstance.initialValue(port, settings)
            ch_plugin_connect(ch_plugin_of(instance), UInt32(port.index), values + port.index)
        }
        if world.loaded.insert(uri).inserted { ch_guard_know(description.binaryPath, suspect) }
        startWorker(settings)
        tellOptions()
        restoreDefaultState()
    }

    /// Tells a plugin of the options once more by its own interface (`opts:interface`), as some take them only so. It is loaded anew when they
    /// change, and told again.
    private func tellOptions() {
        guard let data = ch_instance_extension(lilvInstance, LV2.options + "interface"),
            let set = data.assumingMemoryBound(to: LV2_Options_Interface.self).pointee.set
        else { return }
        // Whatever it makes of them, it has been told.
        _ = set(lilv_instance_handle(lilvInstance), features.optionList)
    }

    deinit {
        let before = ch_enter(suspect, Int32(ch_place_load))
        defer { ch_leave(before) }
        guard stopWorker() else {
            // It is in the plugin still: nothing that it may touch goes before it.
            _ = Unmanaged.passRetained(features)
            if let portMemory { _ = Unmanaged.passRetained(portMemory) }
            return
        }
        deactivate()
        lilv_instance_free(lilvInstance)
        values.deallocate()
        free(suspect)
    }

    // MARK: What does not come back

    /// Whether it was asked for its state and has not answered: it is not asked again before it has.
    var isStuck: Bool { ch_load(&stuckCalls) != 0 }
    func noteStuck(_ change: Int32) { _ = ch_add(&stuckCalls, change) }

    /// Whether its worker is not expected to come back any more.
    var isGivenUp = false
    /// What its worker is at; the same number twice: at the same thing. 0: at nothing.
    var work: UInt32 { features.worker.map { ch_worker_present($0) } ?? 0 }

    func activate() {
        let before = ch_enter(suspect, Int32(ch_place_load))
        defer { ch_leave(before) }
        if !isActive { ch_instance_activate(lilvInstance) }
        isActive = true
    }

    func deactivate() {
        if isActive { ch_instance_deactivate(lilvInstance) }
        isActive = false
    }

    // MARK: Controls

    /// The value of a control port, by symbol.
    public func value(_ symbol: String) -> Float? {
        description.ports.first { $0.kind == .control && $0.symbol == symbol }.map { ch_load_float(values + $0.index) }
    }

    /// Of one whose state cannot be had.
    func takeControls(of other: PluginInstance) {
        for port in description.ports where port.kind == .control && port.isInput && !port.isHostDriven {
            ch_store_float(values + port.index, ch_load_float(other.values + port.index))
        }
    }

    /// The value that a control has before anything is set.
    func initialValue(of port: PortDescription) -> Float { PluginInstance.initialValue(port, settings) }

    // MARK: Loading

    private static func check(_ plugin: PluginDescription, _ settings: ProcessSettings) throws {
        if let feature = plugin.unsupported.first {
            throw HostError.unsupportedFeature(plugin: plugin.name, feature: feature)
        }
        let fixed = LV2.bufSize + "fixedBlockLength"
        if plugin.requiredFeatures.contains(fixed) && !settings.hasFixedBlock {
            throw HostError.unsupportedFeature(plugin: plugin.name, feature: "\(fixed) (block lengths vary here)")
        }
        let power = LV2.bufSize + "powerOf2BlockLength"
        let isPower = settings.maximumBlock & (settings.maximumBlock - 1) == 0
        if plugin.requiredFeatures.contains(power) && !(settings.hasFixedBlock && isPower) {
            throw HostError.unsupportedFeature(
                plugin: plugin.name, feature: "\(power) (the block length is \(settings.maximumBlock) here)")
        }
        if let port = plugin.ports.first(where: { $0.kind == .unknown && !$0.isOptional }) {
            throw HostError.unsupportedPort(
                plugin: plugin.name, port: port.symbol, cause: "is of a kind that continuo does not know")
        }
    }

    /// - Parameter wasLoaded: it has been loaded before, and its library is still there even if its bundle has been removed meanwhile.
    private static func openLibrary(_ plugin: PluginDescription, wasLoaded: Bool) throws -> UnsafeMutableRawPointer {
        func fail(_ cause: String) -> HostError { .cannotInstantiate(plugin: plugin.name, cause: cause) }
        let path = plugin.binaryPath
        if path.isEmpty { throw fail("its data names no binary") }
        let isThere = FileManager.default.fileExists(atPath: path)
        guard isThere || wasLoaded else { throw fail("its binary \(path) does not exist") }
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL | (isThere ? 0 : RTLD_NOLOAD)) else {
            throw fail(dlerror().map { String(cString: $0) } ?? "\(path) is no library")
        }
        if dlsym(library, "lv2_descriptor") == nil && dlsym(library, "lv2_lib_descriptor") == nil {
            dlclose(library)
            throw fail("\(path) exports no lv2_descriptor")
        }
        return library
    }

    private static func initialValue(_ port: PortDescription, _ settings: ProcessSettings) -> Float {
        let scale = port.isInSampleRates ? Float(settings.sampleRate) : 1
        if port.designation == LV2.freeWheeling { return settings.isOffline ? 1 : 0 }
        if let value = port.default, value.isFinite { return value * scale }
        if port.designation == LV2.enabled { return 1 }
        let low = port.minimum.map { $0 * scale } ?? 0
        let high = port.maximum.map { $0 * scale } ?? max(low, 0)
        return min(max(0, low), max(low, high))
    }

    // MARK: Worker

    private func startWorker(_ settings: ProcessSettings) {
        guard let worker = features.worker,
            let data = ch_instance_extension(lilvInstance, LV2.worker + "interface")
        else { return }
        worker.pointee.interface = data.assumingMemoryBound(to: LV2_Worker_Interface.self)
        worker.pointee.handle = lilv_instance_handle(lilvInstance)
        worker.pointee.plugin = UnsafePointer(suspect)
        ch_store(&worker.pointee.synchronous, settings.isOffline ? 1 : 0)
        // An ordinary thread: it reads files and builds models, and must never get in the way of audio.
        workerThread = cr_thread_start("lv2-worker", 0, { ch_worker_main($0!.assumingMemoryBound(to: ch_worker.self)) }, worker)
    }

    /// Waits for its end, but not for ever; false if it does not come.
    private func stopWorker() -> Bool {
        guard let worker = features.worker, let workerThread else { return true }
        ch_worker_stop(worker)
        let limit = UInt64((isGivenUp ? 0.1 : world.callLimit) * 1e9)
        if limit > 0 && !cr_semaphore_wait_for(worker.pointee.ended, limit) { return false }
        cr_thread_join(workerThread)
        self.workerThread = nil
        return true
    }
}

func lilv_instance_handle(_ instance: UnsafeMutablePointer<LilvInstance>) -> LV2_Handle? { ch_plugin_of(instance).handle }
