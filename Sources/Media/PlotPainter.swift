import Foundation

/// Lays out and draws a `Plot`.
struct PlotPainter {
    typealias Ink = Canvas.Ink
    typealias Rect = Canvas.Rect

    let plot: Plot
    let canvas: Canvas

    // One palette: a dark ground, quiet axes, and one colour for the pitch that the spectrogram's map never takes.
    private let ground = Ink(0x12121a), panel = Ink(0x1a1a25), text = Ink(0xe8e6e1), quiet = Ink(0x9a98a6)
    private let faint = Ink(0xffffff, alpha: 0.09), pitch = Ink(0x4ff0e0), note = Ink(0xf2a541), level = Ink(0x8f9dff)

    /// The f0 is drawn from this confidence on.
    private static let leastConfidence: Float = 0.2

    func paint() {
        let width = Double(plot.width), height = Double(plot.height)
        canvas.fill(Rect(x: 0, y: 0, width: width, height: height), ground)
        let left = 74.0, right = width - 62, top = 62.0, bottom = height - 46
        header(left: left, right: right)

        let gap = 12.0
        let weights = plot.panels.map(\.weight).reduce(0, +)
        let room = bottom - top - gap * Double(max(0, plot.panels.count - 1))
        var y = top
        for item in plot.panels {
            let rect = Rect(
                x: left, y: y.rounded(), width: right - left, height: (room * item.weight / weights).rounded())
            draw(item, in: rect)
            y += rect.height + gap
        }
        timeAxis(left: left, right: right, y: y - gap)
    }

    private func x(_ time: Double, _ r: Rect) -> Double { r.x + time / max(plot.duration, 1e-9) * r.width }

    // MARK: Header and time

    private func header(left: Double, right: Double) {
        var legendX = right
        func entry(_ name: String, _ draw: (Double) -> Void) {
            let w = canvas.textWidth(name, size: 13)
            canvas.text(name, x: legendX - w, y: 42, size: 13, quiet)
            draw(legendX - w - 36)
            legendX -= w + 60
        }
        var scales: [String] = []
        for item in plot.panels.reversed() {
            switch item {
            case .spectrogram(let spectrogram, let trace, _):
                if !trace.isEmpty {
                    entry("pitch, fainter where less sure") { x in
                        for i in 0..<6 {
                            let t = Double(i) / 6
                            canvas.line(
                                [(x + 28 * t, 42), (x + 28 * (t + 0.2), 42)], pitch.alpha(0.15 + 0.85 * t),
                                width: 1 + 1.6 * t)
                        }
                    }
                }
                let range = levelRange(spectrogram)
                let name = "\(Int(range.low)) to \(Int(range.high)) dB"
                if scales.contains(name) { continue }
                scales.append(name)
                entry("\(Int(range.high)) dB") { x in
                    for i in 0..<60 {
                        let c = ColourMap.colour(Double(i) / 59)
                        var ink = Ink(0)
                        (ink.red, ink.green, ink.blue) = (c.red, c.green, c.blue)
                        canvas.fill(Rect(x: x - 32 + Double(i), y: 37, width: 1.2, height: 10), ink)
                    }
                    canvas.text("\(Int(range.low))", x: x - 38, y: 42, size: 13, quiet, align: .right)
                }
                legendX -= 60  // its bar and its lower end are longer than other entries' signs
            case .notes(let notes, _) where !notes.isEmpty:
                entry("note, brighter where louder") { x in
                    canvas.fill(Rect(x: x + 2, y: 37, width: 26, height: 10), note.alpha(0.75), radius: 3)
                }
            default: break
            }
        }
        let room = right - left
        canvas.text(fit(plot.title, size: 20, bold: true, width: room), x: left, y: 20, size: 20, text, bold: true)
        let space = max(0, min(legendX - left - 60, room))
        canvas.text(fit(plot.subtitle, size: 13, bold: false, width: space), x: left, y: 42, size: 13, quiet)
    }

    /// The text, its middle left out where it is too wide.
    private func fit(_ text: String, size: Double, bold: Bool, width: Double) -> String {
        guard canvas.textWidth(text, size: size, bold: bold) > width else { return text }
        var keep = text.count
        while keep > 2 {
            keep -= max(1, keep / 12)
            let short = text.prefix((keep + 1) / 2) + "…" + text.suffix(keep / 2)
            if canvas.textWidth(String(short), size: size, bold: bold) <= width { return String(short) }
        }
        return ""
    }

    private func timeStep() -> Double {
        let least = plot.duration / 16
        let steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]
        return steps.first { $0 >= least } ?? (least / 3600).rounded(.up) * 3600
    }

    private func times() -> [Double] {
        let step = timeStep()
        guard step > 0, plot.duration > 0 else { return [0] }
        return (0...Int(plot.duration / step + 1e-9)).map { Double($0) * step }
    }

    private func timeAxis(left: Double, right: Double, y: Double) {
        let r = Rect(x: left, y: y, width: right - left, height: 0)
        let step = timeStep()
        for time in times() {
            let at = x(time, r)
            canvas.hair(x: at, from: y, to: y + 5, quiet)
            let label: String
            if plot.duration >= 90 {
                let whole = Int(time.rounded())
                label = whole < 3600
                    ? String(format: "%d:%02d", whole / 60, whole % 60)
                    : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
            } else {
                label = String(format: "%.\(step >= 1 ? 0 : step >= 0.1 ? 1 : 2)f", time)
            }
            canvas.text(label, x: at, y: y + 15, size: 12, quiet, align: .centre)
        }
        let unit = plot.duration >= 3600 ? "h:min:s" : plot.duration >= 90 ? "min:s" : "seconds"
        canvas.text(unit, x: (left + right) / 2, y: y + 34, size: 12, quiet, align: .centre)
    }

    // MARK: Panels

    private func draw(_ item: Plot.Panel, in r: Rect) {
        canvas.fill(r, panel)
        switch item {
        case .spectrogram(let spectrogram, let trace, let notes): drawSpectrogram(spectrogram, trace, notes, r)
        case .notes(let notes, let trace): drawNotes(notes, trace, r)
        case .confidence(let points, let threshold): drawConfidence(points, threshold, r)
        case .level(let points): drawLevel(points, r)
        case .waveform(let envelope): drawWaveform(envelope, r)
        }
        canvas.stroke(Rect(x: r.x - 0.5, y: r.y - 0.5, width: r.width + 1, height: r.height + 1), Ink(0xffffff, alpha: 0.16))
    }

    /// The levels that the colours span: from the loudest down to a little under the quieter half, 50 to 80 dB.
    private func levelRange(_ spectrogram: Spectrogram) -> (low: Float, high: Float) {
        let loudest = spectrogram.levels.max() ?? 0
        guard loudest > -110 else { return (-80, 0) }
        let sample = stride(from: 0, to: spectrogram.levels.count, by: max(1, spectrogram.levels.count / 20_000))
            .map { spectrogram.levels[$0] }.sorted()
        let floor = sample[sample.count * 3 / 10]
        let high = (loudest / 5).rounded(.up) * 5
        return (min(max((floor / 5).rounded(.down) * 5, high - 80), high - 50), high)
    }

    private func drawSpectrogram(_ spectrogram: Spectrogram, _ trace: [PitchPoint], _ notes: [NoteSpan], _ r: Rect) {
        let rows = Spectrogram.rowCount, columns = spectrogram.columnCount
        let range = levelRange(spectrogram)
        if columns > 0 {
            var pixels = [UInt32](repeating: 0, count: columns * rows)
            let table = ColourMap.table
            for column in 0..<columns {
                for row in 0..<rows {
                    let level = spectrogram.levels[column * rows + row]
                    let value = (level - range.low) / (range.high - range.low)
                    pixels[(rows - 1 - row) * columns + column] = table[Int(min(max(value, 0), 1) * 255)]
                }
            }
            // A column is centred on its moment.
            let span = Double(columns) * spectrogram.secondsPerColumn
            let start = x(-spectrogram.secondsPerColumn / 2, r)
            canvas.clipped(to: r) {
                canvas.image(
                    pixels, columns: columns, rows: rows,
                    over: Rect(x: start, y: r.y, width: span / max(plot.duration, 1e-9) * r.width, height: r.height))
            }
        }
        func y(_ frequency: Double) -> Double {
            r.bottom - (Spectrogram.row(frequency: frequency) + 0.5) / Double(rows) * r.height
        }
        for frequency in [50.0, 100, 200, 500, 1000, 2000, 5000] {
            let at = y(frequency)
            canvas.hair(y: at, from: r.x, to: r.right, faint)
            let label = frequency < 1000 ? "\(Int(frequency))" : "\(Int(frequency / 1000)) k"
            canvas.text(label, x: r.x - 8, y: at, size: 12, quiet, align: .right)
        }
        canvas.text("Hz", x: 22, y: (r.y + r.bottom) / 2, size: 12, quiet, align: .centre, rotated: true)
        for octave in 2...8 {
            let frequency = plot.a4 * exp2(Double(12 * (octave + 1) - 69) / 12)
            let at = y(frequency)
            guard at > r.y, at < r.bottom else { continue }
            canvas.hair(y: at, from: r.right, to: r.right + 5, quiet)
            canvas.text("C\(octave)", x: r.right + 9, y: at, size: 12, quiet)
        }
        canvas.clipped(to: r) {
            for item in notes {
                let left = x(item.start, r), right = max(x(item.end, r), left + 2)
                let at = y(plot.a4 * exp2(Double(item.key - 69) / 12))
                let loud = Double(min(max(item.velocity, 1), 127)) / 127
                canvas.fill(Rect(x: left - 1, y: at - 2.5, width: right - left + 2, height: 5), Ink(0x05050a, alpha: 0.5), radius: 2)
                canvas.fill(Rect(x: left, y: at - 1.5, width: right - left, height: 3), pitch.alpha(0.45 + 0.55 * loud), radius: 1)
                canvas.fill(Rect(x: left, y: at - 4, width: 2, height: 8), pitch)
            }
        }
        drawTrace(trace, r, outlined: true) { y($0) }
    }

    /// The f0 as a line whose strength follows the confidence, broken where the pitch leaps or time is left out.
    private func drawTrace(_ trace: [PitchPoint], _ r: Rect, outlined: Bool, _ y: (Double) -> Double) {
        let points = thinned(trace, width: r.width)
        guard points.count > 1 else { return }
        let gap = 2.5 * medianStep(points)
        var runs: [[PitchPoint]] = []
        for point in points where point.confidence >= Self.leastConfidence && point.frequency > 0 {
            if let last = runs.last?.last, point.time - last.time <= gap,
                abs(log2(point.frequency / last.frequency)) < 0.25
            {
                runs[runs.count - 1].append(point)
            } else {
                runs.append([point])
            }
        }
        canvas.clipped(to: r) {
            for outline in outlined ? [true, false] : [false] {
                for run in runs {
                    // Segments of nearly equal confidence are drawn as one line, so that joints stay round.
                    var start = 0
                    while start < run.count {
                        let strength = strength(run[start].confidence)
                        var end = start + 1
                        while end < run.count, abs(self.strength(run[end].confidence) - strength) < 0.12 { end += 1 }
                        let last = min(end, run.count - 1)
                        var line = run[start...last].map { (x: x($0.time, r), y: y(Double($0.frequency))) }
                        if line.count == 1 { line.append((line[0].x + 0.6, line[0].y)) }
                        let width = 1.1 + 1.5 * strength
                        if outline {
                            canvas.line(line, Ink(0x05050a, alpha: 0.55 * strength), width: width + 2.4)
                        } else {
                            canvas.line(line, pitch.alpha(0.12 + 0.88 * strength), width: width)
                        }
                        start = end
                    }
                }
            }
        }
    }

    private func strength(_ confidence: Float) -> Double {
        let t = Double(min(max((confidence - Self.leastConfidence) / (0.8 - Self.leastConfidence), 0), 1))
        return t * t * (3 - 2 * t)
    }

    /// At most two points a pixel: of those that fall together, the surest.
    private func thinned(_ points: [PitchPoint], width: Double) -> [PitchPoint] {
        let slots = width * 2
        guard Double(points.count) > slots, plot.duration > 0 else { return points }
        var result: [PitchPoint] = []
        var slot = -1
        for point in points {
            let own = Int(point.time / plot.duration * slots)
            if own == slot, let last = result.last {
                if point.confidence > last.confidence { result[result.count - 1] = point }
            } else {
                slot = own
                result.append(point)
            }
        }
        return result
    }

    private func medianStep(_ points: [PitchPoint]) -> Double {
        let steps = zip(points.dropFirst(), points).prefix(2000).map { $0.time - $1.time }.sorted()
        return steps.isEmpty ? 0.01 : steps[steps.count / 2]
    }

    private func drawNotes(_ notes: [NoteSpan], _ trace: [PitchPoint], _ r: Rect) {
        func key(_ frequency: Double) -> Double { 69 + 12 * log2(frequency / plot.a4) }
        // As high as what is sure needs, at least an octave.
        let sure = trace.filter { $0.confidence >= 0.6 && $0.frequency > 0 }.map { key(Double($0.frequency)) }.sorted()
        var low = notes.map { Double($0.key) }.min() ?? .infinity
        var high = notes.map { Double($0.key) }.max() ?? -.infinity
        if !sure.isEmpty, notes.isEmpty {
            low = min(low, sure[sure.count / 100])
            high = max(high, sure[sure.count - 1 - sure.count / 100])
        }
        if low > high { (low, high) = (57, 69) }
        (low, high) = (low.rounded(.down) - 2, high.rounded(.up) + 2)
        if high - low < 12 {
            let middle = ((low + high) / 2).rounded(.down)
            (low, high) = (middle - 6, middle + 6)
        }
        let height = r.height / (high - low + 1)
        func y(_ key: Double) -> Double { r.bottom - (key - low + 0.5) * height }

        let spacing = height >= 13 ? 1 : height >= 7 ? 2 : 12
        for key in Int(low)...Int(high) {
            let top = y(Double(key)) - height / 2
            if [1, 3, 6, 8, 10].contains(key % 12) {
                canvas.fill(Rect(x: r.x, y: top, width: r.width, height: height), Ink(0x000000, alpha: 0.28))
            }
            if key % 12 == 0 { canvas.hair(y: top + height, from: r.x, to: r.right, Ink(0xffffff, alpha: 0.2)) }
            let isNatural = ![1, 3, 6, 8, 10].contains(key % 12)
            if spacing == 1 ? isNatural : spacing == 2 ? [0, 4, 7].contains(key % 12) : key % 12 == 0 {
                canvas.text(NoteSpan.name(key: key), x: r.x - 8, y: y(Double(key)), size: 11, quiet, align: .right)
            }
        }
        canvas.text("notes", x: 22, y: (r.y + r.bottom) / 2, size: 12, quiet, align: .centre, rotated: true)
        for time in times() where time > 0 { canvas.hair(x: x(time, r), from: r.y, to: r.bottom, faint) }
        canvas.clipped(to: r) {
            for item in notes {
                let left = x(item.start, r), right = max(x(item.end, r), left + 2)
                let box = Rect(
                    x: left, y: y(Double(item.key)) - height * 0.44, width: right - left, height: height * 0.88)
                let loud = Double(min(max(item.velocity, 1), 127)) / 127
                canvas.fill(box, note.alpha(0.25 + 0.55 * loud), radius: 3)
                canvas.stroke(box, note.alpha(0.9), radius: 3)
                let name = NoteSpan.name(key: item.key)
                if height >= 15, box.width > canvas.textWidth(name, size: 10) + 8 {
                    canvas.text(name, x: box.x + 4, y: box.y + box.height / 2, size: 10, Ink(0x120c02, alpha: 0.9), bold: true)
                }
            }
        }
        drawTrace(trace, r, outlined: true) { y(key($0)) }
        // The same scale in Hz, at each A.
        for octave in -1...9 {
            let key = Double(12 * (octave + 1) + 9)
            guard key >= low, key <= high else { continue }
            let frequency = plot.a4 * exp2((key - 69) / 12)
            canvas.hair(y: y(key), from: r.right, to: r.right + 5, quiet)
            let label = frequency < 100 ? String(format: "%.1f", frequency) : String(format: "%.0f Hz", frequency)
            canvas.text(label, x: r.right + 9, y: y(key), size: 11, quiet)
        }
    }

    private func scale(_ name: String, _ ticks: [(String, Double)], _ r: Rect) {
        canvas.text(name, x: r.right + 9, y: (r.y + r.bottom) / 2, size: 11, quiet)
        for (label, y) in ticks {
            canvas.hair(y: y, from: r.x, to: r.right, faint)
            canvas.text(label, x: r.x - 8, y: min(max(y, r.y + 5), r.bottom - 5), size: 11, quiet, align: .right)
        }
    }

    private func drawConfidence(_ points: [PitchPoint], _ threshold: Float, _ r: Rect) {
        func y(_ value: Double) -> Double { r.bottom - min(max(value, 0), 1) * (r.height - 2) }
        scale("sure", [("1", y(1)), ("0", y(0))], r)
        let line = thinned(points, width: r.width).map { (x: x($0.time, r), y: y(Double($0.confidence))) }
        canvas.clipped(to: r) { canvas.area(line, base: r.bottom, pitch.alpha(0.25)) }
        let at = y(Double(threshold))
        canvas.clipped(to: Rect(x: r.x, y: r.y, width: r.width, height: at - r.y)) {
            canvas.area(line, base: r.bottom, pitch.alpha(0.7))
        }
        canvas.hair(y: at, from: r.x, to: r.right, text.alpha(0.5))
    }

    private func drawLevel(_ points: [PitchPoint], _ r: Rect) {
        func y(_ level: Double) -> Double { r.bottom - min(max((level + 60) / 60, 0), 1) * (r.height - 2) }
        scale("dB", [("0", y(0)), ("−30", y(-30)), ("−60", y(-60))], r)
        // Of frames that fall together the loudest counts.
        var line: [(x: Double, y: Double)] = []
        for point in points {
            let at = (x: x(point.time, r), y: y(Double(point.level.isFinite ? point.level : -120)))
            if let last = line.last, at.x - last.x < 0.5 {
                line[line.count - 1].y = min(last.y, at.y)
            } else {
                line.append(at)
            }
        }
        canvas.clipped(to: r) {
            canvas.area(line, base: r.bottom, level.alpha(0.4))
            canvas.line(line, level, width: 1.2)
        }
    }

    private func drawWaveform(_ envelope: WaveformEnvelope, _ r: Rect) {
        let middle = (r.y + r.bottom) / 2, scale = r.height / 2 - 1
        self.scale("level", [("1", r.y + 1), ("0", middle), ("−1", r.bottom - 1)], r)
        canvas.clipped(to: r) {
            for (index, (low, high)) in zip(envelope.minima, envelope.maxima).enumerated() {
                let left = x(Double(index) * envelope.secondsPerSlice, r)
                let right = x(Double(index + 1) * envelope.secondsPerSlice, r)
                let top = middle - Double(min(max(high, -1), 1)) * scale
                let bottom = middle - Double(min(max(low, -1), 1)) * scale
                canvas.fill(
                    Rect(x: left, y: top - 0.5, width: max(right - left, 0.5), height: bottom - top + 1),
                    level.alpha(0.85))
            }
        }
    }
}
