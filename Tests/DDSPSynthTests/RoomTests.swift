import DDSPSynth
import Foundation
import Testing

@Suite struct RoomTests {
    /// Renders `left` and `right` in place, in blocks that `next` gives.
    static func process(_ room: Room, _ left: inout [Float], _ right: inout [Float], blocks next: () -> Int = { .max }) {
        left.withUnsafeMutableBufferPointer { l in
            right.withUnsafeMutableBufferPointer { r in
                var done = 0
                while done < l.count {
                    let part = min(max(0, next()), l.count - done)
                    room.process(left: l.baseAddress! + done, right: r.baseAddress! + done, count: part)
                    done += part
                }
            }
        }
    }

    static func room(rate: Int = 48_000, mix: Float = 1, size: Float = 0.5, decay: Float = 1.5, damping: Float = 0.3) -> Room {
        let room = Room(sampleRate: Double(rate))
        room.set(mix: mix, size: size, decay: decay, damping: damping)
        room.reset()
        return room
    }

    static func impulse(_ count: Int) -> [Float] { [1] + [Float](repeating: 0, count: count - 1) }

    static func noise(_ count: Int, level: Float = 0.1, seed: UInt64 = 1) -> [Float] {
        var random = TestRandom(state: seed)
        return (0..<count).map { _ in Float(random.next() * 2 - 1) * level }
    }

    /// Seconds until −60 dB, from the fall between −5 and −35 dB of the energy that is still to come.
    static func decay(_ x: [Float], rate: Int) -> Double {
        var left = [Double](repeating: 0, count: x.count + 1)
        for n in stride(from: x.count - 1, through: 0, by: -1) { left[n] = left[n + 1] + Double(x[n]) * Double(x[n]) }
        let from = left.firstIndex { $0 < left[0] * pow(10, -0.5) }!, to = left.firstIndex { $0 < left[0] * pow(10, -3.5) }!
        return Double(to - from) / Double(rate) * 2
    }

    @Test(arguments: [44_100, 48_000, 96_000, 192_000]) func decaysAsAskedFor(rate: Int) {
        for (size, seconds) in [(Float(0), Float(0.4)), (0.3, 0.2), (0.5, 1.5), (1, 1), (1, 3)] {
            let count = Int(seconds * 1.5 * Float(rate))
            var left = Self.impulse(count), right = left
            Self.process(Self.room(rate: rate, size: size, decay: seconds, damping: 0), &left, &right)
            for side in [left, right] {
                let measured = Self.decay(side, rate: rate)
                #expect(abs(measured / Double(seconds) - 1) < 0.15, "\(rate) Hz, size \(size), \(seconds) s: \(measured) s")
            }
        }
    }

    @Test func longDecaysToo() {
        var left = Self.impulse(480_000), right = left
        Self.process(Self.room(size: 0.7, decay: 10, damping: 0), &left, &right)
        let measured = Self.decay(left, rate: 48_000)
        #expect(abs(measured / 10 - 1) < 0.15, "\(measured)")
    }

    @Test func dampingTakesTheTop() {
        func ratio(_ damping: Float) -> Double {
            var left = Self.impulse(96_000), right = left
            Self.process(Self.room(decay: 2, damping: damping), &left, &right)
            let spectrum = powerSpectrum(left[24_000..<72_000], length: 4096)
            let low = spectrum[20..<100].reduce(0, +), high = spectrum[400..<600].reduce(0, +)
            return decibels(high / low)
        }
        #expect(ratio(0.8) < ratio(0.4) - 10)
        #expect(ratio(0.4) < ratio(0) - 5)
    }

    @Test func levelStaysSane() {
        for size in [Float(0), 0.5, 1] {
            for seconds in [Float(0.2), 1, 4, 10] {
                var left = Self.noise(240_000), right = Self.noise(240_000, seed: 2)
                let dry = power(left)
                Self.process(Self.room(size: size, decay: seconds, damping: 0.2), &left, &right)
                let level = decibels(power(left[120_000...]) / dry)
                #expect(level > -9 && level < 3, "size \(size), \(seconds) s: \(level) dB")
            }
        }
    }

    @Test func sidesDiffer() {
        var left = Self.impulse(96_000), right = left
        Self.process(Self.room(), &left, &right)
        var together = 0.0
        for n in 9600..<96_000 { together += Double(left[n] * right[n]) }
        together /= 86_400 * (power(left[9600...]) * power(right[9600...])).squareRoot()
        #expect(abs(together) < 0.15)
    }

    @Test func tailEndsInZeros() {
        let room = Self.room(decay: 0.5, damping: 0.5)
        #expect(room.isSilent)
        var left = Self.noise(4800) + [Float](repeating: 0, count: 96_000), right = left
        Self.process(room, &left, &right) { 64 }
        #expect(room.isSilent)
        #expect(left[(left.count - 24_000)...].allSatisfy { $0 == 0 })
        #expect(right[(right.count - 24_000)...].allSatisfy { $0 == 0 })
        // The last that was heard is that quiet.
        let last = left.lastIndex { $0 != 0 }!
        #expect(left[(last - 100)...].allSatisfy { abs($0) < 4e-6 })
        #expect(Double(last) / 48_000 > 0.7)
        // And it wakes.
        var again = Self.noise(4800), other = again
        Self.process(room, &again, &other) { 64 }
        #expect(power(again[2400...]) > 1e-6)
    }

    @Test func dryPassesUntouched() {
        let room = Self.room(mix: 0)
        let x = Self.noise(10_000)
        var left = x, right = x
        Self.process(room, &left, &right) { 100 }
        #expect(same(left, x) && same(right, x) && room.isSilent)
    }

    @Test func switchedOffAndOnTheOldTailIsGone() {
        let room = Self.room(decay: 5)
        var left = Self.noise(48_000), right = left
        Self.process(room, &left, &right)
        room.set(mix: 0, size: 0.5, decay: 5, damping: 0.3)
        left = [Float](repeating: 0, count: 24_000)
        right = left
        Self.process(room, &left, &right) { 64 }
        #expect(room.isSilent)
        room.set(mix: 1, size: 0.5, decay: 5, damping: 0.3)
        left = [Float](repeating: 0, count: 24_000)
        right = left
        Self.process(room, &left, &right) { 64 }
        #expect(left.allSatisfy { $0 == 0 })
    }

    @Test func blocksLeaveNoTrace() {
        let input = Self.noise(3000) + [Float](repeating: 0, count: 30_000) + Self.noise(3000, seed: 3)
        var left = input, right = Array(input.reversed())
        Self.process(Self.room(decay: 0.2), &left, &right)
        for seed in 1...3 {
            var random = TestRandom(state: UInt64(seed))
            var l = input, r = Array(input.reversed())
            Self.process(Self.room(decay: 0.2), &l, &r) { Int(random.next() * (seed == 1 ? 5 : 200)) }
            #expect(same(l, left) && same(r, right))
        }
    }

    /// A low tone through a room whose settings jump about: no step from sample to sample is much over the tone's own.
    @Test func movingSettingsDoNotClick() {
        let tone = (0..<192_000).map { Float(0.3 * sin(2 * Double.pi * 60 * Double($0) / 48_000)) }
        func roughness(_ change: (Room, Int) -> Void) -> Float {
            let room = Self.room(mix: 0.5)
            var left = tone, right = tone
            var block = 0
            Self.process(room, &left, &right) {
                change(room, block)
                block += 1
                return 64
            }
            return BankPlayer.roughness(left[10_000...])
        }
        let still = roughness { _, _ in }
        var random = TestRandom(state: 6)
        func value() -> Float { Float(random.next()) }
        #expect(roughness { r, b in if b % 20 == 0 { r.set(mix: 0.5, size: value(), decay: 1.5, damping: 0.3) } } < 2.5 * still)
        #expect(roughness { r, b in r.set(mix: 0.5, size: Float(b % 700) / 700, decay: 1.5, damping: 0.3) } < 2.5 * still)
        #expect(
            roughness { r, b in if b % 20 == 0 { r.set(mix: value(), size: 0.5, decay: 0.2 + 5 * value(), damping: value()) } }
                < 3 * still)
    }

    @Test func badValues() {
        let room = Room(sampleRate: 48_000)
        room.set(mix: .nan, size: .infinity, decay: -1, damping: 1e30)
        room.set(mix: 2, size: .nan, decay: .nan, damping: .nan)
        var left = Self.noise(5000), right = left
        left[100] = .nan
        right[200] = .infinity
        Self.process(room, &left, &right) { 64 }
        #expect(left[1000...].allSatisfy { $0.isFinite } && right[1000...].allSatisfy { $0.isFinite })
        room.process(left: &left, right: &right, count: 0)
    }
}

@Suite struct OutputStageTests {
    @Test func gainAndGuard() {
        var stage = OutputStage(sampleRate: 48_000)
        var left = [Float](repeating: 0.5, count: 3000), right = left
        #expect(stage.process(left: &left, right: &right, count: 1000))
        #expect(left[999] == 0.5)
        stage.set(gain: -20)
        #expect(stage.process(left: &left, right: &right, count: 3000))
        #expect(abs(left[2999] - 0.05) < 1e-6)
        #expect(BankPlayer.roughness(left[...]) < 0.001)
        stage.set(gain: -60)
        _ = stage.process(left: &left, right: &right, count: 3000)
        #expect(left[2999] == 0)
        stage.set(gain: .nan)
        stage.reset()
        left = [0.1, .nan, 0.2, .infinity]
        right = [-.infinity, 0.1, 0.2, 0.3]
        #expect(!stage.process(left: &left, right: &right, count: 4))
        #expect(left == [0.1, 0, 0.2, 0] && right == [0, 0.1, 0.2, 0.3])
        #expect(stage.process(left: &left, right: &right, count: 0))
    }
}
