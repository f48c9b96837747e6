import Foundation

/// A state dictionary saved by `torch.save` (PyTorch 1.6 and later): a zip archive with a pickle that describes the
/// tensors, and one member of raw little-endian numbers for each storage.
public final class TorchCheckpoint {
    /// A tensor that can be read from the archive.
    public struct Tensor: Equatable, Sendable {
        public let name: String
        /// Outermost dimension first; elements lie in C order.
        public let shape: [Int]
        /// Whether the elements are 32-bit floats; if not, they are 64-bit integers.
        public let isFloat: Bool
        /// Bytes of all elements.
        public let byteCount: Int
        fileprivate let offset: Int
        fileprivate let storageBytes: Int
        fileprivate let key: String
    }

    /// All tensors, in the order in which the module registered them.
    public let tensors: [Tensor]

    private let archive: ZipArchive
    private let folder: String

    /// - Parameters:
    ///   - bytes: the whole .pth file.
    ///   - name: what errors call it.
    /// - Throws: `.archive`, `.checkpoint`.
    public init(bytes: [UInt8], name: String) throws(ModelStoreError) {
        archive = try ZipArchive(bytes: bytes, name: name)
        guard let pickle = archive.names.first(where: { $0.hasSuffix("/data.pkl") }) else {
            throw .archive(path: name, cause: "it has no member data.pkl, so torch.save did not write it")
        }
        folder = String(pickle.dropLast("data.pkl".count))
        let order = folder + "byteorder"
        if archive.names.contains(order), try archive.read(order, limit: 16) != Array("little".utf8) {
            throw .checkpoint("\(name) holds big-endian numbers")
        }
        tensors = try StateDictPickle.read(try archive.read(pickle, limit: 16 << 20)).map {
            (tensor) throws(ModelStoreError) in
            let width = tensor.storage.element == .float32 ? 4 : 8
            let elements = tensor.shape.reduce(1, *)  // the pickle's reader has checked that this does not overflow
            let (bytes, overflow) = tensor.storage.count.multipliedReportingOverflow(by: width)
            guard !overflow else { throw .checkpoint("\(tensor.name) has an impossible size") }
            return Tensor(
                name: tensor.name, shape: tensor.shape, isFloat: tensor.storage.element == .float32,
                byteCount: elements * width, offset: tensor.offset * width, storageBytes: bytes,
                key: tensor.storage.key)
        }
    }

    /// A tensor's elements as they lie in the file: little-endian, C order.
    /// - Throws: `.archive` where the storage is missing or damaged, `.checkpoint` where it has another size.
    public func bytes(of tensor: Tensor) throws(ModelStoreError) -> ArraySlice<UInt8> {
        let storage = try archive.read(folder + "data/" + tensor.key, limit: tensor.storageBytes)
        guard storage.count == tensor.storageBytes else {
            throw .checkpoint("\(tensor.name) has \(storage.count) bytes of \(tensor.storageBytes)")
        }
        return storage[tensor.offset..<(tensor.offset + tensor.byteCount)]
    }
}
