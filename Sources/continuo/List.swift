import ArgumentParser

/// `continuo list …`: one subcommand for each kind of thing that can be listed.
struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what is there: models.",
        discussion: """
            Each list takes --json, for scripts.

            Example:
              continuo list models
            """,
        subcommands: [ListModels.self])
}
