import ArgumentParser
import ModelStore

/// `continuo list models`.
struct ListModels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the models that are here, and those that can be fetched.",
        discussion: """
            Examples:
              continuo list models
              continuo list models --json | jq -r '.[] | select(.path) | .path'
            """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let models = ModelStore.standard().list()
        if json {
            Console.print(try Console.json(models))
            return
        }
        var rows = [["NAME", "ARCHITECTURE", "PARAMETERS", "SIZE", "LICENCE", "WHERE"]]
        for model in models {
            let place =
                switch model.state {
                case .available: "not here; continuo models get \(model.name)"
                case .installed: model.path ?? ""
                case .damaged: "\(model.path ?? "") (damaged)"
                }
            rows.append([
                model.name, [model.architecture, model.capacity].compactMap { $0 }.joined(separator: " "),
                model.parameters.map(Console.grouped) ?? "?", model.bytes.map(Console.size) ?? "?",
                model.license ?? "?", place,
            ])
        }
        Console.print(Console.table(rows, right: [2, 3]))
    }
}
