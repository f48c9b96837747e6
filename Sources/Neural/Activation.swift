/// A function of single values.
public enum Activation: Sendable, Equatable {
    case relu, sigmoid, tanh, exp
    /// x·Φ(x) in its tanh form (PyTorch's `gelu` with `approximate="tanh"`), and x·σ(x).
    case gelu, silu
    /// x where it is above 0, else x times the slope (0 … 1).
    case leakyRelu(slope: Float)

    /// Applies it to `count` values; `input` and `output` may be the same.
    ///
    /// Errors against the exact function: sigmoid 2e-7 absolute, tanh and exp 3e-7 relative (exp saturates outside
    /// −87 … 88), gelu and silu 3e-7 of |x|.
    public func forward(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, count: Int, kernels: Kernels
    ) {
        kernels.apply(self, count: count, input: input, output: output)
    }
}
