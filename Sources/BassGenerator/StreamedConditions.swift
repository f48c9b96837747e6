import CRealtime
import Neural

/// Conditions of a mix that is read and heard while the take is made: hours of it take no more memory than minutes.
public final class StreamedConditions: TakeConditions {
    /// Writes up to `count` samples of both channels and returns how many; 0 at the end, and from then on.
    public typealias Reader = (
        _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>, _ count: Int
    ) throws(TakeError) -> Int

    public var beats: BeatGrid?
    public var chords: ChordChart?

    private let frontEnd: BassFrontEnd
    private let reader: Reader
    private let left: FloatBuffer
    private let right: FloatBuffer
    private static var piece: Int { 4096 }
    /// Features of frames `first` and after.
    private let features = FloatQueue()
    private var first = 0
    /// Frames that are heard and may still be asked for.
    package var held: Int { features.count / BassFormat.features }
    private var isAtEnd = false

    /// - Parameters:
    ///   - frames: of the take, at least 1: a mix of s seconds has ⌈s / 0.048⌉. Where the mix is shorter there is silence.
    ///   - frontEnd: at the mix's sample rate, of which nothing has been read
    public init(frames: Int, frontEnd: BassFrontEnd, reader: @escaping Reader) throws(TakeError) {
        self.frontEnd = frontEnd
        self.reader = reader
        left = try floats(Self.piece)
        right = try floats(Self.piece)
        super.init(frames: frames)
    }

    public override func read(first: Int, count: Int, into rows: ConditionRows) throws(TakeError) {
        let unused = min(first - self.first, held)
        features.removeFirst(unused * BassFormat.features)
        self.first += unused
        while self.first + held < first + count {
            try fill()
            // Frames that are passed over are not kept.
            let unused = min(first - self.first, held)
            features.removeFirst(unused * BassFormat.features)
            self.first += unused
        }
        rows.mix.update(
            from: features.base + (first - self.first) * BassFormat.features, count: count * BassFormat.features)
        for row in 0..<count {
            rows.mixKnown[row] = 1
            let time = (Double(first + row) + 0.5) * BassFormat.frameSeconds
            beats?.features(at: time, into: rows.beat + row * BassFormat.beatFeatures)
            chords?.features(at: time, into: rows.chords + row * BassFormat.chordFeatures)
        }
    }

    /// Hears the next piece of the mix, or silence once it has ended.
    private func fill() throws(TakeError) {
        if !isAtEnd {
            let count = min(Self.piece, try reader(left.base, right.base, Self.piece))
            if count > 0 {
                do throws(ModelError) { try frontEnd.feed(left.base, right.base, count: count) } catch { throw .model(error) }
            } else {
                isAtEnd = true
                do throws(ModelError) { try frontEnd.finish() } catch { throw .model(error) }
            }
        }
        let available = frontEnd.available
        do throws(ModelError) {
            if available > 0 {
                _ = frontEnd.read(into: try features.append(available * BassFormat.features), maximum: available)
            } else if isAtEnd {
                let row = try features.append(BassFormat.features)
                for c in 0..<BassFormat.features { row[c] = BassFrontEnd.silence }
            }
        } catch {
            throw .model(error)
        }
    }
}
