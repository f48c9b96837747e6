/// Turtle as text (https://www.w3.org/TR/turtle/), as far as telling whether all of it is there.
package enum TurtleText {
    /// Whether the text ends where a statement ends, and states something: one that was cut off anywhere else is not complete.
    package static func isComplete(_ text: [UInt8]) -> Bool {
        var at = 0
        var depth = 0
        var statements = 0
        var isDirective = false
        /// Whether nothing of a statement has come since the last one's end.
        var isBetween = true
        func begin() {
            if isBetween { isDirective = text[at] == UInt8(ascii: "@") }
            isBetween = false
        }
        func isQuote(_ place: Int) -> Bool { place < text.count && text[place] == UInt8(ascii: "\"") }
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): break
            case UInt8(ascii: "#"): while at < text.count && text[at] != UInt8(ascii: "\n") { at += 1 }
            case UInt8(ascii: "<"):
                begin()
                while at < text.count && text[at] != UInt8(ascii: ">") { at += 1 }
                if at == text.count { return false }
            case UInt8(ascii: "\""):
                begin()
                let isLong = isQuote(at + 1) && isQuote(at + 2)
                at += isLong ? 3 : 1
                while at < text.count && !(isQuote(at) && (!isLong || isQuote(at + 1) && isQuote(at + 2))) {
                    at += text[at] == UInt8(ascii: "\\") ? 2 : 1
                }
                if at >= text.count { return false }
                if isLong { at += 2 }
            case UInt8(ascii: "["), UInt8(ascii: "("):
                begin()
                depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: ".") where depth == 0 && (at + 1 == text.count || text[at + 1] <= UInt8(ascii: " ")):
                if !isDirective { statements += 1 }
                isBetween = true
            default: begin()
            }
            at += 1
        }
        return depth == 0 && isBetween && statements > 0
    }
}
