import Foundation

/// A picture of a recording: panels above one another over one time axis, written as PNG.
///
/// ```swift
/// var plot = Plot(title: "voice.wav", subtitle: "crepe-tiny, 48 kHz", duration: 12.5)
/// plot.panels = [.spectrogram(spectrogram, trace: points), .notes(notes, trace: points), .confidence(points, threshold: 0.5)]
/// try plot.write(to: "voice.png")
/// ```
public struct Plot {
    /// What one panel shows. Where a trace is given, the f0 is drawn with a strength that follows its confidence.
    public enum Panel {
        /// Log frequency, 40 Hz to 8 kHz, with Hz on the left and octaves on the right. Notes are drawn as bars over it.
        case spectrogram(Spectrogram, trace: [PitchPoint], notes: [NoteSpan] = [])
        /// A piano roll as high as the notes and the trace need.
        case notes([NoteSpan], trace: [PitchPoint])
        /// 0 to 1; the part over the threshold is bright.
        case confidence([PitchPoint], threshold: Float)
        /// dB of full scale, −60 to 0.
        case level([PitchPoint])
        /// −1 to 1.
        case waveform(WaveformEnvelope)

        /// Share of the picture's height.
        var weight: Double {
            switch self {
            case .spectrogram: 8
            case .notes: 5
            case .confidence, .level: 1.1
            case .waveform: 1.6
            }
        }
    }

    public var title: String
    public var subtitle: String
    /// Seconds that the time axis spans.
    public var duration: Double
    /// Hz of A4, by which note names are placed.
    public var a4: Double
    public var width = 1600, height = 900
    /// From top to bottom.
    public var panels: [Panel] = []

    public init(title: String, subtitle: String = "", duration: Double, a4: Double = 440) {
        self.title = title
        self.subtitle = subtitle
        self.duration = duration
        self.a4 = a4
    }

    /// Draws the picture and writes it, under a temporary name first.
    /// - Throws: `.picture`, `.file`.
    public func write(to path: String) throws(MediaError) {
        guard (200...16_384).contains(width), (150...16_384).contains(height), let canvas = Canvas(width: width, height: height)
        else { throw .picture(path: path, cause: "\(width) × \(height) pixels cannot be had") }
        PlotPainter(plot: self, canvas: canvas).paint()
        guard let data = canvas.png() else { throw .picture(path: path, cause: "cairo cannot encode it") }
        try writeFile(data, to: path)
    }
}
