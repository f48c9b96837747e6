import Foundation

/// The socket to which `monitor` has conditions told.
final class MonitorConnection {
    private let socket: Int32

    /// Connects at once or not at all. Only this machine's own addresses are let through, unless `isAnywhere`.
    init?(address: String, port: Int, isAnywhere: Bool) {
        guard (1...65535).contains(port) else { return nil }
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        // Names other than this machine's own are not looked up: that could take long.
        let host = address == "localhost" ? "127.0.0.1" : address
        hints.ai_flags = AI_NUMERICHOST
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let found else { return nil }
        defer { freeaddrinfo(found) }
        let isLoopback = found.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
        }
        guard isLoopback || isAnywhere else { return nil }
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard Glibc.connect(socket, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            close(socket)
            return nil
        }
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    deinit { close(socket) }

    /// What does not fit into the socket is lost: the next value follows.
    func send(_ text: String) {
        let bytes = Array(text.utf8) + [0]
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
