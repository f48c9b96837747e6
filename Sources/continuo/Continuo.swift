import ArgumentParser

@main
struct Continuo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "continuo", abstract: "Neural instruments for Linux audio.",
        subcommands: [HostCommand.self, RenderCommand.self])
}
