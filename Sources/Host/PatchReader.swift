import Foundation
import TOMLKit

extension Patch {
    /// - Parameters:
    ///   - file: the name to say in errors.
    ///   - folder: where relative file names stand.
    public init(parsing text: String, file: String, folder: String) throws {
        let table: TOMLTable
        do { table = try TOMLTable(string: text) } catch let error as TOMLParseError {
            throw HostError.patch(file: file, line: error.source.begin.line, cause: error.description)
        }
        let lines = PatchLines(text)
        func fail(_ cause: String, _ key: String, plugin: Int? = nil) -> HostError {
            .patch(file: file, line: lines.line(of: key, plugin: plugin), cause: cause)
        }
        self.init(plugins: [])
        for key in table.keys {
            switch key {
            case "name", "comment":
                guard let value = table[key]?.string else { throw fail("\(key) is a text in quotes", key) }
                if key == "name" { name = value } else { comment = value }
            case "plugin": break
            default: throw fail("unknown key '\(key)' (a patch has name, comment and [[plugin]])", key)
            }
        }
        guard let list = table["plugin"]?.array else {
            throw fail(
                table["plugin"] == nil ? "names no plugin: write [[plugin]] and uri = \"…\"" : "write [[plugin]], in double brackets",
                "plugin")
        }
        for (index, value) in list.enumerated() {
            guard let entry = value.table else { throw fail("write [[plugin]], in double brackets", "plugin") }
            guard let uri = entry["uri"]?.string, !uri.isEmpty else {
                throw fail("plugin \(index + 1) has no uri = \"…\"", "uri", plugin: index)
            }
            var setup = PluginSetup(uri: uri, folder: folder)
            for key in entry.keys {
                switch key {
                case "uri": break
                case "preset":
                    guard let preset = entry[key]?.string else {
                        throw fail("preset is a text in quotes", key, plugin: index)
                    }
                    setup.preset = preset
                case "controls", "parameters":
                    guard let settings = entry[key]?.table else {
                        throw fail("\(key) is a table: [plugin.\(key)]", key, plugin: index)
                    }
                    for name in settings.keys {
                        guard let text = settings[name].flatMap(Patch.text) else {
                            throw fail("\(name) is a number, true, false or a text in quotes", name, plugin: index)
                        }
                        setup.settings.append(.init(key: name, value: text))
                    }
                default:
                    throw fail(
                        "unknown key '\(key)' (a plugin has uri, preset, controls and parameters)", key, plugin: index)
                }
            }
            plugins.append(setup)
        }
        if plugins.isEmpty { throw fail("names no plugin: write [[plugin]] and uri = \"…\"", "plugin") }
    }

    private static func text(_ value: any TOMLValueConvertible) -> String? {
        if let text = value.string { return text }
        if let flag = value.bool { return flag ? "true" : "false" }
        if let whole = value.int { return String(whole) }
        if let number = value.double { return String(number) }
        return nil
    }
}

/// Finds the line of a key again: the parser keeps lines for its own errors only.
private struct PatchLines {
    private let lines: [Substring]

    init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false) }

    func line(of key: String, plugin: Int?) -> Int? {
        var current = -1
        var header: Int?
        for (i, line) in lines.enumerated() {
            let bare = line.filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" }
            if bare.hasPrefix("[[plugin]]") {
                current += 1
                if current == plugin { header = i + 1 }
            }
            if let plugin, current != plugin { continue }
            if bare.hasPrefix(key + "=") || bare.hasPrefix("[\(key)]") || bare.hasPrefix("[[\(key)]]")
                || bare.hasPrefix("[plugin.\(key)]") || bare.hasPrefix("{\(key)=") || bare.contains(",\(key)=")
                || bare.contains("={\(key)=")
            {
                return i + 1
            }
        }
        return header
    }
}
