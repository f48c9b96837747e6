import ArgumentParser

/// The root command. Each subcommand is one file beside this one.
@main
struct Continuo: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "continuo",
        abstract: "Neural instruments for Linux audio.",
        discussion: """
            Loads LV2 plugins into one JACK client, and runs the same engines on files.

            Examples:
              continuo models get crepe-tiny             fetch the pitch tracker's weights once (72 MB)
              continuo track song.wav --plot song.png    follow the pitch of a recording, and look at it
              continuo list models                       what is installed, and what can be fetched

            Every command explains itself: continuo help COMMAND.
            """,
        version: version,
        groupedSubcommands: [
            CommandGroup(name: "Play", subcommands: [HostCommand.self]),
            CommandGroup(name: "Files", subcommands: [RenderCommand.self]),
            CommandGroup(name: "What there is", subcommands: [List.self, Models.self]),
        ])
}
