import CHost
import Foundation

/// Runs a chain as one JACK client.
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
        /// Leaves out as many frames at the recording's beginning as the chain says it is late.
        public var trimsLatency = false
        /// Seconds until it stops by itself; nil: the input and the tail, or never.
        public var seconds: Double?
        /// Seconds after the input's end.
        public var tail = 1.0
        public var connections: [ConnectionPattern] = []
        /// Beats a minute where JACK's transport has no tempo; nil: it stays without.
        public var tempo: Float?
        public var beatsPerBar: Float = 4
        public var beatUnit: Float = 4
        public var collectsMIDI = false
        public var collectsControls = false
        /// Called on the calling thread for lines that people may want to read.
        public var onNotice: ((String) -> Void)?
        /// Called about 20 times a second, with the chain, on the calling thread.
        public var onTurn: ((Chain) -> Void)?
        public var onParameter: ((ParameterChange) -> Void)?

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

    private let client: OpaquePointer
    private let world: World
    private let setups: [PluginSetup]
    private let options: Options
    private var chain: Chain
    /// The chain before this one.
    private var retired: Chain?
    private let shared: UnsafeMutablePointer<JackShared>
    private let events = ChainEvents()
    private var recorder: Recorder?
    /// Frames left out at the recording's beginning.
    private var trimmed = 0
    /// The file that plays, at JACK's rate.
    private var input: SoundFile?
    private var player: [[Float]] = []
    private var inputPorts: [OpaquePointer] = []
    private var outputPorts: [OpaquePointer] = []
    private var reportedLatency = 0
    private var isActive = false
    private var isClosed = false

    /// Connects to a running server (none is ever started), loads the chain at its rate and block length, and registers ports.
    ///
    /// - Throws: `HostError`.
    public init(world: World, setups: [PluginSetup], options: Options) throws {
        self.world = world
        self.setups = setups
        self.options = options
        // A plugin that is not there is told of whether or not a server is.
        for setup in setups { _ = try world.plugin(setup.uri) }
        client = try JackHost.open(options)
        do {
            chain = try Chain(world: world, setups: setups, settings: JackHost.settings(of: client))
        } catch {
            jack_client_close(client)
            throw error
        }
        shared = .allocate(capacity: 1)
        shared.initialize(to: JackShared(process: chain.process, wake: cr_semaphore_make()))
        try prepare()
    }

    deinit {
        if !isClosed { jack_client_close(client) }
        cr_semaphore_free(shared.pointee.wake)
        shared.deallocate()
    }

    private static func open(_ options: Options) throws -> OpaquePointer {
        ch_jack_be_quiet()
        var status = jack_status_t(0)
        if let client = ch_jack_open(options.name, options.server, &status) { return client }
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

    private func prepare() throws {
        if let file = options.input {
            guard chain.audioInputCount > 0 else { throw HostError.usage("these plugins take no audio input") }
            input = file.resampled(to: Int(chain.settings.sampleRate))
            player = input?.mapped(to: chain.audioInputCount) ?? []
        }
        if let path = options.record {
            guard chain.audioOutputCount > 0 else { throw HostError.usage("these plugins have no audio output to record") }
            if options.trimsLatency {
                chain.activate()
                trimmed = chain.askLatency()
            }
            recorder = try Recorder(
                path: path, channelCount: chain.audioOutputCount, sampleRate: chain.settings.sampleRate,
                maximumBlock: chain.settings.maximumBlock, skip: trimmed)
        }
        events.collectsMIDI = options.collectsMIDI
        events.onParameter = options.onParameter
        try registerPorts()
        setProcess(chain)
        setCallbacks()
    }

    private func registerPorts() throws {
        func register(_ port: Chain.Port, _ flags: JackPortFlags) throws -> OpaquePointer {
            let type = port.kind == .midi ? "8 bit raw midi" : "32 bit float mono audio"
            guard let jack = jack_port_register(client, port.name, type, UInt(flags.rawValue), 0) else {
                throw HostError.server("JACK has no room for the port '\(port.name)'")
            }
            let uuid = jack_port_uuid(jack)
            jack_set_property(client, uuid, "http://jackaudio.org/metadata/pretty-name", port.prettyName, "text/plain")
            if port.kind == .cv { jack_set_property(client, uuid, "http://jackaudio.org/metadata/signal-type", "CV", "text/plain") }
            return jack
        }
        inputPorts = try chain.inputs.map { try register($0, JackPortIsInput) }
        outputPorts = try chain.outputs.map { try register($0, JackPortIsOutput) }
    }

    /// Gives a chain all that the process thread will want, before it may see it.
    private func setProcess(_ chain: Chain) {
        let process = chain.process
        process.pointee.jack = client
        process.pointee.wake = shared.pointee.wake
        process.pointee.tempo = options.tempo ?? 0
        process.pointee.beatsPerBar = options.beatsPerBar
        process.pointee.beatUnit = options.beatUnit
        for i in 0..<min(process.pointee.inputCount, inputPorts.count) { process.pointee.inputs[i].jack = inputPorts[i] }
        for i in 0..<min(process.pointee.outputCount, outputPorts.count) { process.pointee.outputs[i].jack = outputPorts[i] }
        if !player.isEmpty {
            process.pointee.player = chain.allocateCopy(
                of: player.map { channel in
                    chain.allocateCopy(of: channel)
                })
            process.pointee.playerChannels = player.count
            process.pointee.playerFrames = UInt64(player[0].count)
        }
        process.pointee.recorder = recorder?.ring
        process.pointee.tapsControls = options.collectsControls
        var seconds = options.seconds
        if seconds == nil, let input { seconds = Double(input.frameCount) / Double(input.sampleRate) + options.tail }
        if let seconds { process.pointee.limit = UInt64((seconds * chain.settings.sampleRate).rounded()) + UInt64(trimmed) }
    }

    private func setCallbacks() {
        jack_set_thread_init_callback(client, { _ in ch_log_enter_process() }, nil)
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
                // plays silence until the set-up thread has built the chain anew.
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                if frames != shared.pointee.process.pointee.maximumBlock {
                    _ = ch_exchange_if(&shared.pointee.process.pointee.gate, ProcessGate.open, ProcessGate.closing)
                    ch_store(&shared.pointee.bufferSize, Int32(frames))
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
                    ch_store(&shared.pointee.sampleRate, Int32(rate))
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
        jack_set_latency_callback(
            client,
            { mode, context in
                Unmanaged<JackHost>.fromOpaque(context!).takeUnretainedValue().reportLatency(mode)
            }, Unmanaged.passUnretained(self).toOpaque())
        jack_on_info_shutdown(
            client,
            { _, _, context in
                let shared = context!.assumingMemoryBound(to: JackShared.self)
                ch_store(&shared.pointee.isShutDown, 1)
                cr_semaphore_post(shared.pointee.wake)
            }, shared)
    }

    /// The chain's latency on top of what comes to it (capture) or goes from it (playback).
    private func reportLatency(_ mode: jack_latency_callback_mode_t) {
        let sources = mode == JackCaptureLatency ? inputPorts : outputPorts
        let destinations = mode == JackCaptureLatency ? outputPorts : inputPorts
        var range = jack_latency_range_t(min: .max, max: 0)
        // Ports with nothing connected have no latency to speak of.
        for port in sources where jack_port_connected(port) > 0 {
            var own = jack_latency_range_t(min: 0, max: 0)
            jack_port_get_latency_range(port, mode, &own)
            range.min = min(range.min, own.min)
            range.max = max(range.max, own.max)
        }
        if range.min > range.max { range = jack_latency_range_t(min: 0, max: 0) }
        let latency = UInt32(max(ch_load(&shared.pointee.process.pointee.latency), 0))
        range.min &+= latency
        range.max &+= latency
        for port in destinations { jack_port_set_latency_range(port, mode, &range) }
    }

    /// Saves the plugins' state (see `Chain.saveStates`).
    public func saveStates(to folder: String) throws { try chain.saveStates(to: folder) }

    // MARK: Running

    /// Plays until the time is over, a signal comes or the server goes.
    ///
    /// - Throws: `HostError.file` if the recording could not be written.
    public func run() throws -> Result {
        chain.activate()
        recorder?.start()
        ch_signals_catch(shared.pointee.wake)
        defer { ch_signals_release() }
        var end = "end"
        var failure: HostError?
        if jack_activate(client) != 0 {
            failure = .server("JACK would not start the client '\(clientName)'")
            end = "server"
        } else {
            isActive = true
            connectPorts()
            (end, failure) = loop()
        }
        shutDown(isServerGone: end == "server")
        events.drain(chain)
        var report = chain.report(events)
        chain.addLoad(to: &report)
        report.xruns = Int(ch_load(&shared.pointee.xruns))
        report.end = end
        chain.deactivate()
        do {
            try recorder?.finish()
        } catch {
            if failure == nil { throw error }
        }
        return Result(report: report, midi: events.midi, controls: events.controls, failure: failure)
    }

    /// What it is called in JACK, and how it runs there.
    public var summary: String {
        func count(_ ports: [Chain.Port], _ kind: Chain.Port.Kind) -> Int { ports.count { $0.kind == kind } }
        return "\(clientName): \(count(chain.inputs, .audio)) in, \(count(chain.outputs, .audio)) out"
            + (count(chain.inputs, .midi) > 0 ? ", MIDI in" : "") + (count(chain.outputs, .midi) > 0 ? ", MIDI out" : "")
            + "; \(Int(chain.settings.sampleRate)) Hz, \(chain.settings.maximumBlock) frames a period"
    }

    private var clientName: String { String(cString: jack_get_client_name(client)) }

    private func loop() -> (String, HostError?) {
        while true {
            _ = cr_semaphore_wait_for(shared.pointee.wake, 50_000_000)
            if ch_load(&shared.pointee.isShutDown) != 0 {
                return ("server", .server("the JACK server has gone away: start it again, then continuo"))
            }
            if ch_signals_count(nil) > 0 { return ("signal", nil) }
            if Int(jack_get_buffer_size(client)) != chain.settings.maximumBlock {
                // It changed again while the chain was being built.
                _ = ch_exchange_if(&chain.process.pointee.gate, ProcessGate.open, ProcessGate.closing)
            }
            if ch_load(&chain.process.pointee.gate) != ProcessGate.open {
                do { try rebuild() } catch {
                    return ("rebuild", error as? HostError ?? .server("\(error)"))
                }
            }
            events.drain(chain)
            options.onTurn?(chain)
            if chain.latency != reportedLatency {
                reportedLatency = chain.latency
                jack_recompute_total_latencies(client)
            }
            if ch_load(&chain.process.pointee.isFinished) != 0 { return ("end", nil) }
        }
    }

    private func connectPorts() {
        for pattern in options.connections {
            let made = pattern.connect(client: client, name: clientName, chain: chain)
            if made == 0 {
                options.onNotice?("nothing connected for '\(pattern.text)': no such ports (see jack_lsp)")
            }
        }
    }

    private func shutDown(isServerGone: Bool) {
        if isActive && !isServerGone { jack_deactivate(client) }
        isActive = false
        isClosed = true
        jack_client_close(client)
    }

    /// Builds the chain anew at the server's present rate and block length, with the state of the old one, and puts it in its
    /// place. The process thread plays silence meanwhile.
    private func rebuild() throws {
        let settings = JackHost.settings(of: client)
        waitForClosedGate()
        options.onNotice?(
            "JACK now runs at \(Int(settings.sampleRate)) Hz, \(settings.maximumBlock) frames a period: plugins are started anew")
        let states = chain.instances.map { $0.captureState(folder: nil) }
        defer { for state in states { lilv_state_free(state) } }
        let plain = setups.map { PluginSetup(uri: $0.uri) }
        let fresh = try Chain(world: world, setups: plain, settings: settings)
        for (instance, state) in zip(fresh.instances, states) where state != nil { instance.restore(state!) }
        fresh.takeProgress(of: chain)
        setProcess(fresh)
        if recorder != nil && chain.settings.sampleRate != settings.sampleRate {
            options.onNotice?("the recording goes on at its old rate")
        }
        fresh.activate()
        let old = chain
        chain = fresh
        // The process thread is closed out of the old chain; from its next period on it sees the new one. It may hold the old
        // one's address a little longer, so that goes only with the next.
        shared.pointee.process = fresh.process
        retired = old
        events.drain(old)
        old.deactivate()
    }

    private func waitForClosedGate() {
        // A freewheeling or stalled server may take its time; without periods there is nobody to wait for.
        for _ in 0..<100 where ch_load(&chain.process.pointee.gate) != ProcessGate.closed { cr_sleep(5_000_000) }
    }
}
