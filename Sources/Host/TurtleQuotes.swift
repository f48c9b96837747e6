/// Turtle texts as serd writes them, so that serd reads them again: up to 0.30 its reader takes the backslash after a quote within a long
/// literal (`"""…"\\…"""`) for a letter, and then fails. Quotes there are escaped instead.
enum TurtleQuotes {
    static func escapingInner(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let quote = UInt8(ascii: "\""), backslash = UInt8(ascii: "\\")
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + 16)
        func areQuotes(at place: Int) -> Bool { place + 2 < bytes.count && bytes[place...(place + 2)].allSatisfy { $0 == quote } }
        enum Place { case outside, uri, short, long }
        var place = Place.outside
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            switch place {
            case .outside:
                if byte == UInt8(ascii: "<") { place = .uri }
                if byte == quote {
                    place = areQuotes(at: i) ? .long : .short
                    if place == .long {
                        out += [quote, quote]
                        i += 2
                    }
                }
            case .uri: if byte == UInt8(ascii: ">") { place = .outside }
            case .short, .long:
                if byte == backslash, i + 1 < bytes.count {
                    out.append(byte)
                    i += 1
                } else if byte == quote {
                    if place == .short {
                        place = .outside
                    } else if areQuotes(at: i) && !(i + 3 < bytes.count && bytes[i + 3] == quote) {
                        // The last three of a run end it.
                        place = .outside
                        out += [quote, quote]
                        i += 2
                    } else {
                        out.append(backslash)
                    }
                }
            }
            out.append(bytes[i])
            i += 1
        }
        return String(decoding: out, as: UTF8.self)
    }
}
