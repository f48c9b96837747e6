import CRealtime
import Neural

/// A network that estimates pitch: CREPE, Continuo's own, or its polyphonic one. Immutable, shared by any number of engines.
public final class PitchModel: @unchecked Sendable {
    enum Network {
        case crepe(CREPEWeights)
        case own(PitchNetworkWeights)
        case polyphonic(PolyphonicWeights)
    }

    let network: Network

    /// Reads a model file of any kind; the file says which it is.
    ///
    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public convenience init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        let file = try Safetensors(path: path)
        if PitchNetworkWeights.describes(file) {
            self.init(try PitchNetworkWeights(file: file, kernels: kernels))
        } else if PolyphonicWeights.describes(file) {
            self.init(try PolyphonicWeights(file: file, kernels: kernels))
        } else {
            self.init(try CREPEWeights(path: path, kernels: kernels))
        }
    }

    public init(_ weights: CREPEWeights) { network = .crepe(weights) }
    public init(_ weights: PitchNetworkWeights) { network = .own(weights) }
    public init(_ weights: PolyphonicWeights) { network = .polyphonic(weights) }

    /// Whether its frames tell several notes at once (`PitchFrame.chord`).
    public var isPolyphonic: Bool {
        switch network {
        case .polyphonic: return true
        case .crepe, .own: return false
        }
    }

    /// Samples at 16 kHz after a frame's time that its estimate has to hear.
    public var delay: Int {
        switch network {
        case .crepe: return CREPE.windowSize / 2
        case .own(let weights): return weights.delay
        case .polyphonic(let weights): return weights.delay
        }
    }

    /// Least distance of frames, in hops of the base grid (`PitchEngine.baseHop`).
    public var stride: Int {
        switch network {
        case .crepe: return 1
        case .own(let weights): return weights.hop / PitchEngine.baseHop
        case .polyphonic(let weights): return weights.hop / PitchEngine.baseHop
        }
    }

    /// Seconds that a live frame is given.
    public var inferenceBudget: Double {
        switch network {
        case .crepe(let weights): return weights.capacity == .full ? 0.030 : 0.004
        case .own: return 0.002
        case .polyphonic: return 0.003
        }
    }

    /// Frames computed together cost less than one by one.
    var isBatched: Bool {
        switch network {
        case .crepe: return true
        case .own, .polyphonic: return false
        }
    }
}
