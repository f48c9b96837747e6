import CRealtime
import Realtime
import Synchronization

/// The last two minutes of the mix: the audio thread writes, the generating thread copies what it was told of. A copy that took so
/// long that it was overtaken is known for one.
final class MixRing {
    /// Seconds that can be asked for, and more that may go by until they are copied.
    private static var seconds: Int { 128 }
    private static var spare: Int { 8 }

    private let samples: UnsafeMutablePointer<Float>
    private let capacity: Int
    private let written = Atomic<Int>(0)

    init(sampleRate: Int) {
        capacity = (Self.seconds + Self.spare) * sampleRate
        samples = allocateZeroed(Float.self, capacity)
    }

    deinit { cr_free(samples) }

    /// Writes samples `time` … of the mix (audio thread). What is no sound (NaN, infinity, beyond 80 dBFS) counts as silence.
    func write(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int, at time: Int) {
        var place = time % capacity
        for n in 0..<count {
            let value = 0.5 * (left[n] + right[n])
            samples[place] = abs(value) < 1e4 ? value : 0
            place += 1
            if place == capacity { place = 0 }
        }
        written.store(time &+ count, ordering: .releasing)
    }

    /// Copies samples `start ..< start + count`; false if they are no longer (or not yet) there.
    func copy(_ start: Int, _ count: Int, into output: UnsafeMutablePointer<Float>) -> Bool {
        guard start >= 0, count <= capacity, start + count <= written.load(ordering: .acquiring) else { return false }
        let place = start % capacity, first = min(count, capacity - place)
        output.update(from: samples + place, count: first)
        (output + first).update(from: samples, count: count - first)
        // The piece being written now may lie up to a block further than is told.
        atomicMemoryFence(ordering: .acquiring)
        return written.load(ordering: .relaxed) + 8192 <= start + capacity
    }
}
