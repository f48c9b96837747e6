import Neural

/// The generator's weights: a mix encoder and a diffusion transformer over a bass's latents.
///
/// Read from a safetensors file (written by training/bass) and checked whole before it is accepted, like `BassAutoencoder`. Never
/// changes, so any number of threads share it.
public final class BassGeneratorModel: @unchecked Sendable {  // immutable after init
    /// The file it came from, as it was given.
    public let path: String
    /// Width of the transformer.
    public let width: Int
    /// Blocks of the transformer.
    public var blockCount: Int { blocks.count }
    /// Numbers of an attention head.
    public let head: Int
    /// Whether the network takes the steps' size and the guidance itself (one evaluation a step).
    public let isDistilled: Bool

    struct Block {
        let modulate: Dense
        let attention: SelfAttention
        let up: Dense
        let down: Dense
    }
    let mixEncoder: ConvNeXtStack
    let auxiliary: Dense
    let enterLatents: Dense
    let enterConditions: Dense
    let stepUp: Dense
    let stepDown: Dense
    let blocks: [Block]
    let lastModulate: Dense
    let leave: Dense
    package let kernels: Kernels

    /// Numbers that the mix encoder's auxiliary head gives for a frame: logits of the chord's root (12) and of none, of 12 tones,
    /// then sine and cosine of the phases of beat and bar.
    public static var auxiliaryCount: Int { 29 }
    /// Numbers of what goes in beside the latents, without the mix encoder's.
    static var conditionCount: Int { 1 + BassFormat.beatFeatures + BassFormat.chordFeatures + BassFormat.latents + 1 }
    /// Numbers that say a step's time, size and guidance: sines and cosines of sixteen frequencies each.
    static var stepFeatures: Int { 96 }

    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        let file = try Safetensors(path: path)
        try ModelChecks.metadata(file, model: "continuo-bass-generator", kind: "bass generator")
        try ModelChecks.values(file)
        let width = try ModelChecks.rows(file, "enter_latents.weight", limits: 16...1024)
        guard let head = ModelChecks.size(file, "head") else {
            throw .unsuitable(path: path, reason: "its metadata's sizes name no head")
        }
        guard 16...128 ~= head, head % 16 == 0, width % head == 0 else {
            throw .unsuitable(
                path: path,
                reason: "its heads have \(head) numbers: not a multiple of 16 up to 128 that divides its width \(width)")
        }
        self.path = path
        self.width = width
        self.head = head
        self.kernels = kernels
        isDistilled = ModelChecks.isTrue(file, "distilled")
        mixEncoder = try ConvNeXtStack("mix_encoder.trunk", inputs: BassFormat.features, from: file, kernels: kernels)
        auxiliary = try Dense(
            "mix_encoder.auxiliary", inputs: mixEncoder.width, outputs: Self.auxiliaryCount, from: file, kernels: kernels)
        enterLatents = try Dense(
            "enter_latents", inputs: BassFormat.latents, outputs: width, from: file, kernels: kernels)
        enterConditions = try Dense(
            "enter_conditions", inputs: mixEncoder.width + Self.conditionCount, outputs: width, from: file,
            kernels: kernels)
        stepUp = try Dense("step_up", inputs: Self.stepFeatures, outputs: width, from: file, kernels: kernels)
        stepDown = try Dense("step_down", inputs: width, outputs: width, from: file, kernels: kernels)
        let count = try ModelChecks.blocks(file, "blocks.", ".qkv.weight", most: 32)
        var blocks: [Block] = []
        for i in 0..<count {
            let prefix = "blocks.\(i)"
            blocks.append(
                Block(
                    modulate: try Dense(
                        prefix + ".modulate", inputs: width, outputs: 6 * width, from: file, kernels: kernels),
                    attention: try SelfAttention(prefix, width: width, head: head, from: file, kernels: kernels),
                    up: try Dense(prefix + ".up", inputs: width, outputs: 3 * width, from: file, kernels: kernels),
                    down: try Dense(prefix + ".down", inputs: 3 * width, outputs: width, from: file, kernels: kernels)))
        }
        self.blocks = blocks
        lastModulate = try Dense("last_modulate", inputs: width, outputs: 2 * width, from: file, kernels: kernels)
        leave = try Dense("leave", inputs: width, outputs: BassFormat.latents, from: file, kernels: kernels)
    }
}
