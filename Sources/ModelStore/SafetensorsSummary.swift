import Foundation

/// What a listing says about a safetensors file, read from its header alone. The engines have a reader of their own
/// that checks everything; this one only describes.
public struct SafetensorsSummary: Equatable, Sendable {
    /// The header's `__metadata__`.
    public let metadata: [String: String]
    /// Learned parameters: elements in all tensors but batch norms' running statistics.
    public let parameters: Int
    /// The file's size.
    public let byteCount: Int64

    /// - Throws: `.file`, `.safetensors`.
    public init(path: String) throws(ModelStoreError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .file(path: path, action: "read", cause: systemMessage(errno)) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .file(path: path, action: "read", cause: systemMessage(errno)) }
        byteCount = Int64(status.st_size)

        var length: UInt64 = 0
        guard withUnsafeMutableBytes(of: &length, { read(file, $0.baseAddress!, 8) }) == 8 else {
            throw .safetensors(path: path, cause: "it is shorter than 8 bytes")
        }
        length = UInt64(littleEndian: length)
        guard length <= 16 << 20, Int64(length) <= byteCount - 8 else {
            throw .safetensors(path: path, cause: "its header does not fit into the file")
        }
        var header = Data(count: Int(length))
        let got = header.withUnsafeMutableBytes { $0.isEmpty ? 0 : read(file, $0.baseAddress!, $0.count) }
        guard got == Int(length), let json = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
            throw .safetensors(path: path, cause: "its header is no JSON object")
        }
        metadata = json["__metadata__"] as? [String: String] ?? [:]
        var total = 0
        for (name, value) in json where name != "__metadata__" {
            guard let tensor = value as? [String: Any], let shape = tensor["shape"] as? [Int] else {
                throw .safetensors(path: path, cause: "the tensor '\(name)' has no shape")
            }
            var elements = 1
            for size in shape {
                let (product, overflow) = elements.multipliedReportingOverflow(by: size)
                guard size >= 0, !overflow else {
                    throw .safetensors(path: path, cause: "the tensor '\(name)' has an impossible shape")
                }
                elements = product
            }
            if name.hasSuffix(".running_mean") || name.hasSuffix(".running_var") { continue }
            let (sum, overflow) = total.addingReportingOverflow(elements)
            guard !overflow else { throw .safetensors(path: path, cause: "its tensors have an impossible size") }
            total = sum
        }
        parameters = total
    }
}
