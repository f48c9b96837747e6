// Nothing, on purpose: what matters is the object file.
//
// Every Embedded Swift object carries weak copies of the language's runtime functions (swift_allocObject, swift_release …), compiled
// for its module's target, and the linker keeps the first that it meets. The kernel modules' copies are compiled for AVX2 and
// AVX-512: kept, they would crash the plugin on the older processors that the baseline kernels are there for. SwiftPM links
// objects in the order of their paths, so this module comes before those, and its copies, compiled for any processor, are the
// ones kept. Tests/hosts/check-isa.sh holds the finished plugin to it.
