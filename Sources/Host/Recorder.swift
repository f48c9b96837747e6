import CHost
import Foundation

/// Takes what the process recorded to a file: on a disk thread when playing live, on the caller's when rendering.
final class Recorder {
    let ring: UnsafeMutablePointer<ch_ring>
    private let writer: SoundFileWriter
    private let channelCount: Int
    private var body: [Float]
    private var thread: OpaquePointer?
    private var stopping: Int32 = 0
    private let wake: OpaquePointer = cr_semaphore_make()
    /// Read after `finish`.
    private(set) var failure: (any Error)?
    /// Frames at the beginning that are left out.
    private var skip: Int

    /// - Parameter seconds: how long the disk may take its time.
    init(
        path: String, channelCount: Int, sampleRate: Double, maximumBlock: Int, seconds: Double = 4, skip: Int = 0
    ) throws {
        writer = try SoundFileWriter(path: path, channelCount: channelCount, sampleRate: Int(sampleRate))
        self.channelCount = channelCount
        self.skip = skip
        let bytes = max(sampleRate * seconds, Double(maximumBlock * 4)) * Double(channelCount * 4) + 4096
        ring = ch_ring_make(UInt32(min(bytes, Double(1 << 30))))
        body = [Float](repeating: 0, count: maximumBlock * channelCount + 16)
    }

    deinit {
        stop()
        ch_ring_free(ring)
        cr_semaphore_free(wake)
    }

    /// Starts the disk thread.
    func start() {
        thread = cr_thread_start(
            "recorder", 0,
            { context in
                let recorder = Unmanaged<Recorder>.fromOpaque(context!).takeUnretainedValue()
                while ch_load(&recorder.stopping) == 0 {
                    _ = cr_semaphore_wait_for(recorder.wake, 20_000_000)
                    recorder.drain()
                }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Writes what is in the ring.
    func drain() {
        var message = ch_message()
        while ch_ring_peek(ring, &message) {
            do {
                if message.type == RecordMessage.audio {
                    let count = Int(message.size) / 4
                    if body.count < count { body = [Float](repeating: 0, count: count) }
                    body.withUnsafeMutableBytes { ch_ring_copy(ring, 0, $0.baseAddress!, message.size) }
                    if failure == nil { try write(frames: count / channelCount) }
                } else {
                    var gap: UInt64 = 0
                    ch_ring_copy(ring, 0, &gap, 8)
                    if failure == nil { try writer.writeSilence(frames: Int(gap)) }
                }
            } catch {
                failure = error
            }
            ch_ring_drop(ring, message)
        }
    }

    private func write(frames: Int) throws {
        if skip == 0 { return try writer.write(planar: body, frames: frames) }
        let skipped = min(skip, frames)
        skip -= skipped
        let left = frames - skipped
        if left == 0 { return }
        var rest: [Float] = []
        rest.reserveCapacity(left * channelCount)
        for channel in 0..<channelCount { rest += body[(channel * frames + skipped)..<((channel + 1) * frames)] }
        try writer.write(planar: rest, frames: left)
    }

    private func stop() {
        guard let thread else { return }
        ch_store(&stopping, 1)
        cr_semaphore_post(wake)
        cr_thread_join(thread)
        self.thread = nil
    }

    /// Writes what is left and completes the file.
    ///
    /// - Throws: what went wrong first, now or before.
    func finish() throws {
        stop()
        drain()
        do { try writer.close() } catch { failure = failure ?? error }
        if let failure { throw failure }
    }
}
