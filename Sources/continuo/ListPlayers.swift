import ArgumentParser

struct ListPlayers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "players", abstract: "List the bass players whose sound `continuo bass --style` knows by name.",
        discussion: """
            What they are stands in docs/BASS.md. A recording of your own is one too if it
            lies as FLAC in ~/.local/share/continuo/styles.
            """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let players = Players().all
        if json { return Console.print(try Console.json(players)) }
        for player in players { Console.print(player.name) }
        if players.isEmpty { Console.say("there are none in \(Players().folders.joined(separator: ", "))") }
    }
}
