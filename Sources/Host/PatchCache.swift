import Foundation

/// Patches that were read, by their text. TOMLKit frees nothing of what it parsed, and a host that goes back and forth between the patches of
/// an evening would grow with each change.
final class PatchCache: @unchecked Sendable {
    static let shared = PatchCache()
    private static let capacity = 256
    private let lock = NSLock()
    private var patches: [String: Patch] = [:]

    /// The patch of a text, whose relative file names stand in `folder`: read once.
    func patch(_ text: String, folder: String?, read: () throws -> Patch) rethrows -> Patch {
        let key = (folder ?? "") + "\n" + text
        if let known = lock.withLock({ patches[key] }) { return known }
        let patch = try read()
        lock.withLock {
            if patches.count >= PatchCache.capacity { patches = [:] }
            patches[key] = patch
        }
        return patch
    }
}
