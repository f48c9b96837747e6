import ArgumentParser
import Foundation
import Host

/// `continuo presets …`: all presets, and the user's own.
struct PresetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presets", abstract: "Lists, shows, saves, renames, deletes, exports and imports presets.",
        discussion: """
            Your own presets are plain LV2 preset bundles in ~/.lv2, which Ardour, Carla and jalv see too.

            Examples:
              continuo presets                                     all of them
              continuo presets list urn:continuo:synth --search "solo strings"
              continuo presets show urn:continuo:synth "Solo Cello"
              continuo presets save urn:continuo:synth "My Cello" --preset "Solo Cello" --control room=0.4
              continuo presets rename urn:continuo:synth "My Cello" "Cello, large hall"
              continuo presets export urn:continuo:synth "Cello, large hall" cello.preset.lv2
              continuo presets import cello.preset.lv2
              continuo presets delete urn:continuo:synth "Cello, large hall"
            """,
        subcommands: [
            ListAll.self, ShowOne.self, Save.self, Rename.self, Delete.self, Export.self, Import.self,
        ], defaultSubcommand: ListAll.self)

    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("The folder of your own presets.", valueName: "folder"))
        var folder: String?

        func store() -> PresetStore { PresetStore(world: World(), folder: folder) }
    }

    struct One: ParsableArguments {
        @Argument(help: "The plugin's URI.")
        var plugin: String

        @Argument(help: "The preset's name or URI; a part of the name that only one has is enough.")
        var name: String
    }

    /// What lists presets, here and as `continuo list presets`.
    struct Listing: ParsableArguments {
        @Argument(help: "A plugin's URI (otherwise: of all plugins).")
        var plugin: String?

        @Option(help: "Words that must all stand in name, bank, comment or plugin.")
        var search: String?

        @Flag(help: "Your own only.")
        var own = false

        @Flag(help: "Prints JSON.")
        var json = false

        @OptionGroup var place: Place

        func show() throws {
            try reportingUsage {
                let entries = try place.store().entries(plugin: plugin, search: search).filter { $0.isOwn || !own }
                if json { return Console.print(try Console.json(entries)) }
                var last: String?
                for entry in entries {
                    if entry.plugin != last { Console.print("\(entry.pluginName) <\(entry.plugin)>") }
                    last = entry.plugin
                    let bank = entry.preset.bank.map { " [\($0)]" } ?? ""
                    let comment = entry.preset.comment.map { ": \($0)" } ?? ""
                    Console.print("  \(entry.preset.label)\(bank)\(entry.isOwn ? " (yours)" : "")\(comment)")
                }
                if entries.isEmpty { Console.say("no presets\(search.map { " with '\($0)'" } ?? "")\(own ? " of your own" : "")") }
            }
        }
    }

    struct ListAll: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists presets.")

        @OptionGroup var listing: Listing

        func run() throws { try listing.show() }
    }

    struct ShowOne: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows what a preset holds.")

        @OptionGroup var one: One

        @Flag(help: "Prints all of it as Turtle.")
        var turtle = false

        @Flag(help: "Prints JSON.")
        var json = false

        @OptionGroup var place: Place

        func run() throws {
            struct Shown: Encodable {
                var entry: PresetStore.Entry
                var contents: PresetStore.Contents
            }
            try reportingUsage {
                let store = place.store()
                let entry = try store.entry(plugin: one.plugin, name: one.name)
                let contents = try store.contents(entry)
                if json { return Console.print(try Console.json(Shown(entry: entry, contents: contents))) }
                if turtle { return Console.print(contents.turtle) }
                Console.print("\(entry.preset.label) <\(entry.preset.uri)>")
                Console.print("  of      \(entry.pluginName) <\(entry.plugin)>")
                if let bank = entry.preset.bank { Console.print("  bank    \(bank)") }
                if let comment = entry.preset.comment { Console.print("  about   \(comment)") }
                Console.print("  file    \(entry.file)\(entry.isOwn ? " (yours)" : "")")
                let rows = contents.controls.map { [$0.symbol, String(format: "%g", $0.value), $0.name] }
                if !rows.isEmpty { Console.print("\n" + Console.table(rows, right: [1])) }
            }
        }
    }

    struct Save: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Saves a plugin's settings as a preset of your own.",
            discussion: """
                What is saved is the plugin's default state, changed by --preset, then by --control: what 'continuo host' or 'render' would
                play with the same options.
                """)

        @Argument(help: "The plugin's URI.")
        var plugin: String

        @Argument(help: "The new preset's name.")
        var name: String

        @Option(help: "Begin with this preset, or a saved state's path.")
        var preset: String?

        @Option(name: .customLong("control"), help: "SYMBOL=VALUE sets a control or parameter.")
        var controls: [String] = []

        @Flag(help: "Replaces a preset of yours of the same name.")
        var force = false

        @OptionGroup var place: Place

        func run() throws {
            try reportingUsage {
                let settings = try controls.map { text -> PluginSetup.Setting in
                    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                        throw HostError.usage("'\(text)' sets nothing: write SYMBOL=VALUE")
                    }
                    return .init(key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
                }
                let bundle = try place.store().save(
                    PluginSetup(uri: plugin, preset: preset, settings: settings), label: name, replaces: force)
                Console.print("saved '\(name)' in \(bundle)")
            }
        }
    }

    struct Rename: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Renames a preset of your own.")

        @OptionGroup var one: One

        @Argument(help: "The new name.")
        var newName: String

        @OptionGroup var place: Place

        func run() throws {
            try reportingUsage {
                let store = place.store()
                let entry = try store.entry(plugin: one.plugin, name: one.name)
                try store.rename(entry, to: newName)
                Console.print("'\(entry.preset.label)' is now '\(newName)'")
            }
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Deletes a preset of your own.")

        @OptionGroup var one: One

        @OptionGroup var place: Place

        func run() throws {
            try reportingUsage {
                let store = place.store()
                let entry = try store.entry(plugin: one.plugin, name: one.name)
                try store.delete(entry)
                Console.print("deleted '\(entry.preset.label)'")
            }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Writes a preset, with its files, as a bundle to give away.")

        @OptionGroup var one: One

        @Argument(help: "The folder to write; other hosts want its name to end in .lv2.")
        var output: String

        @OptionGroup var place: Place

        func run() throws {
            try reportingUsage {
                let store = place.store()
                let entry = try store.entry(plugin: one.plugin, name: one.name)
                try store.export(entry, to: output)
                Console.print("wrote '\(entry.preset.label)' to \(output)")
            }
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Takes a preset bundle that somebody gave you.")

        @Argument(help: "The bundle: a folder with a manifest.ttl.")
        var bundle: String

        @OptionGroup var place: Place

        func run() throws {
            try reportingUsage {
                let world = World()
                let (path, presets) = try PresetStore(world: world, folder: place.folder).importBundle(bundle)
                for preset in presets {
                    let isKnown = world.pluginURIs.contains(preset.plugin)
                    Console.print("'\(preset.label)' of \(preset.plugin)\(isKnown ? "" : ", which is not installed here")")
                }
                Console.print("is now in \(path)")
            }
        }
    }
}
