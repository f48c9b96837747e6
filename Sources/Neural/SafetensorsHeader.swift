/// The header of a safetensors file: a strict parser for just the JSON that the format allows, on bytes.
///
/// The grammar has a fixed depth, so hostile nesting is a syntax error at its first bracket, and nothing here
/// recurses. Names are byte strings: Swift's string comparison would need Unicode tables that plugins do not carry.
struct SafetensorsHeader {
    enum ElementType {
        case f32, f16, bf16
        /// Known to the format, but not readable as floats.
        case other

        static func parse(_ name: ArraySlice<UInt8>) -> (type: ElementType, bits: Int)? {
            func named(_ s: StaticString) -> Bool { equal(name, s) }
            if named("F32") { return (.f32, 32) }
            if named("F16") { return (.f16, 16) }
            if named("BF16") { return (.bf16, 16) }
            if named("F64") || named("I64") || named("U64") || named("C64") { return (.other, 64) }
            if named("I32") || named("U32") { return (.other, 32) }
            if named("I16") || named("U16") { return (.other, 16) }
            if named("I8") || named("U8") || named("BOOL") || named("F8_E4M3") || named("F8_E5M2") { return (.other, 8) }
            return nil
        }
    }

    struct Entry {
        var name: Range<Int> = 0..<0
        var type = ElementType.other
        var bits = 0
        var shape: [Int] = []
        var begin = 0
        var end = 0
    }

    /// What is wrong, and at which byte of the header.
    struct Fault: Error {
        var reason: StaticString
        var offset: Int
    }

    /// Decoded names, keys and values, one after another.
    private(set) var text: [UInt8] = []
    /// Sorted by name.
    private(set) var entries: [Entry] = []
    private(set) var metadata: [(key: Range<Int>, value: Range<Int>)] = []

    private let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    /// - Parameters:
    ///   - bytes: the header alone; used only during the call
    ///   - dataSize: bytes that follow it in the file
    init(parsing bytes: UnsafeBufferPointer<UInt8>, dataSize: Int) throws(Fault) {
        self.bytes = bytes
        try parse()
        try check(dataSize)
    }

    func entry(named name: String) -> Entry? {
        var low = 0, high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let order = compare(text[entries[middle].name], name.utf8)
            if order == 0 { return entries[middle] }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    func metadata(_ key: String) -> ArraySlice<UInt8>? {
        for pair in metadata where compare(text[pair.key], key.utf8) == 0 { return text[pair.value] }
        return nil
    }

    // MARK: Grammar

    private mutating func parse() throws(Fault) {
        // The format wants the brace first; spaces may pad the end.
        guard peek() == UInt8(ascii: "{") else { throw Fault(reason: "the header does not begin with {", offset: 0) }
        at = 1
        var seenMetadata = false
        if !accept("}") {
            repeat {
                let name = try string()
                try expect(":", "a colon is missing after a name")
                if equal(text[name], "__metadata__") {
                    guard !seenMetadata else { throw fault("two __metadata__") }
                    seenMetadata = true
                    try parseMetadata()
                } else {
                    try parseTensor(name)
                }
            } while accept(",")
            try expect("}", "a comma or } is missing between tensors")
        }
        skipSpace()
        guard at == bytes.count else { throw fault("something follows the header's closing }") }
    }

    private mutating func parseMetadata() throws(Fault) {
        try expect("{", "__metadata__ is not an object")
        if accept("}") { return }
        repeat {
            let key = try string()
            try expect(":", "a colon is missing in __metadata__")
            let value = try string()
            metadata.append((key, value))
        } while accept(",")
        try expect("}", "a comma or } is missing in __metadata__")
    }

    private mutating func parseTensor(_ name: Range<Int>) throws(Fault) {
        var entry = Entry()
        entry.name = name
        var hasType = false, hasShape = false, hasOffsets = false
        try expect("{", "a tensor's entry is not an object")
        repeat {
            let start = text.count
            let key = try string()
            try expect(":", "a colon is missing in a tensor's entry")
            if equal(text[key], "dtype"), !hasType {
                hasType = true
                let value = try string()
                guard let (type, bits) = ElementType.parse(text[value]) else { throw fault("unknown dtype") }
                entry.type = type
                entry.bits = bits
            } else if equal(text[key], "shape"), !hasShape {
                hasShape = true
                try expect("[", "a shape is not a list")
                if !accept("]") {
                    repeat {
                        guard entry.shape.count < 32 else { throw fault("a shape has over 32 dimensions") }
                        entry.shape.append(try number())
                    } while accept(",")
                    try expect("]", "a shape's list does not end")
                }
            } else if equal(text[key], "data_offsets"), !hasOffsets {
                hasOffsets = true
                try expect("[", "data_offsets is not a list")
                entry.begin = try number()
                try expect(",", "data_offsets is not a pair")
                entry.end = try number()
                try expect("]", "data_offsets is not a pair")
            } else {
                throw fault("an unknown or repeated key in a tensor's entry")
            }
            text.removeSubrange(start...)
        } while accept(",")
        try expect("}", "a comma or } is missing in a tensor's entry")
        guard hasType, hasShape, hasOffsets else { throw fault("a tensor's entry lacks dtype, shape or data_offsets") }
        entries.append(entry)
    }

    private func fault(_ reason: StaticString) -> Fault { Fault(reason: reason, offset: at) }

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let c = peek(), c == 0x20 || c == 0x09 || c == 0x0A || c == 0x0D { at += 1 }
    }

    private mutating func accept(_ c: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek() == UInt8(ascii: c) else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ c: Unicode.Scalar, _ reason: StaticString) throws(Fault) {
        guard accept(c) else { throw fault(reason) }
    }

    /// A whole number without sign, fraction or exponent that fits an Int.
    private mutating func number() throws(Fault) -> Int {
        skipSpace()
        let start = at
        var value = 0
        while let c = peek(), c >= 0x30, c <= 0x39 {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(c - 0x30))
            guard !overflow, !carry else { throw fault("a number is too large") }
            value = sum
            at += 1
        }
        guard at > start else { throw fault("a whole number is missing") }
        guard at == start + 1 || bytes[start] != 0x30 else { throw fault("a number begins with 0") }
        return value
    }

    /// Decodes a string onto the end of `text`.
    private mutating func string() throws(Fault) -> Range<Int> {
        try expect("\"", "a string is missing")
        let start = text.count
        while true {
            guard let c = peek() else { throw fault("a string does not end") }
            at += 1
            switch c {
            case UInt8(ascii: "\""):
                guard isUTF8(text[start...]) else { throw fault("a string is not UTF-8") }
                return start..<text.count
            case UInt8(ascii: "\\"):
                try escape()
            case 0..<0x20:
                throw fault("a control character in a string")
            default:
                text.append(c)
            }
        }
    }

    private mutating func escape() throws(Fault) {
        guard let c = peek() else { throw fault("a string does not end") }
        at += 1
        switch c {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(c)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = try fourDigits()
            if scalar >= 0xD800, scalar < 0xDC00 {
                guard peek() == UInt8(ascii: "\\") else { throw fault("half of a surrogate pair") }
                at += 1
                guard peek() == UInt8(ascii: "u") else { throw fault("half of a surrogate pair") }
                at += 1
                let low = try fourDigits()
                guard low >= 0xDC00, low < 0xE000 else { throw fault("half of a surrogate pair") }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard scalar < 0xD800 || scalar >= 0xE000 else { throw fault("half of a surrogate pair") }
            if scalar < 0x80 {
                text.append(UInt8(scalar))
            } else if scalar < 0x800 {
                text.append(UInt8(0xC0 | scalar >> 6))
                text.append(UInt8(0x80 | scalar & 0x3F))
            } else if scalar < 0x10000 {
                text.append(UInt8(0xE0 | scalar >> 12))
                text.append(UInt8(0x80 | scalar >> 6 & 0x3F))
                text.append(UInt8(0x80 | scalar & 0x3F))
            } else {
                text.append(UInt8(0xF0 | scalar >> 18))
                text.append(UInt8(0x80 | scalar >> 12 & 0x3F))
                text.append(UInt8(0x80 | scalar >> 6 & 0x3F))
                text.append(UInt8(0x80 | scalar & 0x3F))
            }
        default: throw fault("an unknown escape in a string")
        }
    }

    private mutating func fourDigits() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let c = peek() else { throw fault("a string does not end") }
            at += 1
            switch c {
            case 0x30...0x39: value = value << 4 | UInt32(c - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(c - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(c - 0x61 + 10)
            default: throw fault("a \\u escape lacks its four digits")
            }
        }
        return value
    }

    // MARK: Meaning

    private mutating func check(_ dataSize: Int) throws(Fault) {
        for entry in entries {
            // Every partial product is checked, so a zero later on cannot hide an overflow.
            var bits = entry.bits
            for size in entry.shape {
                let (product, overflow) = bits.multipliedReportingOverflow(by: size)
                guard !overflow else { throw Fault(reason: "a shape's product overflows", offset: 0) }
                bits = product
            }
            guard entry.begin <= entry.end, entry.end <= dataSize else {
                throw Fault(reason: "a tensor's data_offsets lie outside the file", offset: 0)
            }
            guard bits % 8 == 0, bits / 8 == entry.end - entry.begin else {
                throw Fault(reason: "a tensor's data_offsets do not match its shape and dtype", offset: 0)
            }
        }
        // In order of their data, tensors must follow each other without overlap or gap, to the end of the file.
        entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var reached = 0
        for entry in entries {
            guard entry.begin == reached else {
                throw Fault(
                    reason: entry.begin < reached ? "tensors overlap" : "a gap between tensors", offset: 0)
            }
            reached = entry.end
        }
        guard reached == dataSize else { throw Fault(reason: "bytes after the last tensor", offset: 0) }
        let names = text
        entries.sort { compare(names[$0.name], names[$1.name]) < 0 }
        for i in entries.indices.dropFirst() where compare(names[entries[i - 1].name], names[entries[i].name]) == 0 {
            throw Fault(reason: "two tensors of one name", offset: 0)
        }
        // Few keys in any honest file; sorted all the same, so that a hostile one costs no quadratic time.
        var keys: [Range<Int>] = []
        for pair in metadata { keys.append(pair.key) }
        keys.sort { compare(names[$0], names[$1]) < 0 }
        for i in keys.indices.dropFirst() where compare(names[keys[i - 1]], names[keys[i]]) == 0 {
            throw Fault(reason: "a key repeated in __metadata__", offset: 0)
        }
    }
}

/// Negative, 0 or positive, as memcmp; a prefix comes first.
private func compare<A: Sequence<UInt8>, B: Sequence<UInt8>>(_ a: A, _ b: B) -> Int {
    var i = a.makeIterator(), j = b.makeIterator()
    while true {
        switch (i.next(), j.next()) {
        case (nil, nil): return 0
        case (nil, _): return -1
        case (_, nil): return 1
        case (let x?, let y?): if x != y { return Int(x) - Int(y) }
        }
    }
}

private func equal(_ a: ArraySlice<UInt8>, _ b: StaticString) -> Bool {
    compare(a, UnsafeBufferPointer(start: b.utf8Start, count: b.utf8CodeUnitCount)) == 0
}

/// Well-formed UTF-8: no overlong forms, surrogates, or values past U+10FFFF.
private func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
    var i = bytes.startIndex
    while i < bytes.endIndex {
        let c = bytes[i]
        i += 1
        var rest = 0
        var low: UInt8 = 0x80, high: UInt8 = 0xBF
        switch c {
        case 0..<0x80: continue
        case 0xC2...0xDF: rest = 1
        case 0xE0: (rest, low) = (2, 0xA0)
        case 0xED: (rest, high) = (2, 0x9F)
        case 0xE1...0xEF: rest = 2
        case 0xF0: (rest, low) = (3, 0x90)
        case 0xF1...0xF3: rest = 3
        case 0xF4: (rest, high) = (3, 0x8F)
        default: return false
        }
        for _ in 0..<rest {
            guard i < bytes.endIndex, bytes[i] >= low, bytes[i] <= high else { return false }
            (low, high) = (0x80, 0xBF)
            i += 1
        }
    }
    return true
}
