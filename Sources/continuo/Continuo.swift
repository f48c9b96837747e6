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
              continuo models get crepe-tiny            fetch a pitch tracker's weights
              continuo track song.wav --plot song.png   follow a recording's pitch
              continuo play tune.mid -o tune.wav        play a MIDI file on Continuo Synth
              continuo transfer hum.wav -o violin.wav   play a recording on another instrument
              continuo bass mix.wav -o bass.wav         play a bass to a mix
              continuo list models                      what is here, what can be had

            Every command explains itself: continuo help COMMAND.
            """,
        version: version,
        groupedSubcommands: [
            CommandGroup(
                name: "Live", subcommands: [HostCommand.self, AuditionCommand.self, DoctorCommand.self, TryPluginCommand.self]),
            CommandGroup(name: "File", subcommands: [PlayCommand.self, TransferCommand.self, BassCommand.self, Track.self, Show.self, RenderCommand.self]),
            CommandGroup(name: "Inventory", subcommands: [InfoCommand.self, List.self, PresetsCommand.self, Models.self]),
        ])
}
