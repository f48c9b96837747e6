// swift-tools-version: 6.2
import PackageDescription

// One package, built three ways (see docs/BUILDING.md):
//   ordinary                  tests, the program, benchmarks
//   CONTINUO_EMBEDDED=1       the plugin binaries: Embedded Swift, no language runtime, floors 0 to 3 and Plugins/ alone
//   CONTINUO_TSAN=1           the real-time floor and its tests alone, for ThreadSanitizer
let embedded = Context.environment["CONTINUO_EMBEDDED"] != nil
let threadSanitizer = Context.environment["CONTINUO_TSAN"] != nil

/// Floors 0 to 3 compile both as ordinary and as Embedded Swift.
let engine: [SwiftSetting] = embedded
    ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo", "-Xfrontend", "-function-sections"])]
    : []

#if arch(x86_64)
    // The same kernels compiled for later processors; chosen at run time (Neural/Kernels.swift).
    let avx2: [SwiftSetting] = [.unsafeFlags(["-target-cpu", "haswell"]), .define("KERNELS_FMA")]
    let avx512: [SwiftSetting] = [
        .unsafeFlags(["-target-cpu", "skylake-avx512"]), .define("KERNELS_FMA"), .define("KERNELS_AVX512"),
    ]
#else
    let avx2: [SwiftSetting] = []
    let avx512: [SwiftSetting] = []
#endif

/// A plugin's C shim: only what `plugin.map` names is exported, and nothing may stay undefined.
func plugin(_ name: String, core: String) -> Target {
    .target(
        name: "Continuo\(name)", dependencies: [.byName(name: core), .byName(name: "C\(core)"), "CRealtime"], path: "Plugins/\(name)",
        // The tests hold all plugins in one program, in which a name may stand for one thing only.
        cSettings: [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra", "-fvisibility=hidden"])]
            + (embedded ? [] : [.define("lv2_descriptor", to: "lv2_descriptor_\(name)")]),
        linkerSettings: embedded
            ? [
                .unsafeFlags([
                    "-enable-experimental-feature", "Embedded", "-wmo",
                    "-Xlinker", "-z", "-Xlinker", "defs", "-Xlinker", "--gc-sections",
                    "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/plugin.map",
                ]),
                .linkedLibrary("m"),
            ] : [])
}

var targets: [Target] = [
    // Floor 0: system headers
    .target(
        name: "CRealtime",
        cSettings: [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra"])] + (embedded ? [.define("CONTINUO_EMBEDDED")] : [])),
    // Floor 1: threads and time
    .target(name: "Realtime", dependencies: ["CRealtime"], swiftSettings: engine),
]

var products: [Product] = []
var dependencies: [Package.Dependency] = []

if !threadSanitizer {
    targets += [
        // Floor 2: numbers
        .target(name: "BaselineRuntime", swiftSettings: engine),  // why: see its source
        .target(name: "KernelsBaseline", dependencies: ["BaselineRuntime"], swiftSettings: engine),
        .target(name: "KernelsAVX2", dependencies: ["BaselineRuntime"], swiftSettings: engine + avx2),
        .target(name: "KernelsAVX512", dependencies: ["BaselineRuntime"], swiftSettings: engine + avx512),
        .target(
            name: "Neural", dependencies: ["CRealtime", "KernelsBaseline", "KernelsAVX2", "KernelsAVX512"],
            swiftSettings: engine),
        .target(
            name: "Signal", dependencies: ["CRealtime", "KernelsBaseline", "KernelsAVX2", "KernelsAVX512"],
            swiftSettings: engine),
        // Floor 3: engines, and their C interfaces
        .target(name: "CPitchTracker"),
        .target(
            name: "PitchTracker", dependencies: ["CPitchTracker", "CRealtime", "Realtime", "Neural", "Signal"],
            swiftSettings: engine),
        .target(name: "CDDSPSynth"),
        .target(
            name: "DDSPSynth", dependencies: ["CDDSPSynth", "CRealtime", "Realtime", "Neural", "Signal", "PitchTracker"],
            swiftSettings: engine),
        .target(name: "CBassGenerator"),
        .target(
            name: "BassGenerator", dependencies: ["CBassGenerator", "CRealtime", "Realtime", "Neural", "Signal", "DDSPSynth"],
            swiftSettings: engine),
        // Floor 4: plugins
        plugin("Pitch", core: "PitchTracker"),
        plugin("Synth", core: "DDSPSynth"),
        plugin("Bass", core: "BassGenerator"),
    ]
    products += [
        .library(name: "ContinuoPitch", type: .dynamic, targets: ["ContinuoPitch"]),
        .library(name: "ContinuoSynth", type: .dynamic, targets: ["ContinuoSynth"]),
        .library(name: "ContinuoBass", type: .dynamic, targets: ["ContinuoBass"]),
    ]
}

if !embedded {
    targets += [.testTarget(name: "RealtimeTests", dependencies: ["Realtime", "CRealtime"])]
}

if !embedded && !threadSanitizer {
    dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ]
    targets += [
        // Floor 0: system libraries of the program
        .systemLibrary(name: "CJACK", pkgConfig: "jack", providers: [.apt(["libjack-jackd2-dev"])]),
        .systemLibrary(name: "CLilv", pkgConfig: "lilv-0", providers: [.apt(["liblilv-dev"])]),
        .systemLibrary(name: "CSndfile", pkgConfig: "sndfile", providers: [.apt(["libsndfile1-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
        .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        // Floor 4: the host; files and pictures; downloaded models
        .target(
            name: "CHost", dependencies: ["CRealtime", "CJACK", "CLilv"],
            cSettings: [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra"])]),
        .target(
            name: "Host",
            dependencies: ["CHost", "CRealtime", "CSndfile", "Signal", .product(name: "TOMLKit", package: "TOMLKit")]),
        .target(name: "Media", dependencies: ["CSndfile", "CCairo"]),
        .target(name: "ModelStore", dependencies: ["CCurl", "CZip"]),
        // Floor 5: the command line
        .executableTarget(
            name: "continuo",
            dependencies: [
                "CEdit", "Host", "Media", "ModelStore", "PitchTracker", "BassGenerator", "Signal", "Neural",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "continuo-bench",
            dependencies: [
                "PitchTracker", "DDSPSynth", "CDDSPSynth", "BassGenerator", "Neural", "Signal", "Media", "COpenBLAS", "CRealtime",
            ],
            path: "Benchmarks/continuo-bench"),
        .testTarget(name: "KernelsTests", dependencies: ["KernelsBaseline", "KernelsAVX2", "KernelsAVX512", "Neural", "CRealtime"]),
        .testTarget(name: "NeuralTests", dependencies: ["Neural", "CRealtime"]),
        .testTarget(name: "SignalTests", dependencies: ["Signal"]),
        .testTarget(
            name: "PitchTrackerTests",
            dependencies: [
                "PitchTracker", "CPitchTracker", "ContinuoPitch", "Realtime", "Neural", "Signal", "Media", "CRealtime",
            ]),
        .testTarget(
            name: "DDSPSynthTests",
            dependencies: ["DDSPSynth", "CDDSPSynth", "ContinuoSynth", "Realtime", "Neural", "Signal", "Media", "CRealtime"]),
        .testTarget(
            name: "BassGeneratorTests",
            dependencies: [
                "BassGenerator", "CBassGenerator", "ContinuoBass", "DDSPSynth", "Neural", "Signal", "Media", "CRealtime",
            ]),
        .testTarget(name: "HostTests", dependencies: ["Host", "CHost", "Media"]),
        .testTarget(name: "MediaTests", dependencies: ["Media"]),
        .testTarget(name: "ModelStoreTests", dependencies: ["ModelStore", "Neural"], exclude: ["Fixtures"]),
    ]
    products += [.executable(name: "continuo", targets: ["continuo"])]
}

let package = Package(
    name: "continuo", products: products, dependencies: dependencies, targets: targets, swiftLanguageModes: [.v6])
