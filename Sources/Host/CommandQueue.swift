import CHost
import Foundation

/// Lines that other threads want to have done on the set-up thread, in order; the answer comes back by a closure, which is
/// called on the set-up thread.
public final class CommandQueue: @unchecked Sendable {
    struct Request {
        var line: String
        var answer: @Sendable (RemoteReply) -> Void
    }

    private let lock = NSLock()
    private var waiting: [Request] = []
    private var isClosed = false
    /// Posted when a line has come; nil: nobody is told.
    private var wake: OpaquePointer?
    static let capacity = 4096

    public init() {}

    func setWake(_ wake: OpaquePointer?) { lock.withLock { self.wake = wake } }

    /// False if too many wait, or nobody will ever take it.
    public func push(_ line: String, answer: @escaping @Sendable (RemoteReply) -> Void) -> Bool {
        lock.withLock {
            if isClosed || waiting.count >= CommandQueue.capacity { return false }
            waiting.append(Request(line: line, answer: answer))
            if let wake { cr_semaphore_post(wake) }
            return true
        }
    }

    func takeAll() -> [Request] {
        lock.withLock {
            defer { waiting.removeAll() }
            return waiting
        }
    }

    /// Answers what waits with a failure, and takes nothing more.
    func close() {
        let left = lock.withLock {
            isClosed = true
            wake = nil
            defer { waiting.removeAll() }
            return waiting
        }
        for request in left { request.answer(.failure(.invalidOperation, "the host has ended")) }
    }
}
