/// The takes that can be chosen: eight at most, and no more than some minutes of sound in all. A new one takes the place of the oldest;
/// the others keep their numbers.
final class TakeShelf {
    /// Slots 1 … 8.
    private(set) var takes: [KeptTake?]
    /// The slot of the take that was made last; 0: there is none.
    private(set) var newest = 0
    private var dropped: [(take: KeptTake, table: UInt32)] = []
    private var table: UInt32 = 0
    private var serial: UInt32 = 0
    /// Samples.
    private let most: Int

    init(sampleRate: Int) {
        most = 256 * sampleRate
        takes = []
        for _ in 0..<takeSlots { takes.append(nil) }
    }

    var newestTake: KeptTake? { newest > 0 ? takes[newest - 1] : nil }

    func add(_ take: KeptTake) {
        name(take)
        newest = newest % takeSlots + 1
        drop(newest - 1)
        takes[newest - 1] = take
        // The oldest are those after the newest.
        var slot = newest % takeSlots
        while slot != newest - 1, length > most {
            drop(slot)
            slot = (slot + 1) % takeSlots
        }
        table += 1
    }

    /// Puts other takes in place of all.
    func replace(_ others: [KeptTake?], newest: Int) {
        for slot in 0..<takeSlots {
            drop(slot)
            if let take = others[slot] {
                name(take)
                takes[slot] = take
            }
        }
        self.newest = newest > 0 && takes[newest - 1] != nil ? newest : 0
        table += 1
    }

    /// Lets go what the audio thread can no longer play.
    func free(_ use: TakeUse) {
        dropped.removeAll { $0.table <= use.table && !use.holds($0.take.sound.serial) }
    }

    func fill(_ news: inout TakeTable) {
        news.serial = table
        news.newest = newest
        for slot in 0..<takeSlots { news.slots[slot] = takes[slot]?.sound ?? TakeSound() }
    }

    private var length: Int {
        var sum = 0
        for take in takes { sum += take?.sound.length ?? 0 }
        return sum
    }

    private func name(_ take: KeptTake) {
        serial += 1
        take.name(serial: serial)
    }

    /// Out of the next table, and so out of the audio thread's sight once it has read that.
    private func drop(_ slot: Int) {
        if let take = takes[slot] { dropped.append((take, table + 1)) }
        takes[slot] = nil
    }
}
