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
        var reader = PatchReader(file: file, folder: folder, lines: PatchLines(text))
        self = try reader.read(table)
    }
}

/// Goes through a parsed text and refuses what it does not know.
private struct PatchReader {
    let file: String
    let folder: String
    let lines: PatchLines
    /// Where we are, to name the line of a mistake: which `[[list]]`, and its how manieth.
    private var list: String?
    private var index = 0

    init(file: String, folder: String, lines: PatchLines) {
        self.file = file
        self.folder = folder
        self.lines = lines
    }

    private func fail(_ cause: String, _ key: String) -> HostError {
        .patch(file: file, line: lines.line(of: key, in: list, index: index), cause: cause)
    }

    mutating func read(_ table: TOMLTable) throws -> Patch {
        var patch = Patch(plugins: [])
        for key in table.keys {
            switch key {
            case "name": patch.name = try string(table, key)
            case "comment": patch.comment = try string(table, key)
            case "author": patch.author = try string(table, key)
            case "fade_curve":
                let curve = try string(table, key)
                guard curve == "linear" || curve == "power" else { throw fail("fade_curve is \"power\" or \"linear\"", key) }
                patch.fadesEvenly = curve == "linear"
            case "fade": patch.fade = Float(try number(table, key, 0...60000))
            case "tail": patch.tail = Float(try number(table, key, 0...3600))
            case "plugin", "connection", "midi", "cv", "program": break
            case "transport": patch.transport = try transport(table)
            default:
                throw fail(
                    "unknown key '\(key)' (a patch has name, comment, author, fade, fade_curve, tail, [[plugin]], [[connection]], [[midi]], "
                        + "[[cv]], [[program]] and [transport])", key)
            }
        }
        guard table["plugin"] != nil else { throw fail("names no plugin: write [[plugin]] and uri = \"…\"", "plugin") }
        patch.plugins = try entries(table, "plugin").enumerated().map { try plugin($1, $0) }
        if patch.plugins.isEmpty { throw fail("names no plugin: write [[plugin]] and uri = \"…\"", "plugin") }
        patch.connections = try entries(table, "connection").enumerated().map { try connection($1, $0) }
        patch.mappings = try entries(table, "midi").enumerated().map { try mapping($1, $0) }
        patch.cvMappings = try entries(table, "cv").enumerated().map { try cvMapping($1, $0) }
        patch.programs = try entries(table, "program").enumerated().map { try program($1, $0) }
        patch.folder = folder
        try checkNames(patch.plugins)
        return patch
    }

    private mutating func entries(_ table: TOMLTable, _ key: String) throws -> [TOMLTable] {
        list = nil
        guard let value = table[key] else { return [] }
        guard let array = value.array else { throw fail("write [[\(key)]], in double brackets", key) }
        return try array.map { entry in
            guard let entry = entry.table else { throw fail("write [[\(key)]], in double brackets", key) }
            return entry
        }
    }

    private func string(_ table: TOMLTable, _ key: String) throws -> String {
        guard let value = table[key]?.string else { throw fail("\(key) is a text in quotes", key) }
        return value
    }

    private func number(_ table: TOMLTable, _ key: String, _ range: ClosedRange<Double>) throws -> Double {
        guard let value = table[key]?.double ?? table[key]?.int.map(Double.init), range.contains(value) else {
            throw fail("\(key) is a number from \(Patch.text(range.lowerBound)) to \(Patch.text(range.upperBound))", key)
        }
        return value
    }

    private func flag(_ table: TOMLTable, _ key: String) throws -> Bool {
        guard let value = table[key]?.bool else { throw fail("\(key) is true or false", key) }
        return value
    }

    /// A whole number, or the two ends of a range.
    private func range(_ table: TOMLTable, _ key: String, _ limits: ClosedRange<Int>) throws -> ClosedRange<Int> {
        let bounds: [Int]
        if let one = table[key]?.int {
            bounds = [one, one]
        } else {
            bounds = table[key]?.array?.compactMap(\.int) ?? []
        }
        guard bounds.count == 2, bounds[0] <= bounds[1], limits.contains(bounds[0]), limits.contains(bounds[1]) else {
            throw fail("\(key) is [lowest, highest] within \(limits.lowerBound) to \(limits.upperBound)", key)
        }
        return bounds[0]...bounds[1]
    }

    // MARK: Plugins

    private mutating func plugin(_ entry: TOMLTable, _ place: Int) throws -> PluginSetup {
        (list, index) = ("plugin", place)
        guard let uri = entry["uri"]?.string, !uri.isEmpty else {
            throw fail("plugin \(place + 1) has no uri = \"…\"", "uri")
        }
        var setup = PluginSetup(uri: uri, folder: folder)
        for key in entry.keys.sorted() {
            switch key {
            case "uri": break
            case "name": setup.name = try string(entry, key)
            case "preset": setup.preset = try string(entry, key)
            case "bypass": setup.isBypassed = try flag(entry, key)
            case "channels": setup.midi.channels = try channels(entry, key)
            case "keys": setup.midi.keys = try range(entry, key, 0...127)
            case "transpose": setup.midi.transpose = Int(try number(entry, key, -127...127))
            case "controls", "parameters":
                guard let settings = entry[key]?.table else { throw fail("\(key) is a table: [plugin.\(key)]", key) }
                for name in settings.keys.sorted() {
                    guard let text = settings[name].flatMap(Patch.text) else {
                        throw fail("\(name) is a number, true, false or a text in quotes", name)
                    }
                    setup.settings.append(.init(key: name, value: text))
                }
            default:
                throw fail(
                    "unknown key '\(key)' (a plugin has uri, name, preset, bypass, channels, keys, transpose, controls and "
                        + "parameters)", key)
            }
        }
        return setup
    }

    private func channels(_ table: TOMLTable, _ key: String) throws -> Set<Int> {
        let list = table[key]?.int.map { [$0] } ?? table[key]?.array?.compactMap(\.int) ?? []
        let count = table[key]?.array?.count ?? 1
        guard !list.isEmpty, list.count == count, list.allSatisfy({ (1...16).contains($0) }) else {
            throw fail("\(key) is a MIDI channel from 1 to 16, or a list of them", key)
        }
        return Set(list)
    }

    private mutating func checkNames(_ plugins: [PluginSetup]) throws {
        var seen: Set<String> = []
        for (place, plugin) in plugins.enumerated() {
            guard let name = plugin.name else { continue }
            (list, index) = ("plugin", place)
            if name.isEmpty || name.contains(where: { ":*?\"\n".contains($0) }) {
                throw fail("'\(name)' is no name for a plugin: it has none of : * ? in it", "name")
            }
            if !seen.insert(name).inserted { throw fail("two plugins are called '\(name)'", "name") }
        }
    }

    // MARK: Connections and transport

    private mutating func connection(_ entry: TOMLTable, _ place: Int) throws -> PatchConnection {
        (list, index) = ("connection", place)
        var made = PatchConnection(from: "", to: "")
        for key in entry.keys {
            switch key {
            case "from": made.from = try string(entry, key)
            case "to": made.to = try string(entry, key)
            case "gain": made.gain = Float(try number(entry, key, -1000...1000))
            default: throw fail("unknown key '\(key)' (a connection has from, to and gain)", key)
            }
        }
        if made.from.isEmpty || made.to.isEmpty {
            throw fail("connection \(place + 1) has no \(made.from.isEmpty ? "from" : "to") = \"…\"", "connection")
        }
        return made
    }

    private mutating func mapping(_ entry: TOMLTable, _ place: Int) throws -> MIDIMapping {
        (list, index) = ("midi", place)
        var made = MIDIMapping(control: "", source: .bend)
        var sources: [MIDIMapping.Source] = []
        for key in entry.keys {
            switch key {
            case "control": made.control = try string(entry, key)
            case "cc": sources.append(.controller(Int(try number(entry, key, 0...127))))
            case "nrpn": sources.append(.nrpn(Int(try number(entry, key, 0...16383))))
            case "rpn": sources.append(.rpn(Int(try number(entry, key, 0...16382))))
            case "key_pressure":
                if entry[key]?.bool != nil {
                    if try flag(entry, key) { sources.append(.keyPressure(nil)) }
                } else {
                    sources.append(.keyPressure(Int(try number(entry, key, 0...127))))
                }
            case "note": sources.append(.note(Int(try number(entry, key, 0...127))))
            case "bend": if try flag(entry, key) { sources.append(.bend) }
            case "pressure": if try flag(entry, key) { sources.append(.pressure) }
            case "channel": made.channel = Int(try number(entry, key, 1...16))
            case "takeover": made.takesOver = try flag(entry, key)
            case "curve": made.curve = try curve(entry, key)
            case "range":
                let ends = entry[key]?.array?.compactMap { $0.double ?? $0.int.map(Double.init) } ?? []
                guard ends.count == 2, entry[key]?.array?.count == 2 else { throw fail("range is [at the lowest, at the highest]", key) }
                (made.low, made.high) = (Float(ends[0]), Float(ends[1]))
            default:
                throw fail(
                    "unknown key '\(key)' (a mapping has control, one of cc, nrpn, rpn, bend, pressure, key_pressure and note, and "
                        + "channel, range, curve and takeover)", key)
            }
        }
        if made.control.isEmpty { throw fail("mapping \(place + 1) has no control = \"plugin:control\"", "midi") }
        guard sources.count == 1 else { throw fail("a mapping has one of cc, nrpn, rpn, bend, pressure, key_pressure and note", "midi") }
        made.source = sources[0]
        return made
    }

    private mutating func cvMapping(_ entry: TOMLTable, _ place: Int) throws -> CVMapping {
        (list, index) = ("cv", place)
        var made = CVMapping(control: "", source: "")
        func ends(_ key: String) throws -> (Float, Float) {
            let ends = entry[key]?.array?.compactMap { $0.double ?? $0.int.map(Double.init) } ?? []
            guard ends.count == 2, entry[key]?.array?.count == 2 else { throw fail("\(key) is [at the lowest, at the highest]", key) }
            return (Float(ends[0]), Float(ends[1]))
        }
        for key in entry.keys {
            switch key {
            case "control": made.control = try string(entry, key)
            case "from": made.source = try string(entry, key)
            case "signal": (made.sourceLow, made.sourceHigh) = try ends(key)
            case "range":
                let (low, high) = try ends(key)
                (made.low, made.high) = (low, high)
            default: throw fail("unknown key '\(key)' (a CV mapping has control, from, signal and range)", key)
            }
        }
        if made.control.isEmpty || made.source.isEmpty {
            throw fail("CV mapping \(place + 1) has no \(made.control.isEmpty ? "control = \"plugin:control\"" : "from = \"…\"")", "cv")
        }
        return made
    }

    private func curve(_ table: TOMLTable, _ key: String) throws -> MIDIMapping.Curve {
        switch table[key]?.string {
        case "linear": return .linear
        case "logarithmic": return .logarithmic
        default:
            guard let power = table[key]?.double ?? table[key]?.int.map(Double.init), (0.01...100).contains(power) else {
                throw fail("curve is \"linear\", \"logarithmic\" or a power from 0.01 to 100", key)
            }
            return .power(Float(power))
        }
    }

    private mutating func program(_ entry: TOMLTable, _ place: Int) throws -> PatchProgram {
        (list, index) = ("program", place)
        var made = PatchProgram(program: 0)
        for key in entry.keys {
            switch key {
            case "program": made.program = Int(try number(entry, key, 1...128))
            case "bank": made.bank = Int(try number(entry, key, 0...16383))
            case "channel": made.channel = Int(try number(entry, key, 1...16))
            case "plugin": made.plugin = try string(entry, key)
            case "preset": made.preset = try string(entry, key)
            case "patch": made.patch = try string(entry, key)
            default: throw fail("unknown key '\(key)' (a program has program, bank, channel, and plugin and preset or patch)", key)
            }
        }
        if made.program == 0 { throw fail("program \(place + 1) has no program = 1 to 128", "program") }
        guard made.patch != nil ? made.plugin == nil && made.preset == nil : made.plugin != nil && made.preset != nil else {
            throw fail("a program has plugin and preset, or patch", "program")
        }
        return made
    }

    private mutating func transport(_ table: TOMLTable) throws -> PatchTransport {
        list = nil
        guard let entry = table["transport"]?.table else { throw fail("write [transport], in brackets", "transport") }
        (list, index) = ("transport", 0)
        defer { list = nil }
        var made = PatchTransport()
        for key in entry.keys {
            switch key {
            case "tempo": made.tempo = Float(try number(entry, key, 1...1000))
            case "beats_per_bar": made.beatsPerBar = Float(try number(entry, key, 1...64))
            case "beat_unit": made.beatUnit = Float(try number(entry, key, 1...64))
            case "rolling": made.isRolling = try flag(entry, key)
            case "master": made.isMaster = try flag(entry, key)
            case "sync":
                let mode = try string(entry, key)
                guard mode == "midi" || mode == "none" else { throw fail("sync is \"midi\" or \"none\"", key) }
                made.followsMIDI = mode == "midi"
            default:
                throw fail("unknown key '\(key)' (a transport has tempo, beats_per_bar, beat_unit, rolling, master and sync)", key)
            }
        }
        return made
    }
}

extension Patch {
    fileprivate static func text(_ value: any TOMLValueConvertible) -> String? {
        if let text = value.string { return text }
        if let flag = value.bool { return flag ? "true" : "false" }
        if let whole = value.int { return String(whole) }
        if let number = value.double { return String(number) }
        return nil
    }

    /// A number without needless decimals.
    static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }
}

/// Finds the line of a key again: the parser keeps lines for its own errors only.
private struct PatchLines {
    private let lines: [Substring]

    init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// - Parameters:
    ///   - list: the `[[list]]` or `[table]` that the key stands in; nil: anywhere.
    ///   - index: which of the list's, from 0.
    func line(of key: String, in list: String?, index: Int) -> Int? {
        var current = -1
        var section: String?
        var header: Int?
        for (i, line) in lines.enumerated() {
            let bare = line.filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" }
            if bare.hasPrefix("[") {
                let name = String(bare.drop { $0 == "[" }.prefix { $0 != "]" && $0 != "." })
                if section != name && name != list { section = name }
                if name == list {
                    section = name
                    if bare.hasPrefix("[[") || !bare.contains(".") && bare.hasPrefix("[\(name)]") { current += 1 }
                    if current == index && header == nil { header = i + 1 }
                }
            }
            if let list, section != list || current != index { continue }
            if bare.hasPrefix(key + "=") || bare.hasPrefix("[\(key)]") || bare.hasPrefix("[[\(key)]]")
                || bare.hasPrefix("[\(list ?? "plugin").\(key)]") || bare.hasPrefix("{\(key)=") || bare.contains(",\(key)=")
                || bare.contains("={\(key)=")
            {
                return i + 1
            }
        }
        return header
    }
}
