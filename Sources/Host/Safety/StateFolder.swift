import Foundation

/// Where continuo keeps what it must not lose, and what it can find out again (XDG Base Directory Specification 0.8).
public enum StateFolder {
    /// `$XDG_STATE_HOME/continuo`, by default `~/.local/state/continuo`.
    public static var path: String { folder("XDG_STATE_HOME", ".local/state") }
    /// `$XDG_CACHE_HOME/continuo`, by default `~/.cache/continuo`.
    public static var cache: String { folder("XDG_CACHE_HOME", ".cache") }
    /// What hosts keep of themselves while they run.
    static var sessions: String { path + "/sessions" }

    private static func folder(_ variable: String, _ standard: String) -> String {
        // "All paths set in these environment variables must be absolute", or they count as not set.
        let set = ProcessInfo.processInfo.environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return (set ?? NSHomeDirectory() + "/" + standard) + "/continuo"
    }
}
