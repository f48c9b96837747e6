import Foundation

/// A perceptually even colour map: lightness rises in equal steps from almost black over violet, red and amber to a
/// pale yellow, in the OKLab space (B. Ottosson 2020), where equal steps look equal. It stays readable in grey and to
/// most colour-blind eyes, since lightness alone carries the order.
public enum ColourMap {
    /// Red, green, blue, 0 to 1 (sRGB).
    public typealias RGB = (red: Double, green: Double, blue: Double)

    /// - Parameter value: 0 to 1.
    public static func colour(_ value: Double) -> RGB {
        let x = min(max(value, 0), 1)
        let lightness = 0.13 + 0.85 * x
        // From violet-blue (285°) through red to yellow (100° = 460°); most colour in the middle.
        let hue = (285 + 175 * pow(x, 0.9)) * .pi / 180
        let chroma = 0.035 + 0.165 * sin(.pi * pow(x, 0.8))
        return sRGB(lightness: lightness, a: chroma * cos(hue), b: chroma * sin(hue))
    }

    /// 256 colours as cairo's 32-bit pixels (x, R, G, B).
    static let table: [UInt32] = (0..<256).map {
        let c = colour(Double($0) / 255)
        func byte(_ value: Double) -> UInt32 { UInt32((value * 255).rounded()) }
        return 0xff00_0000 | byte(c.red) << 16 | byte(c.green) << 8 | byte(c.blue)
    }

    /// OKLab to sRGB; colours outside are clipped.
    private static func sRGB(lightness: Double, a: Double, b: Double) -> RGB {
        func cube(_ x: Double) -> Double { x * x * x }
        let l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b)
        let m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b)
        let s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b)
        func encode(_ linear: Double) -> Double {
            let x = min(max(linear, 0), 1)
            return x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055
        }
        return (
            encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
            encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
            encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)
        )
    }
}
