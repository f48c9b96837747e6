import Foundation
import TOMLKit

/// A patch: plugins, what they are set to and what connects them, as a TOML text (docs/PATCHES.md).
public struct Patch: Sendable, Equatable {
    public var name: String?
    public var comment: String?
    public var author: String?
    /// The folder that relative file names stand in.
    public var folder: String?
    public var plugins: [PluginSetup] = []
    /// Empty, or without a plugin's port among them: the plugins stand in a row.
    public var connections: [PatchConnection] = []
    public var mappings: [MIDIMapping] = []
    public var cvMappings: [CVMapping] = []
    public var programs: [PatchProgram] = []
    public var transport: PatchTransport?
    /// Milliseconds of a fade, 0 to 60000; nil: as the host has it.
    public var fade: Float?
    /// Whether fades have constant amplitude instead of constant power; nil: as the host has it.
    public var fadesEvenly: Bool?
    /// Seconds for which what has been replaced or bypassed may go on sounding, 0 to 3600; nil: as the host has it.
    public var tail: Float?
    /// Whether the plugins stand in a row; nil: as the connections have it. Not part of the text.
    var isRow: Bool?

    public init(
        name: String? = nil, comment: String? = nil, plugins: [PluginSetup], connections: [PatchConnection] = []
    ) {
        self.name = name
        self.comment = comment
        self.plugins = plugins
        self.connections = connections
    }

    /// Whether an argument names a patch file and not a plugin.
    public static func isPatch(_ argument: String) -> Bool {
        argument.lowercased().hasSuffix(".toml") && !argument.contains("://")
    }

    /// Reads a patch file. File names in it stand relative to its own folder.
    ///
    /// - Throws: `HostError.patch` with file, line and cause.
    public init(reading path: String) throws {
        PatchFiles.finishInterruptedSave(of: path)
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw HostError.patch(file: path, line: nil, cause: exists ? "is no UTF-8 text" : "there is no such file")
        }
        let folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
        self = try PatchCache.shared.patch(text, folder: folder) { try Patch(parsing: text, file: path, folder: folder) }
    }
}
