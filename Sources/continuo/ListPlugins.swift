import ArgumentParser
import Foundation
import Host

struct ListPlugins: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "plugins", abstract: "Lists LV2 plugins: URI and name.")

    @Argument(help: "Only those whose URI, name or class contains this.")
    var filter: String?

    @Flag(name: .long, help: "Prints JSON.")
    var json = false

    func run() throws {
        try reportingUsage {
            struct Entry: Encodable {
                var uri, name, classLabel: String
                var author: String?
                var isSupported: Bool
            }
            let world = World()
            var entries = try world.pluginURIs.map { uri -> Entry in
                let plugin = try world.describe(uri)
                return Entry(
                    uri: uri, name: plugin.name, classLabel: plugin.classLabel, author: plugin.author,
                    isSupported: plugin.unsupported.isEmpty)
            }
            if let wanted = filter?.lowercased() {
                entries = entries.filter { "\($0.uri) \($0.name) \($0.classLabel)".lowercased().contains(wanted) }
            }
            if json { return Console.print(try Console.json(entries)) }
            let width = min(entries.map(\.uri.count).max() ?? 0, 60)
            for entry in entries {
                let uri = entry.uri.padding(toLength: max(width, entry.uri.count), withPad: " ", startingAt: 0)
                Console.print("\(uri)  \(entry.name) (\(entry.classLabel))\(entry.isSupported ? "" : ", cannot run here")")
            }
        }
    }
}
