import CHost
import Foundation

/// Runs a graph as one JACK client.
public final class JackHost {
    public struct Options {
        /// The client's name; JACK makes it unique.
        public var name = "continuo"
        /// The server's name; nil: JACK_DEFAULT_SERVER, or "default".
        public var server: String?
        /// Plays into the audio inputs, from the first period on, on top of what is connected to them.
        public var input: SoundFile?
        /// Takes the audio outputs.
        public var record: String?
        /// Leaves out as many frames at the recording's beginning as the graph says it is late.
        public var trimsLatency = false
        /// Seconds until it stops by itself; nil: the input and the tail, or never.
        public var seconds: Double?
        /// Seconds after the input's end.
        public var tail = 1.0
        public var connections: [ConnectionPattern] = []
        /// Beats a minute where JACK's transport has no tempo; nil: the patch's, or it stays without.
        public var tempo: Float?
        public var beatsPerBar: Float = 4
        public var beatUnit: Float = 4
        /// JACK's timebase master, unless another client is.
        public var isTimebaseMaster = false
        /// Seconds of a fade, and for which what has been replaced or bypassed may go on sounding, where a patch does not say.
        public var fade = Graph.usualFade
        public var soundingTail = 0.0
        /// Whether fades have constant amplitude instead of constant power, where a patch does not say.
        public var fadesEvenly = false
        /// Whether JACK has a port for every port of every plugin, and not for those alone that are connected with others.
        public var offersPorts = false
        public var collectsMIDI = false
        public var collectsControls = false
        /// Called on the calling thread for lines that people may want to read.
        public var onNotice: ((String) -> Void)?
        /// Called about 20 times a second, with the graph, on the calling thread.
        public var onTurn: ((Graph) -> Void)?
        public var onParameter: ((ParameterChange) -> Void)?
        /// Where lines come from that are to be done: the remote port, the console. The host can be empty then.
        public var commands: CommandQueue?
        /// A server whose feedback clients are told of changes.
        public var remote: RemoteServer?
        /// What a console completes from; kept up to date.
        public var names: HostNames?
        /// Waits for a server that is not there, at the beginning or later, instead of giving up.
        public var waitsForServer = false
        /// Periods in a row that a plugin may take longer than they last before it is bypassed; 0: for ever.
        public var overrunLimit = 8
        /// Whether `monitor` may connect with other machines.
        public var reachesAnywhere = false
        /// Keeps what plays for the case of a crash; nil: nothing is.
        public var autosave: Autosave?
        /// What was kept of a host that is gone: the patch is its patch, and this the rest.
        public var found: Autosave.Found?
        /// What plugins did that ended it; they are treated accordingly.
        public var faults: [PluginFault] = []
        /// Seconds that a period may last before the plugin in it counts as hung; 0: for ever.
        public var hangLimit = 2.0

        public init() {}
    }

    public struct Result {
        public var report: Report
        /// The MIDI at the outputs, if it was asked for.
        public var midi: [TimedMIDI]
        /// Changes of control outputs, if they were asked for.
        public var controls: [TimedControl] = []
        /// What ended it before its time: the server gone away, say. What was recorded is complete up to there.
        public var failure: HostError?
    }

    private(set) var client: OpaquePointer
    let world: World
    let options: Options
    public let graph: Graph
    let shared: UnsafeMutablePointer<JackShared>
    let ports: JackPorts
    private let events = GraphEvents()
    private let session: HostSession
    private var recorder: Recorder?
    /// Frames left out at the recording's beginning.
    private var trimmed = 0
    /// The file that plays, at JACK's rate.
    private var input: SoundFile?
    private let memory = ProcessMemory("the sound file")
    private let startsTransport: Bool
    /// Whether it wants to be the timebase master, and what it counts then.
    private(set) var wantsTimebase: Bool
    private let timebase: UnsafeMutablePointer<ch_timebase>
    private var isActive = false
    private var isClosed = false
    private var watchdog: Watchdog?

    /// Connects to a running server (none is ever started), loads the patch at its rate and block length, and registers ports.
    ///
    /// - Throws: `HostError`.
    public init(world: World, patch: Patch, options: Options) throws {
        self.world = world
        self.options = options
        startsTransport = patch.transport?.isRolling ?? false
        wantsTimebase = options.isTimebaseMaster || patch.transport?.isMaster ?? false || patch.transport?.followsMIDI ?? false
        timebase = .allocate(capacity: 1)
        timebase.initialize(to: ch_timebase())
        ch_memory_give_back()
        // Loading, states and work may take longer than a period may last, and nobody hears it.
        world.callLimit = 5 * options.hangLimit
        if options.hangLimit > 0 { world.probe?.timeLimit = world.callLimit }
        // A plugin that is not there is told of whether or not a server is.
        if options.found == nil { for setup in patch.plugins { _ = try world.plugin(setup.uri) } }
        for fault in options.faults where fault.place == .load { world.refused[fault.uri] = fault.text }
        client = try JackHost.waitForServer(options)
        do {
            // Under command it may begin empty.
            graph =
                options.commands != nil && patch.plugins.isEmpty
                ? try Graph(world: world, settings: JackHost.settings(of: client))
                : try Graph(
                    world: world, patch: patch, settings: JackHost.settings(of: client),
                    mayLack: { JackHost.mayLack($0, $1, options) })
        } catch {
            jack_client_close(client)
            timebase.deallocate()
            throw error
        }
        shared = .allocate(capacity: 1)
        shared.initialize(to: JackShared(process: graph.process, wake: cr_semaphore_make()))
        ports = JackPorts(client: client, onNotice: options.onNotice)
        session = HostSession(graph: graph, world: world)
        session.jack = self
        session.use(patch)
        if let tempo = options.tempo { session.keepTransport { $0.tempo = tempo } }
        if options.isTimebaseMaster { session.keepTransport { $0.isMaster = true } }
        session.onNotice = options.onNotice
        if let found = options.found { session.restore(found.contents) }
        session.quarantine(options.faults, options.autosave)
        do { try prepare(patch) } catch {
            jack_client_close(client)
            isClosed = true
            throw error
        }
    }

    deinit {
        if !isClosed { jack_client_close(client) }
        graph.restoreWake()
        cr_semaphore_free(shared.pointee.wake)
        shared.deallocate()
        timebase.deallocate()
    }

    /// Plugins that do not load are no reason to give up: the others play. One that is not even known is, since nobody means that; but
    /// not when it was there before.
    private static func mayLack(_ setup: PluginSetup, _ error: HostError, _ options: Options) -> Bool {
        switch error {
        case .cannotInstantiate, .outOfMemory: break
        default: if options.found == nil { return false }
        }
        options.onNotice?("going on without \(setup.name ?? setup.uri): \(error)")
        return true
    }

    static func open(_ options: Options) throws -> OpaquePointer {
        ch_jack_be_quiet()
        var status = jack_status_t(0)
        var attempts = 0
        while let client = ch_jack_open(options.name, options.server, &status) {
            // A program that has just started itself again may find its former self there for a moment.
            attempts += 1
            guard CrashGuard.restarts > 0, attempts < 20, String(cString: jack_get_client_name(client)) != options.name else {
                return client
            }
            jack_client_close(client)
            cr_sleep(100_000_000)
        }
        let cause: String
        if status.rawValue & JackServerFailed.rawValue != 0 {
            cause = "none answers"
        } else if status.rawValue & JackVersionError.rawValue != 0 {
            cause = "the server's protocol is not this library's"
        } else {
            let error = String(cString: ch_jack_last_error())
            cause = error.isEmpty ? "it refused the client" : error
        }
        throw HostError.noServer(name: options.server ?? ProcessInfo.processInfo.environment["JACK_DEFAULT_SERVER"], cause: cause)
    }

    /// Opens a client, in the end.
    private static func waitForServer(_ options: Options) throws -> OpaquePointer {
        var isTold = false
        while true {
            do { return try open(options) } catch {
                guard options.waitsForServer else { throw error }
                if !isTold { options.onNotice?("waiting for a JACK server") }
                isTold = true
                cr_sleep(500_000_000)
            }
        }
    }

    /// Returns if a server answers.
    ///
    /// - Throws: `HostError.noServer`.
    public static func checkServer(_ name: String?) throws {
        var options = Options()
        options.name = "continuo-check"
        options.server = name
        jack_client_close(try open(options))
    }

    private static func settings(of client: OpaquePointer) -> ProcessSettings {
        let block = Int(jack_get_buffer_size(client))
        return ProcessSettings(
            sampleRate: Double(jack_get_sample_rate(client)), minimumBlock: block, maximumBlock: block, nominalBlock: block,
            hasFixedBlock: true, isOffline: false)
    }

    // MARK: Set-up

    private func prepare(_ patch: Patch) throws {
        let process = graph.process
        graph.usualTimes = (options.fade, options.fadesEvenly, options.soundingTail)
        if patch.fade == nil { graph.fadeSeconds = options.fade }
        if patch.fadesEvenly == nil { graph.fadesEvenly = options.fadesEvenly }
        if patch.tail == nil { graph.tailSeconds = options.soundingTail }
        timebase.pointee.beats_per_minute = UnsafePointer(process.pointer(to: \.tempo)!)
        timebase.pointee.beats_per_bar = UnsafePointer(process.pointer(to: \.beatsPerBar)!)
        timebase.pointee.beat_unit = UnsafePointer(process.pointer(to: \.beatUnit)!)
        process.pointee.jack = client
        process.pointee.wake = shared.pointee.wake
        process.pointee.tempo = options.tempo ?? patch.transport?.tempo ?? 0
        process.pointee.beatsPerBar = patch.transport?.beatsPerBar ?? options.beatsPerBar
        process.pointee.beatUnit = patch.transport?.beatUnit ?? options.beatUnit
        process.pointee.guardsPlugins = true
        process.pointee.overrunLimit = Int32(options.overrunLimit)
        process.pointee.tapsControls = options.collectsControls
        let followsMIDI = patch.transport?.followsMIDI ?? false
        if followsMIDI { process.pointee.clock.mode = ProcessClock.begins }
        if options.commands != nil || followsMIDI || !graph.mappings.isEmpty { try graph.offerMIDI() }
        for end in graph.inputs + graph.outputs { try ports.register(end) }
        followEnds()
        graph.offersPorts = options.offersPorts
        graph.activate()
        graph.changed()
        if let file = options.input {
            guard graph.audioInputCount > 0 else { throw HostError.usage("these plugins take no audio input") }
            input = file.resampled(to: Int(graph.settings.sampleRate))
            let player = input?.mapped(to: graph.audioInputCount) ?? []
            process.pointee.player = try memory.copy(player.map { try memory.copy($0) })
            process.pointee.playerChannels = player.count
            process.pointee.playerFrames = UInt64(player.first?.count ?? 0)
        }
        if let path = options.record {
            guard graph.audioOutputCount > 0 else { throw HostError.usage("these plugins have no audio output to record") }
            if options.trimsLatency { trimmed = graph.askLatency() }
            recorder = try Recorder(
                path: path, channelCount: graph.audioOutputCount, sampleRate: graph.settings.sampleRate,
                maximumBlock: graph.settings.maximumBlock, skip: trimmed)
            process.pointee.recorder = recorder?.ring
        }
        events.collectsMIDI = options.collectsMIDI
        events.onParameter = options.onParameter
        prepareSession()
        var seconds = options.seconds
        if seconds == nil, let input { seconds = Double(input.frameCount) / Double(input.sampleRate) + options.tail }
        if let seconds { process.pointee.limit = UInt64((seconds * graph.settings.sampleRate).rounded()) + UInt64(trimmed) }
        setCallbacks()
    }

    /// Has the graph's ends be the client's ports.
    private func followEnds() {
        graph.registerEnd = { [ports] end in
            do { try ports.register(end) } catch {
                ports.say("\(error)")
                throw error
            }
        }
        graph.unregisterEnd = { [ports] in ports.unregister($0) }
        graph.detachEnd = { [ports] in ports.detach($0) }
        graph.releaseEnd = { [ports] in ports.release($0) }
        graph.presentPartners = { [ports, unowned graph] in ports.presentPartners($0, graph) }
        graph.partnerNames = { [ports] in ports.matches($0, $1) }
    }

    private func prepareSession() {
        session.reachesAnywhere = options.reachesAnywhere
        graph.onFailure = { [onNotice = options.onNotice] in onNotice?("what has changed cannot be heard: \($0)") }
        if let remote = options.remote { session.feedback.send = { [unowned remote] in remote.broadcast($0) } }
        events.onTold = { [unowned session] in session.told($0) }
        events.onFault = { [unowned session] in session.failed($0, $1) }
        events.onMapped = { [unowned session] in session.mapped($0) }
        events.onLearned = { [unowned session] in session.learned($0) }
        events.onMessage = { [unowned session] in session.received($0) }
    }

    private func setCallbacks() {
        jack_set_thread_init_callback(client, { _ in
                ch_log_enter_process()
                ch_guard_enter_thread()
            }, nil)
        jack_set_process_callback(
            client,
            { frames, context in
                jackProcess(context!.assumingMemoryBound(to: JackShared.self), frames)
                return 0
            }, shared)
        jack_set_buffer_size_callback(
            client,
            { frames, context in
                // The process thread stands still meanwhile. Should the length be another than the plugins were told, it
                // plays silence until the set-up thread has loaded them anew.
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                if frames != shared.pointee.process.pointee.maximumBlock {
                    _ = ch_exchange_if(&shared.pointee.process.pointee.gate, ProcessGate.open, ProcessGate.closing)
                    cr_semaphore_post(shared.pointee.wake)
                }
                return 0
            }, shared)
        jack_set_sample_rate_callback(
            client,
            { rate, context in
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                if Double(rate) != shared.pointee.process.pointee.sampleRate {
                    _ = ch_exchange_if(&shared.pointee.process.pointee.gate, ProcessGate.open, ProcessGate.closing)
                    cr_semaphore_post(shared.pointee.wake)
                }
                return 0
            }, shared)
        jack_set_freewheel_callback(
            client,
            { starting, context in
                ch_store(
                    &context!.assumingMemoryBound(to: JackShared.self).pointee.process.pointee.freewheelRequest, starting)
            }, shared)
        jack_set_xrun_callback(
            client,
            { context in
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                ch_store(&shared.pointee.xruns, ch_load(&shared.pointee.xruns) + 1)
                return 0
            }, shared)
        jack_set_port_registration_callback(
            client,
            { port, isThere, context in
                let host = Unmanaged<JackHost>.fromOpaque(context!).takeUnretainedValue()
                if isThere == 0 { host.ports.noteGone(port) }
                ch_store(&host.shared.pointee.portsChanged, 1)
                cr_semaphore_post(host.shared.pointee.wake)
            }, Unmanaged.passUnretained(self).toOpaque())
        jack_set_port_connect_callback(
            client,
            { first, second, isConnected, context in
                let host = Unmanaged<JackHost>.fromOpaque(context!).takeUnretainedValue()
                host.ports.note(first, second, isConnected != 0)
                cr_semaphore_post(host.shared.pointee.wake)
            }, Unmanaged.passUnretained(self).toOpaque())
        jack_set_latency_callback(
            client,
            { mode, context in
                Unmanaged<JackPorts>.fromOpaque(context!).takeUnretainedValue().reportLatency(mode)
            }, Unmanaged.passUnretained(ports).toOpaque())
        // PipeWire 0.3 calls the one, JACK the other.
        jack_on_shutdown(
            client,
            { context in
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                ch_store(&shared.pointee.isShutDown, 1)
                cr_semaphore_post(shared.pointee.wake)
            }, shared)
        jack_on_info_shutdown(
            client,
            { _, _, context in
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                ch_store(&shared.pointee.isShutDown, 1)
                cr_semaphore_post(shared.pointee.wake)
            }, shared)
    }

    /// Saves the plugins' state (see `Graph.saveStates`).
    public func saveStates(to folder: String) throws { try graph.saveStates(to: folder) }

    // MARK: Running

    /// Plays until the time is over, a signal comes or the server goes.
    ///
    /// - Throws: `HostError.file` if the recording could not be written.
    public func run() throws -> Result {
        recorder?.start()
        ch_signals_catch(shared.pointee.wake)
        defer { ch_signals_release() }
        options.commands?.setWake(shared.pointee.wake)
        defer { options.commands?.close() }
        var end = "end"
        var failure: HostError?
        ports.update(graph)
        graph.setRunning(true)
        if jack_activate(client) != 0 {
            failure = .server("JACK would not start the client '\(clientName)'")
            end = "server"
        } else {
            isActive = true
            connectPorts()
            options.names?.update(session)
            takeTimebase()
            if let found = options.found { ports.connect(found.contents.connections, in: graph) }
            startGuards()
            if startsTransport { jack_transport_start(client) }
            (end, failure) = loop()
        }
        if let autosave = options.autosave {
            var last: Int32 = 0
            let isHangup = ch_signals_count(&last) > 0 && last == SIGHUP
            // Somebody who ends it means that; a server that goes, or a terminal, does not.
            autosave.end(session, isClean: (end == "quit" || end == "end" || end == "signal") && !isHangup)
        }
        ch_guard_end()
        shutDown(isServerGone: end == "server")
        watchdog?.stop()
        events.drain(graph)
        var report = graph.report(events)
        graph.addLoad(to: &report)
        report.xruns = Int(ch_load(&shared.pointee.xruns))
        report.end = end
        graph.deactivate()
        do {
            try recorder?.finish()
        } catch {
            if failure == nil { throw error }
        }
        return Result(report: report, midi: events.midi, controls: events.controls, failure: failure)
    }

    /// What it is called in JACK, and how it runs there.
    public var summary: String {
        func count(_ ends: [GraphEnd], _ kind: GraphEnd.Kind) -> Int { ends.count { $0.kind == kind } }
        return "\(clientName): \(count(graph.inputs, .audio)) in, \(count(graph.outputs, .audio)) out"
            + (count(graph.inputs, .midi) > 0 ? ", MIDI in" : "") + (count(graph.outputs, .midi) > 0 ? ", MIDI out" : "")
            + "; \(Int(graph.settings.sampleRate)) Hz, \(graph.settings.maximumBlock) frames a period"
    }

    func setRolling(_ isRolling: Bool) { isRolling ? jack_transport_start(client) : jack_transport_stop(client) }

    /// The transport as it is now.
    var transport: ch_transport { ch_jack_transport(client) }

    /// Back to the beginning.
    func rewind() { jack_transport_locate(client, 0) }

    /// Becomes the timebase master, or leaves that; false if another client is it.
    func setTimebaseMaster(_ isMaster: Bool) -> Bool {
        if !isMaster {
            if wantsTimebase { jack_release_timebase(client) }
            wantsTimebase = false
            return true
        }
        guard ch_timebase_take(client, timebase) else { return false }
        wantsTimebase = true
        return true
    }

    private func takeTimebase() {
        if wantsTimebase && !ch_timebase_take(client, timebase) {
            options.onNotice?("another client is JACK's timebase master: its tempo is followed")
        }
    }

    /// Has a tempo that was changed while the transport stands told to JACK's clients.
    func metreHasChanged() {
        if wantsTimebase && jack_transport_query(client, nil) != JackTransportRolling { _ = ch_timebase_take(client, timebase) }
    }

    func setFreewheeling(_ isOn: Bool) -> Bool { jack_set_freewheel(client, isOn ? 1 : 0) == 0 }
    /// Off: silence; the plugins rest.
    func setProcessing(_ isOn: Bool) { ch_store(&graph.process.pointee.isResting, isOn ? 0 : 1) }

    /// JACK's own figure for all its clients, in percent.
    var load: Float { jack_cpu_load(client) }
    var xruns: Int { Int(ch_load(&shared.pointee.xruns)) }

    var isServerGone: Bool { ch_load(&shared.pointee.isShutDown) != 0 }

    var clientName: String { String(cString: jack_get_client_name(client)) }

    private func loop() -> (String, HostError?) {
        let process = graph.process
        while true {
            _ = cr_semaphore_wait_for(shared.pointee.wake, options.commands == nil ? 50_000_000 : 20_000_000)
            if watchdog?.hasHung == true { rescue() }
            if ch_load(&shared.pointee.isShutDown) != 0 {
                guard options.waitsForServer else {
                    return ("server", .server("the JACK server has gone away: start it again, then continuo"))
                }
                if let end = reattach() { return end }
            }
            if ch_signals_count(nil) > 0 { return ("signal", nil) }
            if Int(jack_get_buffer_size(client)) != graph.settings.maximumBlock {
                // It changed again while the plugins were being loaded.
                _ = ch_exchange_if(&process.pointee.gate, ProcessGate.open, ProcessGate.closing)
            }
            if ch_load(&process.pointee.gate) != ProcessGate.open {
                do { try restart() } catch {
                    return ("rebuild", error as? HostError ?? .server("\(error)"))
                }
            }
            events.drain(graph)
            if executeCommands() { options.names?.update(session) }
            session.turn()
            ports.follow(graph)
            graph.advance()
            if ports.update(graph) {
                ports.connectPartners(graph)
                jack_recompute_total_latencies(client)
            }
            if ch_load(&shared.pointee.portsChanged) != 0 {
                ch_store(&shared.pointee.portsChanged, 0)
                ports.connectPartners(graph)
                ports.reconnect(graph)
                options.names?.update(session)
            }
            if options.waitsForServer { ports.remember(graph) }
            options.onTurn?(graph)
            if ch_load(&process.pointee.isFinished) != 0 { return ("end", nil) }
            if session.isQuitting { return ("quit", nil) }
        }
    }

    private func startGuards() {
        if options.hangLimit > 0 {
            let priority = Int(jack_client_real_time_priority(client))
            watchdog = Watchdog(graph.process, limit: options.hangLimit, wake: shared.pointee.wake)
            watchdog?.start(priority: priority > 0 ? priority + 1 : 0)
        }
        guard let autosave = options.autosave else { return }
        session.autosave = autosave
        if options.found != nil || !options.faults.isEmpty { autosave.takeOver(session) } else { autosave.begin(session) }
    }

    /// A plugin hangs in the process thread: what can be saved is saved. Does not return.
    private func rescue() -> Never {
        let node = watchdog!.hungNode.flatMap { graph.node(id: $0) }
        options.onNotice?("\(node.map { "\($0.name) (\($0.description.name))" } ?? "the period") does not come to an end")
        try? recorder?.finish()
        options.autosave?.keep(session, except: node, isLast: true)
        watchdog!.finish()
    }

    /// Does the commands that have come; whether there were any.
    private func executeCommands() -> Bool {
        let requests = options.commands?.takeAll() ?? []
        for request in requests {
            let reply = session.isQuitting ? .failure(.invalidOperation, "the host ends") : session.execute(request.line)
            request.answer(reply)
        }
        return !requests.isEmpty
    }

    private func connectPorts(isSilent: Bool = false) {
        ports.connectPartners(graph)
        for pattern in options.connections {
            let made = pattern.connect(client: client, name: clientName, graph: graph)
            if made == 0 && !isSilent {
                options.onNotice?("nothing connected for '\(pattern.text)': no such ports (see jack_lsp)")
            }
        }
    }

    private func shutDown(isServerGone: Bool) {
        if isActive && !isServerGone { jack_deactivate(client) }
        leave(isServerThere: !isServerGone)
    }

    /// Lets go of the client. Nothing runs the graph after it.
    private func leave(isServerThere: Bool) {
        (graph.registerEnd, graph.unregisterEnd, graph.detachEnd, graph.releaseEnd) = (nil, nil, nil, nil)
        graph.presentPartners = { [ports, unowned graph] in ports.rememberedPartners($0, graph) }
        graph.partnerNames = nil
        if !isClosed {
            if isServerThere { ports.removeProperties(graph) }
            jack_client_close(client)
        }
        isClosed = true
        isActive = false
        graph.process.pointee.jack = nil
        // Whatever period there was has ended with the client.
        (graph.process.pointee.callback, graph.process.pointee.running) = (0, nil)
        graph.forgetPorts()
        graph.setRunning(false)
    }

    /// Waits until a server is there again, and goes on in it as before, with the connections that there were. Commands are
    /// done meanwhile.
    ///
    /// - Returns: why it ended, if it did not come to that.
    private func reattach() -> (String, HostError?)? {
        options.onNotice?("the JACK server has gone away: waiting for it")
        leave(isServerThere: false)
        ch_signals_unblock()
        session.jack = nil
        var fresh: OpaquePointer?
        while fresh == nil {
            _ = cr_semaphore_wait_for(shared.pointee.wake, 500_000_000)
            if ch_signals_count(nil) > 0 { return ("signal", nil) }
            _ = executeCommands()
            session.turn()
            if session.isQuitting { return ("quit", nil) }
            graph.advance()
            fresh = try? JackHost.open(options)
            ch_signals_unblock()
        }
        client = fresh!
        isClosed = false
        ports.use(client)
        session.jack = self
        ch_store(&shared.pointee.isShutDown, 0)
        ch_store(&shared.pointee.portsChanged, 1)
        ch_store(&graph.process.pointee.gate, ProcessGate.open)
        graph.process.pointee.jack = client
        do {
            let settings = JackHost.settings(of: client)
            if settings != graph.settings { try graph.restart(settings) }
            for end in graph.inputs + graph.outputs { try ports.register(end) }
        } catch { return ("rebuild", error as? HostError ?? .server("\(error)")) }
        followEnds()
        graph.changed()
        setCallbacks()
        ports.update(graph)
        graph.setRunning(true)
        guard jack_activate(client) == 0 else { return nil }  // gone again: the next turn sees it
        isActive = true
        takeTimebase()
        connectPorts(isSilent: true)
        ports.restore(graph)
        options.onNotice?("back in JACK as '\(clientName)'")
        return nil
    }

    /// Loads the plugins anew at the server's present rate and block length, with their state. The process thread plays silence
    /// meanwhile.
    private func restart() throws {
        let settings = JackHost.settings(of: client)
        waitForClosedGate()
        options.onNotice?(
            "JACK now runs at \(Int(settings.sampleRate)) Hz, \(settings.maximumBlock) frames a period: plugins are started anew")
        if recorder != nil && graph.settings.sampleRate != settings.sampleRate {
            options.onNotice?("the recording goes on at its old rate")
        }
        try graph.restart(settings)
        ch_store(&graph.process.pointee.gate, ProcessGate.open)
    }

    private func waitForClosedGate() {
        // A freewheeling or stalled server may take its time; without periods there is nobody to wait for.
        for _ in 0..<100 where ch_load(&graph.process.pointee.gate) != ProcessGate.closed { cr_sleep(5_000_000) }
    }
}
