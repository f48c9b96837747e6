import CHost
import Foundation

/// What becomes of a crash (`ch_guard.h`): it is noted, and the program starts itself again.
public enum CrashGuard {
    /// - Parameters:
    ///   - autosave: takes the notes; nil: nobody does.
    ///   - restarts: starts the program again with the arguments that it was started with; otherwise it ends.
    public static func arm(_ autosave: Autosave?, restarts: Bool) {
        ch_guard_keep_terminal()
        ch_guard_arm(autosave?.faultsFile ?? -1, CommandLine.unsafeArgv, restarts)
        ch_ignore_file_limit()
    }

    public static func disarm() { ch_guard_disarm() }

    /// How many times in a row the program has started itself again; 0: somebody else started it.
    public static var restarts: Int { Int(ch_guard_restarts()) }
    /// The exit status of a host that a plugin has hung, where it does not start again (EX_SOFTWARE of sysexits.h).
    public static let hungStatus: Int32 = 70
}
