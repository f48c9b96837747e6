import CCairo
import Foundation

/// A drawing surface: cairo with the handful of verbs that plots need. Coordinates are pixels from the top left.
final class Canvas {
    struct Ink {
        var red: Double, green: Double, blue: Double, alpha: Double = 1

        /// 0xRRGGBB.
        init(_ hex: UInt32, alpha: Double = 1) {
            red = Double(hex >> 16 & 255) / 255
            green = Double(hex >> 8 & 255) / 255
            blue = Double(hex & 255) / 255
            self.alpha = alpha
        }

        func alpha(_ alpha: Double) -> Ink {
            var ink = self
            ink.alpha = alpha
            return ink
        }
    }

    struct Rect {
        var x: Double, y: Double, width: Double, height: Double
        var right: Double { x + width }
        var bottom: Double { y + height }
    }

    enum Alignment { case left, centre, right }

    let width: Int, height: Int
    private let surface: OpaquePointer
    private let context: OpaquePointer

    init?(width: Int, height: Int) {
        guard let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height)),
            cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS, let context = cairo_create(surface)
        else { return nil }
        (self.width, self.height, self.surface, self.context) = (width, height, surface, context)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    private func set(_ ink: Ink) { cairo_set_source_rgba(context, ink.red, ink.green, ink.blue, ink.alpha) }

    func fill(_ r: Rect, _ ink: Ink, radius: Double = 0) {
        set(ink)
        path(r, radius: radius)
        cairo_fill(context)
    }

    func stroke(_ r: Rect, _ ink: Ink, width: Double = 1, radius: Double = 0) {
        set(ink)
        cairo_set_line_width(context, width)
        path(r, radius: radius)
        cairo_stroke(context)
    }

    private func path(_ r: Rect, radius: Double) {
        let q = min(radius, r.width / 2, r.height / 2)
        guard q > 0.5 else { return cairo_rectangle(context, r.x, r.y, r.width, r.height) }
        cairo_new_sub_path(context)
        cairo_arc(context, r.right - q, r.y + q, q, -.pi / 2, 0)
        cairo_arc(context, r.right - q, r.bottom - q, q, 0, .pi / 2)
        cairo_arc(context, r.x + q, r.bottom - q, q, .pi / 2, .pi)
        cairo_arc(context, r.x + q, r.y + q, q, .pi, 1.5 * .pi)
        cairo_close_path(context)
    }

    func line(_ points: [(x: Double, y: Double)], _ ink: Ink, width: Double = 1) {
        guard let first = points.first else { return }
        set(ink)
        cairo_set_line_width(context, width)
        cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND)
        cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
        cairo_move_to(context, first.x, first.y)
        for point in points.dropFirst() { cairo_line_to(context, point.x, point.y) }
        cairo_stroke(context)
    }

    /// The area between a line and a horizontal base.
    func area(_ points: [(x: Double, y: Double)], base: Double, _ ink: Ink) {
        guard let first = points.first, let last = points.last else { return }
        set(ink)
        cairo_move_to(context, first.x, base)
        for point in points { cairo_line_to(context, point.x, point.y) }
        cairo_line_to(context, last.x, base)
        cairo_close_path(context)
        cairo_fill(context)
    }

    /// A vertical or horizontal hairline that falls on whole pixels.
    func hair(x: Double, from top: Double, to bottom: Double, _ ink: Ink) {
        fill(Rect(x: x.rounded(), y: top, width: 1, height: bottom - top), ink)
    }
    func hair(y: Double, from left: Double, to right: Double, _ ink: Ink) {
        fill(Rect(x: left, y: y.rounded(), width: right - left, height: 1), ink)
    }

    /// - Parameter y: of the text's middle.
    func text(
        _ text: String, x: Double, y: Double, size: Double, _ ink: Ink, align: Alignment = .left, bold: Bool = false,
        rotated: Bool = false
    ) {
        font(size, bold: bold)
        var extents = cairo_text_extents_t()
        cairo_text_extents(context, text, &extents)
        let shift: Double =
            switch align {
            case .left: 0
            case .centre: -extents.x_advance / 2
            case .right: -extents.x_advance
            }
        set(ink)
        cairo_save(context)
        cairo_translate(context, x, y)
        if rotated { cairo_rotate(context, -.pi / 2) }
        cairo_move_to(context, shift, size * 0.36)  // half of the capitals' height
        cairo_show_text(context, text)
        cairo_restore(context)
    }

    func textWidth(_ text: String, size: Double, bold: Bool = false) -> Double {
        font(size, bold: bold)
        var extents = cairo_text_extents_t()
        cairo_text_extents(context, text, &extents)
        return extents.x_advance
    }

    private func font(_ size: Double, bold: Bool) {
        let weight = bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL
        cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, weight)
        cairo_set_font_size(context, size)
    }

    /// Runs `body` with everything outside a rectangle masked.
    func clipped(to r: Rect, _ body: () -> Void) {
        cairo_save(context)
        cairo_rectangle(context, r.x, r.y, r.width, r.height)
        cairo_clip(context)
        body()
        cairo_restore(context)
    }

    /// Draws an image of `columns` × `rows` 32-bit pixels, first row on top, stretched smoothly over a rectangle.
    func image(_ pixels: [UInt32], columns: Int, rows: Int, over r: Rect) {
        guard columns > 0, rows > 0 else { return }
        var pixels = pixels
        pixels.withUnsafeMutableBytes { bytes in
            let image = cairo_image_surface_create_for_data(
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), CAIRO_FORMAT_RGB24, Int32(columns),
                Int32(rows), Int32(columns * 4))
            cairo_save(context)
            cairo_rectangle(context, r.x, r.y, r.width, r.height)
            cairo_clip(context)
            cairo_translate(context, r.x, r.y)
            cairo_scale(context, r.width / Double(columns), r.height / Double(rows))
            cairo_set_source_surface(context, image, 0, 0)
            let pattern = cairo_get_source(context)
            cairo_pattern_set_filter(pattern, CAIRO_FILTER_GOOD)
            cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD)
            cairo_paint(context)
            cairo_restore(context)
            cairo_surface_destroy(image)
        }
    }

    /// The picture as PNG.
    func png() -> Data? {
        cairo_surface_flush(surface)
        let data = NSMutableData()
        let status = cairo_surface_write_to_png_stream(
            surface,
            { context, bytes, count in
                guard let context, let bytes else { return CAIRO_STATUS_WRITE_ERROR }
                Unmanaged<NSMutableData>.fromOpaque(context).takeUnretainedValue().append(bytes, length: Int(count))
                return CAIRO_STATUS_SUCCESS
            }, Unmanaged.passUnretained(data).toOpaque())
        return status == CAIRO_STATUS_SUCCESS ? data as Data : nil
    }
}
