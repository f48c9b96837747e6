/// A plugin, as its data describes it: nothing of it has been loaded.
public struct PluginDescription: Sendable, Equatable, Codable {
    public var uri: String
    public var name: String
    public var author: String?
    /// The label of its class, e.g. "Amplifier".
    public var classLabel: String
    public var license: String?
    public var bundlePath: String
    public var binaryPath: String
    public var requiredFeatures: [String]
    public var optionalFeatures: [String]
    public var requiredOptions: [String]
    public var extensionData: [String]
    public var ports: [PortDescription]
    public var parameters: [ParameterDescription]
    public var presets: [PresetDescription]

    /// The required features and options that the host cannot offer; empty if it can run the plugin.
    public var unsupported: [String] {
        requiredFeatures.filter { !HostFeatures.supported.contains($0) }
            + requiredOptions.filter { !HostFeatures.options.contains($0) }
    }

    /// The port that takes messages: the MIDI- or patch-taking atom input designated `lv2:control`, else the first of those.
    var controlPort: PortDescription? {
        let inputs = ports.filter { $0.isInput && $0.kind == .atom }
        return inputs.first { $0.designation == LV2.control } ?? inputs.first { $0.takesPatchMessages } ?? inputs.first
    }
}
