import DDSPSynth
import Foundation
import Neural

/// A voice bank driven by hand: frames every 4 ms on the host's time, blocks as one likes.
final class BankPlayer {
    let bank: VoiceBank
    let rate: Int
    let timeline: Timeline
    private(set) var left: [Float] = []
    private(set) var right: [Float] = []

    init(rate: Int = 48_000, level: Int = 3) {
        bank = VoiceBank(sampleRate: Double(rate), kernels: Kernels(atMost: level))!
        self.rate = rate
        timeline = Timeline(sampleRate: rate)
    }

    /// What voice `voice` is to sound like.
    func take(
        _ voice: Int, generation: UInt32 = 1, onset: Int = 0, pitch: Float, amplitudes: [Float], noise: [Float] = [],
        stretch: Float = 0, place: Float = 0, ramp: Int? = nil
    ) {
        let a = amplitudes + [Float](repeating: 0, count: 128 - amplitudes.count)
        let n = noise.isEmpty ? [Float](repeating: 0, count: 65) : noise
        a.withUnsafeBufferPointer { a in
            n.withUnsafeBufferPointer { n in
                bank.take(
                    voice: voice, generation: generation, onset: onset,
                    frame: .init(
                        pitch: pitch, amplitudes: a.baseAddress!, noise: n.baseAddress!, stretch: stretch, place: place),
                    ramp: ramp ?? rate / 250)
            }
        }
    }

    func render(_ count: Int) {
        let start = left.count
        left += [Float](repeating: .nan, count: count)
        right += [Float](repeating: .nan, count: count)
        left.withUnsafeMutableBufferPointer { left in
            right.withUnsafeMutableBufferPointer { right in
                bank.render(left: left.baseAddress! + start, right: right.baseAddress! + start, count: count)
            }
        }
    }

    /// Renders `frames` frames, before each of which `body` is called with its number, in blocks that `next` gives.
    func play(frames: Int, first: Int = 0, blocks next: () -> Int = { .max }, _ body: (Int) -> Void) {
        let base = bank.time - timeline.frameTime(first)
        for frame in first..<first + frames {
            body(frame)
            let end = base + timeline.frameTime(frame + 1)
            while bank.time < end { render(min(max(0, next()), end - bank.time)) }
        }
    }

    /// The largest step from one sample to the next.
    static func roughness(_ x: ArraySlice<Float>) -> Float { zip(x, x.dropFirst()).map { abs($1 - $0) }.max() ?? 0 }
}

/// Sawtooth-like amplitudes.
func saw(_ count: Int, level: Float = 0.1) -> [Float] { (1...count).map { level / Float($0) } }

/// A linear generator of numbers in 0 ..< 1.
struct TestRandom {
    var state: UInt64
    mutating func next() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 11) / 9_007_199_254_740_992
    }
}

/// Power per bin of a real signal's windowed spectrum (Hann or Blackman), `length` a power of two, averaged over halves
/// overlapping; such that the sum over bins is the signal's mean square.
func powerSpectrum(_ x: ArraySlice<Float>, length: Int, steep: Bool = false) -> [Double] {
    var power = [Double](repeating: 0, count: length / 2 + 1)
    let window = (0..<length).map { n -> Double in
        let t = 2 * Double.pi * Double(n) / Double(length)
        return steep
            ? 0.358_75 - 0.488_29 * cos(t) + 0.141_28 * cos(2 * t) - 0.011_68 * cos(3 * t) : 0.5 - 0.5 * cos(t)
    }
    let scale = 1 / (Double(length) * window.reduce(0) { $0 + $1 * $1 })
    var count = 0.0
    var start = x.startIndex
    while start + length <= x.endIndex {
        var re = (0..<length).map { Double(x[start + $0]) * window[$0] }
        var im = [Double](repeating: 0, count: length)
        fourier(&re, &im)
        for k in 0...length / 2 {
            power[k] += (re[k] * re[k] + im[k] * im[k]) * scale * (k == 0 || k == length / 2 ? 1 : 2)
        }
        count += 1
        start += length / 2
    }
    return power.map { $0 / count }
}

/// In place, radix 2.
func fourier(_ re: inout [Double], _ im: inout [Double]) {
    let n = re.count
    var j = 0
    for i in 1..<n {
        var bit = n >> 1
        while j & bit != 0 {
            j ^= bit
            bit >>= 1
        }
        j |= bit
        if i < j {
            re.swapAt(i, j)
            im.swapAt(i, j)
        }
    }
    var length = 2
    while length <= n {
        let half = length / 2
        for k in 0..<half {
            let angle = -2 * Double.pi * Double(k) / Double(length)
            let c = cos(angle), s = sin(angle)
            var i = k
            while i < n {
                let r = re[i + half] * c - im[i + half] * s, m = re[i + half] * s + im[i + half] * c
                re[i + half] = re[i] - r
                im[i + half] = im[i] - m
                re[i] += r
                im[i] += m
                i += length
            }
        }
        length *= 2
    }
}

func decibels(_ power: Double) -> Double { 10 * log10(max(power, 1e-30)) }
func power(_ x: ArraySlice<Float>) -> Double { x.reduce(0) { $0 + Double($1) * Double($1) } / Double(max(1, x.count)) }
func power(_ x: [Float]) -> Double { power(x[...]) }

/// Whether all samples are equal. (An expectation of the arrays themselves would print them.)
func same<A: Sequence<Float>, B: Sequence<Float>>(_ a: A, _ b: B) -> Bool { a.elementsEqual(b) }

/// A golden tensor's values, from Tests/vectors/synth.
func goldenValues(_ file: String, _ name: String) throws -> [Float] {
    let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    let tensors = try Safetensors(path: tests + "/vectors/synth/" + file)
    return try Array(tensors.tensor(named: name, shape: tensors.shape(of: name) ?? []).values)
}
