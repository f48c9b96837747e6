import Foundation
import ModelStore

/// The players of Continuo Bass: recordings of basses alone, in the folders `styles` beside the models, whose sound `--style` knows by name.
struct Players {
    /// The user's first.
    let folders: [String]

    init(store: ModelStore = .standard()) {
        folders = ([store.folder] + store.installed).map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("styles").standardizedFileURL.path
        }
    }

    /// One line of `continuo list players`.
    struct Player: Encodable {
        var name: String
        var path: String
    }

    /// By name; of two of one name the one that the first folder has.
    var all: [Player] {
        var found: [String: String] = [:]
        for folder in folders {
            for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where file.hasSuffix(".flac") {
                let name = String(file.dropLast(".flac".count))
                if found[name] == nil { found[name] = "\(folder)/\(file)" }
            }
        }
        return found.map { Player(name: $0.key, path: $0.value) }.sorted { $0.name < $1.name }
    }

    /// The file that a user means by `style`: one of that name or path, or else a player's.
    func locate(_ style: String) throws -> String {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: style, isDirectory: &isFolder), !isFolder.boolValue { return style }
        let players = all
        if let player = players.first(where: { $0.name == style.lowercased() }) { return player.path }
        // A path that leads nowhere is told as of any other file.
        if style.contains("/") || style.contains(".") { return style }
        let names = players.map(\.name).joined(separator: ", ")
        throw CommandFailure(
            "'\(style)' is no file and no player" + (names.isEmpty ? "; there are no players here" : "; the players are: \(names)"))
    }
}
