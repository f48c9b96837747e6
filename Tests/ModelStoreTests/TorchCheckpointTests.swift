import Foundation
import ModelStore
import Testing

@Suite struct TorchCheckpointTests {
    @Test func fixture() throws {
        let checkpoint = try TorchCheckpoint(bytes: fixtureBytes, name: "small.pth")
        #expect(
            checkpoint.tensors.map(\.name) == [
                "conv1.weight", "conv1.bias", "conv1_BN.weight", "conv1_BN.bias", "conv1_BN.running_mean",
                "conv1_BN.running_var", "conv1_BN.num_batches_tracked", "classifier.weight", "classifier.bias",
            ])
        #expect(checkpoint.tensors.map(\.shape) == [[2, 1, 3, 1], [2], [2], [2], [2], [2], [], [3, 4], [3]])
        #expect(checkpoint.tensors.map(\.isFloat) == [true, true, true, true, true, true, false, true, true])
        // The script gives tensor k the values k, k + 1/8, k + 2/8, …
        for (number, tensor) in checkpoint.tensors.enumerated() where tensor.isFloat {
            let bytes = try checkpoint.bytes(of: tensor)
            let values = bytes.withUnsafeBytes { raw in
                (0..<(raw.count / 4)).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
            }
            #expect(values == (0..<values.count).map { Float(number) + Float($0) / 8 }, "\(tensor.name)")
        }
    }

    /// A pickle that would run a program in a general reader, and others that no state dictionary contains.
    @Test(arguments: [
        "cos\nsystem\n(X\u{4}\u{0}\u{0}\u{0}echotR.",
        "cbuiltins\neval\n.",
        "ctorch\nFloatStorage\n)R.",
        "ccollections\nOrderedDict\n)R(X\u{1}\u{0}\u{0}\u{0}aK\u{1}u.",
        "}.", "(.", "h\u{0}.", ")))", "K\u{1}Q.", "I1\n.", "",
    ])
    func hostilePickles(_ text: String) {
        #expect(throws: ModelStoreError.self) { _ = try StateDictPickle.read(Array(text.utf8)) }
    }

    @Test func deepNestingIsRefused() {
        let bytes = [UInt8(ascii: ")")] + [UInt8](repeating: 0x85, count: 1_000_000) + [UInt8(ascii: ".")]
        #expect(throws: ModelStoreError.self) { _ = try StateDictPickle.read(bytes) }
    }

    /// A tensor that reaches beyond its storage, whichever of its numbers says so.
    @Test func reachBeyondStorage() throws {
        let pickle = try #require(Self.pickle)
        let good = try StateDictPickle.read(pickle)
        #expect(good.allSatisfy { $0.offset + $0.shape.reduce(1, *) <= $0.storage.count })
        // The shape's tuple (2, 1, 3, 1) of conv1.weight, made larger.
        let shape: [UInt8] = [0x28, 0x4b, 2, 0x4b, 1, 0x4b, 3, 0x4b, 1, 0x74]
        let at = try #require(pickle.indices.first { pickle[$0...].starts(with: shape) })
        var bad = pickle
        bad[at + 2] = 3
        #expect(throws: ModelStoreError.self) { _ = try StateDictPickle.read(bad) }
    }

    /// Truncated, changed and random input gives an error or a plausible result, and never a crash.
    @Test func fuzz() throws {
        let pickle = try #require(Self.pickle)
        for count in 0..<pickle.count {
            #expect(throws: ModelStoreError.self) { _ = try StateDictPickle.read(Array(pickle[..<count])) }
        }
        var random = SeededGenerator(state: 1)
        for _ in 0..<20_000 {
            var bytes = pickle
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if let tensors = try? StateDictPickle.read(bytes) {
                #expect(tensors.allSatisfy { $0.offset >= 0 && $0.offset + $0.shape.reduce(1, *) <= $0.storage.count })
            }
        }
        // Random programs of opcodes that exist get further than random bytes.
        let opcodes = Array("cqrhj(t)XKMJNQRsub.}".utf8) + [0x80, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0, 1, 2, 10]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in opcodes.randomElement(using: &random)! }
            _ = try? StateDictPickle.read(bytes)
        }
    }

    /// The same for the archive around it.
    @Test func archiveFuzz() {
        var random = SeededGenerator(state: 2)
        for step in 0..<2_000 {
            var bytes = fixtureBytes
            if step % 2 == 0 {
                bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            } else {
                for _ in 0..<8 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random) }
            }
            guard let checkpoint = try? TorchCheckpoint(bytes: bytes, name: "fuzz") else { continue }
            for tensor in checkpoint.tensors { _ = try? checkpoint.bytes(of: tensor) }
        }
    }

    /// data.pkl of the fixture, found by its local header: stored, so its bytes lie there as they are.
    private static let pickle: [UInt8]? = {
        let proto: [UInt8] = [0x80, 2, 0x63]
        guard let start = fixtureBytes.indices.first(where: { fixtureBytes[$0...].starts(with: proto) }) else { return nil }
        // Its size stands in the central directory; the pickle itself ends at the first STOP that makes it readable.
        for end in start..<fixtureBytes.count where fixtureBytes[end] == UInt8(ascii: ".") {
            let bytes = Array(fixtureBytes[start...end])
            if (try? StateDictPickle.read(bytes)) != nil { return bytes }
        }
        return nil
    }()
}
