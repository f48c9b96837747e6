import Foundation
import Neural
import Testing

/// The parser meets good files, each kind of bad file, and a great many arbitrary ones. (That nothing here crashes is
/// the point: a trap would end the test run.)
@Suite final class SafetensorsTests {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("continuo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A pipe that nobody writes to is refused, not waited for.
    @Test func pipesAreRefused() {
        let path = folder.appendingPathComponent("pipe").path
        #expect(mkfifo(path, 0o600) == 0)
        #expect(throws: ModelError.self) { try Safetensors(path: path) }
    }

    /// Header and data as a file's bytes.
    static func file(_ header: String, _ data: [UInt8] = []) -> [UInt8] { file(Array(header.utf8), data) }

    static func file(_ header: [UInt8], _ data: [UInt8] = []) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data
    }

    /// Opens these bytes as a file, and asks for all that is in it.
    @discardableResult
    func open(_ bytes: [UInt8]) throws -> Safetensors {
        let path = folder.appendingPathComponent("a.safetensors").path
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let file = try Safetensors(path: path)
        for name in file.names {
            guard let shape = file.shape(of: name) else { continue }
            if let tensor = try? file.tensor(named: name, shape: shape) {
                #expect(tensor.count == shape.reduce(1, *))
                _ = tensor.values.reduce(0, +)
            }
        }
        _ = file.metadata("format")
        return file
    }

    /// What the refusal says; empty if the file is accepted.
    func refusal(_ bytes: [UInt8]) -> String {
        do {
            try open(bytes)
            return ""
        } catch {
            return (error as? ModelError)?.message ?? "\(error)"
        }
    }

    static let good = file(
        #"{"__metadata__":{"format":"continuo","q\"\\\/\b\f\n\r\t\u00e9\uD83C\uDFB5":"é♪"},"#
            + #""b":{"dtype":"F32","shape":[2,2],"data_offsets":[4,20]},"a":{"shape":[],"data_offsets":[0,4],"dtype":"F32"},"#
            + #" "none" : {"dtype":"F16","shape":[0,7],"data_offsets":[20,20]} , "i":{"dtype":"I64","shape":[1],"#
            + #""data_offsets":[20,28]}}   "#,
        [0, 0, 128, 63] + [UInt8](repeating: 0, count: 16) + [1, 2, 3, 4, 5, 6, 7, 8])

    @Test func readsAGoodFile() throws {
        let file = try open(Self.good)
        #expect(file.names == ["a", "b", "i", "none"])
        #expect(try Array(file.tensor(named: "a", shape: []).values) == [1])
        #expect(try Array(file.tensor(named: "b", shape: [2, 2]).values) == [0, 0, 0, 0])
        #expect(try file.tensor(named: "none", shape: [0, 7]).count == 0)
        #expect(file.metadata("format") == "continuo")
        #expect(file.metadata("format", is: "continuo"))
        #expect(!file.metadata("format", is: "continu") && !file.metadata("format", is: "continuous"))
        #expect(file.metadata("q\"\\/\u{8}\u{c}\n\r\té🎵") == "é♪")
        #expect(file.metadata("other") == nil)
        #expect(file.shape(of: "c") == nil)
        for header in ["{}", "{ }", "{}  \n", #"{"__metadata__":{}}"#] {
            #expect(try open(Self.file(header)).names == [])
        }
    }

    @Test func saysWhatIsNotThere() throws {
        let file = try open(Self.good)
        func message(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch {
                return (error as? ModelError)?.message ?? ""
            }
        }
        #expect(message { _ = try file.tensor(named: "c", shape: [1]) }.hasSuffix("a.safetensors: it has no tensor c"))
        #expect(
            message { _ = try file.tensor(named: "b", shape: [4]) }.hasSuffix("tensor b has shape [2, 2], not [4]"))
        #expect(
            message { _ = try file.tensor(named: "i", shape: [1]) }.hasSuffix("tensor i is not of type F32, F16 or BF16"))
    }

    @Test func readsWhatPyTorchWrote() throws {
        let vectors = try Vectors("neural/layers.safetensors")
        #expect(vectors.file.metadata("escaped") == "a\"\\é\n")
        // Bit for bit, infinities and subnormals included.
        for kind in ["f16", "bf16"] {
            let got = try vectors.tensor("half." + kind).values.map(\.bitPattern)
            #expect(try got == vectors.tensor("half.\(kind)AsF32").values.map(\.bitPattern))
        }
    }

    @Test func readsMisalignedFloats() throws {
        let file = try open(
            Self.file(
                #"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#,
                [9, 0, 0, 128, 63, 0, 0, 0, 192]))
        #expect(try Array(file.tensor(named: "y", shape: [2]).values) == [1, -2])
    }

    @Test func refusesWhatIsNoFile() throws {
        func message(_ path: String) -> String {
            do throws(ModelError) {
                _ = try Safetensors(path: path)
                return ""
            } catch {
                return error.message
            }
        }
        #expect(message(folder.path) == folder.path + ": it is a folder")
        #expect(message(folder.path + "/none") == folder.path + "/none: no such file")
        #expect(message("/dev/zero") == "/dev/zero: not a regular file")
        #expect(message("").hasSuffix("no such file"))
    }

    static let one = #""dtype":"F32","shape":[1],"data_offsets":[0,4]"#
    static let hostile: [(String, [UInt8])] = [
        ("too short", []),
        ("too short", [1, 2, 3]),
        ("does not begin", file("")),
        ("does not begin", file(" {}")),
        ("does not begin", file("[]")),
        ("longer than the file", [200, 0, 0, 0, 0, 0, 0, 0, 123, 125]),
        ("absurd", [255, 255, 255, 255, 255, 255, 255, 255, 123, 125]),
        ("absurd", [0, 0, 0, 0, 0, 0, 0, 128, 123, 125]),
        ("after the last tensor", file("{}", [0])),
        ("follows the header", file("{}{}")),
        ("follows the header", file("{}\0")),
        ("not an object", file(#"{"a":"# + String(repeating: "[", count: 100_000))),
        ("not an object", file(#"{"__metadata__":"# + String(repeating: "{", count: 0) + "[[[")),
        ("string is missing", file(#"{"__metadata__":{"a":{"a":{"a":{}}}}}"#)),
        ("string is missing", file(#"{"__metadata__":{"a":1}}"#)),
        ("two __metadata__", file(#"{"__metadata__":{},"__metadata__":{}}"#)),
        ("repeated in __metadata__", file(#"{"__metadata__":{"a":"1","b":"","a":"2"}}"#)),
        ("of one name", file(#"{"a":{"# + one + #"},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            [UInt8](repeating: 0, count: 8))),
        ("of one name", file(#"{"a":{"# + one + #"},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            [UInt8](repeating: 0, count: 8))),
        ("lacks", file(#"{"a":{"dtype":"F32","shape":[1]}}"#, [0, 0, 0, 0])),
        ("unknown or repeated key", file(#"{"a":{"# + one + #","strides":[1]}}"#, [0, 0, 0, 0])),
        ("unknown or repeated key", file(#"{"a":{"# + one + #","shape":[1]}}"#, [0, 0, 0, 0])),
        ("unknown dtype", file(#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("unknown dtype", file(#"{"a":{"dtype":"","shape":[1],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("whole number", file(#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("does not end", file(#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("does not end", file(#"{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("begins with 0", file(#"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("too large", file(#"{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("too large", file(#"{"a":{"dtype":"F32","shape":["# + String(repeating: "9", count: 5000) + "]}}")),
        ("overflows", file(#"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("overflows", file(#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}"#)),
        ("over 32 dimensions", file(#"{"a":{"dtype":"F32","shape":[1"# + String(repeating: ",1", count: 40) + "]}}")),
        ("outside", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, [0, 0, 0])),
        ("outside", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, [0, 0, 0, 0])),
        ("outside", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}}"#)),
        ("do not match", file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("do not match", file(#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("do not match", file(#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])),
        ("overlap", file(#"{"a":{"# + one + #"},"b":{"# + one + "}}", [0, 0, 0, 0])),
        ("overlap", file(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#, [0, 0, 0, 0])),
        ("gap", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, [UInt8](repeating: 0, count: 8))),
        ("pair", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, [0, 0, 0, 0])),
        ("pair", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, [0, 0, 0, 0])),
        ("surrogate", file(#"{"\ud800":{"# + one + "}}", [0, 0, 0, 0])),
        ("surrogate", file(#"{"\ud800\u0041":{"# + one + "}}", [0, 0, 0, 0])),
        ("surrogate", file(#"{"\udc00":{"# + one + "}}", [0, 0, 0, 0])),
        ("four digits", file(#"{"\u00g0":{"# + one + "}}", [0, 0, 0, 0])),
        ("unknown escape", file(#"{"\x":{"# + one + "}}", [0, 0, 0, 0])),
        ("control character", file("{\"a\n\":{" + one + "}}", [0, 0, 0, 0])),
        ("not UTF-8", file([0x7B, 0x22, 0xC0, 0x80, 0x22])),
        ("not UTF-8", file([0x7B, 0x22, 0xED, 0xA0, 0x80, 0x22])),
        ("not UTF-8", file([0x7B, 0x22, 0xF4, 0x90, 0x80, 0x80, 0x22])),
        ("not UTF-8", file([0x7B, 0x22, 0xE2, 0x82, 0x22])),
        ("does not end", file(#"{"a"#)),
        ("does not end", file(#"{"a\"#)),
        ("comma or }", file(#"{"a":{"# + one + #"} "b""#, [0, 0, 0, 0])),
        ("string is missing", file(#"{"a":{"# + one + "},}", [0, 0, 0, 0])),
    ]

    @Test(arguments: hostile.indices) func refuses(index: Int) {
        let (words, bytes) = Self.hostile[index]
        let message = refusal(bytes)
        #expect(message.contains("a.safetensors: not a valid safetensors file: ") && message.contains(words))
        #expect(!message.contains("\n"))
    }

    @Test func refusesEveryTruncation() {
        for length in Self.good.indices { #expect(refusal(Array(Self.good[..<length])) != "") }
        #expect(refusal(Self.good + [0]) != "")
    }

    /// A flipped bit in the header is an error or a file that means something else, never a crash.
    @Test func survivesBitFlips() {
        var accepted = 0
        for i in Self.good.indices {
            for bit in 0..<8 {
                var bytes = Self.good
                bytes[i] ^= 1 << UInt8(bit)
                if refusal(bytes) == "" { accepted += 1 }
            }
        }
        #expect(accepted > 0 && accepted < Self.good.count * 8)
    }

    /// Random splices of the format's own words, and random bytes.
    @Test(arguments: 0..<4) func survivesNonsense(seed: UInt64) {
        var state = seed &+ 1
        func next(_ n: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % n
        }
        let words = [
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\"", "\"dtype\"", "\"F32\"", "\"F16\"", "\"shape\"",
            "\"data_offsets\"", "\"__metadata__\"", "0", "1", "4", "8", "18446744073709551616", "-1", "1e9", "\\u", "\\ud83c", " ",
            "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", "null", "true", "é", "\u{0}",
        ]
        for round in 0..<1500 {
            if round % 3 == 0 {
                _ = refusal((0..<next(80)).map { _ in UInt8(next(256)) })
            } else {
                let header = "{" + (0..<next(14)).map { _ in words[next(words.count)] }.joined()
                _ = refusal(Self.file(header, [UInt8](repeating: 63, count: 4 * next(3))))
            }
        }
    }

    /// Thousands of tensors and keys cost no quadratic time.
    @Test func readsManyTensors() throws {
        let tensors = (0..<20_000).map { #""t\#($0)":{"dtype":"U8","shape":[1],"data_offsets":[\#($0),\#($0 + 1)]}"# }
        let keys = (0..<20_000).map { "\"k\($0)\":\"v\"" }.joined(separator: ",")
        let clock = ContinuousClock()
        let time = try clock.measure {
            let file = try open(
                Self.file(
                    #"{"__metadata__":{\#(keys)},"# + tensors.shuffled().joined(separator: ",") + "}",
                    [UInt8](repeating: 1, count: 20_000)))
            #expect(file.names.count == 20_000)
        }
        #expect(time < .seconds(5))
    }
}
