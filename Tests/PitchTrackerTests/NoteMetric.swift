/// A note of a melody, or of what a tracker made of it.
struct Note: Equatable {
    var onset: Double
    /// MIDI note number with fraction.
    var pitch: Double
}

/// How well estimated notes agree with true ones, as mir_eval.transcription counts it without offsets: a pair fits if the onsets
/// are within 50 ms and the pitches within 50 cents, and the most pairs that can be made, each note in one at most, are counted
/// (a maximum bipartite matching).
struct NoteMetric {
    let matched: Int
    let precision: Double
    let recall: Double
    let f1: Double

    init(reference: [Note], estimate: [Note]) {
        // mir_eval rounds distances to four decimals before it compares them.
        func near(_ a: Double, _ b: Double, _ limit: Double) -> Bool { (abs(a - b) * 10_000).rounded() / 10_000 <= limit }
        let candidates = reference.map { note in
            estimate.indices.filter {
                near(note.onset, estimate[$0].onset, 0.05) && near(note.pitch * 100, estimate[$0].pitch * 100, 50)
            }
        }
        var partner = [Int?](repeating: nil, count: estimate.count)
        func augment(_ index: Int, _ seen: inout Set<Int>) -> Bool {
            for candidate in candidates[index] where seen.insert(candidate).inserted {
                if partner[candidate] == nil || augment(partner[candidate]!, &seen) {
                    partner[candidate] = index
                    return true
                }
            }
            return false
        }
        var count = 0
        for index in reference.indices {
            var seen: Set<Int> = []
            if augment(index, &seen) { count += 1 }
        }
        matched = count
        precision = estimate.isEmpty ? 0 : Double(count) / Double(estimate.count)
        recall = reference.isEmpty ? 0 : Double(count) / Double(reference.count)
        f1 = precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
    }
}
