/// Max-pooling over positions, without padding.
public struct MaxPool1D {
    public let size: Int
    public let stride: Int
    private let kernels: Kernels

    public init(size: Int, stride: Int? = nil, kernels: Kernels = Kernels()) {
        precondition(size > 0)
        self.size = size
        self.stride = stride ?? size
        self.kernels = kernels
    }

    /// Positions that come out of `count`.
    public func outputLength(_ count: Int) -> Int { count < size ? 0 : (count - size) / stride + 1 }

    /// - Parameters: input: [count, channels]; output: [outputLength(count), channels]
    public func forward(
        _ input: UnsafePointer<Float>, count: Int, channels: Int, _ output: UnsafeMutablePointer<Float>
    ) {
        kernels.maximumOfRows(
            rows: outputLength(count), channels: channels, size: size, stride: stride, input: input, output: output)
    }
}
