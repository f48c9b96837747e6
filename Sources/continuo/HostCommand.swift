import ArgumentParser
import Foundation
import Host

struct HostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "Runs LV2 plugins as a JACK client.",
        discussion: """
            Plays a patch, or plugins in a row. With --port it can be empty, and takes commands over TCP in
            mod-host's protocol; with --console, or at a terminal, on standard input: 'help' lists them.

            Examples:
              continuo host urn:continuo:pitch --connect in=system:capture_1 --connect 'out=system:playback_*'
              continuo host stage.toml --port 5555 --feedback-port 5556
              echo 'add http://lv2plug.in/plugins/eg-amp 0' | continuo host --console
            """)

    @OptionGroup var chain: ChainArguments

    @Option(name: .long, help: "Records the audio output: .wav, .flac, .ogg or .aiff.")
    var record: String?

    @Option(name: .customLong("connect"), help: "OURS=THEIRS, for example in=system:capture_1 or 'out=system:playback_*'.")
    var connections: [String] = []

    @Option(name: .long, help: "The JACK client's name.")
    var name = "continuo"

    @Option(name: .long, help: "The JACK server's name.")
    var server: String?

    @Option(name: .long, help: "Takes commands at this TCP port, in mod-host's protocol (mod-host's own is 5555).")
    var port: Int?

    @Option(name: .customLong("feedback-port"), help: "Tells of changes at this TCP port (mod-host's own is 5556).")
    var feedbackPort: Int?

    @Option(name: .long, help: "The address to listen at; 0.0.0.0 for all: anybody who reaches it can then command the host.")
    var listen = "127.0.0.1"

    @Option(name: .long, help: "What clients must say first, as in 'token SECRET'; @FILE reads it from a file.")
    var token: String?

    @Flag(name: .long, help: "Waits for a JACK server that is not there, or goes away, and takes up its connections again.")
    var wait = false

    @Option(
        name: .customLong("overrun-limit"),
        help: "Bypasses a plugin that takes longer than a period lasts, so many periods in a row; 0: never.")
    var overrunLimit = 8

    @Option(
        name: .long,
        help: "Which of the plugins' ports JACK knows: all, or ends: those that are connected. Otherwise all if it begins empty.")
    var ports: String?

    @Option(name: .long, help: "Milliseconds in which presets, patches and bypasses are faded to, 0 to 60000.")
    var fade = 20.0

    @Option(name: .long, help: "Their curve: power, for sounds that differ, or linear, for those that are alike.")
    var fadeCurve = "power"

    @Option(
        name: .customLong("keep-tail"),
        help: "Seconds for which a plugin that was replaced or bypassed may go on sounding; 0: it fades.")
    var keepTail = 0.0

    @Flag(name: .long, help: "Is JACK's timebase master, unless another client is: tempo and metre are the patch's, or set_bpm's.")
    var timebase = false

    @Option(
        name: .customLong("hang-limit"),
        help: "Seconds that a period may last before the plugin in it counts as hung; 0: for ever.")
    var hangLimit = 2.0

    @Option(
        name: .long, help: "Seconds after a change until what plays is kept for the case of a crash; 0: it is not.")
    var autosave = 3.0

    @Flag(
        inversion: .prefixedNo,
        help: "After a crash: brings back what played, or begins with the patch as it is (without either: unless the patch is newer).")
    var restore: Bool?

    @Flag(inversion: .prefixedNo, help: "Starts itself again when a plugin crashes or hangs, with the plugin bypassed.")
    var restart = true

    @Flag(inversion: .prefixedNo, help: "Tries each plugin out in a process of its own before it is loaded for the first time.")
    var probe = true

    @Flag(name: .long, help: "Takes commands from standard input; a terminal's is taken anyway.")
    var console = false

    @Flag(name: .long, help: "Prints what changes at control outputs and parameters.")
    var monitor = false

    @Flag(name: .long, help: "Prints how long the callbacks took, in shares of the period.")
    var histogram = false

    @Flag(name: .customLong("check-server"), help: "Only says whether a JACK server answers, by the exit code.")
    var checkServer = false

    @Flag(name: .customLong("list-commands"), help: "Prints all commands with examples, as Markdown.")
    var listCommands = false

    func run() throws {
        try reportingUsage {
            if listCommands { return Console.print(HostSession.commandReference) }
            if checkServer { return try JackHost.checkServer(server) }
            var options = JackHost.Options()
            options.name = name
            options.server = server
            options.input = try chain.input.map { try SoundFile(reading: $0) }
            options.record = record
            options.seconds = chain.seconds
            options.trimsLatency = chain.trimsLatency
            options.tail = chain.tail
            options.connections = try connections.map { try ConnectionPattern($0) }
            options.tempo = chain.tempo
            (options.beatsPerBar, options.beatUnit) = try chain.metre()
            options.waitsForServer = wait
            options.isTimebaseMaster = timebase
            guard (0...60000).contains(fade) else { throw HostError.usage("--fade goes from 0 to 60000") }
            guard (0...3600).contains(keepTail) else { throw HostError.usage("--keep-tail goes from 0 to 3600") }
            options.fade = fade / 1000
            guard fadeCurve == "power" || fadeCurve == "linear" else { throw HostError.usage("--fade-curve is power or linear") }
            options.fadesEvenly = fadeCurve == "linear"
            guard [nil, "all", "ends"].contains(ports) else { throw HostError.usage("--ports is all or ends") }
            options.soundingTail = keepTail
            options.overrunLimit = max(0, overrunLimit)
            options.collectsMIDI = chain.recordMIDI != nil
            options.collectsControls = chain.recordControls != nil
            options.onNotice = { Console.say("continuo: \($0)") }
            if monitor {
                let monitor = Monitor()
                options.onTurn = { monitor.look(at: $0) }
                options.onParameter = { monitor.tell($0) }
            }
            let patch = try chain.patch()
            options.offersPorts = ports.map { $0 == "all" } ?? (port != nil && patch.plugins.isEmpty)
            let server = try takeCommands(&options, isEmpty: patch.plugins.isEmpty)
            defer { server?.stop() }
            options.hangLimit = hangLimit
            keepForCrash(&options)
            let host = try load(patch, options)
            server?.start()
            let console = options.commands.flatMap { queue in options.names.map { HostConsole(queue: queue, names: $0) } }
            console?.start()
            defer { console?.stop() }
            if Console.isInteractive { Console.say("\(host.summary); Ctrl-C ends it") }
            let result = try host.run()
            CrashGuard.disarm()
            if let folder = chain.saveState { try host.saveStates(to: folder) }
            try chain.finish(result.report, result.midi, result.controls)
            if histogram {
                Console.print("callback, share of the period from … on, periods:")
                Console.print(result.report.histogram)
            }
            if let failure = result.failure { throw failure }
        }
    }

    /// Something that ends by itself, and is to fail if it cannot be done: it neither starts again nor goes on where another left off.
    private var isJob: Bool {
        chain.seconds != nil || chain.input != nil || chain.recordMIDI != nil || chain.recordControls != nil || chain.saveState != nil
    }

    /// Prepares for a crash, and looks whether there has been one.
    private func keepForCrash(_ options: inout JackHost.Options) {
        if isJob { return CrashGuard.arm(nil, restarts: false) }
        if autosave > 0 {
            do {
                // The same plugins or patch; of a host that starts empty, the same client.
                let identity = chain.plugins.map {
                    Patch.isPatch($0) ? URL(fileURLWithPath: $0).standardizedFileURL.path : $0
                }
                let made = try Autosave(identity: identity.isEmpty ? "jack:" + name : identity.joined(separator: "\n"))
                made.delay = autosave
                made.onNotice = options.onNotice
                options.autosave = made
            } catch { options.onNotice?("nothing will be kept for the case of a crash: \(error)") }
        }
        CrashGuard.arm(options.autosave, restarts: restart)
        // A recording that was cut off stays.
        if CrashGuard.restarts > 0, let record = options.record { options.record = Self.unused(record) }
        guard let kept = options.autosave, kept.found != nil || !kept.faults.isEmpty else { return }
        if restore == false && CrashGuard.restarts == 0 { return }
        options.faults = kept.faults
        if let fault = kept.faults.last { options.onNotice?("the last time \(fault.text)") }
        guard let found = kept.found else { return }
        let time = DateFormatter.localizedString(from: found.date, dateStyle: .short, timeStyle: .medium)
        // What fails again and again is not brought back once more.
        if CrashGuard.restarts >= 3 { return options.onNotice?("what was kept at \(time) is left alone: that has failed before") ?? () }
        if restore == nil && CrashGuard.restarts == 0, let newer = chain.plugins.first(where: { Self.isNewer($0, than: found.date) }) {
            options.onNotice?(
                "it ended without warning, but \(newer) has been changed since: it is taken as it is; --restore brings back what was kept at \(time)")
            return
        }
        options.found = found
        options.onNotice?("it ended without warning: going on with what was kept at \(time)")
    }

    private static func isNewer(_ file: String, than date: Date) -> Bool {
        guard Patch.isPatch(file) else { return false }
        let changed = (try? FileManager.default.attributesOfItem(atPath: file)[.modificationDate]) as? Date
        return changed.map { $0 > date } ?? false
    }

    private static func unused(_ path: String) -> String {
        let name = path as NSString
        var candidate = path
        var number = 2
        while FileManager.default.fileExists(atPath: candidate) {
            candidate = "\(name.deletingPathExtension)-\(number)" + (name.pathExtension.isEmpty ? "" : "." + name.pathExtension)
            number += 1
        }
        return candidate
    }

    private func load(_ patch: Patch, _ options: JackHost.Options) throws -> JackHost {
        func world() -> World {
            let world = World()
            if probe, let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
                world.probe = PluginProbe(program: program)
            }
            return world
        }
        if let found = options.found {
            do { return try JackHost(world: world(), patch: found.patch, options: options) } catch HostError.noServer(let name, let cause) {
                throw HostError.noServer(name: name, cause: cause)
            } catch {
                options.onNotice?("what was kept cannot be brought back: \(error)")
            }
        }
        var options = options
        options.found = nil
        return try JackHost(world: world(), patch: patch, options: options)
    }

    /// Opens the ways by which commands may come.
    private func takeCommands(_ options: inout JackHost.Options, isEmpty: Bool) throws -> RemoteServer? {
        let isAtTerminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0
        guard port != nil || console || isAtTerminal else {
            if isEmpty { throw HostError.usage("name a plugin by its URI or a patch file, or take commands with --port or --console") }
            if feedbackPort != nil { throw HostError.usage("--feedback-port goes with --port") }
            return nil
        }
        let queue = CommandQueue()
        options.commands = queue
        if console || isAtTerminal { options.names = HostNames() }
        guard let port else { return nil }
        var remote = RemoteServer.Options(port: port)
        remote.feedbackPort = feedbackPort
        remote.address = listen
        remote.token = try token.map(Self.secret)
        options.reachesAnywhere = listen != "127.0.0.1"
        // A client that has just come hears at once, whatever another has not yet taken.
        let server = try RemoteServer(options: remote, queue: queue) {
            _ = queue.push("output_data_ready") { _ in }
        }
        options.remote = server
        return server
    }

    private static func secret(_ text: String) throws -> String {
        guard text.hasPrefix("@") else { return text }
        let path = String(text.dropFirst())
        guard let read = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw HostError.file(path: path, cause: "cannot be read")
        }
        return read.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
