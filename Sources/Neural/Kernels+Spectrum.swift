import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// The kernels between sound and a network's input (KernelsBaseline/Spectrum.swift, ComplexFourier.swift).
extension Kernels {
    @inline(never)
    package func multiplyElements(
        count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.multiplyElements(count, a, b, output)
        case 2: KernelsAVX2.multiplyElements(count, a, b, output)
        default: KernelsBaseline.multiplyElements(count, a, b, output)
        }
    }

    @inline(never)
    package func add(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        switch level {
        case 3: KernelsAVX512.add(count, input, output)
        case 2: KernelsAVX2.add(count, input, output)
        default: KernelsBaseline.add(count, input, output)
        }
    }

    @inline(never)
    package func offset(count: Int, input: UnsafePointer<Float>, by value: Float, output: UnsafeMutablePointer<Float>) {
        switch level {
        case 3: KernelsAVX512.offset(count, input, value, output)
        case 2: KernelsAVX2.offset(count, input, value, output)
        default: KernelsBaseline.offset(count, input, value, output)
        }
    }

    /// Mean, and mean of the squares.
    package func powers(count: Int, input: UnsafePointer<Float>) -> (mean: Double, square: Double) {
        let (mean, squares) = moments(count: count, input: input)
        return (mean, squares / Double(max(1, count)) + mean * mean)
    }

    @inline(never)
    package func transformComplex(
        length: Int, twiddles: UnsafePointer<Float>, _ xr: UnsafeMutablePointer<Float>, _ xi: UnsafeMutablePointer<Float>,
        _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.transformComplex(length, twiddles, xr, xi, yr, yi)
        case 2: KernelsAVX2.transformComplex(length, twiddles, xr, xi, yr, yi)
        default: KernelsBaseline.transformComplex(length, twiddles, xr, xi, yr, yi)
        }
    }

    @inline(never)
    package func powersOfPair(
        length: Int, re: UnsafePointer<Float>, im: UnsafePointer<Float>, _ a: UnsafeMutablePointer<Float>,
        _ b: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.powersOfPair(length, re, im, a, b)
        case 2: KernelsAVX2.powersOfPair(length, re, im, a, b)
        default: KernelsBaseline.powersOfPair(length, re, im, a, b)
        }
    }

    @inline(never)
    package func sumBands(
        bands: Int, first: UnsafePointer<Int32>, counts: UnsafePointer<Int32>, weights: UnsafePointer<Float>,
        lines: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.sumBands(bands, first, counts, weights, lines, output)
        case 2: KernelsAVX2.sumBands(bands, first, counts, weights, lines, output)
        default: KernelsBaseline.sumBands(bands, first, counts, weights, lines, output)
        }
    }

    /// Returns the sum of what the values became.
    @inline(never)
    package func levels(count: Int, values: UnsafeMutablePointer<Float>) -> Float {
        var total: Float = 0
        switch level {
        case 3: KernelsAVX512.levels(count, values, &total)
        case 2: KernelsAVX2.levels(count, values, &total)
        default: KernelsBaseline.levels(count, values, &total)
        }
        return total
    }

    @inline(never)
    package func correlate(
        rows: Int, count: Int, input: UnsafePointer<Float>, sequence: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.correlate(rows, count, input, sequence, output)
        case 2: KernelsAVX2.correlate(rows, count, input, sequence, output)
        default: KernelsBaseline.correlate(rows, count, input, sequence, output)
        }
    }

    @inline(never)
    package func slidingEnergies(
        count: Int, input: UnsafePointer<Float>, work: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.slidingEnergies(count, input, work, output)
        case 2: KernelsAVX2.slidingEnergies(count, input, work, output)
        default: KernelsBaseline.slidingEnergies(count, input, work, output)
        }
    }

    @inline(never)
    package func normaliseCorrelation(
        rows: Int, pieces: Int, energies: UnsafePointer<Float>, least: Double, products: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case 3: KernelsAVX512.normaliseCorrelation(rows, pieces, energies, least, products)
        case 2: KernelsAVX2.normaliseCorrelation(rows, pieces, energies, least, products)
        default: KernelsBaseline.normaliseCorrelation(rows, pieces, energies, least, products)
        }
    }
}
