import Foundation
import ModelStore
import Synchronization
import Testing

@Suite struct DownloadTests {
    private let content: [UInt8] = {
        var random = SeededGenerator(state: 3)
        return (0..<300_000).map { _ in .random(in: 0...255, using: &random) }
    }()

    private var digestOfContent: String { SHA256.digest(of: content) }

    /// Compared in place of the bytes, which a failure would print.
    private func digest(_ folder: ScratchFolder) -> String { SHA256.digest(of: bytes(of: folder.path + "/package.whl")) }

    private func download(_ server: FileServer, _ folder: ScratchFolder, digest: String? = nil) -> Download {
        var download = Download(
            url: server.url, destination: folder.path + "/package.whl", sha256: digest ?? digestOfContent,
            size: Int64(content.count))
        download.firstPause = 0.01
        download.attempts = 3
        return download
    }

    @Test func whole() throws {
        let folder = ScratchFolder(), server = FileServer(content)
        defer { server.stop() }
        try download(server, folder).run { _ in }
        #expect(digest(folder) == digestOfContent)
        #expect(server.requests == [""])
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/package.whl.part"))
    }

    /// Dropped connections: each further request asks for the rest only.
    @Test func resumesAfterADrop() throws {
        let folder = ScratchFolder(), server = FileServer(content, .init(drops: [100_000, 50_000]))
        defer { server.stop() }
        let events = Mutex<[Download.Event]>([])
        try download(server, folder).run { event in events.withLock { $0.append(event) } }
        #expect(digest(folder) == digestOfContent)
        #expect(server.requests == ["", "bytes=100000-", "bytes=150000-"])
        #expect(events.withLock { $0.contains(.resumed(at: 100_000)) && $0.contains(.resumed(at: 150_000)) })
    }

    /// A part left by an earlier run of the program is continued.
    @Test func resumesAnEarlierPart() throws {
        let folder = ScratchFolder(), server = FileServer(content)
        defer { server.stop() }
        _ = folder.write("package.whl.part", Array(content[..<200_000]))
        try download(server, folder).run { _ in }
        #expect(digest(folder) == digestOfContent)
        #expect(server.requests == ["bytes=200000-"])
    }

    @Test func startsOverWhereTheServerCannotResume() throws {
        let folder = ScratchFolder(), server = FileServer(content, .init(ignoresRange: true))
        defer { server.stop() }
        _ = folder.write("package.whl.part", Array(content[..<200_000]))
        try download(server, folder).run { _ in }
        #expect(digest(folder) == digestOfContent)
        #expect(server.requests == ["bytes=200000-", ""])
    }

    @Test func wrongDigestIsSaidAndThePartRemoved() {
        let folder = ScratchFolder(), server = FileServer(content)
        defer { server.stop() }
        let wrong = String(repeating: "0", count: 64)
        let error = #expect(throws: ModelStoreError.self) { try download(server, folder, digest: wrong).run { _ in } }
        #expect(
            error == .checksum(
                path: folder.path + "/package.whl.part", expected: wrong, found: digestOfContent, removed: true))
        #expect((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) == [])
    }

    @Test func givesUpAndKeepsThePart() {
        let folder = ScratchFolder(), server = FileServer(content, .init(drops: [1000, 1000, 1000, 1000, 1000]))
        defer { server.stop() }
        #expect(throws: ModelStoreError.self) { try download(server, folder).run { _ in } }
        #expect(server.requests.count == 3)
        #expect(SHA256.digest(of: bytes(of: folder.path + "/package.whl.part")) == SHA256.digest(of: content[..<3000]))
    }

    @Test(arguments: [(404, 1), (403, 1), (503, 3)])
    func refusals(status: Int, requests: Int) {
        let folder = ScratchFolder(), server = FileServer(content, .init(status: status))
        defer { server.stop() }
        let error = #expect(throws: ModelStoreError.self) { try download(server, folder).run { _ in } }
        #expect(error?.description.contains("\(status)") == true)
        #expect(server.requests.count == requests)
    }

    @Test func moreThanPublishedIsRefused() {
        let folder = ScratchFolder(), server = FileServer(content + [0])
        defer { server.stop() }
        #expect(throws: ModelStoreError.self) { try download(server, folder).run { _ in } }
        #expect(bytes(of: folder.path + "/package.whl.part").count <= content.count)
    }

    @Test func onlyOneAtATime() throws {
        let folder = ScratchFolder(), server = FileServer(content)
        defer { server.stop() }
        let part = open(folder.path + "/package.whl.part", O_RDWR | O_CREAT, 0o644)
        defer { close(part) }
        #expect(flock(part, LOCK_EX) == 0)
        let error = #expect(throws: ModelStoreError.self) { try download(server, folder).run { _ in } }
        #expect(error == .busy(path: folder.path + "/package.whl.part"))
    }
}
