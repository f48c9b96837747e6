import ModelStore
import Testing

/// The examples of FIPS 180-4 and NIST's CAVP.
@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func example(message: String, digest: String) {
        #expect(SHA256.digest(of: message.utf8) == digest)
    }

    @Test func aMillionLetters() {
        let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        #expect(SHA256.digest(of: repeatElement(UInt8(ascii: "a"), count: 1_000_000)) == digest)
    }

    /// However a message is cut into pieces, the digest is the same: all lengths around the block's, all cuts.
    @Test func pieces() {
        for length in [1, 55, 56, 63, 64, 65, 119, 128, 200] {
            let message = (0..<length).map { UInt8($0 & 255) }
            let whole = SHA256.digest(of: message)
            for cut in 0...length {
                var hash = SHA256()
                message.withUnsafeBytes { hash.update(.init(rebasing: $0[..<cut])) }
                message.withUnsafeBytes { hash.update(.init(rebasing: $0[cut...])) }
                #expect(hash.finish() == whole)
            }
        }
    }
}
