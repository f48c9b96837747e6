import COpenBLAS
import CRealtime
import Neural

/// continuo-bench kernels: our matrix products and OpenBLAS's on the shapes that models have, on one thread, in the
/// same minute.
///
/// OPENBLAS_CORETYPE=SKYLAKEX in the environment gives an OpenBLAS that does not know this processor its AVX-512
/// kernels.
func benchmarkKernels() {
    openblas_set_num_threads(1)
    let kernels = Kernels()
    print("one thread; ours: \(kernels.name); OpenBLAS: \(String(cString: openblas_get_corename())); GFLOP/s, best of 7")

    print("real products: rows x inputs -> outputs".padded(44) + "ours".padded(10) + "OpenBLAS")
    for (name, rows, inputs, outputs) in [
        ("dense, CREPE full, live", 1, 2048, 360), ("dense, CREPE full, 16 windows", 16, 2048, 360),
        ("GRU of 512, live", 1, 512, 1536), ("transformer of 256, 64 positions", 64, 256, 1024),
        ("conv2 of CREPE tiny, directly", 128, 8192, 16), ("conv3 of CREPE full, directly", 64, 8192, 128),
        ("square", 512, 512, 512),
    ] {
        let x = numbers(rows * inputs), w = numbers(inputs * outputs), bias = numbers((outputs + 15) / 16 * 16)
        let packed = pack(w, inputs, outputs)
        let blocks = (outputs + 15) / 16
        var y = [Float](repeating: 0, count: rows * blocks * 16)
        let flops = 2 * Double(rows) * Double(inputs) * Double(outputs)
        let ours = best(flops) {
            kernels.multiply(
                rows: rows, inputs: inputs, blocks: blocks, input: x, inputStride: inputs, weights: packed, bias: bias,
                output: &y, outputStride: blocks * 16)
        }
        // Weights as PyTorch stores them, [outputs][inputs]: the layout OpenBLAS likes best here.
        let theirs = best(flops) {
            if rows == 1 {
                cblas_sgemv(
                    CblasRowMajor, CblasNoTrans, Int32(outputs), Int32(inputs), 1, w, Int32(inputs), x, 1, 0, &y, 1)
            } else {
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(outputs), Int32(inputs), 1, x,
                    Int32(inputs), w, Int32(inputs), 0, &y, Int32(outputs))
            }
        }
        print("  \(name): \(rows) x \(inputs) -> \(outputs)".padded(58) + format(ours).padded(10) + format(theirs))
    }

    print("complex products at every bin: bins x windows x inputs -> outputs")
    for (name, bins, rows, inputs, outputs) in [
        ("conv2 of CREPE tiny, live", 81, 1, 128, 16), ("conv2 of CREPE tiny", 81, 16, 128, 16),
        ("conv2 of CREPE full, live", 81, 1, 1024, 128), ("conv2 of CREPE full", 81, 16, 1024, 128),
        ("conv5 of CREPE full", 17, 16, 128, 256), ("conv6 of CREPE full", 9, 16, 256, 512),
    ] {
        let inputBin = rows * 2 * inputs + 16, outputBin = rows * 2 * outputs + 16
        let x = numbers(bins * inputBin), w = numbers(bins * inputs * outputs * 2)
        var y = [Float](repeating: 0, count: bins * outputBin)
        let flops = 8 * Double(bins) * Double(rows) * Double(inputs) * Double(outputs)
        let ours = best(flops) {
            x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    kernels.multiplySpectra(
                        bins: bins, rows: rows, inputs: inputs, blocks: outputs / 16,
                        input: .init(x.baseAddress!, binStride: inputBin, rowStride: 2 * inputs, imaginary: inputs),
                        weights: w, weightBinStride: inputs * outputs * 2, weightBlockStride: inputs * 32,
                        output: .init(y.baseAddress!, binStride: outputBin, rowStride: 2 * outputs, imaginary: outputs))
                }
            }
        }
        let one: [Float] = [1, 0], zero: [Float] = [0, 0]
        let theirs = best(flops) {
            x.withUnsafeBufferPointer { x in
                w.withUnsafeBufferPointer { w in
                    y.withUnsafeMutableBufferPointer { y in
                        for bin in 0..<bins {
                            let a = x.baseAddress! + bin * inputBin
                            let b = w.baseAddress! + bin * inputs * outputs * 2
                            let c = y.baseAddress! + bin * outputBin
                            if rows == 1 {
                                cblas_cgemv(
                                    CblasRowMajor, CblasNoTrans, Int32(outputs), Int32(inputs), one, b, Int32(inputs), a, 1,
                                    zero, c, 1)
                            } else {
                                cblas_cgemm(
                                    CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(outputs), Int32(inputs),
                                    one, a, Int32(inputs), b, Int32(inputs), zero, c, Int32(outputs))
                            }
                        }
                    }
                }
            }
        }
        print("  \(name): \(bins) x \(rows) x \(inputs) -> \(outputs)".padded(58) + format(ours).padded(10) + format(theirs))
    }
}

/// GFLOP/s of the fastest of seven runs of at least 20 ms each.
private func best(_ flops: Double, _ body: () -> Void) -> Double {
    body()
    var fastest = Double.infinity
    for _ in 0..<7 {
        var calls = 0
        let start = cr_now()
        var elapsed: UInt64 = 0
        repeat {
            body()
            calls += 1
            elapsed = cr_now() - start
        } while elapsed < 20_000_000
        fastest = min(fastest, Double(elapsed) / Double(calls))
    }
    return flops / fastest
}

private func numbers(_ count: Int) -> [Float] {
    (0..<count).map { Float(($0 &* 2_654_435_761) % 2001) / 1000 - 1 }
}

/// [outputs][inputs] to [block][input][16].
private func pack(_ w: [Float], _ inputs: Int, _ outputs: Int) -> [Float] {
    var packed = [Float](repeating: 0, count: (outputs + 15) / 16 * 16 * inputs)
    for output in 0..<outputs {
        for input in 0..<inputs {
            packed[(output / 16 * inputs + input) * 16 + output % 16] = w[output * inputs + input]
        }
    }
    return packed
}

extension String {
    func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(width - count, 1)) }
}
