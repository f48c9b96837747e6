import CRealtime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// Streaming sample-rate conversion by a windowed sinc, with a delay that is known to the sample.
///
/// Output sample n is the input's value at input time n · from / to, low-passed below both Nyquist frequencies: linear phase, no
/// drift (the times are exact rationals), 16 zero crossings of the sinc either side under a Kaiser window (β 9: stop band under
/// −90 dB, passband to 0.9 of the lower Nyquist frequency within 0.1 dB). See J. O. Smith, "Digital Audio Resampling".
public final class Resampler {
    /// Input samples after its own time that an output needs: output n can be computed once
    /// ⌊n · from / to⌋ + reach + 1 input samples are in.
    public let reach: Int
    public let from: Int
    public let to: Int

    private let up: Int  // to / gcd
    private let down: Int  // from / gcd
    private let phases: Int
    private let interpolated: Bool
    private let taps: Int  // a multiple of 16
    private let vectorLevel = cr_vector_level()
    private let table: UnsafeMutablePointer<Float>
    private let history: UnsafeMutablePointer<Float>
    private let historyCapacity: Int
    private var held = 0
    /// Input index of history[0]. Starts before 0: the input is silent before its first sample.
    private var base: Int
    // The next output's time, as whole input samples and a remainder in 1/up.
    private var time = 0
    private var remainder = 0

    private static var zeroCrossings: Double { 16 }
    private static var kaiserBeta: Double { 9 }
    /// Above this many distinct phases a row between two table rows is interpolated (rates without a common factor).
    private static var mostPhases: Int { 1024 }

    /// - Parameters: from, to: sample rates in Hz, at least 1.
    public init(from: Int, to: Int) {
        precondition(from > 0 && to > 0)
        self.from = from
        self.to = to
        var a = from, b = to
        while b != 0 { (a, b) = (b, a % b) }
        up = to / a
        down = from / a
        interpolated = up > Self.mostPhases
        phases = interpolated ? Self.mostPhases : up
        // Cut off a little below the lower Nyquist, so that the transition band ends near it.
        let scale = min(1, Double(to) / Double(from)) * 0.95
        reach = Int(cr_ceil_f64(Self.zeroCrossings / scale))
        let needed = 2 * reach + 1
        taps = (needed + 15) / 16 * 16
        let rows = phases + 1
        table = cr_allocate(rows * taps * MemoryLayout<Float>.stride)!.bindMemory(to: Float.self, capacity: rows * taps)
        historyCapacity = taps + 4096
        // The taps that pad a row to whole vectors read up to 15 samples past the end (times 0).
        history = cr_allocate((historyCapacity + 16) * MemoryLayout<Float>.stride)!.bindMemory(
            to: Float.self, capacity: historyCapacity + 16)
        base = 0
        for row in 0..<rows {
            let fraction = Double(row) / Double(phases)
            var sum = 0.0
            for tap in 0..<needed {
                // Tap `tap` multiplies the input sample at time − reach + tap.
                let x = Double(tap - reach) - fraction
                let value = Self.sinc(x * scale) * Self.kaiser(x / Double(reach + 1))
                table[row * taps + tap] = Float(value)
                sum += value
            }
            for tap in 0..<needed { table[row * taps + tap] = Float(Double(table[row * taps + tap]) / sum) }
        }
        reset()
    }

    deinit {
        cr_free(table)
        cr_free(history)
    }

    /// Forgets all input; the next output is number 0 again.
    public func reset() {
        base = -reach
        held = reach
        for index in 0..<historyCapacity { history[index] = 0 }
        time = 0
        remainder = 0
    }

    /// Takes over what `other` (of the same rates) has heard, and its place in time.
    public func copyState(from other: Resampler) {
        precondition(other.from == from && other.to == to)
        base = other.base
        held = other.held
        time = other.time
        remainder = other.remainder
        for index in 0..<historyCapacity { history[index] = other.history[index] }
    }

    /// Most outputs that `count` input samples can bring.
    public func maximumOutput(for count: Int) -> Int { (count + reach) * up / down + 2 }

    /// Takes `count` input samples and writes the outputs they complete; returns how many. `output` has room for
    /// `maximumOutput(for: count)`. Samples that are no finite numbers are taken as 0.
    public func process(_ input: UnsafePointer<Float>, count: Int, into output: UnsafeMutablePointer<Float>) -> Int {
        var produced = 0
        var taken = 0
        while taken < count {
            let piece = min(count - taken, historyCapacity - held)
            take(input + taken, piece)
            held += piece
            taken += piece
            // Output at `time` uses inputs time − reach … time + reach.
            let outputs = available
            if interpolated {
                for index in 0..<outputs {
                    let moved = remainder + index * down
                    output[produced + index] = between(history + (time + moved / up - reach - base), moved % up)
                }
            } else {
                filter(outputs, output + produced)
            }
            produced += outputs
            remainder += outputs * down
            time += remainder / up
            remainder %= up
            let unused = min(time - reach - base, held)
            if unused > 0 {
                held -= unused
                base += unused
                cr_move(history, history + unused, held * MemoryLayout<Float>.stride)
            }
        }
        return produced
    }

    /// Puts `count` samples into the history, those that are no numbers as 0.
    private func take(_ input: UnsafePointer<Float>, _ count: Int) {
        typealias V = SIMD16<Float>
        let output = history + held
        var index = 0
        while index + 16 <= count {
            let x = UnsafeRawPointer(input + index).loadUnaligned(as: V.self)
            // Infinity minus itself is no number, and no number equals itself.
            let difference = x - x
            UnsafeMutableRawPointer(output + index).storeBytes(of: x.replacing(with: 0, where: difference .!= difference), as: V.self)
            index += 16
        }
        while index < count {
            output[index] = cr_is_finite(input[index]) ? input[index] : 0
            index += 1
        }
    }

    /// Outputs whose last input is there: those with time + (remainder + n·down)/up + reach < base + held.
    private var available: Int {
        let room = (base + held - reach - time) * up - remainder
        return room > 0 ? (room + down - 1) / down : 0
    }

    /// The next `count` outputs, each with a row of the table of its own.
    private func filter(_ count: Int, _ output: UnsafeMutablePointer<Float>) {
        let input = history + (time - reach - base)
        switch vectorLevel {
        case 3: KernelsAVX512.filterPhases(count, taps, input, table, remainder, up, down, output)
        case 2: KernelsAVX2.filterPhases(count, taps, input, table, remainder, up, down, output)
        default: KernelsBaseline.filterPhases(count, taps, input, table, remainder, up, down, output)
        }
    }

    /// An output between two rows of the table.
    private func between(_ window: UnsafeMutablePointer<Float>, _ remainder: Int) -> Float {
        let scaled = Double(remainder) * Double(phases) / Double(up)
        let row = Int(scaled)
        let fraction = Float(scaled - Double(row))
        let below = dot(window, table + row * taps)
        return below + fraction * (dot(window, table + (row + 1) * taps) - below)
    }

    private func dot(_ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>) -> Float {
        var result: Float = 0
        switch vectorLevel {
        case 3: KernelsAVX512.filterPhases(1, taps, a, b, 0, 1, 1, &result)
        case 2: KernelsAVX2.filterPhases(1, taps, a, b, 0, 1, 1, &result)
        default: KernelsBaseline.filterPhases(1, taps, a, b, 0, 1, 1, &result)
        }
        return result
    }

    private static func sinc(_ x: Double) -> Double {
        if x > -1e-9 && x < 1e-9 { return 1 }
        return cr_sin_f64(Double.pi * x) / (Double.pi * x)
    }

    /// The Kaiser window at −1 … 1.
    private static func kaiser(_ x: Double) -> Double {
        if x <= -1 || x >= 1 { return 0 }
        return besselI0(kaiserBeta * cr_sqrt_f64(1 - x * x)) / besselI0(kaiserBeta)
    }

    /// The modified Bessel function of order 0, by its power series.
    private static func besselI0(_ x: Double) -> Double {
        var term = 1.0, sum = 1.0, k = 1.0
        while term > sum * 1e-16 {
            term *= (x / (2 * k)) * (x / (2 * k))
            sum += term
            k += 1
        }
        return sum
    }
}
