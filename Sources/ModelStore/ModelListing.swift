import Foundation

/// One line of `continuo list models`.
public struct ModelListing: Codable, Equatable, Sendable {
    public enum State: String, Codable, Sendable {
        /// Can be fetched, is not here.
        case available
        case installed
        /// There is a file of that name, but it is damaged or something else.
        case damaged
    }

    public let name: String
    public let architecture: String?
    public let capacity: String?
    public let parameters: Int?
    /// Size of the file, or that it will have, bytes.
    public let bytes: Int64?
    public let license: String?
    public let state: State
    /// Where the file lies, if it does.
    public let path: String?
    /// Where the weights come from.
    public let source: String?
}

extension ModelStore {
    /// All models: those that can be fetched, then every other `.safetensors` file in the store's folders, by name.
    public func list() -> [ModelListing] {
        var seen: Set<String> = []
        var result: [ModelListing] = []
        for model in published {
            seen.insert(model.name)
            let found = ([folder] + installed).map { (folder: String) -> String in "\(folder)/\(model.name).safetensors" }
                .first { (path: String) in access(path, F_OK) == 0 }
            var state = ModelListing.State.available
            if let found {
                let summary = try? SafetensorsSummary(path: found)
                // As many weights are taken for the right ones: `get` compares the digest, a listing must be quick.
                state = summary?.parameters == model.parameters ? .installed : .damaged
            }
            result.append(
                ModelListing(
                    name: model.name, architecture: model.architecture, capacity: model.capacity,
                    parameters: model.parameters, bytes: model.byteCount, license: model.package.license,
                    state: state, path: found, source: model.package.source))
        }
        var others: [ModelListing] = []
        for folder in [folder] + installed {
            let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
            for file in files where file.hasSuffix(".safetensors") {
                let name = String(file.dropLast(".safetensors".count))
                guard seen.insert(name).inserted else { continue }
                let path = "\(folder)/\(file)"
                let summary = try? SafetensorsSummary(path: path)
                others.append(
                    ModelListing(
                        name: name, architecture: summary?.metadata["architecture"] ?? summary?.metadata["model"] ?? summary?.metadata["format"],
                        capacity: summary?.metadata["capacity"], parameters: summary?.parameters,
                        bytes: summary?.byteCount, license: summary?.metadata["license"],
                        state: summary == nil ? .damaged : .installed, path: path,
                        source: summary?.metadata["source"]))
            }
        }
        return result + others.sorted { $0.name < $1.name }
    }
}
