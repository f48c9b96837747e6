import CHost
import Foundation

/// Listens for commands over TCP, on a thread of its own, and hands them to the set-up thread.
///
/// A message ends with a NUL or a line feed, as clients of mod-host send it; what stands alone for 50 ms from a client that has
/// never sent either is taken to be whole, because such clients exist too. Answers end with a NUL. All buffers are bounded: a
/// line that is too long is dropped to its end and answered with an error; a client that does not read its answers is let go.
public final class RemoteServer: @unchecked Sendable {
    public struct Options: Sendable {
        public var port: Int
        /// What is told without being asked goes to clients of this one; nil: to nobody.
        public var feedbackPort: Int?
        /// A numeric address.
        public var address = "127.0.0.1"
        /// A client has to say `token TOKEN` first.
        public var token: String?

        public init(port: Int) { self.port = port }
    }

    static let mostClients = 64
    /// Requests of one client that may wait for their answers.
    static let mostWaiting = 64
    static let outputLimit = 4 << 20

    private final class Client {
        let socket: Int32
        let id: UInt64
        let isFeedback: Bool
        var input: [UInt8] = []
        var output: [UInt8] = []
        /// Answers still to come.
        var waiting = 0
        /// Inside a line that is too long.
        var isSkipping = false
        /// Has sent an end of message before.
        var endsMessages = false
        var lastInput: UInt64 = 0
        var isTrusted: Bool
        /// Has sent nothing yet.
        var isFresh = true
        /// Goes when its output is sent.
        var isLeaving = false

        init(socket: Int32, id: UInt64, isFeedback: Bool, isTrusted: Bool) {
            self.socket = socket
            self.id = id
            self.isFeedback = isFeedback
            self.isTrusted = isTrusted
        }

        deinit { close(socket) }
    }

    private let options: Options
    private let queue: CommandQueue
    private let listener: Int32
    private let feedbackListener: Int32
    /// Written to when the thread has something to do.
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private var thread: OpaquePointer?
    private var clients: [UInt64: Client] = [:]
    private var nextID: UInt64 = 1
    /// Called on the server's thread when a client of the feedback port has come.
    private let onFeedbackClient: @Sendable () -> Void

    // Between threads, under `lock`
    private let lock = NSLock()
    private var answers: [(client: UInt64, text: String)] = []
    private var broadcasts: [String] = []
    private var feedbackClients = 0
    private var isStopping = false

    /// Begins to listen.
    ///
    /// - Throws: `HostError.usage` if the ports cannot be had.
    public init(options: Options, queue: CommandQueue, onFeedbackClient: @escaping @Sendable () -> Void = {}) throws {
        self.options = options
        self.queue = queue
        self.onFeedbackClient = onFeedbackClient
        listener = try RemoteServer.listen(options.address, options.port)
        if let port = options.feedbackPort {
            do { feedbackListener = try RemoteServer.listen(options.address, port) } catch {
                close(listener)
                throw error
            }
        } else {
            feedbackListener = -1
        }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            close(listener)
            throw HostError.usage("no pipe can be made: \(String(cString: strerror(errno)))")
        }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
        for end in ends { RemoteServer.setFlags(end) }
    }

    deinit {
        stop()
        close(listener)
        if feedbackListener >= 0 { close(feedbackListener) }
        close(wakeReader)
        close(wakeWriter)
    }

    private static func listen(_ address: String, _ port: Int) throws -> Int32 {
        func fail(_ cause: String) -> HostError { .usage("cannot listen at \(address):\(port): \(cause)") }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        guard (0...65535).contains(port) else { throw fail("ports go from 1 to 65535") }
        name.sin_port = in_port_t(port).bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else { throw fail("that is no numeric IPv4 address") }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let made = socket(AF_INET, kind, 0)
        guard made >= 0 else { throw fail(String(cString: strerror(errno))) }
        var yes: Int32 = 1
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        let bound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(made, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard bound == 0, Glibc.listen(made, 64) == 0 else {
            let cause = String(cString: strerror(errno))
            close(made)
            throw fail(cause)
        }
        return made
    }

    /// Calls return at once, and programs that are started do not get it.
    private static func setFlags(_ file: Int32) {
        _ = fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    }

    /// The port it listens at: of use if 0, for any, was asked for.
    public var port: Int {
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }
        return Int(UInt16(bigEndian: name.sin_port))
    }

    public func start() {
        thread = cr_thread_start(
            "remote", 0, { Unmanaged<RemoteServer>.fromOpaque($0!).takeUnretainedValue().loop() },
            Unmanaged.passUnretained(self).toOpaque())
    }

    public func stop() {
        guard let thread else { return }
        lock.withLock { isStopping = true }
        wake()
        cr_thread_join(thread)
        self.thread = nil
        clients = [:]
    }

    /// Tells all clients of the feedback port; false if there is none.
    func broadcast(_ text: String) -> Bool {
        let isHeard = lock.withLock {
            if feedbackClients == 0 { return false }
            broadcasts.append(text)
            return true
        }
        if isHeard { wake() }
        return isHeard
    }

    private func answer(_ client: UInt64, _ text: String) {
        lock.withLock { answers.append((client, text)) }
        wake()
    }

    private func wake() {
        var byte: UInt8 = 0
        _ = write(wakeWriter, &byte, 1)
    }

    // MARK: The thread

    private func loop() {
        while true {
            var polled: [pollfd] = [pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0)]
            polled.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
            polled.append(pollfd(fd: feedbackListener, events: Int16(POLLIN), revents: 0))
            let order = Array(clients.values)
            for client in order {
                var events: Int16 = 0
                // One that has much to be answered is not listened to meanwhile.
                if client.waiting < RemoteServer.mostWaiting && !client.isLeaving { events |= Int16(POLLIN) }
                if !client.output.isEmpty { events |= Int16(POLLOUT) }
                polled.append(pollfd(fd: client.socket, events: events, revents: 0))
            }
            let hasOpenMessages = order.contains { !$0.input.isEmpty && !$0.endsMessages }
            _ = poll(&polled, nfds_t(polled.count), hasOpenMessages ? 25 : 1000)
            if lock.withLock({ isStopping }) { return sayGoodbye() }
            if polled[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 256)
                while read(wakeReader, &bytes, bytes.count) > 0 {}
            }
            takeAnswers()
            for (client, entry) in zip(order, polled.dropFirst(3)) {
                if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { receive(client) }
            }
            for client in Array(clients.values) {
                takeMessages(client)
                transmit(client)
            }
            if polled[1].revents != 0 { accept(listener, isFeedback: false) }
            if polled[2].revents != 0 { accept(feedbackListener, isFeedback: true) }
        }
    }

    /// The last answers still go out, as far as they fit into the sockets.
    private func sayGoodbye() {
        takeAnswers()
        for client in Array(clients.values) { transmit(client) }
    }

    private func accept(_ listener: Int32, isFeedback: Bool) {
        while true {
            let socket = Glibc.accept(listener, nil, nil)
            guard socket >= 0 else { return }
            RemoteServer.setFlags(socket)
            var yes: Int32 = 1
            setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
            if clients.count >= RemoteServer.mostClients {
                let text = Array("resp \(RemoteStatus.invalidOperation.rawValue) too many clients".utf8) + [0]
                _ = Glibc.send(socket, text, text.count, Int32(MSG_NOSIGNAL))
                close(socket)
                continue
            }
            clients[nextID] = Client(socket: socket, id: nextID, isFeedback: isFeedback, isTrusted: options.token == nil)
            nextID += 1
            if isFeedback {
                lock.withLock { feedbackClients += 1 }
                onFeedbackClient()
            }
        }
    }

    private func drop(_ client: Client) {
        guard clients.removeValue(forKey: client.id) != nil else { return }
        if client.isFeedback { lock.withLock { feedbackClients -= 1 } }
    }

    private func takeAnswers() {
        let (answers, broadcasts) = lock.withLock {
            defer {
                self.answers.removeAll()
                self.broadcasts.removeAll()
            }
            return (self.answers, self.broadcasts)
        }
        for (id, text) in answers {
            guard let client = clients[id] else { continue }
            client.waiting -= 1
            append(text, to: client)
        }
        if broadcasts.isEmpty { return }
        for client in Array(clients.values) where client.isFeedback && client.isTrusted {
            for text in broadcasts { append(text, to: client) }
        }
    }

    private func append(_ text: String, to client: Client) {
        if client.output.count + text.utf8.count > RemoteServer.outputLimit { return drop(client) }
        client.output += Array(text.utf8)
        client.output.append(0)
    }

    private func receive(_ client: Client) {
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(client.socket, &bytes, bytes.count, 0)
        if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR {
            // What came last may still want doing, but nobody hears the answer.
            takeMessages(client, isLast: true)
            return drop(client)
        }
        if count < 0 { return }
        client.lastInput = ch_now()
        // Clients of the feedback port have nothing to say but their token.
        client.input += bytes.prefix(count)
    }

    /// Takes whole messages out of what has come.
    private func takeMessages(_ client: Client, isLast: Bool = false) {
        while client.waiting < RemoteServer.mostWaiting, !client.isLeaving {
            guard let end = client.input.firstIndex(where: { $0 == 0 || $0 == 10 }) else { break }
            let message = Array(client.input[..<end])
            client.input.removeSubrange(...end)
            client.endsMessages = true
            if client.isSkipping {
                client.isSkipping = false
                continue
            }
            take(message, client)
        }
        if client.input.firstIndex(where: { $0 == 0 || $0 == 10 }) != nil { return }
        if client.input.count > HostSession.longestLine {
            if !client.isSkipping { append("resp \(RemoteStatus.invalidOperation.rawValue) too long", to: client) }
            client.isSkipping = true
            client.input.removeAll()
        } else if client.isSkipping {
            client.input.removeAll()
            // Its end may never come from one that sends none.
            if !client.endsMessages && ch_now() &- client.lastInput > 50_000_000 { client.isSkipping = false }
        } else if !client.input.isEmpty, isLast || !client.endsMessages && ch_now() &- client.lastInput > 50_000_000 {
            let message = client.input
            client.input.removeAll()
            take(message, client)
        }
    }

    private func take(_ message: [UInt8], _ client: Client) {
        if message.allSatisfy({ $0 == 13 || $0 == 32 || $0 == 9 }) { return }
        if message.count > HostSession.longestLine {
            return append("resp \(RemoteStatus.invalidOperation.rawValue) too long", to: client)
        }
        let line = String(decoding: message, as: UTF8.self)
        if client.isFresh && RemoteServer.isFromBrowser(line) {
            // A web page can have a browser post lines to this port: not one of them is to be done.
            client.input.removeAll()
            client.isLeaving = true
            return append("resp \(RemoteStatus.invalidOperation.rawValue) no HTTP here", to: client)
        }
        client.isFresh = false
        if let token = options.token {
            let words = CommandWords.words(line)
            if words.first == "token" {
                client.isTrusted = words.count == 2 && RemoteServer.isSame(words[1], token)
                append(client.isTrusted ? "resp 0" : "resp \(RemoteStatus.invalidOperation.rawValue) token", to: client)
                if !client.isTrusted { client.isLeaving = true }
                return
            }
            if !client.isTrusted {
                append("resp \(RemoteStatus.invalidOperation.rawValue) token", to: client)
                return
            }
        }
        if client.isFeedback { return }
        client.waiting += 1
        let id = client.id
        let isTaken = queue.push(line) { [weak self] reply in self?.answer(id, reply.text) }
        if !isTaken {
            client.waiting -= 1
            append("resp \(RemoteStatus.memoryAllocation.rawValue) too many commands", to: client)
        }
    }

    private static func isFromBrowser(_ line: String) -> Bool {
        let words = line.split(whereSeparator: \.isWhitespace)
        return words.count == 3 && words[2].hasPrefix("HTTP/")
    }

    /// Takes as long for every wrong token.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        let (first, second) = (Array(a.utf8), Array(b.utf8))
        var difference = first.count ^ second.count
        for i in second.indices { difference |= Int(second[i] ^ (i < first.count ? first[i] : 0)) }
        return difference == 0
    }

    private func transmit(_ client: Client) {
        while !client.output.isEmpty {
            let count = Glibc.send(client.socket, client.output, client.output.count, Int32(MSG_NOSIGNAL))
            if count > 0 {
                client.output.removeFirst(count)
            } else {
                if errno == EINTR { continue }
                if errno != EAGAIN { drop(client) }
                return
            }
        }
        if client.isLeaving { drop(client) }
    }
}
