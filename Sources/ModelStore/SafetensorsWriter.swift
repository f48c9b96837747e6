import Foundation

/// Writes float32 tensors as a safetensors file: 8 bytes with the header's length, a JSON header padded with spaces to
/// a multiple of 8, then the tensors sorted by name, without gaps. The same input gives the same bytes.
/// Format: github.com/huggingface/safetensors, README, "Format".
public struct SafetensorsWriter {
    /// One tensor: `bytes` hands over `4 * shape.reduce(1, *)` bytes, little-endian floats in C order, when asked.
    public struct Tensor {
        public let name: String
        public let shape: [Int]
        public let bytes: () throws(ModelStoreError) -> ArraySlice<UInt8>

        public init(name: String, shape: [Int], bytes: @escaping () throws(ModelStoreError) -> ArraySlice<UInt8>) {
            self.name = name
            self.shape = shape
            self.bytes = bytes
        }
    }

    private let tensors: [Tensor]
    private let metadata: [String: String]

    /// - Parameter metadata: free text about the model, kept in the header under `__metadata__`.
    public init(tensors: [Tensor], metadata: [String: String]) {
        self.tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        self.metadata = metadata
    }

    /// The 8 bytes of length and the padded header.
    public var header: [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            members.append(quoted("__metadata__") + ":{"
                + pairs.map { quoted($0.key) + ":" + quoted($0.value) }.joined(separator: ",") + "}")
        }
        var offset = 0
        for tensor in tensors {
            let end = offset + 4 * tensor.shape.reduce(1, *)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(quoted(tensor.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array(("{" + members.joined(separator: ",") + "}").utf8)
        json.append(contentsOf: [UInt8](repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
        return withUnsafeBytes(of: UInt64(json.count).littleEndian, Array.init) + json
    }

    /// Writes the file under a temporary name beside `path` and renames it when it is complete and on disk.
    /// - Throws: `.file`, or what a tensor's `bytes` throws; then nothing is left behind.
    public func write(to path: String) throws(ModelStoreError) {
        let temporary = "\(path).\(getpid()).tmp"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .file(path: temporary, action: "write", cause: systemMessage(errno)) }
        do throws(ModelStoreError) {
            defer { close(file) }
            try append(header[...], to: file, path: temporary)
            for tensor in tensors {
                let bytes = try tensor.bytes()
                precondition(bytes.count == 4 * tensor.shape.reduce(1, *), "\(tensor.name): size and shape differ")
                try append(bytes, to: file, path: temporary)
            }
            guard fsync(file) == 0, rename(temporary, path) == 0 else {
                throw ModelStoreError.file(path: path, action: "write", cause: systemMessage(errno))
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private func append(_ bytes: ArraySlice<UInt8>, to file: Int32, path: String) throws(ModelStoreError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(file, $0.baseAddress!, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .file(path: path, action: "write", cause: systemMessage(errno)) }
            rest = rest.dropFirst(count)
        }
    }

    /// A JSON string (RFC 8259, section 7).
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
