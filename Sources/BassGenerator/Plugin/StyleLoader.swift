import CBassGenerator
import CRealtime
import Neural
import Realtime
import Synchronization

/// Keeps the sound that takes are to be played with: of a file that the user names, or learned from what came in.
final class StyleLoader: FileLoader, @unchecked Sendable {
    /// Seconds of a file that are listened to.
    static var longestSeconds: Int { 60 }

    /// Rises with every change.
    let serial = Atomic<UInt32>(1)
    private let read: continuo_bass_read?
    private let context: UnsafeMutableRawPointer?
    private let lock: OpaquePointer
    // Under the lock.
    private var sound: KeptSound?
    private var rate = 0
    private var learned: KeptSound?
    private var learnedRate = 0
    private var isLearned = false

    init?(read: continuo_bass_read?, context: UnsafeMutableRawPointer?) {
        self.read = read
        self.context = context
        lock = cr_mutex_make()
        super.init()
    }

    deinit { cr_mutex_free(lock) }

    /// From now on this sound, and no file.
    func learn(_ sound: KeptSound, sampleRate: Int) {
        cr_mutex_lock(lock)
        learned = sound
        learnedRate = sampleRate
        cr_mutex_unlock(lock)
        set(file: "")
    }

    /// The sound, its rate, and which it is; `nil`: none, and a take is played as the network finds fit.
    var current: (sound: KeptSound?, sampleRate: Int, serial: UInt32) {
        cr_mutex_lock(lock)
        defer { cr_mutex_unlock(lock) }
        return (sound, rate, serial.load(ordering: .relaxed))
    }

    /// The sound, if it was learned: then it is in no file of the user's.
    var learnedSound: KeptSound? {
        cr_mutex_lock(lock)
        defer { cr_mutex_unlock(lock) }
        return isLearned ? sound : nil
    }

    override func apply() {
        cr_mutex_lock(lock)
        let learned = learned, learnedRate = learnedRate
        self.learned = nil
        cr_mutex_unlock(lock)
        var next: KeptSound?, nextRate = 0
        if file.isEmpty {
            next = learned
            nextRate = learnedRate
        } else if let read {
            var found = continuo_bass_sound()
            if file.withCString({ read(context, $0, UInt32(Self.longestSeconds), &found) }) {
                next = Self.copy(found)
                nextRate = Int(found.sample_rate)
            }
            cr_free(found.samples)
        }
        cr_mutex_lock(lock)
        sound = next
        rate = nextRate
        isLearned = file.isEmpty && next != nil
        serial.add(1, ordering: .releasing)
        cr_mutex_unlock(lock)
    }

    private static func copy(_ found: continuo_bass_sound) -> KeptSound? {
        let count = Int(found.count)
        guard let samples = found.samples, count > 0, (1000...768_000).contains(Int(found.sample_rate)) else { return nil }
        do throws(ModelError) {
            let buffer = try FloatBuffer(count: count)
            for n in 0..<count { buffer.base[n] = samples[n].isFinite ? samples[n] : 0 }
            return KeptSound(buffer)
        } catch {
            return nil
        }
    }
}
