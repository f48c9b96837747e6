import CRealtime
import Neural

/// continuo-bench synth: what the synthesizer's rendering costs, on one thread.
func benchmarkSynth() {
    benchmarkPartials()
}

/// The kernel of sinusoids alone, at each instruction set.
private func benchmarkPartials() {
    for level in [0, 2, 3] where Kernels(atMost: level).level == level {
        let kernels = Kernels(atMost: level)
        let values = [Float](repeating: 0.1, count: 128), offsets = [UInt32](repeating: 0, count: 128)
        var work = [Float](repeating: 0, count: 512), output = [Float](repeating: 0, count: 32)
        var line = "partials, \(kernels.name), ns for 32 samples:"
        for count in [16, 32, 64, 112, 128] {
            var best = UInt64.max
            values.withUnsafeBufferPointer { values in
                for _ in 0..<20 {
                    let start = cr_now()
                    for _ in 0..<1000 {
                        kernels.renderPartials(
                            count: count, samples: 32, phase: 77, offsets: offsets, frequency0: 0.003, frequency1: 0.003,
                            ramp: .init(
                                amplitudeStart: values.baseAddress!, amplitudeEnd: values.baseAddress!, stretchStart: nil,
                                stretchEnd: values.baseAddress!, x0: 0.2, x1: 0.4), work: &work, output: &output)
                    }
                    best = min(best, cr_now() - start)
                }
            }
            line += "  \(count): \(best / 1000)"
        }
        print(line)
    }
}
