/// What `save` writes: the commands so far, without those that later ones have made void. It stays small however long the host runs.
struct CommandHistory {
    private var entries: [[String]] = []
    private static let limit = 10_000
    /// Commands that set something, with how many arguments say what: of several in a row the last counts.
    private static let settings = [
        "param_set": 2, "patch_set": 2, "bypass": 1, "set_bpm": 0, "set_bpb": 0, "transport": 0, "feature_enable": 1,
    ]
    /// What holds on when another patch takes the place of all plugins.
    private static let outlasting: Set = [
        "set_bpm", "set_bpb", "transport", "transport_sync", "feature_enable", "bundle_add", "bundle_remove", "monitor_midi_control",
        "monitor_midi_program",
    ]

    var lines: [String] { entries.map { $0.map(CommandWords.quoted).joined(separator: " ") } }

    mutating func append(_ words: [String]) {
        if words[0] == "patch_load" { entries.removeAll { !CommandHistory.outlasting.contains($0[0]) } }
        if let length = CommandHistory.settings[words[0]] {
            // Only over settings: what another command did may rest on them.
            var place = entries.endIndex
            while place > 0, CommandHistory.settings[entries[place - 1][0]] != nil {
                place -= 1
                if entries[place].prefix(1 + length) == words.prefix(1 + length) {
                    entries.remove(at: place)
                    break
                }
            }
        }
        entries.append(words)
        if entries.count > CommandHistory.limit { entries.removeFirst(CommandHistory.limit / 10) }
    }
}
