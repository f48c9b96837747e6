import Neural

/// Numbers of a model file, checked.
extension Safetensors {
    /// A whole number of the metadata, of at most six digits.
    func number(_ key: String, in range: ClosedRange<Int>) throws(ModelError) -> Int {
        var value = 0, digits = 0
        if let text = metadata(key) {
            for byte in text.utf8 {
                guard byte >= 48, byte <= 57, digits < 6 else { digits = -1; break }
                value = 10 * value + Int(byte - 48)
                digits += 1
            }
        }
        guard digits > 0, range.contains(value) else {
            throw .unsuitable(path: path, reason: "its " + key + " is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A window: one dimension, a multiple of 16 values, at most `longest`.
    func window(_ name: String, longest: Int) throws(ModelError) -> Tensor {
        guard let shape = shape(of: name), shape.count == 1, shape[0] > 0, shape[0] % 16 == 0, shape[0] <= longest else {
            throw .unsuitable(
                path: path, reason: "tensor " + name + " is missing, or no vector of 16, 32 … \(longest) values")
        }
        return try tensor(named: name, shape: shape)
    }

    /// A vector of `count` whole numbers, kept as floats.
    func integers(_ name: String, count: Int, in range: ClosedRange<Int>) throws(ModelError) -> [Int] {
        let tensor = try tensor(named: name, shape: tensorShape(count))
        var values: [Int] = []
        for value in tensor.values {
            guard value >= Float(range.lowerBound), value <= Float(range.upperBound) else {
                throw .unsuitable(
                    path: path, reason: "a value of tensor " + name + " is not within \(range.lowerBound) to \(range.upperBound)")
            }
            values.append(Int(value))
        }
        return values
    }
}
