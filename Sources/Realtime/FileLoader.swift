import CRealtime
import Synchronization

/// A path in a fixed place, as it passes between threads.
public struct PathBytes: BitwiseCopyable {
    @usableFromInline var count = 0
    @usableFromInline var bytes = InlineArray<4096, UInt8>(repeating: 0)
    /// Longest path with its NUL.
    @inlinable static var capacity: Int { 4096 }
    /// Where `bytes` lie: after the count. (Embedded Swift has no key paths to ask.)
    @inlinable static var bytesOffset: Int { MemoryLayout<Int>.size }
    init() {}
}

/// Loads a file that the user names (a model) beside the audio thread.
///
/// Requests come from the audio thread (a changed control, a patch:Set) and are served on the background pool's thread, or from a
/// host's thread (state restored), which is served at once. Of several requests that wait, the newest counts. Loading never
/// depends on the host's worker: some hosts run that in their window's thread, others inside run().
///
/// A subclass says in `apply` what loading is.
open class FileLoader: PoolClient, @unchecked Sendable {
    private let mutex: OpaquePointer
    @usableFromInline final let outstanding = Atomic<Int>(0)
    @usableFromInline final let requested = LatestValue<PathBytes>(PathBytes())
    @usableFromInline final let published = LatestValue<PathBytes>(PathBytes())
    /// The file that is wanted (empty: none). Under the mutex, which `apply` is called with.
    public final private(set) var file: String = ""

    /// `nil` if no thread can be started.
    public init?(pool: WorkerPool.Kind = .background) {
        mutex = cr_mutex_make()
        super.init()
        guard WorkerPool.register(self, pool) else { return nil }
    }

    /// Ends loading; call before letting go.
    open func close() {
        WorkerPool.unregister(self)
    }

    deinit { cr_mutex_free(mutex) }

    /// Loads what is wanted now. Under the mutex, never on the audio thread.
    open func apply() {}

    // MARK: Audio thread

    /// Asks for `apply`, because something else than the file has changed.
    @inlinable @inline(__always) public final func request() {
        outstanding.add(1, ordering: .acquiringAndReleasing)
        submit(deadline: cr_now())
    }

    /// Asks for another file (`count` 0: none). `false` if the path is too long.
    @inlinable @inline(__always) public final func request(file path: UnsafePointer<UInt8>, count: Int) -> Bool {
        guard count < PathBytes.capacity else { return false }
        requested.write { place in
            place.storeBytes(of: count, as: Int.self)
            cr_move(place + PathBytes.bytesOffset, path, count)
        }
        request()
        return true
    }

    /// The file's path with NUL, into `path` of 4,096 bytes; its length.
    @inlinable @inline(__always) public final func copyFile(_ path: UnsafeMutableRawPointer) -> UInt32 {
        published.withLatest { latest in
            cr_move(path, latest + PathBytes.bytesOffset, PathBytes.capacity)
            return UInt32(UnsafeRawPointer(latest).assumingMemoryBound(to: Int.self).pointee)
        }
    }

    /// Requests wait to be served.
    @inlinable public final var isBusy: Bool { outstanding.load(ordering: .acquiring) > 0 }

    // MARK: Other threads

    public override final func performNext() {
        cr_mutex_lock(mutex)
        takeRequest()
        applyAndPublish()
        cr_mutex_unlock(mutex)
        outstanding.subtract(1, ordering: .acquiringAndReleasing)
    }

    /// Sets the file and loads it before returning.
    public final func set(file path: String) {
        cr_mutex_lock(mutex)
        // What was asked for before is overtaken.
        takeRequest()
        file = path
        applyAndPublish()
        cr_mutex_unlock(mutex)
    }

    /// Loads what is wanted before returning.
    public final func load() {
        cr_mutex_lock(mutex)
        applyAndPublish()
        cr_mutex_unlock(mutex)
    }

    public final var currentFile: String {
        cr_mutex_lock(mutex)
        defer { cr_mutex_unlock(mutex) }
        return file
    }

    private func takeRequest() {
        guard let path = requested.readIfFresh() else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.count)
        for index in 0..<path.count { bytes.append(path.bytes[index]) }
        file = String(decoding: bytes, as: UTF8.self)
    }

    /// The path is told before what came of it (the subclass's news): who sees the news sees the path.
    private func applyAndPublish() {
        var path = PathBytes()
        for byte in file.utf8 where path.count < PathBytes.capacity - 1 {
            path.bytes[path.count] = byte
            path.count += 1
        }
        published.write(path)
        apply()
    }
}
