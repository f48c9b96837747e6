import Foundation

/// A bar on one line of the terminal, for work that takes longer than two seconds. Where standard error is no
/// terminal, nothing is drawn.
final class ProgressBar {
    private let label: String
    private let isVisible = Console.isInteractive
    private let start = ContinuousClock.now
    private var lastDrawn = ContinuousClock.now
    private var isDrawn = false

    init(_ label: String) { self.label = label }

    /// - Parameters:
    ///   - fraction: 0 to 1.
    ///   - detail: what stands behind the bar, e.g. "12 of 72 MB".
    func update(_ fraction: Double, _ detail: String) {
        let now = ContinuousClock.now
        guard isVisible, now - start > .seconds(2), !isDrawn || now - lastDrawn > .milliseconds(100) else { return }
        lastDrawn = now
        isDrawn = true
        var window = winsize()
        let columns = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &window) == 0 && window.ws_col > 0 ? Int(window.ws_col) : 80
        let bounded = min(max(fraction, 0), 1)
        let elapsed = Double((now - start).components.seconds)
        let remaining = bounded > 0.02 ? "  \(Console.duration(elapsed * (1 - bounded) / bounded)) left" : ""
        let text = String(format: "%3d %%  ", Int(bounded * 100)) + detail + remaining
        let width = min(40, columns - label.count - text.count - 6)
        var line = "\(label)  "
        if width >= 8 {
            let filled = Int(bounded * Double(width))
            line += String(repeating: "━", count: filled) + String(repeating: "─", count: width - filled) + "  "
        }
        FileHandle.standardError.write(Data(("\r\u{1B}[K" + String((line + text).prefix(columns - 1))).utf8))
    }

    /// Clears the line, so that what is said next stands on its own.
    func finish() {
        guard isDrawn else { return }
        isDrawn = false
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
