import CHost
import Foundation

/// Files and folders that are replaced whole or not at all: written beside their place, brought to the disk, then put there in one step.
/// Whoever is killed meanwhile, or finds the disk full, leaves what was there before as it was.
enum AtomicSave {
    /// Writes a file. A link in its place is replaced and not followed.
    ///
    /// - Parameter isSynced: false: a power cut may take the new file and the old (somebody else syncs).
    /// - Throws: `HostError.file` with the path and the cause; then the old file is as it was.
    static func write(_ data: Data, to path: String, isSynced: Bool = true) throws {
        let path = absolute(path)
        removeLeftovers(of: path)
        var old = stat()
        let isThere = lstat(path, &old) == 0
        let kind = old.st_mode & S_IFMT
        guard !isThere || kind == S_IFREG || kind == S_IFLNK else { throw HostError.file(path: path, cause: "it is no file") }
        let mode = isThere && kind == S_IFREG ? old.st_mode & 0o777 : nil
        let fresh = freshName(path)
        let file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard file >= 0 else { throw failure(path) }
        do {
            defer { close(file) }
            if let mode { fchmod(file, mode) }
            try data.withUnsafeBytes { bytes in
                var at = 0
                while at < bytes.count {
                    let count = Glibc.write(file, bytes.baseAddress! + at, bytes.count - at)
                    if count < 0 && errno == EINTR { continue }
                    if count <= 0 { throw failure(path) }
                    at += count
                }
            }
            if isSynced && fsync(file) != 0 { throw failure(path) }
            guard rename(fresh, path) == 0 else { throw failure(path) }
        } catch {
            unlink(fresh)
            throw error
        }
        if isSynced { sync(folder: (path as NSString).deletingLastPathComponent) }
    }

    static func write(_ text: String, to path: String, isSynced: Bool = true) throws {
        try write(Data(text.utf8), to: path, isSynced: isSynced)
    }

    /// Puts a new folder in the place of another, or where there was none.
    ///
    /// - Parameters:
    ///   - body: fills the new folder, and says which entries of the old one are to be in it as well.
    /// - Throws: what `body` throws; `HostError.file`; then the old folder is as it was.
    static func replace(
        folder: String, isSynced: Bool = true, body: (_ fresh: String) throws -> (_ entry: String) -> Bool
    ) throws {
        let folder = absolute(folder)
        guard !isLink(folder) else { throw HostError.file(path: folder, cause: "it is a link: nothing is saved through it") }
        let parent = (folder as NSString).deletingLastPathComponent
        do { try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true) } catch {
            throw HostError.file(path: folder, cause: cause(error))
        }
        removeLeftovers(of: folder)
        let fresh = freshName(folder)
        guard mkdir(fresh, 0o777) == 0 else { throw failure(folder) }
        do {
            let carriesOver = try body(fresh)
            for entry in entries(folder) where carriesOver(entry) && !exists(fresh + "/" + entry) {
                try copyTree(folder + "/" + entry, to: fresh + "/" + entry)
            }
            try put(fresh, inPlaceOf: folder, isSynced: isSynced)
        } catch {
            removeTree(fresh)
            throw error
        }
    }

    /// Moves a complete folder to its place; what was there is gone then.
    static func put(_ fresh: String, inPlaceOf folder: String, isSynced: Bool = true) throws {
        if isSynced { try sync(tree: fresh) }
        var status = exists(folder) ? ch_exchange_paths(fresh, folder) : rename(fresh, folder) == 0 ? 0 : errno
        if status == EINVAL || status == ENOSYS {
            // The file system knows no exchange: for a moment the folder stands under another name.
            let old = freshName(folder)
            status = rename(folder, old) == 0 ? 0 : errno
            if status == 0 && rename(fresh, folder) != 0 {
                status = errno
                rename(old, folder)
            }
            removeTree(old)
        }
        if status != 0 { throw HostError.file(path: folder, cause: String(cString: strerror(status))) }
        if isSynced { sync(folder: (folder as NSString).deletingLastPathComponent) }
        removeTree(fresh)  // what was in the place before
    }

    // MARK: Trees

    /// Whether anything is there, a link that leads nowhere included.
    static func exists(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0
    }

    static func isLink(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFLNK
    }

    static func isFolder(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    static func entries(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o777) == 0 || errno == EEXIST && isFolder(path) else { throw failure(path) }
    }

    /// The same files under another name where the file system can (they are never written to), else copies; links stay links.
    static func copyTree(_ from: String, to: String) throws {
        if isFolder(from) {
            guard mkdir(to, 0o777) == 0 else { throw failure(to) }
            for entry in entries(from) { try copyTree(from + "/" + entry, to: to + "/" + entry) }
        } else if link(from, to) != 0 {
            do { try FileManager.default.copyItem(atPath: from, toPath: to) } catch {
                throw HostError.file(path: to, cause: cause(error))
            }
        }
    }

    /// Links are taken away, and not what they lead to.
    static func removeTree(_ path: String) {
        if isFolder(path) {
            for entry in entries(path) { removeTree(path + "/" + entry) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// Brings all of a folder to the disk.
    static func sync(tree path: String) throws {
        if isLink(path) { return }
        if isFolder(path) { for entry in entries(path) { try sync(tree: path + "/" + entry) } }
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        if fsync(file) != 0 && errno != EINVAL { throw failure(path) }
    }

    static func sync(folder: String) {
        let file = open(folder, O_RDONLY | O_CLOEXEC)
        if file < 0 { return }
        fsync(file)
        close(file)
    }

    /// Links of `fresh` whose files lie in folders that will not last are replaced by the files.
    static func keepFiles(of fresh: String, from folders: [String]) throws {
        try keepFiles(of: fresh, fromReal: folders.map(resolved))
    }

    /// Links on the way to a path followed, as far as it is there.
    private static func resolved(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        let parent = (path as NSString).deletingLastPathComponent
        return parent == path || parent.isEmpty ? path : resolved(parent) + "/" + (path as NSString).lastPathComponent
    }

    private static func keepFiles(of fresh: String, fromReal folders: [String]) throws {
        for entry in entries(fresh) {
            let path = fresh + "/" + entry
            if isFolder(path) {
                try keepFiles(of: path, fromReal: folders)
            } else if isLink(path), let real = realpath(path, nil) {
                defer { free(real) }
                let source = String(cString: real)
                guard folders.contains(where: { source.hasPrefix($0 + "/") }) else { continue }
                unlink(path)
                try copyTree(source, to: path)
            }
        }
    }

    // MARK: Names

    /// Absolute, without . and .., links not followed.
    static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static let mark = ".new-"

    /// Nobody's name yet: it says which process it belongs to.
    private static func freshName(_ path: String) -> String {
        "\(path)\(mark)\(getpid())-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
    }

    /// Takes away what processes that are no more left beside a path.
    private static func removeLeftovers(of path: String) {
        let parent = (path as NSString).deletingLastPathComponent
        let prefix = (path as NSString).lastPathComponent + mark
        for entry in entries(parent) where entry.hasPrefix(prefix) {
            guard let process = Int32(entry.dropFirst(prefix.count).prefix { $0.isNumber }), process != getpid(),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            removeTree(parent + "/" + entry)
        }
    }

    private static func failure(_ path: String) -> HostError { .file(path: path, cause: String(cString: strerror(errno))) }

    /// Foundation's errors, in the system's words.
    static func cause(_ error: any Error) -> String {
        let error = error as NSError
        if let inner = error.userInfo[NSUnderlyingErrorKey] as? NSError, inner.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(inner.code)))
        }
        return error.localizedDescription
    }
}
