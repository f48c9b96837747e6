import CHost
import Foundation

/// Values written by people.
extension PluginInstance {
    /// What a setting comes to.
    enum Target {
        case control(port: Int, value: Float)
        /// A patch:Set message, as an atom with its header.
        case message([UInt8])
    }

    /// Finds what a setting means.
    ///
    /// - Throws: `HostError.controlNotFound`, `HostError.badValue`, `HostError.file`.
    func resolve(_ setting: PluginSetup.Setting, folder: String?) throws -> Target {
        let wanted = setting.key.lowercased()
        let ports = description.ports.filter { $0.kind == .control && $0.isInput }
        let parameters = description.parameters.filter(\.isWritable)
        if let port = ports.first(where: { $0.symbol == setting.key }) { return try control(port, setting) }
        if let parameter = parameters.first(where: { $0.symbol == setting.key || $0.uri == setting.key }) {
            return try message(parameter, setting, folder)
        }
        if let port = ports.first(where: { $0.symbol.lowercased() == wanted || $0.name.lowercased() == wanted }) {
            return try control(port, setting)
        }
        if let parameter = parameters.first(where: { $0.label.lowercased() == wanted || $0.symbol.lowercased() == wanted }) {
            return try message(parameter, setting, folder)
        }
        throw HostError.controlNotFound(
            plugin: description.name, symbol: setting.key, known: ports.map(\.symbol) + parameters.map(\.symbol))
    }

    private func control(_ port: PortDescription, _ setting: PluginSetup.Setting) throws -> Target {
        func bad(_ cause: String) -> HostError {
            .badValue(plugin: description.name, symbol: port.symbol, value: setting.value, cause: cause)
        }
        let text = setting.value.trimmingCharacters(in: .whitespaces)
        if let point = port.scalePoints.first(where: { $0.label.lowercased() == text.lowercased() }) {
            return .control(port: port.index, value: point.value)
        }
        if port.isToggled, let value = PluginInstance.truth(text) { return .control(port: port.index, value: value) }
        guard let value = Float(text), value.isFinite else {
            let labels = port.scalePoints.map { "'\($0.label)'" }.joined(separator: ", ")
            throw bad(labels.isEmpty ? "it is no number" : "it is no number, nor one of \(labels)")
        }
        let scale = port.isInSampleRates ? Float(features.sampleRate) : 1
        if let low = port.minimum, value < low * scale {
            throw bad("it goes from \(low * scale) to \(port.maximum.map { "\($0 * scale)" } ?? "…")")
        }
        if let high = port.maximum, value > high * scale {
            throw bad("it goes from \(port.minimum.map { "\($0 * scale)" } ?? "…") to \(high * scale)")
        }
        return .control(port: port.index, value: value)
    }

    private static func truth(_ text: String) -> Float? {
        switch text.lowercased() {
        case "true", "on", "yes": 1
        case "false", "off", "no": 0
        default: nil
        }
    }

    private func message(
        _ parameter: ParameterDescription, _ setting: PluginSetup.Setting, _ folder: String?
    ) throws -> Target {
        let text = setting.value
        func bad(_ cause: String) -> HostError {
            .badValue(plugin: description.name, symbol: parameter.symbol, value: text, cause: cause)
        }
        guard description.controlPort != nil else { throw bad("the plugin has no port that takes messages") }
        let known = world.urids.known.pointee
        switch parameter.type {
        case LV2.atom + "Path":
            let path = resolvePath(text, in: folder)
            guard FileManager.default.fileExists(atPath: path) else { throw bad("there is no file \(path)") }
            return .message(patchSet(parameter, known.atom_path, Array(path.utf8CString.map { UInt8(bitPattern: $0) })))
        case LV2.atom + "String":
            return .message(patchSet(parameter, known.atom_string, Array(text.utf8CString.map { UInt8(bitPattern: $0) })))
        case LV2.atom + "URI":
            return .message(patchSet(parameter, known.atom_uri, Array(text.utf8CString.map { UInt8(bitPattern: $0) })))
        case LV2.atom + "URID":
            return .message(patchSet(parameter, known.atom_urid, bytes(world.urids.id(of: text))))
        case LV2.atom + "Bool":
            guard let value = PluginInstance.truth(text) ?? Float(text) else { throw bad("it is true or false") }
            return .message(patchSet(parameter, known.atom_bool, bytes(Int32(value != 0 ? 1 : 0))))
        case LV2.atom + "Int":
            guard let value = Int32(text) else { throw bad("it is a whole number") }
            try checkRange(parameter, Float(value), bad)
            return .message(patchSet(parameter, known.atom_int, bytes(value)))
        case LV2.atom + "Long":
            guard let value = Int64(text) else { throw bad("it is a whole number") }
            try checkRange(parameter, Float(value), bad)
            return .message(patchSet(parameter, known.atom_long, bytes(value)))
        case LV2.atom + "Double":
            guard let value = Double(text), value.isFinite else { throw bad("it is no number") }
            try checkRange(parameter, Float(value), bad)
            return .message(patchSet(parameter, known.atom_double, bytes(value)))
        case LV2.atom + "Float":
            guard let value = Float(text), value.isFinite else { throw bad("it is no number") }
            try checkRange(parameter, value, bad)
            return .message(patchSet(parameter, known.atom_float, bytes(value)))
        default:
            throw bad("continuo cannot write values of type \(parameter.type)")
        }
    }

    private func checkRange(_ parameter: ParameterDescription, _ value: Float, _ bad: (String) -> HostError) throws {
        let low = parameter.minimum ?? -.infinity
        let high = parameter.maximum ?? .infinity
        if value < low || value > high { throw bad("it goes from \(low) to \(high)") }
    }

    private func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private func patchSet(_ parameter: ParameterDescription, _ type: LV2_URID, _ value: [UInt8]) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: value.count + 256)
        let size = ch_patch_set_write(
            &buffer, UInt32(buffer.count), world.urids.forge, world.urids.known, world.urids.id(of: parameter.uri), type,
            UInt32(value.count), value)
        return Array(buffer.prefix(Int(size)))
    }
}
