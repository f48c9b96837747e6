import CHost
import Foundation

/// A plugin that ended the host, as the crash noted it (`ch_guard_arm`).
public struct PluginFault: Sendable, Equatable {
    enum Kind: String, Sendable { case crash, hang, exit }
    /// What the plugin was doing.
    enum Place: Int32, Sendable { case none, run, work, load, state }

    var kind: Kind
    var signal: Int32
    var place: Place
    /// Empty: it was the host itself.
    var uri: String
    /// In the graph; may be empty.
    var name: String

    /// Reads the notes; what is damaged among them is left out.
    static func read(_ path: String) -> [PluginFault] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 5, let kind = Kind(rawValue: parts[0]), let signal = Int32(parts[1]),
                let place = Int32(parts[2]).flatMap(Place.init)
            else { return nil }
            return PluginFault(kind: kind, signal: signal, place: place, uri: parts[3], name: parts[4])
        }
    }

    /// For people: who, and what.
    public var text: String {
        let who = uri.isEmpty ? "the host itself" : name.isEmpty ? uri : "\(name) <\(uri)>"
        switch kind {
        case .crash: return "\(who) crashed\(when) (\(String(cString: strsignal(signal)).lowercased()))"
        case .hang: return "\(who) did not come back\(when)"
        case .exit: return "\(who) ended the program\(when)"
        }
    }

    private var when: String {
        switch place {
        case .none, .run: ""
        case .work: " while it worked"
        case .load: " when it was loaded"
        case .state: " when its state was saved"
        }
    }
}
