import CBassGenerator
import CRealtime

// The C interface; see CBassGenerator.h for what each function promises.

private func core(_ handle: OpaquePointer) -> Unmanaged<BassCore> { .fromOpaque(UnsafeRawPointer(handle)) }

@c(continuo_bass_make)
public func continuoBassMake(
    _ sampleRate: Double, _ bundle: UnsafePointer<CChar>?, _ report: continuo_bass_report?, _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? {
    // A rate that is no number would trap further on. Looked at before there is an object: Embedded Swift may leave the memory
    // of one whose `init` fails.
    guard sampleRate >= 8000, sampleRate <= 768_000 else { return nil }
    let bundle = bundle.map { String(cString: $0) }
    guard let core = BassCore(sampleRate: sampleRate, bundle: bundle, report: report, context: context) else { return nil }
    return OpaquePointer(Unmanaged.passRetained(core).toOpaque())
}

@c(continuo_bass_free)
public func continuoBassFree(_ handle: OpaquePointer) {
    core(handle).takeUnretainedValue().close()
    core(handle).release()
}

@c(continuo_bass_activate)
public func continuoBassActivate(_ handle: OpaquePointer) {
    core(handle).takeUnretainedValue().activate()
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_bass_process)
public func continuoBassProcess(_ handle: OpaquePointer, _ io: UnsafeMutablePointer<continuo_bass_io>) {
    Unmanaged<BassCore>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef { $0.process(io) }
}
