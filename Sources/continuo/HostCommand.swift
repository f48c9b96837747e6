import ArgumentParser
import Foundation
import Host

struct HostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "Runs LV2 plugins as a JACK client.",
        discussion: "Example: continuo host urn:continuo:pitch --connect in=system:capture_1 --connect out=system:playback_*")

    @OptionGroup var chain: ChainArguments

    @Option(name: .long, help: "Records the audio output: .wav, .flac, .ogg or .aiff.")
    var record: String?

    @Option(name: .customLong("connect"), help: "OURS=THEIRS, for example in=system:capture_1 or 'out=system:playback_*'.")
    var connections: [String] = []

    @Option(name: .long, help: "The JACK client's name.")
    var name = "continuo"

    @Option(name: .long, help: "The JACK server's name.")
    var server: String?

    @Flag(name: .long, help: "Prints what changes at control outputs and parameters.")
    var monitor = false

    @Flag(name: .long, help: "Prints how long the callbacks took, in shares of the period.")
    var histogram = false

    @Flag(name: .customLong("check-server"), help: "Only says whether a JACK server answers, by the exit code.")
    var checkServer = false

    func run() throws {
        try reportingUsage {
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
            options.collectsMIDI = chain.recordMIDI != nil
            options.collectsControls = chain.recordControls != nil
            options.onNotice = { Console.say("continuo: \($0)") }
            if monitor {
                let monitor = Monitor()
                options.onTurn = { monitor.look(at: $0) }
                options.onParameter = { monitor.tell($0) }
            }
            let host = try JackHost(world: World(), patch: chain.patch(), options: options)
            if Console.isInteractive { Console.say("\(host.summary); Ctrl-C ends it") }
            let result = try host.run()
            if let folder = chain.saveState { try host.saveStates(to: folder) }
            try chain.finish(result.report, result.midi, result.controls)
            if histogram {
                Console.print("callback, share of the period from … on, periods:")
                Console.print(result.report.histogram)
            }
            if let failure = result.failure { throw failure }
        }
    }
}
