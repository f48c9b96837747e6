import CRealtime

/// The tables of a real Fourier transform of one length (see KernelsBaseline/Fourier.swift for the steps).
package final class FourierPlan {
    /// Rows in a transform.
    package let length: Int
    /// Half of it: the length of the complex transform inside, always even. There are `half + 1` bins.
    package let half: Int
    package let stages: Int
    package let twiddleCount: Int
    package var bins: Int { half + 1 }

    /// The radix of each pass, and after them where frequency k lies.
    private let integers: UnsafeMutablePointer<Int32>
    private let floats: FloatBuffer
    package var radices: UnsafePointer<Int32> { UnsafePointer(integers) }
    package var order: UnsafePointer<Int32> { UnsafePointer(integers + stages) }
    package var twiddles: UnsafePointer<Float> { UnsafePointer(floats.base) }
    /// e^(−2πik/length), k = 0 … half/2
    package var separation: UnsafePointer<Float> { UnsafePointer(floats.base + twiddleCount) }

    /// The shortest length of at least `minimum` that the passes can do: 4·2^a·3^b·5^c.
    package static func length(atLeast minimum: Int) -> Int {
        var length = (max(minimum, 4) + 3) / 4 * 4
        while factor(length / 2).isEmpty { length += 4 }
        return length
    }

    /// Radices 4 first (fewest passes), or nothing if 2, 3 and 5 do not suffice.
    private static func factor(_ n: Int) -> [Int] {
        var rest = n
        var radices: [Int] = []
        for radix in [4, 2, 3, 5] {
            while rest % radix == 0 {
                radices.append(radix)
                rest /= radix
            }
        }
        return rest == 1 ? radices : []
    }

    /// - Parameter length: one that `length(atLeast:)` gave.
    package init(length: Int) throws(ModelError) {
        let half = length / 2
        let factors = FourierPlan.factor(half)
        precondition(length % 4 == 0 && !factors.isEmpty)
        self.length = length
        self.half = half
        stages = factors.count
        var count = 0
        var n = half
        for radix in factors {
            n /= radix
            count += 2 * (radix - 1) * n
        }
        twiddleCount = count
        let memory = try FloatBuffer(count: count + 2 * (half / 2 + 1))
        let bytes = (factors.count + half) * MemoryLayout<Int32>.stride
        guard let table = cr_allocate(bytes) else { throw .outOfMemory(bytes: bytes) }
        floats = memory
        integers = table.bindMemory(to: Int32.self, capacity: factors.count + half)

        for (stage, radix) in factors.enumerated() { integers[stage] = Int32(radix) }
        for k in 0..<half {
            var rest = k
            var block = half
            var position = 0
            for radix in factors {
                block /= radix
                position += rest % radix * block
                rest /= radix
            }
            integers[factors.count + k] = Int32(position)
        }
        var next = 0
        n = half
        for radix in factors {
            for j in 0..<(n / radix) {
                for q in 1..<radix {
                    let angle = unitAngle(j * q, n)
                    floats.base[next] = Float(cr_cos_f64(angle))
                    floats.base[next + 1] = Float(-cr_sin_f64(angle))
                    next += 2
                }
            }
            n /= radix
        }
        for k in 0...(half / 2) {
            let angle = unitAngle(k, length)
            floats.base[count + 2 * k] = Float(cr_cos_f64(angle))
            floats.base[count + 2 * k + 1] = Float(-cr_sin_f64(angle))
        }
    }

    /// The plan's numbers and addresses, valid while the plan lives.
    package struct Tables: BitwiseCopyable {
        package let half: Int
        package let stages: Int
        package let twiddleCount: Int
        package let radices: UnsafePointer<Int32>
        package let twiddles: UnsafePointer<Float>
        package let order: UnsafePointer<Int32>
        package let separation: UnsafePointer<Float>
    }

    package var tables: Tables {
        Tables(
            half: half, stages: stages, twiddleCount: twiddleCount, radices: radices, twiddles: twiddles, order: order,
            separation: separation)
    }

    deinit { cr_free(integers) }
}

/// 2π·k/n, with k first reduced modulo n so that large products keep their precision.
package func unitAngle(_ k: Int, _ n: Int) -> Double {
    let reduced = (k % n + n) % n
    return 2 * Double.pi * Double(reduced) / Double(n)
}
