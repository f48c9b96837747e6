import Foundation
import Synchronization

/// A folder that is removed with the value.
final class ScratchFolder {
    let path: String
    init() {
        path = NSTemporaryDirectory() + "/continuo-models-\(UUID().uuidString)"
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8]) -> String {
        let file = path + "/" + name
        try! Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}

func bytes(of path: String) -> [UInt8] { Array((try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data()) }

let fixtureBytes = bytes(
    of: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/small.pth").path)

/// Pseudo-random bytes that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A zip archive of stored members (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16).
func zip(_ members: [(name: String, content: [UInt8])]) -> [UInt8] {
    func little(_ value: Int, _ bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    func crc(_ bytes: [UInt8]) -> Int {
        var value: UInt32 = 0xffff_ffff
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
        }
        return Int(value ^ 0xffff_ffff)
    }
    var result: [UInt8] = []
    var directory: [UInt8] = []
    for (name, content) in members {
        let offset = result.count
        let common = little(10, 2) + little(0, 8) + little(crc(content), 4) + little(content.count, 4)
            + little(content.count, 4) + little(name.utf8.count, 2) + little(0, 2)
        result += [0x50, 0x4b, 3, 4] + common + Array(name.utf8) + content
        directory += [0x50, 0x4b, 1, 2] + little(20, 2) + common + little(0, 10) + little(offset, 4) + Array(name.utf8)
    }
    let start = result.count
    result += directory
    result += [0x50, 0x4b, 5, 6] + little(0, 4) + little(members.count, 2) + little(members.count, 2)
    return result + little(directory.count, 4) + little(start, 4) + little(0, 2)
}

/// An HTTP server for one file on 127.0.0.1 that can misbehave.
final class FileServer: Sendable {
    struct Behaviour: Sendable {
        /// Connections that are dropped after this many bytes of the body, one entry each; later ones are served whole.
        var drops: [Int] = []
        var ignoresRange = false
        var status: Int?
    }

    let url: String
    private let socketHandle: Int32
    /// The Range header of each request, "" where there was none.
    private let ranges = Mutex<[String]>([])
    var requests: [String] { ranges.withLock { $0 } }

    init(_ content: [UInt8], _ behaviour: Behaviour = Behaviour()) {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(handle, $0, length) == 0 && listen(handle, 8) == 0)
                getsockname(handle, $0, &length)
            }
        }
        socketHandle = handle
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/package.whl"
        Thread.detachNewThread { [self] in serve(content, behaviour) }
    }

    func stop() { shutdown(socketHandle, Int32(SHUT_RDWR)) }

    private func serve(_ content: [UInt8], _ behaviour: Behaviour) {
        var drops = behaviour.drops
        while true {
            let client = accept(socketHandle, nil, nil)
            guard client >= 0 else {
                close(socketHandle)
                return
            }
            var request = ""
            var buffer = [UInt8](repeating: 0, count: 4096)
            while !request.contains("\r\n\r\n") {
                let count = recv(client, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                request += String(decoding: buffer[..<count], as: UTF8.self)
            }
            let range = request.split(separator: "\r\n").first { $0.lowercased().hasPrefix("range:") }
                .map { $0.dropFirst(6).trimmingCharacters(in: .whitespaces) } ?? ""
            ranges.withLock { $0.append(range) }
            var start = 0
            if !behaviour.ignoresRange, range.hasPrefix("bytes="), let from = Int(range.dropFirst(6).prefix { $0 != "-" }) {
                start = from
            }
            var head = start > 0
                ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes \(start)-\(content.count - 1)/\(content.count)\r\n"
                : "HTTP/1.1 200 OK\r\n"
            var body = Array(content[min(start, content.count)...])
            head += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
            if let status = behaviour.status {
                head = "HTTP/1.1 \(status) Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                body = []
            } else if !drops.isEmpty {
                body = Array(body.prefix(drops.removeFirst()))
            }
            let answer = Array(head.utf8) + body
            var sent = 0
            while sent < answer.count {
                let count = answer.withUnsafeBytes {
                    send(client, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { break }
                sent += count
            }
            close(client)
        }
    }
}
