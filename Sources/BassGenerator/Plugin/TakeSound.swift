import CRealtime

/// A take as the audio thread plays it: sound and notes of a number of bars that follow on themselves.
struct TakeSound: BitwiseCopyable {
    struct Note: BitwiseCopyable {
        /// Samples from the take's begin; `end` is at most its length.
        var onset: Int
        var end: Int
        var key: UInt8
        var velocity: UInt8
    }

    /// Of the request that it answers; 0: there is none (also if it comes of a saved state).
    var request: UInt32 = 0
    /// Rises from take to take.
    var serial: UInt32 = 0
    /// Mono, at the host's rate; alive until the audio thread has let the take go.
    var samples: UnsafeMutablePointer<Float>?
    var length = 0
    var notes: UnsafeMutablePointer<Note>?
    var noteCount = 0
    /// The bar that its begin belongs to, and its bars.
    var firstBar = 0
    var bars = 1

    func free() {
        cr_free(samples)
        cr_free(notes)
    }
}

/// What the audio thread asks for.
struct TakeRequest: BitwiseCopyable {
    var serial: UInt32 = 0
    /// Samples since the player was made, in which the bars to go by were heard; below 0: they come of a saved state.
    var start = 0
    var length = 0
    var firstBar = 0
    var bars = 1
    var beatsPerBar = 4.0
    var beatUnit = 4
    /// The bars are a transport's, not the player's own.
    var knowsBars = false
    var seed: UInt64 = 1
    var steps = 4
    var guidance: Float = 2.5
    var styleStrength: Float = 1
    var variation: Float = 1
}

/// What came in from `start` on is a bass alone, whose sound is to be learned.
struct StyleRequest: BitwiseCopyable {
    var start = 0
    var length = 0
}
