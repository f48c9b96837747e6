/// One step of a gated recurrent unit (PyTorch's `GRU` or `GRUCell`). The state belongs to the caller and goes in and
/// comes out.
public final class GRUCell {
    public let inputs: Int
    public let units: Int
    private let fromInput: Dense
    private let fromState: Dense
    private let kernels: Kernels

    /// - Parameters:
    ///   - prefix: the tensors are `prefix.weight_ih` [3·units, inputs], `prefix.weight_hh` [3·units, units],
    ///     `prefix.bias_ih` and `prefix.bias_hh` [3·units], gates in the order reset, update, new
    ///   - suffix: what follows those names (`_l0` in the first layer of a `GRU`)
    public init(
        _ prefix: String, suffix: String = "", inputs: Int, units: Int, from file: Safetensors, kernels: Kernels = Kernels()
    ) throws(ModelError) {
        fromInput = try GRUCell.gates(prefix, "_ih" + suffix, inputs, units, file, kernels)
        fromState = try GRUCell.gates(prefix, "_hh" + suffix, units, units, file, kernels)
        self.inputs = inputs
        self.units = units
        self.kernels = kernels
    }

    /// The three gates as one product, each padded to whole vectors.
    private static func gates(
        _ prefix: String, _ kind: String, _ inputs: Int, _ units: Int, _ file: Safetensors, _ kernels: Kernels
    ) throws(ModelError) -> Dense {
        let weight = try file.tensor(named: prefix + ".weight" + kind, shape: tensorShape(3 * units, inputs))
        let bias = try file.tensor(named: prefix + ".bias" + kind, shape: tensorShape(3 * units))
        let stride = padded(units)
        let dense = try Dense(rows: 3 * stride, inputs: inputs, kernels: kernels, bias: nil) { output, input in
            let gate = output / stride, unit = output % stride
            return unit < units ? weight.values[(gate * units + unit) * inputs + input] : 0
        }
        dense.setBias { output in
            let gate = output / stride, unit = output % stride
            return unit < units ? bias.values[gate * units + unit] : 0
        }
        return dense
    }

    /// Floats that `forward` needs as a workspace for one row, or for `rows` at once.
    public var workspaceCount: Int { workspaceCount(rows: 1) }
    public func workspaceCount(rows: Int) -> Int { 6 * padded(units) * rows }

    /// - Parameters: input: `inputs` values; state: `units` values, replaced by the next state, which is also the
    ///   output
    public func forward(
        _ input: UnsafePointer<Float>, state: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>
    ) {
        forward(input, inputStride: inputs, state: state, stateStride: units, rows: 1, workspace: workspace)
    }

    /// One step of `rows` independent sequences. A row's result has the same bits in a batch of any size.
    ///
    /// - Parameters:
    ///   - input: `rows` rows of `inputs` values, `inputStride` floats apart
    ///   - state: `rows` rows of `units` values, `stateStride` floats apart, replaced by the next states
    ///   - workspace: `workspaceCount(rows:)` floats
    public func forward(
        _ input: UnsafePointer<Float>, inputStride: Int, state: UnsafeMutablePointer<Float>, stateStride: Int, rows: Int,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let stride = padded(units)
        let hidden = workspace + 3 * stride * rows
        fromInput.forward(input, inputStride: inputStride, workspace, rows: rows)
        fromState.forward(state, inputStride: stateStride, hidden, rows: rows)
        for row in 0..<rows {
            kernels.updateGatedState(
                units: units, stride: stride, input: workspace + 3 * stride * row, hidden: hidden + 3 * stride * row,
                state: state + stateStride * row)
        }
    }

    /// Floats that `forward(sequence:)` needs as a workspace.
    public func workspaceCount(sequence rows: Int) -> Int { 3 * padded(units) * (rows + 1) }

    /// `rows` steps of one sequence, with the bits of that many single steps; what comes from the input is computed at once.
    ///
    /// - Parameters:
    ///   - input: `rows` rows of `inputs` values, `inputStride` floats apart
    ///   - state: `units` values, replaced by the state after the last step
    ///   - output: the state after each step, `units` values in rows `outputStride` floats apart
    ///   - workspace: `workspaceCount(sequence:)` floats
    public func forward(
        sequence input: UnsafePointer<Float>, inputStride: Int, state: UnsafeMutablePointer<Float>,
        output: UnsafeMutablePointer<Float>, outputStride: Int, rows: Int, workspace: UnsafeMutablePointer<Float>
    ) {
        let stride = padded(units)
        let hidden = workspace + 3 * stride * rows
        fromInput.forward(input, inputStride: inputStride, workspace, rows: rows)
        for row in 0..<rows {
            fromState.forward(state, inputStride: units, hidden, rows: 1)
            kernels.updateGatedState(
                units: units, stride: stride, input: workspace + 3 * stride * row, hidden: hidden, state: state)
            (output + outputStride * row).update(from: state, count: units)
        }
    }
}
