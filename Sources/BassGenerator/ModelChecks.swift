import Neural

/// Checks that both model files need.
enum ModelChecks {
    /// Metadata `model` and `version`.
    static func metadata(_ file: Safetensors, model: StaticString, kind: StaticString) throws(ModelError) {
        let kind = string(kind)
        guard file.metadata("model") != nil else {
            throw .unsuitable(path: file.path, reason: "it is no " + kind + ": its metadata names no model")
        }
        guard file.metadata("model", is: model) else { throw .unsuitable(path: file.path, reason: "it is no " + kind) }
        guard file.metadata("version", is: "1") else {
            throw .unsuitable(path: file.path, reason: "it is of another version than 1")
        }
    }

    /// Every tensor's values finite and within ± 10⁴.
    static func values(_ file: Safetensors) throws(ModelError) {
        for name in file.names {
            guard let shape = file.shape(of: name) else { continue }
            for value in try file.tensor(named: name, shape: shape).values where !(value >= -1e4 && value <= 1e4) {
                throw .unsuitable(
                    path: file.path,
                    reason: "tensor " + name + " holds a value that is " + (value.isFinite ? "out of bounds" : "not finite"))
            }
        }
    }

    /// Rows of a matrix [n, columns] (or [n, …] if columns is nil), n within limits.
    static func rows(
        _ file: Safetensors, _ name: String, dimensions: Int = 2, limits: ClosedRange<Int>
    ) throws(ModelError) -> Int {
        guard let shape = file.shape(of: name), shape.count == dimensions else {
            throw .unsuitable(path: file.path, reason: "tensor " + name + " is missing, or not of \(dimensions) dimensions")
        }
        guard limits.contains(shape[0]) else {
            throw .unsuitable(
                path: file.path,
                reason: "tensor " + name + " has \(shape[0]) rows, not \(limits.lowerBound) to \(limits.upperBound)")
        }
        return shape[0]
    }

    /// How many of `prefix.0`, `prefix.1` … there are (with a tensor `first`, or `up.weight`: whichever is missing, the block's layers
    /// say it); at most `most`.
    static func blocks(
        _ file: Safetensors, _ prefix: String, _ first: String, most: Int
    ) throws(ModelError) -> Int {
        var count = 0
        while file.shape(of: prefix + "\(count)" + first) != nil || file.shape(of: prefix + "\(count).up.weight") != nil {
            count += 1
            guard count <= most else {
                throw .unsuitable(path: file.path, reason: "it has more than \(most) blocks " + prefix)
            }
        }
        return count
    }

    /// The whole number after `"key":` in the metadata's JSON `sizes`; nil if there is none. (Model files of ours hold one level of
    /// names and numbers; nothing more of JSON is understood.)
    static func size(_ file: Safetensors, _ key: StaticString) -> Int? {
        guard let text = file.metadata("sizes") else { return nil }
        var bytes: [UInt8] = []
        for byte in text.utf8 where byte != 0x20 { bytes.append(byte) }
        let length = key.utf8CodeUnitCount
        var i = 0
        while i + length + 3 < bytes.count {
            var matches = bytes[i] == UInt8(ascii: "\"") && bytes[i + length + 1] == UInt8(ascii: "\"")
                && bytes[i + length + 2] == UInt8(ascii: ":")
            for k in 0..<length where bytes[i + 1 + k] != key.utf8Start[k] { matches = false }
            if matches {
                var value = 0
                var digits = 0
                for byte in bytes[(i + length + 3)...] {
                    guard UInt8(ascii: "0") <= byte, byte <= UInt8(ascii: "9"), digits < 9 else { break }
                    value = 10 * value + Int(byte - UInt8(ascii: "0"))
                    digits += 1
                }
                return digits > 0 ? value : nil
            }
            i += 1
        }
        return nil
    }

    /// Whether `"key":true` stands in `sizes`.
    static func isTrue(_ file: Safetensors, _ key: StaticString) -> Bool {
        guard let text = file.metadata("sizes") else { return false }
        var bytes: [UInt8] = []
        for byte in text.utf8 where byte != 0x20 { bytes.append(byte) }
        var wanted: [UInt8] = [UInt8(ascii: "\"")]
        for k in 0..<key.utf8CodeUnitCount { wanted.append(key.utf8Start[k]) }
        for byte in "\":true".utf8 { wanted.append(byte) }
        guard bytes.count >= wanted.count else { return false }
        for i in 0...(bytes.count - wanted.count) {
            var matches = true
            for k in 0..<wanted.count where bytes[i + k] != wanted[k] {
                matches = false
                break
            }
            if matches { return true }
        }
        return false
    }

    static func string(_ text: StaticString) -> String {
        String(decoding: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), as: UTF8.self)
    }
}
