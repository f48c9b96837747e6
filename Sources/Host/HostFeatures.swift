import CHost
import Foundation

/// The LV2 features handed to one plugin instance: C structs at addresses that stay until the instance is gone.
final class HostFeatures {
    /// The features that a plugin may require.
    static let supported: Set<String> = [
        LV2.urid + "map", LV2.urid + "unmap", LV2.options + "options", LV2.bufSize + "boundedBlockLength",
        LV2.bufSize + "fixedBlockLength", LV2.bufSize + "powerOf2BlockLength", LV2.bufSize + "coarseBlockLength",
        LV2.worker + "schedule", LV2.log, LV2.state + "loadDefaultState", LV2.state + "makePath", LV2.state + "mapPath",
        LV2.state + "freePath", LV2.state + "threadSafeRestore", LV2.core + "hardRTCapable", LV2.core + "inPlaceBroken",
        LV2.core + "isLive",
    ]
    /// The options that a plugin may require.
    static let options: Set<String> = [
        LV2.sampleRate, LV2.bufSize + "minBlockLength", LV2.bufSize + "maxBlockLength",
        LV2.bufSize + "nominalBlockLength", LV2.bufSize + "sequenceSize",
    ]

    let worker: UnsafeMutablePointer<ch_worker>?
    let log: UnsafeMutablePointer<ch_log>
    /// For `lilv_plugin_instantiate`.
    private(set) var forInstance: UnsafeMutablePointer<UnsafePointer<LV2_Feature>?>! = nil
    /// For state save and restore: work is done at once there.
    private(set) var forState: UnsafeMutablePointer<UnsafePointer<LV2_Feature>?>! = nil
    /// The options as announced. When the block length changes plugins are loaded anew, so that none has to be told of it
    /// (`opts:interface`).
    let optionList: UnsafeMutablePointer<LV2_Options_Option>

    /// Where a plugin may make files while it runs (`state:makePath`); made when first asked for.
    private(set) var scratchFolder: String?
    private var releases: [() -> Void] = []
    private let rate: UnsafeMutablePointer<Float>
    private let lengths: UnsafeMutablePointer<Int32>

    /// - Parameter events: where log lines of the process thread go.
    init(plugin: PluginDescription, settings: ProcessSettings, sequenceSize: Int, urids: URIDMap, events: UnsafeMutablePointer<ch_ring>) {
        rate = .allocate(capacity: 1)
        rate.initialize(to: Float(settings.sampleRate))
        lengths = .allocate(capacity: 4)
        lengths[0] = Int32(settings.minimumBlock)
        lengths[1] = Int32(settings.maximumBlock)
        lengths[2] = Int32(settings.nominalBlock)
        lengths[3] = Int32(sequenceSize)

        log = .allocate(capacity: 1)
        log.initialize(to: ch_log())
        withUnsafeMutableBytes(of: &log.pointee.name) { bytes in
            for (i, byte) in plugin.name.utf8.prefix(bytes.count - 1).enumerated() { bytes[i] = byte }
        }
        log.pointee.urids = UnsafePointer(urids.known)
        log.pointee.events = events

        let usesWorker = plugin.extensionData.contains(LV2.worker + "interface")
            || plugin.requiredFeatures.contains(LV2.worker + "schedule")
            || plugin.optionalFeatures.contains(LV2.worker + "schedule")
        worker = usesWorker ? ch_worker_make(64 << 10) : nil

        let int = urids.known.pointee.atom_int
        let float = urids.known.pointee.atom_float
        func option(_ uri: String, _ type: LV2_URID, _ value: UnsafeRawPointer) -> LV2_Options_Option {
            LV2_Options_Option(
                context: LV2_OPTIONS_INSTANCE, subject: 0, key: urids.id(of: uri), size: 4, type: type, value: value)
        }
        optionList = .allocate(capacity: 6)
        optionList.initialize(repeating: LV2_Options_Option(), count: 6)
        optionList[0] = option(LV2.sampleRate, float, rate)
        optionList[1] = option(LV2.bufSize + "minBlockLength", int, lengths)
        optionList[2] = option(LV2.bufSize + "maxBlockLength", int, lengths + 1)
        optionList[3] = option(LV2.bufSize + "nominalBlockLength", int, lengths + 2)
        optionList[4] = option(LV2.bufSize + "sequenceSize", int, lengths + 3)

        let logFeature = keep(ch_log_feature(log))
        let makePath = keep(
            LV2_State_Make_Path(handle: Unmanaged.passUnretained(self).toOpaque()) { handle, path in
                let features = Unmanaged<HostFeatures>.fromOpaque(handle!).takeUnretainedValue()
                return features.makeScratchPath(String(cString: path!))
            })
        // Outside state save and restore a path stands for itself.
        let mapPath = keep(
            LV2_State_Map_Path(
                handle: nil, abstract_path: { _, path in strdup(path!) }, absolute_path: { _, path in strdup(path!) }))
        let freePath = keep(LV2_State_Free_Path(handle: nil) { _, path in free(path) })

        var common: [(String, UnsafeMutableRawPointer?)] = [
            (LV2.urid + "map", UnsafeMutableRawPointer(urids.map)),
            (LV2.urid + "unmap", UnsafeMutableRawPointer(urids.unmap)),
            (LV2.options + "options", UnsafeMutableRawPointer(optionList)),
            (LV2.log, logFeature),
            (LV2.bufSize + "boundedBlockLength", nil),
            (LV2.state + "loadDefaultState", nil),
            (LV2.state + "threadSafeRestore", nil),
            (LV2.state + "makePath", makePath),
            (LV2.state + "freePath", freePath),
        ]
        if settings.hasFixedBlock {
            common.append((LV2.bufSize + "fixedBlockLength", nil))
            common.append((LV2.bufSize + "coarseBlockLength", nil))
            if settings.maximumBlock & (settings.maximumBlock - 1) == 0 {
                common.append((LV2.bufSize + "powerOf2BlockLength", nil))
            }
        }
        if !settings.isOffline { common.append((LV2.core + "isLive", nil)) }
        var forInstance = common + [(LV2.state + "mapPath", mapPath)]
        var forState = common  // lilv brings its own mapPath there
        if let worker {
            let schedule = keep(LV2_Worker_Schedule(handle: worker, schedule_work: ch_worker_schedule))
            let scheduleNow = keep(LV2_Worker_Schedule(handle: worker, schedule_work: ch_worker_schedule_now))
            forInstance.append((LV2.worker + "schedule", schedule))
            forState.append((LV2.worker + "schedule", scheduleNow))
        }
        self.forInstance = featureArray(forInstance)
        self.forState = featureArray(forState)
    }

    deinit {
        for release in releases { release() }
        rate.deallocate()
        lengths.deallocate()
        optionList.deallocate()
        log.deallocate()
        ch_worker_free(worker)
        if let scratchFolder { try? FileManager.default.removeItem(atPath: scratchFolder) }
    }

    /// Frames a second.
    var sampleRate: Double { Double(rate.pointee) }

    private func keep<T>(_ value: T) -> UnsafeMutableRawPointer {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        pointer.initialize(to: value)
        releases.append { pointer.deallocate() }
        return UnsafeMutableRawPointer(pointer)
    }

    private func featureArray(
        _ list: [(String, UnsafeMutableRawPointer?)]
    ) -> UnsafeMutablePointer<UnsafePointer<LV2_Feature>?> {
        let array = UnsafeMutablePointer<UnsafePointer<LV2_Feature>?>.allocate(capacity: list.count + 1)
        array.initialize(repeating: nil, count: list.count + 1)
        for (i, (uri, data)) in list.enumerated() {
            let text = strdup(uri)!
            releases.append { free(text) }
            let feature = keep(LV2_Feature(URI: text, data: data))
            array[i] = UnsafePointer(feature.assumingMemoryBound(to: LV2_Feature.self))
        }
        releases.append { array.deallocate() }
        return array
    }

    /// Makes the folder in which the plugin makes files while its state is saved, if there is none yet. Before lilv is told of it: what
    /// lies elsewhere lilv takes for the user's own.
    func prepareScratchFolder() {
        guard scratchFolder == nil else { return }
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).resolvingSymlinksInPath().path
        var pattern = Array((folder + "/continuo-XXXXXX").utf8CString)
        guard mkdtemp(&pattern) != nil else { return }
        scratchFolder = pattern.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    private func makeScratchPath(_ path: String) -> UnsafeMutablePointer<CChar>? {
        prepareScratchFolder()
        // A plugin names files in its own folder only: neither absolute paths nor ways out of it.
        let parts = path.split(separator: "/").filter { $0 != "." && $0 != ".." }
        guard let folder = scratchFolder, !parts.isEmpty else { return nil }
        let full = folder + "/" + parts.joined(separator: "/")
        try? FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        return strdup(full)
    }
}
