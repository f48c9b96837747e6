import Foundation

extension Patch {
    /// The patch as a TOML text, always in the same order: what it reads is what was written, and written again has the same bytes.
    public var text: String {
        var lines: [String] = []
        func line(_ key: String, _ value: String?) { if let value { lines.append("\(key) = \(value)") } }
        func flag(_ key: String, _ value: Bool) { if value { lines.append("\(key) = true") } }
        line("name", name.map(Patch.quoted))
        line("comment", comment.map(Patch.quoted))
        line("author", author.map(Patch.quoted))
        line("fade", fade.map(Patch.number))
        line("fade_curve", fadesEvenly.map { $0 ? "\"linear\"" : "\"power\"" })
        line("tail", tail.map(Patch.number))
        if let transport {
            lines += ["", "[transport]"]
            line("tempo", transport.tempo.map(Patch.number))
            line("beats_per_bar", transport.beatsPerBar.map(Patch.number))
            line("beat_unit", transport.beatUnit.map(Patch.number))
            flag("rolling", transport.isRolling)
            flag("master", transport.isMaster)
            if transport.followsMIDI { line("sync", "\"midi\"") }
        }
        for plugin in plugins {
            lines += ["", "[[plugin]]"]
            line("uri", Patch.quoted(plugin.uri))
            line("name", plugin.name.map(Patch.quoted))
            line("preset", plugin.preset.map(Patch.quoted))
            flag("bypass", plugin.isBypassed)
            if let channels = plugin.midi.channels { line("channels", "[\(channels.sorted().map(String.init).joined(separator: ", "))]") }
            if plugin.midi.keys != 0...127 { line("keys", "[\(plugin.midi.keys.lowerBound), \(plugin.midi.keys.upperBound)]") }
            if plugin.midi.transpose != 0 { line("transpose", String(plugin.midi.transpose)) }
            // The later of two settings of one key is what holds.
            let settings = Dictionary(plugin.settings.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
            let isParameter: (String) -> Bool = { $0.contains(":") || $0.contains("/") }
            for (table, keys) in [
                ("controls", settings.keys.filter { !isParameter($0) }), ("parameters", settings.keys.filter(isParameter)),
            ] where !keys.isEmpty {
                lines += ["", "[plugin.\(table)]"]
                for key in keys.sorted() { line(Patch.key(key), Patch.value(settings[key]!)) }
            }
        }
        for connection in connections {
            lines += ["", "[[connection]]"]
            line("from", Patch.quoted(connection.from))
            line("to", Patch.quoted(connection.to))
            if connection.gain != 1 { line("gain", Patch.number(connection.gain)) }
        }
        for mapping in mappings {
            lines += ["", "[[midi]]"]
            line("control", Patch.quoted(mapping.control))
            switch mapping.source {
            case .controller(let number): line("cc", String(number))
            case .nrpn(let number): line("nrpn", String(number))
            case .rpn(let number): line("rpn", String(number))
            case .note(let number): line("note", String(number))
            case .bend: flag("bend", true)
            case .pressure: flag("pressure", true)
            case .keyPressure(let key): line("key_pressure", key.map(String.init) ?? "true")
            }
            line("channel", mapping.channel.map(String.init))
            if let low = mapping.low, let high = mapping.high { line("range", "[\(Patch.number(low)), \(Patch.number(high))]") }
            switch mapping.curve {
            case .linear: line("curve", "\"linear\"")
            case .logarithmic: line("curve", "\"logarithmic\"")
            case .power(let power): line("curve", Patch.number(power))
            case nil: break
            }
            flag("takeover", mapping.takesOver)
        }
        for mapping in cvMappings {
            lines += ["", "[[cv]]"]
            line("control", Patch.quoted(mapping.control))
            line("from", Patch.quoted(mapping.source))
            let (low, high) = (CVMapping.usualRange.lowerBound, CVMapping.usualRange.upperBound)
            if (mapping.sourceLow, mapping.sourceHigh) != (low, high) {
                line("signal", "[\(Patch.number(mapping.sourceLow)), \(Patch.number(mapping.sourceHigh))]")
            }
            if let low = mapping.low, let high = mapping.high { line("range", "[\(Patch.number(low)), \(Patch.number(high))]") }
        }
        for program in programs {
            lines += ["", "[[program]]"]
            line("program", String(program.program))
            line("bank", program.bank.map(String.init))
            line("channel", program.channel.map(String.init))
            line("plugin", program.plugin.map(Patch.quoted))
            line("preset", program.preset.map(Patch.quoted))
            line("patch", program.patch.map(Patch.quoted))
        }
        if lines.first == "" { lines.removeFirst() }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The shortest text that reads as the same number.
    static func number(_ value: Float) -> String {
        value == value.rounded() && abs(value) < 1e6 ? String(Int(value)) : "\(value)"
    }

    /// Bare where TOML reads the same text out of it again.
    private static func value(_ text: String) -> String {
        if text == "true" || text == "false" { return text }
        if let whole = Int(text), String(whole) == text { return text }
        if let number = Double(text), number.isFinite, "\(number)" == text { return text }
        return quoted(text)
    }

    private static func key(_ name: String) -> String {
        let isBare = !name.isEmpty && name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F || byte == 0x2D
        }
        return isBare ? name : quoted(name)
    }

    static func quoted(_ text: String) -> String {
        var made = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": made += "\\\""
            case "\\": made += "\\\\"
            case "\n": made += "\\n"
            case "\t": made += "\\t"
            case "\r": made += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: made += String(format: "\\u%04X", scalar.value)
            default: made.unicodeScalars.append(scalar)
            }
        }
        return made + "\""
    }

    /// Writes the file, whole or not at all.
    ///
    /// - Throws: `HostError.file`.
    public func write(to path: String) throws {
        try AtomicSave.write(text, to: path)
    }
}
