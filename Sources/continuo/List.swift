import ArgumentParser

/// `continuo list …`: one subcommand for each kind of thing that can be listed.
struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what is there: plugins, presets, models, bass players.",
        discussion: """
            Each list takes --json, for scripts.

            Examples:
              continuo list plugins reverb
              continuo list presets urn:continuo:pitch
              continuo list models
              continuo list players
            """,
        subcommands: [ListPlugins.self, ListPresets.self, ListModels.self, ListPlayers.self])
}
