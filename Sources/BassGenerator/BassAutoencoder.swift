import CRealtime
import DDSPSynth
import Neural

/// The bass autoencoder's weights: from what is heard of a bass to latents, and from latents to a line and a sound.
///
/// Read from a safetensors file (written by training/bass) and checked whole before it is accepted: metadata, the name, type and shape
/// of every tensor, sizes within reason, every value finite and within bounds. Never changes, so any number of threads share it.
public final class BassAutoencoder: @unchecked Sendable {  // immutable after init
    /// The file it came from, as it was given.
    public let path: String
    public let filters: FilterBanks

    let encoder: ConvNeXtStack
    let line: Dense
    let timbre: Dense
    let weight: Dense
    /// What standardises the encoder's output, 24 each.
    let mean: FloatBuffer
    let deviation: FloatBuffer

    let lineTrunk: ConvNeXtStack
    let spread: Dense
    /// Channels at 125 steps a second: a multiple of 16.
    let fineWidth: Int
    let fine: [ConvNeXtBlock]
    let fineNorm: LayerNorm
    let lineHead: Dense

    let first: Conv1D
    let second: Conv1D
    package let sound: SynthNetwork
    package let kernels: Kernels

    /// - Throws: `ModelError`, whose message names the file and what is wrong with it
    public init(path: String, kernels: Kernels = Kernels()) throws(ModelError) {
        let file = try Safetensors(path: path)
        try ModelChecks.metadata(file, model: "continuo-bass-autoencoder", kind: "bass autoencoder")
        try ModelChecks.values(file)
        self.path = path
        self.kernels = kernels
        filters = try FilterBanks(from: file)

        encoder = try ConvNeXtStack("encoder.trunk", inputs: BassFormat.features, from: file, kernels: kernels)
        line = try Dense(
            "encoder.line", inputs: encoder.width, outputs: BassFormat.line, from: file, kernels: kernels)
        timbre = try Dense(
            "encoder.timbre", inputs: encoder.width, outputs: BassFormat.timbre, from: file, kernels: kernels)
        weight = try Dense("encoder.weight", inputs: encoder.width, outputs: 1, from: file, kernels: kernels)
        mean = try Self.copy(file, "latent.mean", BassFormat.latents)
        deviation = try Self.copy(file, "latent.std", BassFormat.latents)
        for c in 0..<BassFormat.latents where !(deviation.base[c] >= 1e-4) {
            throw .unsuitable(path: path, reason: "tensor latent.std holds a value below 0.0001")
        }

        lineTrunk = try ConvNeXtStack("line_head.trunk", inputs: BassFormat.latents, from: file, kernels: kernels)
        fineWidth = try ModelChecks.rows(file, "line_head.norm.weight", dimensions: 1, limits: 16...256)
        guard fineWidth % 16 == 0 else {
            throw .unsuitable(path: path, reason: "tensor line_head.norm.weight has \(fineWidth) rows, no multiple of 16")
        }
        spread = try Dense(
            "line_head.spread", inputs: lineTrunk.width, outputs: BassFormat.steps * fineWidth, from: file, kernels: kernels)
        let count = try ModelChecks.blocks(file, "line_head.fine.", ".depth.weight", most: 16)
        var fine: [ConvNeXtBlock] = []
        for i in 0..<count {
            fine.append(try ConvNeXtBlock("line_head.fine.\(i)", channels: fineWidth, from: file, kernels: kernels))
        }
        self.fine = fine
        fineNorm = try LayerNorm("line_head.norm", channels: fineWidth, from: file, kernels: kernels)
        lineHead = try Dense(
            "line_head.head", inputs: fineWidth, outputs: BassFormat.notes + 4, from: file, kernels: kernels)

        let hidden = try ModelChecks.rows(file, "sound.first.weight", dimensions: 3, limits: 8...256)
        first = try Conv1D(
            "sound.first", inputChannels: BassFormat.latents, outputChannels: hidden, taps: 3, from: file, kernels: kernels)
        second = try Conv1D(
            "sound.second", inputChannels: hidden, outputChannels: SynthNetwork.embeddingSize, taps: 3, from: file,
            kernels: kernels)
        sound = try SynthNetwork(from: file, prefix: "sound.decoder.", kernels: kernels)
    }

    /// The sound's embedding of latents: two convolutions of three taps with a GELU in between.
    ///
    /// - Returns: [frames, 16]
    package func embedding(_ latents: BassLatents) throws(TakeError) -> FloatBuffer {
        let frames = latents.frames
        let size = SynthNetwork.embeddingSize
        let result = try floats(frames * size)
        // In pieces, each with a row more at either end for the second convolution and two for the first.
        let piece = 256, hidden = first.outputChannels, hiddenStride = first.outputStride
        let input = try floats((piece + 4) * BassFormat.latents)
        let middle = try floats((piece + 2) * hiddenStride)
        let output = try floats(piece * second.outputStride)
        var done = 0
        while done < frames {
            let count = min(piece, frames - done)
            for row in 0..<count + 4 {
                let from = done + row - 2, to = input.base + row * BassFormat.latents
                if from >= 0, from < frames {
                    to.update(from: latents.values.base + from * BassFormat.latents, count: BassFormat.latents)
                } else {
                    to.update(repeating: 0, count: BassFormat.latents)
                }
            }
            first.forward(input.base, middle.base, positions: count + 2)
            Activation.gelu.forward(middle.base, middle.base, count: (count + 2) * hiddenStride, kernels: kernels)
            // Rows one after the other, and zeros beyond the ends.
            for row in 0..<count + 2 {
                let from = done + row - 1
                if from >= 0, from < frames {
                    cr_move(middle.base + row * hidden, middle.base + row * hiddenStride, hidden * MemoryLayout<Float>.stride)
                } else {
                    (middle.base + row * hidden).update(repeating: 0, count: hidden)
                }
            }
            second.forward(middle.base, output.base, positions: count)
            for row in 0..<count {
                (result.base + (done + row) * size).update(from: output.base + row * second.outputStride, count: size)
            }
            done += count
        }
        return result
    }

    private static func copy(_ file: Safetensors, _ name: String, _ count: Int) throws(ModelError) -> FloatBuffer {
        let tensor = try file.tensor(named: name, shape: [count])
        let buffer = try FloatBuffer(count: count)
        for i in 0..<count { buffer.base[i] = tensor.values[i] }
        return buffer
    }
}
