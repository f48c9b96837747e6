import ArgumentParser
import Host

struct ListPresets: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presets", abstract: "Lists presets, of one plugin or of all.")

    @Argument(help: "A plugin's URI.")
    var plugin: String?

    @Flag(name: .long, help: "Prints JSON.")
    var json = false

    func run() throws {
        try reportingUsage {
            struct Entry: Encodable {
                var plugin: String
                var presets: [PresetDescription]
            }
            let world = World()
            let entries = try (plugin.map { [$0] } ?? world.pluginURIs).map { uri in
                Entry(plugin: uri, presets: try world.describe(uri).presets)
            }.filter { plugin != nil || !$0.presets.isEmpty }
            if json { return Console.print(try Console.json(entries)) }
            for entry in entries {
                if plugin == nil { Console.print(entry.plugin) }
                for preset in entry.presets {
                    let bank = preset.bank.map { " [\($0)]" } ?? ""
                    let comment = preset.comment.map { ": \($0)" } ?? ""
                    Console.print("\(plugin == nil ? "  " : "")\(preset.label)\(bank)\(comment)  <\(preset.uri)>")
                }
            }
        }
    }
}
