import Foundation

/// Splits a line into words as mod-host does: at spaces, with quotes around words that have spaces in them, `\"` for a quote.
package enum CommandWords {
    package static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        var isWord = false
        var characters = line.unicodeScalars.makeIterator()
        while let character = characters.next() {
            switch character {
            case "\\":
                guard let next = characters.next() else {
                    word.unicodeScalars.append(character)
                    break
                }
                if next != "\"" { word.unicodeScalars.append(character) }
                word.unicodeScalars.append(next)
                isWord = true
            case "\"":
                isQuoted.toggle()
                isWord = true
            case " ", "\t", "\r", "\n":
                if isQuoted {
                    word.unicodeScalars.append(character)
                } else if isWord {
                    words.append(word)
                    (word, isWord) = ("", false)
                }
            default:
                word.unicodeScalars.append(character)
                isWord = true
            }
        }
        if isWord { words.append(word) }
        return words
    }

    /// A word so that `words` reads it as one.
    package static func quoted(_ word: String) -> String {
        let needs = word.isEmpty || word.contains { $0 == " " || $0 == "\t" || $0 == "\"" }
        return needs ? "\"\(word.replacingOccurrences(of: "\"", with: "\\\""))\"" : word
    }
}
