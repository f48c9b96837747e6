/// The takes that the audio thread may choose among, as it is told of them.
struct TakeTable: BitwiseCopyable {
    /// Rises from table to table.
    var serial: UInt32 = 0
    /// Slots 1 … 8; one without samples is empty.
    var slots = InlineArray<8, TakeSound>(repeating: TakeSound())
    /// The slot of the take that was made last; 0: there is none.
    var newest = 0
    /// How many times a saved state was taken up; with the last of them came these bars (of length 0: none).
    var restored: UInt32 = 0
    var captured = TakeRequest()
}

/// What the audio thread has in hand: the table that it goes by, and the serials of the takes that it may still play.
struct TakeUse: BitwiseCopyable {
    var table: UInt32 = 0
    var accepted: UInt32 = 0
    var current: UInt32 = 0
    var sounding: UInt32 = 0
    var fading: UInt32 = 0

    func holds(_ serial: UInt32) -> Bool {
        serial == accepted || serial == current || serial == sounding || serial == fading
    }
}

/// Takes that can be chosen. For audio code, where a type may not be named for its static property.
@inline(__always) var takeSlots: Int { 8 }
