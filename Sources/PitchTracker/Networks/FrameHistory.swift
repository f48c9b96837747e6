import CRealtime
import Neural

/// What a block remembers: its newest input and those of the last 2·dilation frames, [position, channel], with rows of zeros around them.
final class FrameHistory {
    let positions: Int
    let width: Int
    private let frames: FloatBuffer
    private let dilation: Int
    private let margin: Int
    private let frameSize: Int
    private var turn = 0

    /// - Parameters:
    ///   - dilation: frames between the moments that are looked at
    ///   - width: channels, a multiple of 16
    ///   - margin: rows of zeros before the first position
    ///   - after: rows of zeros after the last
    init(dilation: Int, positions: Int, width: Int, margin: Int, after: Int) throws(ModelError) {
        self.dilation = dilation
        self.positions = positions
        self.width = width
        self.margin = margin * width
        frameSize = (margin + positions + after) * width
        frames = try FloatBuffer(count: (2 * dilation + 1) * frameSize)
    }

    var newest: UnsafeMutablePointer<Float> { frame(turn) }
    /// One dilation before the newest.
    var middle: UnsafePointer<Float> { UnsafePointer(frame(turn + 1 + dilation)) }
    var oldest: UnsafePointer<Float> { UnsafePointer(frame(turn + 1)) }

    private func frame(_ index: Int) -> UnsafeMutablePointer<Float> {
        let count = 2 * dilation + 1
        return frames.base + (index < count ? index : index - count) * frameSize + margin
    }

    /// Takes the next frame: `h` [positions, width].
    func push(_ h: UnsafePointer<Float>) {
        turn = turn < 2 * dilation ? turn + 1 : 0
        newest.update(from: h, count: positions * width)
    }

    func reset() {
        cr_zero(frames.base, frames.count * MemoryLayout<Float>.stride)
        turn = 0
    }
}
