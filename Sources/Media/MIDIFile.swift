/// The content of a Standard MIDI File (MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001), with
/// times in ticks as the file counts them; `seconds(atTick:)` and `ticks(atSeconds:)` go through its tempo map.
public struct MIDIFile: Equatable, Sendable {
    /// How tracks belong together.
    public enum Format: UInt16, Sendable {
        /// One track.
        case singleTrack = 0
        /// Several tracks that sound together; the first holds the tempo map.
        case parallelTracks = 1
    }

    /// What a tick is.
    public enum Division: Equatable, Sendable {
        /// Ticks in a quarter note, 1 to 32767. A tick's length follows the tempo.
        case ticksPerQuarter(Int)
        /// Ticks in a second, from the SMPTE form (frames a second × subframes). Tempo has no effect.
        case ticksPerSecond(Double)
    }

    /// One event of a track.
    public struct Event: Equatable, Sendable {
        /// Ticks since the beginning of the file, 0 or more.
        public var tick: Int
        public var message: Message

        public init(tick: Int, message: Message) {
            self.tick = tick
            self.message = message
        }
    }

    /// Events in order of time; those of one tick in the order in which they are to be sent.
    public struct Track: Equatable, Sendable {
        public var events: [Event]

        public init(events: [Event] = []) { self.events = events }
    }

    /// Channel messages and the meta events that Continuo uses. System exclusive and other meta events are skipped by
    /// the reader.
    public enum Message: Equatable, Sendable {
        /// Channel 0 to 15, key 0 to 127 (60 is middle C), velocity 0 to 127.
        case noteOff(channel: UInt8, key: UInt8, velocity: UInt8)
        /// Velocity 1 to 127; the reader turns velocity 0 into `noteOff` with velocity 64, its meaning in MIDI 1.0.
        case noteOn(channel: UInt8, key: UInt8, velocity: UInt8)
        case polyPressure(channel: UInt8, key: UInt8, pressure: UInt8)
        case controlChange(channel: UInt8, controller: UInt8, value: UInt8)
        case programChange(channel: UInt8, program: UInt8)
        case channelPressure(channel: UInt8, pressure: UInt8)
        /// −8192 to 8191; 0 is the centre.
        case pitchBend(channel: UInt8, value: Int16)
        /// Microseconds a quarter note, 1 to 16,777,215; 500,000 (120 beats a minute) until the first.
        case tempo(microsecondsPerQuarter: Int)
        /// Beats in a bar, and the power of two that is the beat's note value (2 for a quarter).
        case timeSignature(numerator: UInt8, denominatorPower: UInt8)
        case trackName(String)
        /// Comment, copyright, lyric, marker …: kinds 1, 2 and 4 to 15.
        case text(kind: UInt8, String)
    }

    public var format: Format
    public var division: Division
    public var tracks: [Track]

    public init(format: Format, division: Division, tracks: [Track]) {
        self.format = format
        self.division = division
        self.tracks = tracks
    }

    /// All tracks' events in order of time; of one tick, the earlier track's first.
    public var merged: [Event] {
        tracks.enumerated()
            .flatMap { track in track.element.events.map { (track.offset, $0) } }
            .enumerated()
            .sorted { ($0.element.1.tick, $0.element.0, $0.offset) < ($1.element.1.tick, $1.element.0, $1.offset) }
            .map(\.element.1)
    }

    /// Seconds from the beginning of the file to each event, with the event, in order of time.
    public var timed: [(seconds: Double, message: Message)] {
        let map = TempoMap(self)
        return merged.map { (map.seconds(atTick: $0.tick), $0.message) }
    }

    /// Seconds from the beginning to a tick, by the tempo map of all tracks.
    public func seconds(atTick tick: Int) -> Double { TempoMap(self).seconds(atTick: tick) }
}

/// Where the tempo changes, in ticks and in seconds.
struct TempoMap {
    private var changes: [(tick: Int, seconds: Double, secondsPerTick: Double)]

    init(_ file: MIDIFile) {
        switch file.division {
        case .ticksPerSecond(let rate): changes = [(0, 0, 1 / rate)]
        case .ticksPerQuarter(let ticks):
            changes = [(0, 0, 0.5 / Double(ticks))]
            let merged = file.merged.compactMap { event -> (tick: Int, tempo: Int)? in
                if case .tempo(let tempo) = event.message { (event.tick, tempo) } else { nil }
            }
            for (tick, tempo) in merged {
                let seconds = seconds(atTick: tick)
                let change = (tick: tick, seconds: seconds, secondsPerTick: Double(tempo) / 1e6 / Double(ticks))
                if changes[changes.count - 1].tick == tick { changes.removeLast() }
                changes.append(change)
            }
        }
    }

    func seconds(atTick tick: Int) -> Double {
        // The last change at or before the tick.
        var low = 0, high = changes.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if changes[middle].tick <= tick { low = middle } else { high = middle }
        }
        return changes[low].seconds + Double(tick - changes[low].tick) * changes[low].secondsPerTick
    }
}
