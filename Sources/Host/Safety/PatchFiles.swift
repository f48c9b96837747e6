import Foundation

/// A patch file and the folder of its plugins' states, which are saved as one.
///
/// They are two things in a folder, and no system call replaces two at once. So the new states are written to a folder beside the old
/// ones, with a copy of the new text among them; the patch file is replaced; then the folders change places. Who finds the new folder beside
/// a patch file of just this text knows that the save was cut off between these two steps, and takes the last one.
struct PatchFiles {
    let path: String
    /// Where the patch file is …
    let folder: String
    /// … and its states, by name and path.
    let stateName: String
    var states: String { folder + "/" + stateName }
    private var next: String { states + ".next" }
    private static let copyName = "patch.toml"

    init(_ path: String) {
        self.path = AtomicSave.absolute(path)
        let file = self.path as NSString
        folder = file.deletingLastPathComponent
        stateName = (file.lastPathComponent as NSString).deletingPathExtension + ".state"
    }

    /// A plugin's folder among the states: its name may be anything, a folder's may not; and two names stay two.
    static func place(of name: String, _ taken: inout Set<String>) -> String {
        let base = String(name.map { $0.isLetter || $0.isNumber || "_-".contains($0) ? $0 : "_" }.prefix(60))
        var place = base.isEmpty ? "_" : base
        var number = 2
        while !taken.insert(place.lowercased()).inserted {
            place = "\(base)-\(number)"
            number += 1
        }
        return place
    }

    /// - Parameter body: writes the states to the folder it is given, and says what the patch is.
    /// - Throws: what `body` throws, `HostError.file`; then all is as it was.
    func save(_ body: (_ folder: String, PatchFiles) throws -> Patch) throws -> Patch {
        for place in [states, next] where AtomicSave.isLink(place) {
            throw HostError.file(path: place, cause: "it is a link: nothing is saved through it")
        }
        PatchFiles.finishInterruptedSave(of: path)
        AtomicSave.removeTree(next)
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw HostError.file(path: folder, cause: AtomicSave.cause(error))
        }
        try AtomicSave.makeFolder(next)
        do {
            let patch = try body(next, self)
            let text = patch.text
            if AtomicSave.entries(next).isEmpty {
                // No states: what an older patch of this name had is left alone.
                AtomicSave.removeTree(next)
                try AtomicSave.write(text, to: path)
                return patch
            }
            // What is there beside is not ours to take away.
            for entry in AtomicSave.entries(states) where !AtomicSave.exists(next + "/" + entry) {
                try AtomicSave.copyTree(states + "/" + entry, to: next + "/" + entry)
            }
            try AtomicSave.write(text, to: next + "/" + PatchFiles.copyName)
            try AtomicSave.sync(tree: next)
            try AtomicSave.write(text, to: path)
            // From here on the save holds.
            PatchFiles.finishInterruptedSave(of: path)
            return patch
        } catch {
            AtomicSave.removeTree(next)
            throw error
        }
    }

    /// Puts the states in their place that belong to the patch file as it is.
    static func finishInterruptedSave(of path: String) {
        let files = PatchFiles(path)
        guard AtomicSave.isFolder(files.next), !AtomicSave.isLink(files.states),
            let copy = FileManager.default.contents(atPath: files.next + "/" + copyName),
            copy == FileManager.default.contents(atPath: files.path)
        else { return }
        unlink(files.states + "/" + copyName)
        // Where it cannot be done (nothing may be written there), the next one will.
        guard (try? AtomicSave.put(files.next, inPlaceOf: files.states)) != nil else { return }
        unlink(files.states + "/" + copyName)
    }

    /// A program with names of files that hold in this folder too.
    func moved(_ program: PatchProgram, from old: String?) -> PatchProgram {
        guard let old, old != folder else { return program }
        var program = program
        func moved(_ name: String) -> String {
            name.hasPrefix("/") || name.hasPrefix("~") || name.contains("://") ? name : AtomicSave.absolute(old + "/" + name)
        }
        if let patch = program.patch { program.patch = moved(patch) }
        // A preset may be a name as well.
        if let preset = program.preset, AtomicSave.exists(moved(preset)) { program.preset = moved(preset) }
        return program
    }
}
