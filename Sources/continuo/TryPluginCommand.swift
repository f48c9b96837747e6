import ArgumentParser
import Foundation
import Host

/// What the host starts to see whether a plugin survives being loaded (`PluginProbe`).
struct TryPluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "try-plugin", abstract: "Loads a plugin, runs it a little, and says by its status whether that went well.",
        shouldDisplay: false)

    @Argument(help: "The plugin's URI.")
    var plugin: String

    @Option(help: "The bundle it is in.")
    var bundle: String

    @Option(help: "Frames a second.")
    var rate = 48_000.0

    @Option(help: "Frames a period.")
    var block = 256

    func run() throws {
        do {
            try PluginProbe.tryOut(plugin, bundle: bundle, sampleRate: rate, block: block)
        } catch { throw ExitCode(PluginProbe.refused) }
        throw ExitCode(PluginProbe.done)
    }
}
