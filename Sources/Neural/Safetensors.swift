import CRealtime

/// A safetensors file, mapped into memory.
///
/// Everything in the header is checked before any of it is used: its length, the syntax, names, types, shapes and
/// their products, that the tensors lie inside the file, and that they fill it without overlap or gap. A file that
/// fails gives an error that says where; no content makes this crash. (The operating system ends a process that reads
/// a mapped file after somebody shortened it: replace model files by renaming, as our own downloads do.)
///
/// Format: https://github.com/huggingface/safetensors
public final class Safetensors {
    /// The file, as it was given.
    public let path: String
    private let mapping: cr_mapping
    private let header: SafetensorsHeader
    private let data: UnsafePointer<UInt8>
    /// Copies of tensors that could not be read in place.
    private var conversions: [FloatBuffer] = []

    /// - Throws: `ModelError.unreadable` or `.malformed`
    public init(path: String) throws(ModelError) {
        let mapping = path.withCString { cr_map_file($0) }
        guard mapping.error == 0, let bytes = mapping.bytes else {
            throw .unreadable(path: path, reason: String(cString: cr_error_text(mapping.error)))
        }
        do throws(Refusal) {
            // Eight bytes of length, little-endian.
            guard mapping.size >= 8 else { throw Refusal.text("it is too short to hold a header") }
            var length: UInt64 = 0
            for i in 0..<8 { length |= UInt64(bytes[i]) << UInt64(8 * i) }
            guard length <= 100_000_000 else { throw Refusal.text("the header's length is absurd") }
            guard Int(length) <= mapping.size - 8 else { throw Refusal.text("the header is longer than the file") }
            let headerBytes = UnsafeBufferPointer(start: bytes + 8, count: Int(length))
            do throws(SafetensorsHeader.Fault) {
                header = try SafetensorsHeader(parsing: headerBytes, dataSize: mapping.size - 8 - Int(length))
            } catch {
                throw Refusal.fault(error)
            }
            data = bytes + 8 + Int(length)
        } catch {
            cr_unmap_file(mapping)
            throw .malformed(path: path, reason: error.reason)
        }
        self.path = path
        self.mapping = mapping
    }

    deinit { cr_unmap_file(mapping) }

    /// The names of all tensors, in byte order.
    public var names: [String] {
        var names: [String] = []
        for entry in header.entries { names.append(String(decoding: header.text[entry.name], as: UTF8.self)) }
        return names
    }

    /// A value of the file's `__metadata__`, or nil.
    public func metadata(_ key: String) -> String? {
        guard let value = header.metadata(key) else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    /// Whether the value of `key` in `__metadata__` is `value`. (Comparing bytes: plugins cannot compare Swift
    /// strings.)
    public func metadata(_ key: String, is value: StaticString) -> Bool {
        guard let bytes = header.metadata(key), bytes.count == value.utf8CodeUnitCount else { return false }
        var i = 0
        for byte in bytes {
            if byte != value.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    /// The shape of a tensor, or nil if there is none of this name.
    public func shape(of name: String) -> [Int]? { header.entry(named: name)?.shape }

    /// A tensor of floats. F32 is read where it lies in the file; F16 and BF16 are converted, once per call.
    ///
    /// - Throws: `ModelError.unsuitable` if there is no such tensor, or it has another shape or is not of floats
    public func tensor(named name: String, shape: [Int]) throws(ModelError) -> Tensor {
        guard let entry = header.entry(named: name) else {
            throw .unsuitable(path: path, reason: "it has no tensor " + name)
        }
        guard entry.shape == shape else {
            throw .unsuitable(
                path: path,
                reason: "tensor " + name + " has shape " + describe(entry.shape) + ", not " + describe(shape))
        }
        guard entry.type != .other else {
            throw .unsuitable(path: path, reason: "tensor " + name + " is not of type F32, F16 or BF16")
        }
        let count = (entry.end - entry.begin) * 8 / entry.bits
        let source = data + entry.begin
        #if _endian(little)
            if entry.type == .f32, Int(bitPattern: source) % MemoryLayout<Float>.alignment == 0 {
                let values = UnsafeRawPointer(source).assumingMemoryBound(to: Float.self)
                return Tensor(shape: shape, values: UnsafeBufferPointer(start: values, count: count), owner: self)
            }
        #endif
        let copy = try FloatBuffer(count: count)
        for i in 0..<count {
            switch entry.type {
            case .f32:
                let p = source + 4 * i
                let low = UInt32(p[0]) | UInt32(p[1]) << 8
                copy.base[i] = Float(bitPattern: low | UInt32(p[2]) << 16 | UInt32(p[3]) << 24)
            case .bf16:
                copy.base[i] = Float(bitPattern: (UInt32(source[2 * i]) | UInt32(source[2 * i + 1]) << 8) << 16)
            default:
                copy.base[i] = widenHalf(UInt16(source[2 * i]) | UInt16(source[2 * i + 1]) << 8)
            }
        }
        conversions.append(copy)
        return Tensor(shape: shape, values: UnsafeBufferPointer(start: copy.base, count: count), owner: self)
    }

    private enum Refusal: Error {
        case text(StaticString)
        case fault(SafetensorsHeader.Fault)

        var reason: String {
            switch self {
            case .text(let text): return string(text)
            case .fault(let fault):
                return fault.offset == 0
                    ? string(fault.reason) : string(fault.reason) + " (byte \(fault.offset) of the header)"
            }
        }
    }
}

private func string(_ text: StaticString) -> String {
    String(decoding: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), as: UTF8.self)
}

private func describe(_ shape: [Int]) -> String {
    var text = "["
    for (i, size) in shape.enumerated() {
        if i > 0 { text += ", " }
        text += "\(size)"
    }
    return text + "]"
}

/// IEEE half precision to single, exactly. (Swift's Float16 is missing on some targets.)
func widenHalf(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1F), fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
        // Zero and subnormals: fraction · 2^−24 is exact.
        let magnitude = Float(fraction) * 5.960_464_477_539_063e-8
        return Float(bitPattern: magnitude.bitPattern | sign)
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}
