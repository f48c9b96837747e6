import Foundation
import Host
import ModelStore

/// The patches that come with Continuo, in the folders `patches` beside the models.
struct FactoryPatches {
    let folders: [String]

    init(store: ModelStore = .standard()) {
        folders = ([store.folder] + store.installed).map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("patches").standardizedFileURL.path
        }
    }

    /// Their files, by name; of two of one name the one that the first folder has.
    var all: [String] {
        var found: [String: String] = [:]
        for folder in folders {
            for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where Patch.isPatch(file) {
                if found[file] == nil { found[file] = "\(folder)/\(file)" }
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }
}
