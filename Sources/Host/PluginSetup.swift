/// A plugin and how it is to be set: one step of a patch.
public struct PluginSetup: Sendable, Equatable {
    /// A control's or parameter's value, as written by the user.
    public struct Setting: Sendable, Equatable {
        /// A port's symbol or name, or a parameter's symbol, label or URI.
        public var key: String
        /// A number, a scale point's label, `true`/`false`, a file's path or a text, as the target asks.
        public var value: String

        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    public var uri: String
    /// A preset's URI or label, or the path of a state file or preset bundle.
    public var preset: String?
    public var settings: [Setting]
    /// The folder that relative file names stand in.
    public var folder: String?

    public init(uri: String, preset: String? = nil, settings: [Setting] = [], folder: String? = nil) {
        self.uri = uri
        self.preset = preset
        self.settings = settings
        self.folder = folder
    }
}
