// The vocabulary of the kernels: sixteen lanes, whatever the processor's registers hold.
//
// These sources are compiled three times (Package.swift): here for the oldest processor of the architecture, and by
// symbolic link for AVX2 and AVX-512. The modules import nothing but the standard library and use it only where it
// inlines entirely: a generic function or a class here would leave a weak copy compiled for a newer processor, which
// the linker could pick for the whole plugin. And every entry point is `@export(interface)`: an Embedded Swift client
// would otherwise compile a copy for itself, for its own processor. (Tests/hosts/check-isa.sh watches over both.)

@usableFromInline typealias V = SIMD16<Float>

/// `accumulator + a·b`: one rounding where the processor multiplies and adds in one instruction, two elsewhere (there
/// `addingProduct` would be a libm call per lane).
@inline(__always)
func fma(_ accumulator: V, _ a: V, _ b: V) -> V {
    #if KERNELS_FMA || arch(arm64)
        return accumulator.addingProduct(a, b)
    #else
        return accumulator + a * b
    #endif
}

/// `accumulator − a·b`, rounded as `fma`.
@inline(__always)
func fnma(_ accumulator: V, _ a: V, _ b: V) -> V {
    #if KERNELS_FMA || arch(arm64)
        return accumulator.addingProduct(-a, b)
    #else
        return accumulator - a * b
    #endif
}

@inline(__always)
func splat(_ x: Float) -> V { V(repeating: x) }

@inline(__always)
func load(_ p: UnsafePointer<Float>) -> V { UnsafeRawPointer(p).loadUnaligned(as: V.self) }

@inline(__always)
func load(_ p: UnsafeMutablePointer<Float>) -> V { UnsafeRawPointer(p).loadUnaligned(as: V.self) }

@inline(__always)
func store(_ v: V, _ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: v, as: V.self)
}

@inline(__always)
func maximum(_ a: V, _ b: V) -> V { a.replacing(with: b, where: a .< b) }

/// Pairwise, in a fixed order.
@inline(__always)
func sum(_ v: V) -> Float {
    let a = v.lowHalf + v.highHalf
    let b = a.lowHalf + a.highHalf
    let c = b.lowHalf + b.highHalf
    return c[0] + c[1]
}
