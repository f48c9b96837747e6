import ArgumentParser

/// `continuo presets list` among the other lists.
struct ListPresets: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presets", abstract: "Lists presets: the same as 'continuo presets'.")

    @OptionGroup var listing: PresetsCommand.Listing

    func run() throws { try listing.show() }
}
