import Foundation
import Neural
import Testing

/// The kernels between sound and a network's input, against their definitions in double precision.
@Suite struct SpectrumKernelTests {
    static let levels = KernelTests.levels

    @Test(arguments: levels) func elementwise(level: Int) {
        let kernels = Kernels(atMost: level)
        var random = KernelTests.Generator(state: 51)
        let a = random.values(48), b = random.values(48)
        var y = [Float](repeating: 99, count: 64)
        kernels.multiplyElements(count: 48, a, b, output: &y)
        for i in 0..<64 { #expect(y[i] == (i < 48 ? a[i] * b[i] : 99)) }
        kernels.offset(count: 48, input: a, by: 0.5, output: &y)
        for i in 0..<64 { #expect(y[i] == (i < 48 ? a[i] + 0.5 : 99)) }
        kernels.add(count: 32, input: b, output: &y)
        for i in 0..<48 {
            let before = a[i] + 0.5
            #expect(y[i] == (i < 32 ? before + b[i] : before))
        }
        let powers = kernels.powers(count: 48, input: a)
        var sum = 0.0, squares = 0.0
        for x in a {
            sum += Double(x)
            squares += Double(x) * Double(x)
        }
        #expect(abs(powers.mean - sum / 48) < 1e-9 && abs(powers.square - squares / 48) < 1e-9)
    }

    @Test(arguments: levels) func sumBands(level: Int) {
        var random = KernelTests.Generator(state: 52)
        let counts: [Int32] = [4, 8, 4, 16, 48, 32, 8, 16]
        let first = counts.indices.map { Int32(5 * $0) }
        let lines = random.values(120), weights = random.values(Int(counts.reduce(0, +)))
        var y = [Float](repeating: 99, count: 9)
        Kernels(atMost: level).sumBands(bands: 8, first: first, counts: counts, weights: weights, lines: lines, output: &y)
        var place = 0
        for b in 0..<8 {
            var sum = 0.0
            for i in 0..<Int(counts[b]) { sum += Double(lines[Int(first[b]) + i]) * Double(weights[place + i]) }
            place += Int(counts[b])
            #expect(abs(Double(y[b]) - sum) < 1e-5)
        }
        #expect(y[8] == 99)
    }

    @Test(arguments: levels) func logarithms(level: Int) {
        var random = KernelTests.Generator(state: 53)
        let x = (0..<37).map { i in i == 3 ? 0 : pow(10, 14 * random.next() - 2) }
        var y = x + [Float](repeating: 1, count: 27)
        let total = Kernels(atMost: level).levels(count: 37, values: &y)
        var sum = 0.0
        for i in 0..<37 {
            let wanted = 0.5 * log10(Double(x[i]) + 1e-10)
            sum += wanted
            #expect(abs(Double(y[i]) - wanted) < 2e-6, "\(x[i])")
        }
        #expect(abs(Double(total) - sum) < 1e-4 && y[48...].allSatisfy { $0 == 1 })
    }

    /// A loud sound that has ended leaves nothing behind in the energies of the quiet one after it.
    @Test(arguments: levels) func correlation(level: Int) {
        let kernels = Kernels(atMost: level)
        var random = KernelTests.Generator(state: 54)
        for (stretch, lags) in [(48, 100), (176, 256), (48, 300)] {
            let rows = (lags + 15) / 16, used = rows
            let start = 16 * rows + 64, end = start + stretch
            var x = random.values(end + 64)
            for i in (start - lags / 2)..<end { x[i] *= 1e-4 }
            for i in end..<x.count { x[i] = 0 }
            var shifted = [Float](repeating: 0, count: stretch + 48)
            for i in 0..<stretch { shifted[15 + i] = x[start + i] }
            var y = [Float](repeating: 0, count: 16 * rows)
            x.withUnsafeBufferPointer {
                kernels.correlate(
                    rows: rows, count: stretch + 15, input: $0.baseAddress! + (start - 15), sequence: shifted, output: &y)
            }
            func product(_ lag: Int) -> Double {
                (0..<stretch).reduce(0) { $0 + Double(x[start + $1]) * Double(x[start + $1 - lag]) }
            }
            func energy(_ lag: Int) -> Double {
                (0..<stretch).reduce(0) { $0 + pow(Double(x[start + $1 - lag]), 2) }
            }
            for lag in 0..<lags { #expect(abs(Double(y[lag]) - product(lag)) < 2e-6 * (energy(0) * energy(lag)).squareRoot() + 1e-12) }
            let first = start - 16 * used - 15
            var work = [Float](repeating: 0, count: x.count + 64), energies = work
            x.withUnsafeBufferPointer {
                kernels.slidingEnergies(count: stretch + 16 * used, input: $0.baseAddress! + first, work: &work, output: &energies)
            }
            energies.withUnsafeBufferPointer {
                kernels.normaliseCorrelation(
                    rows: used, pieces: stretch / 16, energies: $0.baseAddress! + (16 * used + 15), least: 1e-12, products: &y)
            }
            for lag in 0..<lags {
                #expect(abs(Double(y[lag]) - product(lag) / (energy(0) * energy(lag) + 1e-12).squareRoot()) < 5e-6, "lag \(lag)")
            }
        }
    }

    @Test(arguments: levels) func convolveMoments(level: Int) {
        var random = KernelTests.Generator(state: 55)
        for (rows, blocks, taps) in [(1, 1, 7), (6, 2, 5), (9, 2, 7)] {
            let width = 16 * blocks, half = taps / 2
            let padding = [Float](repeating: 0, count: half * width)
            let moments = (0..<3).map { _ in padding + random.values(rows * width) + padding }
            let weights = random.values(3 * taps * width), bias = random.values(width)
            var y = [Float](repeating: 99, count: rows * width + 1)
            moments[0].withUnsafeBufferPointer { a in
                moments[1].withUnsafeBufferPointer { b in
                    moments[2].withUnsafeBufferPointer { c in
                        Kernels(atMost: level).convolveMoments(
                            rows: rows, blocks: blocks, taps: taps, oldest: a.baseAddress! + half * width,
                            middle: b.baseAddress! + half * width, newest: c.baseAddress! + half * width, weights: weights,
                            bias: bias, output: &y)
                    }
                }
            }
            for row in 0..<rows {
                for c in 0..<width {
                    var sum = Double(bias[c])
                    for j in 0..<3 {
                        for k in 0..<taps {
                            sum += Double(moments[j][(row + k) * width + c]) * Double(weights[(j * taps + k) * width + c])
                        }
                    }
                    #expect(abs(Double(y[row * width + c]) - sum) < 3e-6)
                }
            }
            #expect(y.last == 99)
        }
    }

    @Test(arguments: levels) func summariseRows(level: Int) {
        var random = KernelTests.Generator(state: 56)
        let x = random.values(5 * 40)
        var most = [Float](repeating: 99, count: 17), total = most
        Kernels(atMost: level).summariseRows(rows: 5, stride: 40, input: x, greatest: &most, total: &total)
        for c in 0..<16 {
            let column = (0..<5).map { x[40 * $0 + c] }
            #expect(most[c] == column.max() && abs(total[c] - column.reduce(0, +)) < 1e-6)
        }
        #expect(most[16] == 99 && total[16] == 99)
    }

    /// Against the sum of its definition; two real sequences at once, of which only the beginnings are no zeros.
    @Test(arguments: levels, [512, 2048]) func complexFourier(level: Int, length: Int) throws {
        let fourier = try ComplexFourier(length: length, kernels: Kernels(atMost: level))
        var random = KernelTests.Generator(state: 57)
        let count = length / 2 + 5, quiet = [Float](repeating: 0, count: length - count)
        let a = random.values(count) + quiet, b = random.values(count) + quiet
        for _ in 0..<2 {  // what a transform leaves behind does not matter
            for i in 0..<count { (fourier.real.base[i], fourier.imaginary.base[i]) = (a[i], b[i]) }
            fourier.transform(count: count)
        }
        var powerA = [Float](repeating: 99, count: length / 2 + 2), powerB = powerA
        fourier.powers(&powerA, &powerB)
        let (re, im) = fourier.spectrum
        var worst = 0.0, worstPower = 0.0
        for k in stride(from: 0, through: length / 2, by: 7) {
            var (ar, ai, br, bi) = (0.0, 0.0, 0.0, 0.0)
            for n in 0..<length {
                let angle = -2 * Double.pi * Double(k * n % length) / Double(length)
                ar += Double(a[n]) * cos(angle)
                ai += Double(a[n]) * sin(angle)
                br += Double(b[n]) * cos(angle)
                bi += Double(b[n]) * sin(angle)
            }
            worst = max(worst, abs(Double(re[k]) - (ar - bi)), abs(Double(im[k]) - (ai + br)))
            worstPower = max(worstPower, abs(Double(powerA[k]) - ar * ar - ai * ai), abs(Double(powerB[k]) - br * br - bi * bi))
        }
        #expect(worst < 1e-6 * Double(length).squareRoot() * 4 && worstPower < 1e-5 * Double(length), "\(worst), \(worstPower)")
        #expect(powerA.last == 99 && powerB.last == 99)
    }
}
