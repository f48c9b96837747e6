/// The performer's constants. (Not statics of its class: reading those takes its metadata, which the real-time proof refuses.)
enum Playing {
    /// Most keys remembered as held; the oldest is forgotten beyond that.
    static var keyCapacity: Int { 128 }
    /// Seconds between control frames.
    static var hop: Float { 1 / Float(Timeline.frameRate) }
    /// What a jump or a controller's step still has of itself one frame later: a time constant of 15 ms.
    static var remainder: Float { 0.766 }
    /// dB: under this a note that is on its way out is over.
    static var inaudible: Float { -85 }
    /// Seconds a note lasts at least: shorter ones nobody plays, and they would end before they sound.
    static var shortestNote: Float { 0.024 }
    /// Seconds a legato transition takes at least: a finger's way.
    static var shortestTransition: Float { 0.015 }
}
