import ArgumentParser
import Foundation
import Host

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Shows a plugin's ports, parameters, presets and what it asks of a host.")

    @Argument(help: "A plugin's URI.")
    var plugin: String

    @Flag(name: .long, help: "Prints JSON.")
    var json = false

    func run() throws {
        try reportingUsage {
            let description = try World().describe(plugin)
            if json { return Console.print(try Console.json(description)) }
            Console.print(InfoCommand.text(description))
        }
    }

    static func text(_ plugin: PluginDescription) -> String {
        var lines = ["\(plugin.name) <\(plugin.uri)>", "  class     \(plugin.classLabel)"]
        if let author = plugin.author { lines.append("  author    \(author)") }
        if let license = plugin.license { lines.append("  licence   \(license)") }
        lines.append("  binary    \(plugin.binaryPath)")
        for feature in plugin.requiredFeatures + plugin.requiredOptions {
            lines.append("  requires  \(feature)\(plugin.unsupported.contains(feature) ? "  (not offered by continuo)" : "")")
        }
        for feature in plugin.optionalFeatures { lines.append("  may use   \(feature)") }
        for extensionData in plugin.extensionData { lines.append("  provides  \(extensionData)") }
        for (title, isInput) in [("Inputs", true), ("Outputs", false)] {
            let ports = plugin.ports.filter { $0.isInput == isInput }
            if ports.isEmpty { continue }
            lines.append("\n\(title)")
            var group: String?
            for port in ports {
                if port.group != group {
                    group = port.group
                    if let group { lines.append("  [\(group)]") }
                }
                lines.append("  " + text(port))
                if let comment = port.comment { lines.append("      \(comment)") }
            }
        }
        if !plugin.parameters.isEmpty { lines.append("\nParameters") }
        for parameter in plugin.parameters {
            var line = "  \(parameter.symbol): \(parameter.typeName)"
            if parameter.label != parameter.symbol { line += ", \"\(parameter.label)\"" }
            line += range(parameter.minimum, parameter.maximum, parameter.default, nil)
            if !parameter.isWritable { line += ", read only" }
            lines.append(line)
            if let comment = parameter.comment { lines.append("      \(comment)") }
        }
        if !plugin.presets.isEmpty { lines.append("\nPresets") }
        for preset in plugin.presets {
            lines.append("  \(preset.label)\(preset.bank.map { " [\($0)]" } ?? "")  <\(preset.uri)>")
        }
        return lines.joined(separator: "\n")
    }

    private static func text(_ port: PortDescription) -> String {
        var line = "\(port.symbol): \(port.kind.rawValue)"
        if port.kind == .atom {
            let takes = [
                (port.takesMIDI, "MIDI"), (port.takesPatchMessages, "patch messages"),
                (port.takesTimePosition, "time position"),
            ]
            let list = takes.filter(\.0).map(\.1)
            if !list.isEmpty { line += " (\(list.joined(separator: ", ")))" }
        }
        line += ", \"\(port.name)\""
        line += range(port.minimum, port.maximum, port.default, port.unit)
        let properties = [
            (port.isToggled, "on/off"), (port.isInteger, "whole numbers"), (port.isEnumeration, "one of the named"),
            (port.isLogarithmic, "logarithmic"), (port.isInSampleRates, "times the sample rate"), (port.isOptional, "optional"),
            (port.isSideChain, "side chain"), (port.isLatency, "latency"),
        ]
        for (_, name) in properties.filter(\.0) { line += ", \(name)" }
        if let designation = port.designation?.split(whereSeparator: { "#/".contains($0) }).last, !port.isLatency {
            line += ", designated \(designation)"
        }
        for point in port.scalePoints { line += "\n      \(number(point.value)) = \(point.label)" }
        return line
    }

    private static func range(_ low: Float?, _ high: Float?, _ value: Float?, _ unit: String?) -> String {
        var text = ""
        if low != nil || high != nil { text += ", \(low.map(number) ?? "…") to \(high.map(number) ?? "…")" }
        if let unit, !unit.isEmpty { text += " \(unit)" }
        if let value { text += ", default \(number(value))" }
        return text
    }

    private static func number(_ value: Float) -> String { String(format: "%g", value) }
}
