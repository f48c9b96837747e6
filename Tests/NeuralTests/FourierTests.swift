import CRealtime
import Neural
import Testing

@Suite struct FourierTests {
    /// Every length that the plan offers up to 400 against the definition, forwards; then backwards to where it came
    /// from.
    @Test(arguments: levels) func againstTheDefinition(level: Int) throws {
        let kernels = Kernels(atMost: level)
        var length = 4
        while length <= 400 {
            let plan = try FourierPlan(length: length)
            // A channel of its own in each lane, in half as many rows as the transform is long.
            let count = max(length / 4 * 2, 2)
            var random = SystemRandomNumberGenerator()
            let rows = (0..<16 * count).map { _ in Float.random(in: -1...1, using: &random) }
            var work = [Float](repeating: .nan, count: 32 * plan.half)
            var spectrum = [Float](repeating: .nan, count: 32 * plan.bins)
            kernels.transformRows(
                rows, rowStride: 16, count: count, plan: plan, work: &work, spectrum: &spectrum, binStride: 32,
                imaginary: 16)
            var worst = 0.0
            for bin in 0..<plan.bins {
                for lane in [0, 7, 15] {
                    var re = 0.0, im = 0.0
                    for row in 0..<count {
                        let angle = unitAngle(bin * row, length)
                        re += Double(rows[16 * row + lane]) * cr_cos_f64(angle)
                        im -= Double(rows[16 * row + lane]) * cr_sin_f64(angle)
                    }
                    worst = max(worst, abs(Double(spectrum[32 * bin + lane]) / 2 - re))
                    worst = max(worst, abs(Double(spectrum[32 * bin + 16 + lane]) / 2 - im))
                }
            }
            #expect(worst < 2e-6 * Double(length).squareRoot(), "length \(length)")

            let zeros = [Float](repeating: 0, count: 16), ones = [Float](repeating: 1, count: 16)
            var back = [Float](repeating: .nan, count: 16 * length)
            kernels.transformBins(
                spectrum, binStride: 32, imaginary: 16, plan: plan, work: &work,
                epilogue: .init(bias: zeros, floor: -.infinity, scale: ones, shift: zeros, pool: false),
                rows: &back, rowStride: 16, count: length)
            let wanted = rows + [Float](repeating: 0, count: 16 * (length - count))
            let error = zip(back, wanted).map { abs($0 / Float(2 * length) - $1) }.max()!
            #expect(error < 1e-6, "length \(length)")
            length = FourierPlan.length(atLeast: length + 1)
        }
    }

    @Test func lengths() {
        #expect(FourierPlan.length(atLeast: 1) == 4)
        #expect(FourierPlan.length(atLeast: 15) == 16)
        #expect(FourierPlan.length(atLeast: 95) == 96)
        #expect(FourierPlan.length(atLeast: 160) == 160)
        #expect(FourierPlan.length(atLeast: 161) == 180)
        #expect(FourierPlan.length(atLeast: 320) == 320)
    }
}
