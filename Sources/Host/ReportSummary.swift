import Foundation

extension Report {
    /// A few lines for people.
    public var summary: String {
        var lines: [String] = []
        var first = String(format: "%.2f s at %.0f Hz, %d frames a period", seconds, sampleRate, block)
        if let speed { first += String(format: "; %.0f × real time", speed) }
        lines.append(first)
        if let level, let peak { lines.append(String(format: "output: %.1f dBFS, peak %.1f dBFS", level, peak)) }
        if midiEvents > 0 { lines.append("MIDI: \(notes) notes, \(midiEvents) events") }
        if latency > 0 {
            lines.append(String(format: "latency: %d frames (%.1f ms)", latency, Double(latency) / sampleRate * 1000))
        }
        for value in controlOutputs {
            let unit = value.unit.map { " " + $0 } ?? ""
            lines.append(
                String(
                    format: "%@ %@: %.6g%@ (%.6g to %.6g)", value.plugin, value.symbol, value.last, unit, value.minimum,
                    value.maximum))
        }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) where !value.isEmpty { lines.append("\(name): \(value)") }
        if let load, let loadAt999, let loadWorst {
            lines.append(
                String(
                    format: "load: %.2f %% of the period (99.9th percentile %.1f %%, worst %.1f %%)", load * 100,
                    loadAt999 * 100, loadWorst * 100))
            lines.append("xruns: \(xruns); periods in which continuo took too long: \(overruns)")
        }
        if brokenSamples > 0 { lines.append("\(brokenSamples) samples were no number or infinite") }
        if lostEvents > 0 { lines.append("\(lostEvents) events found no room") }
        if lostFrames > 0 { lines.append("\(lostFrames) frames could not be recorded in time (silence in the file)") }
        return lines.joined(separator: "\n")
    }

    /// The time spent in the callback as bars, one a line, on a logarithmic scale (a few slow periods are what matters).
    public var histogram: String {
        guard let loadHistogram, let most = loadHistogram.max(), most > 0 else { return "" }
        return loadHistogram.enumerated().filter { $0.element > 0 }.map { bin, count in
            let length = Int((1 + log2(Double(count))) / (1 + log2(Double(most))) * 50)
            return String(format: "%6.1f %% %9d ", Double(bin) * 0.5, count) + String(repeating: "▇", count: max(1, length))
        }.joined(separator: "\n")
    }

    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
