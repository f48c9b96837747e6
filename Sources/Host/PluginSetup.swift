/// A plugin and how it is to be set: one of a patch's.
public struct PluginSetup: Sendable, Equatable {
    /// Which MIDI a plugin hears: for splits and layers.
    public struct MIDIRange: Sendable, Equatable {
        /// 1 to 16; nil: all.
        public var channels: Set<Int>?
        /// Notes within 0 to 127.
        public var keys = 0...127
        /// Semitones by which notes are moved, −127 to 127; those that leave 0 to 127 are dropped.
        public var transpose = 0

        public init() {}

        var channelMask: UInt16 { channels.map { $0.reduce(0) { $0 | UInt16(1) << UInt16($1 - 1) } } ?? 0xFFFF }
    }

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
    /// What connections call it; nil: the last part of its URI.
    public var name: String?
    public var isBypassed = false
    public var midi = MIDIRange()
    /// A preset's URI or label, or the path of a state file or preset bundle.
    public var preset: String?
    public var settings: [Setting]
    /// The folder that relative file names stand in.
    public var folder: String?

    public init(
        uri: String, name: String? = nil, preset: String? = nil, settings: [Setting] = [], folder: String? = nil
    ) {
        self.uri = uri
        self.name = name
        self.preset = preset
        self.settings = settings
        self.folder = folder
    }
}
