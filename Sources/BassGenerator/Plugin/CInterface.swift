import CBassGenerator
import CRealtime
import Realtime

// The C interface; see CBassGenerator.h for what each function promises.

private func core(_ handle: OpaquePointer) -> Unmanaged<BassCore> { .fromOpaque(UnsafeRawPointer(handle)) }

@c(continuo_bass_make)
public func continuoBassMake(
    _ sampleRate: Double, _ bundle: UnsafePointer<CChar>?, _ report: continuo_bass_report?,
    _ read: continuo_bass_read?, _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? {
    // A rate that is no number would trap further on. Looked at before there is an object: Embedded Swift may leave the memory
    // of one whose `init` fails.
    guard sampleRate >= 8000, sampleRate <= 768_000 else { return nil }
    let bundle = bundle.map { String(cString: $0) }
    guard let core = BassCore(sampleRate: sampleRate, bundle: bundle, report: report, read: read, context: context) else { return nil }
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

// MARK: The sound to play with

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_bass_request_style)
public func continuoBassRequestStyle(_ handle: OpaquePointer, _ path: UnsafePointer<CChar>, _ length: UInt32) -> Bool {
    let bytes = UnsafeRawPointer(path).assumingMemoryBound(to: UInt8.self)
    return Unmanaged<BassCore>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef {
        $0.requestStyle(bytes, Int(length))
    }
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_bass_style_audio)
public func continuoBassStyleAudio(_ handle: OpaquePointer, _ path: UnsafeMutablePointer<CChar>) -> UInt32 {
    Unmanaged<BassCore>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef { $0.copyStyle(UnsafeMutableRawPointer(path)) }
}

@c(continuo_bass_set_style)
public func continuoBassSetStyle(_ handle: OpaquePointer, _ path: UnsafePointer<CChar>) {
    core(handle).takeUnretainedValue().worker.style.set(file: String(cString: path))
}

@c(continuo_bass_style)
public func continuoBassStyle(_ handle: OpaquePointer, _ path: UnsafeMutablePointer<CChar>) -> UInt32 {
    let file = core(handle).takeUnretainedValue().worker.style.currentFile
    var count = 0
    for byte in file.utf8 where count < Int(CONTINUO_BASS_PATH_CAPACITY) - 1 {
        path[count] = CChar(bitPattern: byte)
        count += 1
    }
    path[count] = 0
    return UInt32(count)
}

// MARK: What a session keeps

@c(continuo_bass_keep)
public func continuoBassKeep(_ handle: OpaquePointer) -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(core(handle).takeUnretainedValue().worker.keep()).toOpaque())
}

@c(continuo_bass_kept_recording)
public func continuoBassKeptRecording(_ kept: OpaquePointer, _ index: Int32) -> continuo_bass_recording {
    Unmanaged<KeptRecordings>.fromOpaque(UnsafeRawPointer(kept)).takeUnretainedValue().recording(Int(index))
}

@c(continuo_bass_let_go)
public func continuoBassLetGo(_ kept: OpaquePointer) {
    Unmanaged<KeptRecordings>.fromOpaque(UnsafeRawPointer(kept)).release()
}

@c(continuo_bass_restore)
public func continuoBassRestore(_ handle: OpaquePointer, _ recordings: UnsafePointer<continuo_bass_recording>) -> UInt32 {
    core(handle).takeUnretainedValue().worker.restore(recordings)
}
