func benchmarkKernels() {}
